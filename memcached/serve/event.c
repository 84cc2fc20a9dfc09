#include "memcached/serve/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"

static const struct event_row {
    uint32_t stream;
    const char *line;
} event_rows[] = {
#define EVENT(name, stream, line) {EVENT_STREAM_##stream, line},
#include "memcached/serve/events.def"
#undef EVENT
};

uint32_t event_stream_named(const char *word, size_t bytes) {
    static const char *const words[] = {
#define EVENT_STREAM(name, word) word,
#include "memcached/serve/events.def"
#undef EVENT_STREAM
    };
    for (unsigned i = 0; i < ARRAY_COUNT(words); i++)
        if (strlen(words[i]) == bytes && memcmp(words[i], word, bytes) == 0)
            return (uint32_t)1 << i;
    return 0;
}

uint32_t event_stream_of(enum event_kind kind) {
    return event_rows[kind].stream;
}

/* RFC 3986: what is neither letter, digit, - . _ nor ~ becomes %XX. */
static size_t put_encoded(char *out, const char *text, size_t bytes) {
    static const char digits[] = "0123456789ABCDEF";
    char *to = out;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    return (size_t)(to - out);
}

/* Number `index` of a text that consists of numbers. */
static size_t put_number(char *out, unsigned index, const struct event_record *event,
                         const char *text) {
    uint64_t number;
    CHECK((index + 1) * sizeof(number) <= event->text_bytes);
    memcpy(&number, text + index * sizeof(number), sizeof(number));
    return (size_t)sprintf(out, "%" PRIu64, number);
}

/* One field of the line; `code` as events.def lists them. */
static size_t put_field(char *out, char code, const struct event_record *event, const char *text) {
    switch (code) {
    case 'k':
        return put_encoded(out, text, event->text_bytes);
    case 'a':
        memcpy(out, text, event->text_bytes);
        return event->text_bytes;
    case 's':
        return (size_t)sprintf(out, "%s", event->status);
    case 'c':
        return (size_t)sprintf(out, "%s", event->command);
    case 't':
        return (size_t)sprintf(out, "%" PRId32, event->ttl_s);
    case 'u':
        return (size_t)sprintf(out, "%" PRIu32, (uint32_t)event->ttl_s);
    case 'i':
        return (size_t)sprintf(out, "%" PRIu32, event->idle_s);
    case 'l':
        return (size_t)sprintf(out, "%u", event->class_id);
    case 'f':
        return (size_t)sprintf(out, "%" PRId32, event->fd);
    case 'p':
        return (size_t)sprintf(out, "%u", event->port);
    case 'z':
        return (size_t)sprintf(out, "%" PRIu64, event->size);
    }
    if (code >= '0' && code <= '9')
        return put_number(out, (unsigned)(code - '0'), event, text);
    CHECK(!"a field that events.def does not know");
    return 0;
}

size_t event_format(const struct event_record *event, const char *text, char *out) {
    CHECK(event->kind < EVENT_KIND_COUNT && event->text_bytes <= EVENT_TEXT_BYTES_MAX);
    /* the microseconds stand without leading zeros: so memcached writes them */
    char *to = out + sprintf(out, "ts=%" PRIu64 ".%" PRIu64 " gid=%" PRIu64 " ",
                             event->wall_us / 1000000, event->wall_us % 1000000, event->gid);
    for (const char *at = event_rows[event->kind].line; *at; at++) {
        if (*at == '%')
            to += put_field(to, *++at, event, text);
        else
            *to++ = *at;
    }
    *to++ = '\n';
    CHECK(to - out <= EVENT_LINE_BYTES_MAX);
    return (size_t)(to - out);
}
