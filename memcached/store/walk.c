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
        for (struct line *line = index_bucket(index, bucket); line && goes_on;
             line = index_next(index, line)) {
            unsigned used = line_used(line);
            for (; used && goes_on; used &= used - 1) {
                unsigned slot = (unsigned)__builtin_ctz(used);
                struct walk_step step = {
                    .thread = thread,
                    .stripe = stripe,
                    .spot = {.line = line,
                             .slot = slot,
                             .item = item_at(store, shared_load(&line->slot[slot]))},
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

void class_walk_begin(struct class_walk *walk, unsigned class_id) {
    *walk = (struct class_walk){.class_id = class_id, .segment_end = LRU_SEGMENT_COUNT};
}

void class_walk_begin_newest(struct class_walk *walk, unsigned class_id, enum lru_segment segment) {
    *walk = (struct class_walk){
        .class_id = class_id, .segment = segment, .segment_end = segment + 1, .is_from_head = true};
}

static void walk_close_locked(struct slab_class *class, struct class_walk *walk) {
    if (walk->is_open)
        lru_cursor_close_locked(class, &walk->cursor);
    walk->is_open = false;
}

/* The next item of the walk; NULL at its end. */
static struct item *walk_take_locked(const struct store *store, struct slab_class *class,
                                     struct class_walk *walk) {
    for (; walk->segment < walk->segment_end; walk->segment++) {
        if (!walk->is_open) {
            lru_cursor_open_locked(class, &walk->cursor, walk->segment, walk->is_from_head);
            walk->left = class->list[walk->segment].count;
            walk->is_open = true;
        }
        /* what comes to the other end meanwhile does not keep the walk going for ever */
        struct item *item = walk->left ? lru_cursor_take_locked(store, &walk->cursor) : NULL;
        if (item) {
            walk->left--;
            return item;
        }
        walk_close_locked(class, walk);
    }
    return NULL;
}

bool class_walk_step(struct store_thread *thread, struct class_walk *walk, unsigned most,
                     bool (*each)(struct walk_step *step), void *context, unsigned *looked_at) {
    struct store *store = thread->store;
    struct slab_class *class = &store->slabs.classes[walk->class_id];
    struct {
        uint32_t handle;
        uint64_t hash;
    } picks[WALK_PICK_MAX];
    unsigned count = 0;
    if (most > WALK_PICK_MAX)
        most = WALK_PICK_MAX;
    latch_acquire(&class->lock);
    while (count < most) {
        const struct item *item = walk_take_locked(store, class, walk);
        if (!item)
            break;
        /* hashed under the class lock: on a list, so it is not freed meanwhile */
        picks[count].handle = item_handle(store, item);
        picks[count++].hash = item_hash(store, item);
    }
    if (!walk->is_from_head)
        class->events.crawler_items_checked += count;
    latch_release(&class->lock);
    bool goes_on = true;
    for (unsigned i = 0; i < count && goes_on; i++) {
        struct stripe *stripe = stripe_of(store, picks[i].hash);
        latch_acquire(&stripe->lock);
        struct walk_step step = {.thread = thread, .stripe = stripe, .context = context};
        step.spot = index_find_handle(&store->index, &store->arena, picks[i].hash, picks[i].handle);
        if (step.spot.line)
            goes_on = each(&step);
        latch_release(&stripe->lock);
    }
    if (looked_at)
        *looked_at = count;
    return walk->segment == walk->segment_end;
}

void class_walk_end(struct store *store, struct class_walk *walk) {
    struct slab_class *class = &store->slabs.classes[walk->class_id];
    latch_acquire(&class->lock);
    walk_close_locked(class, walk);
    latch_release(&class->lock);
    walk->class_id = 0;
}

/*
 * Removing an item moves others within its chain, so this drops one item a step and starts the
 * bucket anew.
 */

static bool sweep_step(struct walk_step *step) {
    bool *has_dropped = step->context;
    struct store *store = step->thread->store;
    struct item *item = step->spot.item;
    if (item_life(store, item) != ITEM_INVISIBLE)
        return true;
    link_bury_locked(step->thread, step->stripe, item_hash(store, item), step->spot,
                     ITEM_INVISIBLE);
    *has_dropped = true;
    return false;
}

static bool sweep_buckets(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count) {
    for (unsigned i = 0; i < bucket_count; i++) {
        bool is_done;
        bool has_dropped;
        do {
            has_dropped = false;
            is_done = walk_buckets(thread, cursor, 1, sweep_step, &has_dropped);
        } while (has_dropped);
        if (is_done)
            return true;
    }
    return false;
}

bool store_sweep(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count) {
    struct store *store = thread->store;
    if (*cursor == 0) {
        latch_acquire(&store->admin);
        store->epochs_sweeping = store->epochs_unswept;
        latch_release(&store->admin);
    }
    if (!sweep_buckets(thread, cursor, bucket_count))
        return false;
    latch_acquire(&store->admin);
    /* epochs that began during the sweep are still to be swept */
    store->epochs_unswept -= store->epochs_sweeping;
    store->epochs_sweeping = 0;
    latch_release(&store->admin);
    return true;
}
