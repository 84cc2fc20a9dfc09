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
    add(&pool->buffer_count, -(uint64_t)1);
    add(&pool->total_bytes, -(uint64_t)capacity);
}

static char *pop(struct bufpool *pool, int index) {
    struct bufpool_free *head = pool->free[index];
    pool->free[index] = head->next;
    add(&pool->free_bytes, -(uint64_t)size_bytes[index]);
    return (char *)head;
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
    bool is_above = pool->limit_bytes && get(&pool->total_bytes) + wanted > pool->limit_bytes;
    char *memory = is_above ? NULL : mem_alloc(wanted);
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

void bufpool_give_resized(struct bufpool *pool, char *memory, size_t lent, size_t capacity) {
    add(&pool->total_bytes, (uint64_t)capacity - (uint64_t)lent);
    if (memory)
        bufpool_give(pool, memory, capacity);
    else
        add(&pool->buffer_count, -(uint64_t)1);
}
