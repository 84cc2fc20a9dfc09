/*
 * What a connection has received and not yet used: mostly nothing. A thread receives into one large
 * buffer of its own (it stays in the processor's cache), and only what is left over after the
 * commands in it were executed is kept here until the next bytes arrive.
 */
#ifndef NET_INBUF_H
#define NET_INBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/net/bufpool.h"

enum { INBUF_BYTES_MAX = BUFPOOL_LARGE_BYTES }; /* the size of a thread's receive buffer too */

/* One owner thread. */
struct inbuf {
    char *data; /* lent by the pool; NULL while nothing is kept */
    size_t start;
    size_t bytes; /* kept, from data + start */
    size_t capacity;
};

void inbuf_init(struct inbuf *in);
/* Drops what is kept. */
void inbuf_free(struct inbuf *in, struct bufpool *pool);

static inline const char *inbuf_head(const struct inbuf *in) {
    return in->data + in->start;
}

/*
 * Keeps a copy of these bytes instead of what is kept now (they may not overlap it). With none, the
 * memory is given back. False when the pool has none: then nothing is kept.
 */
bool inbuf_keep(struct inbuf *in, struct bufpool *pool, const char *data, size_t bytes);

/* `count` bytes of the head are used up. Memory is given back with the last. */
void inbuf_consume(struct inbuf *in, struct bufpool *pool, size_t count);

#endif
