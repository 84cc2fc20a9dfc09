#include "repl/stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "config.h"
#include "repl/engine_private.h"

enum { COMPLETE_FOR_BYTES = 17 };

static const char *dialect_name(enum out_dialect dialect) {
    switch (dialect) {
    case DIALECT_META:
        return "meta";
    case DIALECT_CLASSIC:
        return "classic";
    case DIALECT_PAIR:
        break;
    }
    return "pair";
}

static const char *complete_for(uint64_t id, char text[COMPLETE_FOR_BYTES]) {
    if (id == NODE_COMPLETE_FOR_NONE)
        return "none";
    if (id == NODE_COMPLETE_FOR_ANY)
        return "any";
    snprintf(text, COMPLETE_FOR_BYTES, "%016" PRIx64, id);
    return text;
}

static uint64_t unix_seconds(const struct engine *engine, uint64_t mono_ms) {
    uint64_t now_ms = engine_now(engine);
    if (mono_ms == 0)
        return 0;
    return (clock_wall_ms(engine->clock) - (now_ms > mono_ms ? now_ms - mono_ms : 0)) / 1000;
}

void repl_stats_put(struct engine *engine, struct stat_sink *sink) {
    char text[COMPLETE_FOR_BYTES];
    struct node_view view;
    struct engine_stats stats;
    engine_view(engine, &view);
    engine_stats(engine, &stats);
    lock_acquire(&engine->node_lock);
    size_t allowed_count = engine->allowed_count;
    lock_release(&engine->node_lock);
#define REPL_ROW(name, format, value, meaning) stat_put(sink, #name, format, value);
#include "repl/repl.def"
#undef REPL_ROW
#define REPL_STAT_U64(name, meaning) stat_put_u64(sink, #name, stats.name);
#include "repl/engine_stats.def"
#undef REPL_STAT_U64
}
