/*
 * Any bytes, cut anywhere, into a client's session on a small store. The first two bytes choose the
 * cuts; the rest is what the client says. Beside memory errors it looks for replies that are no
 * replies.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"
#include "memcached/proto/number.h"
#include "t/unit/session_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* The number behind the word_index-th space of a line. */
static uint64_t number_in(const char *line, size_t bytes, unsigned word_index) {
    const char *at = line;
    const char *end = line + bytes;
    for (unsigned i = 0; i < word_index; i++) {
        at = memchr(at, ' ', (size_t)(end - at));
        CHECK(at);
        at++;
    }
    const char *stop = memchr(at, ' ', (size_t)(end - at));
    uint64_t number;
    CHECK(number_u64(at, (size_t)((stop ? stop : end) - at), &number));
    return number;
}

static bool starts_with(const char *line, size_t bytes, const char *prefix) {
    return bytes >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

/* Every reply is a line, or a line and a value of the length that it says. */
static void check_replies(const char *said, size_t bytes) {
    if (bytes == 0)
        return;
    const char *at = said;
    const char *end = said + bytes;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        CHECK(newline && newline > at && newline[-1] == '\r');
        size_t line_bytes = (size_t)(newline - at) - 1;
        bool is_value = starts_with(at, line_bytes, "VALUE ");
        bool is_meta_value = starts_with(at, line_bytes, "VA ");
        CHECK((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9'));
        if (is_value || is_meta_value) {
            uint64_t value_bytes = number_in(at, line_bytes, is_value ? 3 : 1);
            CHECK(value_bytes + 2 <= (uint64_t)(end - newline - 1));
            newline += value_bytes + 2;
            CHECK(newline[-1] == '\r' && newline[0] == '\n');
        }
        at = newline + 1;
    }
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
    if (bytes < 2)
        return 0;
    /* Its first byte makes a connection a binary one: fuzz_binary's inputs. */
    if (bytes > 2 && data[2] == BINARY_MAGIC_REQUEST)
        return 0;
    struct host *host = host_for((data[1] & 128) != 0);
    host->settings.has_cas = !(data[1] & 64);
    rng_seed(&host->rng, data[1]);
    host->request_max = data[1] % 8;
    (void)host_receive(host, (const char *)data + 2, bytes - 2,
                       pieces[data[0] % ARRAY_COUNT(pieces)]);
    check_replies(host->said, host->said_bytes);
    return 0;
}
