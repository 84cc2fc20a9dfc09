/* delete. */
#include "memcached/serve/turn.h"

void cmd_delete(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    turn_before_write(turn);
    event_log_deleting(turn_events(turn), "delete");
    enum store_status status = store_delete(turn->thread, &key, false, 0, 0);
    if (status != STORE_OK)
        COUNT(turn->counters, delete_misses, 1);
    if (turn_is_silent(turn, request->bits & REQUEST_NOREPLY))
        return;
    if (status == STORE_OK)
        TURN_REPLY(turn, "DELETED\r\n");
    else
        TURN_REPLY(turn, "NOT_FOUND\r\n");
}
