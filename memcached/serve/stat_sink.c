#include "memcached/serve/stat_sink.h"

#include <stdarg.h>
#include <stdio.h>

#include "memcached/base/num.h"

enum { STAT_VALUE_BYTES_MAX = 4096 };

void stat_put(struct stat_sink *sink, const char *name, const char *format, ...) {
    char value[STAT_VALUE_BYTES_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(value, sizeof(value), format, list);
    va_end(list);
    sink->row(sink, name, value);
}

void stat_put_u64(struct stat_sink *sink, const char *name, uint64_t number) {
    char value[NUM_U64_DIGITS_MAX + 1];
    value[num_put_u64(value, number)] = '\0';
    sink->row(sink, name, value);
}
