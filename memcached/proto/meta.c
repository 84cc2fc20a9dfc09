#include "memcached/proto/meta.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/number.h"

enum meta_token {
    TOKEN_UNKNOWN, /* no such flag */
    TOKEN_NONE,    /* nothing, or something that is ignored */
    TOKEN_CAS,
    TOKEN_NEW_CAS,
    TOKEN_DELTA,
    TOKEN_INITIAL,
    TOKEN_CLIENT_FLAGS,
    TOKEN_MODE,
    TOKEN_EXPTIME,
    TOKEN_VIVIFY,
    TOKEN_RECACHE,
    TOKEN_OPAQUE,
};

struct flag_row {
    uint8_t token;
    bool is_returned;
};

enum { LETTER_END = 127 }; /* no flag has a letter from here on */

static const struct flag_row flag_rows[LETTER_END] = {
#define META(letter, token_kind, returned, meaning)                                                \
    [letter] = {.token = TOKEN_##token_kind, .is_returned = returned},
#include "memcached/proto/meta.def"
#undef META
};

#define META(letter, token_kind, returned, meaning) +returned
_Static_assert(0
#include "memcached/proto/meta.def"
                   == META_RETURNS_MAX,
               "every flag to return has a place");
#undef META

static enum meta_error token_parse(struct meta *meta, enum meta_token token, const char *text,
                                   size_t bytes) {
    uint64_t number;
    switch (token) {
    case TOKEN_UNKNOWN:
        return META_UNKNOWN_FLAG;
    case TOKEN_NONE:
        return META_FINE;
    case TOKEN_CAS:
        return number_u64(text, bytes, &meta->cas) ? META_FINE : META_BAD_TOKEN;
    case TOKEN_NEW_CAS:
        return number_u64(text, bytes, &meta->new_cas) ? META_FINE : META_BAD_TOKEN;
    case TOKEN_EXPTIME:
        return number_i64(text, bytes, &meta->exptime) ? META_FINE : META_BAD_TOKEN;
    case TOKEN_VIVIFY:
        return number_i64(text, bytes, &meta->vivify_exptime) ? META_FINE : META_BAD_TOKEN;
    case TOKEN_RECACHE:
        return number_i64(text, bytes, &meta->recache_s) ? META_FINE : META_BAD_TOKEN;
    case TOKEN_DELTA:
        return number_u64(text, bytes, &meta->delta) ? META_FINE : META_BAD_DELTA;
    case TOKEN_INITIAL:
        return number_u64(text, bytes, &meta->initial) ? META_FINE : META_BAD_INITIAL;
    case TOKEN_CLIENT_FLAGS:
        if (!number_u64(text, bytes, &number))
            return META_BAD_CLIENT_FLAGS;
        meta->client_flags = (uint32_t)number;
        return META_FINE;
    case TOKEN_MODE:
        if (bytes != 1)
            return META_BAD_MODE;
        meta->mode = *text;
        return META_FINE;
    case TOKEN_OPAQUE:
        if (bytes > META_OPAQUE_BYTES_MAX)
            return META_OPAQUE_TOO_LONG;
        meta->opaque = text;
        meta->opaque_bytes = (uint8_t)bytes;
        return META_FINE;
    }
    return META_UNKNOWN_FLAG;
}

static enum meta_error error_rank(enum meta_error error) {
    return error < META_BAD_TOKEN ? error : META_BAD_TOKEN;
}

static enum meta_error flags_parse(struct meta *meta, const char *text, size_t bytes) {
    const char *end = text + bytes;
    meta->seen = meta->seen_before_T = meta->seen_before_N = 0;
    meta->cas = meta->new_cas = 0;
    meta->delta = 1;
    meta->initial = 0;
    meta->exptime = meta->vivify_exptime = meta->recache_s = 0;
    meta->client_flags = 0;
    meta->mode = 0;
    meta->opaque_bytes = 0;
    meta->return_count = 0;
    enum meta_error token_error = META_FINE;
    for (const char *at = text; at < end && *at != '\0';) {
        if (*at == ' ') {
            at++;
            continue;
        }
        unsigned char letter = (unsigned char)*at++;
        const char *token = at;
        while (at < end && *at != ' ' && *at != '\0')
            at++;
        if (UNLIKELY(letter >= LETTER_END)) /* memcached calls these so */
            return META_DUPLICATE_FLAG;
        if (UNLIKELY(!flag_rows[letter].token))
            return META_UNKNOWN_FLAG;
        struct flag_row row = flag_rows[letter];
        if (UNLIKELY(meta->seen & META_BIT(letter)))
            return META_DUPLICATE_FLAG;
        if (row.token == TOKEN_EXPTIME)
            meta->seen_before_T = meta->seen;
        if (row.token == TOKEN_VIVIFY)
            meta->seen_before_N = meta->seen;
        meta->seen |= META_BIT(letter);
        if (row.is_returned)
            meta->returns[meta->return_count++] = (char)letter;
        if (row.token != TOKEN_NONE) {
            enum meta_error error = token_parse(meta, row.token, token, (size_t)(at - token));
            if (UNLIKELY(error != META_FINE && error_rank(error) >= error_rank(token_error))) {
                token_error = error;
                meta->seen_before_error = meta->seen;
            }
        }
    }
    return token_error;
}

/* How many flags there are, known or not. */
static unsigned flags_count(const char *text, size_t bytes) {
    unsigned count = 0;
    for (size_t i = 0; i < bytes && text[i] != '\0'; i++)
        count += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
    return count;
}

enum meta_error meta_parse(struct meta *meta, const char *text, size_t bytes) {
    enum meta_error error = flags_parse(meta, text, bytes);
    /* a flag takes a letter and, but for the last, a space */
    if (LIKELY(error == META_FINE && bytes <= 2 * META_FLAGS_MAX))
        return error;
    return flags_count(text, bytes) > META_FLAGS_MAX ? META_TOO_MANY_FLAGS : error;
}

int64_t meta_exptime_of_new(const struct meta *meta, uint64_t end) {
    bool has_T = META_HAS(meta, 'T') && !(meta->seen_before_T & end);
    bool has_N = META_HAS(meta, 'N') && !(meta->seen_before_N & end);
    bool is_N_last = meta->seen_before_N & META_BIT('T');
    if (has_N && (is_N_last || !has_T))
        return meta->vivify_exptime;
    return has_T ? meta->exptime : 0;
}

const char *meta_error_reply(enum meta_error error) {
    switch (error) {
    case META_FINE:
        break;
    case META_UNKNOWN_FLAG:
        return "CLIENT_ERROR invalid flag\r\n";
    case META_DUPLICATE_FLAG:
        return "CLIENT_ERROR duplicate flag\r\n";
    case META_BAD_TOKEN:
        return "CLIENT_ERROR bad token in command line format\r\n";
    case META_BAD_CLIENT_FLAGS:
        return "CLIENT_ERROR bad command line format\r\n";
    case META_BAD_MODE:
        return "CLIENT_ERROR incorrect length for M token\r\n";
    case META_BAD_DELTA:
        return "CLIENT_ERROR invalid numeric delta value\r\n";
    case META_BAD_INITIAL:
        return "CLIENT_ERROR invalid numeric initial value\r\n";
    case META_TOO_MANY_FLAGS:
        return "CLIENT_ERROR options flags are too long\r\n";
    case META_OPAQUE_TOO_LONG:
        return "CLIENT_ERROR opaque token too long\r\n";
    }
    return "ERROR\r\n";
}
