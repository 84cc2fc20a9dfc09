#include "memcached/run/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/socket.h"
#include "memcached/net/udp.h"
#include "memcached/run/address.h"
#include "memcached/run/conn.h"
#include "memcached/run/napi.h"

struct listener {
    struct listener_set *set;
    struct loop_watch *watch;
    struct conn_entry entry;
    struct conn_origin origin;
    sa_family_t family;
    uint16_t port;
    char name[SOCKET_NAME_BYTES];
};

/* A UDP socket: its workers' once it is open. */
struct udp_socket {
    sa_family_t family;
    uint16_t port;
};

struct listener_set {
    struct listener_set_config config;
    struct listener *listeners[LISTENERS_MAX];
    size_t listener_count;
    struct udp_socket udp_sockets[LISTENERS_MAX];
    size_t udp_socket_count;
    unsigned next_worker;
    struct napi napi;
    struct loop_timer *retry; /* runs while accepting is off */
    bool is_paused;           /* the accepting thread's; the atomics below are for statistics */
    uint64_t paused_mono_ms;
    uint64_t paused_clients; /* that were open then */
    /* given up for the moment it takes to refuse a client when there are no others */
    int reserve_fd;
    _Atomic bool is_accepting;
    _Atomic uint64_t disabled_count;
    _Atomic uint64_t disabled_us;
};

/*
 * ---- accepting --------------------------------------------------------------------------------
 */

static uint64_t client_count(const struct listener_set *set) {
    return atomic_load_explicit(&set->config.list->client_count, memory_order_relaxed);
}

static bool is_full(const struct listener_set *set) {
    uint64_t listener_count =
        atomic_load_explicit(&set->config.list->listener_count, memory_order_relaxed);
    return client_count(set) + listener_count - 1 >= set->config.connection_max;
}

/* Each in turn. */
static struct worker *choose_worker(struct listener_set *set) {
    struct worker *worker = set->config.workers[set->next_worker];
    set->next_worker = (set->next_worker + 1) % set->config.worker_count;
    return worker;
}

/* The one of the queue that a connection came through, where that is asked for. */
static struct worker *choose_worker_of(struct listener_set *set, int fd) {
    unsigned index;
    if (set->napi.count && napi_choose(&set->napi, napi_id_of(fd), &index))
        return set->config.workers[index];
    return choose_worker(set);
}

static void pause_accepting(struct listener_set *set) {
    if (set->is_paused)
        return;
    set->is_paused = true;
    set->paused_mono_ms = clock_mono_ms(set->config.clock);
    set->paused_clients = client_count(set);
    for (size_t i = 0; i < set->listener_count; i++)
        loop_watch_pause(set->listeners[i]->watch);
    atomic_store_explicit(&set->is_accepting, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&set->disabled_count, 1, memory_order_relaxed);
    loop_timer_start(set->retry, LISTENER_RETRY_MS);
}

static void on_retry(void *context) {
    struct listener_set *set = context;
    uint64_t paused_ms = clock_mono_ms(set->config.clock) - set->paused_mono_ms;
    /* Below the limit it was the system that had no descriptor: a client that left frees one. */
    bool is_worth_it =
        client_count(set) < set->paused_clients || paused_ms >= LISTENER_PAUSE_MS_MAX;
    if (is_full(set) || !is_worth_it) {
        loop_timer_start(set->retry, LISTENER_RETRY_MS);
        return;
    }
    atomic_fetch_add_explicit(&set->disabled_us, paused_ms * 1000, memory_order_relaxed);
    set->is_paused = false;
    for (size_t i = 0; i < set->listener_count; i++)
        loop_watch_resume(set->listeners[i]->watch);
    atomic_store_explicit(&set->is_accepting, true, memory_order_relaxed);
}

static void refuse(struct listener_set *set, int fd) {
    static const char answer[] = "ERROR Too many open connections\r\n";
    ssize_t sent = send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
    close(fd);
    atomic_fetch_add_explicit(&set->config.list->rejected_count, 1, memory_order_relaxed);
}

/*
 * No descriptor is left for another client: with the reserve in its place, it can be told so. The
 * kernel looks for a descriptor before it looks for a client: false if none was waiting after all.
 */
static bool refuse_without_descriptor(struct listener *listener, int error) {
    struct listener_set *set = listener->set;
    struct socket_address peer;
    if (set->reserve_fd < 0 || !set->config.is_refusing_fast) {
        log_line(set->config.log, LOG_VERBOSE, "accept4(): %s", strerror(error));
        pause_accepting(set);
        return false;
    }
    close(set->reserve_fd);
    int fd = socket_accept(listener->entry.fd, &peer);
    if (fd >= 0) {
        log_line(set->config.log, LOG_VERBOSE, "accept4(): %s", strerror(error));
        refuse(set, fd);
    }
    set->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void dispatch(struct listener *listener, int fd, const struct socket_address *peer) {
    struct listener_set *set = listener->set;
    struct conn_list *list = set->config.list;
    if (freeze_is_in_doubt(set->config.freeze)) {
        close(fd);
        return;
    }
    if (is_full(set)) {
        refuse(set, fd);
        return;
    }
    atomic_fetch_add_explicit(&list->client_count, 1, memory_order_relaxed);
    if (worker_assign(choose_worker_of(set, fd), fd, peer, &listener->origin))
        return;
    atomic_fetch_sub_explicit(&list->client_count, 1, memory_order_relaxed);
    close(fd);
}

static void on_readable(void *context) {
    struct listener *listener = context;
    struct listener_set *set = listener->set;
    for (int i = 0; i < LISTENER_ACCEPTS_MAX && !set->is_paused; i++) {
        if (!set->config.is_refusing_fast && is_full(set)) {
            pause_accepting(set);
            return;
        }
        struct socket_address peer;
        int fd = socket_accept(listener->entry.fd, &peer);
        if (fd >= 0) {
            dispatch(listener, fd, &peer);
        } else if (fd == -EAGAIN || fd == -EWOULDBLOCK) {
            return;
        } else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
            if (!refuse_without_descriptor(listener, -fd))
                return;
        }
        /* Anything else concerns the connection that was to be accepted: it is gone. */
    }
}

/*
 * ---- opening ----------------------------------------------------------------------------------
 */

struct listener_set *listener_set_create(const struct listener_set_config *config) {
    struct listener_set *set = mem_zalloc(sizeof(*set));
    if (!set)
        return NULL;
    set->config = *config;
    set->napi.count = config->napi_id_count;
    set->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    set->retry = loop_timer_create(config->loop, on_retry, set);
    if (set->retry)
        return set;
    listener_set_destroy(set);
    return NULL;
}

void listener_set_destroy(struct listener_set *set) {
    if (!set)
        return;
    for (size_t i = 0; i < set->listener_count; i++) {
        struct listener *listener = set->listeners[i];
        loop_watch_destroy(listener->watch);
        conn_list_remove(set->config.list, &listener->entry);
        close(listener->entry.fd);
        mem_free(listener);
    }
    loop_timer_destroy(set->retry);
    if (set->reserve_fd >= 0)
        close(set->reserve_fd);
    mem_free(set);
}

/* Takes over fd. */
static bool add_listener(struct listener_set *set, int fd, const char *path,
                         enum settings_protocol protocol) {
    struct socket_address local;
    struct listener *listener = mem_zalloc(sizeof(*listener));
    if (!listener || set->listener_count == LISTENERS_MAX || !socket_local_address(fd, &local))
        goto out;
    listener->set = set;
    listener->family = local.any.sa_family;
    listener->port = socket_address_port(&local);
    if (path)
        snprintf(listener->name, sizeof(listener->name), "unix:%s", path);
    else
        socket_address_name(&local, "tcp", listener->name);
    listener->entry.name = listener->name;
    listener->origin = (struct conn_origin){.name = listener->name, .protocol = protocol};
    listener->entry.fd = fd;
    conn_entry_set_state(&listener->entry, CONN_STATE_LISTENING);
    if (!conn_list_add_listener(set->config.list, &listener->entry))
        goto out;
    set->listeners[set->listener_count++] = listener;
    log_line(set->config.log, LOG_COMMANDS, "<%d server listening (%s)", fd,
             settings_protocol_name(protocol));
    return true;
out:
    log_line(set->config.log, LOG_ALWAYS, "too many interfaces to listen on, or no memory");
    mem_free(listener);
    close(fd);
    return false;
}

/* Takes over fd. */
static bool add_udp_socket(struct listener_set *set, int fd, unsigned thread_count) {
    struct socket_address local;
    int next = -1;
    if (set->udp_socket_count == LISTENERS_MAX || !socket_local_address(fd, &local))
        goto out;
    for (unsigned i = 0; i < thread_count; i++, fd = next) {
        bool is_last = i + 1 == thread_count;
        next = is_last ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (!is_last && next < 0)
            goto out;
        if (!worker_serve_udp(choose_worker(set), fd)) {
            fd = next;
            goto out;
        }
    }
    set->udp_sockets[set->udp_socket_count++] =
        (struct udp_socket){.family = local.any.sa_family, .port = socket_address_port(&local)};
    return true;
out:
    log_line(set->config.log, LOG_ALWAYS,
             "too many interfaces for UDP, or no memory or descriptor for them");
    if (fd >= 0)
        close(fd);
    return false;
}

/* What is to be opened, and how. */
struct opening {
    const char *transport;
    char option;               /* that chooses the port */
    unsigned udp_thread_count; /* 0: TCP */
    enum settings_protocol protocol;
};

static int open_address(struct listener_set *set, const struct opening *opening,
                        const struct socket_address *address, const char **step) {
    uint32_t mark = set->config.socket_mark;
    int fd = opening->udp_thread_count ? udp_open(address, step)
                                       : socket_listen_tcp(address, set->config.backlog, step);
    if (fd < 0 || mark == 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0)
        return fd;
    int error = errno;
    close(fd);
    *step = "setsockopt(SO_MARK)";
    return -error;
}

static bool add_socket(struct listener_set *set, const struct opening *opening, int fd) {
    if (opening->udp_thread_count)
        return add_udp_socket(set, fd, opening->udp_thread_count);
    return add_listener(set, fd, NULL, opening->protocol);
}

static void tell_taken(struct listener_set *set, const struct opening *opening,
                       const struct socket_address *address) {
    char name[SOCKET_NAME_BYTES];
    socket_address_name(address, opening->udp_thread_count ? "udp" : "tcp", name);
    log_line(set->config.log, LOG_VERBOSE, "%s: %s", name, strerror(EADDRINUSE));
}

/*
 * All addresses of one name, or every address. One that the machine does not have (no IPv6, say) or
 * that somebody else listens on is passed over as long as another can be had.
 */
static bool open_host(struct listener_set *set, const struct opening *opening, const char *host,
                      uint16_t port) {
    struct socket_address addresses[LISTENER_ADDRESSES_MAX];
    const char *why = NULL;
    const char *shown = host ? host : "*";
    size_t count = socket_resolve(host, port, addresses, LISTENER_ADDRESSES_MAX, &why);
    if (count == 0) {
        log_line(set->config.log, LOG_ALWAYS, "cannot listen on %s: getaddrinfo(): %s", shown, why);
        return false;
    }
    size_t opened = 0;
    int error = 0;
    const char *step = "";
    for (size_t i = 0; i < count; i++) {
        int fd = open_address(set, opening, &addresses[i], &step);
        if (fd >= 0) {
            if (!add_socket(set, opening, fd))
                return false;
            opened++;
            continue;
        }
        error = -fd;
        if (error == EACCES) {
            opened = 0;
            break;
        }
        if (error == EADDRINUSE)
            tell_taken(set, opening, &addresses[i]);
    }
    if (opened > 0)
        return true;
    char advice[64] = "";
    if (error == EADDRINUSE)
        snprintf(advice, sizeof(advice), " (stop what listens there, or choose another with -%c)",
                 opening->option);
    log_line(set->config.log, LOG_ALWAYS, "failed to listen on %s %s port %u: %s: %s%s", shown,
             opening->transport, (unsigned)port, step, strerror(error), advice);
    return false;
}

static bool open_interface(struct listener_set *set, struct opening *opening, const char *interface,
                           uint16_t port) {
    if (!interface)
        return open_host(set, opening, NULL, port);
    struct address address;
    char message[ADDRESS_MESSAGE_BYTES];
    if (!address_parse(interface, port, &address, message)) {
        log_line(set->config.log, LOG_ALWAYS, "%s: cannot listen on %s", message, interface);
        return false;
    }
    if (address.protocol != PROTOCOL_AUTO)
        opening->protocol = address.protocol;
    return open_host(set, opening, *address.host ? address.host : NULL, address.port);
}

bool listener_set_open_tcp(struct listener_set *set, const char *interface, uint16_t port) {
    struct opening tcp = {.transport = "TCP", .option = 'p', .protocol = set->config.protocol};
    return open_interface(set, &tcp, interface, port);
}

bool listener_set_open_udp(struct listener_set *set, const char *interface, uint16_t port,
                           unsigned thread_count) {
    struct opening udp = {.transport = "UDP", .option = 'U', .udp_thread_count = thread_count};
    return open_interface(set, &udp, interface, port);
}

bool listener_set_open_unix(struct listener_set *set, const char *path, mode_t mode) {
    const char *step;
    int fd = socket_listen_unix(path, mode, set->config.backlog, &step);
    if (fd >= 0)
        return add_listener(set, fd, path, set->config.protocol);
    log_line(set->config.log, LOG_ALWAYS, "failed to listen on UNIX socket: %s: %s: %s", path, step,
             strerror(-fd));
    return false;
}

static void write_port(FILE *file, const char *transport, sa_family_t family, uint16_t port) {
    if (family == AF_INET || family == AF_INET6)
        fprintf(file, "%s %s: %u\n", transport, family == AF_INET ? "INET" : "INET6",
                (unsigned)port);
}

void listener_set_write_ports(struct listener_set *set, const char *path) {
    char temporary[4096];
    FILE *file = NULL;
    errno = ENAMETOOLONG;
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.lck", path) < sizeof(temporary))
        file = fopen(temporary, "we");
    if (!file) {
        log_line(set->config.log, LOG_ALWAYS,
                 "Failed to open \"%s.lck\": %s: nothing tells the ports "
                 "(MEMCACHED_PORT_FILENAME)",
                 path, strerror(errno));
        return;
    }
    for (size_t i = 0; i < set->listener_count; i++)
        write_port(file, "TCP", set->listeners[i]->family, set->listeners[i]->port);
    for (size_t i = 0; i < set->udp_socket_count; i++)
        write_port(file, "UDP", set->udp_sockets[i].family, set->udp_sockets[i].port);
    /* Whoever waits for the file finds it whole. */
    if (fclose(file) != 0 || rename(temporary, path) != 0)
        log_line(set->config.log, LOG_ALWAYS, "Failed to write the ports to \"%s\": %s", path,
                 strerror(errno));
}

bool listener_set_start(struct listener_set *set) {
    for (size_t i = 0; i < set->listener_count; i++) {
        struct listener *listener = set->listeners[i];
        listener->watch =
            loop_watch_create(set->config.loop, listener->entry.fd, on_readable, listener);
        if (!listener->watch)
            return false;
    }
    atomic_store_explicit(&set->is_accepting, true, memory_order_relaxed);
    return true;
}

void listener_set_stats(struct listener_set *set, struct serve_run_stats *sum) {
    sum->is_accepting = atomic_load_explicit(&set->is_accepting, memory_order_relaxed);
    sum->listen_disabled_num += atomic_load_explicit(&set->disabled_count, memory_order_relaxed);
    sum->time_in_listen_disabled_us +=
        atomic_load_explicit(&set->disabled_us, memory_order_relaxed);
    sum->unexpected_napi_ids =
        atomic_load_explicit(&set->napi.unexpected_count, memory_order_relaxed);
    sum->round_robin_fallback =
        atomic_load_explicit(&set->napi.fallback_count, memory_order_relaxed);
}

void listener_set_stats_reset(struct listener_set *set) {
    atomic_store_explicit(&set->disabled_count, 0, memory_order_relaxed);
    atomic_store_explicit(&set->disabled_us, 0, memory_order_relaxed);
}
