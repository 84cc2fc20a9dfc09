/* Which of two nodes has what the other needs: decided alike by both from the same two infos. */
#ifndef REPL_CORE_ORDER_H
#define REPL_CORE_ORDER_H

#include <stdbool.h>

#include "repl/core/node.h"

/* Does this node's log, since it was last acknowledged, bring `peer_id` up to date? */
static inline bool order_covers(const struct node_info *info, uint64_t peer_id) {
    return info->complete_for == NODE_COMPLETE_FOR_ANY || info->complete_for == peer_id;
}

/* Both logs suffice: each side sends its own, newest wins key by key. */
static inline bool order_can_resume(const struct node_info *a, const struct node_info *b) {
    return order_covers(a, b->id) && order_covers(b, a->id);
}

/*
 * Is `a` the source if one of the two has to start over? In this order:
 * a node that is further on (ready, then syncing) has more than one that is joining; a node whose
 * log does not cover what it has would lose it, the other sends its log first and loses nothing;
 * the later promotion; the lower id.
 */
static inline bool order_is_source(const struct node_info *a, const struct node_info *b) {
    if (a->state != b->state)
        return a->state > b->state;
    bool a_is_covered = order_covers(a, b->id);
    bool b_is_covered = order_covers(b, a->id);
    if (a_is_covered != b_is_covered)
        return !a_is_covered;
    if (a->promoted_at != b->promoted_at)
        return a->promoted_at > b->promoted_at;
    return a->id < b->id;
}

#endif
