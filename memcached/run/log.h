/* Messages for the operator: one line each, to stderr. */
#ifndef RUN_LOG_H
#define RUN_LOG_H

#include <stdarg.h>
#include <stdatomic.h>

#include "memcached/base/lock.h"

enum { LOG_LINE_BYTES_MAX = 4096 }; /* so much goes into a pipe in one piece */

enum log_level {
    LOG_ALWAYS = 0, /* something is wrong or was asked for */
    LOG_VERBOSE,    /* -v: errors and warnings of the event loop */
    LOG_COMMANDS,   /* -vv: connections coming and going */
};

struct log {
    struct lock lock; /* guards the order of lines */
    const _Atomic int
        *verbosity; /* lines of a level above it are not written; changes at run time */
};

void log_init(struct log *log, const _Atomic int *verbosity);
void log_destroy(struct log *log);

/* A line, the newline is added. Any thread. */
void log_line(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline int log_is_on(const struct log *log, enum log_level level) {
    return (int)level <= atomic_load_explicit(log->verbosity, memory_order_relaxed);
}

#endif
