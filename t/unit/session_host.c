#include "t/unit/session_host.h"

#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/serve/settings.h"

static void run_stats(void *context, struct serve_run_stats *out) {
    (void)context;
    memset(out, 0, sizeof(*out));
}

static void run_stats_conns(void *context, struct stat_sink *sink) {
    (void)context;
    (void)sink;
}

static void run_stats_reset(void *context) {
    (void)context;
}

static void run_shutdown(void *context, bool is_graceful) {
    (void)context;
    (void)is_graceful;
}

void host_init(struct host *host) {
    memset(host, 0, sizeof(*host));
    rng_seed(&host->rng, 1);
    clock_start(&host->clock, (uint64_t)HOST_WALL_S * 1000, 0);
    store_config_default(&host->config);
    host->config.limit_bytes = (uint64_t)16 << 20;
    host->config.hashpower = 12;
    host->config.thread_count_max = 2;
    host->config.clock = &host->clock;
    host->config.rng = &host->rng;
    settings_init(&host->settings);
    host->counters_list[0] = &host->counters;
    host->server = (struct server){
        .settings = &host->settings,
        .clock = &host->clock,
        .start_wall_s = HOST_WALL_S,
        .run = {.stats = run_stats,
                .stats_conns = run_stats_conns,
                .stats_reset = run_stats_reset,
                .shutdown = run_shutdown},
        .counters = host->counters_list,
        .counters_count = 1,
    };
    host->peer = (struct session_peer){.ip = "127.0.0.1"};
    outbuf_init(&host->out);
}

void host_open(struct host *host) {
    const char *why;
    host->server.store = store_create(&host->config, &why);
    CHECK(host->server.store);
    host->env = (struct session_env){.server = &host->server,
                                     .store = store_thread_join(host->server.store),
                                     .counters = &host->counters};
    CHECK(host->env.store);
    host->peer.protocol = host->settings.binding_protocol;
    host->session = session_create(&host->env, &host->peer);
    CHECK(host->session);
}

static void connection_drop(struct host *host) {
    if (host->session)
        session_destroy(host->session);
    host->session = NULL;
    outbuf_free(&host->out);
    free(host->kept);
    host->kept = NULL;
    host->kept_bytes = 0;
    host->result = (struct session_result){0};
}

void host_reconnect(struct host *host) {
    connection_drop(host);
    host_forget(host);
    host->session = session_create(&host->env, &host->peer);
    CHECK(host->session);
}

void host_close(struct host *host) {
    connection_drop(host);
    host_forget(host);
    store_thread_quiesce(host->env.store);
    CHECK(store_verify(host->server.store) == NULL);
    store_thread_leave(host->env.store);
    store_destroy(host->server.store);
    settings_free(&host->settings);
}

void host_forget(struct host *host) {
    free(host->said);
    host->said = NULL;
    host->said_bytes = 0;
}

/* ---- replication ---- */

static void repl_client_write(void *context) {
    ((struct host *)context)->client_writes++;
}

static void repl_command(void *context, struct session *session, struct store_thread *thread,
                         const char *args, size_t args_bytes, struct outbuf *out) {
    struct host *host = context;
    (void)thread;
    host->commands++;
    if (args_bytes == 4 && memcmp(args, "link", 4) == 0 && !session_is_link(session)) {
        session_become_link(session, host);
        (void)outbuf_puts(out, "REPL ok\r\n");
    }
}

static enum store_status repl_apply_set(void *context, void *link, struct store_thread *thread,
                                        struct item *item, const struct store_key *key,
                                        uint64_t version) {
    struct host *host = context;
    CHECK(link == host);
    CHECK(key->hash == store_hash(host->server.store, key->data, key->bytes));
    host->sets++;
    return store_apply_set(thread, item, key->hash, version, false);
}

static enum store_status repl_apply_delete(void *context, void *link, struct store_thread *thread,
                                           const struct store_key *key, uint64_t version) {
    struct host *host = context;
    CHECK(link == host);
    host->deletes++;
    return store_apply_delete(thread, key, version);
}

static void repl_barrier(void *context, void *link, struct outbuf *out) {
    (void)link;
    ((struct host *)context)->barriers++;
    (void)outbuf_puts(out, "MN\r\n");
}

static void repl_link_rejected(void *context, void *link, const char *why) {
    (void)link;
    CHECK(why);
    ((struct host *)context)->rejected++;
}

static void repl_link_closed(void *context, void *link) {
    (void)link;
    ((struct host *)context)->closed++;
}

static void repl_stats(void *context, struct stat_sink *sink) {
    (void)context;
    (void)sink;
}

void host_enable_repl(struct host *host) {
    host->config.is_replicated = true;
    host->server.repl = (struct serve_repl_hooks){
        .is_on = true,
        .context = host,
        .client_write = repl_client_write,
        .command = repl_command,
        .apply_set = repl_apply_set,
        .apply_delete = repl_apply_delete,
        .barrier = repl_barrier,
        .link_rejected = repl_link_rejected,
        .link_closed = repl_link_closed,
        .stats = repl_stats,
    };
}

/* ---- the connection ---- */

static void say(struct host *host) {
    struct iovec vec[8];
    int count;
    while ((count = outbuf_iov(&host->out, vec, 8)) > 0) {
        size_t sent = 0;
        for (int i = 0; i < count; i++) {
            host->said = realloc(host->said, host->said_bytes + vec[i].iov_len + 1);
            CHECK(host->said);
            memcpy(host->said + host->said_bytes, vec[i].iov_base, vec[i].iov_len);
            host->said_bytes += vec[i].iov_len;
            sent += vec[i].iov_len;
        }
        outbuf_consume(&host->out, sent);
    }
    if (host->said)
        host->said[host->said_bytes] = '\0';
}

/* Feeds what is kept, from memory of just this size, until the session wants more bytes. */
static bool feed(struct host *host) {
    for (unsigned idle = 0;;) {
        char *input = malloc(host->kept_bytes ? host->kept_bytes : 1);
        CHECK(input);
        if (host->kept_bytes)
            memcpy(input, host->kept, host->kept_bytes);
        size_t said_before = host->said_bytes;
        host->result =
            session_feed(host->session, input, host->kept_bytes, host->request_max, &host->out);
        const struct session_result *result = &host->result;
        CHECK(result->consumed <= host->kept_bytes);
        size_t rest = host->kept_bytes - result->consumed;
        free(host->kept);
        host->kept = malloc(rest ? rest : 1);
        CHECK(host->kept);
        memcpy(host->kept, input + result->consumed, rest);
        host->kept_bytes = rest;
        free(input);
        say(host);
        store_thread_quiesce(host->env.store);
        if (result->next == SESSION_CLOSE)
            return false;
        CHECK(result->next != SESSION_FILL || (rest == 0 && result->fill_bytes > 0));
        CHECK(result->next != SESSION_READ || result->read_hint == 0 || result->read_hint > rest);
        if (result->next != SESSION_YIELD)
            return true;
        /* a dump looks at much without saying anything */
        idle = !result->is_streaming && result->consumed == 0 && host->said_bytes == said_before
                   ? idle + 1
                   : 0;
        CHECK(idle < 2);
    }
}

bool host_receive(struct host *host, const char *bytes, size_t count, size_t piece_max) {
    while (count > 0) {
        size_t piece = piece_max ? 1 + (size_t)rng_below(&host->rng, piece_max) : count;
        if (piece > count)
            piece = count;
        if (host->result.next == SESSION_FILL) {
            if (piece > host->result.fill_bytes)
                piece = host->result.fill_bytes;
            memcpy(host->result.fill_start, bytes, piece);
            session_filled(host->session, piece);
        } else {
            host->kept = realloc(host->kept, host->kept_bytes + piece);
            CHECK(host->kept);
            memcpy(host->kept + host->kept_bytes, bytes, piece);
            host->kept_bytes += piece;
        }
        bytes += piece;
        count -= piece;
        if (host->result.read_hint > host->kept_bytes)
            continue;
        if (!feed(host))
            return false;
    }
    return true;
}
