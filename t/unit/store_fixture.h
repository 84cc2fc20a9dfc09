/* A store with a clock that the test turns, and short ways to use it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <check.h>

#include "memcached/base/clock.h"
#include "memcached/base/rng.h"
#include "memcached/store/store.h"
#include "t/unit/suite.h"

struct fixture {
    struct clock clock;
    struct rng rng;
    struct store_config config;
    struct store *store;
    struct store_thread *thread;
};

enum { FIXTURE_WALL_S = 1700000000 };

/* Defaults; change fixture->config, then open. */
void fixture_init(struct fixture *fixture);
void fixture_open(struct fixture *fixture);
/* Verifies and destroys. */
void fixture_close(struct fixture *fixture);
void fixture_verify(struct fixture *fixture);
/* Turns the clock forward and ticks. */
void fixture_wait(struct fixture *fixture, unsigned seconds);
/* All maintenance and growth there is to do, within reason. */
void fixture_settle(struct fixture *fixture);

struct store_key key_of(const struct fixture *fixture, const char *text);
/* An exptime so many seconds from now. */
uint32_t in_seconds(const struct fixture *fixture, unsigned seconds);

/* Reserves and fills; ck_asserts that it works. */
struct item *item_with(struct fixture *fixture, const char *key, const char *value, size_t bytes,
                       uint32_t flags, uint32_t exptime);
enum store_status put(struct fixture *fixture, enum store_mode mode, const char *key,
                      const char *value);
enum store_status put_bytes(struct fixture *fixture, const char *key, const char *value,
                            size_t bytes, uint32_t flags, uint32_t exptime);
/* So many keys, the prefix and four digits, with a value of one byte. */
void put_many(struct fixture *fixture, const char *prefix, unsigned count, uint32_t exptime);
/* Deletes whatever the version. */
enum store_status drop(struct fixture *fixture, const char *key);

/* A value that is its own check: each byte tells of the seed and of its place. To be freed. */
char *patterned(unsigned seed, size_t bytes);
enum store_status put_patterned(struct fixture *fixture, const char *key, unsigned seed,
                                size_t bytes);
bool is_patterned(struct fixture *fixture, const char *key, unsigned seed, size_t bytes);

/* The same under a prefix and a number, which is the seed. */
enum store_status put_numbered(struct fixture *fixture, const char *prefix, unsigned number,
                               size_t bytes);
/* With client flags that follow from the number, too. */
enum store_status put_flagged(struct fixture *fixture, const char *prefix, unsigned number,
                              size_t bytes);
/* Whether the key is there; if so it has to hold what put_flagged put under it. */
bool has_flagged(struct fixture *fixture, const char *prefix, unsigned number, size_t bytes);

/* Is there a value under the prefix and the number? */
bool has_numbered(struct fixture *fixture, const char *prefix, unsigned number);
/*
 * The value as a new NUL-terminated string, or NULL on a miss. Reads without the lock and with it,
 * and asserts that both agree. view may be NULL.
 */
char *value_of(struct fixture *fixture, const char *key, struct store_view *view, size_t *bytes);
/* Asserts that the key holds this text, or (NULL) nothing. */
#define ck_assert_value(fixture, key, text)                                                        \
    do {                                                                                           \
        char *held_ = value_of(fixture, key, NULL, NULL);                                          \
        if (text)                                                                                  \
            ck_assert_pstr_eq(held_, text);                                                        \
        else                                                                                       \
            ck_assert_ptr_null(held_);                                                             \
        free(held_);                                                                               \
    } while (0)

uint64_t version_of(struct fixture *fixture, const char *key);
struct store_stats stats_of(struct fixture *fixture);
struct store_class_stats class_stats(struct fixture *fixture, unsigned class_id);
uint32_t class_pages(struct fixture *fixture, unsigned class_id);
/* The class of an item of put_flagged with so many bytes of value; 0: it is chunked. */
unsigned class_with(struct fixture *fixture, size_t bytes);

#endif
