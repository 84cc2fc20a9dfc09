/* How a change is spelled for the peer at hand (enum out_dialect). No state, no I/O; any thread. */
#ifndef REPL_ENCODE_H
#define REPL_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/store/store.h"
#include "repl/core/node.h"

enum { ENCODE_HEAD_BYTES_MAX = 512 };

/*
 * Whether the peer is to be told of an item, as it is now, that there is none: it holds the place of
 * a value that some client of this node's was asked for; or it is stale, and this peer would take it
 * for fresh.
 */
bool encode_is_absent(enum out_dialect dialect, const struct store_view *view);

/* An item's exptime in the way that a peer reads it. */
int64_t encode_exptime(const struct clock *clock, uint32_t exptime);

/*
 * Each writes at `out` (ENCODE_HEAD_BYTES_MAX bytes) and returns how many bytes; 0 when the dialect
 * cannot say it. encode_set writes the line before the value, with its CR LF; the value and its CR
 * LF follow.
 */
size_t encode_set(char *out, enum out_dialect dialect, const struct clock *clock,
                  const struct store_key *key, const struct store_view *view);
/* A line for behind the value, or none: this peer is to be told by it that the item is stale. */
size_t encode_stale(char *out, enum out_dialect dialect, const struct store_key *key,
                    const struct store_view *view);
size_t encode_delete(char *out, enum out_dialect dialect, const struct store_key *key,
                     uint64_t version);
size_t encode_flush(char *out, enum out_dialect dialect, uint64_t version);
/*
 * A flush that becomes effective at a UNIX second; 0: none is pending any more. Asked for at
 * `version`.
 */
size_t encode_flush_later(char *out, enum out_dialect dialect, const struct clock *clock,
                          uint64_t version, uint64_t wall_s);
/* A barrier, which the peer answers by its number where it can; and that answer. */
size_t encode_barrier(char *out, enum out_dialect dialect, uint64_t number);
size_t encode_ack(char *out, uint64_t number);
/* How many per cent of a full sync are sent. */
size_t encode_progress(char *out, unsigned percent);

#endif
