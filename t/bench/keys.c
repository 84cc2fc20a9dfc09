#include "t/bench/keys.h"

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/bench/zipf.h"

/* Ranks are scattered over the indexes, so that hot keys are not neighbours. */
static void zipf_fill(struct keyspace *keys, double theta, struct rng *rng) {
    struct zipf zipf;
    const uint64_t scatter = 2654435761u; /* a prime, so coprime to every count but its multiples */
    zipf_make(&zipf, keys->key_count, theta);
    for (uint32_t i = 0; i < ZIPF_DRAWS; i++)
        keys->zipf_draws[i] = (uint32_t)(zipf_draw(&zipf, rng) * scatter % keys->key_count);
}

bool keyspace_make(struct keyspace *keys, uint32_t key_count, uint32_t key_bytes,
                   const struct size_spec *sizes, double theta, struct rng *rng) {
    CHECK(key_count > 0 && key_bytes >= KEY_BYTES_MIN && key_bytes <= KEY_BYTES_MAX);
    *keys = (struct keyspace){.key_count = key_count, .key_bytes = key_bytes, .sizes = *sizes};
    for (uint32_t i = 0; i < sizes->size_count; i++)
        if (sizes->sizes[i] > keys->value_bytes_max)
            keys->value_bytes_max = sizes->sizes[i];
    memset(keys->prefix, '0', sizeof(keys->prefix));
    if (key_bytes >= KEY_BYTES_MIN + 4)
        memcpy(keys->prefix, "key:", 4);
    if (theta > 0 && key_count > 2) {
        keys->zipf_draws = mem_alloc(ZIPF_DRAWS * sizeof(*keys->zipf_draws));
        if (!keys->zipf_draws)
            return false;
        zipf_fill(keys, theta, rng);
    }
    return true;
}

void keyspace_drop(struct keyspace *keys) {
    mem_free(keys->zipf_draws);
    keys->zipf_draws = NULL;
}

void key_picker_start(struct key_picker *picker, uint64_t seed) {
    rng_seed(&picker->rng, seed);
    picker->zipf_at = (uint32_t)rng_below(&picker->rng, ZIPF_DRAWS);
}

uint32_t value_bytes_drawn(const struct keyspace *keys, uint32_t index) {
    const struct size_spec *spec = &keys->sizes;
    uint64_t draw = key_mix((uint64_t)index + (1ull << 32)) >> 32;
    if (spec->is_range)
        return spec->sizes[0] + (uint32_t)(draw * (spec->sizes[1] - spec->sizes[0] + 1) >> 32);
    return spec->sizes[draw * spec->size_count >> 32];
}
