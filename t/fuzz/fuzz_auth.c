/*
 * -Y. The first byte chooses: any bytes as the file of users, or any bytes, cut anywhere, from a
 * client that has not logged in.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/serve/auth.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* ---- the file -------------------------------------------------------------------------------- */

static void check_file(const char *text, size_t bytes) {
    struct auth auth = {.path = "FILE"};
    struct auth_message message;
    /* In memory of just that size: reading behind it is found. */
    char *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, text, bytes);
    bool is_usable = auth_parse("FILE", copy, bytes, &auth.users, &message);
    free(copy);
    CHECK(!strchr(message.text, '\n'));
    CHECK(is_usable || message.text[0]);
    if (!is_usable)
        return;
    CHECK(auth.users.count >= 1 && auth.users.count <= AUTH_USERS_MAX);
    lock_init(&auth.lock, RANK_AUTH);
    for (unsigned i = 0; i < auth.users.count; i++) {
        const struct auth_user *user = &auth.users.user[i];
        const char *password = user->text + user->user_bytes + 1;
        CHECK(user->user_bytes + 1 + user->password_bytes <= AUTH_LINE_BYTES_MAX);
        CHECK(user->text[user->user_bytes] == ':');
        CHECK(auth_knows(&auth, user->text, user->user_bytes, password, user->password_bytes));
        CHECK(!auth_knows(&auth, user->text, user->user_bytes, "\n", 1));
    }
    lock_destroy(&auth.lock);
}

/* ---- the client ------------------------------------------------------------------------------ */

/* Making a store takes longer than most inputs: one serves all of them. */
static struct host *host_next(void) {
    static struct host host;
    static struct auth auth = {.path = "FILE"};
    static const char file[] = "foo:bar\n";
    struct auth_message message;
    if (host.session) {
        host_reconnect(&host);
        return &host;
    }
    CHECK(auth_parse("FILE", file, sizeof(file) - 1, &auth.users, &message));
    lock_init(&auth.lock, RANK_AUTH);
    host_init(&host);
    host.config.limit_bytes = 4 << 20;
    host.config.item_bytes_max = 1 << 16;
    host.config.hashpower = 8;
    host.settings.binding_protocol = PROTOCOL_ASCII;
    host.server.auth = &auth;
    host_open(&host);
    return &host;
}

/* Nothing but these is said to a stranger; STORED is said to who has ceased to be one. */
static void check_said(const char *said, size_t bytes, bool is_known) {
    static const char *const replies[] = {"CLIENT_ERROR unauthenticated\r\n",
                                          "CLIENT_ERROR authentication failure\r\n",
                                          "CLIENT_ERROR bad authentication token format\r\n",
                                          "CLIENT_ERROR bad command line termination\r\n"};
    size_t at = 0;
    while (at < bytes) {
        size_t reply_bytes = 0;
        for (size_t i = 0; i < ARRAY_COUNT(replies) && !reply_bytes; i++)
            if (bytes - at >= strlen(replies[i]) &&
                memcmp(said + at, replies[i], strlen(replies[i])) == 0)
                reply_bytes = strlen(replies[i]);
        if (!reply_bytes)
            break;
        at += reply_bytes;
    }
    CHECK(at == bytes || (bytes - at >= 8 && memcmp(said + at, "STORED\r\n", 8) == 0));
    CHECK(at == bytes || is_known);
}

static void check_client(const char *text, size_t bytes, size_t piece_max) {
    struct host *host = host_next();
    uint64_t good_before =
        atomic_load(&host->counters.auth_cmds) - atomic_load(&host->counters.auth_errors);
    (void)host_receive(host, text, bytes, piece_max);
    uint64_t good =
        atomic_load(&host->counters.auth_cmds) - atomic_load(&host->counters.auth_errors);
    check_said(host->said, host->said_bytes, good > good_before);
    CHECK(good - good_before <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const size_t pieces[] = {0, 1, 5, 64, 1000};
    if (bytes < 1)
        return 0;
    if (data[0] % 2)
        check_file((const char *)data + 1, bytes - 1);
    else
        check_client((const char *)data + 1, bytes - 1, pieces[data[0] / 2 % ARRAY_COUNT(pieces)]);
    return 0;
}
