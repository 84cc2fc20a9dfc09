/*
 * A node that starts over may have clients, who wrote to it while the source made ready. The source
 * has those writes, will get them, or neither; were they dropped here, an older value would take
 * their place.
 *
 *   1. hold the items that the log names     2. everything becomes invisible
 *   3. copies of the held items are linked   4. what the log names and is not there now is marked as deleted
 *   5. the log is sent again from its start
 *
 * A barrier that is under way confirms the log as it was sent before, which is not what is sent now.
 * A copy is linked only if it is newer than the source's clock was when the two last spoke: what is
 * older the source may have deleted since, which a full sync does not show; that is marked as
 * deleted as well. All under the link's lock, so that nothing of the log is sent meanwhile.
 */
#include "repl/keep.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

struct kept {
    struct item *item; /* held */
    uint64_t hash, version, value_bytes;
    uint32_t client_flags, exptime;
    uint8_t state;
};

struct keep {
    struct kept *list; /* bounded by the log's entries */
    size_t count, capacity;
    uint64_t doubt; /* up to this version, what is here may have been deleted there */
    uint64_t floor; /* flushes that the log names */
    uint64_t flush_later_version, flush_later_wall_s;
};

/* store_visitor: holds the item. It stays queued. */
static bool hold(void *context, const struct store_key *key, const struct store_view *view) {
    struct keep *keep = context;
    if (keep->count == keep->capacity) {
        size_t capacity = keep->capacity ? keep->capacity * 2 : 256;
        struct kept *list = mem_realloc(keep->list, capacity * sizeof(*list));
        if (!list)
            return false; /* it will be told as deleted */
        keep->list = list;
        keep->capacity = capacity;
    }
    store_item_hold(view->item);
    keep->list[keep->count++] =
        (struct kept){view->item,         key->hash,     view->version, view->value_bytes,
                      view->client_flags, view->exptime, view->state};
    return false;
}

static bool stay(void *context, const struct store_key *key, const struct store_view *view) {
    (void)context;
    (void)key;
    (void)view;
    return false;
}

/* Calls each(...) for every entry that is not acknowledged. */
static void log_each_locked(struct engine *engine, struct keep *keep,
                            void (*each)(struct engine *engine, struct keep *keep,
                                         const struct dirty_entry *entry)) {
    struct dirty_batch *batch = &engine->out.batch;
    dirty_log_rewind(engine->log);
    do {
        dirty_log_peek(engine->log, batch);
        for (unsigned i = 0; i < batch->count; i++)
            each(engine, keep, &batch->entry[i]);
        dirty_log_sent(engine->log, batch, batch->count);
    } while (batch->count > 0);
    dirty_log_rewind(engine->log);
}

static void hold_entry(struct engine *engine, struct keep *keep, const struct dirty_entry *entry) {
    struct store_key key = {entry->key, entry->key_bytes, entry->hash};
    uint64_t version;
    switch (entry->kind) {
    case DIRTY_KEY:
        (void)store_visit(engine->out.thread, &key, hold, keep, &version);
        break;
    case DIRTY_FLUSH:
        if (entry->version > keep->floor)
            keep->floor = entry->version;
        break;
    case DIRTY_FLUSH_LATER:
        keep->flush_later_version = entry->version;
        keep->flush_later_wall_s = entry->hash;
        break;
    }
}

static void bury_entry(struct engine *engine, struct keep *keep, const struct dirty_entry *entry) {
    struct store_key key = {entry->key, entry->key_bytes, entry->hash};
    uint64_t version = 0;
    (void)keep;
    if (entry->kind != DIRTY_KEY ||
        store_visit(engine->out.thread, &key, stay, NULL, &version) == STORE_VISITED)
        return;
    (void)store_apply_delete(engine->out.thread, &key,
                             version > entry->version ? version : entry->version);
}

/* Links a copy of what was held; in doubt, or where memory is short, the key is deleted instead. */
static void link_copy(struct engine *engine, const struct kept *kept, uint64_t doubt) {
    struct store_thread *thread = engine->out.thread;
    struct store_key key = {.hash = kept->hash};
    enum store_status why;
    size_t key_bytes;
    store_item_key(kept->item, &key.data, &key_bytes);
    key.bytes = (uint32_t)key_bytes;
    struct item *copy = NULL;
    if (kept->version > doubt)
        copy =
            store_reserve(thread, &key, kept->client_flags, kept->exptime, kept->value_bytes, &why);
    if (!copy) {
        (void)store_apply_delete(thread, &key, kept->version);
        return;
    }
    store_item_mark(copy, kept->state);
    uint64_t offset = 0;
    while (offset < kept->value_bytes) {
        char *from;
        char *to;
        size_t bytes = store_item_segment(engine->store, kept->item, offset, &from);
        size_t room = store_item_segment(engine->store, copy, offset, &to);
        CHECK(bytes > 0 && room > 0);
        size_t part = bytes < room ? bytes : room;
        memcpy(to, from, part);
        offset += part;
    }
    (void)store_apply_set(thread, copy, kept->hash, kept->version, true);
}

void keep_and_start_over(struct engine *engine, struct store_thread *thread) {
    struct node_view view;
    lock_assert_held(&engine->node_lock);
    node_view(engine->node, &view);
    struct keep keep = {.doubt = view.peer.version};
    lock_acquire(&engine->out.lock);
    engine->out.thread = thread;
    if (!dirty_log_is_open(engine->log))
        dirty_log_open(engine->log);
    log_each_locked(engine, &keep, hold_entry);
    atomic_fetch_add(&engine->start_overs, 1);
    out_void_barriers_locked(engine);
    store_start_over(thread);
    if (keep.floor)
        store_apply_flush(thread, keep.floor);
    if (keep.flush_later_version)
        store_apply_flush_later(thread, keep.flush_later_version, keep.flush_later_wall_s);
    for (size_t i = 0; i < keep.count; i++) {
        link_copy(engine, &keep.list[i], keep.doubt);
        store_item_release(thread, keep.list[i].item);
    }
    log_each_locked(engine, &keep, bury_entry);
    mem_free(keep.list);
    engine->out.thread = NULL;
    lock_release(&engine->out.lock);
}
