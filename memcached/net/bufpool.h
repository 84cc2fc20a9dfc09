/* Buffers that a worker lends to its connections while they have something in them. */
#ifndef NET_BUFPOOL_H
#define NET_BUFPOOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BUFPOOL_SMALL_BYTES = 2 * 1024,
    BUFPOOL_MIDDLE_BYTES = 16 * 1024,
    BUFPOOL_LARGE_BYTES = 64 * 1024,
    BUFPOOL_SIZE_COUNT = 3,
    BUFPOOL_KEEP_BYTES_MAX = 1024 * 1024, /* free buffers kept of all sizes; more are freed */
};

/* Owner thread only, but for the counters, which any thread may read. */
struct bufpool {
    struct bufpool_free *free[BUFPOOL_SIZE_COUNT];
    uint64_t limit_bytes;          /* lent and free together; 0: without limit. Fixed. */
    _Atomic uint64_t buffer_count; /* lent and free */
    _Atomic uint64_t total_bytes;  /* lent and free */
    _Atomic uint64_t free_bytes;
    _Atomic uint64_t refused_count; /* bufpool_take: no memory, or above the limit */
};

void bufpool_init(struct bufpool *pool, uint64_t limit_bytes);
/* Frees what is not lent. */
void bufpool_free(struct bufpool *pool);

/* At least `bytes` bytes (of mem_alloc); *capacity says how many. NULL: none to be had. */
char *bufpool_take(struct bufpool *pool, size_t bytes, size_t *capacity);

/* Takes a lent buffer back. */
void bufpool_give(struct bufpool *pool, char *memory, size_t capacity);

/*
 * A borrower is about to change the size of a lent buffer (with mem_realloc): accounts for it. False
 * when the limit forbids more.
 */
bool bufpool_resize(struct bufpool *pool, size_t capacity, size_t new_capacity);
/* A borrower has freed a lent buffer. */
void bufpool_forget(struct bufpool *pool, size_t capacity);

#endif
