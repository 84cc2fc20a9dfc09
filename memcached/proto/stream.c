#include "memcached/proto/stream.h"

#include <string.h>

#include "memcached/base/bytes.h"
#include "memcached/base/num.h"

enum { RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30 };

/* of a constant length */
#define PUT(to, literal)                                                                           \
    ((char *)memcpy((to), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

static inline char *put_number(char *to, uint64_t number) {
    if (number < 10) {
        *to = (char)('0' + number);
        return to + 1;
    }
    return to + num_put_u64(to, number);
}

static char *put_exptime(char *to, int64_t exptime) {
    if (exptime >= 0)
        return put_number(to, (uint64_t)exptime);
    *to++ = '-';
    return put_number(to, 0 - (uint64_t)exptime);
}

static char *put_key(char *to, const char *key, size_t bytes, bool is_text) {
    return is_text ? bytes_put(to, key, bytes) : to + base64_encode(to, key, bytes);
}

static char *put_version(char *to, uint64_t version, struct num_stem *stem) {
    if (version == 0)
        return to;
    to = PUT(to, " E");
    return stem ? to + num_put_u64_on(to, stem, version) : put_number(to, version);
}

int64_t stream_exptime(uint32_t exptime, uint32_t now, uint64_t wall_s) {
    if (exptime == 0)
        return 0;
    if (exptime <= now)
        return -1;
    uint32_t left_s = exptime - now;
    return left_s <= RELATIVE_SECONDS_MAX ? (int64_t)left_s : (int64_t)(wall_s + left_s);
}

size_t stream_put_set(char *out, const struct stream_set *set) {
    bool is_text = key_is_text(set->key, set->key_bytes);
    char *to = put_key(PUT(out, "ms "), set->key, set->key_bytes, is_text);
    *to++ = ' ';
    to = put_number(to, set->value_bytes);
    if (set->exptime)
        to = put_exptime(PUT(to, " T"), set->exptime);
    if (set->client_flags)
        to = put_number(PUT(to, " F"), set->client_flags);
    to = put_version(to, set->version, set->stem);
    if (set->is_stale)
        to = PUT(to, " I");
    to = is_text ? PUT(to, " q\r\n") : PUT(to, " b q\r\n");
    return (size_t)(to - out);
}

static size_t put_meta_delete(char *out, const char *key, size_t key_bytes, uint64_t version,
                              bool is_stale) {
    bool is_text = key_is_text(key, key_bytes);
    char *to = put_key(PUT(out, "md "), key, key_bytes, is_text);
    if (is_stale)
        to = PUT(to, " I");
    to = put_version(to, version, NULL);
    to = is_text ? PUT(to, " q\r\n") : PUT(to, " b q\r\n");
    return (size_t)(to - out);
}

size_t stream_put_delete(char *out, const char *key, size_t key_bytes, uint64_t version) {
    return put_meta_delete(out, key, key_bytes, version, false);
}

size_t stream_put_invalidate(char *out, const char *key, size_t key_bytes, uint64_t version) {
    return put_meta_delete(out, key, key_bytes, version, true);
}

size_t stream_put_barrier(char *out) {
    return (size_t)(PUT(out, "mn\r\n") - out);
}

size_t stream_put_classic_set(char *out, const struct stream_set *set) {
    if (!key_is_text(set->key, set->key_bytes))
        return 0;
    char *to = bytes_put(PUT(out, "set "), set->key, set->key_bytes);
    *to++ = ' ';
    to = put_number(to, set->client_flags);
    *to++ = ' ';
    to = put_exptime(to, set->exptime);
    *to++ = ' ';
    to = PUT(put_number(to, set->value_bytes), " noreply\r\n");
    return (size_t)(to - out);
}

size_t stream_put_classic_delete(char *out, const char *key, size_t key_bytes) {
    if (!key_is_text(key, key_bytes))
        return 0;
    char *to = PUT(bytes_put(PUT(out, "delete "), key, key_bytes), " noreply\r\n");
    return (size_t)(to - out);
}

/* A line begins with `name`: alone, or (takes_text) followed by a space and text. */
struct reply_name {
    const char *name;
    enum stream_reply_kind kind;
    bool takes_text;
};

static const struct reply_name reply_names[] = {
    {"MN", STREAM_REPLY_MN, false},
    {"REPL", STREAM_REPLY_REPL, true},
    {"VERSION", STREAM_REPLY_VERSION, true},
    {"ERROR", STREAM_REPLY_ERROR, false},
    {"CLIENT_ERROR", STREAM_REPLY_CLIENT_ERROR, true},
    {"SERVER_ERROR", STREAM_REPLY_SERVER_ERROR, true},
};

static bool is_status(const char *line, size_t bytes) {
    if (bytes < 2 || (bytes > 2 && line[2] != ' '))
        return false;
    return memcmp(line, "HD", 2) == 0 || memcmp(line, "NS", 2) == 0 || memcmp(line, "EX", 2) == 0 ||
           memcmp(line, "NF", 2) == 0;
}

static void reply_classify(const char *line, size_t bytes, struct stream_reply *reply) {
    *reply = (struct stream_reply){STREAM_REPLY_OTHER, line, bytes};
    for (size_t i = 0; i < sizeof(reply_names) / sizeof(reply_names[0]); i++) {
        const struct reply_name *row = &reply_names[i];
        size_t name_bytes = strlen(row->name);
        if (bytes < name_bytes || memcmp(line, row->name, name_bytes) != 0)
            continue;
        if (bytes > name_bytes && (!row->takes_text || line[name_bytes] != ' '))
            continue;
        size_t text_at = bytes > name_bytes ? name_bytes + 1 : bytes;
        *reply = (struct stream_reply){row->kind, line + text_at, bytes - text_at};
        return;
    }
    if (is_status(line, bytes))
        reply->kind = STREAM_REPLY_STATUS;
}

size_t stream_reply_parse(const char *input, size_t bytes, struct stream_reply *reply) {
    size_t looked_at = bytes < STREAM_LINE_BYTES_MAX ? bytes : STREAM_LINE_BYTES_MAX;
    const char *end = looked_at ? memchr(input, '\n', looked_at) : NULL;
    if (!end) {
        *reply = (struct stream_reply){STREAM_REPLY_NONE, NULL, 0};
        if (looked_at == STREAM_LINE_BYTES_MAX)
            reply->kind = STREAM_REPLY_TOO_LONG;
        return 0;
    }
    size_t line_bytes = (size_t)(end - input);
    if (line_bytes > 0 && input[line_bytes - 1] == '\r')
        line_bytes--;
    reply_classify(input, line_bytes, reply);
    return (size_t)(end - input) + 1;
}
