/*
 * flush_all, the version floor it sets, and starting over. A flush takes no time: what it kills is
 * unlinked when someone comes across it.
 */
#include "memcached/store/crawler_private.h"
#include "memcached/store/state.h"

static void floor_raise_locked(struct store *store, uint64_t version) {
    latch_assert_held(&store->admin);
    if (version > shared_load(&store->flush_floor))
        shared_store(&store->flush_floor, version);
    crawler_note_flush_locked(store);
}

static void pending_set_locked(struct store *store, uint64_t version, uint64_t wall_s) {
    uint64_t now_wall_s = clock_wall_ms(store->clock) / 1000;
    uint64_t delay_s = wall_s > now_wall_s ? wall_s - now_wall_s : 0;
    latch_assert_held(&store->admin);
    shared_store(&store->flush_pending_s, wall_s);
    shared_store(&store->flush_pending_version, version);
    store->flush_due_s = clock_seconds(store->clock) + (uint32_t)delay_s;
}

static void observe_flush_locked(struct store_thread *thread, enum store_change_kind kind,
                                 uint64_t version, uint64_t wall_s) {
    const struct store_observer *observer = &thread->store->observer;
    if (!observer->changed)
        return;
    struct store_change change = {.kind = kind, .version = version, .flush_wall_s = wall_s};
    (void)observer->changed(observer->context, thread, &change);
}

void store_flush(struct store_thread *thread, uint32_t delay_s) {
    struct store *store = thread->store;
    latch_acquire(&store->admin);
    bool was_pending = shared_load(&store->flush_pending_s) != 0;
    if (delay_s) {
        uint64_t wall_s = clock_wall_ms(store->clock) / 1000 + delay_s;
        uint64_t version = store->is_replicated ? version_next(store) : 0;
        pending_set_locked(store, version, wall_s);
        observe_flush_locked(thread, STORE_CHANGE_FLUSH_LATER, version, wall_s);
    } else {
        /* A flush in a pair is an event of its own; alone it must not show in the CAS values. */
        uint64_t version =
            store->is_replicated ? version_next(store) : shared_load(&store->version);
        floor_raise_locked(store, version);
        pending_set_locked(store, version, 0);
        observe_flush_locked(thread, STORE_CHANGE_FLUSH, version, 0);
        if (was_pending)
            observe_flush_locked(thread, STORE_CHANGE_FLUSH_LATER, version, 0);
    }
    latch_release(&store->admin);
}

void store_apply_flush(struct store_thread *thread, uint64_t version) {
    struct store *store = thread->store;
    store_version_advance(store, version);
    latch_acquire(&store->admin);
    floor_raise_locked(store, version);
    if (version > shared_load(&store->flush_pending_version))
        pending_set_locked(store, version, 0);
    latch_release(&store->admin);
}

void store_apply_flush_later(struct store_thread *thread, uint64_t version, uint64_t wall_s) {
    struct store *store = thread->store;
    store_version_advance(store, version);
    latch_acquire(&store->admin);
    if (version > shared_load(&store->flush_pending_version))
        pending_set_locked(store, version, wall_s);
    latch_release(&store->admin);
}

uint64_t store_flush_floor(const struct store *store) {
    return shared_load(&store->flush_floor);
}

uint64_t store_flush_pending(const struct store *store) {
    return shared_load(&store->flush_pending_s);
}

uint64_t store_flush_pending_version(const struct store *store) {
    return shared_load(&store->flush_pending_version);
}

/*
 * A flush that is due becomes a flush of now. In a pair the half whose clock is there first tells
 * the other, which so does not wait for its own: with clocks apart, one floor worked out from the
 * agreed time would lie ahead of what the other half still writes.
 */
static void flush_if_due_locked(struct store_thread *thread) {
    struct store *store = thread->store;
    uint64_t wall_s = shared_load(&store->flush_pending_s);
    if (wall_s == 0)
        return;
    if (store->is_replicated) {
        if (clock_wall_ms(store->clock) < wall_s * 1000)
            return;
        uint64_t version = version_next(store);
        floor_raise_locked(store, version);
        pending_set_locked(store, version, 0);
        observe_flush_locked(thread, STORE_CHANGE_FLUSH, version, 0);
    } else {
        if (clock_seconds(store->clock) < store->flush_due_s)
            return;
        floor_raise_locked(store, shared_load(&store->version));
        shared_store(&store->flush_pending_s, 0);
    }
}

void store_tick(struct store_thread *thread) {
    struct store *store = thread->store;
    latch_acquire(&store->admin);
    if (store->is_replicated)
        store_version_advance(store, clock_wall_ms(store->clock) << STORE_VERSION_SEQUENCE_BITS);
    flush_if_due_locked(thread);
    if (store->is_replicated)
        tombstones_expire(&store->tombstones, shared_load(&store->acknowledged),
                          clock_seconds(store->clock));
    latch_release(&store->admin);
}

void store_start_over(struct store_thread *thread) {
    struct store *store = thread->store;
    latch_acquire(&store->admin);
    /* the next epoch must be one that no item is left of */
    if (store->epochs_unswept == ITEM_EPOCH_COUNT - 1) {
        latch_release(&store->admin);
        uint64_t cursor = 0;
        while (!store_sweep(thread, &cursor, 1024))
            ;
        latch_acquire(&store->admin);
    }
    store->epochs_unswept++;
    shared_store(&store->epoch, (uint8_t)((shared_load(&store->epoch) + 1) % ITEM_EPOCH_COUNT));
    shared_store(&store->flush_floor, 0);
    shared_store(&store->flush_pending_s, 0);
    shared_store(&store->flush_pending_version, 0);
    if (store->is_replicated)
        tombstones_clear(&store->tombstones);
    latch_release(&store->admin);
}
