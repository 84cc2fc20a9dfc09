/*
 * The event loop of one thread: it receives for its streams and hands over what arrived, says when
 * output that did not fit can go on, and returns after every turn so that its caller can flush.
 * Nothing of the library behind it (libevent) shows here.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct loop;

/* The name of what is behind it, for statistics: the event library's version. Any thread. */
const char *loop_version(void);

/*
 * `woken` (may be NULL) is called in the loop's thread after loop_wake. NULL when memory or
 * descriptors are refused.
 */
struct loop *loop_create(void (*woken)(void *context), void *context);
/* Before anything else is called back in a turn, this is, with loop_create's context. May be NULL. */
void loop_on_turn(struct loop *loop, void (*begins)(void *context));
/* Streams, watches and timers must have been destroyed. */
void loop_destroy(struct loop *loop);

/*
 * One turn: calls back for everything that is ready; if nothing is and `may_wait`, waits until
 * something is.
 */
void loop_turn(struct loop *loop, bool may_wait);

/* Ends the wait of a turn, at once or the next one. Any thread. */
void loop_wake(struct loop *loop);

/*
 * ---- streams: connected sockets ---------------------------------------------------------------
 *
 * Who sends little waits for nobody who sends much: a turn receives first from all streams that
 * brought less than LOOP_SHORT_BYTES the last time, then from the others, one piece each, whose
 * turn it has been longest, until LOOP_LONG_TURN_BYTES have come. The rest is for the next turns, which
 * do not wait.
 */

struct loop_stream;

enum {
    LOOP_SPACE_MAX = 2,
    LOOP_SHORT_BYTES = 16 * 1024,       /* received from any stream that has something, at once */
    LOOP_LONG_PIECE_BYTES = 256 * 1024, /* from one of which more is known to come, at a time */
    LOOP_LONG_TURN_BYTES = 512 * 1024,  /* from these together, before a turn leaves it at that */
};

struct loop_stream_events {
    /*
     * Where the next bytes go: fills vec, returns how many entries; asked before each receive.
     * 0: not now; then it is asked again in the next turn, which does not wait, so stop wanting to
     * receive if that may be long.
     */
    int (*space)(void *context, struct iovec vec[LOOP_SPACE_MAX]);
    /*
     * So many bytes were put there; 0: the other side sends no more; negative: -errno, the
     * connection is broken.
     */
    void (*received)(void *context, ssize_t bytes);
    /* Output is taken again after loop_stream_want(.., true). */
    void (*sendable)(void *context);
};

/*
 * A stream may be opened and closed many times. NULL when there is no memory. Owner thread only, as
 * all that follow.
 */
struct loop_stream *loop_stream_create(struct loop *loop, const struct loop_stream_events *events,
                                       void *context);
void loop_stream_destroy(struct loop_stream *stream);

/*
 * Starts receiving from this non-blocking socket, which then belongs to the stream. False when
 * refused: it does not.
 */
bool loop_stream_open(struct loop_stream *stream, int fd);
void loop_stream_close(struct loop_stream *stream);

/* Which of received and sendable may be called; at first only received. No system call. */
void loop_stream_want(struct loop_stream *stream, bool receive, bool send);

/* Bytes taken by the kernel, at once; 0 when it takes none now; negative: -errno. */
ssize_t loop_stream_send(struct loop_stream *stream, const struct iovec *vec, int count);

/*
 * ---- anything else that becomes readable: listeners, signals ----------------------------------
 */

struct loop_watch;

/* Calls `readable` as long as fd is. NULL when refused. The caller keeps the descriptor. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*readable)(void *context),
                                     void *context);
/* The same for output that fd takes (again); paused until it is resumed. */
struct loop_watch *loop_watch_create_sendable(struct loop *loop, int fd,
                                              void (*sendable)(void *context), void *context);
void loop_watch_destroy(struct loop_watch *watch);
void loop_watch_pause(struct loop_watch *watch);
void loop_watch_resume(struct loop_watch *watch);

/*
 * ---- timers -----------------------------------------------------------------------------------
 */

struct loop_timer;

struct loop_timer *loop_timer_create(struct loop *loop, void (*fired)(void *context),
                                     void *context);
void loop_timer_destroy(struct loop_timer *timer);
/* Fires once, in so many milliseconds; starting again moves it. */
void loop_timer_start(struct loop_timer *timer, uint32_t delay_ms);

#endif
