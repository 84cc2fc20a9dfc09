/*
 * Classic text and meta commands: bytes into requests. One pass over what was read; whatever is
 * unusual (extra spaces, odd numbers, wrong words) goes to the second parser in parse_line.c,
 * which takes its time and finds the right error.
 */
#ifndef PROTO_PARSE_H
#define PROTO_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/proto/key.h"
#include "memcached/proto/request.h"

enum {
    PARSE_LINE_BYTES_MAX =
        2048, /* so much of a line and no end of it: refused, but for get and gets */
    PARSE_WHOLE_LINE_BYTES_MAX = 16384, /* so long a line is refused even with its end at hand */
    PARSE_WAIT_BYTES_MAX = 8192, /* a get or a value that is shorter is waited for, not begun */
    PARSE_VALUE_BYTES_MAX = INT32_MAX - 2,
};

enum parse_result {
    PARSE_REQUEST, /* *request is filled, parser->at is behind it */
    PARSE_MORE, /* a request has begun and needs more input: parser->wanted bytes of it, if known */
    PARSE_REFUSED, /* a line without an end: the connection is to be closed */
};

/*
 * `at` and `end` are set anew for every input; the rest lasts as long as the connection and starts
 * as zeros but for key_bytes_max.
 */
struct parser {
    const char *at, *end;
    size_t wanted;          /* PARSE_MORE: bytes needed from parser->at on; 0: unknown */
    uint16_t key_bytes_max; /* PROTO_KEY_BYTES_MAX; more only for base64 keys in meta commands */
    bool is_in_get;         /* inside a line of keys */
    bool is_skipping;       /* the rest of the line is ignored */
    uint8_t get_verb;
    bool get_has_key; /* this line has had a key */
    int64_t get_exptime;
};

/* The next request in [at, end), at < end. */
enum parse_result parse_request(struct parser *parser, struct request *request);

enum { PARSE_LOOK_BYTES = 8 * 1024 };

/*
 * Whether the line of a get that goes on at `at`, in the same input, is known to hold no bad key:
 * its end is there, within PARSE_LOOK_BYTES.
 */
bool parse_keys_are_good(const struct parser *parser, const char *at);

/* Takes the parser back to a request that it has given out of the same input. */
void parse_rewind(struct parser *parser, const struct request *request);

/* The rest of the line that the parser is in the middle of is not wanted. */
void parse_skip_line(struct parser *parser);
/* What the input has of a line that is being skipped is done with. */
void parse_skip_rest(struct parser *parser);

/* ---- between parse.c and parse_line.c ---- */

/*
 * A whole line [request->start, line_end) without its end, which is in [line_end, next). Fills
 * the request; for a get of several keys it leaves the parser at the keys.
 */
enum parse_result parse_line(struct parser *parser, struct request *request, const char *line_end,
                             const char *next);

/* A storage command's line is parsed: is its value there? Sets parser->at behind the request. */
enum parse_result parse_value(struct parser *parser, struct request *request);

/* The next key of the line that parser->is_in_get stands for. */
enum parse_result parse_key(struct parser *parser, struct request *request, bool is_first);

#endif
