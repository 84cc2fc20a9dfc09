/*
 * Checks that everything agrees with everything else: for tests and for debugging. Takes all locks
 * in turn.
 */
#include "memcached/store/alloc.h"
#include "memcached/store/link.h"

struct tally {
    uint64_t items;
    uint64_t bytes;
    uint64_t class_items[STORE_CLASS_COUNT_MAX];
};

/* The chunks of a chunked item: in pages of their classes, each knowing the first, and all of it. */
static const char *verify_chain(struct store *store, struct item *item) {
    uint32_t first = item_handle(store, item);
    uint64_t each = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    uint64_t left = shared_load(&item->value_bytes) -
                    (store->slabs.chunk_bytes_max - (uint64_t)(item_value(item) - (char *)item));
    uint32_t skipped_to = 0; /* where the last chunk that skips says the next such one is */
    uint64_t number = 0;
    for (uint32_t handle = item_second_chunk(item); handle; number++) {
        const struct item *chunk = item_at(store, handle);
        uint32_t page = arena_page(&store->arena, handle);
        unsigned id = item_class(chunk);
        uint32_t bytes = shared_load(&chunk->value_bytes);
        if (id == 0 || shared_load(&store->slabs.page_class[page]) != id ||
            (handle - arena_page_start(&store->arena, page)) % store->slabs.classes[id].chunk_units)
            return "a value chunk is not in a page of its class";
        if (shared_load(&chunk->key_bytes) != 0 || shared_load(&chunk->exptime) != first)
            return "a value chunk does not know its item";
        if (bytes != (left < each ? left : each) ||
            bytes + ITEM_HEADER_BYTES > store->slabs.classes[id].chunk_bytes)
            return "a value chunk holds more or less than its share";
        if (number % CHUNK_SKIP == 0) {
            if (number && skipped_to != handle)
                return "a skip over value chunks leads elsewhere";
            skipped_to = (uint32_t)shared_load(&chunk->version);
        }
        left -= bytes;
        handle = chunk->lru_next;
    }
    return left == 0 ? NULL : "a chunked item lacks chunks";
}

/* One bucket: each item is where its hash says, once, linked, and in a page of its class. */
static const char *verify_bucket(struct store *store, uint32_t bucket, struct tally *tally) {
    struct index *index = &store->index;
    uint32_t count = shared_load(&index->bucket_count);
    for (struct line *line = index_bucket(index, bucket); line; line = index_next(index, line)) {
        for (unsigned used = line_used(line); used; used &= used - 1) {
            unsigned slot = (unsigned)__builtin_ctz(used);
            uint32_t handle = shared_load(&line->slot[slot]);
            if (handle == 0)
                return "a slot with a tag has no handle";
            struct item *item = item_at(store, handle);
            uint64_t hash = item_hash(store, item);
            uint32_t page = arena_page(&store->arena, handle);
            uint32_t units = handle - arena_page_start(&store->arena, page);
            unsigned id = item_class(item);
            if (index_bucket_of(hash, count) != bucket)
                return "an item is in a bucket that is not its own";
            if (line_tag(line, slot) != index_tag(hash))
                return "a tag is not its item's";
            if (!(shared_load(&item->bits) & ITEM_LINKED))
                return "an item in the index is not linked";
            if (shared_load(&item->refcount) == 0)
                return "an item in the index has no reference";
            if (id == 0 || id > store->slabs.class_count ||
                shared_load(&store->slabs.page_class[page]) != id)
                return "an item is not in a page of its class";
            if (units % store->slabs.classes[id].chunk_units)
                return "an item is not at the start of a chunk";
            struct store_key key = {
                .data = item->key, .bytes = shared_load(&item->key_bytes), .hash = hash};
            if (index_find(index, &store->arena, &key).item != item)
                return "a key is in the index twice";
            const char *wrong = item_is_chunked(item) ? verify_chain(store, item) : NULL;
            if (wrong)
                return wrong;
            tally->items++;
            tally->bytes += item_reported_bytes(item);
            tally->class_items[id]++;
        }
    }
    return NULL;
}

static const char *verify_list(struct store *store, unsigned id, enum lru_segment segment) {
    const struct lru_list *list = &store->slabs.classes[id].list[segment];
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint32_t before = 0;
    for (uint32_t handle = list->head; handle; handle = item_at(store, handle)->lru_next) {
        struct item *item = item_at(store, handle);
        if (item->lru_prev != before)
            return "an LRU list's links do not agree";
        if (item_class(item) != id || item_segment(item) != segment)
            return "an item is on another list than it says";
        if (!(shared_load(&item->bits) & ITEM_LINKED))
            return "an item on a list is not linked";
        count++;
        bytes += item_reported_bytes(item);
        before = handle;
        if (count > list->count)
            return "a list is longer than its count";
    }
    if (before != list->tail)
        return "a list's tail is not its last item";
    if (count != list->count || bytes != list->bytes)
        return "a list's count or bytes are wrong";
    return NULL;
}

/* A cursor stands at an item of the class, or at the end. */
static const char *verify_cursors(struct store *store, unsigned id) {
    const struct lru_cursor *cursor = store->slabs.classes[id].cursors;
    for (; cursor; cursor = cursor->other) {
        if (!cursor->next)
            continue;
        struct item *item = item_at(store, cursor->next);
        if (item_class(item) != id || !(shared_load(&item->bits) & ITEM_LINKED))
            return "a cursor stands at no item of its class";
    }
    return NULL;
}

static const char *verify_class(struct store *store, unsigned id, const struct tally *tally) {
    const struct slab_class *class = &store->slabs.classes[id];
    uint64_t listed = 0;
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++) {
        const char *wrong = verify_list(store, id, segment);
        if (wrong)
            return wrong;
        listed += class->list[segment].count;
    }
    const char *astray = verify_cursors(store, id);
    if (astray)
        return astray;
    if (listed != tally->class_items[id])
        return "a class lists other items than the index holds";
    uint64_t free_count = 0;
    uint32_t before = 0;
    for (uint32_t handle = class->free_head; handle; handle = item_at(store, handle)->lru_next) {
        const struct item *chunk = item_at(store, handle);
        if (shared_load(&chunk->refcount) != 0 || item_class(chunk) != 0)
            return "a free chunk is not free";
        if (chunk->lru_prev != before)
            return "the free list's links do not agree";
        if (shared_load(&store->slabs.page_class[arena_page(&store->arena, handle)]) != id)
            return "a free chunk is in another class's page";
        before = handle;
        if (++free_count > class->free_count)
            break;
    }
    if (free_count != class->free_count)
        return "the free list's count is wrong";
    if (slab_free_chunks_locked(class) + listed > class->page_count * class->chunks_per_page)
        return "a class has more chunks than its pages hold";
    return NULL;
}

static const char *verify_pages(struct store *store) {
    struct slabs *slabs = &store->slabs;
    uint32_t of_class[STORE_CLASS_COUNT_MAX] = {0};
    uint32_t used = 0;
    latch_acquire(&slabs->page_lock);
    for (uint32_t page = 0; page < slabs->page_fresh; page++)
        of_class[shared_load(&slabs->page_class[page])]++;
    uint32_t page_used = slabs->page_used;
    uint32_t beyond = slabs->page_beyond;
    uint32_t over = page_used > slabs->page_limit ? page_used - slabs->page_limit : 0;
    latch_release(&slabs->page_lock);
    uint32_t classes_served = 0;
    for (unsigned id = 1; id <= slabs->class_count; id++) {
        classes_served += slabs->classes[id].has_had_page;
        used += of_class[id];
        if (of_class[id] != slabs->classes[id].page_count)
            return "a class counts other pages than it has";
    }
    if (beyond > classes_served || beyond > over)
        return "more pages are beyond the limit than may be";
    if (store->mover.phase == MOVER_WAITING)
        used++;
    return used == page_used ? NULL : "pages in use are counted wrongly";
}

const char *store_verify(struct store *store) {
    struct tally tally = {0};
    const char *wrong = NULL;
    latch_acquire(&store->admin);
    uint32_t buckets = shared_load(&store->index.bucket_count);
    for (uint32_t bucket = 0; bucket < buckets && !wrong; bucket++) {
        struct stripe *stripe = &store->stripes[bucket & store->stripe_mask];
        latch_acquire(&stripe->lock);
        wrong = verify_bucket(store, bucket, &tally);
        latch_release(&stripe->lock);
    }
    for (unsigned id = 1; id <= store->slabs.class_count && !wrong; id++) {
        latch_acquire(&store->slabs.classes[id].lock);
        wrong = verify_class(store, id, &tally);
        latch_release(&store->slabs.classes[id].lock);
    }
    if (!wrong)
        wrong = verify_pages(store);
    struct counter_totals totals;
    totals_gather_locked(store, &totals);
    if (!wrong && shared_load(&totals.counters.linked_items) != tally.items)
        wrong = "the handles' item counts do not add up";
    if (!wrong && shared_load(&totals.counters.linked_bytes) != tally.bytes)
        wrong = "the handles' byte counts do not add up";
    latch_release(&store->admin);
    return wrong;
}
