/*
 * The binary protocol: bytes into requests, and the heads of replies. Every request and every
 * reply begins with a head of 24 bytes, numbers in network order:
 *
 *    0  magic (0x80 request, 0x81 reply)    8  bytes of the body: extras, key and value
 *    1  opcode                             12  opaque: the reply repeats it
 *    2  bytes of the key                   16  CAS value
 *    4  bytes of the extras
 *    5  data type (0)
 *    6  request: bucket (ignored); reply: status
 */
#ifndef PROTO_BINARY_H
#define PROTO_BINARY_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/proto/parse.h"

enum {
    BINARY_MAGIC_REQUEST = 0x80,
    BINARY_MAGIC_REPLY = 0x81,
    BINARY_HEAD_BYTES = 24,
    BINARY_FLAGS_BYTES = 4,  /* the extras of what a get finds */
    BINARY_NUMBER_BYTES = 8, /* the value of what incr and decr answer */
    BINARY_ERROR_BYTES_MAX = BINARY_HEAD_BYTES + 64,
    BINARY_EXPTIME_NO_CREATE = 0xffffffff, /* incr and decr: a key that is absent stays so */
};

enum binary_command {
    BINARY_UNKNOWN,   /* no such opcode; what comes behind the head is the value */
    BINARY_MALFORMED, /* `status` says how; where the next request begins cannot be known */
    BINARY_GET,
    BINARY_TOUCH,
    BINARY_GAT,
    BINARY_SET,
    BINARY_ADD,
    BINARY_REPLACE,
    BINARY_APPEND,
    BINARY_PREPEND,
    BINARY_DELETE,
    BINARY_INCR,
    BINARY_DECR,
    BINARY_QUIT,
    BINARY_FLUSH,
    BINARY_NOOP,
    BINARY_VERSION,
    BINARY_STAT,
    BINARY_SASL_MECHANISMS,
    BINARY_SASL_AUTH,
    BINARY_SASL_STEP,
};

enum binary_trait {
    BINARY_HAS_KEY = 1 << 0,
    BINARY_NEEDS_NO_KEY = 1 << 1, /* it may be empty */
    BINARY_HAS_VALUE = 1 << 2,
    BINARY_NEEDS_NO_EXTRAS = 1 << 3,
    BINARY_IS_QUIET = 1 << 4, /* a success, of get a miss, is not answered */
    BINARY_TELLS_KEY = 1 << 5,
    BINARY_IS_PARTIAL = 1 << 6, /* of a request: its value is not all there yet */
};

enum binary_status {
#define BINARY_STATUS(name, code, text) BINARY_##name,
#include "memcached/proto/binary_statuses.def"
#undef BINARY_STATUS
    BINARY_STATUS_COUNT
};

/* What a reply repeats of its request. */
struct binary_echo {
    uint32_t opaque; /* as it stood in the request */
    uint8_t opcode;
};

/* Points into the input instead of copying it. */
struct binary_request {
    uint64_t hash;     /* of the key, for whoever executes it */
    const char *start; /* its first byte in the input */
    const char *extras;
    const char *key;
    const char *value;
    uint64_t cas;
    struct binary_echo echo;
    uint32_t value_bytes;
    uint16_t key_bytes;
    uint8_t extras_bytes;
    uint8_t command;
    uint8_t traits;
    uint8_t status; /* MALFORMED */
};

/*
 * The next request in [at, end) of the parser, of which nothing else is used but `wanted`. A
 * request is complete but for a value that is worth being read straight to its place, and for what
 * an unknown opcode brings. PARSE_REFUSED: these bytes are no request.
 */
enum parse_result binary_parse(struct parser *parser, struct binary_request *request);

/* ---- numbers in network order, at any address ---- */

static inline uint16_t binary_load16(const char *at) {
    uint16_t number;
    memcpy(&number, at, sizeof(number));
    return be16toh(number);
}

static inline uint32_t binary_load32(const char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof(number));
    return be32toh(number);
}

static inline uint64_t binary_load64(const char *at) {
    uint64_t number;
    memcpy(&number, at, sizeof(number));
    return be64toh(number);
}

static inline char *binary_put16(char *to, uint16_t number) {
    number = htobe16(number);
    memcpy(to, &number, sizeof(number));
    return to + sizeof(number);
}

static inline char *binary_put32(char *to, uint32_t number) {
    number = htobe32(number);
    memcpy(to, &number, sizeof(number));
    return to + sizeof(number);
}

static inline char *binary_put64(char *to, uint64_t number) {
    number = htobe64(number);
    memcpy(to, &number, sizeof(number));
    return to + sizeof(number);
}

/* ---- replies ---- */

struct binary_head {
    uint16_t status; /* as on the wire: 0 is success */
    uint16_t key_bytes;
    uint8_t extras_bytes;
    uint32_t body_bytes; /* extras, key and value */
    uint64_t cas;
};

/* BINARY_HEAD_BYTES at `to`; returns what is behind them. Inline: it runs for every reply. */
static inline char *binary_put_head(char *to, const struct binary_echo *echo,
                                    const struct binary_head *head) {
    *to++ = (char)BINARY_MAGIC_REPLY;
    *to++ = (char)echo->opcode;
    to = binary_put16(to, head->key_bytes);
    *to++ = (char)head->extras_bytes;
    *to++ = 0;
    to = binary_put16(to, head->status);
    to = binary_put32(to, head->body_bytes);
    memcpy(to, &echo->opaque, sizeof(echo->opaque));
    return binary_put64(to + sizeof(echo->opaque), head->cas);
}

/* A whole reply that says this, up to BINARY_ERROR_BYTES_MAX bytes; returns its end. */
char *binary_put_status(char *to, const struct binary_echo *echo, enum binary_status status);

/* The code on the wire. */
uint16_t binary_status_code(enum binary_status status);

#endif
