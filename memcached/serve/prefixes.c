#include "memcached/serve/prefixes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/hash.h"
#include "memcached/base/lock.h"
#include "memcached/base/mem.h"

enum { BUCKETS = 4096, LINE_BYTES_MAX = 512, SHARD_ALIGNMENT = 64 };

struct prefix {
    struct prefix *next; /* of its bucket */
    uint64_t hash;
    uint64_t get, hit, set, deleted;
    size_t bytes;
    char text[];
};

struct table {
    struct prefix **buckets; /* BUCKETS of them; NULL: nothing has been counted */
    unsigned count;
};

struct shard {
    struct latch lock; /* guards the table: its worker counts, others add it up and forget it */
    struct table table;
} __attribute__((aligned(64)));

/* Fixed but for what the shards' locks guard. */
struct prefixes {
    char delimiter;
    struct hash_secret secret;
    unsigned shard_count;
    struct shard *shards;
};

/* ---- a table --------------------------------------------------------------------------------- */

static void table_free(struct table *table) {
    for (unsigned i = 0; table->buckets && i < BUCKETS; i++) {
        for (struct prefix *prefix = table->buckets[i], *next; prefix; prefix = next) {
            next = prefix->next;
            mem_free(prefix);
        }
    }
    mem_free(table->buckets);
}

/* Found or made. NULL: not known, and no room or memory to know it. */
static struct prefix *table_find(struct table *table, uint64_t hash, const char *text, size_t bytes,
                                 unsigned count_max) {
    if (!table->buckets)
        table->buckets = mem_zalloc(BUCKETS * sizeof(struct prefix *));
    if (!table->buckets)
        return NULL;
    struct prefix **bucket = &table->buckets[hash % BUCKETS];
    for (struct prefix *prefix = *bucket; prefix; prefix = prefix->next)
        if (prefix->hash == hash && prefix->bytes == bytes &&
            memcmp(prefix->text, text, bytes) == 0)
            return prefix;
    if (table->count == count_max)
        return NULL;
    struct prefix *prefix = mem_zalloc(sizeof(*prefix) + bytes);
    if (!prefix)
        return NULL;
    memcpy(prefix->text, text, bytes);
    prefix->bytes = bytes;
    prefix->hash = hash;
    prefix->next = *bucket;
    *bucket = prefix;
    table->count++;
    return prefix;
}

/* False when there is no memory. */
static bool table_add(struct table *sum, const struct table *table, unsigned count_max) {
    for (unsigned i = 0; table->buckets && i < BUCKETS; i++) {
        for (const struct prefix *one = table->buckets[i]; one; one = one->next) {
            struct prefix *prefix = table_find(sum, one->hash, one->text, one->bytes, count_max);
            if (!prefix)
                return false;
            prefix->get += one->get;
            prefix->hit += one->hit;
            prefix->set += one->set;
            prefix->deleted += one->deleted;
        }
    }
    return true;
}

static bool put_line(const struct prefix *prefix, struct outbuf *out) {
    char line[LINE_BYTES_MAX];
    int bytes = snprintf(line, sizeof(line),
                         " get %" PRIu64 " hit %" PRIu64 " set %" PRIu64 " del %" PRIu64 "\r\n",
                         prefix->get, prefix->hit, prefix->set, prefix->deleted);
    return outbuf_puts(out, "PREFIX ") && outbuf_put(out, prefix->text, prefix->bytes) &&
           outbuf_put(out, line, (size_t)bytes);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct prefixes *prefixes_create(char delimiter, unsigned worker_count, struct rng *rng) {
    struct prefixes *prefixes = mem_zalloc(sizeof(*prefixes));
    if (!prefixes)
        return NULL;
    prefixes->shards = mem_aligned_zalloc(SHARD_ALIGNMENT, worker_count * sizeof(struct shard));
    if (!prefixes->shards) {
        mem_free(prefixes);
        return NULL;
    }
    prefixes->delimiter = delimiter;
    prefixes->shard_count = worker_count;
    hash_secret_draw(&prefixes->secret, rng);
    for (unsigned i = 0; i < worker_count; i++)
        latch_init(&prefixes->shards[i].lock, RANK_PREFIXES);
    return prefixes;
}

void prefixes_destroy(struct prefixes *prefixes) {
    if (!prefixes)
        return;
    prefixes_forget(prefixes);
    for (unsigned i = 0; i < prefixes->shard_count; i++)
        latch_destroy(&prefixes->shards[i].lock);
    mem_free(prefixes->shards);
    mem_free(prefixes);
}

void prefixes_forget(struct prefixes *prefixes) {
    for (unsigned i = 0; i < prefixes->shard_count; i++) {
        struct shard *shard = &prefixes->shards[i];
        latch_acquire(&shard->lock);
        struct table table = shard->table;
        shard->table = (struct table){.buckets = NULL};
        latch_release(&shard->lock);
        table_free(&table);
    }
}

void prefixes_count(struct prefixes *prefixes, unsigned worker, const char *key, size_t key_bytes,
                    unsigned events) {
    CHECK(worker < prefixes->shard_count);
    const char *end = memchr(key, prefixes->delimiter, key_bytes);
    if (!end)
        return;
    size_t bytes = (size_t)(end - key);
    uint64_t hash = hash_bytes(&prefixes->secret, key, bytes);
    struct shard *shard = &prefixes->shards[worker];
    latch_acquire(&shard->lock);
    struct prefix *prefix = table_find(&shard->table, hash, key, bytes, PREFIXES_MAX);
    if (prefix) {
        prefix->get += (events & PREFIX_GET) != 0;
        prefix->hit += (events & PREFIX_HIT) != 0;
        prefix->set += (events & PREFIX_SET) != 0;
        prefix->deleted += (events & PREFIX_DELETE) != 0;
    }
    latch_release(&shard->lock);
}

bool prefixes_put(struct prefixes *prefixes, struct outbuf *out) {
    struct table sum = {.buckets = NULL};
    bool is_put = true;
    for (unsigned i = 0; is_put && i < prefixes->shard_count; i++) {
        struct shard *shard = &prefixes->shards[i];
        latch_acquire(&shard->lock);
        is_put = table_add(&sum, &shard->table, prefixes->shard_count * PREFIXES_MAX);
        latch_release(&shard->lock);
    }
    for (unsigned i = 0; sum.buckets && i < BUCKETS; i++)
        for (const struct prefix *prefix = sum.buckets[i]; prefix && is_put; prefix = prefix->next)
            is_put = put_line(prefix, out);
    table_free(&sum);
    return is_put;
}
