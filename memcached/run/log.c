#include "memcached/run/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_init(struct log *log, const _Atomic int *verbosity) {
    lock_init(&log->lock, RANK_LOG);
    log->verbosity = verbosity;
}

void log_destroy(struct log *log) {
    lock_destroy(&log->lock);
}

void log_line(struct log *log, enum log_level level, const char *format, ...) {
    if (!log_is_on(log, level))
        return;
    char line[LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (bytes < 0)
        return;
    size_t used = (size_t)bytes < sizeof(line) - 2 ? (size_t)bytes : sizeof(line) - 2;
    line[used++] = '\n';
    lock_acquire(&log->lock);
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
    lock_release(&log->lock);
}
