/* What the files of the node share (node.c, node_out.c); nobody else includes it. */
#ifndef REPL_CORE_NODE_PRIVATE_H
#define REPL_CORE_NODE_PRIVATE_H

#include "repl/core/node.h"

enum { WAIT_RETRY_MS = 50 }; /* "wait" was answered: the peer is dialled again so soon */

struct node {
    struct node_config config; /* fixed after create */
    struct node_info self, peer;
    bool is_stock_peer;
    bool is_info_due; /* the peer has not been told yet what we are now */

    uint64_t join_deadline_ms; /* not ready and nobody reached by then: master of what is here */

    /* the outgoing link */
    enum out_state out;
    enum out_dialect dialect;
    bool was_up;              /* it has streamed before */
    uint64_t out_deadline_ms; /* dialing, greeting, probing */
    uint64_t retry_at_ms, backoff_ms;
    uint64_t out_peer_id; /* whom the stream goes to */
    /* whom it went to, and when it ended; 0: it has not, or that peer has been heard of since */
    uint64_t lost_peer_id, lost_at_ms;
    bool has_told_cover;     /* the hello said that our log covers something */
    bool is_backlog_through; /* what had to be sent first has been handed to the stream */
    uint64_t barriers_sent, barriers_acked,
        final_barrier;      /* final: behind the end of a full sync */
    uint64_t out_heard_ms;  /* when it last took what it had refused before */
    uint64_t barrier_at_ms; /* when the last one was sent */

    /* the incoming link */
    uint64_t in_link, in_heard_ms;
    uint64_t in_peer_id;    /* who said hello on it */
    uint64_t wait_since_ms; /* the source is being told to wait for our log since then; 0: not */

    uint64_t full_syncs_out, full_syncs_in, partial_resyncs_out, partial_resyncs_in;
    uint64_t dials, reconnects, timeouts, refusals, last_error_ms;

    struct node_action actions[NODE_ACTIONS_MAX]; /* a ring */
    unsigned action_first, action_count;
};

/* Appends an action; its other fields are for the caller to fill. */
struct node_action *node_act(struct node *node, enum node_action_kind kind);
/* Text for the peer: the prefix, and what `info` says if it is given. */
void node_say(struct node *node, const char *prefix, const struct node_info *info);
bool node_is_out_up(const struct node *node);
/* Role, state or promotion changed: everybody who has to know will be told. */
void node_changed(struct node *node);
void node_note_error(struct node *node, uint64_t now_ms);

void node_become_master(struct node *node, uint64_t version);
void node_become_ready(struct node *node);
/* Two masters that see each other: the earlier promotion steps down. */
void node_settle_roles(struct node *node);
/* Two slaves that meet: the one that would be the source is the master. */
void node_elect(struct node *node, uint64_t version);

/* Ends the outgoing link; it is dialled again at retry_at_ms. */
void node_close_out(struct node *node, uint64_t now_ms, uint64_t retry_at_ms);
/* The answer to an open barrier may have been lost with the peer's last link: one more is sent. */
void node_ask_again(struct node *node);
/* Time passes for the outgoing link; and when it next has to. */
void node_tick_out(struct node *node, uint64_t now_ms, bool has_unacked);
uint64_t node_out_due(const struct node *node, bool has_unacked);

#endif
