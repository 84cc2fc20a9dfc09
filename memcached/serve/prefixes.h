/*
 * Statistics by prefix, `stats detail`: how often keys that begin alike, up to a delimiter, are asked
 * for, found, stored and deleted. Off unless somebody wants to know.
 */
#ifndef SERVE_PREFIXES_H
#define SERVE_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/base/rng.h"
#include "memcached/net/outbuf.h"

enum { PREFIXES_MAX = 16 * 1024 /* later ones are not counted */ };

struct prefixes;

/* What is counted of one request; several at once. */
enum prefix_event {
    PREFIX_GET = 1 << 0,
    PREFIX_HIT = 1 << 1,
    PREFIX_SET = 1 << 2,
    PREFIX_DELETE = 1 << 3,
};

/* NULL when there is no memory. */
struct prefixes *prefixes_create(char delimiter, struct rng *rng);
void prefixes_destroy(struct prefixes *prefixes);

/* Any thread, as all that follow. A key without the delimiter belongs to no prefix. */
void prefixes_count(struct prefixes *prefixes, const char *key, size_t key_bytes, unsigned events);
void prefixes_forget(struct prefixes *prefixes);

/* A line for each prefix, in the order in which they came. False when there is no memory. */
bool prefixes_put(struct prefixes *prefixes, struct outbuf *out);

#endif
