/*
 * Any bytes, cut anywhere, into a session that is a replication link. The first byte chooses the cuts.
 * A link says MN and the replies of `repl`, and ends at the first thing that is no part of the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const size_t pieces[] = {0, 1, 5, 64, 1000};
    static const char hello[] = "repl link\r\n";
    static const char welcome[] = "REPL ok\r\n";
    struct host host;
    if (bytes < 1)
        return 0;
    host_init(&host);
    host.config.limit_bytes = 4 << 20;
    host.config.hashpower = 8;
    host.config.tombstone_count_max = 64;
    host.config.item_bytes_max = 1 << 16;
    host_enable_repl(&host);
    rng_seed(&host.rng, data[0]);
    host_open(&host);
    CHECK(host_receive(&host, hello, sizeof(hello) - 1, 0));
    CHECK(session_is_link(host.session) && host.said_bytes == sizeof(welcome) - 1);
    host_forget(&host);
    bool is_open = host_receive(&host, (const char *)data + 1, bytes - 1,
                                pieces[data[0] % ARRAY_COUNT(pieces)]);
    CHECK(is_open == (host.rejected == 0));
    CHECK(host.said_bytes == 4 * (size_t)host.barriers);
    for (size_t at = 0; at < host.said_bytes; at += 4)
        CHECK(memcmp(host.said + at, "MN\r\n", 4) == 0);
    CHECK(host.client_writes == 0);
    unsigned closed_before = host.closed;
    host_close(&host);
    CHECK(closed_before == 0 && host.closed == 1);
    return 0;
}
