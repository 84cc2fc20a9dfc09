/* Looking at one key or at all of them as they are now, for sending, counting and sweeping. */
#include "memcached/store/walk.h"

#include "memcached/store/write.h"

/* True from the visitor ends the item's being queued. */
static bool visit_locked(struct item *item, uint64_t hash, store_visitor visitor, void *context) {
    struct store_view view;
    struct store_key key = {
        .data = item->key, .bytes = shared_load(&item->key_bytes), .hash = hash};
    view_fill_locked(&view, item);
    if (!visitor(context, &key, &view))
        return false;
    unsigned bits = shared_load(&item->bits);
    if (bits & ITEM_QUEUED)
        shared_store(&item->bits, (uint8_t)(bits & ~(unsigned)ITEM_QUEUED));
    return true;
}

enum store_found store_visit(struct store_thread *thread, const struct store_key *key,
                             store_visitor visitor, void *context, uint64_t *version) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    uint64_t absent_since = 0;
    bool is_visited = false;
    latch_acquire(&stripe->lock);
    struct spot spot = index_find(&store->index, &store->arena, key);
    enum item_life life = spot.line ? item_life(store, spot.item) : ITEM_INVISIBLE;
    if (life == ITEM_ALIVE) {
        visit_locked(spot.item, key->hash, visitor, context);
        is_visited = true;
    } else {
        /* a dead item says since which version its key is not what it was before */
        if (life != ITEM_INVISIBLE)
            absent_since = shared_load(&spot.item->version);
        if (store->is_replicated) {
            uint64_t gone = tombstone_find(&store->tombstones, key->hash);
            absent_since = gone > absent_since ? gone : absent_since;
        }
        if (spot.line)
            link_bury_locked(thread, stripe, key->hash, spot, life);
    }
    latch_release(&stripe->lock);
    if (is_visited)
        return STORE_VISITED;
    *version = absent_since;
    return STORE_ABSENT;
}

uint64_t store_forgotten(const struct store *store) {
    return store->is_replicated ? tombstone_floor(&store->tombstones) : 0;
}

bool walk_buckets(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count,
                  bool (*each)(struct walk_step *step), void *context) {
    struct store *store = thread->store;
    struct index *index = &store->index;
    for (unsigned i = 0; i < bucket_count; i++) {
        /* the stripe depends on low bits only, which no split of the bucket changes */
        uint32_t bucket = index_walk_bucket(index, *cursor);
        struct stripe *stripe = &store->stripes[bucket & store->stripe_mask];
        latch_acquire(&stripe->lock);
        bucket = index_walk_bucket(index, *cursor);
        uint64_t next = index_walk_next(index, *cursor);
        bool goes_on = true;
        for (struct line *line = &index->lines[bucket]; line && goes_on;
             line = index_next(index, line)) {
            unsigned used = line_used(line);
            for (; used && goes_on; used &= used - 1) {
                unsigned slot = (unsigned)__builtin_ctz(used);
                struct walk_step step = {
                    .thread = thread,
                    .stripe = stripe,
                    .spot = {line, slot, item_at(store, shared_load(&line->slot[slot]))},
                    .context = context,
                };
                goes_on = each(&step);
            }
        }
        latch_release(&stripe->lock);
        if (!goes_on)
            return false;
        *cursor = next;
        if (next == 0)
            return true;
    }
    return false;
}

struct walk_visit {
    store_visitor visitor;
    void *context;
};

static bool visit_step(struct walk_step *step) {
    const struct walk_visit *visit = step->context;
    struct item *item = step->spot.item;
    const struct store *store = step->thread->store;
    if (item_life(store, item) != ITEM_ALIVE)
        return true;
    return visit_locked(item, item_hash(store, item), visit->visitor, visit->context);
}

bool store_walk(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count,
                store_visitor visitor, void *context, unsigned *percent) {
    struct walk_visit visit = {.visitor = visitor, .context = context};
    bool is_done = walk_buckets(thread, cursor, bucket_count, visit_step, &visit);
    if (percent)
        *percent = is_done ? 100 : (unsigned)((*cursor >> 32) * 100 >> 32);
    return is_done;
}

/*
 * Removing an item moves others within its chain, so this drops one item a step and starts the
 * bucket anew.
 */
struct sweep {
    bool drops_all_dead; /* or only what an earlier life of the store left */
    bool has_dropped;
    unsigned dropped;
};

static bool sweep_step(struct walk_step *step) {
    struct sweep *sweep = step->context;
    struct store *store = step->thread->store;
    struct item *item = step->spot.item;
    enum item_life life = item_life(store, item);
    if (life == ITEM_ALIVE || (life != ITEM_INVISIBLE && !sweep->drops_all_dead))
        return true;
    link_bury_locked(step->thread, step->stripe, item_hash(store, item), step->spot, life);
    sweep->has_dropped = true;
    sweep->dropped++;
    return false;
}

static bool sweep_buckets(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count,
                          struct sweep *sweep) {
    for (unsigned i = 0; i < bucket_count; i++) {
        bool is_done;
        do {
            sweep->has_dropped = false;
            is_done = walk_buckets(thread, cursor, 1, sweep_step, sweep);
        } while (sweep->has_dropped);
        if (is_done)
            return true;
    }
    return false;
}

unsigned walk_drop_dead(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count) {
    struct sweep sweep = {.drops_all_dead = true};
    if (sweep_buckets(thread, cursor, bucket_count, &sweep))
        *cursor = 0;
    return sweep.dropped;
}

bool store_sweep(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count) {
    struct store *store = thread->store;
    struct sweep sweep = {.drops_all_dead = false};
    if (*cursor == 0) {
        latch_acquire(&store->admin);
        store->epochs_sweeping = store->epochs_unswept;
        latch_release(&store->admin);
    }
    if (!sweep_buckets(thread, cursor, bucket_count, &sweep))
        return false;
    latch_acquire(&store->admin);
    /* epochs that began during the sweep are still to be swept */
    store->epochs_unswept -= store->epochs_sweeping;
    store->epochs_sweeping = 0;
    latch_release(&store->admin);
    return true;
}
