/* Dumps: all items as they are, a few at a time, for as long as the reader takes. */
#include "memcached/base/mem.h"
#include "memcached/store/crawler.h"
#include "memcached/store/crawler_private.h"
#include "memcached/store/walk.h"
#include "memcached/store/write.h"

enum { DUMP_STEP_BUCKETS = 16 };

struct store_dump {
    struct store *store;
    enum store_dump_order order;
    uint64_t cursor;  /* in the index */
    uint64_t classes; /* still to be begun */
    struct class_walk walk;
    bool is_ended;             /* the visitor has had enough */
    _Atomic bool is_cancelled; /* under the admin lock; read without it */
    /* of the step under way */
    store_visitor visitor;
    void *context;
};

struct store_dump *store_dump_begin(struct store *store, enum store_dump_order order,
                                    uint64_t classes, enum store_dump_refusal *why) {
    struct store_dump *dump = mem_zalloc(sizeof(*dump));
    *why = STORE_DUMP_NO_MEMORY;
    if (!dump)
        return NULL;
    dump->store = store;
    dump->order = order;
    dump->classes = classes & (UINT64_MAX >> (63 - store->slabs.class_count)) & ~(uint64_t)1;
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
    if (item_life(dump->store, item) != ITEM_ALIVE || dump->is_ended)
        return true;
    struct store_view view;
    struct store_key key = {.data = item->key, .bytes = shared_load(&item->key_bytes)};
    view_fill_locked(&view, item);
    dump->is_ended = !dump->visitor(dump->context, &key, &view);
    return true;
}

/* True at the end. */
static bool step_classes(struct store_dump *dump, struct store_thread *thread) {
    if (!dump->walk.class_id) {
        if (!dump->classes)
            return true;
        unsigned class_id = (unsigned)__builtin_ctzll(dump->classes);
        dump->classes &= dump->classes - 1;
        if (dump->order == STORE_DUMP_COLD)
            class_walk_begin_newest(&dump->walk, class_id, LRU_COLD);
        else
            class_walk_begin(&dump->walk, class_id);
    }
    if (class_walk_step(thread, &dump->walk, WALK_PICK_MAX, dump_item, dump, NULL))
        class_walk_end(dump->store, &dump->walk);
    return !dump->walk.class_id && !dump->classes;
}

enum store_dump_state store_dump_step(struct store_dump *dump, struct store_thread *thread,
                                      store_visitor visitor, void *context) {
    dump->visitor = visitor;
    dump->context = context;
    if (shared_load(&dump->is_cancelled))
        return STORE_DUMP_CANCELLED;
    bool is_over = dump->order == STORE_DUMP_INDEX
                       ? walk_buckets(thread, &dump->cursor, DUMP_STEP_BUCKETS, dump_item, dump)
                       : step_classes(dump, thread);
    return is_over || dump->is_ended ? STORE_DUMP_OVER : STORE_DUMP_MORE;
}

void store_dump_end(struct store_dump *dump) {
    if (dump->walk.class_id)
        class_walk_end(dump->store, &dump->walk);
    if (dump->order != STORE_DUMP_COLD)
        crawler_unclaim(dump->store, &dump->is_cancelled);
    mem_free(dump);
}
