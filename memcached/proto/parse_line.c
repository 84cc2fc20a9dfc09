/*
 * The careful parser: any line, with its extra spaces and odd numbers, and the error that a wrong
 * one deserves.
 */
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/number.h"
#include "memcached/proto/parse.h"
#include "memcached/proto/scan.h"

enum { WORDS_MAX = 8 };

enum verb_kind {
    KIND_RETRIEVE,
    KIND_RETRIEVE_TOUCH,
    KIND_STORAGE,
    KIND_DELETE,
    KIND_ARITH,
    KIND_TOUCH,
    KIND_META,
    KIND_META_STORAGE,
    KIND_META_DEBUG,
    KIND_BARE,
    KIND_WHOLE,
    KIND_OTHER,
};

struct word {
    const char *at;
    size_t bytes;
};

/* The words of a line; more than WORDS_MAX count as WORDS_MAX. */
struct words {
    struct word word[WORDS_MAX];
    unsigned count;
};

static const struct {
    const char *text;
    uint8_t bytes;
    uint8_t kind;
} verbs[] = {
#define VERB(name, text, kind) {text, sizeof(text) - 1, KIND_##kind},
#include "memcached/proto/verbs.def"
#undef VERB
};

static bool word_is(const struct word *word, const char *text, size_t bytes) {
    return word->bytes == bytes && memcmp(word->at, text, bytes) == 0;
}

#define WORD_IS(word, literal) word_is((word), (literal), sizeof(literal) - 1)

static const char *word_end(const struct word *word) {
    return word->at + word->bytes;
}

/* Only a space parts words inside a line. */
static void words_split(struct words *words, const char *at, const char *end) {
    words->count = 0;
    while (words->count < WORDS_MAX) {
        at = scan_spaces(at, end);
        if (at == end)
            return;
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *stop = space ? space : end;
        words->word[words->count++] = (struct word){at, (size_t)(stop - at)};
        at = stop;
    }
}

static void verb_find(const struct word *word, struct request *request, enum verb_kind *kind) {
    for (unsigned i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (word_is(word, verbs[i].text, verbs[i].bytes)) {
            request->verb = (uint8_t)i;
            *kind = verbs[i].kind;
            return;
        }
    }
    request->verb = VERB_OTHER;
    *kind = KIND_OTHER;
    if (WORD_IS(word, "bget")) { /* an old name */
        request->verb = VERB_GET;
        *kind = KIND_RETRIEVE;
    }
}

static enum parse_result refuse(struct request *request, enum request_error error) {
    request->verb = VERB_ERROR;
    request->error = (uint8_t)error;
    return PARSE_REQUEST;
}

static void take_noreply(const struct words *words, struct request *request) {
    if (WORD_IS(&words->word[words->count - 1], "noreply"))
        request->bits |= REQUEST_NOREPLY;
}

static bool take_word_key(const struct words *words, struct request *request, size_t bytes_max) {
    if (words->word[1].bytes > bytes_max)
        return false;
    request->key = words->word[1].at;
    request->key_bytes = (uint16_t)words->word[1].bytes;
    return true;
}

/* Client flags, exptimes and lengths are 32 bits of what may be written with 64. */
static bool take_value_bytes(const struct word *word, struct request *request) {
    int64_t number;
    if (!number_i64(word->at, word->bytes, &number))
        return false;
    int32_t value_bytes = (int32_t)number;
    request->value_bytes = (uint32_t)value_bytes;
    return value_bytes >= 0 && value_bytes <= PARSE_VALUE_BYTES_MAX;
}

static bool take_numbers(const struct words *words, struct request *request) {
    uint64_t flags;
    int64_t exptime;
    if (!number_u64(words->word[2].at, words->word[2].bytes, &flags) ||
        !number_i64(words->word[3].at, words->word[3].bytes, &exptime))
        return false;
    request->client_flags = (uint32_t)flags;
    request->exptime = (int32_t)exptime;
    return take_value_bytes(&words->word[4], request);
}

static enum parse_result line_storage(struct parser *parser, const struct words *words,
                                      struct request *request, const char *next) {
    unsigned words_needed = request->verb == VERB_CAS ? 6 : 5;
    if (words->count < words_needed || words->count > words_needed + 1)
        return refuse(request, REQUEST_UNKNOWN);
    take_noreply(words, request);
    if (!take_word_key(words, request, PROTO_KEY_BYTES_MAX) || !take_numbers(words, request))
        return refuse(request, REQUEST_BAD_FORMAT);
    if (request->verb == VERB_CAS &&
        !number_u64(words->word[5].at, words->word[5].bytes, &request->number))
        return refuse(request, REQUEST_BAD_FORMAT);
    request->value = next;
    return parse_value(parser, request);
}

/*
 * Words behind the key: `0` (once the delay of the deletion), `noreply`, both in this order, or
 * none.
 */
static enum parse_result line_delete(const struct words *words, struct request *request) {
    if (words->count < 2 || words->count > 4)
        return refuse(request, REQUEST_UNKNOWN);
    if (words->count > 2) {
        take_noreply(words, request);
        bool is_noreply = request->bits & REQUEST_NOREPLY;
        bool is_zero = WORD_IS(&words->word[2], "0");
        if (words->count == 3 ? !is_zero && !is_noreply : !is_zero || !is_noreply)
            return refuse(request, REQUEST_BAD_DELETE);
    }
    if (!take_word_key(words, request, PROTO_KEY_BYTES_MAX))
        return refuse(request, REQUEST_BAD_FORMAT);
    return PARSE_REQUEST;
}

static enum parse_result line_arith(const struct words *words, struct request *request) {
    if (words->count < 3 || words->count > 4)
        return refuse(request, REQUEST_UNKNOWN);
    take_noreply(words, request);
    if (!take_word_key(words, request, PROTO_KEY_BYTES_MAX))
        return refuse(request, REQUEST_BAD_FORMAT);
    if (!number_u64(words->word[2].at, words->word[2].bytes, &request->number))
        return refuse(request, REQUEST_BAD_DELTA);
    return PARSE_REQUEST;
}

static enum parse_result line_touch(const struct words *words, struct request *request) {
    if (words->count < 3 || words->count > 4)
        return refuse(request, REQUEST_UNKNOWN);
    take_noreply(words, request);
    if (!take_word_key(words, request, PROTO_KEY_BYTES_MAX))
        return refuse(request, REQUEST_BAD_FORMAT);
    if (!number_i64(words->word[2].at, words->word[2].bytes, &request->exptime))
        return refuse(request, REQUEST_BAD_EXPTIME);
    request->exptime = (int32_t)request->exptime;
    return PARSE_REQUEST;
}

static enum parse_result line_retrieve(struct parser *parser, const struct words *words,
                                       struct request *request, enum verb_kind kind,
                                       const char *next) {
    parser->get_exptime = 0;
    parser->get_has_key = false;
    if (words->count < 2)
        return refuse(request, REQUEST_UNKNOWN);
    const struct word *before_keys = &words->word[0];
    if (kind == KIND_RETRIEVE_TOUCH) {
        before_keys = &words->word[1];
        if (!number_i64(before_keys->at, before_keys->bytes, &parser->get_exptime))
            return refuse(request, REQUEST_BAD_EXPTIME);
        parser->get_exptime = (int32_t)parser->get_exptime;
        parser->get_has_key = true;
    }
    parser->get_verb = request->verb;
    parser->is_in_get = true;
    parser->at = word_end(before_keys);
    enum parse_result result = parse_key(parser, request, true);
    DCHECK(result == PARSE_REQUEST && parser->at <= next);
    (void)next;
    return result;
}

static void take_rest(struct request *request, const char *at, const char *line_end) {
    request->rest = at;
    request->rest_bytes = (uint32_t)(line_end - at);
}

static enum parse_result line_meta(const struct parser *parser, const struct words *words,
                                   struct request *request, enum verb_kind kind,
                                   const char *line_end) {
    if (words->count < 2)
        return refuse(request, kind == KIND_META_DEBUG ? REQUEST_BAD_FORMAT : REQUEST_UNKNOWN);
    if (!take_word_key(words, request, parser->key_bytes_max))
        return refuse(request, REQUEST_BAD_FORMAT);
    take_rest(request, word_end(&words->word[1]), line_end);
    return PARSE_REQUEST;
}

static enum parse_result line_meta_storage(struct parser *parser, const struct words *words,
                                           struct request *request, const char *line_end,
                                           const char *next) {
    if (words->count < 2)
        return refuse(request, REQUEST_UNKNOWN);
    if (words->count < 3 || !take_word_key(words, request, parser->key_bytes_max) ||
        !take_value_bytes(&words->word[2], request))
        return refuse(request, REQUEST_BAD_FORMAT);
    take_rest(request, word_end(&words->word[2]), line_end);
    request->value = next;
    return parse_value(parser, request);
}

enum parse_result parse_line(struct parser *parser, struct request *request, const char *line_end,
                             const char *next) {
    struct words words;
    enum verb_kind kind;
    words_split(&words, request->start, line_end);
    request->bits = REQUEST_FIRST | REQUEST_LAST;
    parser->at = next;
    if (words.count == 0)
        return refuse(request, REQUEST_UNKNOWN);
    verb_find(&words.word[0], request, &kind);
    switch (kind) {
    case KIND_RETRIEVE:
    case KIND_RETRIEVE_TOUCH:
        return line_retrieve(parser, &words, request, kind, next);
    case KIND_STORAGE:
        return line_storage(parser, &words, request, next);
    case KIND_DELETE:
        return line_delete(&words, request);
    case KIND_ARITH:
        return line_arith(&words, request);
    case KIND_TOUCH:
        return line_touch(&words, request);
    case KIND_META:
    case KIND_META_DEBUG:
        return line_meta(parser, &words, request, kind, line_end);
    case KIND_META_STORAGE:
        return line_meta_storage(parser, &words, request, line_end, next);
    case KIND_BARE:
        break;
    case KIND_WHOLE:
        take_rest(request, scan_spaces(word_end(&words.word[0]), line_end), line_end);
        break;
    case KIND_OTHER:
        take_rest(request, words.word[0].at, line_end);
        break;
    }
    return PARSE_REQUEST;
}
