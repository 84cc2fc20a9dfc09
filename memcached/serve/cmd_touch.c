/* touch. */
#include "memcached/serve/exptime.h"
#include "memcached/serve/turn.h"

void cmd_touch(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    turn_before_write(turn);
    enum store_status status =
        store_touch(turn->thread, &key, exptime_of(turn->server, request->exptime));
    COUNT(turn->counters, cmd_touch, 1);
    if (status != STORE_OK)
        COUNT(turn->counters, touch_misses, 1);
    if (turn_is_silent(turn, request->bits & REQUEST_NOREPLY))
        return;
    if (status == STORE_OK)
        TURN_REPLY(turn, "TOUCHED\r\n");
    else
        TURN_REPLY(turn, "NOT_FOUND\r\n");
}
