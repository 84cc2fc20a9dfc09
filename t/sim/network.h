/*
 * A simulated network of byte streams: delay, bounded buffers, cuts (both ways or one), resets, and
 * machines that vanish. Bytes of one direction of a connection keep their order; nothing else does.
 *
 * What the kernel has taken it delivers, however the process ends; a machine that dies takes along
 * what has not arrived. A cut holds bytes back and nobody is told; a heal lets them go on.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <sys/types.h>
#include <sys/uio.h>

#include "t/sim/world.h"

struct net_end;

/* Called when the place that the end is at is not frozen. */
struct net_events {
    void (*connected)(struct net_end *end);
    void (*received)(struct net_end *end, const char *data, size_t bytes);
    void (*writable)(struct net_end *end); /* room again after a send that came back short */
    void (*closed)(struct net_end *end);   /* by the other side, or lost. Not after net_close */
};

struct net_chunk {
    struct net_chunk *next;
    uint64_t arrives_us;
    size_t bytes;
    bool is_fin;
    char data[];
};

struct net_end {
    struct net_conn *conn;
    const struct net_events *events;
    void *owner;
    unsigned place; /* enum: host index or HOST_CLIENTS */
    unsigned life;  /* of the place's machine when it was made */
    bool is_open;   /* its program holds it */
    bool is_lost;   /* reset: its program has been told, or will be */
    bool is_short;  /* a send came back short since the last writable */
    bool is_accept_due, is_connected_due, is_lost_due;
    /* bytes from here to the other end */
    struct net_chunk *first, *last;
    size_t pending;
    uint64_t last_arrival_us;
    uint64_t sent_bytes;
};

struct net_conn {
    struct net *net;
    struct net_conn *next;
    uint64_t id;
    void *memo; /* of whoever dialled, for those who know everything */
    bool is_connected;
    uint64_t accepted_us;
    bool was_disturbed;    /* cut, frozen or reset while it was there */
    struct net_end end[2]; /* 0 dialled, 1 accepted */
};

struct net {
    struct world *world;
    struct net_conn *conns; /* all of this run, newest first */
    uint64_t next_id;
    bool is_cut[PLACE_COUNT][PLACE_COUNT]; /* from, to */
    bool is_frozen[PLACE_COUNT];
    bool is_machine_up[PLACE_COUNT];
    bool is_listening[PLACE_COUNT];
    unsigned life[PLACE_COUNT];
    uint64_t delay_us_min, delay_us_max; /* between the hosts */
    size_t capacity;                     /* of one direction of a connection */
    void (*accept)(struct world *world, struct net_end *end);
};

struct net *net_create(struct world *world);
void net_destroy(struct net *net);

/* Starts connecting; `connected` or `closed` follows, or nothing while a cut lasts. */
struct net_end *net_connect(struct net *net, unsigned from, unsigned to,
                            const struct net_events *events, void *owner);
struct net_end *net_other(struct net_end *end);
/* Bytes taken, 0 when full, -1 when the connection is lost or closed. */
ssize_t net_send(struct net_end *end, const struct iovec *vec, int count);
void net_close(struct net_end *end);
/* The same, and what a cut holds back never arrives. */
void net_abort(struct net_end *end);
/* Both ends learn that the connection is gone; what is on its way is lost. */
void net_reset(struct net_conn *conn);

void net_cut(struct net *net, unsigned from, unsigned to, bool is_cut);
void net_freeze(struct net *net, unsigned place, bool is_frozen);
/* The machine is gone with all its connections; nobody is told. Up again: strangers are refused. */
void net_machine_down(struct net *net, unsigned place);
void net_machine_up(struct net *net, unsigned place);

#endif
