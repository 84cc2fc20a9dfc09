#include "repl/stage.h"

#include <string.h>

#include "memcached/base/bytes.h"
#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/proto/stream.h"
#include "repl/encode.h"

bool stage_open(struct stage *stage) {
    char *memory = mem_alloc(STAGE_STREAM_BYTES + STAGE_RECORD_BYTES);
    if (!memory)
        return false;
    stage->stream = memory;
    stage->records = (struct dirty_records){.start = memory + STAGE_STREAM_BYTES,
                                            .bytes_max = STAGE_RECORD_BYTES};
    stage->is_open = true;
    return true;
}

void stage_free(struct stage *stage) {
    mem_free(stage->stream);
    *stage = (struct stage){.stream = NULL};
}

/* Into the stream, without counting it yet; 0: there is no room, or it is none of the stage's. */
static size_t put_item(struct stage *stage, const struct clock *clock,
                       const struct store_change *change) {
    size_t room = STAGE_STREAM_BYTES - stage->stream_bytes;
    if (!change->value || change->state || change->value_bytes > STAGE_VALUE_BYTES_MAX ||
        room < ENCODE_HEAD_BYTES_MAX + change->value_bytes + 2)
        return 0;
    char *to = stage->stream + stage->stream_bytes;
    struct stream_set set = {
        .key = change->key,
        .key_bytes = change->key_bytes,
        .value_bytes = change->value_bytes,
        .exptime = change->exptime ? encode_exptime(clock, change->exptime) : 0,
        .client_flags = change->client_flags,
        .version = change->version,
        .stem = &stage->stem,
    };
    char *end = to + stream_put_set(to, &set);
    end = bytes_put(end, change->value, change->value_bytes);
    memcpy(end, "\r\n", 2);
    return (size_t)(end + 2 - to);
}

static size_t put_absent(const struct stage *stage, const struct store_change *change) {
    struct store_key key = {change->key, change->key_bytes, change->hash};
    if (STAGE_STREAM_BYTES - stage->stream_bytes < ENCODE_HEAD_BYTES_MAX)
        return 0;
    return encode_delete(stage->stream + stage->stream_bytes, DIALECT_PAIR, &key, change->version);
}

static bool is_last(const struct stage *stage, const struct store_change *change) {
    struct dirty_entry last;
    uint32_t at = stage->last_record_at;
    return dirty_records_next(&stage->records, &at, &last) && last.key_bytes == change->key_bytes &&
           memcmp(last.key, change->key, last.key_bytes) == 0;
}

static void take_last_back(struct stage *stage) {
    stage->stream_bytes = stage->last_stream_at;
    stage->records.bytes = stage->last_record_at;
    atomic_store_explicit(&stage->count, --stage->records.count, memory_order_relaxed);
    if (stage->records.count == 0)
        atomic_store_explicit(&stage->oldest, 0, memory_order_release);
}

bool stage_put(struct stage *stage, const struct clock *clock, const struct store_change *change) {
    if (UNLIKELY(!stage->is_open))
        return false;
    if (UNLIKELY(stage->last_hash == change->hash) && is_last(stage, change))
        take_last_back(stage);
    stage->last_hash = change->hash;
    stage->last_stream_at = stage->stream_bytes;
    stage->last_record_at = stage->records.bytes;
    size_t bytes = change->kind == STORE_CHANGE_SET ? put_item(stage, clock, change)
                                                    : put_absent(stage, change);
    if (UNLIKELY(bytes == 0) ||
        UNLIKELY(!dirty_records_put(&stage->records, change->version, change->hash, change->key,
                                    change->key_bytes)))
        return false;
    /* pairs with the load in out_barrier */
    if (stage->stream_bytes == 0)
        atomic_store_explicit(&stage->oldest, change->version, memory_order_release);
    atomic_store_explicit(&stage->count, stage->records.count, memory_order_relaxed);
    stage->stream_bytes += bytes;
    return true;
}

void stage_clear(struct stage *stage) {
    stage->stream_bytes = 0;
    stage->records.bytes = stage->records.count = 0;
    stage->last_record_at = 0;
    atomic_store_explicit(&stage->count, 0, memory_order_relaxed);
    atomic_store_explicit(&stage->oldest, 0, memory_order_release);
}
