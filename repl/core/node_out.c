/* The outgoing link of a node: dialling, greeting, streaming, barriers, and what ends it. */
#include <stdio.h>
#include <string.h>

#include "repl/core/node_private.h"
#include "repl/core/node_text.h"
#include "repl/core/order.h"

enum {
    BARRIERS_OPEN_MAX = 3,
    ACK_INTERVAL_MS = 10, /* a barrier follows changes after at most this */
    STOCK_META_MINOR = 6, /* the first stock release whose ms knows E: 1.6.27 */
    STOCK_META_PATCH = 27,
};

static void out_down(struct node *node, uint64_t now_ms, uint64_t retry_at_ms) {
    if (node_is_out_up(node)) {
        node->lost_peer_id = node->out_peer_id;
        node->lost_at_ms = now_ms;
    }
    node->out = OUT_DOWN;
    node->out_peer_id = 0;
    node->retry_at_ms = retry_at_ms;
    node->barriers_sent = node->barriers_acked = node->final_barrier = 0;
}

/* Equal jitter: between half and all of the back-off, which doubles up to its bound. */
static uint64_t next_retry(struct node *node, uint64_t now_ms) {
    uint64_t half = node->backoff_ms / 2;
    uint64_t wait = half + rng_below(node->config.rng, node->backoff_ms - half + 1);
    node->backoff_ms = node->backoff_ms * 2 > node->config.retry_max_ms ? node->config.retry_max_ms
                                                                        : node->backoff_ms * 2;
    return now_ms + wait;
}

void node_close_out(struct node *node, uint64_t now_ms, uint64_t retry_at_ms) {
    node_act(node, NODE_CLOSE_OUT);
    out_down(node, now_ms, retry_at_ms);
}

static void fail_out(struct node *node, uint64_t now_ms) {
    node_note_error(node, now_ms);
    node_close_out(node, now_ms, next_retry(node, now_ms));
}

void node_out_connected(struct node *node, uint64_t now_ms, uint64_t version) {
    if (node->out != OUT_DIALING)
        return;
    node->out = OUT_GREETING;
    node->out_deadline_ms = now_ms + node->config.timeout_ms;
    node->self.version = version;
    node->dialect = DIALECT_PAIR;
    node->has_told_cover = node->self.complete_for != NODE_COMPLETE_FOR_NONE;
    node_say(node, "repl hello ", &node->self);
}

void node_out_closed(struct node *node, uint64_t now_ms) {
    if (node->out == OUT_DOWN)
        return;
    node_note_error(node, now_ms);
    out_down(node, now_ms, next_retry(node, now_ms));
}

enum node_way node_answer_way(const struct node *node, uint64_t now_ms, uint64_t peer_id) {
    if (node_is_out_up(node) && node->out_peer_id == peer_id)
        return NODE_WAY_STREAM;
    bool is_just_lost =
        node->lost_peer_id == peer_id && now_ms - node->lost_at_ms <= node->config.timeout_ms;
    return is_just_lost ? NODE_WAY_LATER : NODE_WAY_LINK;
}

static void act_barrier(struct node *node) {
    node_act(node, NODE_BARRIER);
    node->barriers_sent++;
}

static void send_barrier(struct node *node, uint64_t now_ms) {
    act_barrier(node);
    node->barrier_at_ms = now_ms;
}

static void out_is_up(struct node *node, uint64_t now_ms, enum out_state state) {
    if (node->was_up)
        node->reconnects++;
    node->was_up = true;
    node->is_info_due = true;
    node->out = state;
    node->backoff_ms = node->config.retry_min_ms;
    node->is_backlog_through = false;
    node->barrier_at_ms = now_ms;
    node_act(node, state == OUT_FULL ? NODE_BEGIN_FULL : NODE_BEGIN_LIVE);
}

/* The peer wants everything we have. Are we still the one to give it? */
static void start_full(struct node *node, uint64_t now_ms, uint64_t version) {
    if (!order_is_source(&node->self, &node->peer)) {
        node_close_out(node, now_ms, now_ms + WAIT_RETRY_MS);
        return;
    }
    if (node->self.state != NODE_READY) {
        node_become_ready(node);
        node_elect(node, version);
    }
    node->self.complete_for = NODE_COMPLETE_FOR_NONE;
    /* Before the begin: what the peer keeps of its own has to be newer than our clock is now. */
    node->self.version = version;
    node_say(node, "repl info ", &node->self);
    node_say(node, "repl begin", NULL);
    out_is_up(node, now_ms, OUT_FULL);
}

static void start_live(struct node *node, uint64_t now_ms) {
    if (order_covers(&node->self, node->peer.id))
        node->self.complete_for = node->peer.id;
    out_is_up(node, now_ms, OUT_STREAMING);
}

static void greeted(struct node *node, uint64_t now_ms, uint64_t version, const char *text) {
    const char *verdict;
    struct node_info peer;
    if (!node_text_get(text, &peer, &verdict) || strcmp(verdict, "refused") == 0) {
        node->refusals++;
        fail_out(node, now_ms);
        return;
    }
    node->peer = peer;
    node->out_peer_id = peer.id;
    if (node->lost_peer_id == peer.id)
        node->lost_peer_id = 0; /* it lives */
    node_settle_roles(node);
    node_elect(node, version);
    /* The log has overflowed since the hello: what was agreed on holds no longer. */
    if (node->has_told_cover && node->self.complete_for == NODE_COMPLETE_FOR_NONE)
        node_close_out(node, now_ms, now_ms + WAIT_RETRY_MS);
    else if (strcmp(verdict, "go") == 0)
        start_live(node, now_ms);
    else if (strcmp(verdict, "full") == 0)
        start_full(node, now_ms, version);
    else if (strcmp(verdict, "wait") == 0)
        node_close_out(node, now_ms, now_ms + WAIT_RETRY_MS);
    else
        fail_out(node, now_ms);
}

/* A stock memcached has no resync: it is emptied, filled and kept up to date, one way. */
static void stock_found(struct node *node, uint64_t now_ms, uint64_t version, const char *text) {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    if (sscanf(text, "%u.%u.%u", &major, &minor, &patch) != 3) {
        fail_out(node, now_ms);
        return;
    }
    bool knows_meta =
        major > 1 || (major == 1 && (minor > STOCK_META_MINOR ||
                                     (minor == STOCK_META_MINOR && patch >= STOCK_META_PATCH)));
    node->is_stock_peer = true;
    node->dialect = knows_meta ? DIALECT_META : DIALECT_CLASSIC;
    node->self.complete_for = NODE_COMPLETE_FOR_NONE;
    out_is_up(node, now_ms, OUT_FULL);
    if (node->self.state != NODE_READY) {
        node_become_ready(node);
        node_become_master(node, version);
    }
}

void node_out_line(struct node *node, uint64_t now_ms, uint64_t version, const char *line) {
    switch (node->out) {
    case OUT_GREETING:
        if (strncmp(line, "REPL ", 5) == 0) {
            node->is_stock_peer = false;
            greeted(node, now_ms, version, line + 5);
        } else if (strcmp(line, "ERROR") == 0) {
            node->out = OUT_PROBING;
            node->out_deadline_ms = now_ms + node->config.timeout_ms;
            struct node_action *action = node_act(node, NODE_SEND);
            snprintf(action->text, sizeof(action->text), "version\r\n");
        } else {
            node->refusals++;
            fail_out(node, now_ms);
        }
        break;
    case OUT_PROBING:
        if (strncmp(line, "VERSION ", 8) == 0)
            stock_found(node, now_ms, version, line + 8);
        else
            fail_out(node, now_ms);
        break;
    case OUT_FULL:
    case OUT_STREAMING:
        /*
         * A stock memcached refuses single items (too large for it, say); one of us never answers
         * so.
         */
        node_note_error(node, now_ms);
        if (!node->is_stock_peer)
            fail_out(node, now_ms);
        break;
    case OUT_DOWN:
    case OUT_DIALING:
        break;
    }
}

void node_out_heard(struct node *node, uint64_t now_ms) {
    node->out_heard_ms = now_ms;
}

void node_out_through(struct node *node, uint64_t now_ms) {
    if (!node_is_out_up(node) || node->is_backlog_through)
        return;
    node->is_backlog_through = true;
    if (node->out == OUT_FULL) {
        if (node->dialect == DIALECT_PAIR)
            node_say(node, "repl synced", NULL);
        send_barrier(node, now_ms);
        node->final_barrier = node->barriers_sent;
    } else if (order_covers(&node->self, node->out_peer_id)) {
        node_say(node, "repl synced", NULL);
        node->partial_resyncs_out++;
    }
}

void node_out_acked(struct node *node, uint64_t now_ms) {
    (void)now_ms;
    if (!node_is_out_up(node) || node->barriers_acked == node->barriers_sent)
        return;
    node->barriers_acked++;
    if (node->final_barrier == 0 || node->barriers_acked < node->final_barrier)
        return;
    node->final_barrier = 0;
    node->out = OUT_STREAMING;
    node->full_syncs_out++;
    if (!node->is_stock_peer)
        node->self.complete_for = node->out_peer_id;
    /* It started over, and said so at the latest with that answer. */
    if (node->peer.id == node->out_peer_id)
        node->peer.complete_for = node->self.id;
}

void node_log_overflowed(struct node *node, uint64_t now_ms) {
    node->self.complete_for = NODE_COMPLETE_FOR_NONE;
    if (node_is_out_up(node))
        fail_out(node, now_ms);
}

void node_ask_again(struct node *node) {
    if (node_is_out_up(node) && node->barriers_acked < node->barriers_sent &&
        node->barriers_sent - node->barriers_acked < BARRIERS_OPEN_MAX)
        act_barrier(node); /* how long the peer has been silent counts from the first one */
}

/*
 * Roles may turn while the two greet each other, so that each lets the other's stream go on as that
 * of one that will start over. Once both know how things are, one of them is the source: it greets
 * again.
 */
static bool is_owing_full(const struct node *node) {
    return node->out == OUT_STREAMING && !node->is_stock_peer &&
           node->peer.id == node->out_peer_id && !order_can_resume(&node->self, &node->peer) &&
           order_is_source(&node->self, &node->peer);
}

/* Since when the peer owes us a sign of life. */
static uint64_t out_heard_ms(const struct node *node) {
    return node->out_heard_ms > node->barrier_at_ms ? node->out_heard_ms : node->barrier_at_ms;
}

void node_tick_out(struct node *node, uint64_t now_ms, bool has_unacked) {
    if (is_owing_full(node)) {
        node_close_out(node, now_ms, now_ms + WAIT_RETRY_MS);
        return;
    }
    switch (node->out) {
    case OUT_DOWN:
        if (now_ms >= node->retry_at_ms) {
            node->out = OUT_DIALING;
            node->out_deadline_ms = now_ms + node->config.timeout_ms;
            node->dials++;
            node_act(node, NODE_DIAL);
        }
        break;
    case OUT_DIALING:
    case OUT_GREETING:
    case OUT_PROBING:
        if (now_ms >= node->out_deadline_ms) {
            node->timeouts++;
            fail_out(node, now_ms);
        }
        break;
    case OUT_FULL:
    case OUT_STREAMING:
        if (node->barriers_acked < node->barriers_sent) {
            if (now_ms - out_heard_ms(node) > node->config.timeout_ms) {
                node->timeouts++;
                fail_out(node, now_ms);
            }
        } else if (now_ms - node->barrier_at_ms >=
                   (has_unacked ? ACK_INTERVAL_MS : node->config.heartbeat_ms)) {
            send_barrier(node, now_ms);
        }
        break;
    }
}

uint64_t node_out_due(const struct node *node, bool has_unacked) {
    switch (node->out) {
    case OUT_DOWN:
        return node->retry_at_ms;
    case OUT_DIALING:
    case OUT_GREETING:
    case OUT_PROBING:
        return node->out_deadline_ms;
    case OUT_FULL:
    case OUT_STREAMING:
        break;
    }
    if (node->barriers_acked < node->barriers_sent)
        return out_heard_ms(node) + node->config.timeout_ms + 1;
    return node->barrier_at_ms + (has_unacked ? ACK_INTERVAL_MS : node->config.heartbeat_ms);
}
