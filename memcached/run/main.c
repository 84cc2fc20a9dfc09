/*
 * The memcached program: options, then one object after the other, then serving, then all of it
 * backwards.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "memcached/base/mem.h"
#include "memcached/base/rng.h"
#include "memcached/net/loop.h"
#include "memcached/run/log.h"
#include "memcached/run/process.h"
#include "memcached/run/runner.h"
#include "memcached/serve/auth.h"
#include "memcached/serve/options.h"
#include "memcached/serve/prefixes.h"
#include "memcached/serve/server.h"
#include "memcached/serve/settings.h"
#include "repl/repl.h"

enum {
    /* Handles of the store beside the workers': the background thread's and replication's. */
    OTHER_STORE_THREADS = 2,
    FIRST_CAS = 2, /* of a server on its own, as memcached's */
};

/* Everything that lives as long as the process serves. */
struct program {
    struct settings settings;
    struct log log;
    struct clock clock;
    struct rng rng;
    struct server server;
    struct auth auth; /* server.auth, with -Y */
    struct repl *repl;
    struct runner *runner;
    struct process_user user;
    int signal_fd;
    int ready_fd;     /* tells the parent of a daemon that it serves; -1: no daemon */
    char *state_path; /* absolute; NULL: none */
    char *pid_path;   /* absolute; NULL: none written */
    char *auth_path;  /* absolute; NULL: no -Y */
};

static void log_repl(void *context, const char *line) {
    log_line(context, LOG_ALWAYS, "replication: %s", line);
}

static void before_flush(void *context, struct store_thread *thread) {
    repl_before_flush(context, thread);
}

/* Files that are opened or removed later are named absolutely: a daemon leaves its folder. */
static char *absolute_path(const char *path) {
    char folder[4096];
    if (*path == '/' || !getcwd(folder, sizeof(folder)))
        return mem_strdup(path);
    size_t bytes = strlen(folder) + strlen(path) + 2;
    char *joined = mem_alloc(bytes);
    if (joined)
        snprintf(joined, bytes, "%s/%s", folder, path);
    return joined;
}

/*
 * ---- what is made while still privileged ------------------------------------------------------
 */

static int enter_process(struct program *program) {
    const struct settings *settings = &program->settings;
    if (settings->thread_count > SETTINGS_THREADS_WARN)
        fprintf(stderr, "WARNING: Setting a high number of worker threads is not recommended: "
                        "-t takes the number of cores or less\n");
    int status = process_find_user(settings->username, &program->user);
    if (status == 0 && settings->is_daemon) {
        program->ready_fd = process_daemon_begin();
        status = program->ready_fd < 0 ? -program->ready_fd : 0;
    }
    if (status == 0 && settings->wants_core)
        status = process_allow_core();
    if (status == 0)
        status = process_raise_descriptors(
            settings->maxconns + runner_descriptors(settings->thread_count), settings->maxconns);
    if (settings->locks_memory)
        process_allow_memory_lock();
    if (status == 0) {
        program->signal_fd = process_take_signals();
        status = program->signal_fd < 0 ? -program->signal_fd : 0;
    }
    return status;
}

static int make_store(struct program *program) {
    const struct settings *settings = &program->settings;
    struct store_config config;
    const char *why = "";
    store_config_default(&config);
    config.limit_bytes = settings->limit_bytes;
    config.item_bytes_max = settings->item_bytes_max;
    config.growth_factor = settings->growth_factor;
    config.item_bytes_min = settings->chunk_size;
    config.class_sizes = settings->slab_sizes ? settings->class_sizes : NULL;
    config.slab_chunk_bytes_max = (uint32_t)settings->slab_chunk_max;
    if (settings->hashpower_init)
        config.hashpower = settings->hashpower_init;
    config.thread_count_max = settings->thread_count + OTHER_STORE_THREADS;
    config.tombstone_count_max = settings->repl_tombstones;
    config.is_evicting = settings->is_evicting;
    config.wants_huge_pages = settings->wants_huge_pages;
    config.has_first_pages = settings->wants_huge_pages;
    config.has_crawler = settings->has_lru_crawler;
    config.has_lru_maintainer = settings->has_lru_maintainer;
    config.crawler_sleep_us = settings->lru_crawler_sleep;
    config.crawler_tocrawl = settings->lru_crawler_tocrawl;
    config.lru = (struct store_lru){.is_segmented = settings->has_lru_maintainer,
                                    .has_temp = settings->has_temp_lru,
                                    .hot_percent = settings->hot_lru_pct,
                                    .warm_percent = settings->warm_lru_pct,
                                    .hot_max_factor = settings->hot_max_factor,
                                    .warm_max_factor = settings->warm_max_factor,
                                    .temp_ttl_s = settings->temporary_ttl};
    config.moves_pages = settings->moves_pages;
    config.is_index_fixed = settings->is_index_fixed;
    config.automove = (struct store_automove){.level = settings->automove_level,
                                              .window_s = settings->automove_window_s,
                                              .ratio = settings->automove_ratio,
                                              .freeratio = settings->automove_freeratio};
    config.is_replicated = settings->repl_peer != NULL;
    config.version_floor = FIRST_CAS - 1;
    config.clock = &program->clock;
    config.rng = &program->rng;
    program->server.store = store_create(&config, &why);
    if (program->server.store)
        return 0;
    fprintf(stderr, "cannot make the store: %s\n", why);
    return EX_OSERR;
}

static int make_prefixes(struct program *program) {
    const struct settings *settings = &program->settings;
    program->server.prefixes =
        prefixes_create(*settings->prefix_delimiter, settings->thread_count, &program->rng);
    if (program->server.prefixes) {
        atomic_store(&program->server.is_detailed, settings->is_detailed);
        return 0;
    }
    fprintf(stderr, "no memory for statistics by prefix\n");
    return EX_OSERR;
}

static int make_repl(struct program *program) {
    const struct settings *settings = &program->settings;
    struct repl_config config;
    const char *why = "";
    if (!settings->repl_peer)
        return 0;
    repl_config_default(&config);
    config.peer = settings->repl_peer;
    config.log_mb = settings->repl_log_mb;
    config.join_ms = settings->repl_join_timeout_ms;
    config.heartbeat_ms = settings->repl_heartbeat_ms;
    config.timeout_ms = settings->repl_timeout_ms;
    if (settings->repl_state_file)
        program->state_path = absolute_path(settings->repl_state_file);
    config.state_file = program->state_path;
    config.state_uid = program->user.uid;
    config.state_gid = program->user.gid;
    config.seed = rng_system_seed();
    config.store = program->server.store;
    config.clock = &program->clock;
    config.auth = settings->auth_file ? &program->auth : NULL;
    config.log = log_repl;
    config.log_context = &program->log;
    program->repl = repl_create(&config, &why);
    if (!program->repl) {
        fprintf(stderr, "cannot replicate (-x): %s\n", why);
        return EX_USAGE;
    }
    repl_hooks(program->repl, &program->server.repl);
    return 0;
}

/*
 * ---- what is made by the user that serves -----------------------------------------------------
 */

/* By the user that will read it again, so that what is refused is refused now. */
static int make_auth(struct program *program) {
    const struct settings *settings = &program->settings;
    struct auth_message message = {""};
    if (!settings->auth_file)
        return 0;
    program->auth_path = absolute_path(settings->auth_file);
    bool is_usable = program->auth_path && auth_init(&program->auth, program->auth_path, &message);
    if (message.text[0])
        fprintf(stderr, "%s\n", message.text);
    if (!is_usable)
        return EXIT_FAILURE;
    program->server.auth = &program->auth;
    return 0;
}

/* runner_config.reload */
static void reload(void *context) {
    struct program *program = context;
    struct auth_message message;
    if (!program->server.auth)
        return;
    bool is_usable = auth_reload(&program->auth, &message);
    if (message.text[0])
        log_line(&program->log, LOG_ALWAYS, "%s%s", message.text,
                 is_usable ? "" : ": nothing is changed");
}

/* After so long the peer may have taken over. */
static uint64_t freeze_limit_ms(const struct settings *settings) {
    return settings->repl_timeout_ms < FREEZE_LIMIT_MS_MAX ? settings->repl_timeout_ms
                                                           : FREEZE_LIMIT_MS_MAX;
}

static int make_runner(struct program *program) {
    const struct settings *settings = &program->settings;
    const char *why = "";
    struct runner_config config = {
        .server = &program->server,
        .log = &program->log,
        .signal_fd = program->signal_fd,
        .worker_count = settings->thread_count,
        .request_max = settings->reqs_per_event,
        .connection_max = settings->maxconns,
        .read_buf_limit_bytes = settings->read_buf_limit_bytes,
        .socket_mark = settings->socket_mark,
        .napi_id_count = settings->napi_id_count,
        .is_refusing_fast = settings->is_maxconns_fast,
        .backlog = (int)settings->backlog,
        .log_bytes = settings->worker_logbuf_bytes,
        .watcher_bytes = settings->watcher_logbuf_bytes,
        .idle_timeout_ms = settings->idle_timeout * 1000ull,
        .link_timeout_ms = program->repl ? settings->repl_timeout_ms : 0,
        .is_fine_clock = program->repl != NULL,
        .freeze_limit_ms = program->repl ? freeze_limit_ms(settings) : 0,
        .before_flush = program->repl ? before_flush : NULL,
        .before_flush_context = program->repl,
        .reload = reload,
        .reload_context = program,
    };
    program->runner = runner_create(&config, &why);
    if (program->runner)
        return 0;
    fprintf(stderr, "cannot start: %s\n", why);
    return EX_OSERR;
}

/* -1 of an option: any that is free. */
static uint16_t port_of(int option) {
    return option > 0 ? (uint16_t)option : 0;
}

static bool open_tcp(struct listener_set *set, const struct settings *settings) {
    uint16_t port = port_of(settings->port);
    if (settings->listen_count == 0)
        return listener_set_open_tcp(set, NULL, port);
    for (unsigned i = 0; i < settings->listen_count; i++)
        if (!listener_set_open_tcp(set, settings->listen[i], port))
            return false;
    return true;
}

static bool open_udp(struct listener_set *set, const struct settings *settings) {
    uint16_t port = port_of(settings->udp_port);
    unsigned thread_count = settings_udp_threads(settings);
    if (settings->listen_count == 0)
        return listener_set_open_udp(set, NULL, port, thread_count);
    for (unsigned i = 0; i < settings->listen_count; i++)
        if (!listener_set_open_udp(set, settings->listen[i], port, thread_count))
            return false;
    return true;
}

static int open_listeners(struct program *program) {
    const struct settings *settings = &program->settings;
    struct listener_set *set = runner_listeners(program->runner);
    const char *port_file = getenv("MEMCACHED_PORT_FILENAME");
    if (settings->socket_path &&
        !listener_set_open_unix(set, settings->socket_path, settings->access_mask))
        return EX_OSERR;
    /* A unix socket switches the network off, but for a pair: the peer comes by TCP. */
    bool wants_tcp = settings->port != 0 && (!settings->socket_path || settings->repl_peer);
    bool wants_udp = settings->udp_port != 0 && !settings->socket_path;
    if ((wants_tcp && !open_tcp(set, settings)) || (wants_udp && !open_udp(set, settings)))
        return EX_OSERR;
    if (!wants_tcp && !wants_udp && !settings->socket_path)
        fprintf(stderr, "warning: no port and no unix socket to listen on (-p, -U, -s)\n");
    if (port_file)
        listener_set_write_ports(set, port_file);
    return 0;
}

static void write_pid_file(struct program *program) {
    if (!program->settings.pid_file)
        return;
    program->pid_path = absolute_path(program->settings.pid_file);
    if (program->pid_path && !process_write_pid(program->pid_path)) {
        mem_free(program->pid_path);
        program->pid_path = NULL;
    }
}

static void print_slab_classes(struct program *program) {
    struct store *store = program->server.store;
    for (unsigned id = 1; id <= store_class_count(store); id++) {
        struct store_class_stats stats;
        store_class_stats(store, id, &stats);
        log_line(&program->log, LOG_COMMANDS, "slab class %3u: chunk size %9u perslab %7u", id,
                 stats.chunk_bytes, stats.chunks_per_page);
    }
}

static int start(struct program *program) {
    if (program->settings.locks_memory)
        process_lock_memory();
    if ((program->repl && !repl_start(program->repl)) || !runner_start(program->runner)) {
        fprintf(stderr, "cannot start: the system refuses a thread or a descriptor\n");
        return EX_OSERR;
    }
    if (program->ready_fd >= 0)
        process_daemon_done(program->ready_fd, program->settings.wants_core,
                            atomic_load(&program->settings.verbose) > 0);
    program->ready_fd = -1;
    return 0;
}

static int serve(struct program *program) {
    int status = make_store(program);
    if (status == 0)
        status = make_prefixes(program);
    if (status == 0)
        status = make_repl(program);
    if (status == 0)
        status = process_become_user(&program->user);
    if (status == 0)
        status = make_auth(program);
    if (status == 0)
        status = make_runner(program);
    if (status != 0)
        return status;
    print_slab_classes(program);
    status = open_listeners(program);
    if (status != 0)
        return status;
    write_pid_file(program);
    status = start(program);
    if (status == 0) {
        runner_run(program->runner);
        log_line(&program->log, LOG_VERBOSE, "Exiting normally");
    }
    return status;
}

/*
 * Backwards. Clients are gone before replication drains, replication before the sessions it is told
 * by.
 */
static void tear_down(struct program *program) {
    if (program->runner)
        runner_stop_threads(program->runner);
    if (program->repl)
        repl_stop(program->repl);
    if (program->runner)
        runner_close_connections(program->runner);
    runner_destroy(program->runner);
    if (program->repl)
        repl_destroy(program->repl);
    if (program->server.store)
        store_destroy(program->server.store);
    if (program->pid_path)
        unlink(program->pid_path);
    prefixes_destroy(program->server.prefixes);
    if (program->server.auth)
        auth_destroy(&program->auth);
    mem_free(program->auth_path);
    mem_free(program->pid_path);
    mem_free(program->state_path);
    if (program->signal_fd >= 0)
        close(program->signal_fd);
}

/* Returns true if that was all that was asked for, with *status set. */
static bool read_options(int argc, char **argv, struct settings *settings, int *status) {
    struct options_result result;
    options_parse(argc, argv, settings, &result);
    fputs(result.warnings, stderr);
    *status = EXIT_SUCCESS;
    switch (result.outcome) {
    case OPTIONS_RUN:
        return false;
    case OPTIONS_HELP:
        options_print_help(stdout);
        break;
    case OPTIONS_VERSION:
        options_print_version(stdout);
        break;
    case OPTIONS_LICENSE:
        options_print_license(stdout);
        break;
    case OPTIONS_BAD:
        fprintf(stderr, "%s\n", result.message);
        *status = result.exit_status;
        break;
    }
    return true;
}

int main(int argc, char **argv) {
    struct program program = {.signal_fd = -1, .ready_fd = -1};
    int status;
    settings_init(&program.settings);
    if (read_options(argc, argv, &program.settings, &status))
        goto out_settings;
    clock_start_now(&program.clock);
    rng_seed(&program.rng, rng_system_seed());
    log_init(&program.log, &program.settings.verbose);
    program.server = (struct server){.settings = &program.settings,
                                     .clock = &program.clock,
                                     .event_version = loop_version(),
                                     .start_wall_s = clock_wall_ms(&program.clock) / 1000};
    status = enter_process(&program);
    if (status == 0)
        status = serve(&program);
    tear_down(&program);
    log_destroy(&program.log);
out_settings:
    settings_free(&program.settings);
    return status;
}
