/*
 * The frame of memcached's datagrams (doc/protocol.txt, "UDP protocol"): eight bytes in front of
 * what a stream would carry, each field in network byte order.
 *
 *     0          2          4          6          8
 *     | request  | sequence | total    | reserved | payload ...
 *
 * A request is one datagram. A reply has the request's number in as many datagrams as it takes,
 * numbered from 0. No socket, no memory; any thread.
 */
#ifndef NET_UDP_FRAME_H
#define NET_UDP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    UDP_FRAME_BYTES = 8,
    UDP_DATAGRAM_BYTES_MAX = 1400, /* of a reply, with the frame: passes an Ethernet whole */
    UDP_PAYLOAD_BYTES_MAX = UDP_DATAGRAM_BYTES_MAX - UDP_FRAME_BYTES,
    UDP_TOTAL_MAX = UINT16_MAX,
};

/* The longest reply whose datagrams can be counted. */
#define UDP_REPLY_BYTES_MAX ((uint64_t)UDP_TOTAL_MAX * UDP_PAYLOAD_BYTES_MAX)

/*
 * Reads the frame of a request; its payload is what follows. False for what is to be ignored: no
 * payload, or one part of several.
 */
bool udp_frame_take(const char *datagram, size_t bytes, uint16_t *request_id);

/* A reply on its way out. */
struct udp_reply {
    uint64_t bytes; /* not yet sent */
    uint16_t request_id, sequence, total;
};

/* `bytes` from 1 to UDP_REPLY_BYTES_MAX. */
void udp_reply_begin(struct udp_reply *reply, uint16_t request_id, uint64_t bytes);

/* The frame of the next datagram; returns how many bytes of the reply go behind it. */
size_t udp_reply_frame(const struct udp_reply *reply, char frame[UDP_FRAME_BYTES]);

/* That datagram is sent. False when it was the last. */
bool udp_reply_next(struct udp_reply *reply);

/*
 * Shortens vec[0..count) to its first `bytes` bytes; returns how many entries they take. It has to
 * have as many.
 */
int udp_clip(struct iovec *vec, int count, size_t bytes);

#endif
