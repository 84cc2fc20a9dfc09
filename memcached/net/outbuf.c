#include "memcached/net/outbuf.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

/*
 * The stream is data[sent..bytes) with the references slotted in: a reference stands before the
 * byte data[data_at]. References shrink from the front as they are sent.
 *
 *     data:   |  gone  | a a a a | b b b b |   room   |
 *                    sent      data_at   bytes     capacity
 *     stream: a a a a, the reference, b b b b
 */
struct outbuf_ref {
    size_t data_at;
    const char *start; /* not yet sent */
    size_t bytes;
    outbuf_release release;
    void *context;
    void *object;
};

enum { REFS_FIRST = 4, REFS_KEEP_MAX = 64 };

void outbuf_init(struct outbuf *out) {
    *out = (struct outbuf){0};
}

static void ref_release(const struct outbuf_ref *ref) {
    if (ref->release)
        ref->release(ref->context, ref->object);
}

static void data_free(struct outbuf *out) {
    if (out->pool && out->data)
        bufpool_forget(out->pool, out->capacity);
    mem_free(out->data);
    out->pool = NULL;
    out->data = NULL;
    out->capacity = 0;
}

void outbuf_free(struct outbuf *out) {
    for (size_t i = out->ref_first; i < out->ref_count; i++)
        ref_release(&out->refs[i]);
    mem_free(out->refs);
    data_free(out);
    outbuf_init(out);
}

bool outbuf_borrow(struct outbuf *out, struct bufpool *pool, size_t bytes) {
    CHECK(!out->data && out->bytes == 0);
    out->data = bufpool_take(pool, bytes, &out->capacity);
    if (!out->data)
        return false;
    out->pool = pool;
    return true;
}

void outbuf_give_back(struct outbuf *out) {
    CHECK(outbuf_pending(out) == 0);
    if (out->pool && out->data)
        bufpool_give(out->pool, out->data, out->capacity);
    else
        mem_free(out->data);
    out->pool = NULL;
    out->data = NULL;
    out->capacity = out->bytes = out->sent = 0;
}

/* To `capacity` bytes, if memory and the pool permit. */
static bool data_grow(struct outbuf *out, size_t capacity) {
    if (out->pool && !bufpool_resize(out->pool, out->capacity, capacity))
        return false;
    char *data = mem_realloc(out->data, capacity);
    if (!data) {
        if (out->pool)
            (void)bufpool_resize(out->pool, capacity, out->capacity);
        return false;
    }
    out->data = data;
    out->capacity = capacity;
    return true;
}

bool outbuf_grow(struct outbuf *out, size_t more) {
    if (out->capacity - out->bytes >= more)
        return true;
    if (more > SIZE_MAX / 4 || out->bytes > SIZE_MAX / 4) {
        out->is_failed = true;
        return false;
    }
    size_t capacity = out->capacity ? out->capacity * 2 : OUTBUF_FIRST_BYTES;
    while (capacity < out->bytes + more)
        capacity *= 2;
    if (data_grow(out, capacity))
        return true;
    out->is_failed = true;
    return false;
}

bool outbuf_put(struct outbuf *out, const void *data, size_t bytes) {
    char *place = outbuf_reserve(out, bytes);
    if (!place)
        return false;
    if (bytes)
        memcpy(place, data, bytes);
    outbuf_commit(out, bytes);
    return true;
}

static bool refs_grow(struct outbuf *out) {
    if (out->ref_count < out->ref_capacity)
        return true;
    size_t capacity = out->ref_capacity ? out->ref_capacity * 2 : REFS_FIRST;
    struct outbuf_ref *refs = mem_realloc(out->refs, capacity * sizeof(*refs));
    if (!refs)
        return false;
    out->refs = refs;
    out->ref_capacity = capacity;
    return true;
}

bool outbuf_put_ref(struct outbuf *out, const char *bytes, size_t count, outbuf_release release,
                    void *context, void *object) {
    struct outbuf_ref ref = {.data_at = out->bytes,
                             .start = bytes,
                             .bytes = count,
                             .release = release,
                             .context = context,
                             .object = object};
    if (count == 0) {
        ref_release(&ref);
        return true;
    }
    if (!refs_grow(out)) {
        out->is_failed = true;
        ref_release(&ref);
        return false;
    }
    out->refs[out->ref_count++] = ref;
    out->ref_bytes += count;
    return true;
}

struct outbuf_mark outbuf_mark(const struct outbuf *out) {
    return (struct outbuf_mark){.bytes = out->bytes, .ref_count = out->ref_count};
}

void outbuf_cut(struct outbuf *out, struct outbuf_mark mark) {
    CHECK(mark.bytes <= out->bytes && mark.bytes >= out->sent);
    CHECK(mark.ref_count <= out->ref_count && mark.ref_count >= out->ref_first);
    while (out->ref_count > mark.ref_count) {
        const struct outbuf_ref *ref = &out->refs[--out->ref_count];
        out->ref_bytes -= ref->bytes;
        ref_release(ref);
    }
    out->bytes = mark.bytes;
}

uint64_t outbuf_ref_at(const struct outbuf *out, size_t ref, size_t at, size_t *inline_bytes) {
    bool has_ref = ref < out->ref_count;
    if (has_ref && out->refs[ref].data_at == at)
        return out->refs[ref].bytes;
    *inline_bytes = (has_ref ? out->refs[ref].data_at : out->bytes) - at;
    return 0;
}

int outbuf_iov(const struct outbuf *out, struct iovec *vec, int max) {
    size_t at = out->sent;
    size_t ref_index = out->ref_first;
    int count = 0;
    while (count < max && (at < out->bytes || ref_index < out->ref_count)) {
        size_t end = ref_index < out->ref_count ? out->refs[ref_index].data_at : out->bytes;
        if (at < end) {
            vec[count++] = (struct iovec){.iov_base = out->data + at, .iov_len = end - at};
            at = end;
        } else {
            const struct outbuf_ref *ref = &out->refs[ref_index++];
            vec[count++] =
                (struct iovec){.iov_base = (void *)(uintptr_t)ref->start, .iov_len = ref->bytes};
        }
    }
    return count;
}

/* Nothing waits: starts over at the front and frees what an unusual answer made large. */
static void start_over(struct outbuf *out) {
    out->bytes = out->sent = 0;
    out->ref_first = out->ref_count = 0;
    if (out->capacity > OUTBUF_KEEP_BYTES_MAX)
        data_free(out);
    if (out->ref_capacity > REFS_KEEP_MAX) {
        mem_free(out->refs);
        out->refs = NULL;
        out->ref_capacity = 0;
    }
}

/* Moves what waits to the front once at least half of the buffer is gone: constant work a byte. */
static void close_gap(struct outbuf *out) {
    if (out->sent < OUTBUF_FIRST_BYTES || out->sent < out->bytes - out->sent)
        return;
    size_t gap = out->sent;
    memmove(out->data, out->data + gap, out->bytes - gap);
    out->bytes -= gap;
    out->sent = 0;
    size_t refs_left = out->ref_count - out->ref_first;
    for (size_t i = 0; i < refs_left; i++) {
        out->refs[i] = out->refs[out->ref_first + i];
        out->refs[i].data_at -= gap;
    }
    out->ref_first = 0;
    out->ref_count = refs_left;
}

void outbuf_consume(struct outbuf *out, size_t count) {
    CHECK(count <= outbuf_pending(out));
    while (count > 0) {
        struct outbuf_ref *ref =
            out->ref_first < out->ref_count ? &out->refs[out->ref_first] : NULL;
        size_t end = ref ? ref->data_at : out->bytes;
        size_t from_data = end - out->sent < count ? end - out->sent : count;
        out->sent += from_data;
        count -= from_data;
        if (count == 0 || !ref)
            break;
        size_t from_ref = ref->bytes < count ? ref->bytes : count;
        ref->start += from_ref;
        ref->bytes -= from_ref;
        out->ref_bytes -= from_ref;
        count -= from_ref;
        if (ref->bytes == 0) {
            ref_release(ref);
            out->ref_first++;
        }
    }
    if (outbuf_pending(out) == 0)
        start_over(out);
    else
        close_gap(out);
}
