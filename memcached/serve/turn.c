#include "memcached/serve/turn.h"

#include <string.h>

void turn_reply(struct turn *turn, const char *text, size_t bytes) {
    if (UNLIKELY(!outbuf_put(turn->out, text, bytes)))
        turn->is_closing = true;
}

void turn_reply_text(struct turn *turn, const char *text) {
    turn_reply(turn, text, strlen(text));
}

void turn_out_of_memory(struct turn *turn, struct outbuf_mark mark, const char *text) {
    COUNT(turn->counters, response_obj_oom, 1);
    outbuf_cut(turn->out, turn->has_line_mark ? turn->line_mark : mark);
    turn->out->is_failed = false;
    turn->is_skipping_line = true;
    turn_reply_text(turn, text);
}
