#include "t/bench/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/bench/reply.h"

bool conn_open(struct conn *conn, const struct workload *load, const struct target *target) {
    uint32_t ring = 2;
    while (ring < load->options->pipeline + 1)
        ring *= 2;
    size_t out_bytes = (size_t)load->options->pipeline * load->request_bytes_max + 16;
    *conn = (struct conn){.fd = -1, .op_mask = ring - 1};
    conn->in_bytes = load->keys->value_bytes_max + KEY_BYTES_MAX + 128;
    if (conn->in_bytes < CONN_IN_BYTES_MIN)
        conn->in_bytes = CONN_IN_BYTES_MIN;
    if (out_bytes > CONN_BUFFER_BYTES_MAX)
        return false;
    conn->out = mem_alloc(out_bytes);
    conn->in = mem_alloc(conn->in_bytes);
    conn->ops = mem_alloc(ring * sizeof(*conn->ops));
    conn->indexes = mem_alloc((size_t)ring * load->keys_per_op_max * sizeof(*conn->indexes));
    if (!conn->out || !conn->in || !conn->ops || !conn->indexes) {
        conn_close(conn);
        return false;
    }
    conn->fd = target_connect(target);
    return true;
}

void conn_close(struct conn *conn) {
    mem_free(conn->out);
    mem_free(conn->in);
    mem_free(conn->ops);
    mem_free(conn->indexes);
    if (conn->fd >= 0)
        close(conn->fd);
    *conn = (struct conn){.fd = -1};
}

static struct op *push(struct conn *conn, enum op_kind kind, uint64_t start_ns) {
    DCHECK(conn_waiting(conn) <= conn->op_mask);
    struct op *op = &conn->ops[conn->op_next++ & conn->op_mask];
    *op = (struct op){.start_ns = start_ns, .kind = kind};
    return op;
}

void conn_add_op(struct conn *conn, const struct workload *load, struct key_picker *picker,
                 uint64_t start_ns) {
    uint32_t get_percent = load->options->get_percent;
    uint32_t slot = conn->op_next & conn->op_mask;
    uint32_t *indexes = conn->indexes + (size_t)slot * load->keys_per_op_max;
    char *at = conn->out + conn->out_end;
    bool is_get = get_percent == 100 || (get_percent && rng_below(&picker->rng, 100) < get_percent);
    if (is_get) {
        uint32_t count = load->options->multiget;
        for (uint32_t i = 0; i < count; i++)
            indexes[i] = key_pick(load->keys, picker);
        conn->out_end += request_put_get(load, at, indexes, count);
    } else {
        indexes[0] = key_pick(load->keys, picker);
        conn->out_end += request_put_set(load, at, indexes[0]);
    }
    push(conn, is_get ? load->get_kind : load->set_kind, start_ns);
}

void conn_end_batch(struct conn *conn, const struct workload *load, uint64_t start_ns) {
    if (load->options->form != FORM_QUIET)
        return;
    conn->out_end += request_put_barrier(conn->out + conn->out_end);
    push(conn, OP_BARRIER, start_ns);
}

void conn_send(struct conn *conn) {
    size_t left = conn->out_end - conn->out_sent;
    ssize_t sent = send(conn->fd, conn->out + conn->out_sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        conn->failure = "the server closed a connection";
        return;
    }
    if (sent > 0)
        conn->out_sent += (size_t)sent;
    if (conn->out_sent == conn->out_end) {
        conn->out_sent = conn->out_end = 0;
    } else if (conn->out_sent > 0) {
        /* later operations find room only behind what is unsent */
        memmove(conn->out, conn->out + conn->out_sent, conn->out_end - conn->out_sent);
        conn->out_end -= conn->out_sent;
        conn->out_sent = 0;
    }
}

void conn_receive(struct conn *conn, const struct workload *load, struct tally *tally) {
    ssize_t got =
        recv(conn->fd, conn->in + conn->in_end, conn->in_bytes - conn->in_end, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        conn->failure = "the server closed a connection";
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    tally->last_reply_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    conn->in_end += (size_t)got;
    size_t used = replies_take(conn, load, tally);
    if (used < conn->in_end && used > 0)
        memmove(conn->in, conn->in + used, conn->in_end - used);
    conn->in_end -= used;
    if (conn->in_end == conn->in_bytes)
        conn->failure = "a value was longer than any that this load stores";
}
