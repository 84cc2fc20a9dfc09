/*
 * What the clients of one worker changed in this turn of its loop, spelled for the peer while it is
 * at hand: the store need not be asked for it again, and the workers meet only once a turn, when
 * the stream takes it over (out_take_stage). Large values, stale items, and whatever does not fit
 * or cannot go out at once, take the way through the dirty log.
 *
 * A stage belongs to one thread; others read `oldest` and `count` only.
 */
#ifndef REPL_STAGE_H
#define REPL_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/base/num.h"
#include "memcached/store/store.h"
#include "repl/core/dirty_log.h"

enum {
    STAGE_STREAM_BYTES = 256 * 1024, /* as it goes out */
    STAGE_RECORD_BYTES = 128 * 1024, /* as the log keeps it */
    STAGE_VALUE_BYTES_MAX = 16 * 1024,
};

struct stage {
    bool is_open;
    char *stream;
    size_t stream_bytes;
    struct dirty_records records; /* what the stream says, entry by entry */
    /* the last of them, if there are any: of which key, and where it begins in both */
    uint64_t last_hash;
    size_t last_stream_at;
    uint32_t last_record_at;
    struct num_stem stem; /* of the versions in the stream */
    uint64_t start_overs; /* how often the node had started over at the first of them */
    /* for others to read: the version of the first of them (0: none), and how many they are */
    _Atomic uint64_t oldest;
    _Atomic uint32_t count;
} __attribute__((aligned(64)));

/* False if there is no memory: it takes nothing then. */
bool stage_open(struct stage *stage);
void stage_free(struct stage *stage);

static inline bool stage_is_empty(const struct stage *stage) {
    return stage->stream_bytes == 0;
}

/*
 * Takes a changed item, or that a key is absent. Called from the store's observer. False: not here,
 * the log has to take it. A key that changes several times in a row is taken once, as it is at last:
 * a hot counter must not fill the log.
 */
bool stage_put(struct stage *stage, const struct clock *clock, const struct store_change *change);

/* Empties it. */
void stage_clear(struct stage *stage);

#endif
