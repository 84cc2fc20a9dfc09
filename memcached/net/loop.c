#include "memcached/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/iovec.h"
#include "memcached/net/wake.h"

struct stream_queue {
    struct loop_stream *first, *last;
    size_t count;
};

/*
 * Streams are watched for edges: the kernel looks at a connection once for each batch that arrives,
 * not once more to find that it is empty, and nothing is registered anew when a stream is stuck. So
 * it is for us to know when there may be more than was received:
 *
 *   - the space was filled, or none was given, or receiving was not wanted, or others come first:
 *     is_ready stays set;
 *   - the peer's end was announced together with the data (EV_CLOSED): is_ending, receive until told;
 *   - a reset behind the data is announced together with it too and looks like any data. A send
 *     finds it; a stream that sent nothing since its receive is asked once more in the next turn.
 */
struct loop {
    struct event_base *base;
    struct wake wake;
    struct loop_watch *wake_watch;
    void (*woken)(void *context);
    void (*begins)(void *context);   /* NULL: nobody asks when a turn begins */
    bool has_begun;                  /* what is ready in this turn is known */
    void *context;                   /* of the two */
    struct stream_queue ready;       /* to receive from in the next turn */
    struct stream_queue late;        /* the same behind all others, in this turn or the next */
    struct loop_stream *unconfirmed; /* received in this turn, and may not have sent since */
};

struct loop_stream {
    struct event event;
    int fd; /* -1: closed */
    bool wants_receive, wants_send;
    bool is_ready;  /* there may be something to receive */
    bool is_ending; /* the other side sends no more after what is there */
    bool is_long;   /* much came the last time */
    bool is_unconfirmed;
    bool is_in_unconfirmed;
    struct stream_queue *queue; /* that it stands in; NULL: in none */
    struct loop_stream *queue_next, *queue_previous, *unconfirmed_next;
    struct loop *loop;
    const struct loop_stream_events *events;
    void *context;
};

struct loop_watch {
    struct event event;
    struct loop *loop;
    void (*ready)(void *context);
    void *context;
};

struct loop_timer {
    struct event event;
    void (*fired)(void *context);
    void *context;
};

/* The wait is over: something is called back. */
static inline void begin_turn(struct loop *loop) {
    if (LIKELY(loop->has_begun))
        return;
    loop->has_begun = true;
    if (loop->begins)
        loop->begins(loop->context);
}

static void on_wake(void *context) {
    struct loop *loop = context;
    wake_clear(&loop->wake);
    if (loop->woken)
        loop->woken(loop->context);
}

/* One thread owns the base, and no time is cached: a turn without timers reads no clock. */
static struct event_base *base_create(void) {
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
        event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

const char *loop_version(void) {
    return event_get_version();
}

struct loop *loop_create(void (*woken)(void *context), void *context) {
    struct loop *loop = mem_zalloc(sizeof(*loop));
    if (!loop)
        return NULL;
    loop->woken = woken;
    loop->context = context;
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

void loop_on_turn(struct loop *loop, void (*begins)(void *context)) {
    loop->begins = begins;
}

void loop_wake(struct loop *loop) {
    wake_ring(&loop->wake);
}

/*
 * ---- streams ----------------------------------------------------------------------------------
 */

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

static void queue_append(struct stream_queue *queue, struct loop_stream *stream) {
    stream->queue = queue;
    stream->queue_next = NULL;
    stream->queue_previous = queue->last;
    if (queue->last)
        queue->last->queue_next = stream;
    else
        queue->first = stream;
    queue->last = stream;
    queue->count++;
}

static void queue_leave(struct loop_stream *stream) {
    struct stream_queue *queue = stream->queue;
    if (stream->queue_previous)
        stream->queue_previous->queue_next = stream->queue_next;
    else
        queue->first = stream->queue_next;
    if (stream->queue_next)
        stream->queue_next->queue_previous = stream->queue_previous;
    else
        queue->last = stream->queue_previous;
    queue->count--;
    stream->queue = NULL;
}

static void leave_unconfirmed(struct loop_stream *stream) {
    struct loop_stream **link = &stream->loop->unconfirmed;
    while (*link != stream)
        link = &(*link)->unconfirmed_next;
    *link = stream->unconfirmed_next;
}

void loop_stream_destroy(struct loop_stream *stream) {
    if (!stream)
        return;
    loop_stream_close(stream);
    if (stream->queue)
        queue_leave(stream);
    if (stream->is_in_unconfirmed)
        leave_unconfirmed(stream);
    mem_free(stream);
}

static void queue_ready(struct loop_stream *stream) {
    stream->is_ready = true;
    if (stream->queue || !stream->wants_receive)
        return;
    queue_append(stream->is_long ? &stream->loop->late : &stream->loop->ready, stream);
}

static void queue_unconfirmed(struct loop_stream *stream) {
    stream->is_unconfirmed = true;
    if (stream->is_in_unconfirmed)
        return;
    stream->is_in_unconfirmed = true;
    stream->unconfirmed_next = stream->loop->unconfirmed;
    stream->loop->unconfirmed = stream;
}

/* One receive. Returns how many bytes came. */
static size_t receive(struct loop_stream *stream) {
    struct iovec vec[LOOP_SPACE_MAX];
    int count = stream->events->space(stream->context, vec);
    if (count == 0) {
        queue_ready(stream);
        return 0;
    }
    size_t space =
        iovec_limit(vec, &count, stream->is_long ? LOOP_LONG_PIECE_BYTES : LOOP_SHORT_BYTES);
    ssize_t got = count == 1 ? recv(stream->fd, vec[0].iov_base, vec[0].iov_len, 0)
                             : readv(stream->fd, vec, count);
    stream->is_ready = false;
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno == EINTR) {
            queue_ready(stream);
            return 0;
        }
        got = -errno;
    } else {
        stream->is_long = got >= LOOP_SHORT_BYTES;
        if ((size_t)got == space || (got > 0 && stream->is_ending))
            queue_ready(stream);
        else if (got > 0)
            queue_unconfirmed(stream);
    }
    stream->events->received(stream->context, got);
    return got > 0 ? (size_t)got : 0;
}

static void on_stream(evutil_socket_t fd, short what, void *context) {
    struct loop_stream *stream = context;
    (void)fd;
    begin_turn(stream->loop);
    if (what & EV_CLOSED)
        stream->is_ending = true;
    if (what & (EV_READ | EV_CLOSED)) {
        stream->is_ready = true;
        if (UNLIKELY(stream->is_long))
            queue_ready(stream);
        else if (stream->wants_receive)
            receive(stream);
    }
    if ((what & EV_WRITE) && stream->wants_send)
        stream->events->sendable(stream->context);
}

bool loop_stream_open(struct loop_stream *stream, int fd) {
    CHECK(stream->fd < 0);
    event_assign(&stream->event, stream->loop->base, fd,
                 EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_stream, stream);
    if (event_add(&stream->event, NULL) != 0)
        return false;
    stream->fd = fd;
    stream->wants_receive = true;
    stream->wants_send = stream->is_ready = stream->is_ending = stream->is_unconfirmed = false;
    stream->is_long = false;
    return true;
}

void loop_stream_close(struct loop_stream *stream) {
    if (stream->fd < 0)
        return;
    event_del(&stream->event);
    close(stream->fd);
    stream->fd = -1;
    /*
     * It may still stand in the two lists: what they find closed, or opened anew, they pass over.
     */
    stream->wants_receive = stream->wants_send = stream->is_unconfirmed = false;
}

void loop_stream_want(struct loop_stream *stream, bool receive_wanted, bool send_wanted) {
    stream->wants_receive = receive_wanted;
    stream->wants_send = send_wanted;
    if (stream->is_ready && stream->fd >= 0)
        queue_ready(stream);
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
    stream->is_unconfirmed = false;
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

static void confirm_streams(struct loop *loop) {
    struct loop_stream *stream = loop->unconfirmed;
    loop->unconfirmed = NULL;
    while (stream) {
        struct loop_stream *next = stream->unconfirmed_next;
        stream->is_in_unconfirmed = false;
        if (stream->is_unconfirmed)
            queue_ready(stream);
        stream->is_unconfirmed = false;
        stream = next;
    }
}

static size_t receive_next(struct stream_queue *queue) {
    struct loop_stream *stream = queue->first;
    queue_leave(stream);
    if (!stream->is_ready || !stream->wants_receive)
        return 0;
    if (stream->is_long && queue != &stream->loop->late) {
        queue_ready(stream); /* it has turned out to be long since */
        return 0;
    }
    return receive(stream);
}

/* Once from each of the first `count` that stand there; some may have left since they were counted. */
static void receive_ready(struct loop *loop, size_t count) {
    for (; count > 0 && loop->ready.first; count--)
        receive_next(&loop->ready);
}

/* Once from each that stands there now, unless it is too much. */
static void receive_late(struct loop *loop) {
    size_t bytes = 0;
    for (size_t count = loop->late.count; count > 0 && loop->late.first; count--) {
        bytes += receive_next(&loop->late);
        if (bytes >= LOOP_LONG_TURN_BYTES)
            break;
    }
}

void loop_turn(struct loop *loop, bool may_wait) {
    loop->has_begun = false;
    confirm_streams(loop);
    size_t ready_count = loop->ready.count;
    bool has_ready = ready_count > 0 || loop->late.first;
    /* Without ONCE, a turn would go on as long as anything is ready. */
    event_base_loop(loop->base,
                    may_wait && !has_ready ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (has_ready) {
        begin_turn(loop);
        receive_ready(loop, ready_count);
    }
    if (UNLIKELY(loop->late.first))
        receive_late(loop);
}

/*
 * ---- watches and timers -----------------------------------------------------------------------
 */

static void on_watch(evutil_socket_t fd, short what, void *context) {
    struct loop_watch *watch = context;
    (void)fd;
    (void)what;
    begin_turn(watch->loop);
    watch->ready(watch->context);
}

static struct loop_watch *watch_create(struct loop *loop, int fd, short what,
                                       void (*ready)(void *context), void *context) {
    struct loop_watch *watch = mem_zalloc(sizeof(*watch));
    if (!watch)
        return NULL;
    watch->loop = loop;
    watch->ready = ready;
    watch->context = context;
    event_assign(&watch->event, loop->base, fd, (short)(what | EV_PERSIST), on_watch, watch);
    return watch;
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*readable)(void *context),
                                     void *context) {
    struct loop_watch *watch = watch_create(loop, fd, EV_READ, readable, context);
    if (!watch || event_add(&watch->event, NULL) == 0)
        return watch;
    mem_free(watch);
    return NULL;
}

struct loop_watch *loop_watch_create_sendable(struct loop *loop, int fd,
                                              void (*sendable)(void *context), void *context) {
    return watch_create(loop, fd, EV_WRITE, sendable, context);
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
