#include "memcached/store/index.h"

#include "memcached/base/mem.h"

bool index_open(struct index *index, const struct index_config *config) {
    uint64_t first = (uint64_t)1 << config->hashpower >> INDEX_UNIT_SHIFT;
    if (first < INDEX_BUCKETS_MIN)
        first = INDEX_BUCKETS_MIN;
    uint64_t most = first;
    while (!config->is_fixed && most * INDEX_ITEMS_PER_BUCKET_MIN < config->items_max &&
           most < (uint64_t)1 << 31)
        most *= 2;
    /* enough also when there is no growth: each bucket's last line may be almost empty */
    uint64_t overflow = config->items_max / OVERFLOW_SLOTS + first + 1024;
    if (overflow > UINT32_MAX)
        overflow = UINT32_MAX;

    index->lines_bytes = most * LINE_BYTES;
    index->overflow_bytes = overflow * OVERFLOW_BYTES;
    index->lines = mem_reserve(index->lines_bytes, config->wants_huge);
    index->overflow_lines = mem_reserve(index->overflow_bytes, false);
    if (!index->lines || !index->overflow_lines) {
        index_close(index);
        return false;
    }
    index->bucket_count_first = (uint32_t)first;
    index->bucket_count_max = (uint32_t)most;
    index->overflow_count_max = (uint32_t)overflow;
    index->overflow_free = 0;
    index->overflow_fresh = 1;
    shared_store(&index->overflow_used, 0);
    shared_store(&index->bucket_count, (uint32_t)first);
    latch_init(&index->overflow_lock, RANK_INDEX_OVERFLOW);
    return true;
}

void index_close(struct index *index) {
    if (index->lines && index->overflow_lines && index->bucket_count_first)
        latch_destroy(&index->overflow_lock);
    mem_unreserve(index->lines, index->lines_bytes);
    mem_unreserve(index->overflow_lines, index->overflow_bytes);
    index->lines = NULL;
    index->overflow_lines = NULL;
    index->bucket_count_first = 0;
}

static void line_set_tag(struct line *line, unsigned slot, uint8_t tag) {
    if (slot < 8) {
        unsigned shift = 8 * slot;
        uint64_t tags = shared_load(&line->tags_low) & ~((uint64_t)0xff << shift);
        shared_store(&line->tags_low, tags | (uint64_t)tag << shift);
    } else {
        unsigned shift = 8 * (slot - 8);
        uint32_t tags = shared_load(&line->tags_high) & ~((uint32_t)0xff << shift);
        shared_store(&line->tags_high, tags | (uint32_t)tag << shift);
    }
}

static void line_put(struct line *line, unsigned slot, uint8_t tag, uint32_t handle) {
    shared_store(&line->slot[slot], handle);
    line_set_tag(line, slot, tag);
}

/* Makes an overflow line that holds nothing. */
static void line_clear(struct line *line) {
    shared_store(&line->tags_low, UINT64_MAX << (8 * OVERFLOW_SLOTS));
    shared_store(&line->tags_high, UINT32_MAX);
    shared_store(&line->overflow, 0);
}

static bool line_is_empty(const struct line *line) {
    return line_used(line) == 0;
}

static uint32_t overflow_take(struct index *index) {
    latch_acquire(&index->overflow_lock);
    uint32_t number = index->overflow_free;
    if (number) {
        index->overflow_free = shared_load(&index_overflow(index, number)->overflow);
    } else if (index->overflow_fresh < index->overflow_count_max) {
        number = index->overflow_fresh++;
    }
    if (number)
        shared_add(&index->overflow_used, 1);
    latch_release(&index->overflow_lock);
    if (number)
        line_clear(index_overflow(index, number));
    return number;
}

static void overflow_give(struct index *index, uint32_t number) {
    latch_acquire(&index->overflow_lock);
    shared_store(&index_overflow(index, number)->overflow, index->overflow_free);
    index->overflow_free = number;
    shared_store(&index->overflow_used, shared_load(&index->overflow_used) - 1);
    latch_release(&index->overflow_lock);
}

static bool chain_insert(struct index *index, struct line *line, uint8_t tag, uint32_t handle) {
    for (;;) {
        unsigned empty = line_match(line, TAG_EMPTY);
        if (empty) {
            line_put(line, (unsigned)__builtin_ctz(empty), tag, handle);
            return true;
        }
        struct line *next = index_next(index, line);
        if (!next)
            break;
        line = next;
    }
    uint32_t number = overflow_take(index);
    if (!number)
        return false;
    line_put(index_overflow(index, number), 0, tag, handle);
    shared_store(&line->overflow, number);
    return true;
}

bool index_insert(struct index *index, uint64_t hash, uint32_t handle) {
    return chain_insert(index, index_line(index, hash), index_tag(hash), handle);
}

struct spot index_find_handle(const struct index *index, const struct arena *arena, uint64_t hash,
                              uint32_t handle) {
    uint8_t tag = index_tag(hash);
    for (struct line *line = index_line(index, hash); line; line = index_next(index, line)) {
        for (unsigned match = line_match(line, tag); match; match &= match - 1) {
            unsigned slot = (unsigned)__builtin_ctz(match);
            if (shared_load(&line->slot[slot]) == handle)
                return (struct spot){.line = line, .slot = slot, .item = arena_at(arena, handle)};
        }
    }
    return (struct spot){.line = NULL};
}

/*
 * Fills the hole from the chain's last line, so that only that one has holes and an empty one goes.
 */
static void chain_fill_hole(struct index *index, struct line *first, struct line *hole_line,
                            unsigned hole) {
    struct line *before = NULL;
    struct line *last = first;
    for (struct line *next = index_next(index, last); next; next = index_next(index, last)) {
        before = last;
        last = next;
    }
    unsigned used = line_used(last);
    if (last != hole_line && used) {
        unsigned from = (unsigned)__builtin_ctz(used);
        line_put(hole_line, hole, line_tag(last, from), shared_load(&last->slot[from]));
        line_set_tag(last, from, TAG_EMPTY);
    }
    if (before && line_is_empty(last)) {
        uint32_t number = shared_load(&before->overflow);
        shared_store(&before->overflow, 0);
        overflow_give(index, number);
    }
}

void index_remove(struct index *index, uint64_t hash, struct spot spot) {
    line_set_tag(spot.line, spot.slot, TAG_EMPTY);
    struct line *first = index_line(index, hash);
    if (UNLIKELY(shared_load(&first->overflow) != 0))
        chain_fill_hole(index, first, spot.line, spot.slot);
}

void index_split_prefetch(const struct index *index, const struct arena *arena) {
    uint32_t source = index_split_source(shared_load(&index->bucket_count));
    struct line *line = index_bucket(index, source);
    for (; line; line = index_next(index, line)) {
        unsigned used = line_used(line);
        for (; used; used &= used - 1) {
            const char *item = arena_at(arena, shared_load(&line->slot[__builtin_ctz(used)]));
            __builtin_prefetch(item);
            __builtin_prefetch(item + LINE_BYTES);
        }
    }
}

/*
 * Moves what belongs to the new bucket there; false leaves everything as it was before this slot.
 */
static bool split_line(struct index *index, const struct arena *arena, struct line *line,
                       uint32_t new_bucket, index_hash_of hash_of, const void *context) {
    unsigned used = line_used(line);
    for (; used; used &= used - 1) {
        unsigned slot = (unsigned)__builtin_ctz(used);
        uint32_t handle = shared_load(&line->slot[slot]);
        uint64_t hash = hash_of(context, arena_at(arena, handle));
        if (index_bucket_of(hash, new_bucket + 1) != new_bucket)
            continue;
        if (!chain_insert(index, index_bucket(index, new_bucket), line_tag(line, slot), handle))
            return false;
        line_set_tag(line, slot, TAG_EMPTY);
    }
    return true;
}

/* Closes the holes of a chain and gives its empty lines back. */
static void chain_compact(struct index *index, struct line *first) {
    struct line *to = first;
    struct line *from = index_next(index, first);
    while (from) {
        unsigned used = line_used(from);
        if (!used) {
            from = index_next(index, from);
            continue;
        }
        unsigned empty = line_match(to, TAG_EMPTY);
        if (!empty) {
            to = index_next(index, to);
            if (to == from)
                from = index_next(index, from);
            continue;
        }
        unsigned slot = (unsigned)__builtin_ctz(used);
        line_put(to, (unsigned)__builtin_ctz(empty), line_tag(from, slot),
                 shared_load(&from->slot[slot]));
        line_set_tag(from, slot, TAG_EMPTY);
    }
    /* Only a tail of empty lines is left behind `to`, or behind a `to` that is itself empty. */
    struct line *before = first;
    for (struct line *line = index_next(index, first); line; line = index_next(index, before)) {
        if (line_is_empty(line)) {
            uint32_t number = shared_load(&before->overflow);
            shared_store(&before->overflow, shared_load(&line->overflow));
            overflow_give(index, number);
        } else {
            before = line;
        }
    }
}

/* Puts everything of the new bucket back where it came from: room is there, the holes it left. */
static void split_undo(struct index *index, uint32_t new_bucket, uint32_t source) {
    struct line *first = index_bucket(index, new_bucket);
    for (struct line *line = first; line; line = index_next(index, line)) {
        unsigned used = line_used(line);
        for (; used; used &= used - 1) {
            unsigned slot = (unsigned)__builtin_ctz(used);
            CHECK(chain_insert(index, index_bucket(index, source), line_tag(line, slot),
                               shared_load(&line->slot[slot])));
            line_set_tag(line, slot, TAG_EMPTY);
        }
    }
    chain_compact(index, first);
}

bool index_split(struct index *index, const struct arena *arena, index_hash_of hash_of,
                 const void *context) {
    uint32_t new_bucket = shared_load(&index->bucket_count);
    uint32_t source = index_split_source(new_bucket);
    bool is_done = true;
    CHECK(new_bucket < index->bucket_count_max);
    struct line *first = index_bucket(index, source);
    for (struct line *line = first; line && is_done; line = index_next(index, line))
        is_done = split_line(index, arena, line, new_bucket, hash_of, context);
    if (!is_done)
        split_undo(index, new_bucket, source);
    chain_compact(index, first);
    if (is_done)
        shared_store(&index->bucket_count, new_bucket + 1);
    return is_done;
}

static uint64_t reverse_bits(uint64_t bits) {
    bits = __builtin_bswap64(bits);
    bits = (bits >> 4 & 0x0f0f0f0f0f0f0f0fu) | (bits & 0x0f0f0f0f0f0f0f0fu) << 4;
    bits = (bits >> 2 & 0x3333333333333333u) | (bits & 0x3333333333333333u) << 2;
    return (bits >> 1 & 0x5555555555555555u) | (bits & 0x5555555555555555u) << 1;
}

uint32_t index_walk_bucket(const struct index *index, uint64_t cursor) {
    return index_bucket_of(reverse_bits(cursor), shared_load(&index->bucket_count));
}

uint64_t index_walk_next(const struct index *index, uint64_t cursor) {
    uint32_t count = shared_load(&index->bucket_count);
    uint32_t bucket = index_bucket_of(reverse_bits(cursor), count);
    /* The bucket stands for all hashes that agree with it in `bits` low bits. */
    unsigned bits = 32 - (unsigned)__builtin_clz((count - 1) | 1);
    uint32_t twin = bucket | (uint32_t)1 << (bits - 1);
    if (twin >= count)
        bits--;
    return reverse_bits(bucket) + ((uint64_t)1 << (64 - bits));
}
