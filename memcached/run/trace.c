#include "memcached/run/trace.h"

#include <string.h>

#include "memcached/proto/binary.h"

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

/* True if it is one, of either direction. */
static bool trace_head(struct log *log, char direction, int fd, const char *head, size_t bytes) {
    enum { ROW_BYTES = 4 };
    const unsigned char *at = (const unsigned char *)head;
    bool is_request = direction == '<';
    if (bytes < BINARY_HEAD_BYTES ||
        *at != (is_request ? BINARY_MAGIC_REQUEST : BINARY_MAGIC_REPLY))
        return false;
    log_line(log, LOG_COMMANDS, "%c%d %s", direction, fd,
             is_request ? "Read binary protocol data:" : "Writing bin response:");
    for (unsigned i = 0; i < BINARY_HEAD_BYTES; i += ROW_BYTES)
        log_line(log, LOG_COMMANDS, "%c%d%s0x%02x 0x%02x 0x%02x 0x%02x", direction, fd,
                 is_request ? "    " : "   ", at[i], at[i + 1], at[i + 2], at[i + 3]);
    return true;
}

void trace_request(struct log *log, int fd, const char *input, size_t bytes) {
    if (!trace_head(log, '<', fd, input, bytes))
        trace_line(log, '<', fd, input, bytes);
}

void trace_reply(struct log *log, int fd, const struct outbuf *out, struct outbuf_mark since) {
    const char *reply = out->data + since.bytes;
    size_t bytes = out->bytes - since.bytes;
    if (!trace_head(log, '>', fd, reply, bytes))
        trace_line(log, '>', fd, reply, bytes);
}
