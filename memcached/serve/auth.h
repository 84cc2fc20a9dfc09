/*
 * Who may log in with -Y: the lines `user:password` of a file, read at the start and again whenever
 * the operator asks for it.
 */
#ifndef SERVE_AUTH_H
#define SERVE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/lock.h"

enum {
    AUTH_USERS_MAX = 8,        /* memcached's: lines behind them are not looked at */
    AUTH_LINE_BYTES_MAX = 255, /* memcached's: user, colon and password */
    AUTH_FILE_BYTES_MAX = 64 * 1024,
    AUTH_MESSAGE_BYTES_MAX = 512,
};

struct auth_user {
    char text[AUTH_LINE_BYTES_MAX]; /* user, colon, password */
    uint8_t user_bytes, password_bytes;
};

struct auth_users {
    struct auth_user user[AUTH_USERS_MAX];
    unsigned count; /* at least 1 */
};

/* One line without newline, for the operator; empty: nothing to tell. */
struct auth_message {
    char text[AUTH_MESSAGE_BYTES_MAX];
};

/*
 * Reads the text of a file named `path` (for the message only). False with a message when it cannot
 * be used; true with one when a part of it is not looked at.
 */
bool auth_parse(const char *path, const char *text, size_t bytes, struct auth_users *users,
                struct auth_message *message);

struct auth {
    const char *path; /* absolute, if the process leaves its folder; outlives this */
    struct lock lock; /* guards users */
    struct auth_users users;
};

/* Reads the file. Messages and result as of auth_parse; auth_destroy only after success. */
bool auth_init(struct auth *auth, const char *path, struct auth_message *message);
void auth_destroy(struct auth *auth);

/* Reads the file again; a file that cannot be used leaves everything as it was. Any thread. */
bool auth_reload(struct auth *auth, struct auth_message *message);

/*
 * Is this one of the users, with this password? Takes as long for a near miss as for a far one.
 * Any thread.
 */
bool auth_knows(struct auth *auth, const char *user, size_t user_bytes, const char *password,
                size_t password_bytes);

/* The first user of the file. Any thread. */
void auth_first(struct auth *auth, struct auth_user *user);

#endif
