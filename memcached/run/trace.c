#include "memcached/run/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"

/* ---- text ------------------------------------------------------------------------------------ */

/* The line at the beginning of text[0..bytes), without its end. */
static size_t line_length(const char *text, size_t bytes) {
    const char *end = bytes ? memchr(text, '\n', bytes) : NULL;
    size_t length = end ? (size_t)(end - text) : bytes;
    return length > 0 && text[length - 1] == '\r' ? length - 1 : length;
}

static void printable(char *line, const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '.';
    line[bytes] = '\0';
}

static void show_line(const struct trace *trace, char direction, const char *what, const char *text,
                      size_t bytes) {
    char line[TRACE_LINE_BYTES_MAX];
    if (bytes > sizeof(line) - 1)
        bytes = sizeof(line) - 1;
    printable(line, text, bytes);
    log_line(trace->log, LOG_COMMANDS, "%c%d %s%s", direction, trace->fd, what, line);
}

static bool begins_with(const char *text, size_t bytes, const char *word) {
    size_t length = strlen(word);
    return bytes >= length && memcmp(text, word, length) == 0;
}

/* Is this answer one that was computed? */
static bool is_computed(const struct trace *trace, const char *answer, size_t bytes) {
    static const struct {
        const char *request, *answer; /* how they begin */
    } rows[] = {
        {"", "HD"},
        {"", "VA "},
        {"", "NF"},
        {"", "NS"},
        {"", "EX "},
        {"", "ME "},
        {"", "STAT "},
        {"mg", "EN"},
        {"stats", "END"},
        {"stats", "PREFIX"},
        {"stats", "ITEM "},
        {"lru_crawler", "END"},
        {"lru_crawler", "EN"},
        {"lru_crawler", "key="},
        {"lru_crawler", "mg "},
        {"watch", "OK"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (begins_with(trace->request, trace->bytes, rows[i].request) &&
            begins_with(answer, bytes, rows[i].answer))
            return true;
    return bytes == 2 && memcmp(answer, "EX", 2) == 0;
}

/* A place in the output. */
struct place {
    const struct outbuf *out;
    size_t at, ref;
};

/* So many bytes on, of which some may be in values that are referenced. */
static void place_skip(struct place *place, uint64_t bytes) {
    while (bytes > 0) {
        size_t inline_bytes;
        uint64_t ref_bytes = outbuf_ref_at(place->out, place->ref, place->at, &inline_bytes);
        if (ref_bytes) {
            place->ref++;
            bytes -= ref_bytes < bytes ? ref_bytes : bytes;
        } else if (inline_bytes == 0) {
            return;
        } else {
            size_t step = inline_bytes < bytes ? inline_bytes : (size_t)bytes;
            place->at += step;
            bytes -= step;
        }
    }
}

/* The length of the value that VALUE key flags length [cas] announces. */
static uint64_t announced_bytes(const char *line, size_t bytes) {
    unsigned spaces = 0;
    for (size_t i = 0; i < bytes; i++)
        if (line[i] == ' ' && ++spaces == 3)
            return strtoull(line + i + 1, NULL, 10);
    return 0;
}

static void show_text(const struct trace *trace, const struct outbuf *out,
                      struct outbuf_mark since) {
    static const char value[] = "VALUE ";
    struct place place = {.out = out, .at = since.bytes, .ref = since.ref_count};
    while (place.at < out->bytes) {
        const char *line = out->data + place.at;
        size_t bytes = line_length(line, out->bytes - place.at);
        if (!begins_with(line, bytes, value)) {
            if (!is_computed(trace, line, bytes))
                show_line(trace, '>', "", line, bytes);
            return;
        }
        const char *key = line + strlen(value);
        const char *key_end = memchr(key, ' ', bytes - strlen(value));
        if (!key_end)
            return;
        show_line(trace, '>', "sending key ", key, (size_t)(key_end - key));
        place.at += bytes + 2;
        place_skip(&place, announced_bytes(line, bytes) + 2);
    }
}

static void show_held_back(const struct trace *trace, struct outbuf *out,
                           struct outbuf_mark since) {
    const char *line = out->data + since.bytes;
    show_line(trace, '>', "NOREPLY ", line, line_length(line, out->bytes - since.bytes));
    outbuf_cut(out, since);
}

/* ---- binary ---------------------------------------------------------------------------------- */

static void show_head(const struct trace *trace, char direction, const char *head) {
    enum { ROW_BYTES = 4 };
    const unsigned char *at = (const unsigned char *)head;
    const char *indent = direction == '<' ? "    " : "   ";
    log_line(trace->log, LOG_COMMANDS, "%c%d %s", direction, trace->fd,
             direction == '<' ? "Read binary protocol data:" : "Writing bin response:");
    for (unsigned i = 0; i < BINARY_HEAD_BYTES; i += ROW_BYTES)
        log_line(trace->log, LOG_COMMANDS, "%c%d%s0x%02x 0x%02x 0x%02x 0x%02x", direction,
                 trace->fd, indent, at[i], at[i + 1], at[i + 2], at[i + 3]);
}

/* The request at the beginning of the input. */
static bool parse_binary(const struct trace *trace, struct binary_request *request) {
    struct parser parser = {.at = trace->request, .end = trace->request + trace->bytes};
    return trace->bytes >= BINARY_HEAD_BYTES &&
           (unsigned char)*trace->request == BINARY_MAGIC_REQUEST &&
           binary_parse(&parser, request) == PARSE_REQUEST;
}

static void show_binary_request(const struct trace *trace) {
    static const char *const words[] = {
        [BINARY_GET] = "GET ",         [BINARY_TOUCH] = "TOUCH ", [BINARY_GAT] = "TOUCH ",
        [BINARY_STAT] = "STATS ",      [BINARY_SET] = "SET ",     [BINARY_ADD] = "ADD ",
        [BINARY_REPLACE] = "REPLACE ",
    };
    struct binary_request request;
    char key[PROTO_KEY_BYTES_MAX + 1];
    if (!parse_binary(trace, &request) || request.command == BINARY_MALFORMED ||
        request.key_bytes > PROTO_KEY_BYTES_MAX)
        return;
    printable(key, request.key, request.key_bytes);
    switch ((enum binary_command)request.command) {
    case BINARY_GET:
    case BINARY_TOUCH:
    case BINARY_GAT:
    case BINARY_STAT:
        show_line(trace, '<', words[request.command], key, request.key_bytes);
        return;
    case BINARY_SET:
    case BINARY_ADD:
    case BINARY_REPLACE:
        log_line(trace->log, LOG_COMMANDS, "<%d %s%s Value len is %" PRIu32, trace->fd,
                 words[request.command], key, request.value_bytes);
        return;
    case BINARY_APPEND:
    case BINARY_PREPEND:
        log_line(trace->log, LOG_COMMANDS, "Value len is %" PRIu32, request.value_bytes);
        return;
    case BINARY_DELETE:
        log_line(trace->log, LOG_COMMANDS, "Deleting %s", key);
        return;
    case BINARY_INCR:
    case BINARY_DECR:
        log_line(trace->log, LOG_COMMANDS, "incr %s %" PRIu64 ", %" PRIu64 ", %" PRId32, key,
                 binary_load64(request.extras), binary_load64(request.extras + 8),
                 (int32_t)binary_load32(request.extras + 16));
        return;
    case BINARY_UNKNOWN:
    case BINARY_MALFORMED:
    case BINARY_QUIT:
    case BINARY_FLUSH:
    case BINARY_NOOP:
    case BINARY_VERSION:
    case BINARY_SASL_MECHANISMS:
    case BINARY_SASL_AUTH:
    case BINARY_SASL_STEP:
        return;
    }
}

static void show_binary_answer(const struct trace *trace, const char *answer, size_t bytes) {
    enum { AT_STATUS = 6, AT_BODY_BYTES = 8 };
    struct binary_request request = {.command = BINARY_UNKNOWN};
    bool is_known = parse_binary(trace, &request);
    if (bytes < BINARY_HEAD_BYTES)
        return;
    unsigned status = binary_load16(answer + AT_STATUS);
    size_t text_bytes = binary_load32(answer + AT_BODY_BYTES);
    if (is_known && request.command == BINARY_STAT && status == 0)
        return;
    bool has_text = status != 0 && !(request.traits & BINARY_TELLS_KEY);
    if (has_text && text_bytes <= bytes - BINARY_HEAD_BYTES)
        show_line(trace, '>', "Writing an error: ", answer + BINARY_HEAD_BYTES, text_bytes);
    show_head(trace, '>', answer);
    if (is_known && request.command == BINARY_MALFORMED)
        log_line(trace->log, LOG_COMMANDS, "Protocol error (opcode %02x), close connection %d",
                 (unsigned char)trace->request[1], trace->fd);
}

/* ---- both ------------------------------------------------------------------------------------ */

void trace_request(const struct trace *trace, bool has_answer) {
    if (!trace->is_binary) {
        if (trace->consumed)
            show_line(trace, '<', "", trace->request, line_length(trace->request, trace->bytes));
        return;
    }
    if (trace->bytes < BINARY_HEAD_BYTES)
        return;
    unsigned char magic = (unsigned char)*trace->request;
    if (magic == BINARY_MAGIC_REQUEST && !trace->consumed && !has_answer)
        return;
    show_head(trace, '<', trace->request);
    if (magic == BINARY_MAGIC_REQUEST)
        show_binary_request(trace);
    else
        log_line(trace->log, LOG_COMMANDS, "Invalid magic:  %x", magic);
}

void trace_answer(const struct trace *trace, struct outbuf *out, struct outbuf_mark since) {
    const struct session_notes *notes = trace->notes;
    if (notes->has_other_cas)
        log_line(trace->log, LOG_COMMANDS, "CAS:  failure: expected %" PRIu64 ", got %" PRIu64,
                 notes->cas_present, notes->cas_given);
    if (out->bytes == since.bytes)
        return;
    if (notes->is_held_back)
        show_held_back(trace, out, since);
    else if (trace->is_binary)
        show_binary_answer(trace, out->data + since.bytes, out->bytes - since.bytes);
    else
        show_text(trace, out, since);
}
