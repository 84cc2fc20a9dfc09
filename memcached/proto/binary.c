#include "memcached/proto/binary.h"

#include "memcached/base/check.h"

struct opcode {
    uint8_t command, extras_bytes, traits;
};

/* The names in the rows. */
enum {
    HAS_KEY = BINARY_HAS_KEY,
    NEEDS_NO_KEY = BINARY_NEEDS_NO_KEY,
    HAS_VALUE = BINARY_HAS_VALUE,
    NEEDS_NO_EXTRAS = BINARY_NEEDS_NO_EXTRAS,
    IS_QUIET = BINARY_IS_QUIET,
    TELLS_KEY = BINARY_TELLS_KEY,
};

static const struct opcode opcodes[256] = {
#define BINARY_OPCODE(opcode, command, extras_bytes, traits)                                       \
    [opcode] = {BINARY_##command, extras_bytes, traits},
#include "memcached/proto/binary_opcodes.def"
#undef BINARY_OPCODE
};

static const struct status {
    const char *text;
    uint16_t code, bytes;
} statuses[BINARY_STATUS_COUNT] = {
#define BINARY_STATUS(name, code, text) {text, code, sizeof(text) - 1},
#include "memcached/proto/binary_statuses.def"
#undef BINARY_STATUS
};

#define BINARY_STATUS(name, code, text)                                                            \
    _Static_assert(sizeof(text) - 1 + BINARY_HEAD_BYTES <= BINARY_ERROR_BYTES_MAX, "it fits");
#include "memcached/proto/binary_statuses.def"
#undef BINARY_STATUS

/* Is what the head says of the body as this command has it? */
static bool has_shape(const struct opcode *opcode, const struct binary_request *request) {
    unsigned traits = opcode->traits;
    if (request->extras_bytes != opcode->extras_bytes &&
        !(request->extras_bytes == 0 && traits & BINARY_NEEDS_NO_EXTRAS))
        return false;
    if (request->key_bytes > 0 && !(traits & BINARY_HAS_KEY))
        return false;
    if (request->key_bytes == 0 && traits & BINARY_HAS_KEY && !(traits & BINARY_NEEDS_NO_KEY))
        return false;
    return request->value_bytes == 0 || traits & BINARY_HAS_VALUE;
}

/* The parser stays in front of it: nothing behind it will be read. */
static enum parse_result malformed(struct binary_request *request, enum binary_status status) {
    request->command = BINARY_MALFORMED;
    request->status = (uint8_t)status;
    request->key_bytes = 0;
    return PARSE_REQUEST;
}

static enum parse_result parse_body(struct parser *parser, struct binary_request *request,
                                    uint32_t body_bytes) {
    size_t available = (size_t)(parser->end - parser->at);
    size_t needed = BINARY_HEAD_BYTES + (size_t)body_bytes;
    if (LIKELY(available >= needed)) {
        parser->at += needed;
        return PARSE_REQUEST;
    }
    size_t before_value = needed - request->value_bytes;
    if (needed <= PARSE_WAIT_BYTES_MAX || available < before_value) {
        parser->wanted = needed <= PARSE_WAIT_BYTES_MAX ? needed : before_value;
        return PARSE_MORE;
    }
    request->traits |= BINARY_IS_PARTIAL;
    parser->at = request->value;
    return PARSE_REQUEST;
}

/* Whatever comes with it is no key and no value of anything, and is not waited for. */
static enum parse_result parse_unknown(struct parser *parser, struct binary_request *request,
                                       uint32_t body_bytes) {
    size_t available = (size_t)(parser->end - parser->at) - BINARY_HEAD_BYTES;
    request->value = request->extras;
    request->value_bytes = body_bytes;
    request->key_bytes = 0;
    parser->at += BINARY_HEAD_BYTES;
    if (available >= body_bytes)
        parser->at += body_bytes;
    else
        request->traits |= BINARY_IS_PARTIAL;
    return PARSE_REQUEST;
}

enum parse_result binary_parse(struct parser *parser, struct binary_request *request) {
    const char *at = parser->at;
    if (UNLIKELY(parser->end - at < BINARY_HEAD_BYTES)) {
        parser->wanted = BINARY_HEAD_BYTES;
        return PARSE_MORE;
    }
    parser->wanted = 0;
    if (UNLIKELY((unsigned char)*at != BINARY_MAGIC_REQUEST))
        return PARSE_REFUSED;
    const struct opcode *opcode = &opcodes[(unsigned char)at[1]];
    uint32_t body_bytes = binary_load32(at + 8);
    request->start = at;
    request->echo.opcode = (uint8_t)at[1];
    memcpy(&request->echo.opaque, at + 12, sizeof(request->echo.opaque));
    request->key_bytes = binary_load16(at + 2);
    request->extras_bytes = (uint8_t)at[4];
    request->cas = binary_load64(at + 16);
    request->command = opcode->command;
    request->traits = opcode->traits;
    if (UNLIKELY(body_bytes < (uint32_t)request->key_bytes + request->extras_bytes))
        return malformed(request, BINARY_UNKNOWN_COMMAND);
    if (UNLIKELY(request->key_bytes > PROTO_KEY_BYTES_MAX))
        return malformed(request, BINARY_INVALID);
    request->value_bytes = body_bytes - request->key_bytes - request->extras_bytes;
    request->extras = at + BINARY_HEAD_BYTES;
    if (UNLIKELY(opcode->command == BINARY_UNKNOWN))
        return parse_unknown(parser, request, body_bytes);
    if (UNLIKELY(!has_shape(opcode, request)))
        return malformed(request, BINARY_INVALID);
    request->key = request->extras + request->extras_bytes;
    request->value = request->key + request->key_bytes;
    return parse_body(parser, request, body_bytes);
}

char *binary_put_status(char *to, const struct binary_echo *echo, enum binary_status status) {
    const struct status *row = &statuses[status];
    struct binary_head head = {.status = row->code, .body_bytes = row->bytes};
    to = binary_put_head(to, echo, &head);
    memcpy(to, row->text, row->bytes);
    return to + row->bytes;
}

uint16_t binary_status_code(enum binary_status status) {
    return statuses[status].code;
}
