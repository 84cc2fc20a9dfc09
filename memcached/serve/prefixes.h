/*
 * Statistics by prefix, `stats detail`: how often keys that begin alike, up to a delimiter, are asked
 * for, found, stored and deleted. Off unless somebody wants to know. Each worker counts in a shard of
 * its own; whoever asks is told the sums.
 */
#ifndef SERVE_PREFIXES_H
#define SERVE_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/base/rng.h"
#include "memcached/net/outbuf.h"

enum { PREFIXES_MAX = 16 * 1024 /* of one worker; later ones are not counted */ };

struct prefixes;

/* What is counted of one request; several at once. */
enum prefix_event {
    PREFIX_GET = 1 << 0,
    PREFIX_HIT = 1 << 1,
    PREFIX_SET = 1 << 2,
    PREFIX_DELETE = 1 << 3,
};

/* NULL when there is no memory. */
struct prefixes *prefixes_create(char delimiter, unsigned worker_count, struct rng *rng);
void prefixes_destroy(struct prefixes *prefixes);

/*
 * A key without the delimiter belongs to no prefix. Any thread, as all that follow; free of waiting
 * if `worker` (below worker_count) is its own number.
 */
void prefixes_count(struct prefixes *prefixes, unsigned worker, const char *key, size_t key_bytes,
                    unsigned events);
void prefixes_forget(struct prefixes *prefixes);

/* A line for each prefix, in no order. False when there is no memory. */
bool prefixes_put(struct prefixes *prefixes, struct outbuf *out);

#endif
