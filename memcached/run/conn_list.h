/*
 * Which connections and listeners are open, for `stats conns`, and how many, for the limit of -c.
 */
#ifndef RUN_CONN_LIST_H
#define RUN_CONN_LIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/base/lock.h"
#include "memcached/net/socket.h"
#include "memcached/serve/stat_sink.h"

/* What a connection is doing, by the names that `stats conns` has for it. */
enum conn_state {
    CONN_STATE_LISTENING,
    CONN_STATE_NEW,     /* nothing arrived yet */
    CONN_STATE_PARSE,   /* a command is being executed */
    CONN_STATE_READ,    /* waits for a command */
    CONN_STATE_NREAD,   /* waits for the rest of a value */
    CONN_STATE_SWALLOW, /* waits for the rest of a value that is ignored */
    CONN_STATE_MWRITE,  /* waits for its client to take what it is sent */
    CONN_STATE_WATCH,   /* is shown events */
    CONN_STATE_CLOSING,
    CONN_STATE_COUNT
};

/* Part of every connection and listener. What is no atomic is fixed while it is listed. */
struct conn_entry {
    const char *name; /* as stats conns shows it; NULL: a client by TCP, whose address is below */
    const char *listener_name; /* NULL in a listener; for a unix socket, the name of its listener */
    int fd;
    char ip[SOCKET_IP_BYTES]; /* the client's; "" for a unix socket */
    uint16_t port;
    bool is_v6; /* the client came by IPv6, perhaps with an address of IPv4 */
    bool is_udp;
    _Atomic uint8_t state;         /* enum conn_state; written by the owner, read for statistics */
    _Atomic uint64_t last_mono_ms; /* when something last arrived or could be sent; likewise */
};

struct conn_list {
    struct lock lock;
    struct conn_entry **entries; /* by descriptor; under lock */
    size_t capacity;             /* under lock */
    struct clock *clock;         /* fixed */

    _Atomic uint64_t listener_count; /* and UDP sockets, once for each worker that has them */
    _Atomic uint64_t
        client_count; /* accepted and not yet closed; counted by the acceptor and the owners */
    _Atomic uint64_t total_count; /* listeners and clients ever */
    _Atomic uint64_t rejected_count;
    _Atomic uint64_t structure_count; /* connections that exist, in use or kept for the next */
};

void conn_list_init(struct conn_list *list, struct clock *clock);
void conn_list_destroy(struct conn_list *list);

/* Any thread. False when there is no memory. */
bool conn_list_add(struct conn_list *list, struct conn_entry *entry);
/* A listening or a UDP socket: the same, and counted. */
bool conn_list_add_listener(struct conn_list *list, struct conn_entry *entry);
/* Before the descriptor is closed; afterwards nobody looks at the entry. */
void conn_list_remove(struct conn_list *list, struct conn_entry *entry);

/* The rows of `stats conns`, in the order of descriptors. Any thread. */
void conn_list_stats(struct conn_list *list, struct stat_sink *sink);

static inline void conn_entry_set_state(struct conn_entry *entry, enum conn_state state) {
    atomic_store_explicit(&entry->state, (uint8_t)state, memory_order_relaxed);
}

/* Something arrived, or can be sent again. */
static inline void conn_entry_touch(struct conn_entry *entry, const struct clock *clock) {
    atomic_store_explicit(&entry->last_mono_ms, clock_mono_ms(clock), memory_order_relaxed);
}

#endif
