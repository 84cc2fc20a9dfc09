/* What the commands of the binary protocol share. */
#ifndef SERVE_CMD_BINARY_H
#define SERVE_CMD_BINARY_H

#include <stdbool.h>

#include "memcached/proto/binary.h"
#include "memcached/serve/turn.h"

/* Executes one request. */
void binary_execute(struct turn *turn, const struct binary_request *request);

void cmd_binary_get(struct turn *turn, const struct binary_request *request); /* get getk */
void cmd_binary_gat(struct turn *turn, const struct binary_request *request); /* gat gatk touch */
void cmd_binary_store(struct turn *turn, const struct binary_request *request);
void cmd_binary_delete(struct turn *turn, const struct binary_request *request);
void cmd_binary_arith(struct turn *turn, const struct binary_request *request); /* incr decr */
void cmd_binary_stat(struct turn *turn, const struct binary_request *request);

static inline bool binary_is_quiet(const struct binary_request *request) {
    return request->traits & BINARY_IS_QUIET;
}

static inline struct store_key binary_key(const struct binary_request *request) {
    return (struct store_key){
        .data = request->key, .bytes = request->key_bytes, .hash = request->hash};
}

/* A reply that is no success; quiet commands give it, too. */
void binary_reply_status(struct turn *turn, const struct binary_echo *echo,
                         enum binary_status status);
/* A success, with a body of these bytes that is neither key nor extras. */
void binary_reply(struct turn *turn, const struct binary_echo *echo, uint64_t cas, const char *body,
                  size_t bytes);

#endif
