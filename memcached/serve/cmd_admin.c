#include "memcached/serve/cmd_admin.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/number.h"
#include "memcached/serve/admin_words.h"
#include "memcached/serve/prefixes.h"
#include "memcached/serve/stats.h"
#include "memcached/serve/version.h"

enum {
    RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30, /* of a delay; a larger one is a UNIX time */
    BEFORE_START_SECONDS = 62,                /* where a memcached's own time begins */
    MEMLIMIT_MEGABYTES_MIN = 8,
    MEMLIMIT_MEGABYTES_MAX = 1000 * 1000 * 1000, /* more of them are meant as bytes */
    VERBOSITY_MAX = 2,
};

/* The first ADMIN_WORDS_MAX words; more make no command valid. */
static void split(const char *line, size_t bytes, struct words *words) {
    size_t at = 0;
    words->count = 0;
    words->is_noreply = false;
    while (words->count < ADMIN_WORDS_MAX) {
        while (at < bytes && line[at] == ' ')
            at++;
        if (at == bytes)
            break;
        size_t start = at;
        while (at < bytes && line[at] != ' ')
            at++;
        words->word[words->count++] = (struct word){line + start, at - start};
    }
}

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

static bool is_named(const char *name, size_t bytes, const char *wanted) {
    return bytes == strlen(wanted) && memcmp(name, wanted, bytes) == 0;
}

bool admin_stats(const struct session_env *env, const char *name, size_t bytes,
                 struct stat_sink *sink) {
    struct server *server = env->server;
    if (bytes == 0) {
        stats_general(server, sink);
    } else if (is_named(name, bytes, "settings")) {
        stats_settings(server, sink);
    } else if (is_named(name, bytes, "items")) {
        stats_items(server, sink);
    } else if (is_named(name, bytes, "slabs")) {
        stats_slabs(server, sink);
    } else if (is_named(name, bytes, "sizes")) {
        stats_sizes(server, env->store, sink);
    } else if (is_named(name, bytes, "conns")) {
        if (server->run.stats_conns)
            server->run.stats_conns(server->run.context, sink);
    } else if (is_named(name, bytes, "stalls")) {
        if (server->run.stats_stalls)
            server->run.stats_stalls(server->run.context, sink);
    } else if (is_named(name, bytes, "extstore") || is_named(name, bytes, "proxy") ||
               is_named(name, bytes, "proxyfuncs") || is_named(name, bytes, "proxybe")) {
        /* neither external storage nor a proxy: no rows */
    } else if (is_named(name, bytes, "repl") && server->repl.is_on) {
        server->repl.stats(server->repl.context, sink);
    } else {
        return false;
    }
    return true;
}

static void answer_out_of_memory(const struct admin_call *call, const struct words *words,
                                 struct outbuf_mark mark) {
    outbuf_cut(call->out, mark);
    call->out->is_failed = false;
    answer(call, words, "SERVER_ERROR out of memory writing stats\r\n");
}

static void stats_detail(const struct admin_call *call, const struct words *words) {
    struct server *server = call->env->server;
    struct outbuf_mark mark = outbuf_mark(call->out);
    bool is_on = is_word(words, 2, "on");
    if (!server->settings->is_dump_enabled) {
        answer(call, words, "CLIENT_ERROR stats detail not allowed\r\n");
    } else if (is_on || is_word(words, 2, "off")) {
        atomic_store_explicit(&server->is_detailed, is_on && server->prefixes,
                              memory_order_relaxed);
        answer(call, words, "OK\r\n");
    } else if (!is_word(words, 2, "dump")) {
        answer(call, words, "CLIENT_ERROR usage: stats detail on|off|dump\r\n");
    } else if ((server->prefixes && !prefixes_put(server->prefixes, call->out)) ||
               !outbuf_puts(call->out, "END\r\n")) {
        answer_out_of_memory(call, words, mark);
    }
}

static void cmd_stats(const struct admin_call *call, const struct words *words) {
    struct text_sink sink = {{text_row}, call->out};
    struct outbuf_mark mark = outbuf_mark(call->out);
    struct word name = words->count > 1 ? words->word[1] : (struct word){"", 0};
    if (is_word(words, 1, "reset")) {
        stats_reset(call->env->server);
        answer(call, words, "RESET\r\n");
    } else if (is_word(words, 1, "detail")) {
        stats_detail(call, words);
    } else if (is_word(words, 1, "cachedump")) {
        cmd_stats_cachedump(call, words);
    } else if (!admin_stats(call->env, name.text, name.bytes, &sink.sink)) {
        answer(call, words, "ERROR\r\n");
    } else if (!outbuf_puts(call->out, "END\r\n") || call->out->is_failed) {
        answer_out_of_memory(call, words, mark);
    }
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void cmd_version(const struct admin_call *call, const struct words *words) {
    (void)words;
    (void)outbuf_puts(call->out, "VERSION " SERVER_VERSION "\r\n");
}

static void cmd_verbosity(const struct admin_call *call, const struct words *words) {
    uint32_t level;
    if (!number_u32(words->word[1].text, words->word[1].bytes, &level)) {
        answer(call, words, BAD_FORMAT);
    } else {
        atomic_store(&call->env->server->settings->verbose,
                     level > VERBOSITY_MAX ? VERBOSITY_MAX : (int)level);
        answer(call, words, "OK\r\n");
    }
}

/* In how many seconds: from a delay as a client gives it, which may be a UNIX time, or past. */
static uint32_t seconds_until(const struct clock *clock, int64_t delay) {
    if (delay > RELATIVE_SECONDS_MAX)
        delay -= (int64_t)(clock_wall_ms(clock) / 1000);
    return delay <= 0 ? 0 : delay > INT32_MAX ? INT32_MAX : (uint32_t)delay;
}

/* A UNIX time from well before the start is a time at which there was nothing to flush. */
void admin_flush(const struct session_env *env, int64_t delay) {
    struct server *server = env->server;
    if (delay > RELATIVE_SECONDS_MAX &&
        (uint64_t)delay + BEFORE_START_SECONDS <= server->start_wall_s)
        return;
    uint32_t seconds = seconds_until(server->clock, delay);
    if (server->repl.is_on)
        server->repl.client_write(server->repl.context);
    store_flush(env->store, seconds);
    atomic_store_explicit(&server->flushed_second, clock_seconds(server->clock) + seconds - 1,
                          memory_order_relaxed);
}

static void cmd_flush_all(const struct admin_call *call, const struct words *words) {
    struct server *server = call->env->server;
    int64_t delay = 0;
    bool has_delay = words->count - words->is_noreply > 1;
    COUNT(call->env->counters, cmd_flush, 1);
    if (!server->settings->is_flush_enabled) {
        answer(call, words, "CLIENT_ERROR flush_all not allowed\r\n");
        return;
    }
    if (has_delay && !number_i64(words->word[1].text, words->word[1].bytes, &delay)) {
        answer(call, words, "CLIENT_ERROR invalid exptime argument\r\n");
        return;
    }
    admin_flush(call->env, (int32_t)delay);
    answer(call, words, "OK\r\n");
}

static void cmd_cache_memlimit(const struct admin_call *call, const struct words *words) {
    const struct serve_run_hooks *run = &call->env->server->run;
    uint32_t megabytes;
    if (!number_u32(words->word[1].text, words->word[1].bytes, &megabytes)) {
        answer(call, words, "ERROR\r\n");
    } else if (megabytes < MEMLIMIT_MEGABYTES_MIN) {
        answer(call, words, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
    } else if (megabytes > MEMLIMIT_MEGABYTES_MAX) {
        answer(call, words, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n");
    } else if (!store_set_limit(call->env->server->store, (uint64_t)megabytes << 20)) {
        answer(call, words, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
    } else {
        if (run->memory_limited)
            run->memory_limited(run->context, megabytes);
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
        session_quit(call->session);
        if (server->run.shutdown)
            server->run.shutdown(server->run.context, is_graceful);
    }
}

/* There is no TLS to refresh the certificates of. */
static void cmd_refresh_certs(const struct admin_call *call, const struct words *words) {
    answer(call, words, "Error TLS not enabled\r\n");
}

static void cmd_quit(const struct admin_call *call, const struct words *words) {
    (void)words;
    session_quit(call->session);
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { ANY = ADMIN_WORDS_MAX };

static const struct command {
    const char *name;
    unsigned word_min, word_max; /* with the verb and `noreply`; otherwise ERROR, noreply or not */
    bool takes_noreply;
    void (*execute)(const struct admin_call *call, const struct words *words);
} commands[] = {
    {"stats", 1, ANY, false, cmd_stats},
    {"version", 1, ANY, false, cmd_version},
    {"verbosity", 2, 3, true, cmd_verbosity},
    {"flush_all", 1, 3, true, cmd_flush_all},
    {"cache_memlimit", 2, 3, true, cmd_cache_memlimit},
    {"shutdown", 1, ANY, false, cmd_shutdown},
    {"quit", 1, ANY, false, cmd_quit},
    {"refresh_certs", 1, ANY, false, cmd_refresh_certs},
    {"lru_crawler", 2, ANY, false, cmd_lru_crawler},
    {"slabs", 3, ANY, true, cmd_slabs},
    {"lru", 1, ANY, true, cmd_lru},
    {"watch", 1, ANY, true, cmd_watch},
#ifdef ENABLE_DEBUG
    {"debugtime", 2, 2, false, cmd_debugtime},
    {"debugitem", 3, 3, false, cmd_debugitem},
#endif
};

static const struct command *find_command(const struct words *words) {
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        if (is_word(words, 0, commands[i].name))
            return &commands[i];
    return NULL;
}

/*
 * `GET / HTTP/1.1` and the like: a page made a browser send it, and nothing that follows may be
 * executed.
 */
static bool is_from_browser(const struct words *words) {
    const struct word *last = &words->word[words->count > 0 ? words->count - 1 : 0];
    return words->count > 0 && last->bytes >= 5 && memcmp(last->text, "HTTP/", 5) == 0;
}

void admin_execute(const struct admin_call *call) {
    struct words words;
    split(call->line, call->line_bytes, &words);
    const struct command *command = find_command(&words);
    if (!command && is_from_browser(&words)) {
        session_end(call->session);
        return;
    }
    if (!command || words.count < command->word_min || words.count > command->word_max) {
        (void)outbuf_puts(call->out, "ERROR\r\n");
        return;
    }
    words.is_noreply =
        command->takes_noreply && words.count > 1 && is_word(&words, words.count - 1, "noreply");
    command->execute(call, &words);
}
