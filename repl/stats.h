/* `stats repl`: the rows of repl/repl.def. */
#ifndef REPL_STATS_H
#define REPL_STATS_H

#include "memcached/serve/stat_sink.h"
#include "repl/engine.h"

/* Any thread, no lock held. */
void repl_stats_put(struct engine *engine, struct stat_sink *sink);

#endif
