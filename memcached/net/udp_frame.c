#include "memcached/net/udp_frame.h"

#include "memcached/base/check.h"

static uint16_t take_u16(const char *at) {
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static char *put_u16(char *to, uint16_t number) {
    to[0] = (char)(number >> 8);
    to[1] = (char)(number & 0xff);
    return to + 2;
}

bool udp_frame_take(const char *datagram, size_t bytes, uint16_t *request_id) {
    if (bytes <= UDP_FRAME_BYTES)
        return false;
    *request_id = take_u16(datagram);
    /* Neither the sequence number of the only datagram there is nor what is reserved matters. */
    return take_u16(datagram + 4) == 1;
}

void udp_reply_begin(struct udp_reply *reply, uint16_t request_id, uint64_t bytes) {
    CHECK(bytes >= 1 && bytes <= UDP_REPLY_BYTES_MAX);
    *reply = (struct udp_reply){
        .bytes = bytes,
        .request_id = request_id,
        .total = (uint16_t)((bytes + UDP_PAYLOAD_BYTES_MAX - 1) / UDP_PAYLOAD_BYTES_MAX)};
}

size_t udp_reply_frame(const struct udp_reply *reply, char frame[UDP_FRAME_BYTES]) {
    char *to = put_u16(frame, reply->request_id);
    to = put_u16(to, reply->sequence);
    to = put_u16(to, reply->total);
    put_u16(to, 0);
    return reply->bytes < UDP_PAYLOAD_BYTES_MAX ? (size_t)reply->bytes : UDP_PAYLOAD_BYTES_MAX;
}

bool udp_reply_next(struct udp_reply *reply) {
    CHECK(reply->sequence < reply->total);
    reply->sequence++;
    if (reply->sequence == reply->total) {
        reply->bytes = 0;
        return false;
    }
    reply->bytes -= UDP_PAYLOAD_BYTES_MAX;
    return true;
}

int udp_clip(struct iovec *vec, int count, size_t bytes) {
    for (int i = 0; i < count; i++) {
        if (vec[i].iov_len >= bytes) {
            vec[i].iov_len = bytes;
            return i + 1;
        }
        bytes -= vec[i].iov_len;
    }
    CHECK(bytes == 0);
    return count;
}
