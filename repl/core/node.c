/* The node: its actions, its life, its role, what comes in, and time. */
#include "repl/core/node.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/core/node_private.h"
#include "repl/core/node_text.h"
#include "repl/core/order.h"

/* ---- actions ---- */

struct node_action *node_act(struct node *node, enum node_action_kind kind) {
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

void node_say(struct node *node, const char *prefix, const struct node_info *info) {
    char text[NODE_TEXT_BYTES_MAX] = "";
    if (info)
        node_text_put(text, info);
    struct node_action *action = node_act(node, NODE_SEND);
    snprintf(action->text, sizeof(action->text), "%s%.*s\r\n", prefix, NODE_TEXT_BYTES_MAX - 32,
             text);
}

bool node_is_out_up(const struct node *node) {
    return node->out == OUT_FULL || node->out == OUT_STREAMING;
}

static bool is_reached(const struct node *node) {
    return node_is_out_up(node) || node->in_link != 0;
}

/* Role, state or promotion changed: tell everybody who has to know. */
void node_changed(struct node *node) {
    node->is_info_due = true;
    if (!is_pending(node, NODE_CHANGED))
        node_act(node, NODE_CHANGED);
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

void node_note_error(struct node *node, uint64_t now_ms) {
    node->last_error_ms = now_ms;
}

/* ---- roles ---- */

void node_become_master(struct node *node, uint64_t version) {
    node->self.role = NODE_MASTER;
    /* Later than the peer's, whatever our clock says: a take-over is not to be undone by a tie. */
    node->self.promoted_at =
        version > node->peer.promoted_at ? version : node->peer.promoted_at + 1;
    node_changed(node);
}

/* Two masters that see each other: the earlier promotion steps down. */
void node_settle_roles(struct node *node) {
    if (node->self.role != NODE_MASTER || node->peer.role != NODE_MASTER)
        return;
    bool keeps = node->self.promoted_at != node->peer.promoted_at
                     ? node->self.promoted_at > node->peer.promoted_at
                     : node->self.id < node->peer.id;
    if (keeps)
        return;
    node->self.role = NODE_SLAVE;
    node_changed(node);
}

/* Two slaves that meet: the one that would be the source is the master. */
void node_elect(struct node *node, uint64_t version) {
    if (node->self.role == NODE_SLAVE && node->peer.role == NODE_SLAVE &&
        order_is_source(&node->self, &node->peer))
        node_become_master(node, version);
}

void node_promote(struct node *node, uint64_t now_ms, uint64_t version) {
    (void)now_ms;
    node_become_master(node, version);
}

void node_demote(struct node *node, uint64_t now_ms) {
    (void)now_ms;
    if (node->self.role == NODE_SLAVE)
        return;
    node->self.role = NODE_SLAVE;
    node_changed(node);
}

void node_client_write(struct node *node, uint64_t now_ms, uint64_t version) {
    (void)now_ms;
    if (node->self.role != NODE_MASTER)
        node_become_master(node, version);
}

void node_become_ready(struct node *node) {
    node->self.state = NODE_READY;
    node_changed(node);
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
            node_become_ready(node);
            node_elect(node, version);
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

/*
 * The peer started over when our full sync began, and its log has overflowed since: what it was
 * told by clients meanwhile it can no longer tell us, so it has to start over again.
 */
static bool has_forgotten(const struct node *node) {
    return node->out == OUT_FULL && node->peer.state == NODE_SYNCING &&
           !order_covers(&node->peer, node->self.id);
}

void node_in_hello(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                   bool is_drained, const char *args, struct node_greeting *greeting) {
    struct node_info peer;
    const char *rest;
    char text[NODE_TEXT_BYTES_MAX];
    greeting->is_accepted =
        node_text_get(args, &peer, &rest) && *rest == '\0' && peer.id != node->self.id;
    node->self.version = version;
    const char *verdict = "refused";
    greeting->is_full = false;
    greeting->superseded_link = 0;
    if (greeting->is_accepted) {
        if (node->in_link != link)
            greeting->superseded_link = node->in_link;
        node->in_link = link;
        node->in_peer_id = peer.id;
        node->in_heard_ms = now_ms;
        node->peer = peer;
        node->is_stock_peer = false;
        node_settle_roles(node);
        node_elect(node, version);
        /*
         * From now on we may hold what came from this peer, which our log would not bring to
         * another.
         */
        if (node->self.complete_for == NODE_COMPLETE_FOR_ANY)
            node->self.complete_for = peer.id;
        verdict = verdict_for(node, now_ms, version, is_drained);
        greeting->is_full = strcmp(verdict, "full") == 0;
        /*
         * A stream to an earlier life of the peer leads nowhere, and a full sync to one that has
         * forgotten does not make the two alike; one that waits need not any longer.
         */
        if (node_is_out_up(node) && (node->out_peer_id != peer.id || has_forgotten(node)))
            node_close_out(node, now_ms, now_ms);
        else if (node->out == OUT_DOWN && node->retry_at_ms > now_ms + WAIT_RETRY_MS)
            node->retry_at_ms = now_ms;
        /* what it has answered on an earlier link may not have come through */
        node_ask_again(node);
    } else {
        node->refusals++;
        node_note_error(node, now_ms);
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
    node_changed(node);
    return NODE_LINE_START_OVER;
}

static enum node_line synced_line(struct node *node) {
    if (node->self.state != NODE_SYNCING)
        node->partial_resyncs_in++;
    if (node->self.state != NODE_READY)
        node_become_ready(node);
    return NODE_LINE_OK;
}

enum node_line node_in_line(struct node *node, uint64_t now_ms, uint64_t version, uint64_t link,
                            const char *args) {
    /* Our own link may have been answered by another life of the peer than this link is from. */
    if (link != node->in_link || node->in_peer_id != node->peer.id)
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
        node_settle_roles(node);
        /* A master that steps down hands its role to whoever is left to take it. */
        if (has_stepped_down && node->self.role == NODE_SLAVE && node->self.state == NODE_READY)
            node_become_master(node, version);
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
    node_note_error(node, now_ms);
}

/* ---- time ---- */

uint64_t node_tick(struct node *node, uint64_t now_ms, uint64_t version, bool has_unacked) {
    node_tick_out(node, now_ms, has_unacked);
    if (node->is_info_due && node_is_out_up(node) && node->dialect == DIALECT_PAIR) {
        node->is_info_due = false;
        node->self.version = version;
        node_say(node, "repl info ", &node->self);
    }
    uint64_t due = node_out_due(node, has_unacked);
    if (node->in_link != 0) {
        if (now_ms - node->in_heard_ms > node->config.timeout_ms) {
            node->timeouts++;
            node_act(node, NODE_CLOSE_IN)->link = node->in_link;
            node_in_closed(node, now_ms, node->in_link);
        } else if (node->in_heard_ms + node->config.timeout_ms + 1 < due) {
            due = node->in_heard_ms + node->config.timeout_ms + 1;
        }
    }
    if (node->self.state != NODE_READY) {
        if (is_reached(node)) {
            node->join_deadline_ms = now_ms + node->config.join_timeout_ms;
        } else if (now_ms >= node->join_deadline_ms) {
            node_become_ready(node);
            node_become_master(node, version);
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
