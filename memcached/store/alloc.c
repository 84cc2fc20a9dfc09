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
 * chunk serves as well.
 */
static struct item *chunk_take_larger(struct store_thread *thread, unsigned class_id) {
    struct item *chunk = NULL;
    while (!chunk && ++class_id <= thread->store->slabs.class_count)
        chunk = chunk_take_once(thread, class_id);
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

/*
 * The chunks behind the first of a chunked item, for `bytes` of value. False, with nothing kept, if
 * one of them cannot be had.
 */
static bool chunks_take(struct store_thread *thread, struct item *first, uint64_t bytes) {
    struct store *store = thread->store;
    uint32_t most = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    struct item *before = NULL;
    struct item *skips_from = NULL; /* the last chunk whose skip is still to be set */
    uint32_t none = 0;
    uint32_t number = 0;
    memcpy(item_link_place(first), &none, sizeof(none));
    while (bytes) {
        uint32_t here = bytes < most ? (uint32_t)bytes : most;
        struct item *chunk = value_chunk_take(thread, here);
        if (!chunk) {
            item_free_chunks(store, first);
            return false;
        }
        uint32_t handle = item_handle(store, chunk);
        shared_store(&chunk->bits, 0);
        shared_store(&chunk->mark, 0);
        shared_store(&chunk->value_bytes, here);
        chunk->lru_next = 0;
        shared_store(&chunk->exptime, item_handle(store, first));
        shared_store(&chunk->version, 0);
        /* pairs with the acquire in chunk_owner_locked: a value chunk tells of its own first */
        atomic_store_explicit(&chunk->key_bytes, 0, memory_order_release);
        if (number++ % CHUNK_SKIP == 0) {
            if (skips_from)
                shared_store(&skips_from->version, handle);
            skips_from = chunk;
        }
        if (before)
            before->lru_next = handle;
        else
            memcpy(item_link_place(first), &handle, sizeof(handle));
        before = chunk;
        bytes -= here;
    }
    return true;
}

static void give_back(struct store *store, struct item *chunk) {
    struct slab_class *class = class_of(store, chunk);
    latch_acquire(&class->lock);
    slab_chunk_push_locked(class, &store->arena, chunk);
    latch_release(&class->lock);
}

struct item *item_reserve(struct store_thread *thread, const struct store_key *key,
                          uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                          enum store_status *why) {
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
    uint64_t bytes_behind = 0; /* of the value, in further chunks */
    if (UNLIKELY(bytes > chunk_max)) {
        bits |= ITEM_CHUNKED;
        class_id = store->slabs.class_count;
        bytes_behind = bytes + ITEM_LINK_BYTES - chunk_max;
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
    if (LIKELY(!bytes_behind))
        return item;
    if (chunks_take(thread, item, bytes_behind))
        return item;
    give_back(store, item);
no_memory:
    *why = STORE_NO_MEMORY;
    return NULL;
}

struct item *store_reserve(struct store_thread *thread, const struct store_key *key,
                           uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                           enum store_status *why) {
    struct item *item = item_reserve(thread, key, client_flags, exptime, value_bytes, why);
    if (UNLIKELY(!item))
        shared_add(*why == STORE_TOO_LARGE ? &thread->counters.store_too_large
                                           : &thread->counters.store_no_memory,
                   1);
    return item;
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
    uint64_t here = store->slabs.chunk_bytes_max - (uint64_t)(value - (char *)item);
    if (offset < here) {
        *start = value + offset;
        return (size_t)(here - offset);
    }
    offset -= here;
    uint64_t each = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    struct item *chunk = item_at(store, item_second_chunk(item));
    /* all chunks but the last are full */
    uint64_t steps = offset / each;
    for (; steps >= CHUNK_SKIP; steps -= CHUNK_SKIP)
        chunk = item_at(store, (uint32_t)shared_load(&chunk->version));
    for (; steps; steps--)
        chunk = item_at(store, chunk->lru_next);
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
