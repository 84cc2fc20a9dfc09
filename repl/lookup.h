/*
 * Looking up the peer's name in a short-lived thread of its own: a name server that does not answer
 * holds up neither the stream nor the end of the process.
 */
#ifndef REPL_LOOKUP_H
#define REPL_LOOKUP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { LOOKUP_ADDRESSES_MAX = 16, LOOKUP_TEXT_BYTES_MAX = 80 };

struct peer_address {
    struct sockaddr_storage address;
    socklen_t bytes;
    char text[LOOKUP_TEXT_BYTES_MAX]; /* numeric, without port; a v4-mapped address as IPv4 */
};

struct peer_addresses {
    struct peer_address item[LOOKUP_ADDRESSES_MAX];
    size_t count;
};

/* A numeric address at once; false if `host` is a name. Any thread. */
bool lookup_numeric(const char *host, uint16_t port, struct peer_addresses *out);

struct lookup;

/*
 * Starts looking; `wake_fd`, an eventfd, is written to at the end. NULL when no thread or memory is
 * left.
 */
struct lookup *lookup_start(const char *host, uint16_t port, int wake_fd);
bool lookup_is_done(const struct lookup *lookup);
/* Done, and the answer was that there is no such name (no answer at all is another matter). */
bool lookup_is_unknown(const struct lookup *lookup);
/* Ends it, done or not, and frees it. False, with out empty, when nothing was found. */
bool lookup_end(struct lookup *lookup, struct peer_addresses *out);

#endif
