#include "repl/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/stream.h"

_Static_assert((int)ENCODE_HEAD_BYTES_MAX >= (int)STREAM_HEAD_BYTES_MAX, "room for every line");

int64_t encode_exptime(const struct clock *clock, uint32_t exptime) {
    return stream_exptime(exptime, clock_seconds(clock), clock_wall_ms(clock) / 1000);
}

size_t encode_set(char *out, enum out_dialect dialect, const struct clock *clock,
                  const struct store_key *key, const struct store_view *view) {
    struct stream_set set = {
        .key = key->data,
        .key_bytes = key->bytes,
        .value_bytes = view->value_bytes,
        .client_flags = view->client_flags,
        .version = view->version,
        .exptime = encode_exptime(clock, view->exptime),
        .is_stale = dialect == DIALECT_PAIR && view->state & STORE_STALE,
    };
    return dialect == DIALECT_CLASSIC ? stream_put_classic_set(out, &set)
                                      : stream_put_set(out, &set);
}

bool encode_is_absent(enum out_dialect dialect, const struct store_view *view) {
    if (view->state & STORE_STALE)
        return dialect == DIALECT_CLASSIC;
    return view->state & STORE_CLAIMED && view->value_bytes == 0;
}

size_t encode_stale(char *out, enum out_dialect dialect, const struct store_key *key,
                    const struct store_view *view) {
    if (!(view->state & STORE_STALE) || dialect != DIALECT_META)
        return 0;
    return stream_put_invalidate(out, key->data, key->bytes, view->version);
}

size_t encode_delete(char *out, enum out_dialect dialect, const struct store_key *key,
                     uint64_t version) {
    if (dialect == DIALECT_CLASSIC)
        return stream_put_classic_delete(out, key->data, key->bytes);
    return stream_put_delete(out, key->data, key->bytes, version);
}

/* `<words> <number>[ noreply]\r\n` */
static size_t put_line(char *out, const char *words, uint64_t number, const char *end) {
    int bytes = snprintf(out, ENCODE_HEAD_BYTES_MAX, "%s %" PRIu64 "%s\r\n", words, number, end);
    DCHECK(bytes > 0 && bytes < ENCODE_HEAD_BYTES_MAX);
    return (size_t)bytes;
}

size_t encode_flush(char *out, enum out_dialect dialect, uint64_t version) {
    return dialect == DIALECT_PAIR ? put_line(out, "repl flush", version, "")
                                   : put_line(out, "flush_all", 0, " noreply");
}

size_t encode_flush_later(char *out, enum out_dialect dialect, const struct clock *clock,
                          uint64_t version, uint64_t wall_s) {
    if (dialect == DIALECT_PAIR) {
        int bytes = snprintf(out, ENCODE_HEAD_BYTES_MAX,
                             "repl flush_later %" PRIu64 " %" PRIu64 "\r\n", wall_s, version);
        return (size_t)bytes;
    }
    uint64_t now_s = clock_wall_ms(clock) / 1000;
    if (wall_s == 0)
        return 0; /* a stock memcached cannot be told to forget a flush */
    return put_line(out, "flush_all", wall_s > now_s ? wall_s - now_s : 0, " noreply");
}

size_t encode_barrier(char *out, enum out_dialect dialect, uint64_t number) {
    if (dialect == DIALECT_PAIR)
        return put_line(out, "repl barrier", number, "\r\nmn");
    const char *text = dialect == DIALECT_CLASSIC ? "version\r\n" : "mn\r\n";
    size_t bytes = strlen(text);
    memcpy(out, text, bytes);
    return bytes;
}

size_t encode_ack(char *out, uint64_t number) {
    return put_line(out, "repl ack", number, "");
}

size_t encode_progress(char *out, unsigned percent) {
    return put_line(out, "repl progress", percent, "");
}
