#include "memcached/serve/prefixes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/hash.h"
#include "memcached/base/lock.h"
#include "memcached/base/mem.h"

enum { BUCKETS = 4096, LINE_BYTES_MAX = 512 };

struct prefix {
    struct prefix *bucket_next;
    struct prefix *next; /* in the order in which they came */
    uint64_t get, hit, set, deleted;
    size_t bytes;
    char text[];
};

struct prefixes {
    char delimiter;
    struct hash_secret secret;
    struct lock lock; /* guards the rest */
    struct prefix *buckets[BUCKETS];
    struct prefix *first, **last;
    unsigned count;
};

struct prefixes *prefixes_create(char delimiter, struct rng *rng) {
    struct prefixes *prefixes = mem_zalloc(sizeof(*prefixes));
    if (!prefixes)
        return NULL;
    prefixes->delimiter = delimiter;
    prefixes->last = &prefixes->first;
    hash_secret_draw(&prefixes->secret, rng);
    lock_init(&prefixes->lock, RANK_PREFIXES);
    return prefixes;
}

static void forget_locked(struct prefixes *prefixes) {
    for (struct prefix *prefix = prefixes->first, *next; prefix; prefix = next) {
        next = prefix->next;
        mem_free(prefix);
    }
    memset(prefixes->buckets, 0, sizeof(prefixes->buckets));
    prefixes->first = NULL;
    prefixes->last = &prefixes->first;
    prefixes->count = 0;
}

void prefixes_destroy(struct prefixes *prefixes) {
    if (!prefixes)
        return;
    forget_locked(prefixes);
    lock_destroy(&prefixes->lock);
    mem_free(prefixes);
}

void prefixes_forget(struct prefixes *prefixes) {
    lock_acquire(&prefixes->lock);
    forget_locked(prefixes);
    lock_release(&prefixes->lock);
}

/* NULL: not known, and no room or memory to know it. */
static struct prefix *find_locked(struct prefixes *prefixes, const char *text, size_t bytes) {
    struct prefix **bucket =
        &prefixes->buckets[hash_bytes(&prefixes->secret, text, bytes) % BUCKETS];
    for (struct prefix *prefix = *bucket; prefix; prefix = prefix->bucket_next)
        if (prefix->bytes == bytes && memcmp(prefix->text, text, bytes) == 0)
            return prefix;
    if (prefixes->count == PREFIXES_MAX)
        return NULL;
    struct prefix *prefix = mem_zalloc(sizeof(*prefix) + bytes);
    if (!prefix)
        return NULL;
    memcpy(prefix->text, text, bytes);
    prefix->bytes = bytes;
    prefix->bucket_next = *bucket;
    *bucket = prefix;
    *prefixes->last = prefix;
    prefixes->last = &prefix->next;
    prefixes->count++;
    return prefix;
}

void prefixes_count(struct prefixes *prefixes, const char *key, size_t key_bytes, unsigned events) {
    const char *end = memchr(key, prefixes->delimiter, key_bytes);
    if (!end)
        return;
    lock_acquire(&prefixes->lock);
    struct prefix *prefix = find_locked(prefixes, key, (size_t)(end - key));
    if (prefix) {
        prefix->get += (events & PREFIX_GET) != 0;
        prefix->hit += (events & PREFIX_HIT) != 0;
        prefix->set += (events & PREFIX_SET) != 0;
        prefix->deleted += (events & PREFIX_DELETE) != 0;
    }
    lock_release(&prefixes->lock);
}

bool prefixes_put(struct prefixes *prefixes, struct outbuf *out) {
    bool is_put = true;
    lock_acquire(&prefixes->lock);
    for (struct prefix *prefix = prefixes->first; prefix && is_put; prefix = prefix->next) {
        char line[LINE_BYTES_MAX];
        int bytes = snprintf(line, sizeof(line),
                             " get %" PRIu64 " hit %" PRIu64 " set %" PRIu64 " del %" PRIu64 "\r\n",
                             prefix->get, prefix->hit, prefix->set, prefix->deleted);
        is_put = outbuf_puts(out, "PREFIX ") && outbuf_put(out, prefix->text, prefix->bytes) &&
                 outbuf_put(out, line, (size_t)bytes);
    }
    lock_release(&prefixes->lock);
    return is_put;
}
