/* Where statistics go, one name and one value at a time: text now, other protocols beside it. */
#ifndef SERVE_STAT_SINK_H
#define SERVE_STAT_SINK_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

struct stat_sink {
    /* name and value are printable and NUL-terminated, valid during the call. */
    void (*row)(struct stat_sink *sink, const char *name, const char *value);
};

/* Formats the value as printf does; values are one word for everything of our own. */
void stat_put(struct stat_sink *sink, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void stat_put_u64(struct stat_sink *sink, const char *name, uint64_t value);

#endif
