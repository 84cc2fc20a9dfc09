/*
 * What waits to be sent on a connection: contiguous bytes, with references to large values in
 * between. One owner thread; never locks.
 */
#ifndef NET_OUTBUF_H
#define NET_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memcached/net/bufpool.h"

enum {
    OUTBUF_FIRST_BYTES = 2048,         /* what the first append takes */
    OUTBUF_KEEP_BYTES_MAX = 64 * 1024, /* an empty buffer larger than this is freed */
};

/* Gives a referenced value back when its bytes are sent or dropped. */
typedef void (*outbuf_release)(void *context, void *object);

struct outbuf {
    char *data;   /* contiguous bytes */
    size_t bytes; /* used */
    size_t capacity;
    size_t sent; /* of data, bytes already gone from the head */
    struct outbuf_ref
        *refs; /* in stream order, those before ref_first are gone; private to outbuf.c */
    size_t ref_first, ref_count, ref_capacity;
    uint64_t ref_bytes; /* bytes waiting in references */
    bool
        /* an append found no memory; what is queued is intact up to the last whole mark */
        is_failed;
    struct bufpool *pool; /* that data is borrowed from; NULL: it is its own */
};

void outbuf_init(struct outbuf *out);
/* Releases references and memory. */
void outbuf_free(struct outbuf *out);

/*
 * A buffer without memory takes some from a pool, at least `bytes`, and grows within the pool's limit
 * from then on; outbuf_give_back returns it once it is empty. So a thread's idle connections need no
 * buffers of their own. False when the pool has none.
 */
bool outbuf_borrow(struct outbuf *out, struct bufpool *pool, size_t bytes);
void outbuf_give_back(struct outbuf *out);

/* Ensures room for `more` bytes. False (and is_failed) when there is no memory. */
bool outbuf_grow(struct outbuf *out, size_t more);

/*
 * Room for at least `bytes` contiguous bytes at the end: write there, then outbuf_commit what was
 * used. NULL when there is no memory (is_failed is set).
 */
static inline char *outbuf_reserve(struct outbuf *out, size_t bytes) {
    if (__builtin_expect(out->capacity - out->bytes < bytes, 0) && !outbuf_grow(out, bytes))
        return NULL;
    return out->data + out->bytes;
}
static inline void outbuf_commit(struct outbuf *out, size_t bytes) {
    out->bytes += bytes;
}

/* Copies. False when there is no memory. */
bool outbuf_put(struct outbuf *out, const void *data, size_t bytes);
/* A literal. */
#define outbuf_puts(out, literal) outbuf_put((out), (literal), sizeof(literal) - 1)

/*
 * Queues bytes[0..count) without copying; `release(context, object)` is called once when they are
 * sent, dropped or could not be queued (then returns false). release may be NULL.
 */
bool outbuf_put_ref(struct outbuf *out, const char *bytes, size_t count, outbuf_release release,
                    void *context, void *object);

/*
 * A place to cut back to: everything appended after it disappears, references released. Only valid
 * until the next outbuf_consume.
 */
struct outbuf_mark {
    size_t bytes, ref_count;
};
struct outbuf_mark outbuf_mark(const struct outbuf *out);
void outbuf_cut(struct outbuf *out, struct outbuf_mark mark);

/*
 * What comes at data[at], where `ref` counts the references before it: the bytes of one, or 0 and in
 * *inline_bytes how many there are in place up to the next or the end.
 */
uint64_t outbuf_ref_at(const struct outbuf *out, size_t ref, size_t at, size_t *inline_bytes);

/* Bytes waiting. */
static inline uint64_t outbuf_pending(const struct outbuf *out) {
    return out->bytes - out->sent + out->ref_bytes;
}
/* Fills vec with the head of the stream, at most `max` entries; returns how many. */
int outbuf_iov(const struct outbuf *out, struct iovec *vec, int max);
/* `count` bytes of the head are gone. Frees oversized memory when it runs empty. */
void outbuf_consume(struct outbuf *out, size_t count);

#endif
