/*
 * Notices that the process stood still (SIGSTOP, a suspended machine, a paused guest). One half of
 * a pair must not execute what clients sent before or meanwhile: they have long given up on it and
 * written newer values to the other half, which the old requests, stamped with the time of now,
 * would overwrite.
 */
#ifndef RUN_FREEZE_H
#define RUN_FREEZE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FREEZE_LIMIT_MS_MAX = 1000, /* a shorter stand-still is no fail-over yet */
    FREEZE_DOUBT_MS = 1000,     /* so long after one, who connects may have waited in the backlog */
};

struct freeze {
    uint64_t limit_ms;          /* fixed; 0: nobody looks */
    _Atomic uint64_t alive_ms;  /* somebody looked last then */
    _Atomic uint64_t coarse_ms; /* the same by the cheaper clock */
    _Atomic uint64_t thawed_ms; /* the end of the last stand-still; 0: there was none */
    _Atomic uint32_t thaw_count;
};

void freeze_init(struct freeze *freeze, uint64_t limit_ms);

/*
 * How many stand-stills there have been, one that has just ended included. Somebody has to look
 * more often than every limit_ms. Whoever sees a time of after a stand-still sees its count too.
 * Any thread.
 */
uint32_t freeze_look(struct freeze *freeze);

/*
 * The same, cheaper: a clock that is read in a few nanoseconds, exact to some milliseconds, and does
 * not count a suspended machine; that is for those who look in full. Any thread.
 */
uint32_t freeze_glance(struct freeze *freeze);

/* Has one ended within the last FREEZE_DOUBT_MS? Any thread. */
bool freeze_is_in_doubt(struct freeze *freeze);

#endif
