#include "repl/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "repl/login.h"
#include "repl/repl.h"

enum { HOST_BYTES_MAX = 256, ATTEMPT_MS_MIN = 50 };

struct dial {
    char host[HOST_BYTES_MAX]; /* fixed after create, like the next four */
    uint16_t port;
    uint32_t timeout_ms;
    bool is_numeric;
    int wake_fd;
    struct peer_addresses addresses;
    bool is_new;             /* addresses not shown by dial_addresses yet */
    struct lookup *lookup;   /* running or done; NULL: none */
    uint64_t lookup_next_ms; /* not before */
    bool is_unresolved;      /* the last look-up found nothing */
    bool is_unresolved_told; /* dial_unresolved has said so */
    bool is_active;
    size_t next;          /* the address to try next: goes on from attempt to attempt */
    size_t tried;         /* in this attempt */
    uint64_t deadline_ms; /* of this attempt's look-up or socket */
    int fd;               /* being connected, or -1 */
    struct auth *auth;    /* who to log in as; NULL: nobody */
    struct login login;
    bool is_logging_in;   /* fd is connected */
    bool is_refused;      /* the last login was */
    bool is_refused_told; /* dial_is_refused has said so */
};

/* Splits "host:port"; false when it is none. */
static bool peer_split(struct dial *dial, const char *peer) {
    const char *host = peer, *port = NULL, *colon = strrchr(peer, ':');
    size_t host_bytes = strlen(peer);
    if (peer[0] == '[') {
        const char *end = strchr(peer, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        host = peer + 1;
        host_bytes = (size_t)(end - host);
        port = end[1] == ':' ? end + 2 : NULL;
    } else if (colon && strchr(peer, ':') == colon) {
        host_bytes = (size_t)(colon - peer);
        port = colon + 1;
    }
    if (host_bytes == 0 || host_bytes >= HOST_BYTES_MAX ||
        strcspn(peer, " \t\r\n,/") < strlen(peer))
        return false;
    memcpy(dial->host, host, host_bytes);
    dial->host[host_bytes] = '\0';
    if (port) {
        uint32_t number;
        if (!num_u32(port, strlen(port), &number) || number == 0 || number > 65535)
            return false;
        dial->port = (uint16_t)number;
    }
    return true;
}

struct dial *dial_create(const char *peer, uint16_t port_default, uint32_t timeout_ms,
                         const char **why) {
    struct dial *dial = mem_zalloc(sizeof(*dial));
    if (!dial) {
        *why = "no memory for replication";
        return NULL;
    }
    dial->port = port_default;
    dial->timeout_ms = timeout_ms;
    dial->fd = dial->wake_fd = -1;
    if (!peer_split(dial, peer)) {
        *why = "the replication peer (-x) has to be host, host:port or [v6-address]:port";
        mem_free(dial);
        return NULL;
    }
    dial->is_numeric = lookup_numeric(dial->host, dial->port, &dial->addresses);
    dial->is_new = dial->is_numeric;
    return dial;
}

void dial_destroy(struct dial *dial) {
    if (!dial)
        return;
    dial_cancel(dial);
    if (dial->lookup) {
        struct peer_addresses found;
        lookup_end(dial->lookup, &found);
    }
    mem_free(dial);
}

void dial_wake_with(struct dial *dial, int wake_fd) {
    dial->wake_fd = wake_fd;
}

void dial_log_in_with(struct dial *dial, struct auth *auth) {
    dial->auth = auth;
}

const struct peer_addresses *dial_addresses(struct dial *dial, bool *is_new) {
    *is_new = dial->is_new;
    dial->is_new = false;
    return &dial->addresses;
}

static void fd_close(struct dial *dial) {
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
    dial->is_logging_in = false;
}

static bool is_same(const struct peer_addresses *a, const struct peer_addresses *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->item[i].text, b->item[i].text) != 0)
            return false;
    return true;
}

static void lookup_collect(struct dial *dial) {
    struct peer_addresses found;
    if (!dial->lookup || !lookup_is_done(dial->lookup))
        return;
    bool is_found = lookup_end(dial->lookup, &found);
    dial->lookup = NULL;
    dial->is_unresolved = !is_found;
    dial->is_unresolved_told &= !is_found;
    /* A name server that is down for a while is no reason to forget where the peer was. */
    if (!is_found || is_same(&found, &dial->addresses))
        return;
    dial->addresses = found;
    dial->next = 0;
    dial->is_new = true;
}

bool dial_resolve(struct dial *dial, int wait_ms) {
    if (dial->is_numeric)
        return true;
    dial->lookup = lookup_start(dial->host, dial->port, dial->wake_fd);
    if (!dial->lookup)
        return true;
    struct pollfd woken = {.fd = dial->wake_fd, .events = POLLIN};
    (void)poll(&woken, 1, wait_ms);
    bool is_unknown = lookup_is_unknown(dial->lookup);
    lookup_collect(dial);
    /* The process may fork now, and the look-up's thread would not come along. */
    if (dial->lookup) {
        struct peer_addresses found;
        lookup_end(dial->lookup, &found);
        dial->lookup = NULL;
    }
    return !is_unknown;
}

const char *dial_unresolved(struct dial *dial) {
    if (!dial->is_unresolved || dial->is_unresolved_told)
        return NULL;
    dial->is_unresolved_told = true;
    return dial->host;
}

bool dial_is_refused(struct dial *dial) {
    if (!dial->is_refused || dial->is_refused_told)
        return false;
    dial->is_refused_told = true;
    return true;
}

/* Options after which a link neither waits to fill segments nor hangs on a vanished peer. */
static void socket_prepare(const struct dial *dial, int fd) {
    int on = 1, idle_s = 10, interval_s = 5, probes = 3;
    unsigned user_timeout_ms = dial->timeout_ms * 2 + 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
}

/* Starts connecting to the next address that allows it. False when all have been tried. */
static bool next_address(struct dial *dial, uint64_t now_ms) {
    fd_close(dial);
    while (dial->tried < dial->addresses.count) {
        const struct peer_address *to = &dial->addresses.item[dial->next % dial->addresses.count];
        dial->next = (dial->next + 1) % dial->addresses.count;
        dial->tried++;
        int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        socket_prepare(dial, fd);
        if (connect(fd, (const struct sockaddr *)&to->address, to->bytes) == 0 ||
            errno == EINPROGRESS) {
            uint64_t share = dial->timeout_ms / dial->addresses.count;
            dial->fd = fd;
            dial->deadline_ms = now_ms + (share > ATTEMPT_MS_MIN ? share : ATTEMPT_MS_MIN);
            return true;
        }
        close(fd);
    }
    return false;
}

void dial_begin(struct dial *dial, uint64_t now_ms) {
    dial_cancel(dial);
    lookup_collect(dial);
    if (!dial->is_numeric && !dial->lookup && now_ms >= dial->lookup_next_ms) {
        dial->lookup = lookup_start(dial->host, dial->port, dial->wake_fd);
        dial->lookup_next_ms = now_ms + REPL_RESOLVE_EVERY_MS;
    }
    dial->is_active = true;
    dial->tried = 0;
    dial->deadline_ms = now_ms + dial->timeout_ms;
}

void dial_cancel(struct dial *dial) {
    fd_close(dial);
    dial->is_active = false;
}

/*
 * 1: connected, 0: not yet, -1: failed. A socket that dials a port of this machine on which nobody
 * listens may be given that very port and so be connected to itself: that is no peer, and holds its
 * port.
 */
static int connect_outcome(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0)
        return 0;
    int error = 0;
    socklen_t bytes = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0 || error != 0)
        return -1;
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_bytes = sizeof(here), there_bytes = sizeof(there);
    if (getsockname(fd, (struct sockaddr *)&here, &here_bytes) != 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_bytes) != 0)
        return -1;
    return here_bytes == there_bytes && memcmp(&here, &there, here_bytes) == 0 ? -1 : 1;
}

/* The same of a connection on which this node logs in. */
static int login_outcome(struct dial *dial) {
    enum login_step step = dial->is_logging_in ? login_step(&dial->login, dial->fd, dial->auth)
                                               : login_begin(&dial->login, dial->fd);
    dial->is_logging_in = true;
    switch (step) {
    case LOGIN_PENDING:
        return 0;
    case LOGIN_DONE:
        dial->is_refused = dial->is_refused_told = false;
        return 1;
    case LOGIN_REFUSED:
        dial->is_refused = true;
        return -1;
    case LOGIN_BROKEN:
        break;
    }
    return -1;
}

enum dial_step dial_step(struct dial *dial, uint64_t now_ms) {
    lookup_collect(dial);
    if (!dial->is_active)
        return DIAL_IDLE;
    if (dial->fd >= 0) {
        int outcome = dial->is_logging_in ? 1 : connect_outcome(dial->fd);
        if (outcome > 0 && dial->auth)
            outcome = login_outcome(dial);
        if (outcome > 0) {
            dial->is_logging_in = false;
            dial->is_active = false;
            /* After a break the address that worked is the first to try. */
            dial->next = (dial->next + dial->addresses.count - 1) % dial->addresses.count;
            return DIAL_CONNECTED;
        }
        if (outcome == 0 && now_ms < dial->deadline_ms)
            return DIAL_PENDING;
    } else if (dial->addresses.count == 0 && dial->lookup && now_ms < dial->deadline_ms) {
        return DIAL_PENDING;
    }
    if (next_address(dial, now_ms))
        return DIAL_PENDING;
    dial->is_active = false;
    return DIAL_FAILED;
}

int dial_fd(const struct dial *dial) {
    return dial->fd;
}

short dial_events(const struct dial *dial) {
    return dial->is_logging_in ? POLLIN : POLLOUT;
}

uint64_t dial_deadline_ms(const struct dial *dial) {
    return dial->is_active ? dial->deadline_ms : UINT64_MAX;
}

int dial_take(struct dial *dial) {
    int fd = dial->fd;
    CHECK(fd >= 0 && !dial->is_active);
    dial->fd = -1;
    return fd;
}
