/*
 * A dump that a session sends to its client piece by piece, as the client takes it: between two
 * pieces it holds no lock, and no memory but what waits to be sent. Private to the sessions and
 * their commands.
 */
#ifndef SERVE_DUMP_H
#define SERVE_DUMP_H

#include "memcached/serve/turn.h"
#include "memcached/store/crawler.h"

/*
 * Begins one: the session is in SESSION_IN_DUMP until it is over. False with *why: the session is
 * as before.
 */
bool dump_begin(struct session *session, enum dump_format format, enum store_dump_order order,
                uint64_t classes, enum store_dump_refusal *why);

/* No more than so many items; 0: all. */
void dump_limit(struct session *session, uint64_t count);

/*
 * A piece of it. True when the dump is over and the session goes on with its input; false when the
 * turn ends, as *result says.
 */
bool dump_go_on(struct turn *turn, struct session_result *result);

/* Ends the session's dump, if it is in one, wherever that stands. */
void dump_abandon(struct session *session);

#endif
