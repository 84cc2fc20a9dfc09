/*
 * Any bytes, cut anywhere, into a session that speaks the binary protocol, on a small store. The
 * first two bytes choose the cuts and the settings; the rest is what the client says. Beside memory
 * errors it looks for replies that are none, that nobody asked for, or that are missing.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What stands in the head of a request or reply, and how many bytes the whole of it has. */
struct message {
    unsigned magic, opcode, key_bytes;
    uint32_t opaque;
    uint64_t bytes;
};

/* False: no whole one is there. */
static bool message_at(const char *at, size_t bytes, struct message *message) {
    if (bytes < BINARY_HEAD_BYTES)
        return false;
    message->magic = (unsigned char)at[0];
    message->opcode = (unsigned char)at[1];
    message->key_bytes = binary_load16(at + 2);
    message->opaque = binary_load32(at + 12);
    message->bytes = BINARY_HEAD_BYTES + (uint64_t)binary_load32(at + 8);
    return message->bytes <= bytes;
}

/* Opcodes whose requests may go without an answer. */
static bool is_quiet(unsigned opcode) {
    return opcode == 0x09 || opcode == 0x0d || (opcode >= 0x11 && opcode <= 0x1a) ||
           opcode == 0x1e || opcode == 0x24;
}

struct said {
    const char *at, *end;
};

/* Takes one reply, if it answers such a request. */
static bool take_reply(struct said *said, const struct message *request, struct message *reply) {
    if (said->at == said->end)
        return false;
    CHECK(message_at(said->at, (size_t)(said->end - said->at), reply));
    CHECK(reply->magic == BINARY_MAGIC_REPLY && said->at[5] == 0);
    CHECK(reply->key_bytes + (unsigned char)said->at[4] <= reply->bytes - BINARY_HEAD_BYTES);
    if (reply->opcode != request->opcode || reply->opaque != request->opaque)
        return false;
    said->at += reply->bytes;
    return true;
}

/* Each request in its turn has its replies, and there is none besides. */
static void check_replies(const char *asked, size_t bytes, struct said said, bool is_open) {
    enum { OPCODE_STAT = 0x10 };
    struct message request, reply;
    while (bytes >= BINARY_HEAD_BYTES) {
        bool is_whole = message_at(asked, bytes, &request);
        if (request.magic != BINARY_MAGIC_REQUEST)
            break;
        bool is_answered = take_reply(&said, &request, &reply);
        while (is_answered && request.opcode == OPCODE_STAT && reply.key_bytes > 0)
            CHECK(take_reply(&said, &request, &reply));
        CHECK(is_answered || is_quiet(request.opcode) || !is_whole ||
              (!is_open && said.at == said.end));
        if (!is_whole)
            break;
        asked += request.bytes;
        bytes -= request.bytes;
    }
    CHECK(said.at == said.end);
}

/* Making a store takes longer than most inputs: each serves many of them, emptied in between. */
static struct host *host_for(bool is_replicated) {
    enum { INPUTS_A_STORE = 500 };
    static struct host hosts[2];
    static unsigned inputs_left[2];
    struct host *host = &hosts[is_replicated];
    if (inputs_left[is_replicated]-- > 0) {
        host_reconnect(host);
        store_flush(host->env.store, 0);
        return host;
    }
    inputs_left[is_replicated] = INPUTS_A_STORE;
    if (host->session)
        host_close(host);
    host_init(host);
    host->config.limit_bytes = 4 << 20;
    host->config.item_bytes_max = 1 << 16;
    host->config.hashpower = 8;
    host->config.tombstone_count_max = 64;
    if (is_replicated)
        host_enable_repl(host);
    host_open(host);
    return host;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const size_t pieces[] = {0, 1, 3, 17, 100, 1000};
    if (bytes < 3 || data[2] != BINARY_MAGIC_REQUEST)
        return -1; /* text: not worth keeping here */
    const char *asked = (const char *)data + 2;
    bytes -= 2;
    struct host *host = host_for((data[1] & 128) != 0);
    host->settings.has_cas = !(data[1] & 64);
    host->settings.is_flush_enabled = !(data[1] & 32);
    rng_seed(&host->rng, data[1]);
    host->request_max = data[1] % 8;
    bool is_open = host_receive(host, asked, bytes, pieces[data[0] % ARRAY_COUNT(pieces)]);
    const char *said = host->said ? host->said : "";
    check_replies(asked, bytes, (struct said){said, said + host->said_bytes}, is_open);
    return 0;
}
