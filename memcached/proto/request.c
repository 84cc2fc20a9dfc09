#include "memcached/proto/request.h"

const struct request_reply request_error_replies[REQUEST_ERROR_COUNT] = {
#define REQUEST_ERROR(name, reply) {reply, sizeof(reply) - 1},
#include "memcached/proto/request_errors.def"
#undef REQUEST_ERROR
};
