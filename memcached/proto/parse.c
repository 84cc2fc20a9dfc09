#include "memcached/proto/parse.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/scan.h"

enum { FAST_DIGITS_MAX = 10, GET_LEADING_SPACES_MAX = 100 };

/* Up to FAST_DIGITS_MAX digits; NULL when there is none, or more of them. */
static inline const char *take_digits(const char *at, const char *end, uint64_t *value) {
    const char *first = at;
    uint64_t sum = 0;
    for (; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9)
            break;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return at > first && at - first <= FAST_DIGITS_MAX ? at : NULL;
}

/* The same, and the space behind them. */
static inline const char *take_field(const char *at, const char *end, uint64_t *value) {
    at = take_digits(at, end, value);
    return at && at < end && *at == ' ' ? at + 1 : NULL;
}

/* The end of the line at `at`, perhaps behind ` noreply`. NULL when something else is there. */
static inline const char *take_line_end(const char *at, const char *end, uint8_t *bits) {
    static const char noreply[8] = " noreply";
    if (end - at > 8 && *at == ' ' && memcmp(at, noreply, sizeof(noreply)) == 0) {
        *bits |= REQUEST_NOREPLY;
        at += sizeof(noreply);
    }
    unsigned bytes = scan_line_end(at, end);
    return bytes ? at + bytes : NULL;
}

static inline void request_begin(struct request *request, enum verb verb, const char *start) {
    request->start = start;
    request->verb = (uint8_t)verb;
    request->bits = REQUEST_FIRST | REQUEST_LAST;
}

/* A usual key of a command at hand, and what ends it; 0 bytes when this is not so. */
static inline size_t take_key(const struct parser *parser, struct request *request,
                              const char *key) {
    const char *key_end = scan_word(key, parser->end);
    size_t bytes = (size_t)(key_end - key);
    if (UNLIKELY(bytes - 1 >= PROTO_KEY_BYTES_MAX || parser->end - key_end < 2))
        return 0;
    request->key = key;
    request->key_bytes = (uint16_t)bytes;
    return bytes;
}

static inline bool parse_get_fast(struct parser *parser, struct request *request, enum verb verb,
                                  const char *key) {
    size_t bytes = take_key(parser, request, key);
    unsigned end_bytes = scan_line_end(key + bytes, parser->end);
    if (UNLIKELY(bytes == 0 || end_bytes == 0))
        return false;
    request_begin(request, verb, parser->at);
    parser->at = key + bytes + end_bytes;
    return true;
}

static inline bool parse_storage_fast(struct parser *parser, struct request *request,
                                      enum verb verb, const char *key) {
    size_t bytes = take_key(parser, request, key);
    const char *at = key + bytes;
    if (UNLIKELY(bytes == 0 || *at != ' '))
        return false;
    uint64_t flags, exptime, value_bytes;
    request_begin(request, verb, parser->at);
    at = take_field(at + 1, parser->end, &flags);
    at = at ? take_field(at, parser->end, &exptime) : NULL;
    at = at ? take_digits(at, parser->end, &value_bytes) : NULL;
    at = at ? take_line_end(at, parser->end, &request->bits) : NULL;
    if (UNLIKELY(!at || value_bytes > PARSE_VALUE_BYTES_MAX))
        return false;
    request->client_flags = (uint32_t)flags;
    request->exptime = (int32_t)exptime;
    request->value_bytes = (uint32_t)value_bytes;
    request->value = at;
    return true;
}

/*
 * What is behind the key of a meta command, up to the line's end: the flags. NULL: not the usual.
 */
static inline const char *take_flags(const char *at, const char *end, struct request *request) {
    unsigned end_bytes = scan_line_end(at, end);
    request->rest = at;
    request->rest_bytes = 0;
    if (end_bytes)
        return at + end_bytes;
    const char *newline = *at == ' ' ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (UNLIKELY(!newline || newline - at > PARSE_LINE_BYTES_MAX))
        return NULL;
    request->rest_bytes = (uint32_t)(newline - at - (newline[-1] == '\r'));
    return newline + 1;
}

static inline bool parse_meta_fast(struct parser *parser, struct request *request, enum verb verb) {
    size_t bytes = take_key(parser, request, parser->at + 3);
    const char *at = bytes ? take_flags(request->key + bytes, parser->end, request) : NULL;
    if (UNLIKELY(!at))
        return false;
    request_begin(request, verb, parser->at);
    parser->at = at;
    return true;
}

static inline bool parse_ms_fast(struct parser *parser, struct request *request) {
    size_t bytes = take_key(parser, request, parser->at + 3);
    const char *at = parser->at + 3 + bytes;
    if (UNLIKELY(bytes == 0 || *at != ' '))
        return false;
    uint64_t value_bytes;
    at = take_digits(at + 1, parser->end, &value_bytes);
    if (UNLIKELY(!at || at == parser->end || value_bytes > PARSE_VALUE_BYTES_MAX))
        return false;
    at = take_flags(at, parser->end, request);
    if (UNLIKELY(!at))
        return false;
    request_begin(request, VERB_MS, parser->at);
    request->value_bytes = (uint32_t)value_bytes;
    request->value = at;
    return true;
}

enum parse_result parse_value(struct parser *parser, struct request *request) {
    size_t needed = (size_t)request->value_bytes + 2;
    if (LIKELY((size_t)(parser->end - request->value) >= needed)) {
        parser->at = request->value + needed;
        return PARSE_REQUEST;
    }
    size_t wanted = (size_t)(request->value - request->start) + needed;
    if (wanted <= PARSE_WAIT_BYTES_MAX) {
        parser->at = request->start;
        parser->wanted = wanted;
        return PARSE_MORE;
    }
    request->bits |= REQUEST_PARTIAL;
    parser->at = request->value;
    return PARSE_REQUEST;
}

/* The line has no end yet. */
static enum parse_result parse_unfinished(struct parser *parser, struct request *request) {
    size_t bytes = (size_t)(parser->end - parser->at);
    if (bytes <= PARSE_LINE_BYTES_MAX)
        return PARSE_MORE;
    const char *word = scan_spaces(parser->at, parser->end);
    if (word - parser->at > GET_LEADING_SPACES_MAX || parser->end - word < 5)
        return PARSE_REFUSED;
    if (memcmp(word, "get ", 4) == 0) {
        parser->get_verb = VERB_GET;
    } else if (memcmp(word, "gets ", 5) == 0) {
        parser->get_verb = VERB_GETS;
    } else {
        return PARSE_REFUSED;
    }
    if (bytes <= PARSE_WAIT_BYTES_MAX)
        return PARSE_MORE;
    request->start = parser->at;
    parser->at = word + (parser->get_verb == VERB_GET ? 3 : 4);
    parser->is_in_get = true;
    parser->get_has_key = false;
    parser->get_exptime = 0;
    return parse_key(parser, request, true);
}

static enum parse_result parse_whole_line(struct parser *parser, struct request *request) {
    size_t bytes = (size_t)(parser->end - parser->at);
    const char *newline = memchr(parser->at, '\n', bytes);
    if (!newline || newline - parser->at >= PARSE_WHOLE_LINE_BYTES_MAX)
        return parse_unfinished(parser, request);
    const char *line_end = newline > parser->at && newline[-1] == '\r' ? newline - 1 : newline;
    /* what stands behind a NUL is no part of the line */
    const char *nul = memchr(parser->at, '\0', (size_t)(line_end - parser->at));
    request->start = parser->at;
    return parse_line(parser, request, nul ? nul : line_end, newline + 1);
}

void parse_skip_rest(struct parser *parser) {
    const char *newline = memchr(parser->at, '\n', (size_t)(parser->end - parser->at));
    parser->at = newline ? newline + 1 : parser->end;
    parser->is_skipping = !newline;
}

enum parse_result parse_request(struct parser *parser, struct request *request) {
    parser->wanted = 0;
    if (UNLIKELY(parser->is_skipping)) {
        parse_skip_rest(parser);
        if (parser->at == parser->end)
            return PARSE_MORE;
    }
    if (parser->is_in_get)
        return parse_key(parser, request, false);
    const char *at = parser->at;
    if (parser->end - at >= 4 && scan_load4(at) == SCAN_WORD4('m', 'n', '\r', '\n')) {
        request_begin(request, VERB_MN, at);
        parser->at = at + 4;
        return PARSE_REQUEST;
    }
    if (LIKELY(parser->end - at >= 8)) {
        switch (scan_load4(at)) {
        case SCAN_WORD4('g', 'e', 't', ' '):
            if (LIKELY(parse_get_fast(parser, request, VERB_GET, at + 4)))
                return PARSE_REQUEST;
            break;
        case SCAN_WORD4('g', 'e', 't', 's'):
            if (at[4] == ' ' && parse_get_fast(parser, request, VERB_GETS, at + 5))
                return PARSE_REQUEST;
            break;
        case SCAN_WORD4('s', 'e', 't', ' '):
            if (LIKELY(parse_storage_fast(parser, request, VERB_SET, at + 4)))
                return parse_value(parser, request);
            break;
        case SCAN_WORD4('a', 'd', 'd', ' '):
            if (LIKELY(parse_storage_fast(parser, request, VERB_ADD, at + 4)))
                return parse_value(parser, request);
            break;
        default:
            if (at[0] != 'm' || at[2] != ' ')
                break;
            if (at[1] == 'g' && parse_meta_fast(parser, request, VERB_MG))
                return PARSE_REQUEST;
            if (at[1] == 's' && parse_ms_fast(parser, request))
                return parse_value(parser, request);
            if (at[1] == 'd' && parse_meta_fast(parser, request, VERB_MD))
                return PARSE_REQUEST;
            break;
        }
    }
    return parse_whole_line(parser, request);
}

/* ---- a line of keys ---- */

/*
 * No further key: the line's end at `at`, of so many bytes (0: a NUL, the rest of the line is
 * ignored).
 */
static enum parse_result get_line_end(struct parser *parser, struct request *request,
                                      const char *at, unsigned end_bytes) {
    parser->is_in_get = false;
    parser->is_skipping = end_bytes == 0;
    parser->at = at + end_bytes;
    request->key_bytes = 0;
    request->bits |= REQUEST_LAST;
    if (!parser->get_has_key) {
        request->verb = VERB_ERROR;
        request->error = REQUEST_UNKNOWN;
    }
    return PARSE_REQUEST;
}

static enum parse_result get_key_too_long(struct parser *parser, struct request *request,
                                          const char *key_end) {
    request->verb = VERB_ERROR;
    request->error = REQUEST_BAD_FORMAT;
    request->bits |= REQUEST_LAST;
    parser->at = key_end;
    parse_skip_line(parser);
    return PARSE_REQUEST;
}

enum parse_result parse_key(struct parser *parser, struct request *request, bool is_first) {
    const char *end = parser->end;
    const char *key = scan_spaces(parser->at, end);
    const char *key_end = scan_word(key, end);
    if (!is_first)
        request->start = key;
    request->verb = parser->get_verb;
    request->bits = is_first ? REQUEST_FIRST : 0;
    request->exptime = parser->get_exptime;
    if (UNLIKELY(key_end == end || (*key_end == '\r' && key_end + 1 == end))) {
        if (key_end - key > PROTO_KEY_BYTES_MAX)
            return get_key_too_long(parser, request, key_end);
        parser->at = key;
        return PARSE_MORE;
    }
    if (UNLIKELY(key_end == key))
        return get_line_end(parser, request, key, scan_line_end(key, end));
    if (UNLIKELY(key_end - key > PROTO_KEY_BYTES_MAX))
        return get_key_too_long(parser, request, key_end);
    parser->get_has_key = true;
    request->key = key;
    request->key_bytes = (uint16_t)(key_end - key);
    const char *next = scan_spaces(key_end, end);
    unsigned end_bytes = scan_line_end(next, end);
    if (end_bytes || (next < end && *next == '\0')) {
        parser->is_in_get = false;
        parser->is_skipping = end_bytes == 0;
        request->bits |= REQUEST_LAST;
    }
    parser->at = next + end_bytes;
    return PARSE_REQUEST;
}

bool parse_keys_are_good(const struct parser *parser, const char *at) {
    const char *end = parser->end - at > PARSE_LOOK_BYTES ? at + PARSE_LOOK_BYTES : parser->end;
    for (;;) {
        const char *key = scan_spaces(at, end);
        at = scan_word(key, end);
        if (at - key > PROTO_KEY_BYTES_MAX || end - at < 2)
            return false;
        if (at == key)
            return true;
    }
}

void parse_skip_line(struct parser *parser) {
    parser->is_in_get = false;
    parser->is_skipping = true;
}

void parse_rewind(struct parser *parser, const struct request *request) {
    parser->at = request->start;
    parser->is_skipping = false;
    parser->is_in_get = !(request->bits & REQUEST_FIRST);
    if (parser->is_in_get) {
        DCHECK(request->verb <= VERB_GATS);
        parser->get_verb = request->verb;
        parser->get_exptime = request->exptime;
        parser->get_has_key = true;
    }
}
