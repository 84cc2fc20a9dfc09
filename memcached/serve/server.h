/*
 * What all sessions of one server share: settings, store, counters, and the hooks of the layers
 * above.
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/net/outbuf.h"
#include "memcached/serve/debug.h"
#include "memcached/serve/settings.h"
#include "memcached/store/store.h"

struct auth;
struct prefixes;
struct session;
struct stat_sink;

/*
 * What one worker counts. Written by its owner only (relaxed), summed when statistics are asked
 * for.
 */
struct serve_counters {
#define SERVE_COUNTER(name, meaning) _Atomic uint64_t name;
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
};

/* Adds to a counter of the calling thread's own: a plain load and store, no locked instruction. */
#define COUNT(counters, name, n)                                                                   \
    atomic_store_explicit(&(counters)->name,                                                       \
                          atomic_load_explicit(&(counters)->name, memory_order_relaxed) + (n),     \
                          memory_order_relaxed)

/* Facts about connections and threads that the run layer knows; for `stats`. */
struct serve_run_stats {
    uint64_t curr_connections, total_connections, rejected_connections, connection_structures;
    uint64_t max_connections, conn_yields, idle_kicks;
    uint64_t listen_disabled_num, time_in_listen_disabled_us;
    uint64_t unexpected_napi_ids, round_robin_fallback;
    uint64_t read_buf_count, read_buf_bytes, read_buf_bytes_free, read_buf_oom;
    uint64_t reserved_fds; /* descriptors beside clients', of those the limit was raised for */
    uint64_t log_worker_dropped, log_worker_written;
    uint64_t log_watcher_skipped, log_watcher_sent, log_watchers;
    bool is_accepting;
};

/* What became of a connection that wants to watch. */
enum serve_watch { SERVE_WATCH_OK, SERVE_WATCH_TOO_MANY, SERVE_WATCH_FAILED };

/* Filled by the run layer. Any worker calls them. */
struct serve_run_hooks {
    void *context;
    void (*stats)(void *context, struct serve_run_stats *out);
    void (*stats_conns)(void *context, struct stat_sink *sink); /* one group of rows a connection */
    void (*stats_stalls)(void *context, struct stat_sink *sink);
    void (*stats_reset)(void *context);
    /* From now on `connection` (of session_peer) is shown these streams (EVENT_STREAM_ bits). */
    enum serve_watch (*watch)(void *context, void *connection, uint32_t streams);
    void (*memory_limited)(void *context, uint32_t megabytes); /* a new limit is in force */
    void (*crawl_asked)(void *context); /* whoever calls store_crawl should do so soon */
    void (*shutdown)(void *context, bool is_graceful); /* asks for the end; returns at once */
};

/*
 * Filled by the replication layer; absent (is_on false) without -x. Any worker calls them.
 * `link` is what session_become_link was given.
 */
struct serve_repl_hooks {
    bool is_on;
    void *context;
    /*
     * A client is about to change something on this node: the role gate. Cheap when nothing has to
     * happen.
     */
    void (*client_write)(void *context);
    /*
     * A line `repl <args>` (args without CR LF) from a client or on a link. Appends the answer, if
     * any, to out.
     * It may call session_become_link or session_end.
     */
    void (*command)(void *context, struct session *session, struct store_thread *thread,
                    const char *args, size_t args_bytes, struct outbuf *out);
    /* ms and md on a link. The item's reference passes on, as with store_apply_set. */
    enum store_status (*apply_set)(void *context, void *link, struct store_thread *thread,
                                   struct item *item, const struct store_key *key,
                                   uint64_t version);
    enum store_status (*apply_delete)(void *context, void *link, struct store_thread *thread,
                                      const struct store_key *key, uint64_t version);
    /*
     * mn on a link: everything before it has been applied. Appends the answer to out, unless it
     * goes another way.
     */
    void (*barrier)(void *context, void *link, struct outbuf *out);
    /*
     * Something on a link that is no part of the stream (an error line was due): counted, and the
     * session closes.
     */
    void (*link_rejected)(void *context, void *link, const char *why);
    void (*link_closed)(void *context, void *link);
    void (*stats)(void *context, struct stat_sink *sink); /* `stats repl` */
};

struct server {
    /* a few fields change at run time (verbosity, ...): atomics there */
    struct settings *settings;
    struct store *store;
    struct clock *clock;
    struct prefixes *prefixes; /* `stats detail`; NULL: not available */
    _Atomic bool is_detailed;  /* they are counted; guards nothing */
    struct auth *auth;         /* who may log in; NULL: nobody has to */
    const char *event_version; /* of the event library, for `stats`; NULL: none */
    uint64_t start_wall_s;     /* UNIX seconds at which the process started */
    struct serve_run_hooks run;
    struct serve_repl_hooks repl;
    struct serve_counters **counters; /* one a worker */
    unsigned counters_count;
    struct serve_counters counters_at_reset; /* sums at the last `stats reset`: any worker adds */
    /* up to which the last flush_all reaches, for `stats settings` */
    _Atomic uint32_t flushed_second;
#ifdef ENABLE_DEBUG
    struct debug_items debug_items;
#endif
};

#endif
