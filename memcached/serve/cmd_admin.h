/*
 * The commands that are about the server and not about keys: stats, verbosity, flush_all, version,
 * shutdown, cache_memlimit, lru, lru_crawler, slabs, watch and the rest.
 */
#ifndef SERVE_CMD_ADMIN_H
#define SERVE_CMD_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/net/outbuf.h"
#include "memcached/serve/session.h"
#include "memcached/serve/stat_sink.h"

enum { ADMIN_WORDS_MAX = 24 }; /* of a line; what is left belongs to the last */

struct admin_call {
    struct session *session;
    struct session_env *env;
    const char *line; /* the whole line with its verb, without CR LF */
    size_t line_bytes;
    struct outbuf *out;
};

/*
 * Executes a line whose verb is no data command and appends the reply, if there is one. A verb that
 * is not known here either is answered with ERROR. May call session_end. The session's worker.
 */
void admin_execute(const struct admin_call *call);

/* ---- what other protocols ask for, too. The session's worker. ---- */

/* One family of `stats` (0 bytes: the general one). False: there is none of this name. */
bool admin_stats(const struct session_env *env, const char *name, size_t bytes,
                 struct stat_sink *sink);

/* Flushes in `delay` seconds as clients give them: more than 30 days are UNIX time, past is now. */
void admin_flush(const struct session_env *env, int64_t delay);

#endif
