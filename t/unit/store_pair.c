#include "t/unit/store_pair.h"

#include <string.h>

static bool note_change(void *context, struct store_thread *thread,
                        const struct store_change *change) {
    struct told *told = context;
    unsigned place = told->count;
    (void)thread;
    ck_assert_uint_lt(place, TOLD_MAX);
    told->change[place] = *change;
    memcpy(told->key[place], change->key ? change->key : "", change->key_bytes);
    told->key[place][change->key_bytes] = '\0';
    if (change->kind == STORE_CHANGE_SET) {
        size_t bytes =
            change->value_bytes < TOLD_VALUE_BYTES ? change->value_bytes : TOLD_VALUE_BYTES;
        if (change->value)
            memcpy(told->value[place], change->value, bytes);
    }
    told->count++;
    return told->is_queueing;
}

void pair_open(struct fixture *fixture, struct told *told) {
    struct store_observer observer = {.changed = note_change, .context = told};
    const char *why;
    fixture_init(fixture);
    fixture->config.is_replicated = true;
    told->count = 0;
    told->is_queueing = true;
    fixture->store = store_create(&fixture->config, &why);
    ck_assert_msg(fixture->store != NULL, "%s", why);
    store_observe(fixture->store, &observer);
    fixture->thread = store_thread_join(fixture->store);
}

uint64_t stamp(uint64_t wall_s, uint64_t sequence) {
    return (wall_s * 1000 << STORE_VERSION_SEQUENCE_BITS) + sequence;
}

enum store_status apply(struct fixture *fixture, const char *key, const char *value,
                        uint64_t version, bool wins) {
    struct item *item = item_with(fixture, key, value, strlen(value), 0, 0);
    return store_apply_set(fixture->thread, item, key_of(fixture, key).hash, version, wins);
}

enum store_status apply_delete(struct fixture *fixture, const char *key, uint64_t version) {
    struct store_key k = key_of(fixture, key);
    return store_apply_delete(fixture->thread, &k, version);
}

static bool take(void *context, const struct store_key *key, const struct store_view *view) {
    (void)key;
    *(uint64_t *)context = view->version;
    return true;
}

enum store_found visit(struct fixture *fixture, const char *key, uint64_t *version) {
    struct store_key k = key_of(fixture, key);
    uint64_t seen = 0;
    uint64_t absent = 0;
    enum store_found found = store_visit(fixture->thread, &k, take, &seen, &absent);
    *version = found == STORE_VISITED ? seen : absent;
    return found;
}
