/* What watchers are shown: the kinds of events, one event, and its line. */
#ifndef SERVE_EVENT_H
#define SERVE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
#define EVENT(name, stream, line) EVENT_##name,
#include "memcached/serve/events.def"
#undef EVENT
    EVENT_KIND_COUNT
};

enum event_stream_index {
#define EVENT_STREAM(name, word) EVENT_STREAM_INDEX_##name,
#include "memcached/serve/events.def"
#undef EVENT_STREAM
    EVENT_STREAM_COUNT
};

/* Streams as bits. */
enum event_stream {
#define EVENT_STREAM(name, word) EVENT_STREAM_##name = 1 << EVENT_STREAM_INDEX_##name,
#include "memcached/serve/events.def"
#undef EVENT_STREAM
};

enum {
    EVENT_TEXT_BYTES_MAX = 256, /* of a key or an address */
    /* a line with its newline: every byte of the text may become three */
    EVENT_LINE_BYTES_MAX = 3 * EVENT_TEXT_BYTES_MAX + 320,
};

/* One event, as it stands in a ring with its text (or the numbers in its place) behind it. */
struct event_record {
    uint32_t record_bytes; /* the ring's own */
    uint16_t text_bytes;
    uint8_t kind; /* enum event_kind */
    uint8_t class_id;
    uint64_t gid;                 /* numbers all events of a server; event_log_put fills it in, */
    uint64_t wall_us;             /* and the time: microseconds since 1970 */
    uint64_t size;                /* of the value */
    const char *status, *command; /* static text */
    int32_t ttl_s;
    uint32_t idle_s; /* since the last access */
    int32_t fd;      /* of the connection it happened on */
    uint16_t port;
};

/* The streams of a word of `watch`, 0 if there is none of that name. */
uint32_t event_stream_named(const char *word, size_t bytes);

/* The stream that a kind belongs to. */
uint32_t event_stream_of(enum event_kind kind);

/* Writes the line, its newline included, and returns its length. EVENT_LINE_BYTES_MAX bytes. */
size_t event_format(const struct event_record *event, const char *text, char *out);

#endif
