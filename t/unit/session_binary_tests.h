/* What the tests of sessions that speak the binary protocol share. */
#ifndef SESSION_BINARY_TESTS_H
#define SESSION_BINARY_TESTS_H

#include "t/unit/binary_tests.h"
#include "t/unit/session_tests.h"

#define STORE "00000007 00000000"
#define FOR_EVER "00000000"
/* extras of incr and decr: amount, initial value, exptime */
#define BY_1_FROM_5 "0000000000000001 0000000000000005 00000000"
#define BY_1_OR_NOT "0000000000000001 0000000000000005 ffffffff"
#define BY_MAX "ffffffffffffffff 0000000000000000 ffffffff"

/* The session answers with exactly this, and stays open. */
static inline void ck_assert_answer(struct host *host, const struct ask *ask, const char *answer) {
    char request[ASK_BYTES_MAX];
    size_t bytes = (size_t)(ask_put(request, ask) - request);
    host_forget(host);
    ck_assert_msg(host_receive(host, request, bytes, 0), "%02x closes", ask->opcode);
    char *told = tell(host->said, host->said_bytes);
    ck_assert_msg(strcmp(told, answer) == 0, "%02x %s is answered '%s' and not '%s'", ask->opcode,
                  ask->key ? ask->key : "", told, answer);
    free(told);
}

#endif
