/* A store of a pair, without its peer: what its observer is told, and what a peer might tell it. */
#ifndef STORE_PAIR_H
#define STORE_PAIR_H

#include "t/unit/store_fixture.h"

enum { TOLD_MAX = 64, TOLD_VALUE_BYTES = 16 };

/* What the observer was told, in order. */
struct told {
    unsigned count;
    bool is_queueing; /* what the observer answers */
    struct store_change change[TOLD_MAX];
    char key[TOLD_MAX][STORE_KEY_BYTES_MAX + 1];
    char value[TOLD_MAX][TOLD_VALUE_BYTES]; /* how it begins */
};

/* A replicated store whose observer notes into `told`, and queues. fixture_close closes it. */
void pair_open(struct fixture *fixture, struct told *told);

/* A version of the second, in Unix time. */
uint64_t stamp(uint64_t wall_s, uint64_t sequence);

/* What the peer did, with this version; a tie is won by the peer or not. */
enum store_status apply(struct fixture *fixture, const char *key, const char *value,
                        uint64_t version, bool wins);
enum store_status apply_delete(struct fixture *fixture, const char *key, uint64_t version);

/* Fetches what is queued under the key; *version is the item's, or since when it is absent. */
enum store_found visit(struct fixture *fixture, const char *key, uint64_t *version);

#endif
