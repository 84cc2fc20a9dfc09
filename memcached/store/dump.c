/*
 * Dumps: all items as they are, a few at a time, for as long as the reader takes. Those of classes go
 * through the index as well: on the lists an item would be missed, or shown twice, that moves from one
 * to another meanwhile.
 */
#include "memcached/base/mem.h"
#include "memcached/store/crawler.h"
#include "memcached/store/crawler_private.h"
#include "memcached/store/walk.h"
#include "memcached/store/write.h"

enum { DUMP_STEP_BUCKETS = 4 };

struct store_dump {
    struct store *store;
    enum store_dump_order order;
    uint64_t classes;          /* bit n is class n */
    uint64_t cursor;           /* in the index */
    struct class_walk walk;    /* through a cold list */
    bool is_ended;             /* the visitor has had enough */
    _Atomic bool is_cancelled; /* under the admin lock; read without it */
    /* of the step under way */
    store_visitor visitor;
    void *context;
    uint32_t looked_at[STORE_CLASS_COUNT_MAX]; /* items of each class */
};

/* Of these classes, those that have items: the others cost no look at everybody's. */
static uint64_t with_items(struct store *store, uint64_t classes) {
    uint64_t with = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        uint64_t count = 0;
        latch_acquire(&class->lock);
        for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++)
            count += class->list[segment].count;
        latch_release(&class->lock);
        with |= (uint64_t)(count > 0) << id;
    }
    return with & classes;
}

struct store_dump *store_dump_begin(struct store *store, enum store_dump_order order,
                                    uint64_t classes, enum store_dump_refusal *why) {
    struct store_dump *dump = mem_zalloc(sizeof(*dump));
    *why = STORE_DUMP_NO_MEMORY;
    if (!dump)
        return NULL;
    uint64_t existing = UINT64_MAX >> (63 - store->slabs.class_count) & ~(uint64_t)1;
    dump->store = store;
    dump->order = order;
    dump->classes = order == STORE_DUMP_INDEX ? existing : with_items(store, classes & existing);
    if (order == STORE_DUMP_COLD && dump->classes)
        class_walk_begin_newest(&dump->walk, (unsigned)__builtin_ctzll(dump->classes), LRU_COLD);
    if (order == STORE_DUMP_COLD || crawler_claim(store, &dump->is_cancelled))
        return dump;
    *why = STORE_DUMP_BUSY;
    mem_free(dump);
    return NULL;
}

/* What is dead is left to others; and an item that is queued for the peer stays so. */
static bool dump_item(struct walk_step *step) {
    struct store_dump *dump = step->context;
    struct item *item = step->spot.item;
    unsigned class_id = item_class(item);
    if (!(dump->classes >> class_id & 1) || dump->is_ended)
        return true;
    dump->looked_at[class_id]++;
    if (item_life(dump->store, item) != ITEM_ALIVE)
        return true;
    struct store_view view;
    struct store_key key = {.data = item->key, .bytes = shared_load(&item->key_bytes)};
    view_fill_locked(&view, item);
    dump->is_ended = !dump->visitor(dump->context, &key, &view);
    return true;
}

static void count_looked_at(struct store_dump *dump) {
    for (unsigned id = 1; id <= dump->store->slabs.class_count; id++) {
        struct slab_class *class = &dump->store->slabs.classes[id];
        if (!dump->looked_at[id])
            continue;
        latch_acquire(&class->lock);
        class->events.crawler_items_checked += dump->looked_at[id];
        latch_release(&class->lock);
        dump->looked_at[id] = 0;
    }
}

enum store_dump_state store_dump_step(struct store_dump *dump, struct store_thread *thread,
                                      store_visitor visitor, void *context) {
    dump->visitor = visitor;
    dump->context = context;
    if (shared_load(&dump->is_cancelled))
        return STORE_DUMP_CANCELLED;
    if (!dump->classes)
        return STORE_DUMP_OVER;
    bool is_over;
    if (dump->order == STORE_DUMP_COLD)
        is_over = class_walk_step(thread, &dump->walk, WALK_PICK_MAX, dump_item, dump, NULL);
    else
        is_over = walk_buckets(thread, &dump->cursor, DUMP_STEP_BUCKETS, dump_item, dump);
    if (dump->order == STORE_DUMP_CLASSES)
        count_looked_at(dump);
    return is_over || dump->is_ended ? STORE_DUMP_OVER : STORE_DUMP_MORE;
}

void store_dump_end(struct store_dump *dump) {
    if (dump->walk.class_id)
        class_walk_end(dump->store, &dump->walk);
    if (dump->order != STORE_DUMP_COLD)
        crawler_unclaim(dump->store, &dump->is_cancelled);
    mem_free(dump);
}
