/* incr and decr. */
#include "memcached/serve/compose.h"
#include "memcached/serve/turn.h"

static void reply_number(struct turn *turn, uint64_t number) {
    char text[NUM_U64_DIGITS_MAX + 2];
    char *end = put_bytes(put_number(text, number), "\r\n", 2);
    turn_reply(turn, text, (size_t)(end - text));
}

void cmd_arith(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    struct store_arith arith = {.is_decr = request->verb == VERB_DECR, .delta = request->number};
    turn_before_write(turn);
    enum store_status status = store_arith(turn->thread, &key, &arith);
    if (status == STORE_NOT_FOUND && arith.is_decr)
        COUNT(turn->counters, decr_misses, 1);
    else if (status == STORE_NOT_FOUND)
        COUNT(turn->counters, incr_misses, 1);
    if (turn_is_silent(turn, request->bits & REQUEST_NOREPLY))
        return;
    switch (status) {
    case STORE_OK:
        reply_number(turn, arith.value);
        return;
    case STORE_NOT_FOUND:
        TURN_REPLY(turn, "NOT_FOUND\r\n");
        return;
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
        TURN_REPLY(turn, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        return;
    case STORE_EXISTS:
    case STORE_NOT_STORED:
    case STORE_TOO_LARGE:
    case STORE_NO_MEMORY:
    case STORE_OLDER:
        break;
    }
    TURN_REPLY(turn, "SERVER_ERROR out of memory\r\n");
}
