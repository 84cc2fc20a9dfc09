/*
 * Any bytes as datagrams: frame, requests, and the frames of the replies. Each datagram of an input
 * begins with its length in two bytes. Whatever came before, a well-formed one is answered, and all
 * replies come in datagrams that count right.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/net/udp_frame.h"
#include "memcached/serve/datagram.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct replies {
    uint64_t bytes;
    unsigned count;
};

static bool on_replied(void *context, uint64_t bytes) {
    struct replies *replies = context;
    enum { REPLIES_MAX = 100 };
    CHECK(bytes > 0);
    if (replies->count == REPLIES_MAX)
        return false;
    replies->count++;
    replies->bytes += bytes;
    return true;
}

/* Making a store takes longer than most inputs: one serves many of them. */
static struct host *host_next(void) {
    enum { INPUTS_A_STORE = 500 };
    static struct host host;
    static unsigned inputs_left;
    if (inputs_left-- > 0) {
        store_flush(host.env.store, 0);
        return &host;
    }
    inputs_left = INPUTS_A_STORE;
    if (host.session)
        host_close(&host);
    host_init(&host);
    host.config.limit_bytes = 4 << 20;
    host.config.item_bytes_max = 1 << 16;
    host.config.hashpower = 8;
    host.config.tombstone_count_max = 64;
    host.peer.is_datagram = true;
    host_enable_repl(&host);
    host_open(&host);
    return &host;
}

/* The output as datagrams; what is in them is not looked at. */
static void send_all(struct host *host, uint16_t request_id) {
    uint64_t bytes = outbuf_pending(&host->out);
    struct udp_reply reply;
    bool has_more = bytes > 0;
    if (has_more)
        udp_reply_begin(&reply, request_id, bytes);
    while (has_more) {
        struct iovec vec[64];
        char frame[UDP_FRAME_BYTES];
        size_t payload = udp_reply_frame(&reply, frame);
        int count = udp_clip(vec, outbuf_iov(&host->out, vec, ARRAY_COUNT(vec)), payload);
        size_t sum = 0;
        for (int i = 0; i < count; i++)
            sum += vec[i].iov_len;
        CHECK(sum == payload);
        outbuf_consume(&host->out, payload);
        has_more = udp_reply_next(&reply);
    }
    CHECK(outbuf_pending(&host->out) == 0);
}

static struct replies receive(struct host *host, const char *datagram, size_t bytes) {
    struct replies replies = {0};
    uint16_t request_id;
    if (!udp_frame_take(datagram, bytes, &request_id))
        return replies;
    struct datagram_calls calls = {.context = &replies, .replied = on_replied};
    datagram_execute(host->session, datagram + UDP_FRAME_BYTES, bytes - UDP_FRAME_BYTES, 100000,
                     &host->out, &calls);
    CHECK(session_is_at_rest(host->session) && !session_is_link(host->session));
    CHECK(outbuf_pending(&host->out) == replies.bytes);
    send_all(host, request_id);
    store_thread_quiesce(host->env.store);
    return replies;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const char barrier[] = "\0\1\0\0\0\1\0\0mn\r\n";
    struct host *host = host_next();
    while (bytes >= 2) {
        size_t length = (size_t)data[0] << 8 | data[1];
        data += 2;
        bytes -= 2;
        if (length > bytes)
            length = bytes;
        char *datagram = malloc(length ? length : 1);
        CHECK(datagram);
        memcpy(datagram, data, length);
        (void)receive(host, datagram, length);
        free(datagram);
        data += length;
        bytes -= length;
    }
    struct replies last = receive(host, barrier, sizeof(barrier) - 1);
    CHECK(last.count == 1 && last.bytes == 4);
    CHECK(host->sets == 0 && host->deletes == 0 && host->commands == 0);
    return 0;
}
