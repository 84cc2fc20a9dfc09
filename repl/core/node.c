#include "repl/core/node.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/core/node_text.h"
#include "repl/core/order.h"

enum {
    WAIT_RETRY_MS = 50,       /* "wait" was answered: ask again so soon */
    ACK_INTERVAL_MS = 10,     /* a barrier follows changes after at most this */
    STOCK_META_MINOR = 6,     /* the first stock release whose ms knows E: 1.6.27 */
    STOCK_META_PATCH = 27,
};

struct node {
    struct node_config config; /* fixed after create */
    struct node_info self, peer;
    bool is_stock_peer;
    bool is_info_due; /* the peer has not been told yet what we are now */

    uint64_t join_deadline_ms; /* not ready and nobody reached by then: master of what is here */

    /* the outgoing link */
    enum out_state out;
    enum out_dialect dialect;
    bool was_up;               /* it has streamed before */
    uint64_t out_deadline_ms;  /* dialing, greeting, probing */
    uint64_t retry_at_ms, backoff_ms;
    uint64_t out_peer_id;      /* whom the stream goes to */
    bool has_told_cover;       /* the hello said that our log covers something */
    bool is_backlog_through;   /* what had to be sent first has been handed to the stream */
    uint64_t barriers_sent, barriers_acked, final_barrier; /* final: behind the end of a full sync */
    uint64_t out_heard_ms;     /* when it last took what it had refused before */
    uint64_t barrier_at_ms;    /* when the last one was sent */

    /* the incoming link */
    uint64_t in_link, in_heard_ms;
    uint64_t wait_since_ms;    /* the source is being told to wait for our log since then; 0: not */

    uint64_t full_syncs_out, full_syncs_in, partial_resyncs_out, partial_resyncs_in;
    uint64_t dials, reconnects, timeouts, refusals, last_error_ms;

    struct node_action actions[NODE_ACTIONS_MAX]; /* a ring */
    unsigned action_first, action_count;
};

/* ---- actions ---- */

static struct node_action *act(struct node *node, enum node_action_kind kind) {
    CHECK(node->action_count < NODE_ACTIONS_MAX);
    unsigned at = (node->action_first + node->action_count++) % NODE_ACTIONS_MAX;
    struct node_action *action = &node->actions[at];
    action->kind = kind;
    action->dialect = node->dialect;
    action->link = 0;
    action->text[0] = '\0';
    return action;
}

bool node_next_action(struct node *node, struct node_action *action) {
    if (node->action_count == 0)
        return false;
    *action = node->actions[node->action_first];
    node->action_first = (node->action_first + 1) % NODE_ACTIONS_MAX;
    node->action_count--;
    return true;
}

/* Nobody has carried it out yet: saying the same twice would only fill the ring. */
static bool is_pending(const struct node *node, enum node_action_kind kind) {
    for (unsigned i = 0; i < node->action_count; i++)
        if (node->actions[(node->action_first + i) % NODE_ACTIONS_MAX].kind == kind)
            return true;
    return false;
}

static void say(struct node *node, const char *prefix, const struct node_info *info) {
    char text[NODE_TEXT_BYTES_MAX] = "";
    if (info)
        node_text_put(text, info);
    struct node_action *action = act(node, NODE_SEND);
    snprintf(action->text, sizeof(action->text), "%s%.*s\r\n", prefix, NODE_TEXT_BYTES_MAX - 32,
             text);
}

static bool is_out_up(const struct node *node) {
    return node->out == OUT_FULL || node->out == OUT_STREAMING;
}

static bool is_reached(const struct node *node) {
    return is_out_up(node) || node->in_link != 0;
}

/* Role, state or promotion changed: tell everybody who has to know. */
static void changed(struct node *node) {
    node->is_info_due = true;
    if (!is_pending(node, NODE_CHANGED))
        act(node, NODE_CHANGED);
}

/* ---- life ---- */

struct node *node_create(const struct node_config *config, uint64_t now_ms) {
    CHECK(config->id != NODE_COMPLETE_FOR_NONE && config->id != NODE_COMPLETE_FOR_ANY);
    struct node *node = mem_zalloc(sizeof(*node));
    if (!node)
        return NULL;
    node->config = *config;
    node->self.id = config->id;
    node->self.role = NODE_SLAVE;
    node->self.state = NODE_JOINING;
    node->self.complete_for = NODE_COMPLETE_FOR_ANY;
    node->join_deadline_ms = now_ms + config->join_timeout_ms;
    node->retry_at_ms = now_ms;
    node->backoff_ms = config->retry_min_ms;
    return node;
}

void node_destroy(struct node *node) {
    mem_free(node);
}

static void error_happened(struct node *node, uint64_t now_ms) {
    node->last_error_ms = now_ms;
}

/* ---- roles ---- */

static void become_master(struct node *node, uint64_t version) {
    node->self.role = NODE_MASTER;
    /* Later than the peer's, whatever our clock says: a take-over is not to be undone by a tie. */
    node->self.promoted_at =
        version > node->peer.promoted_at ? version : node->peer.promoted_at + 1;
    changed(node);
}

/* Two masters that see each other: the earlier promotion steps down. */
static void settle_roles(struct node *node) {
    if (node->self.role != NODE_MASTER || node->peer.role != NODE_MASTER)
        return;
    bool keeps = node->self.promoted_at != node->peer.promoted_at
                     ? node->self.promoted_at > node->peer.promoted_at
                     : node->self.id < node->peer.id;
    if (keeps)
        return;
    node->self.role = NODE_SLAVE;
    changed(node);
}

/* Two slaves that meet: the one that would be the source is the master. */
static void elect(struct node *node, uint64_t version) {
    if (node->self.role == NODE_SLAVE && node->peer.role == NODE_SLAVE &&
        order_is_source(&node->self, &node->peer))
        become_master(node, version);
}

void node_promote(struct node *node, uint64_t now_ms, uint64_t version) {
    (void)now_ms;
    become_master(node, version);
}

void node_demote(struct node *node, uint64_t now_ms) {
    (void)now_ms;
    if (node->self.role == NODE_SLAVE)
        return;
    node->self.role = NODE_SLAVE;
    changed(node);
}

void node_client_write(struct node *node, uint64_t now_ms, uint64_t version) {
    (void)now_ms;
    if (node->self.role != NODE_MASTER)
        become_master(node, version);
}

static void become_ready(struct node *node) {
    node->self.state = NODE_READY;
    changed(node);
}

/* ---- the outgoing link ---- */

static void out_down(struct node *node, uint64_t retry_at_ms) {
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

static void close_out(struct node *node, uint64_t retry_at_ms) {
    act(node, NODE_CLOSE_OUT);
    out_down(node, retry_at_ms);
}

static void fail_out(struct node *node, uint64_t now_ms) {
    error_happened(node, now_ms);
    close_out(node, next_retry(node, now_ms));
}

void node_out_connected(struct node *node, uint64_t now_ms, uint64_t version) {
    if (node->out != OUT_DIALING)
        return;
    node->out = OUT_GREETING;
    node->out_deadline_ms = now_ms + node->config.timeout_ms;
    node->self.version = version;
    node->dialect = DIALECT_PAIR;
    node->has_told_cover = node->self.complete_for != NODE_COMPLETE_FOR_NONE;
    say(node, "repl hello ", &node->self);
}

void node_out_closed(struct node *node, uint64_t now_ms) {
    if (node->out == OUT_DOWN)
        return;
    error_happened(node, now_ms);
    out_down(node, next_retry(node, now_ms));
}

static void send_barrier(struct node *node, uint64_t now_ms) {
    act(node, NODE_BARRIER);
    node->barriers_sent++;
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
    act(node, state == OUT_FULL ? NODE_BEGIN_FULL : NODE_BEGIN_LIVE);
}

/* The peer wants everything we have. Are we still the one to give it? */
static void start_full(struct node *node, uint64_t now_ms, uint64_t version) {
    if (!order_is_source(&node->self, &node->peer)) {
        close_out(node, now_ms + WAIT_RETRY_MS);
        return;
    }
    if (node->self.state != NODE_READY) {
        become_ready(node);
        elect(node, version);
    }
    node->self.complete_for = NODE_COMPLETE_FOR_NONE;
    /* Before the begin: what the peer keeps of its own has to be newer than our clock is now. */
    node->self.version = version;
    say(node, "repl info ", &node->self);
    say(node, "repl begin", NULL);
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
    settle_roles(node);
    elect(node, version);
    /* The log has overflowed since the hello: what was agreed on holds no longer. */
    if (node->has_told_cover && node->self.complete_for == NODE_COMPLETE_FOR_NONE)
        close_out(node, now_ms + WAIT_RETRY_MS);
    else if (strcmp(verdict, "go") == 0)
        start_live(node, now_ms);
    else if (strcmp(verdict, "full") == 0)
        start_full(node, now_ms, version);
    else if (strcmp(verdict, "wait") == 0)
        close_out(node, now_ms + WAIT_RETRY_MS);
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
    bool knows_meta = major > 1 || (major == 1 && (minor > STOCK_META_MINOR ||
                                                   (minor == STOCK_META_MINOR &&
                                                    patch >= STOCK_META_PATCH)));
    node->is_stock_peer = true;
    node->dialect = knows_meta ? DIALECT_META : DIALECT_CLASSIC;
    node->self.complete_for = NODE_COMPLETE_FOR_NONE;
    out_is_up(node, now_ms, OUT_FULL);
    if (node->self.state != NODE_READY) {
        become_ready(node);
        become_master(node, version);
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
            struct node_action *action = act(node, NODE_SEND);
            snprintf(action->text, sizeof(action->text), "version\r\n");
        } else {
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
        /* A stock memcached refuses single items (too large for it, say); one of us never answers so. */
        error_happened(node, now_ms);
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
    if (!is_out_up(node) || node->is_backlog_through)
        return;
    node->is_backlog_through = true;
    if (node->out == OUT_FULL) {
        if (node->dialect == DIALECT_PAIR)
            say(node, "repl synced", NULL);
        send_barrier(node, now_ms);
        node->final_barrier = node->barriers_sent;
    } else if (order_covers(&node->self, node->out_peer_id)) {
        say(node, "repl synced", NULL);
        node->partial_resyncs_out++;
    }
}

void node_out_acked(struct node *node, uint64_t now_ms) {
    (void)now_ms;
    if (!is_out_up(node) || node->barriers_acked == node->barriers_sent)
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
    if (is_out_up(node))
        fail_out(node, now_ms);
}

/* ---- incoming links ---- */

static const char *verdict_for(struct node *node, uint64_t now_ms, uint64_t version,
                               bool is_drained) {
    if (order_can_resume(&node->self, &node->peer)) {
        node->wait_since_ms = 0;
        return "go";
    }
    if (order_is_source(&node->self, &node->peer)) {
        /* The best there is, even if it never got all it was promised. */
        if (node->self.state != NODE_READY) {
            become_ready(node);
            elect(node, version);
        }
        node->wait_since_ms = 0;
        return "go";
    }
    if (!is_drained && order_covers(&node->self, node->peer.id)) {
        if (node->wait_since_ms == 0)
            node->wait_since_ms = now_ms;
        if (now_ms - node->wait_since_ms <= node->config.timeout_ms)
            return "wait";
    }
    node->wait_since_ms = 0;
    return "full";
}

void node_in_hello(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                   bool is_drained, const char *args, struct node_greeting *greeting) {
    struct node_info peer;
    const char *rest;
    char text[NODE_TEXT_BYTES_MAX];
    greeting->is_accepted = node_text_get(args, &peer, &rest) && *rest == '\0' &&
                            peer.id != node->self.id;
    node->self.version = version;
    const char *verdict = "refused";
    greeting->is_full = false;
    greeting->superseded_link = 0;
    if (greeting->is_accepted) {
        if (node->in_link != link)
            greeting->superseded_link = node->in_link;
        node->in_link = link;
        node->in_heard_ms = now_ms;
        node->peer = peer;
        node->is_stock_peer = false;
        settle_roles(node);
        elect(node, version);
        /* From now on we may hold what came from this peer, which our log would not bring to another. */
        if (node->self.complete_for == NODE_COMPLETE_FOR_ANY)
            node->self.complete_for = peer.id;
        verdict = verdict_for(node, now_ms, version, is_drained);
        greeting->is_full = strcmp(verdict, "full") == 0;
        /* A stream to an earlier life of the peer leads nowhere; and one that waits need not any longer. */
        if (is_out_up(node) && node->out_peer_id != peer.id)
            close_out(node, now_ms);
        else if (node->out == OUT_DOWN && node->retry_at_ms > now_ms + WAIT_RETRY_MS)
            node->retry_at_ms = now_ms;
    } else {
        node->refusals++;
        error_happened(node, now_ms);
    }
    node_text_put(text, &node->self);
    snprintf(greeting->text, sizeof(greeting->text), "REPL %.*s %s\r\n", NODE_TEXT_BYTES_MAX - 32,
             text, verdict);
}

static enum node_line begin_line(struct node *node) {
    if (node->out == OUT_FULL || order_is_source(&node->self, &node->peer))
        return NODE_LINE_BAD;
    node->self.state = NODE_SYNCING;
    node->self.complete_for = node->peer.id;
    node->full_syncs_in++;
    changed(node);
    return NODE_LINE_START_OVER;
}

static enum node_line synced_line(struct node *node) {
    if (node->self.state != NODE_SYNCING)
        node->partial_resyncs_in++;
    if (node->self.state != NODE_READY)
        become_ready(node);
    return NODE_LINE_OK;
}

enum node_line node_in_line(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                            const char *args) {
    if (link != node->in_link)
        return NODE_LINE_BAD;
    node->in_heard_ms = now_ms;
    if (strcmp(args, "begin") == 0)
        return begin_line(node);
    if (strcmp(args, "synced") == 0)
        return synced_line(node);
    if (strncmp(args, "info ", 5) == 0) {
        struct node_info peer;
        const char *rest;
        if (!node_text_get(args + 5, &peer, &rest) || *rest != '\0' || peer.id != node->peer.id)
            return NODE_LINE_BAD;
        bool has_stepped_down = node->peer.role == NODE_MASTER && peer.role == NODE_SLAVE;
        node->peer = peer;
        settle_roles(node);
        /* A master that steps down hands its role to whoever is left to take it. */
        if (has_stepped_down && node->self.role == NODE_SLAVE && node->self.state == NODE_READY)
            become_master(node, version);
        return NODE_LINE_OK;
    }
    return NODE_LINE_BAD;
}

void node_in_heard(struct node *node, uint64_t now_ms, uint64_t link) {
    if (link == node->in_link && now_ms > node->in_heard_ms)
        node->in_heard_ms = now_ms;
}

void node_in_closed(struct node *node, uint64_t now_ms, uint64_t link) {
    if (link != node->in_link)
        return;
    node->in_link = 0;
    error_happened(node, now_ms);
}

/* ---- time ---- */

/*
 * Roles may turn while the two greet each other, so that each lets the other's stream go on as that of one
 * that will start over. Once both know how things are, one of them is the source: it greets again.
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

static void tick_out(struct node *node, uint64_t now_ms, bool has_unacked) {
    if (is_owing_full(node)) {
        close_out(node, now_ms + WAIT_RETRY_MS);
        return;
    }
    switch (node->out) {
    case OUT_DOWN:
        if (now_ms >= node->retry_at_ms) {
            node->out = OUT_DIALING;
            node->out_deadline_ms = now_ms + node->config.timeout_ms;
            node->dials++;
            act(node, NODE_DIAL);
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

static uint64_t out_due(const struct node *node, bool has_unacked) {
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

uint64_t node_tick(struct node *node, uint64_t now_ms, uint64_t version, bool has_unacked) {
    tick_out(node, now_ms, has_unacked);
    if (node->is_info_due && is_out_up(node) && node->dialect == DIALECT_PAIR) {
        node->is_info_due = false;
        node->self.version = version;
        say(node, "repl info ", &node->self);
    }
    uint64_t due = out_due(node, has_unacked);
    if (node->in_link != 0) {
        if (now_ms - node->in_heard_ms > node->config.timeout_ms) {
            node->timeouts++;
            act(node, NODE_CLOSE_IN)->link = node->in_link;
            node_in_closed(node, now_ms, node->in_link);
        } else if (node->in_heard_ms + node->config.timeout_ms + 1 < due) {
            due = node->in_heard_ms + node->config.timeout_ms + 1;
        }
    }
    if (node->self.state != NODE_READY) {
        if (is_reached(node)) {
            node->join_deadline_ms = now_ms + node->config.join_timeout_ms;
        } else if (now_ms >= node->join_deadline_ms) {
            become_ready(node);
            become_master(node, version);
        }
        if (node->self.state != NODE_READY && node->join_deadline_ms < due)
            due = node->join_deadline_ms;
    }
    return due;
}

/* ---- looking ---- */

void node_view(const struct node *node, struct node_view *view) {
    *view = (struct node_view){
        .self = node->self,
        .peer = node->peer,
        .out = node->out,
        .dialect = node->dialect,
        .in_link = node->in_link,
        .is_stock_peer = node->is_stock_peer,
        .full_syncs_out = node->full_syncs_out,
        .full_syncs_in = node->full_syncs_in,
        .partial_resyncs_out = node->partial_resyncs_out,
        .partial_resyncs_in = node->partial_resyncs_in,
        .dials = node->dials,
        .reconnects = node->reconnects,
        .timeouts = node->timeouts,
        .refusals = node->refusals,
        .last_error_ms = node->last_error_ms,
    };
}
