/*
 * Any bytes, cut anywhere, into a session that is a replication link. The first byte chooses the
 * cuts. A link says MN and the replies of `repl`, and ends at the first thing that is no part of
 * the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Making a store takes longer than most inputs: one serves many of them. */
static struct host *host_next(void) {
    enum { INPUTS_A_STORE = 500 };
    static struct host host;
    static unsigned inputs_left;
    if (inputs_left-- > 0) {
        host_reconnect(&host);
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
    host_enable_repl(&host);
    host_open(&host);
    return &host;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const size_t pieces[] = {0, 1, 5, 64, 1000};
    static const char hello[] = "repl link\r\n";
    static const char welcome[] = "REPL ok\r\n";
    if (bytes < 1)
        return 0;
    struct host *host = host_next();
    unsigned rejected_before = host->rejected;
    unsigned barriers_before = host->barriers;
    unsigned closed_before = host->closed;
    rng_seed(&host->rng, data[0]);
    CHECK(host_receive(host, hello, sizeof(hello) - 1, 0));
    CHECK(session_is_link(host->session) && host->said_bytes == sizeof(welcome) - 1);
    host_forget(host);
    bool is_open = host_receive(host, (const char *)data + 1, bytes - 1,
                                pieces[data[0] % ARRAY_COUNT(pieces)]);
    CHECK(is_open == (host->rejected == rejected_before));
    CHECK(host->said_bytes == 4 * (size_t)(host->barriers - barriers_before));
    for (size_t at = 0; at < host->said_bytes; at += 4)
        CHECK(memcmp(host->said + at, "MN\r\n", 4) == 0);
    CHECK(host->client_writes == 0 && host->closed == closed_before);
    host_reconnect(host);
    CHECK(host->closed == closed_before + 1);
    return 0;
}
