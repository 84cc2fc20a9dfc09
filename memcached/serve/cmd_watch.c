/* `watch`: the connection is shown what happens in the server from here on. */
#include "memcached/serve/admin_words.h"

/* No word means fetchers. */
static bool take_streams(const struct words *words, uint32_t *streams) {
    *streams = words->count > 1 ? 0 : EVENT_STREAM_FETCHERS;
    for (unsigned i = 1; i < words->count; i++) {
        uint32_t stream = event_stream_named(words->word[i].text, words->word[i].bytes);
        if (!stream)
            return false;
        *streams |= stream;
    }
    return true;
}

void cmd_watch(const struct admin_call *call, const struct words *words) {
    const struct server *server = call->env->server;
    uint32_t streams;
    if (!server->settings->is_watch_enabled) {
        answer(call, words, "CLIENT_ERROR watch commands not allowed\r\n");
        return;
    }
    if (words->is_noreply || !take_streams(words, &streams)) { /* no stream is called so */
        answer(call, words, "ERROR\r\n");
        return;
    }
    enum serve_watch outcome = SERVE_WATCH_FAILED;
    if (server->run.watch)
        outcome = server->run.watch(server->run.context, session_peer(call->session)->connection,
                                    streams);
    switch (outcome) {
    case SERVE_WATCH_OK:
        session_watch(call->session);
        answer(call, words, "OK\r\n");
        return;
    case SERVE_WATCH_TOO_MANY:
        answer(call, words, "WATCHER_TOO_MANY log watcher limit reached\r\n");
        return;
    case SERVE_WATCH_FAILED:
        answer(call, words, "WATCHER_FAILED failed to add log watcher\r\n");
        return;
    }
}
