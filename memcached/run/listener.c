#include "memcached/run/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "memcached/net/socket.h"

struct listener {
    struct listener_set *set;
    struct loop_watch *watch;
    struct conn_entry entry;
    sa_family_t family;
    uint16_t port;
    char name[SOCKET_NAME_BYTES];
};

struct listener_set {
    struct listener_set_config config;
    struct listener *listeners[LISTENERS_MAX];
    size_t listener_count;
    unsigned next_worker;
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
    return client_count(set) + set->listener_count - 1 >= set->config.connection_max;
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
    struct worker *worker = set->config.workers[set->next_worker];
    set->next_worker = (set->next_worker + 1) % set->config.worker_count;
    atomic_fetch_add_explicit(&list->client_count, 1, memory_order_relaxed);
    if (worker_assign(worker, fd, peer, listener->name))
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
static bool add_listener(struct listener_set *set, int fd, const char *path) {
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
        socket_address_name(&local, listener->name);
    listener->entry.name = listener->name;
    listener->entry.fd = fd;
    conn_entry_set_state(&listener->entry, CONN_STATE_LISTENING);
    if (!conn_list_add(set->config.list, &listener->entry))
        goto out;
    atomic_fetch_add_explicit(&set->config.list->listener_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&set->config.list->total_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&set->config.list->structure_count, 1, memory_order_relaxed);
    set->listeners[set->listener_count++] = listener;
    log_line(set->config.log, LOG_COMMANDS, "<%d server listening (%s)", fd, listener->name);
    return true;
out:
    log_line(set->config.log, LOG_ALWAYS, "too many interfaces to listen on, or no memory");
    mem_free(listener);
    close(fd);
    return false;
}

/*
 * All addresses of one name. One that the machine does not have (no IPv6, say) is passed over as
 * long as another can be had; one that is taken by somebody else is not.
 */
static bool open_host(struct listener_set *set, const char *host, uint16_t port) {
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
        int fd = socket_listen_tcp(&addresses[i], set->config.backlog, &step);
        if (fd >= 0) {
            if (!add_listener(set, fd, NULL))
                return false;
            opened++;
            continue;
        }
        error = -fd;
        if (error == EADDRINUSE || error == EACCES) {
            opened = 0;
            break;
        }
    }
    if (opened == 0)
        log_line(set->config.log, LOG_ALWAYS, "failed to listen on %s TCP port %u: %s: %s%s", shown,
                 (unsigned)port, step, strerror(error),
                 error == EADDRINUSE ? " (stop what listens there, or choose another with -p)"
                                     : "");
    return opened > 0;
}

/* One of host, host:port, [v6], [v6]:port, v6: cuts it up in place. */
static bool parse_interface(char *text, char **host, uint16_t *port) {
    char *port_text = NULL;
    *host = text;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        *host = text + 1;
        if (end[1] == ':')
            port_text = end + 2;
        *end = '\0';
    } else {
        char *colon = strchr(text, ':');
        if (colon && !strchr(colon + 1, ':')) {
            *colon = '\0';
            port_text = colon + 1;
        }
    }
    uint32_t number = *port;
    if (port_text && (!num_u32(port_text, strlen(port_text), &number) || number > UINT16_MAX))
        return false;
    *port = (uint16_t)number;
    return **host != '\0';
}

bool listener_set_open_tcp(struct listener_set *set, const char *interface, uint16_t port) {
    if (!interface)
        return open_host(set, NULL, port);
    const char *bare = strncmp(interface, "notls:", 6) == 0 ? interface + 6 : interface;
    char *copy = mem_strdup(bare);
    char *host;
    bool is_open = false;
    if (copy && parse_interface(copy, &host, &port))
        is_open = open_host(set, strcmp(host, "*") == 0 ? NULL : host, port);
    else
        log_line(set->config.log, LOG_ALWAYS,
                 "cannot listen on \"%s\": write it as host, host:port or [v6]:port", interface);
    mem_free(copy);
    return is_open;
}

bool listener_set_open_unix(struct listener_set *set, const char *path, mode_t mode) {
    const char *step;
    int fd = socket_listen_unix(path, mode, set->config.backlog, &step);
    if (fd >= 0)
        return add_listener(set, fd, path);
    log_line(set->config.log, LOG_ALWAYS, "failed to listen on UNIX socket: %s: %s: %s", path, step,
             strerror(-fd));
    return false;
}

bool listener_set_write_ports(struct listener_set *set, const char *path) {
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.lck", path) >= sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return false;
    }
    FILE *file = fopen(temporary, "we");
    if (!file)
        return false;
    for (size_t i = 0; i < set->listener_count; i++) {
        const struct listener *listener = set->listeners[i];
        if (listener->family == AF_INET || listener->family == AF_INET6)
            fprintf(file, "TCP %s: %u\n", listener->family == AF_INET ? "INET" : "INET6",
                    (unsigned)listener->port);
    }
    if (fclose(file) != 0)
        return false;
    /* Whoever waits for the file finds it whole. */
    return rename(temporary, path) == 0;
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
}

void listener_set_stats_reset(struct listener_set *set) {
    atomic_store_explicit(&set->disabled_count, 0, memory_order_relaxed);
    atomic_store_explicit(&set->disabled_us, 0, memory_order_relaxed);
}
