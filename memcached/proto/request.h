/* One request as the parser leaves it: small, and pointing into the input instead of copying it. */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stddef.h>
#include <stdint.h>

enum verb {
#define VERB(name, text, kind) VERB_##name,
#include "memcached/proto/verbs.def"
#undef VERB
    VERB_OTHER, /* a line the parser does not know: `rest` is all of it */
    VERB_ERROR, /* a line that is refused: `error` says how */
};

enum request_error {
#define REQUEST_ERROR(name, reply) REQUEST_##name,
#include "memcached/proto/request_errors.def"
#undef REQUEST_ERROR
    REQUEST_ERROR_COUNT
};

struct request_reply {
    const char *text;
    size_t bytes;
};
/* The line that each error is answered with, CR LF included. */
extern const struct request_reply request_error_replies[REQUEST_ERROR_COUNT];

/* request.bits */
enum {
    REQUEST_FIRST = 1 << 0, /* begins a line: every request but the later keys of a get */
    REQUEST_LAST = 1 << 1,  /* ends its line */
    REQUEST_NOREPLY = 1 << 2,
    REQUEST_PARTIAL = 1 << 3, /* its value is not all there yet */
};

/*
 * A get of many keys is a request for each. A key of 0 bytes on one of them: only the end of the
 * line.
 */
struct request {
    uint64_t hash;     /* of the key, for whoever executes it */
    const char *start; /* its first byte in the input */
    const char *key;
    const char *value; /* storage commands: right behind the line */
    const char *rest;  /* meta: the flags; OTHER and REPL: the line (REPL: without the verb) */
    uint32_t rest_bytes;
    uint32_t value_bytes;
    uint32_t client_flags;
    uint16_t key_bytes;
    uint8_t verb;
    uint8_t bits;
    int64_t exptime; /* storage, touch, gat */
    uint64_t number; /* the CAS value or the delta */
    uint8_t error;
};

#endif
