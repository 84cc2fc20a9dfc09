/*
 * Requests that come as datagrams. Each datagram is a world of its own: whole requests, text or
 * binary, and nothing of one is left over for the next. A request that is cut off in the middle
 * stores nothing and has no answer, as if it had been lost on the way.
 */
#ifndef SERVE_DATAGRAM_H
#define SERVE_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/net/outbuf.h"
#include "memcached/serve/session.h"

/*
 * So many bytes have been appended to the output: the reply to one request. False: there is no
 * place for one more, it is taken back.
 */
typedef bool (*datagram_replied)(void *context, uint64_t bytes);
/*
 * A request was executed: it began at `request`, and took `consumed` of the bytes that are there.
 * What is answered begins at `since`, and may be cut off.
 */
typedef void (*datagram_executed)(void *context, const char *request, size_t bytes, size_t consumed,
                                  struct outbuf_mark since);

struct datagram_calls {
    void *context;
    datagram_replied replied;
    datagram_executed executed; /* NULL: nobody looks */
};

/*
 * Executes what is in payload[0..bytes), in a session of a peer that is_datagram, at rest; it is so
 * again afterwards. Replies longer than reply_bytes_max are replaced by an error; once more than
 * SESSION_DATAGRAM_OUT_HIGH_BYTES wait, no further request is executed.
 */
void datagram_execute(struct session *session, const char *payload, size_t bytes,
                      uint64_t reply_bytes_max, struct outbuf *out,
                      const struct datagram_calls *calls);

#endif
