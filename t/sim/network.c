#include "t/sim/network.h"

#include <inttypes.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

enum { SYN_RETRY_US = 200000, CLIENT_DELAY_US_MIN = 30, CLIENT_DELAY_US_MAX = 300 };

struct net *net_create(struct world *world) {
    struct net *net = mem_zalloc(sizeof(*net));
    CHECK(net);
    net->world = world;
    net->is_machine_up[HOST_CLIENTS] = true;
    return net;
}

static void chunks_drop(struct net_end *end) {
    while (end->first) {
        struct net_chunk *chunk = end->first;
        end->first = chunk->next;
        mem_free(chunk);
    }
    end->last = NULL;
    end->pending = 0;
}

void net_destroy(struct net *net) {
    while (net->conns) {
        struct net_conn *conn = net->conns;
        net->conns = conn->next;
        chunks_drop(&conn->end[0]);
        chunks_drop(&conn->end[1]);
        mem_free(conn);
    }
    mem_free(net);
}

struct net_end *net_other(struct net_end *end) {
    return &end->conn->end[end == &end->conn->end[0]];
}

static uint64_t path_delay(struct net *net, unsigned from, unsigned to) {
    if (from == HOST_CLIENTS || to == HOST_CLIENTS)
        return world_between(net->world, CLIENT_DELAY_US_MIN, CLIENT_DELAY_US_MAX);
    return world_between(net->world, net->delay_us_min, net->delay_us_max);
}

static bool is_gone(const struct net *net, const struct net_end *end) {
    return !net->is_machine_up[end->place] || net->life[end->place] != end->life;
}

/* ---- what an end is told ---- */

static void tell_lost(struct world *world, void *object, uint64_t number) {
    struct net_end *end = object;
    (void)number;
    if (!end->is_open || is_gone(world->net, end))
        return;
    if (world->net->is_frozen[end->place]) {
        end->is_lost_due = true;
        return;
    }
    end->is_lost_due = false;
    end->events->closed(end);
}

static void lose(struct net *net, struct net_end *end, uint64_t delay_us) {
    if (!end->is_open || end->is_lost)
        return;
    end->is_lost = true;
    world_after(net->world, delay_us, tell_lost, end, end->conn->id);
}

static void tell_writable(struct world *world, void *object, uint64_t number) {
    struct net_end *end = object;
    (void)number;
    if (!end->is_open || is_gone(world->net, end) || !end->is_short || end->is_lost)
        return;
    if (world->net->is_frozen[end->place])
        return;
    end->is_short = false;
    end->events->writable(end);
}

static void tell_connected(struct world *world, void *object, uint64_t number) {
    struct net_end *end = object;
    (void)number;
    if (!end->is_open || is_gone(world->net, end))
        return;
    if (world->net->is_frozen[end->place]) {
        end->is_connected_due = true;
        return;
    }
    end->is_connected_due = false;
    end->events->connected(end);
}

/* Hands over what has arrived from `from` at the other end. */
static void deliver(struct world *world, void *object, uint64_t number) {
    struct net_end *from = object;
    struct net_end *to = net_other(from);
    struct net *net = world->net;
    (void)number;
    if (net->is_cut[from->place][to->place] || net->is_frozen[to->place] || to->is_accept_due)
        return;
    while (from->first && from->first->arrives_us <= world->now_us) {
        struct net_chunk *chunk = from->first;
        from->first = chunk->next;
        if (!from->first)
            from->last = NULL;
        from->pending -= chunk->bytes;
        bool is_heard = to->is_open && !to->is_lost && !is_gone(net, to);
        if (is_heard && chunk->is_fin) {
            to->is_lost = true;
            to->events->closed(to);
        } else if (is_heard) {
            world_mix_bytes(world, chunk->data, chunk->bytes);
            to->events->received(to, chunk->data, chunk->bytes);
        } else if (is_gone(net, to) && net->is_machine_up[to->place]) {
            lose(net, from, path_delay(net, to->place, from->place));
        }
        mem_free(chunk);
    }
    if (from->is_short && from->is_open && from->pending < net->capacity)
        world_after(world, path_delay(net, to->place, from->place), tell_writable, from,
                    from->conn->id);
}

/* ---- connecting ---- */

static void accept_now(struct world *world, struct net_end *end) {
    end->is_accept_due = false;
    if (!end->is_open || is_gone(world->net, end))
        return;
    world->net->accept(world, end);
    world_after(world, 0, deliver, net_other(end), end->conn->id);
}

static void knock(struct world *world, void *object, uint64_t number) {
    struct net_conn *conn = object;
    struct net *net = world->net;
    unsigned from = conn->end[0].place;
    unsigned to = conn->end[1].place;
    (void)number;
    if (!conn->end[0].is_open || is_gone(net, &conn->end[0]))
        return;
    if (net->is_cut[from][to] || net->is_cut[to][from] || !net->is_machine_up[to]) {
        world_after(world, SYN_RETRY_US, knock, conn, conn->id);
        return;
    }
    if (!net->is_listening[to]) {
        lose(net, &conn->end[0], path_delay(net, to, from));
        return;
    }
    conn->is_connected = true;
    conn->accepted_us = world->now_us;
    conn->end[1].is_open = true;
    conn->end[1].life = net->life[to];
    if (net->is_frozen[to])
        conn->end[1].is_accept_due = true;
    else
        accept_now(world, &conn->end[1]);
    world_after(world, path_delay(net, to, from), tell_connected, &conn->end[0], conn->id);
}

struct net_end *net_connect(struct net *net, unsigned from, unsigned to,
                            const struct net_events *events, void *owner) {
    struct net_conn *conn = mem_zalloc(sizeof(*conn));
    CHECK(conn);
    conn->net = net;
    conn->id = ++net->next_id;
    conn->next = net->conns;
    net->conns = conn;
    conn->end[0] = (struct net_end){.conn = conn,
                                    .events = events,
                                    .owner = owner,
                                    .place = from,
                                    .life = net->life[from],
                                    .is_open = true};
    conn->end[1] = (struct net_end){.conn = conn, .place = to};
    world_after(net->world, path_delay(net, from, to), knock, conn, conn->id);
    return &conn->end[0];
}

/* ---- sending and closing ---- */

static struct net_chunk *chunk_queue(struct net *net, struct net_end *end, size_t bytes) {
    struct net_chunk *chunk = mem_alloc(sizeof(*chunk) + bytes);
    CHECK(chunk);
    uint64_t arrives = net->world->now_us + path_delay(net, end->place, net_other(end)->place);
    if (arrives < end->last_arrival_us)
        arrives = end->last_arrival_us;
    end->last_arrival_us = arrives;
    chunk->arrives_us = arrives;
    chunk->bytes = bytes;
    chunk->is_fin = false;
    chunk->next = NULL;
    if (end->last)
        end->last->next = chunk;
    else
        end->first = chunk;
    end->last = chunk;
    end->pending += bytes;
    world_after(net->world, arrives - net->world->now_us, deliver, end, end->conn->id);
    return chunk;
}

ssize_t net_send(struct net_end *end, const struct iovec *vec, int count) {
    struct net *net = end->conn->net;
    if (!end->is_open || end->is_lost)
        return -1;
    size_t wanted = 0;
    for (int i = 0; i < count; i++)
        wanted += vec[i].iov_len;
    size_t room = end->pending < net->capacity ? net->capacity - end->pending : 0;
    size_t taken = wanted < room ? wanted : room;
    end->is_short |= taken < wanted;
    if (taken == 0)
        return 0;
    struct net_chunk *chunk = chunk_queue(net, end, taken);
    size_t filled = 0;
    for (int i = 0; filled < taken; i++) {
        size_t part = vec[i].iov_len < taken - filled ? vec[i].iov_len : taken - filled;
        memcpy(chunk->data + filled, vec[i].iov_base, part);
        filled += part;
    }
    end->sent_bytes += taken;
    return (ssize_t)taken;
}

void net_close(struct net_end *end) {
    if (!end->is_open)
        return;
    end->is_open = false;
    if (!end->is_lost)
        chunk_queue(end->conn->net, end, 0)->is_fin = true;
}

void net_abort(struct net_end *end) {
    if (end->is_open && end->conn->net->is_cut[end->place][net_other(end)->place])
        chunks_drop(end);
    net_close(end);
}

void net_reset(struct net_conn *conn) {
    conn->was_disturbed = true;
    for (int i = 0; i < 2; i++) {
        chunks_drop(&conn->end[i]);
        lose(conn->net, &conn->end[i], world_below(conn->net->world, 2000));
    }
}

/* ---- faults ---- */

/* Everything that waits for this path or this place goes on. */
static void kick(struct net *net, unsigned from, unsigned to) {
    for (struct net_conn *conn = net->conns; conn; conn = conn->next) {
        for (int i = 0; i < 2; i++) {
            struct net_end *end = &conn->end[i];
            if (end->place != from || net_other(end)->place != to || !end->first)
                continue;
            uint64_t delay = path_delay(net, from, to);
            uint64_t earliest = end->last_arrival_us < net->world->now_us ? net->world->now_us
                                                                          : end->last_arrival_us;
            end->last_arrival_us = earliest + delay;
            for (struct net_chunk *chunk = end->first; chunk; chunk = chunk->next)
                chunk->arrives_us = end->last_arrival_us;
            world_after(net->world, end->last_arrival_us - net->world->now_us, deliver, end,
                        conn->id);
        }
    }
}

static void disturb(struct net *net, unsigned a, unsigned b) {
    for (struct net_conn *conn = net->conns; conn; conn = conn->next)
        if ((conn->end[0].place == a && conn->end[1].place == b) ||
            (conn->end[0].place == b && conn->end[1].place == a))
            conn->was_disturbed = true;
}

void net_cut(struct net *net, unsigned from, unsigned to, bool is_cut) {
    net->is_cut[from][to] = is_cut;
    disturb(net, from, to);
    if (!is_cut)
        kick(net, from, to);
}

static void thaw(struct net *net, unsigned place) {
    struct world *world = net->world;
    for (struct net_conn *conn = net->conns; conn; conn = conn->next) {
        for (int i = 0; i < 2; i++) {
            struct net_end *end = &conn->end[i];
            if (end->place != place || !end->is_open || end->life != net->life[place])
                continue;
            if (end->is_accept_due)
                accept_now(world, end);
            if (end->is_connected_due)
                world_after(world, 1, tell_connected, end, conn->id);
            if (end->is_lost_due)
                world_after(world, 2, tell_lost, end, conn->id);
            if (end->is_short)
                world_after(world, 3, tell_writable, end, conn->id);
        }
    }
    for (unsigned from = 0; from < PLACE_COUNT; from++)
        kick(net, from, place);
}

void net_freeze(struct net *net, unsigned place, bool is_frozen) {
    net->is_frozen[place] = is_frozen;
    for (unsigned other = 0; other < PLACE_COUNT; other++)
        disturb(net, place, other);
    if (!is_frozen)
        thaw(net, place);
}

/* Of what is on its way some of the head has left the machine. */
static void vanish(struct net *net, struct net_end *end) {
    struct net_chunk **at = &end->first;
    end->last = NULL;
    while (*at && !world_one_in(net->world, 3)) {
        end->last = *at;
        at = &(*at)->next;
    }
    while (*at) {
        struct net_chunk *chunk = *at;
        *at = chunk->next;
        end->pending -= chunk->bytes;
        mem_free(chunk);
    }
    end->is_open = false;
    end->is_lost = true;
}

void net_machine_down(struct net *net, unsigned place) {
    for (struct net_conn *conn = net->conns; conn; conn = conn->next)
        for (int i = 0; i < 2; i++)
            if (conn->end[i].place == place && conn->end[i].life == net->life[place]) {
                conn->was_disturbed = true;
                vanish(net, &conn->end[i]);
            }
    net->is_machine_up[place] = false;
    net->is_frozen[place] = false;
    net->is_listening[place] = false;
    net->life[place]++;
}

void net_machine_up(struct net *net, unsigned place) {
    net->is_machine_up[place] = true;
}
