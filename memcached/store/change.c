/* Changing an item where it stands: touch, incr and decr. */
#include <ctype.h>

#include "memcached/base/num.h"
#include "memcached/store/alloc.h"
#include "memcached/store/lru.h"
#include "memcached/store/watch.h"
#include "memcached/store/write.h"

void touch_locked(struct store_thread *thread, struct stripe *stripe, struct item *item,
                  uint64_t hash, uint32_t exptime) {
    struct store *store = thread->store;
    stripe_change_begin(stripe);
    shared_store(&item->exptime, exptime);
    if (store->is_replicated)
        shared_store(&item->version, version_next(store));
    stripe_change_end(stripe);
    observe_item_locked(thread, item, hash);
}

enum store_status store_touch(struct store_thread *thread, const struct store_key *key,
                              uint32_t exptime) {
    struct store *store = thread->store;
    struct stripe *stripe = stripe_of(store, key->hash);
    latch_acquire(&stripe->lock);
    struct spot spot = find_alive_locked(thread, stripe, key, true);
    watch_lookup(thread, key, spot.line ? spot.item : NULL, spot.has_expired);
    if (spot.line) {
        touch_locked(thread, stripe, spot.item, key->hash, exptime);
        shared_add(&thread->classes[item_class(spot.item)].touch_hits, 1);
        lru_hit(thread, spot.item, item_segment(spot.item));
    }
    latch_release(&stripe->lock);
    return spot.line ? STORE_OK : STORE_NOT_FOUND;
}

/* A NUL ends a number as it does a string. */
static bool ends_number(char c) {
    return c == '\0' || isspace((unsigned char)c);
}

/*
 * A number as memcached reads it (strtoull, then the end, a NUL or white space): white space before
 * it and a sign are fine, whatever follows is ignored. A negative number counts from 2^64 downwards,
 * as far as that stays below 2^63.
 */
static bool number_parse(const char *text, size_t bytes, uint64_t *number) {
    size_t at = 0;
    while (at < bytes && isspace((unsigned char)text[at]))
        at++;
    bool is_negative = at < bytes && text[at] == '-';
    if (at < bytes && (text[at] == '-' || text[at] == '+'))
        at++;
    size_t first = at;
    uint64_t sum = 0;
    for (; at < bytes && isdigit((unsigned char)text[at]); at++) {
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(text[at] - '0'), &sum))
            return false;
    }
    *number = is_negative ? 0 - sum : sum;
    return at > first && (at == bytes || ends_number(text[at])) &&
           !(is_negative && *number > INT64_MAX);
}

static uint64_t number_change(uint64_t number, const struct store_arith *arith) {
    if (!arith->is_decr)
        return number + arith->delta;
    return number > arith->delta ? number - arith->delta : 0;
}

/* What the attempt under the lock came to. */
struct arith_try {
    enum store_status status;
    /* the result does not fit, or someone reads the old value: bring an item like this */
    bool needs_item;
    uint32_t value_bytes;
    uint32_t client_flags;
    uint32_t exptime;
};

/*
 * One attempt; `fresh` is an item to put in the old one's place, or NULL. *is_used says that it
 * was.
 */
static struct arith_try arith_locked(struct store_thread *thread, struct stripe *stripe,
                                     const struct store_key *key, struct store_arith *arith,
                                     struct item *fresh, bool *is_used) {
    struct store *store = thread->store;
    struct arith_try try = {.status = STORE_OK};
    struct spot spot = find_alive_locked(thread, stripe, key, true);
    struct item *item = spot.item;
    uint64_t number;
    char digits[STORE_ARITH_DIGITS_MAX];
    if (!fresh)
        watch_lookup(thread, key, spot.line ? item : NULL, spot.has_expired);
    if (!spot.line) {
        try.status = STORE_NOT_FOUND;
        return try;
    }
    uint32_t old_bytes = shared_load(&item->value_bytes);
    bool is_no_number = old_bytes == 0 || item_is_chunked(item);
    if (!is_no_number && arith->has_expected &&
        shared_load(&item->version) != arith->expected_version) {
        try.status = STORE_EXISTS;
        return try;
    }
    if (is_no_number || !number_parse(item_value(item), old_bytes, &number)) {
        try.status = STORE_NON_NUMERIC;
        return try;
    }
    number = number_change(number, arith);
    uint32_t digit_count = (uint32_t)num_put_u64(digits, number);
    uint32_t bytes = digit_count > old_bytes ? digit_count : old_bytes;
    uint32_t flags =
        item_client_flags(item, shared_load(&item->key_bytes), shared_load(&item->bits));
    bool is_in_place = digit_count <= old_bytes &&
                       atomic_load_explicit(&item->refcount, memory_order_acquire) == 1;
    bool has_fresh = fresh && shared_load(&fresh->value_bytes) == bytes &&
                     item_client_flags(fresh, key->bytes, shared_load(&fresh->bits)) == flags;
    if (!is_in_place && !has_fresh) {
        try.needs_item = true;
        try.value_bytes = bytes;
        try.client_flags = flags;
        return try;
    }

    uint64_t version = version_for(store, arith->new_version);
    arith->exptime_was = shared_load(&item->exptime);
    arith->exptime_is = arith->has_exptime ? arith->exptime : arith->exptime_was;
    struct item *target = is_in_place ? item : fresh;
    unsigned class_id = item_class(item);
    if (is_in_place)
        stripe_change_begin(stripe);
    char *value = item_value(target);
    memcpy(value, digits, digit_count);
    memset(value + digit_count, ' ', bytes - digit_count);
    shared_store(&target->version, version);
    shared_store(&target->exptime, arith->exptime_is);
    if (is_in_place) {
        stripe_change_end(stripe);
        lru_use(thread, item);
    } else {
        link_replace_locked(thread, stripe, spot, fresh);
        *is_used = true;
    }
    observe_item_locked(thread, target, key->hash);
    shared_add(arith->is_decr ? &thread->classes[class_id].decr_hits
                              : &thread->classes[class_id].incr_hits,
               1);
    arith->value = number;
    arith->version = version;
    return try;
}

enum store_status store_arith(struct store_thread *thread, const struct store_key *key,
                              struct store_arith *arith) {
    struct stripe *stripe = stripe_of(thread->store, key->hash);
    struct item *fresh = NULL;
    struct arith_try try;
    for (;;) {
        bool is_used = false;
        latch_acquire(&stripe->lock);
        try = arith_locked(thread, stripe, key, arith, fresh, &is_used);
        latch_release(&stripe->lock);
        if (fresh && !is_used)
            store_abandon(thread, fresh);
        if (!try.needs_item)
            return try.status;
        enum store_status why;
        fresh = store_reserve(thread, key, try.client_flags, 0, try.value_bytes, &why);
        if (!fresh)
            return why;
    }
}
