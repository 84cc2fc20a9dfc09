/*
 * Logging in at the peer on a connection just made, before anything else is said. A peer that asks
 * nobody for a password must not be told one (it would store it as an item): it is asked first, with
 * a command that changes nothing, whether it answers strangers.
 */
#ifndef REPL_LOGIN_H
#define REPL_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/serve/auth.h"

enum { LOGIN_TEXT_BYTES_MAX = AUTH_LINE_BYTES_MAX + 64 };

enum login_step {
    LOGIN_PENDING, /* an answer is awaited */
    LOGIN_DONE,    /* logged in, or not asked to */
    LOGIN_REFUSED, /* the peer does not know this node's user */
    LOGIN_BROKEN,  /* no connection, or no memcached at its other end */
};

struct login {
    bool has_told; /* user and password are sent */
    char answer[LOGIN_TEXT_BYTES_MAX];
    size_t answer_bytes;
};

/* Asks. `fd` is connected and does not block. LOGIN_PENDING or LOGIN_BROKEN. */
enum login_step login_begin(struct login *login, int fd);
/* Goes on with what has arrived; to be called when there is something to read. */
enum login_step login_step(struct login *login, int fd, struct auth *auth);

#endif
