#include "memcached/store/alloc.h"

#include "memcached/store/link.h"
#include "memcached/store/lru.h"
#include "memcached/store/pages.h"

enum {
    TAKE_TRIES = 10,        /* chunks made free that others were quicker to take */
    TAKE_RELEASE_TRIES = 3, /* the same for pages */
};

static struct item *chunk_take_once(struct store_thread *thread, unsigned class_id) {
    struct store *store = thread->store;
    struct slab_class *class = &store->slabs.classes[class_id];
    latch_acquire(&class->lock);
    struct item *chunk = slab_chunk_pop_locked(class, &store->arena, class_id);
    for (unsigned tries = 0; UNLIKELY(!chunk) && tries < TAKE_TRIES; tries++) {
        if (!slab_page_add_locked(&store->slabs, &store->arena, class_id) &&
            !lru_make_room_locked(thread, class_id))
            break;
        chunk = slab_chunk_pop_locked(class, &store->arena, class_id);
    }
    latch_release(&class->lock);
    return chunk;
}

/* A page is moved to the class if it takes one to have a chunk. */
static struct item *chunk_try(struct store_thread *thread, unsigned class_id, enum page_need need) {
    struct item *chunk = NULL;
    for (unsigned tries = 0; !chunk && tries < TAKE_RELEASE_TRIES; tries++) {
        if (!page_release(thread, class_id, need))
            break;
        chunk = chunk_take_once(thread, class_id);
    }
    return chunk;
}

/*
 * Everything of the class is in use by those who fill or hold it, and so is every page: a larger
 * chunk serves as well, of a class that has some; unless memory is to be full where it is full.
 */
static struct item *chunk_take_larger(struct store_thread *thread, unsigned class_id) {
    struct store *store = thread->store;
    struct item *chunk = NULL;
    if (pages_are_kept(store))
        return NULL;
    while (!chunk && ++class_id <= store->slabs.class_count) {
        if (pages_of(store, class_id) > 0)
            chunk = chunk_take_once(thread, class_id);
    }
    return chunk;
}

struct item *chunk_take(struct store_thread *thread, unsigned class_id) {
    struct item *chunk = chunk_take_once(thread, class_id);
    if (LIKELY(chunk != NULL))
        return chunk;
    /* memory is used up and this class has nothing to evict */
    chunk = chunk_try(thread, class_id, PAGE_IS_WANTED);
    if (!chunk)
        chunk = chunk_try(thread, class_id, PAGE_IS_NEEDED);
    if (!chunk)
        chunk = chunk_take_larger(thread, class_id);
    if (!chunk) {
        struct slab_class *class = &thread->store->slabs.classes[class_id];
        latch_acquire(&class->lock);
        class->events.outofmemory++;
        latch_release(&class->lock);
    }
    return chunk;
}

/*
 * For `bytes` of a chunked value. A class may be full of such chunks alone, none of which is an
 * item that could be evicted: then one of the largest chunks serves, where the chunked items are.
 */
static struct item *value_chunk_take(struct store_thread *thread, uint32_t bytes) {
    struct slabs *slabs = &thread->store->slabs;
    unsigned class_id = slab_class_for(slabs, ITEM_HEADER_BYTES + bytes);
    struct item *chunk = chunk_take_once(thread, class_id);
    if (UNLIKELY(!chunk) && class_id < slabs->class_count)
        chunk = chunk_try(thread, class_id, PAGE_IS_WANTED);
    return chunk ? chunk : chunk_take(thread, slabs->class_count);
}

/* The end of what a chunked item has of its chain. */
struct chain_end {
    struct item *last;       /* NULL: there is nothing behind the first chunk yet */
    struct item *skips_from; /* the last chunk whose skip is still to be set */
    uint64_t count;
};

static struct chain_end chain_end_of(const struct store *store, struct item *first) {
    struct chain_end end = {0};
    uint32_t handle = item_second_chunk(first);
    for (uint32_t skipping = handle; skipping;) {
        handle = skipping;
        end.skips_from = item_at(store, handle);
        skipping = (uint32_t)shared_load(&end.skips_from->version);
        end.count += skipping ? CHUNK_SKIP : 0;
    }
    for (; handle; handle = end.last->lru_next) {
        end.last = item_at(store, handle);
        end.count++;
    }
    return end;
}

static void chain_append(const struct store *store, struct item *first, struct chain_end *end,
                         struct item *chunk, uint32_t bytes) {
    uint32_t handle = item_handle(store, chunk);
    shared_store(&chunk->bits, 0);
    shared_store(&chunk->mark, 0);
    shared_store(&chunk->value_bytes, bytes);
    chunk->lru_next = 0;
    shared_store(&chunk->exptime, item_handle(store, first));
    shared_store(&chunk->version, 0);
    /* pairs with the acquire in chunk_owner_locked: a value chunk tells of its own first */
    atomic_store_explicit(&chunk->key_bytes, 0, memory_order_release);
    if (end->count++ % CHUNK_SKIP == 0) {
        if (end->skips_from)
            shared_store(&end->skips_from->version, handle);
        end->skips_from = chunk;
    }
    if (end->last)
        end->last->lru_next = handle;
    else
        memcpy(item_link_place(first), &handle, sizeof(handle));
    end->last = chunk;
}

/* How much of a chunked item's value its first chunk holds. */
static uint64_t first_chunk_bytes(const struct store *store, struct item *first) {
    return store->slabs.chunk_bytes_max - (uint64_t)(item_value(first) - (char *)first);
}

/*
 * Chunks for the next bytes of a chunked item's value, `most` of them or (by less than a chunk)
 * more. Returns for how many it got some; less than asked for, with more to come, is for want of
 * memory.
 */
static uint64_t chain_extend(struct store_thread *thread, struct item *first, uint64_t most) {
    const struct store *store = thread->store;
    uint64_t each = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    struct chain_end end = chain_end_of(store, first);
    uint64_t left = shared_load(&first->value_bytes) - first_chunk_bytes(store, first);
    uint64_t taken = 0;
    /* all chunks but the last of the value are full */
    left -= end.count * each < left ? end.count * each : left;
    while (taken < most && left) {
        uint32_t here = (uint32_t)(left < each ? left : each);
        struct item *chunk = value_chunk_take(thread, here);
        if (!chunk)
            break;
        chain_append(store, first, &end, chunk, here);
        taken += here;
        left -= here;
    }
    return taken;
}

/* An item with memory for all of its value, or (if that is chunked) for so much of it. */
static inline struct item *reserve(struct store_thread *thread, const struct store_key *key,
                                   uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                                   uint64_t part_bytes, enum store_status *why) {
    struct store *store = thread->store;
    unsigned bits = client_flags ? ITEM_HAS_FLAGS : 0;
    uint64_t reported = ITEM_REPORTED_OVERHEAD + key->bytes + item_extra_bytes(bits) + value_bytes;
    DCHECK(key->bytes > 0 && key->bytes <= STORE_KEY_BYTES_MAX);
    if (UNLIKELY(value_bytes > store->item_bytes_max || reported > store->item_bytes_max)) {
        *why = STORE_TOO_LARGE;
        return NULL;
    }
    uint64_t bytes = item_value_offset(key->bytes, bits) + value_bytes;
    uint32_t chunk_max = store->slabs.chunk_bytes_max;
    unsigned class_id;
    if (UNLIKELY(bytes > chunk_max)) {
        bits |= ITEM_CHUNKED;
        class_id = store->slabs.class_count;
    } else {
        class_id = slab_class_for(&store->slabs, (uint32_t)bytes);
    }
    struct item *item = chunk_take(thread, class_id);
    if (UNLIKELY(!item))
        goto no_memory;
    shared_store(&item->version, 0);
    shared_store(&item->exptime, exptime);
    shared_store(&item->access_time, clock_seconds(store->clock));
    shared_store(&item->value_bytes, (uint32_t)value_bytes);
    shared_store(&item->key_bytes, (uint8_t)key->bytes);
    shared_store(&item->mark, 0);
    shared_store(&item->bits, (uint8_t)bits);
    memcpy(item->key, key->data, key->bytes);
    if (client_flags)
        memcpy(item->key + key->bytes, &client_flags, sizeof(client_flags));
    if (LIKELY(!(bits & ITEM_CHUNKED)))
        return item;
    uint32_t none = 0;
    memcpy(item_link_place(item), &none, sizeof(none));
    uint64_t behind = value_bytes - first_chunk_bytes(store, item);
    uint64_t wanted = behind < part_bytes ? behind : part_bytes;
    if (chain_extend(thread, item, wanted) >= wanted)
        return item;
    item_free(store, item);
no_memory:
    *why = STORE_NO_MEMORY;
    return NULL;
}

struct item *item_reserve(struct store_thread *thread, const struct store_key *key,
                          uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                          enum store_status *why) {
    return reserve(thread, key, client_flags, exptime, value_bytes, UINT64_MAX, why);
}

static void count_refused(struct store_thread *thread, enum store_status why) {
    shared_add(why == STORE_TOO_LARGE ? &thread->counters.store_too_large
                                      : &thread->counters.store_no_memory,
               1);
}

struct item *store_reserve(struct store_thread *thread, const struct store_key *key,
                           uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                           enum store_status *why) {
    struct item *item = item_reserve(thread, key, client_flags, exptime, value_bytes, why);
    if (UNLIKELY(!item))
        count_refused(thread, *why);
    return item;
}

struct item *store_reserve_part(struct store_thread *thread, const struct store_key *key,
                                uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                                enum store_status *why) {
    struct item *item =
        reserve(thread, key, client_flags, exptime, value_bytes, STORE_PART_BYTES, why);
    if (UNLIKELY(!item))
        count_refused(thread, *why);
    return item;
}

bool store_reserve_more(struct store_thread *thread, struct item *item) {
    DCHECK(item_is_chunked(item) && !(shared_load(&item->bits) & ITEM_LINKED));
    if (chain_extend(thread, item, STORE_PART_BYTES) > 0)
        return true;
    count_refused(thread, STORE_NO_MEMORY);
    return false;
}

void store_abandon(struct store_thread *thread, struct item *item) {
    store_item_release(thread, item);
}

void store_item_mark(struct item *item, unsigned state) {
    unsigned bits = shared_load(&item->bits);
    DCHECK(!(bits & ITEM_LINKED) && !(state & ~(unsigned)ITEM_STATE_BITS));
    shared_store(&item->bits, (uint8_t)(bits | state));
}

size_t store_item_segment(const struct store *store, struct item *item, uint64_t offset,
                          char **start) {
    uint64_t value_bytes = shared_load(&item->value_bytes);
    if (offset >= value_bytes)
        return 0;
    char *value = item_value(item);
    if (LIKELY(!item_is_chunked(item))) {
        *start = value + offset;
        return (size_t)(value_bytes - offset);
    }
    uint64_t here = first_chunk_bytes(store, item);
    if (offset < here) {
        *start = value + offset;
        return (size_t)(here - offset);
    }
    offset -= here;
    uint64_t each = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    uint32_t handle = item_second_chunk(item);
    /* all chunks but the last are full; there is none yet where nothing is reserved */
    uint64_t steps = offset / each;
    for (; handle && steps >= CHUNK_SKIP; steps -= CHUNK_SKIP)
        handle = (uint32_t)shared_load(&item_at(store, handle)->version);
    for (; handle && steps; steps--)
        handle = item_at(store, handle)->lru_next;
    if (!handle)
        return 0;
    struct item *chunk = item_at(store, handle);
    offset %= each;
    *start = chunk->key + offset;
    return (size_t)(shared_load(&chunk->value_bytes) - offset);
}

void item_copy_value(const struct store *store, struct item *to, uint64_t offset,
                     struct item *from) {
    uint64_t done = 0;
    char *source;
    size_t source_bytes;
    while ((source_bytes = store_item_segment(store, from, done, &source)) > 0) {
        while (source_bytes) {
            char *target;
            size_t target_bytes = store_item_segment(store, to, offset + done, &target);
            CHECK(target_bytes > 0);
            size_t bytes = source_bytes < target_bytes ? source_bytes : target_bytes;
            memcpy(target, source, bytes);
            source += bytes;
            source_bytes -= bytes;
            done += bytes;
        }
    }
}
