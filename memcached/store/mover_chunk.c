#include "memcached/store/mover_chunk.h"

#include "memcached/store/alloc.h"
#include "memcached/store/link.h"
#include "memcached/store/lru.h"
#include "memcached/store/watch.h"

enum {
    SPARE_TRIES = 64,         /* items evicted for one chunk, under the class lock */
    CHAIN_CHUNKS_MAX = 16384, /* of a chunked item that is looked through under the stripe lock */
};

/* A chunk, what it belongs to, and where that stands in the index. */
struct place {
    struct store_thread *thread;
    struct slab_class *class;
    struct stripe *stripe;
    struct spot spot;
    struct item *chunk;
};

static bool is_first_chunk(const struct store *store, uint32_t handle) {
    uint32_t page = arena_page(&store->arena, handle);
    unsigned class_id = store->slabs.class_count;
    return page < store->arena.page_count &&
           shared_load(&store->slabs.page_class[page]) == class_id &&
           (handle - arena_page_start(&store->arena, page)) %
                   store->slabs.classes[class_id].chunk_units ==
               0;
}

struct item *chunk_owner_locked(const struct store *store, struct item *chunk) {
    struct item *owner = chunk;
    /* pairs with the release in chain_append */
    if (atomic_load_explicit(&chunk->key_bytes, memory_order_acquire) == 0) {
        /* until it is filled in, what a value chunk says may be of an earlier life */
        uint32_t first = shared_load(&chunk->exptime);
        if (first == 0 || !is_first_chunk(store, first))
            return NULL;
        owner = item_at(store, first);
    }
    /* pairs with the release in set_linked: the key can be read */
    unsigned bits = atomic_load_explicit(&owner->bits, memory_order_acquire);
    return bits & ITEM_LINKED ? owner : NULL;
}

static void free_list_unlink_locked(const struct store *store, struct slab_class *class,
                                    struct item *chunk, uint32_t handle) {
    if (chunk->lru_prev)
        item_at(store, chunk->lru_prev)->lru_next = chunk->lru_next;
    else
        class->free_head = chunk->lru_next;
    if (chunk->lru_next)
        item_at(store, chunk->lru_next)->lru_prev = chunk->lru_prev;
    class->free_count--;
    chunk->lru_next = handle;
}

/* A free chunk of the class outside of the page that it drains, or NULL. */
static struct item *spare_pop_locked(const struct store *store, struct slab_class *class,
                                     unsigned class_id) {
    struct item *chunk;
    while ((chunk = slab_chunk_pop_locked(class, &store->arena, class_id)) != NULL) {
        if (arena_page(&store->arena, item_handle(store, chunk)) != class->draining_page)
            return chunk;
        slab_chunk_push_locked(class, &store->arena, chunk);
    }
    return NULL;
}

/*
 * Free already, from a new page, or at the price of the coldest item of the class. NULL with
 * *has_evicted: items went, but what they lay in was in the page itself, or others were quicker.
 */
static struct item *spare_take(struct store_thread *thread, struct slab_class *class,
                               bool *has_evicted) {
    struct store *store = thread->store;
    struct slabs *slabs = &store->slabs;
    unsigned class_id = (unsigned)(class - slabs->classes);
    latch_acquire(&class->lock);
    struct item *chunk = spare_pop_locked(store, class, class_id);
    for (unsigned tries = 0; !chunk && tries < SPARE_TRIES; tries++) {
        if (!slab_page_add_locked(slabs, &store->arena, class_id)) {
            *has_evicted = lru_make_room_locked(thread, class_id);
            if (!*has_evicted)
                break;
        }
        chunk = spare_pop_locked(store, class, class_id);
    }
    latch_release(&class->lock);
    return chunk;
}

void chunk_spare_return(struct store_thread *thread, struct slab_class *class, struct item *spare) {
    if (!spare)
        return;
    latch_acquire(&class->lock);
    slab_chunk_push_locked(class, &thread->store->arena, spare);
    latch_release(&class->lock);
}

/* What two chunks with a header have in common, links and place apart. */
static void copy_header(struct item *to, const struct item *from) {
    shared_store(&to->version, shared_load(&from->version));
    shared_store(&to->exptime, shared_load(&from->exptime));
    shared_store(&to->access_time, shared_load(&from->access_time));
    shared_store(&to->value_bytes, shared_load(&from->value_bytes));
    shared_store(&to->key_bytes, shared_load(&from->key_bytes));
    shared_store(&to->mark, shared_load(&from->mark));
}

/* How many bytes behind the header of an item's first chunk are in use. */
static uint32_t first_chunk_bytes(const struct store *store, const struct item *item) {
    unsigned bits = shared_load(&item->bits);
    if (bits & ITEM_CHUNKED)
        return store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    return item_value_offset(shared_load(&item->key_bytes), bits) - ITEM_HEADER_BYTES +
           shared_load(&item->value_bytes);
}

/* Of a chunked item, one more at most than there are. */
static uint32_t chain_chunks(const struct store *store, const struct item *item) {
    uint64_t each = store->slabs.chunk_bytes_max - ITEM_HEADER_BYTES;
    return (uint32_t)(shared_load(&item->value_bytes) / each + 2);
}

/* Under the stripe lock nobody new can take a reference. */
static bool is_held(const struct item *item) {
    return atomic_load_explicit(&item->refcount, memory_order_acquire) != 1;
}

/* Every value chunk knows its item's first. */
static void chain_set_first(const struct store *store, struct item *item, uint32_t first) {
    uint32_t handle = item_second_chunk(item);
    while (handle) {
        struct item *chunk = item_at(store, handle);
        shared_store(&chunk->exptime, first);
        handle = chunk->lru_next;
    }
}

/*
 * Moves an item, that is its first chunk. One that is held stays where it is for its holders, whom
 * the copy serves as well as the next ones; its chunk is free when they have gone. Stripe lock held.
 */
static bool item_move_locked(const struct place *place, struct item *to) {
    struct store *store = place->thread->store;
    struct slab_class *class = place->class;
    struct item *item = place->chunk;
    uint32_t handle = item_handle(store, to);
    unsigned bits = shared_load(&item->bits);
    copy_header(to, item);
    memcpy(to->key, item->key, first_chunk_bytes(store, item));
    /* pairs with the acquire in chunk_owner_locked: whoever sees the bit sees the key */
    atomic_store_explicit(&to->bits, (uint8_t)bits, memory_order_release);
    if (bits & ITEM_CHUNKED)
        chain_set_first(store, to, handle);
    stripe_change_begin(place->stripe);
    index_replace(place->spot, handle);
    stripe_change_end(place->stripe);
    shared_store(&item->bits, (uint8_t)(bits & ~(unsigned)ITEM_LINKED));
    latch_acquire(&class->lock);
    lru_substitute_locked(store, class, item, to);
    bool is_free = item_drop_index_reference(item);
    if (is_free)
        slab_chunk_push_locked(class, &store->arena, item);
    latch_release(&class->lock);
    return is_free;
}

/*
 * The chunks of an item from which `chunk` is reached: the one before it, and the one that skips to
 * it, if any. False if it is none of the item's.
 */
struct approach {
    struct item *before; /* NULL: the item's first chunk */
    struct item *skips;
};

static bool chain_approach(const struct store *store, struct item *item, const struct item *chunk,
                           struct approach *approach) {
    uint32_t wanted = item_handle(store, chunk);
    uint32_t handle = item_second_chunk(item);
    *approach = (struct approach){NULL, NULL};
    while (handle && handle != wanted) {
        struct item *here = item_at(store, handle);
        if (shared_load(&here->version) == wanted)
            approach->skips = here;
        approach->before = here;
        handle = here->lru_next;
    }
    return handle == wanted;
}

/* Moves one value chunk of an item that nobody holds. Stripe lock held. */
static void value_chunk_move_locked(const struct place *place, const struct approach *approach,
                                    struct item *to) {
    struct store *store = place->thread->store;
    struct item *chunk = place->chunk;
    uint32_t handle = item_handle(store, to);
    copy_header(to, chunk);
    to->lru_next = chunk->lru_next;
    memcpy(to->key, chunk->key, shared_load(&chunk->value_bytes));
    shared_store(&chunk->exptime, 0);
    if (approach->before)
        approach->before->lru_next = handle;
    else
        memcpy(item_link_place(place->spot.item), &handle, sizeof(handle));
    if (approach->skips)
        shared_store(&approach->skips->version, handle);
    latch_acquire(&place->class->lock);
    slab_chunk_push_locked(place->class, &store->arena, chunk);
    latch_release(&place->class->lock);
}

/*
 * Part of a value may lie in a class without any other free chunk, nor an item to evict: then one of
 * the largest chunks serves, if it is free.
 */
static struct item *largest_pop(const struct store *store) {
    unsigned class_id = store->slabs.class_count;
    struct slab_class *class = &store->slabs.classes[class_id];
    latch_acquire(&class->lock);
    struct item *chunk = spare_pop_locked(store, class, class_id);
    latch_release(&class->lock);
    return chunk;
}

/* No memory to move it to: the item itself goes, if it may. Stripe lock held. */
static enum chunk_fate place_drop_locked(const struct place *place) {
    struct store_thread *thread = place->thread;
    struct store *store = thread->store;
    struct item *item = place->spot.item;
    shared_add(&thread->counters.slab_busy_nomem, 1);
    if (!store->is_evicting || is_held(item))
        return CHUNK_NO_MEMORY;
    struct slab_class *class = class_of(store, item);
    latch_acquire(&class->lock);
    count_eviction_locked(store, class, item);
    watch_eviction(thread, item);
    latch_release(&class->lock);
    uint64_t hash = item_hash(store, item);
    link_bury_locked(thread, place->stripe, hash, place->spot, ITEM_ALIVE);
    return CHUNK_HAS_GONE;
}

/* Moves what the chunk holds to *spare, which is NULL afterwards if it was used. */
static enum chunk_fate place_empty_locked(const struct place *place, struct item **spare) {
    struct store_thread *thread = place->thread;
    struct store *store = thread->store;
    struct item *owner = place->spot.item;
    struct approach approach = {NULL, NULL};
    bool is_first = place->chunk == owner;
    if (!is_first && !item_is_chunked(owner))
        return CHUNK_IS_BUSY; /* what it says of its owner is of an earlier life */
    if (is_held(owner))
        shared_add(&thread->counters.slab_busy_items, 1);
    if (item_is_chunked(owner) && is_held(owner))
        return CHUNK_IS_BUSY;
    if (item_is_chunked(owner) && chain_chunks(store, owner) > CHAIN_CHUNKS_MAX)
        return CHUNK_HAS_LONG_CHAIN;
    if (!is_first && !chain_approach(store, owner, place->chunk, &approach))
        return CHUNK_IS_BUSY;
    struct item *to = *spare ? *spare : is_first ? NULL : largest_pop(store);
    if (!to)
        return place_drop_locked(place);
    *spare = NULL;
    if (is_first) {
        shared_add(&thread->counters.slab_rescues, 1);
        return item_move_locked(place, to) ? CHUNK_IS_FREE : CHUNK_IS_BUSY;
    }
    shared_add(&thread->counters.slab_chunk_rescues, 1);
    value_chunk_move_locked(place, &approach, to);
    return CHUNK_IS_FREE;
}

enum chunk_fate chunk_empty(struct store_thread *thread, struct slab_class *class,
                            struct item *chunk, struct item **spare) {
    struct store *store = thread->store;
    uint32_t handle = item_handle(store, chunk);
    latch_acquire(&class->lock);
    if (item_class(chunk) == 0) {
        if (!slab_chunk_is_off_list(chunk, handle))
            free_list_unlink_locked(store, class, chunk, handle);
        latch_release(&class->lock);
        return CHUNK_IS_FREE;
    }
    /* hashed under the class lock: the chunk, hence its item, is not freed meanwhile */
    struct item *owner = chunk_owner_locked(store, chunk);
    uint64_t hash = owner ? item_hash(store, owner) : 0;
    bool stays = !owner || (item_is_chunked(owner) && is_held(owner));
    latch_release(&class->lock);
    if (stays) {
        shared_add(&thread->counters.slab_busy_items, owner != NULL);
        return CHUNK_IS_BUSY;
    }
    bool has_evicted = false;
    if (!*spare)
        *spare = spare_take(thread, class, &has_evicted);
    if (!*spare && has_evicted)
        return CHUNK_HAS_GONE;
    struct place place = {
        .thread = thread, .class = class, .stripe = stripe_of(store, hash), .chunk = chunk};
    enum chunk_fate fate = CHUNK_HAS_GONE;
    latch_acquire(&place.stripe->lock);
    place.spot = index_find_handle(&store->index, &store->arena, hash, item_handle(store, owner));
    if (place.spot.line) {
        enum item_life life = item_life(store, owner);
        if (life == ITEM_ALIVE)
            fate = place_empty_locked(&place, spare);
        else
            link_bury_locked(thread, place.stripe, hash, place.spot, life);
    } else {
        shared_add(&thread->counters.slab_inline_reclaim, 1);
    }
    latch_release(&place.stripe->lock);
    return fate;
}
