/* From the exptimes that clients give to the seconds that items carry. */
#ifndef SERVE_EXPTIME_H
#define SERVE_EXPTIME_H

#include <stdint.h>

#include "memcached/serve/server.h"

enum {
    EXPTIME_RELATIVE_MAX = 60 * 60 * 24 * 30, /* more than this is UNIX time */
    EXPTIME_PAST = CLOCK_FIRST_SECOND - 1,    /* before the clock's first second, and not "never" */
};

/*
 * 0: never. Up to 30 days: from now. More: UNIX seconds. Negative, or UNIX seconds before the
 * start: over.
 */
static inline uint32_t exptime_of(const struct server *server, int64_t asked) {
    if (asked == 0)
        return 0;
    if (asked < 0)
        return EXPTIME_PAST;
    uint64_t seconds;
    if (asked <= EXPTIME_RELATIVE_MAX)
        seconds = (uint64_t)asked + clock_seconds(server->clock);
    else if ((uint64_t)asked <= server->start_wall_s)
        return EXPTIME_PAST;
    else
        seconds = (uint64_t)asked - server->start_wall_s + CLOCK_FIRST_SECOND;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

/* The seconds that an item has left: -1 for ever. */
static inline int64_t exptime_left(const struct server *server, uint32_t exptime) {
    uint32_t now = clock_seconds(server->clock);
    if (exptime == 0)
        return -1;
    return exptime > now ? (int64_t)(exptime - now) : 0;
}

#endif
