/* What the meta commands share: keys in base64, the flags to return, and what is not held here. */
#ifndef SERVE_CMD_META_H
#define SERVE_CMD_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/num.h"
#include "memcached/serve/turn.h"

enum {
    /* all flags that a reply can have, each with its space, b and three for states, and CR LF */
    META_RETURNS_BYTES_MAX = META_RETURNS_MAX * (NUM_U64_DIGITS_MAX + 2) +
                             PROTO_KEY_BASE64_BYTES_MAX + META_OPAQUE_BYTES_MAX + 4 * 2 + 2,
};

/* The key after the flag b; large enough for what base64_decode may write. */
struct meta_key {
    char bytes[PROTO_KEY_BASE64_BYTES_MAX];
};

/* What the returned flags say. */
struct meta_facts {
    const char *key;
    size_t key_bytes;
    bool is_binary; /* the key is shown in base64 */
    bool was_fetched;
    uint32_t client_flags;
    uint32_t idle_s; /* since the last access */
    int64_t left_s;  /* -1: for ever */
    uint64_t version;
    uint64_t value_bytes;
};

/*
 * Parses the flags, decodes the key (into `room`) and hashes it anew where it is base64. NULL, or
 * the error line.
 */
const char *meta_prepare(const struct turn *turn, struct request *request, struct meta *meta,
                         struct meta_key *room);

/*
 * Writes the flags that were asked for and are among `allowed` (META_BITs): with what may follow
 * them (a state, CR LF) META_RETURNS_BYTES_MAX bytes.
 */
char *meta_put_returns(char *to, const struct meta *meta, uint64_t allowed,
                       const struct meta_facts *facts);

/* A reply of a status (two letters) and these flags. */
void meta_reply(struct turn *turn, const char status[2], const struct meta *meta, uint64_t allowed,
                const struct meta_facts *facts);

/* ms: the value is all there. */
void meta_store_finish(struct turn *turn, struct store_job *job);

#endif
