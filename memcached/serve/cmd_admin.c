#include "memcached/serve/cmd_admin.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"
#include "memcached/serve/stats.h"
#include "memcached/serve/version.h"

/* As many words as memcached splits a line into; what is more stays in the last. */
enum { WORDS_MAX = ADMIN_WORDS_MAX, RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30 };

struct word {
    const char *text;
    size_t bytes;
};

struct words {
    struct word word[WORDS_MAX];
    unsigned count;    /* without a final `noreply` */
    bool is_noreply;
};

static bool is_word(const struct words *words, unsigned i, const char *wanted) {
    return i < words->count && words->word[i].bytes == strlen(wanted) &&
           memcmp(words->word[i].text, wanted, words->word[i].bytes) == 0;
}

static void split(const char *line, size_t bytes, struct words *words) {
    size_t at = 0;
    words->count = 0;
    while (words->count < WORDS_MAX) {
        while (at < bytes && line[at] == ' ')
            at++;
        if (at == bytes)
            break;
        size_t start = at;
        while (at < bytes && line[at] != ' ')
            at++;
        words->word[words->count++] = (struct word){line + start, at - start};
    }
    words->is_noreply = words->count > 1 && is_word(words, words->count - 1, "noreply");
    if (words->is_noreply)
        words->count--;
}

static void answer(const struct admin_call *call, const struct words *words, const char *line) {
    if (!words->is_noreply)
        (void)outbuf_put(call->out, line, strlen(line));
}

#define BAD_FORMAT "CLIENT_ERROR bad command line format\r\n"

/* ---- stats ----------------------------------------------------------------------------------- */

/* STAT name value, into a connection's output. */
struct text_sink {
    struct stat_sink sink;
    struct outbuf *out;
};

static void text_row(struct stat_sink *sink, const char *name, const char *value) {
    struct outbuf *out = ((struct text_sink *)sink)->out;
    if (outbuf_puts(out, "STAT ") && outbuf_put(out, name, strlen(name)) && outbuf_puts(out, " ") &&
        outbuf_put(out, value, strlen(value)))
        (void)outbuf_puts(out, "\r\n");
}

static bool stats_family(const struct admin_call *call, const struct words *words,
                         struct stat_sink *sink) {
    struct server *server = call->env->server;
    if (words->count == 1) {
        stats_general(server, sink);
    } else if (is_word(words, 1, "settings")) {
        stats_settings(server, sink);
    } else if (is_word(words, 1, "items")) {
        stats_items(server, sink);
    } else if (is_word(words, 1, "slabs")) {
        stats_slabs(server, sink);
    } else if (is_word(words, 1, "sizes")) {
        stats_sizes(server, call->env->store, sink);
    } else if (is_word(words, 1, "conns")) {
        if (server->run.stats_conns)
            server->run.stats_conns(server->run.context, sink);
    } else if (is_word(words, 1, "extstore")) {
        /* no external storage: no rows */
    } else if (is_word(words, 1, "repl") && server->repl.is_on) {
        server->repl.stats(server->repl.context, sink);
    } else {
        return false;
    }
    return true;
}

static void cmd_stats(const struct admin_call *call, const struct words *words) {
    struct text_sink sink = {{text_row}, call->out};
    struct outbuf_mark mark = outbuf_mark(call->out);
    if (is_word(words, 1, "reset")) {
        stats_reset(call->env->server);
        answer(call, words, "RESET\r\n");
    } else if (is_word(words, 1, "detail")) {
        answer(call, words, "CLIENT_ERROR stats detail not allowed\r\n");
    } else if (is_word(words, 1, "cachedump")) {
        answer(call, words, "CLIENT_ERROR stats cachedump not allowed\r\n");
    } else if (!stats_family(call, words, &sink.sink)) {
        answer(call, words, "ERROR\r\n");
    } else if (!outbuf_puts(call->out, "END\r\n") || call->out->is_failed) {
        outbuf_cut(call->out, mark);
        call->out->is_failed = false;
        answer(call, words, "SERVER_ERROR out of memory writing stats\r\n");
    }
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void cmd_version(const struct admin_call *call, const struct words *words) {
    (void)words;
    (void)outbuf_puts(call->out, "VERSION " SERVER_VERSION "\r\n");
}

static void cmd_verbosity(const struct admin_call *call, const struct words *words) {
    uint32_t level;
    if (words->count < 2 && !words->is_noreply) {
        answer(call, words, "ERROR\r\n");
    } else if (words->count < 2) {
        /* `verbosity noreply`: nothing to set, nobody to tell */
    } else if (!num_u32(words->word[1].text, words->word[1].bytes, &level)) {
        answer(call, words, BAD_FORMAT);
    } else {
        atomic_store(&call->env->server->settings->verbose, level > 2 ? 2 : (int)level);
        answer(call, words, "OK\r\n");
    }
}

static void cmd_flush_all(const struct admin_call *call, const struct words *words) {
    struct server *server = call->env->server;
    int64_t delay = 0;
    COUNT(call->env->counters, cmd_flush, 1);
    if (!server->settings->is_flush_enabled) {
        answer(call, words, "CLIENT_ERROR flush_all not allowed\r\n");
        return;
    }
    if (words->count > 1 && !num_i64(words->word[1].text, words->word[1].bytes, &delay)) {
        answer(call, words, "CLIENT_ERROR invalid exptime argument\r\n");
        return;
    }
    /* More than 30 days means a UNIX time, as in an item's exptime. */
    if (delay > RELATIVE_SECONDS_MAX) {
        uint64_t now = server->start_wall_s + clock_seconds(server->clock) - CLOCK_FIRST_SECOND;
        delay = (uint64_t)delay > now ? delay - (int64_t)now : 0;
    }
    if (server->repl.is_on)
        server->repl.client_write(server->repl.context);
    store_flush(call->env->store, delay <= 0 ? 0 : delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay);
    answer(call, words, "OK\r\n");
}

static void cmd_cache_memlimit(const struct admin_call *call, const struct words *words) {
    uint64_t megabytes;
    enum { MEGABYTES_MIN = 8 };
    if (words->count < 2 ||
        !num_u64(words->word[1].text, words->word[1].bytes, &megabytes)) {
        answer(call, words, "ERROR\r\n");
    } else if (megabytes < MEGABYTES_MIN) {
        answer(call, words, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
    } else if (megabytes > UINT64_MAX >> 20 ||
               !store_set_limit(call->env->server->store, megabytes << 20)) {
        answer(call, words, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
    } else {
        answer(call, words, "OK\r\n");
    }
}

static void cmd_shutdown(const struct admin_call *call, const struct words *words) {
    struct server *server = call->env->server;
    bool is_graceful = is_word(words, 1, "graceful");
    if (!server->settings->is_shutdown_enabled) {
        answer(call, words, "ERROR: shutdown not enabled\r\n");
    } else if (words->count > 2 || (words->count == 2 && !is_graceful)) {
        answer(call, words, "CLIENT_ERROR invalid shutdown mode\r\n");
    } else {
        session_end(call->session);
        if (server->run.shutdown)
            server->run.shutdown(server->run.context, is_graceful);
    }
}

/* What is not built in answers as a memcached does that was started without it. */
static void cmd_lru_crawler(const struct admin_call *call, const struct words *words) {
    answer(call, words, words->count < 2 ? "ERROR\r\n" : "CLIENT_ERROR lru crawler disabled\r\n");
}

static void cmd_slabs(const struct admin_call *call, const struct words *words) {
    bool is_known = is_word(words, 1, "reassign") || is_word(words, 1, "automove");
    answer(call, words,
           is_known && words->count > 2 ? "CLIENT_ERROR slab reassignment disabled\r\n"
                                        : "ERROR\r\n");
}

static void cmd_watch(const struct admin_call *call, const struct words *words) {
    answer(call, words, "CLIENT_ERROR watch commands not allowed\r\n");
}

static void cmd_refresh_certs(const struct admin_call *call, const struct words *words) {
    answer(call, words, "Error TLS not enabled\r\n");
}

static const struct {
    const char *name;
    void (*execute)(const struct admin_call *call, const struct words *words);
} commands[] = {
    {"stats", cmd_stats},
    {"version", cmd_version},
    {"verbosity", cmd_verbosity},
    {"flush_all", cmd_flush_all},
    {"cache_memlimit", cmd_cache_memlimit},
    {"shutdown", cmd_shutdown},
    {"lru_crawler", cmd_lru_crawler},
    {"slabs", cmd_slabs},
    {"watch", cmd_watch},
    {"refresh_certs", cmd_refresh_certs},
};

void admin_execute(const struct admin_call *call) {
    struct words words;
    split(call->line, call->line_bytes, &words);
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (is_word(&words, 0, commands[i].name)) {
            commands[i].execute(call, &words);
            return;
        }
    }
    /* a browser was made to send this: nothing of what follows may be executed */
    const struct word *last = &words.word[words.count > 0 ? words.count - 1 : 0];
    if (words.count > 0 && last->bytes >= 5 && memcmp(last->text, "HTTP/", 5) == 0) {
        session_end(call->session);
        return;
    }
    (void)outbuf_puts(call->out, "ERROR\r\n");
}
