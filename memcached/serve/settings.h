/* What an operator can set: filled by the options (options.h), read by everybody, an instance and no global. */
#ifndef SERVE_SETTINGS_H
#define SERVE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETTINGS_LISTEN_MAX = 64, SETTINGS_THREADS_MAX = 256 };

enum settings_protocol { PROTOCOL_AUTO, PROTOCOL_ASCII };

struct settings {
    /* fixed once the server runs */
    int port;      /* -1: any free one; 0: off */
    int udp_port;  /* 0: off */
    bool is_port_given;
    const char *listen[SETTINGS_LISTEN_MAX]; /* each -l and each part of a comma list: host[:port] */
    unsigned listen_count;
    const char *listen_text; /* as `stats settings` shows them; NULL: every interface */
    const char *socket_path;
    unsigned access_mask;
    uint32_t maxconns;
    uint32_t thread_count;
    uint64_t limit_bytes; /* -m at start; the store knows the current one */
    bool is_evicting;
    bool is_daemon;
    const char *username;
    const char *pid_file;
    bool wants_core;
    bool locks_memory;
    uint32_t backlog;
    uint32_t reqs_per_event;
    uint64_t item_bytes_max;
    double growth_factor;
    uint32_t chunk_size;
    uint64_t slab_chunk_max; /* bytes */
    bool has_cas;
    bool is_flush_enabled;
    bool is_shutdown_enabled;
    bool is_dump_enabled;
    bool is_watch_enabled;
    bool is_maxconns_fast;
    bool tracks_sizes;
    uint32_t idle_timeout; /* seconds; 0: never */
    uint32_t hashpower_init; /* 0: the default */
    const char *hash_algorithm; /* a name for `stats settings`: ours is keyed and is one */
    enum settings_protocol binding_protocol;

    /* replication: off while repl_peer is NULL */
    const char *repl_peer;
    uint64_t repl_log_mb;
    const char *repl_state_file;
    uint32_t repl_join_timeout_ms;
    uint32_t repl_heartbeat_ms;
    uint32_t repl_timeout_ms;
    uint32_t repl_tombstones;

    /* changed while the server runs, by any worker */
    _Atomic int verbose;

    char *text_memory[SETTINGS_LISTEN_MAX * 2]; /* owned copies of what the pointers above point to */
    unsigned text_count;
};

/* memcached 1.6.45's defaults. */
void settings_init(struct settings *settings);
void settings_free(struct settings *settings);
/* A copy that lives as long as the settings. NULL when there is no memory or no room. */
const char *settings_keep(struct settings *settings, const char *text);

#endif
