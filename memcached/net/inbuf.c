#include "memcached/net/inbuf.h"

#include <string.h>

#include "memcached/base/check.h"

void inbuf_init(struct inbuf *in) {
    *in = (struct inbuf){0};
}

void inbuf_free(struct inbuf *in, struct bufpool *pool) {
    if (in->data)
        bufpool_give(pool, in->data, in->capacity);
    inbuf_init(in);
}

bool inbuf_keep(struct inbuf *in, struct bufpool *pool, const char *data, size_t bytes) {
    CHECK(bytes <= INBUF_BYTES_MAX);
    if (bytes == 0 || bytes > in->capacity) {
        inbuf_free(in, pool);
        if (bytes == 0)
            return true;
        in->data = bufpool_take(pool, bytes, &in->capacity);
        if (!in->data) {
            inbuf_init(in);
            return false;
        }
    }
    memcpy(in->data, data, bytes);
    in->start = 0;
    in->bytes = bytes;
    return true;
}

void inbuf_consume(struct inbuf *in, struct bufpool *pool, size_t count) {
    CHECK(count <= in->bytes);
    in->start += count;
    in->bytes -= count;
    if (in->bytes == 0)
        inbuf_free(in, pool);
}
