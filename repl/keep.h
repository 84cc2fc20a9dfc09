/* Starting over without losing what the log has yet to bring to the peer. */
#ifndef REPL_KEEP_H
#define REPL_KEEP_H

#include "repl/engine_private.h"

/*
 * Everything this node holds becomes invisible but for what its dirty log names, which clients were
 * answered for and the source may not have: that stays, or is marked as deleted. Under the node's
 * lock, by the worker that reads the incoming link. An overflowed log is opened anew, empty.
 */
void keep_and_start_over(struct engine *engine, struct store_thread *thread);

#endif
