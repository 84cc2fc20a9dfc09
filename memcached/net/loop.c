#include "memcached/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/wake.h"

struct loop {
    struct event_base *base;
    struct wake wake;
    struct loop_watch *wake_watch;
    void (*woken)(void *context);
    void *woken_context;
};

struct loop_stream {
    struct event event; /* registered for `wanted` */
    short wanted;       /* EV_READ, EV_WRITE */
    int fd;             /* -1: closed */
    struct loop *loop;
    const struct loop_stream_events *events;
    void *context;
};

struct loop_watch {
    struct event event;
    void (*readable)(void *context);
    void *context;
};

struct loop_timer {
    struct event event;
    void (*fired)(void *context);
    void *context;
};

static void on_wake(void *context) {
    struct loop *loop = context;
    wake_clear(&loop->wake);
    if (loop->woken)
        loop->woken(loop->woken_context);
}

/* One thread owns the base, and no time is cached: a turn without timers reads no clock. */
static struct event_base *base_create(void) {
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_create(void (*woken)(void *context), void *context) {
    struct loop *loop = mem_zalloc(sizeof(*loop));
    if (!loop)
        return NULL;
    loop->woken = woken;
    loop->woken_context = context;
    if (!wake_open(&loop->wake))
        goto out_loop;
    loop->base = base_create();
    if (!loop->base)
        goto out_wake;
    loop->wake_watch = loop_watch_create(loop, loop->wake.fd, on_wake, loop);
    if (!loop->wake_watch)
        goto out_base;
    return loop;
out_base:
    event_base_free(loop->base);
out_wake:
    wake_close(&loop->wake);
out_loop:
    mem_free(loop);
    return NULL;
}

void loop_destroy(struct loop *loop) {
    if (!loop)
        return;
    loop_watch_destroy(loop->wake_watch);
    event_base_free(loop->base);
    wake_close(&loop->wake);
    mem_free(loop);
}

void loop_turn(struct loop *loop, bool may_wait) {
    /* Without ONCE, a turn would go on as long as anything is ready. */
    event_base_loop(loop->base, may_wait ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void loop_wake(struct loop *loop) {
    wake_ring(&loop->wake);
}

/* ---- streams ---------------------------------------------------------------------------------- */

struct loop_stream *loop_stream_create(struct loop *loop, const struct loop_stream_events *events,
                                       void *context) {
    struct loop_stream *stream = mem_zalloc(sizeof(*stream));
    if (!stream)
        return NULL;
    stream->loop = loop;
    stream->events = events;
    stream->context = context;
    stream->fd = -1;
    return stream;
}

void loop_stream_destroy(struct loop_stream *stream) {
    if (!stream)
        return;
    loop_stream_close(stream);
    mem_free(stream);
}

/* One receive; what is still there after a full one is announced again in the next turn. */
static void receive(struct loop_stream *stream) {
    struct iovec vec[LOOP_SPACE_MAX];
    int count = stream->events->space(stream->context, vec);
    if (count == 0)
        return;
    ssize_t got = count == 1 ? recv(stream->fd, vec[0].iov_base, vec[0].iov_len, 0)
                             : readv(stream->fd, vec, count);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return;
        got = -errno;
    }
    stream->events->received(stream->context, got);
}

static void on_stream(evutil_socket_t fd, short what, void *context) {
    struct loop_stream *stream = context;
    (void)fd;
    if (what & EV_READ)
        receive(stream);
    if ((what & EV_WRITE) && (stream->wanted & EV_WRITE))
        stream->events->sendable(stream->context);
}

/* From no registration to this one. */
static bool stream_register(struct loop_stream *stream, short wanted) {
    stream->wanted = 0;
    if (!wanted)
        return true;
    event_assign(&stream->event, stream->loop->base, stream->fd, wanted | EV_PERSIST, on_stream,
                 stream);
    if (event_add(&stream->event, NULL) != 0)
        return false;
    stream->wanted = wanted;
    return true;
}

bool loop_stream_open(struct loop_stream *stream, int fd) {
    CHECK(stream->fd < 0);
    stream->fd = fd;
    if (stream_register(stream, EV_READ))
        return true;
    stream->fd = -1;
    return false;
}

void loop_stream_close(struct loop_stream *stream) {
    if (stream->fd < 0)
        return;
    if (stream->wanted)
        event_del(&stream->event);
    stream->wanted = 0;
    close(stream->fd);
    stream->fd = -1;
}

bool loop_stream_want(struct loop_stream *stream, bool receive_wanted, bool send_wanted) {
    short wanted = (short)((receive_wanted ? EV_READ : 0) | (send_wanted ? EV_WRITE : 0));
    if (wanted == stream->wanted || stream->fd < 0)
        return true;
    if (stream->wanted)
        event_del(&stream->event);
    return stream_register(stream, wanted);
}

ssize_t loop_stream_send(struct loop_stream *stream, const struct iovec *vec, int count) {
    ssize_t sent;
    if (count == 1) {
        sent = send(stream->fd, vec[0].iov_base, vec[0].iov_len, MSG_NOSIGNAL);
    } else {
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vec,
                                 .msg_iovlen = (size_t)count};
        sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    }
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

/* ---- watches and timers ----------------------------------------------------------------------- */

static void on_watch(evutil_socket_t fd, short what, void *context) {
    struct loop_watch *watch = context;
    (void)fd;
    (void)what;
    watch->readable(watch->context);
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*readable)(void *context),
                                     void *context) {
    struct loop_watch *watch = mem_zalloc(sizeof(*watch));
    if (!watch)
        return NULL;
    watch->readable = readable;
    watch->context = context;
    event_assign(&watch->event, loop->base, fd, EV_READ | EV_PERSIST, on_watch, watch);
    if (event_add(&watch->event, NULL) == 0)
        return watch;
    mem_free(watch);
    return NULL;
}

void loop_watch_destroy(struct loop_watch *watch) {
    if (!watch)
        return;
    event_del(&watch->event);
    mem_free(watch);
}

void loop_watch_pause(struct loop_watch *watch) {
    event_del(&watch->event);
}

void loop_watch_resume(struct loop_watch *watch) {
    CHECK(event_add(&watch->event, NULL) == 0);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
    struct loop_timer *timer = context;
    (void)fd;
    (void)what;
    timer->fired(timer->context);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fired)(void *context),
                                     void *context) {
    struct loop_timer *timer = mem_zalloc(sizeof(*timer));
    if (!timer)
        return NULL;
    timer->fired = fired;
    timer->context = context;
    event_assign(&timer->event, loop->base, -1, 0, on_timer, timer);
    return timer;
}

void loop_timer_destroy(struct loop_timer *timer) {
    if (!timer)
        return;
    event_del(&timer->event);
    mem_free(timer);
}

void loop_timer_start(struct loop_timer *timer, uint32_t delay_ms) {
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000};
    event_add(&timer->event, &delay);
}
