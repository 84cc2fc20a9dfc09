#include "memcached/run/trace.h"

#include <string.h>

static void trace_line(struct log *log, char direction, int fd, const char *text, size_t bytes) {
    char line[TRACE_LINE_BYTES_MAX];
    while (bytes > 0 && (*text == '\r' || *text == '\n')) {
        text++;
        bytes--;
    }
    const char *end = bytes ? memchr(text, '\n', bytes) : NULL;
    size_t used = end ? (size_t)(end - text) : bytes;
    if (used > 0 && text[used - 1] == '\r')
        used--;
    if (used == 0)
        return;
    if (used > sizeof(line) - 1)
        used = sizeof(line) - 1;
    for (size_t i = 0; i < used; i++)
        line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '.';
    line[used] = '\0';
    log_line(log, LOG_COMMANDS, "%c%d %s", direction, fd, line);
}

void trace_request(struct log *log, int fd, const char *input, size_t bytes) {
    trace_line(log, '<', fd, input, bytes);
}

void trace_reply(struct log *log, int fd, const struct outbuf *out, struct outbuf_mark since) {
    trace_line(log, '>', fd, out->data + since.bytes, out->bytes - since.bytes);
}
