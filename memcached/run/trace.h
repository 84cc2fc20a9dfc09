/*
 * What -vv shows of a connection: the first line of each request and of its answer; of the binary
 * protocol their heads, in hexadecimal.
 */
#ifndef RUN_TRACE_H
#define RUN_TRACE_H

#include <stddef.h>

#include "memcached/net/outbuf.h"
#include "memcached/run/log.h"

enum { TRACE_LINE_BYTES_MAX = 512 };

/*
 * "<28 get a": the first line that is not empty in input[0..bytes); nothing if there is none.
 * Unprintable bytes become '.'.
 */
void trace_request(struct log *log, int fd, const char *input, size_t bytes);

/* ">28 END": the first line appended since the mark. */
void trace_reply(struct log *log, int fd, const struct outbuf *out, struct outbuf_mark since);

#endif
