/*
 * The replication stream as bytes: what a link says (quiet meta commands) and the few lines it
 * reads.
 *
 *   ms <key> <len> [T<exptime>] [F<flags>] [E<version>] [I] [b] q\r\n<value>\r\n
 *   md <key> [I] [E<version>] [b] q\r\n
 *   mn\r\n
 *
 * What is 0 is not said. A key that text cannot carry goes in base64, with the flag b. I: the value
 * is stale (a stock memcached takes it behind md alone). No state, no memory; any thread.
 */
#ifndef PROTO_STREAM_H
#define PROTO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/num.h"
#include "memcached/proto/key.h"

enum {
    STREAM_HEAD_BYTES_MAX =
        PROTO_KEY_BASE64_BYTES_MAX + 112, /* any one line that is composed here */
    STREAM_LINE_BYTES_MAX = 2048,         /* longest line that a link reads */
};

struct stream_set {
    const char *key; /* 1..PROTO_KEY_BYTES_MAX bytes */
    size_t key_bytes;
    uint64_t value_bytes;
    int64_t exptime; /* as a client says it: stream_exptime */
    uint32_t client_flags;
    uint64_t version;      /* 0: without E, for a peer that does not know it */
    struct num_stem *stem; /* of the versions before it; NULL: none is kept */
    bool is_stale;
};

/*
 * An item's exptime (seconds in the scale of `now`, 0: never) in the way clients say it: 0, or the
 * seconds left, or UNIX seconds when more than 30 days are left, or -1 when none are.
 */
int64_t stream_exptime(uint32_t exptime, uint32_t now, uint64_t wall_s);

/*
 * Each writes a whole line at `out` (STREAM_HEAD_BYTES_MAX bytes) and returns its length. After a
 * set the value and CR LF follow.
 */
size_t stream_put_set(char *out, const struct stream_set *set);
size_t stream_put_delete(char *out, const char *key, size_t key_bytes, uint64_t version);
/* What is there already is stale as of that version. */
size_t stream_put_invalidate(char *out, const char *key, size_t key_bytes, uint64_t version);
size_t stream_put_barrier(char *out);

/* The same in classic commands with noreply (no version). 0 when the key cannot be said in text. */
size_t stream_put_classic_set(char *out, const struct stream_set *set);
size_t stream_put_classic_delete(char *out, const char *key, size_t key_bytes);

enum stream_reply_kind {
    STREAM_REPLY_NONE,    /* no whole line yet */
    STREAM_REPLY_MN,      /* the barrier's answer */
    STREAM_REPLY_REPL,    /* `REPL <text>` */
    STREAM_REPLY_VERSION, /* `VERSION <text>` */
    STREAM_REPLY_STATUS,  /* HD, NS, EX or NF: a quiet command that was not done. text: all of it */
    STREAM_REPLY_ERROR,   /* ERROR */
    STREAM_REPLY_CLIENT_ERROR, /* `CLIENT_ERROR <text>` */
    STREAM_REPLY_SERVER_ERROR, /* `SERVER_ERROR <text>` */
    STREAM_REPLY_OTHER,        /* some other line: text is all of it */
    STREAM_REPLY_TOO_LONG,     /* STREAM_LINE_BYTES_MAX bytes and no end of line */
};

struct stream_reply {
    enum stream_reply_kind kind;
    const char *text; /* into the input, without what names the kind and without CR LF */
    size_t text_bytes;
};

/*
 * Takes one line from input[0..bytes): how many bytes it used (0 with STREAM_REPLY_NONE and
 * _TOO_LONG).
 */
size_t stream_reply_parse(const char *input, size_t bytes, struct stream_reply *reply);

#endif
