/*
 * What -vv shows of a connection: each request's line, and what is answered; of the binary protocol
 * the heads, in hexadecimal, and what they ask for. Lines are those of memcached: figures that are
 * computed (statistics, dumps, most of the meta commands' answers) are not shown again; an answer
 * that noreply keeps back is.
 */
#ifndef RUN_TRACE_H
#define RUN_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/net/outbuf.h"
#include "memcached/run/log.h"
#include "memcached/serve/session.h"

enum { TRACE_LINE_BYTES_MAX = LOG_LINE_BYTES_MAX - 64 };

/*
 * One request and what was answered. `request`: where it began; its first line is shown, or its
 * head. bytes 0: an answer to what has been shown before. Unprintable bytes become '.': what clients
 * send must not reach a terminal as it is.
 */
struct trace {
    struct log *log;
    int fd;
    bool is_binary;
    const char *request;
    size_t bytes;
    size_t consumed; /* of them, by the request; 0: perhaps there is none yet */
    const struct session_notes *notes;
};

/*
 * To be called in this order. `since`: where the answer begins; one that is held back is cut off
 * when it has been shown.
 */
void trace_request(const struct trace *trace, bool has_answer);
void trace_answer(const struct trace *trace, struct outbuf *out, struct outbuf_mark since);

#endif
