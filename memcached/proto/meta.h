/*
 * The flags behind a meta command's key: parsed in one walk, with those to return in their order.
 */
#ifndef PROTO_META_H
#define PROTO_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    META_FLAGS_MAX = 17,
    META_OPAQUE_BYTES_MAX = 31,
    META_RETURNS_MAX = 8, /* how many rows of meta.def have is_returned */
};

struct meta {
    uint64_t seen;          /* META_BIT of every flag given */
    uint64_t seen_before_T; /* what stands before T tells of the time before the touch */
    uint64_t seen_before_N;
    uint64_t seen_before_error; /* if there is one: the last that is told */
    const char *opaque;
    uint64_t cas, new_cas;                      /* C, E */
    uint64_t delta, initial;                    /* D (default 1), J (default 0) */
    int64_t exptime, vivify_exptime, recache_s; /* T, N, R */
    uint32_t client_flags;                      /* F */
    char mode;                                  /* M; 0: not given */
    uint8_t opaque_bytes;
    uint8_t return_count;
    char returns[META_RETURNS_MAX]; /* the letters of the flags to return */
};

#define META_BIT(letter) ((uint64_t)1 << ((letter) - 'A'))
#define META_HAS(meta, letter) (((meta)->seen & META_BIT(letter)) != 0)

enum meta_error {
    META_FINE,
    META_TOO_MANY_FLAGS,
    META_UNKNOWN_FLAG,
    META_DUPLICATE_FLAG,
    /*
     * From here on only a token is wrong, and all flags have been seen. Of several such errors the
     * last is told, of the first two kinds only if there is no other. A key that cannot be decoded
     * is an error of the same rank as the further ones, at the flag b.
     */
    META_OPAQUE_TOO_LONG,
    META_BAD_CLIENT_FLAGS,
    META_BAD_TOKEN,
    META_BAD_MODE,
    META_BAD_DELTA,
    META_BAD_INITIAL,
};

/* The flags in text[0..bytes); a NUL ends them. What is not META_FINE leaves *meta half filled. */
enum meta_error meta_parse(struct meta *meta, const char *text, size_t bytes);

/*
 * The exptime of what mg or ma makes on a miss, as those flags leave it that come before the first
 * of `end` (META_BITs; 0: all of them): the one of T and N that stands last. 0: never.
 */
int64_t meta_exptime_of_new(const struct meta *meta, uint64_t end);

/* The reply to such an error, with CR LF, as mg and ms give it. */
const char *meta_error_reply(enum meta_error error);

#endif
