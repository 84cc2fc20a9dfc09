/*
 * Making the connection to the peer: its name, its addresses one after the other, the socket, and
 * logging in where the peer asks for it.
 * Owned by the replication thread; never blocks.
 */
#ifndef REPL_DIAL_H
#define REPL_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/serve/auth.h"
#include "repl/lookup.h"

struct dial;

/*
 * Checks "host", "host:port", "[v6]:port" or a bare v6 address. NULL with *why set when it is none
 * of these or memory is short. timeout_ms bounds one attempt at all addresses together.
 */
struct dial *dial_create(const char *peer, uint16_t port_default, uint32_t timeout_ms,
                         const char **why);
void dial_destroy(struct dial *dial);

/* The eventfd that a finished look-up writes to. Before the first dial_begin. */
void dial_wake_with(struct dial *dial, int wake_fd);

/* Who to log in as; NULL: nobody. Before the first dial_begin; outlives the dial. */
void dial_log_in_with(struct dial *dial, struct auth *auth);

/*
 * Before the first dial_begin: looks the name up, for wait_ms at most. False if there is no such
 * name; true if it was found, or if nobody could say: then it is looked up again with every
 * attempt.
 */
bool dial_resolve(struct dial *dial, int wait_ms);
/* The peer's name, once whenever it ceases to resolve; NULL otherwise. */
const char *dial_unresolved(struct dial *dial);

/* True once whenever the peer begins to refuse this node's user. */
bool dial_is_refused(struct dial *dial);

/* The addresses known now; *is_new is set once for every list that differs from the one before. */
const struct peer_addresses *dial_addresses(struct dial *dial, bool *is_new);

/* Starts an attempt: looks the name up when that is due, tries the known addresses in turn. */
void dial_begin(struct dial *dial, uint64_t now_ms);
/* Ends it; a look-up goes on for the next attempt. */
void dial_cancel(struct dial *dial);

enum dial_step { DIAL_IDLE, DIAL_PENDING, DIAL_CONNECTED, DIAL_FAILED };
/* Goes on with what has happened since. CONNECTED and FAILED end the attempt. */
enum dial_step dial_step(struct dial *dial, uint64_t now_ms);
/* The socket being connected, to be polled for dial_events; -1 while there is none. */
int dial_fd(const struct dial *dial);
short dial_events(const struct dial *dial);
/* When dial_step has to be called at the latest; UINT64_MAX: no need. */
uint64_t dial_deadline_ms(const struct dial *dial);
/* After CONNECTED: the socket, now the caller's. */
int dial_take(struct dial *dial);

#endif
