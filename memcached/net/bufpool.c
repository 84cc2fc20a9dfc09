#include "memcached/net/bufpool.h"

#include "memcached/base/mem.h"

struct bufpool_free {
    struct bufpool_free *next;
};

static const size_t size_bytes[BUFPOOL_SIZE_COUNT] = {BUFPOOL_SMALL_BYTES, BUFPOOL_MIDDLE_BYTES,
                                                      BUFPOOL_LARGE_BYTES};

/* The owner alone writes the counters, so a load and a store will do. */
static void add(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void bufpool_init(struct bufpool *pool, uint64_t limit_bytes) {
    for (int i = 0; i < BUFPOOL_SIZE_COUNT; i++)
        pool->free[i] = NULL;
    pool->limit_bytes = limit_bytes;
    atomic_init(&pool->buffer_count, 0);
    atomic_init(&pool->total_bytes, 0);
    atomic_init(&pool->free_bytes, 0);
    atomic_init(&pool->refused_count, 0);
}

static void drop(struct bufpool *pool, char *memory, size_t capacity) {
    mem_free(memory);
    bufpool_forget(pool, capacity);
}

static char *pop(struct bufpool *pool, int index) {
    struct bufpool_free *head = pool->free[index];
    pool->free[index] = head->next;
    add(&pool->free_bytes, -(uint64_t)size_bytes[index]);
    return (char *)head;
}

static bool is_above(struct bufpool *pool, size_t more) {
    return pool->limit_bytes && get(&pool->total_bytes) + more > pool->limit_bytes;
}

/* May so many bytes be had? What is free in other sizes makes room for them. */
static bool make_room(struct bufpool *pool, size_t more) {
    for (int i = 0; i < BUFPOOL_SIZE_COUNT; i++)
        while (is_above(pool, more) && pool->free[i])
            drop(pool, pop(pool, i), size_bytes[i]);
    return !is_above(pool, more);
}

void bufpool_free(struct bufpool *pool) {
    for (int i = 0; i < BUFPOOL_SIZE_COUNT; i++)
        while (pool->free[i])
            drop(pool, pop(pool, i), size_bytes[i]);
}

char *bufpool_take(struct bufpool *pool, size_t bytes, size_t *capacity) {
    size_t wanted = bytes;
    for (int i = 0; i < BUFPOOL_SIZE_COUNT; i++) {
        if (bytes > size_bytes[i])
            continue;
        wanted = size_bytes[i];
        if (pool->free[i]) {
            *capacity = wanted;
            return pop(pool, i);
        }
        break;
    }
    char *memory = make_room(pool, wanted) ? mem_alloc(wanted) : NULL;
    if (!memory) {
        add(&pool->refused_count, 1);
        return NULL;
    }
    add(&pool->buffer_count, 1);
    add(&pool->total_bytes, wanted);
    *capacity = wanted;
    return memory;
}

void bufpool_give(struct bufpool *pool, char *memory, size_t capacity) {
    for (int i = 0; i < BUFPOOL_SIZE_COUNT; i++) {
        if (capacity != size_bytes[i] || get(&pool->free_bytes) + capacity > BUFPOOL_KEEP_BYTES_MAX)
            continue;
        struct bufpool_free *head = (struct bufpool_free *)(void *)memory;
        head->next = pool->free[i];
        pool->free[i] = head;
        add(&pool->free_bytes, capacity);
        return;
    }
    drop(pool, memory, capacity);
}

bool bufpool_resize(struct bufpool *pool, size_t capacity, size_t new_capacity) {
    if (new_capacity > capacity && !make_room(pool, new_capacity - capacity))
        return false;
    add(&pool->total_bytes, (uint64_t)new_capacity - (uint64_t)capacity);
    return true;
}

void bufpool_forget(struct bufpool *pool, size_t capacity) {
    add(&pool->buffer_count, -(uint64_t)1);
    add(&pool->total_bytes, -(uint64_t)capacity);
}
