#include "repl/repl.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/dial.h"
#include "repl/engine.h"
#include "repl/state_file.h"
#include "repl/stats.h"

/*
 * The replication thread: it polls two descriptors, an eventfd with which anybody wakes it and the
 * outgoing socket (dialled or connected), and lets the engine act. Workers send on the socket too,
 * under the engine's link lock; only this thread opens and closes it, and the engine never sends
 * between engine_out_closed (or its own call of transport_close) and the next engine_out_connected.
 */

enum {
    RECEIVE_BYTES = 4096,
    POLL_MS_MAX = 200,
    STOP_POLL_MS_MAX = 10,
    LINE_BYTES_MAX = 256,
    ROLE_TOLD_EVERY_MS = 1000
};

struct repl {
    struct engine *engine;
    struct store *store;
    struct clock *clock;
    struct rng rng; /* the engine's, under its lock */
    void (*log)(void *context, const char *line);
    void *log_context;

    int wake_fd;
    atomic_bool is_woken; /* wake_fd has been written to and not read: saves the system call */
    atomic_bool is_stopping;
    bool is_started;
    pthread_t thread;

    /* The replication thread's own. */
    struct dial *dial;
    struct state_file *state; /* main's before the start and after the end */
    struct store_thread *handle;
    bool is_stop_begun;
    bool is_up_told;
    uint64_t stop_deadline_ms;
    enum node_role role, role_told;
    enum node_state node_state;
    uint64_t role_told_ms;

    /* Set by the replication thread while nobody sends; read under the engine's link lock. */
    int out_fd;
    atomic_bool is_blocked; /* the socket took less than it was given: poll for writing */
};

static void say(struct repl *repl, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct repl *repl, const char *format, ...) {
    char line[LINE_BYTES_MAX];
    va_list arguments;
    if (!repl->log)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    repl->log(repl->log_context, line);
}

/* ---- what the engine asks for ---------------------------------------------------------------- */

static void transport_wake(void *context) {
    struct repl *repl = context;
    if (atomic_exchange(&repl->is_woken, true))
        return;
    uint64_t one = 1;
    ssize_t written = write(repl->wake_fd, &one, sizeof(one));
    (void)written; /* a full eventfd wakes as well */
}

static ssize_t transport_send(void *context, const struct iovec *vec, int count) {
    struct repl *repl = context;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vec,
                             .msg_iovlen = (size_t)count};
    size_t wanted = 0;
    ssize_t sent;
    for (int i = 0; i < count; i++)
        wanted += vec[i].iov_len;
    do {
        /* One piece is the rule, and cheaper sent as such. */
        sent = count == 1
                   ? send(repl->out_fd, vec->iov_base, vec->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                   : sendmsg(repl->out_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return -1;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < wanted) {
        atomic_store(&repl->is_blocked, true);
        transport_wake(repl);
    }
    return sent;
}

static void transport_dial(void *context) {
    struct repl *repl = context;
    dial_begin(repl->dial, clock_mono_ms(repl->clock));
}

static void out_close(struct repl *repl) {
    dial_cancel(repl->dial);
    if (repl->out_fd >= 0)
        close(repl->out_fd);
    if (repl->is_up_told)
        say(repl, "the link to the peer is closed");
    repl->is_up_told = false;
    repl->out_fd = -1;
    atomic_store(&repl->is_blocked, false);
}

/*
 * The engine gives the connection up. The kernel is to give it up too: what it might still deliver
 * in a minute goes again on the next connection, and a lifetime told in seconds left would have
 * waited all that time.
 */
static void transport_close(void *context) {
    struct repl *repl = context;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (repl->out_fd >= 0)
        (void)setsockopt(repl->out_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    out_close(repl);
}

static void state_write(struct repl *repl, enum state_number number) {
    if (repl->state && !state_file_write(repl->state, number))
        say(repl, "cannot write the state file: %s", strerror(errno));
}

/* A joining node has nothing at all to serve, and the address is not to stay with it. */
static enum state_number state_number(enum node_state state) {
    switch (state) {
    case NODE_JOINING:
        return STATE_NUMBER_FAULT;
    case NODE_SYNCING:
        return STATE_NUMBER_SYNCING;
    case NODE_READY:
        break;
    }
    return STATE_NUMBER_READY;
}

static void role_tell(struct repl *repl) {
    say(repl, "this node is %s, %s", node_role_name(repl->role), node_state_name(repl->node_state));
    repl->role_told = repl->role;
    repl->role_told_ms = clock_mono_ms(repl->clock);
}

/* A link is up when the peer has taken this node for its own, and not before. */
static void link_tell(struct repl *repl) {
    char text[TROUBLE_TEXT_BYTES];
    struct node_view view;
    engine_view(repl->engine, &view);
    if ((view.out == OUT_STREAMING || view.out == OUT_FULL) && !repl->is_up_told) {
        repl->is_up_told = true;
        say(repl, "connected to the peer");
    }
    while (engine_trouble(repl->engine, text))
        say(repl, "%s", text);
}

/*
 * Clients that write on both nodes make the role flip with every write: that is told now and then,
 * and the role that it comes to rest at in the end.
 */
static void role_tell_if_due(struct repl *repl) {
    if (repl->role != repl->role_told && !repl->is_stop_begun &&
        clock_mono_ms(repl->clock) - repl->role_told_ms >= ROLE_TOLD_EVERY_MS)
        role_tell(repl);
}

static void transport_changed(void *context, const struct node_view *view) {
    struct repl *repl = context;
    if (repl->is_stop_begun)
        return;
    bool is_new_state = view->self.state != repl->node_state;
    repl->role = view->self.role;
    repl->node_state = view->self.state;
    if (is_new_state) {
        state_write(repl, state_number(repl->node_state));
        role_tell(repl);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void allow_addresses(struct repl *repl) {
    const char *text[LOOKUP_ADDRESSES_MAX];
    bool is_new;
    const struct peer_addresses *addresses = dial_addresses(repl->dial, &is_new);
    if (!is_new)
        return;
    for (size_t i = 0; i < addresses->count; i++)
        text[i] = addresses->item[i].text;
    if (!engine_allow(repl->engine, text, addresses->count))
        say(repl, "no memory for the peer's addresses");
}

static void dial_go_on(struct repl *repl) {
    enum dial_step step = dial_step(repl->dial, clock_mono_ms(repl->clock));
    allow_addresses(repl);
    const char *unresolved = dial_unresolved(repl->dial);
    if (unresolved)
        say(repl, "%s (-x) does not resolve, it will be tried again and again", unresolved);
    if (dial_is_refused(repl->dial))
        say(repl, "the peer does not know the first user of this node's -Y file");
    if (step == DIAL_CONNECTED) {
        repl->out_fd = dial_take(repl->dial);
        engine_out_connected(repl->engine);
        engine_tick(repl->engine, repl->handle);
    } else if (step == DIAL_FAILED) {
        engine_out_closed(repl->engine);
        engine_tick(repl->engine, repl->handle);
    }
}

static void out_lost(struct repl *repl) {
    engine_out_closed(repl->engine);
    out_close(repl);
    engine_tick(repl->engine, repl->handle);
}

static void out_ready(struct repl *repl, short events) {
    char bytes[RECEIVE_BYTES];
    if (events & POLLOUT) {
        /* Before the engine tries again: if the socket is still full, that attempt sets it anew. */
        atomic_store(&repl->is_blocked, false);
        engine_out_writable(repl->engine);
    }
    while (events & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t got = recv(repl->out_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) {
            out_lost(repl);
            return;
        }
        if (got > 0)
            engine_out_received(repl->engine, bytes, (size_t)got);
        if (got < (ssize_t)sizeof(bytes))
            break;
    }
}

static void wait_for_events(struct repl *repl, uint64_t next_ms) {
    bool is_dialing = dial_fd(repl->dial) >= 0;
    struct pollfd ready[2] = {
        {.fd = repl->wake_fd, .events = POLLIN},
        {.fd = is_dialing ? dial_fd(repl->dial) : repl->out_fd},
    };
    ready[1].events = is_dialing ? dial_events(repl->dial) : POLLIN;
    if (atomic_load(&repl->is_blocked))
        ready[1].events |= POLLOUT;
    uint64_t now_ms = clock_mono_ms(repl->clock), deadline_ms = dial_deadline_ms(repl->dial);
    if (next_ms < deadline_ms)
        deadline_ms = next_ms;
    uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    uint64_t wait_ms_max = repl->is_stop_begun ? STOP_POLL_MS_MAX : POLL_MS_MAX;
    store_thread_quiesce(repl->handle);
    if (poll(ready, 2, (int)(wait_ms < wait_ms_max ? wait_ms : wait_ms_max)) < 0)
        return;
    if (ready[0].revents) {
        uint64_t count;
        ssize_t got = read(repl->wake_fd, &count, sizeof(count));
        (void)got;
        /* After the read, or a wake in between would find the flag up and stay unheard. */
        atomic_exchange(&repl->is_woken, false);
    }
    if (!is_dialing && repl->out_fd >= 0 && ready[1].revents)
        out_ready(repl, ready[1].revents);
}

/* True when all is handed over, cannot be, or has taken long enough. */
static bool is_stop_done(struct repl *repl) {
    struct node_view view;
    struct engine_stats stats;
    clock_update(repl->clock);
    if (!repl->is_stop_begun) {
        repl->is_stop_begun = true;
        repl->stop_deadline_ms = clock_mono_ms(repl->clock) + REPL_STOP_DRAIN_MS;
        /* First of all: keepalived moves the address while the rest is handed over. */
        state_write(repl, STATE_NUMBER_FAULT);
    }
    if (clock_mono_ms(repl->clock) >= repl->stop_deadline_ms)
        return true;
    engine_view(repl->engine, &view);
    if (view.out != OUT_STREAMING && view.out != OUT_FULL)
        return true;
    engine_stats(repl->engine, &stats);
    return stats.lag_ops == 0;
}

static void *thread_run(void *context) {
    struct repl *repl = context;
    prctl(PR_SET_NAME, "repl");
    while (true) {
        uint64_t next_ms = engine_tick(repl->engine, repl->handle);
        if (atomic_load(&repl->is_stopping) && is_stop_done(repl))
            break;
        role_tell_if_due(repl);
        link_tell(repl);
        dial_go_on(repl);
        wait_for_events(repl, next_ms);
    }
    engine_out_closed(repl->engine);
    engine_quit(repl->engine, repl->handle);
    out_close(repl);
    return NULL;
}

/* ---- for main -------------------------------------------------------------------------------- */

void repl_config_default(struct repl_config *config) {
    *config = (struct repl_config){
        .log_mb = REPL_LOG_MB_DEFAULT,
        .join_ms = REPL_JOIN_MS_DEFAULT,
        .heartbeat_ms = REPL_HEARTBEAT_MS_DEFAULT,
        .timeout_ms = REPL_TIMEOUT_MS_DEFAULT,
        .state_uid = (uid_t)-1,
        .state_gid = (gid_t)-1,
    };
}

static const char *refusal(const struct repl_config *config) {
    const uint32_t times[] = {config->join_ms, config->heartbeat_ms, config->timeout_ms};
    if (config->log_mb < REPL_LOG_MB_MIN || config->log_mb > REPL_LOG_MB_MAX)
        return "repl_log_mb has to be between 1 and 65536";
    for (size_t i = 0; i < ARRAY_COUNT(times); i++)
        if (times[i] < REPL_TIMES_MS_MIN || times[i] > REPL_TIMES_MS_MAX)
            return "repl_join_timeout, repl_heartbeat and repl_timeout have to be between 10 and "
                   "3600000";
    if (config->timeout_ms < 2 * config->heartbeat_ms)
        return "repl_timeout has to be at least twice repl_heartbeat";
    return NULL;
}

static bool make_engine(struct repl *repl, const struct repl_config *config, const char **why) {
    struct engine_config engine = {
        .log_bytes = config->log_mb << 20,
        .join_timeout_ms = config->join_ms,
        .heartbeat_ms = config->heartbeat_ms,
        .timeout_ms = config->timeout_ms,
        .peer_name = config->peer,
        .store = config->store,
        .clock = config->clock,
        .rng = &repl->rng,
        .transport = {.context = repl,
                      .send = transport_send,
                      .wake = transport_wake,
                      .dial = transport_dial,
                      .close = transport_close,
                      .changed = transport_changed},
    };
    rng_seed(&repl->rng, config->seed);
    engine.node_id = 1 + rng_below(&repl->rng, UINT64_MAX - 1);
    repl->engine = engine_create(&engine, why);
    return repl->engine != NULL;
}

struct repl *repl_create(const struct repl_config *config, const char **why) {
    static char line[LINE_BYTES_MAX];
    struct repl *repl = NULL;
    *why = refusal(config);
    if (*why)
        return NULL;
    *why = "no memory for replication";
    repl = mem_zalloc(sizeof(*repl));
    if (!repl)
        return NULL;
    repl->store = config->store;
    repl->clock = config->clock;
    repl->log = config->log;
    repl->log_context = config->log_context;
    repl->out_fd = -1;
    repl->node_state = NODE_JOINING;
    repl->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (repl->wake_fd < 0) {
        *why = "no descriptor for replication";
        goto fail;
    }
    repl->dial = dial_create(config->peer, REPL_PORT_DEFAULT, config->timeout_ms, why);
    if (!repl->dial || !make_engine(repl, config, why))
        goto fail;
    dial_wake_with(repl->dial, repl->wake_fd);
    dial_log_in_with(repl->dial, config->auth);
    if (!dial_resolve(repl->dial, REPL_RESOLVE_FIRST_MS)) {
        snprintf(line, sizeof(line), "there is no host named %s: correct -x, or give an address",
                 config->peer);
        *why = line;
        goto fail;
    }
    allow_addresses(repl);
    if (config->state_file) {
        repl->state = state_file_open(config->state_file, config->state_uid, config->state_gid);
        if (!repl->state || !state_file_write(repl->state, STATE_NUMBER_FAULT)) {
            snprintf(line, sizeof(line), "cannot write the state file %s: %s", config->state_file,
                     strerror(errno));
            *why = line;
            goto fail;
        }
    }
    return repl;
fail:
    repl_destroy(repl);
    return NULL;
}

static void stats(void *context, struct stat_sink *sink) {
    repl_stats_put(context, sink);
}

void repl_hooks(struct repl *repl, struct serve_repl_hooks *hooks) {
    engine_hooks(repl->engine, hooks);
    CHECK(hooks->context == repl->engine);
    hooks->stats = stats;
}

bool repl_start(struct repl *repl) {
    sigset_t all, before;
    repl->handle = store_thread_join(repl->store);
    if (!repl->handle)
        return false;
    /* The server's signals are for its main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    repl->is_started = pthread_create(&repl->thread, NULL, thread_run, repl) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!repl->is_started) {
        store_thread_leave(repl->handle);
        repl->handle = NULL;
    }
    return repl->is_started;
}

void repl_before_flush(struct repl *repl, struct store_thread *thread) {
    engine_before_flush(repl->engine, thread);
}

void repl_stop(struct repl *repl) {
    if (!repl->is_started)
        return;
    atomic_store(&repl->is_stopping, true);
    transport_wake(repl);
    pthread_join(repl->thread, NULL);
    repl->is_started = false;
    store_thread_leave(repl->handle);
    repl->handle = NULL;
}

void repl_destroy(struct repl *repl) {
    if (!repl)
        return;
    CHECK(!repl->is_started);
    engine_destroy(repl->engine);
    dial_destroy(repl->dial);
    state_file_close(repl->state);
    if (repl->wake_fd >= 0)
        close(repl->wake_fd);
    mem_free(repl);
}
