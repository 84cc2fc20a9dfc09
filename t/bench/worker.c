#include "t/bench/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/bench/cpu.h"

enum { EVENTS_MAX = 256, SPIN_NS_MAX = 2 * 1000 * 1000 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Share `number` of `count` shares of `whole`. */
static uint64_t share(uint64_t whole, uint32_t number, uint32_t count) {
    return whole / count + (number < whole % count);
}

bool worker_make(struct worker *worker, const struct workload *load, const struct target *target,
                 uint32_t number) {
    const struct options *options = load->options;
    *worker = (struct worker){.load = load, .number = number, .worker_count = options->threads};
    uint32_t wanted = (uint32_t)share(options->connections, number, options->threads);
    key_picker_start(&worker->picker, options->seed * 1000 + number);
    worker->conns = mem_zalloc(wanted * sizeof(*worker->conns));
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!worker->conns || worker->epoll_fd < 0)
        return false;
    for (uint32_t i = 0; i < wanted; i++) {
        if (!conn_open(&worker->conns[i], load, target))
            return false;
        worker->conn_count++;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->conns[i].fd, &event) != 0)
            return false;
    }
    return true;
}

void worker_drop(struct worker *worker) {
    for (uint32_t i = 0; i < worker->conn_count; i++)
        conn_close(&worker->conns[i]);
    mem_free(worker->conns);
    if (worker->epoll_fd >= 0)
        close(worker->epoll_fd);
}

/* Sends, and asks to be told when the socket takes more if it did not take all. */
static void push_out(struct worker *worker, struct conn *conn) {
    conn_send(conn);
    bool wants_write = conn->out_end > 0;
    if (wants_write == conn->wants_write)
        return;
    struct epoll_event event = {
        .events = EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0),
        .data.u32 = (uint32_t)(conn - worker->conns),
    };
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0)
        conn->failure = "epoll_ctl failed";
    conn->wants_write = wants_write;
}

/* Closed loop: a connection without operations under way gets the next batch, if there is one. */
static void start_batch(struct worker *worker, struct conn *conn, uint64_t now) {
    uint32_t count = worker->load->options->pipeline;
    if (now >= worker->end_ns)
        return;
    if (count > worker->ops_left)
        count = (uint32_t)worker->ops_left;
    if (count == 0)
        return;
    worker->ops_left -= count;
    worker->waiting_conns++;
    for (uint32_t i = 0; i < count; i++)
        conn_add_op(conn, worker->load, &worker->picker, now);
    conn_end_batch(conn, worker->load, now);
    push_out(worker, conn);
}

/* Handles one round of events; the open loop starts nothing from here. */
static void take_events(struct worker *worker, int timeout_ms, bool is_closed_loop) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, timeout_ms);
    if (count == 0 && timeout_ms == STALL_MS_MAX)
        worker->failure = "the server stopped answering";
    if (count < 0 && errno != EINTR)
        worker->failure = "epoll_wait failed";
    for (int i = 0; i < count; i++) {
        struct conn *conn = &worker->conns[events[i].data.u32];
        bool was_waiting = conn_waiting(conn) > 0;
        if (events[i].events & EPOLLOUT)
            push_out(worker, conn);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            conn_receive(conn, worker->load, &worker->tally);
        if (conn->failure) {
            worker->failure = conn->failure;
            return;
        }
        if (was_waiting && conn_waiting(conn) == 0) {
            worker->waiting_conns--;
            if (is_closed_loop)
                start_batch(worker, conn, worker->tally.last_reply_ns);
        }
    }
}

static void run_closed(struct worker *worker) {
    for (uint32_t i = 0; i < worker->conn_count; i++)
        start_batch(worker, &worker->conns[i], worker->start_ns);
    while (worker->waiting_conns > 0 && !worker->failure)
        take_events(worker, STALL_MS_MAX, true);
}

/* The next connection in turn that has room, or NULL. */
static struct conn *conn_with_room(struct worker *worker, uint32_t *turn) {
    for (uint32_t i = 0; i < worker->conn_count; i++) {
        struct conn *conn = &worker->conns[(*turn)++ % worker->conn_count];
        if (conn_waiting(conn) < worker->load->options->pipeline)
            return conn;
    }
    return NULL;
}

/*
 * Open loop: each operation has its time, whatever became of those before. One that finds no room
 * keeps its time, so its wait counts as latency: no coordinated omission.
 */
static void run_open(struct worker *worker) {
    const double interval_ns = 1e9 * (double)worker->worker_count / worker->load->options->rate;
    uint32_t turn = 0;
    uint64_t started = 0;
    bool is_over = false;
    while (!worker->failure && (!is_over || worker->waiting_conns > 0)) {
        uint64_t now = now_ns(), due = 0;
        bool is_full = false;
        while (!is_over && !is_full) {
            due = worker->start_ns + (uint64_t)((double)started * interval_ns);
            is_over = worker->ops_left == 0 || due >= worker->end_ns;
            if (is_over || due > now)
                break;
            struct conn *conn = conn_with_room(worker, &turn);
            is_full = conn == NULL;
            if (is_full)
                break;
            worker->waiting_conns += conn_waiting(conn) == 0;
            worker->ops_left--;
            started++;
            conn_add_op(conn, worker->load, &worker->picker, due);
            push_out(worker, conn);
        }
        int timeout_ms = STALL_MS_MAX;
        if (!is_over && !is_full)
            timeout_ms = due > now + SPIN_NS_MAX ? (int)((due - now - SPIN_NS_MAX) / 1000000) : 0;
        if (timeout_ms >= STALL_MS_MAX && worker->waiting_conns == 0)
            timeout_ms = STALL_MS_MAX - 1; /* a slow rate, not a stalled server */
        if (!is_over || worker->waiting_conns > 0)
            take_events(worker, timeout_ms, false);
    }
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    const struct options *options = worker->load->options;
    const struct phase *phase = &worker->phase;
    if (options->cpu >= 0 && !cpu_pin((uint32_t)options->cpu + worker->number)) {
        worker->failure = "cannot pin to the CPU that --cpu names";
        return NULL;
    }
    memset(&worker->tally, 0, sizeof(worker->tally));
    worker->start_ns = now_ns();
    worker->ops_left =
        phase->ops ? share(phase->ops, worker->number, worker->worker_count) : UINT64_MAX;
    worker->end_ns = phase->ops ? UINT64_MAX : worker->start_ns + phase->duration_ns;
    worker->tally.last_reply_ns = worker->start_ns;
    if (options->rate > 0)
        run_open(worker);
    else
        run_closed(worker);
    return NULL;
}

bool workers_run(struct worker *workers, uint32_t count, const struct phase *phase) {
    bool is_good = true;
    for (uint32_t i = 0; i < count; i++)
        workers[i].phase = *phase;
    if (count == 1)
        worker_main(&workers[0]);
    for (uint32_t i = 0; i < count && count > 1; i++)
        CHECK(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) == 0);
    for (uint32_t i = 0; i < count && count > 1; i++)
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    for (uint32_t i = 0; i < count; i++)
        is_good = is_good && !workers[i].failure;
    return is_good;
}
