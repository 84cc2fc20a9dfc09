/* Statistics by prefix of the key: what is counted where, sums over workers, bounds. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/serve/prefixes.h"
#include "t/unit/suite.h"

enum { WORKERS = 3 };

static struct rng rng;
static struct prefixes *prefixes;

static void setup(void) {
    rng_seed(&rng, 1);
    prefixes = prefixes_create(':', WORKERS, &rng);
    ck_assert_ptr_nonnull(prefixes);
}

static void teardown(void) {
    prefixes_destroy(prefixes);
}

static void count(unsigned worker, const char *key, unsigned events) {
    prefixes_count(prefixes, worker, key, strlen(key), events);
}

/* The dump as text; the caller frees it. */
static char *dump(void) {
    struct outbuf out;
    outbuf_init(&out);
    ck_assert(prefixes_put(prefixes, &out));
    char *text = malloc(out.bytes + 1);
    if (out.bytes > 0)
        memcpy(text, out.data, out.bytes);
    text[out.bytes] = '\0';
    outbuf_free(&out);
    return text;
}

static void dump_has(const char *line) {
    char *text = dump();
    ck_assert_msg(strstr(text, line) != NULL, "no %s in %s", line, text);
    free(text);
}

START_TEST(workers_are_summed) {
    count(0, "a:1", PREFIX_GET | PREFIX_HIT);
    count(1, "a:2", PREFIX_GET);
    count(2, "a:x:y", PREFIX_SET);
    count(2, "b:1", PREFIX_DELETE);
    count(1, ":", PREFIX_SET);
    count(0, "none", PREFIX_SET);
    dump_has("PREFIX a get 2 hit 1 set 1 del 0\r\n");
    dump_has("PREFIX b get 0 hit 0 set 0 del 1\r\n");
    dump_has("PREFIX  get 0 hit 0 set 1 del 0\r\n");
    char *text = dump();
    ck_assert_ptr_null(strstr(text, "none"));
    free(text);
    prefixes_forget(prefixes);
    text = dump();
    ck_assert_str_eq(text, "");
    free(text);
    count(0, "a:1", PREFIX_GET | PREFIX_HIT);
    dump_has("PREFIX a get 1 hit 1 set 0 del 0\r\n");
}
END_TEST

START_TEST(further_prefixes_are_not_counted) {
    char key[32];
    for (unsigned i = 0; i < PREFIXES_MAX + 10; i++) {
        snprintf(key, sizeof(key), "p%u:1", i);
        count(0, key, PREFIX_SET);
    }
    count(0, "p0:1", PREFIX_SET);
    snprintf(key, sizeof(key), "p%u:1", PREFIXES_MAX + 5);
    count(1, key, PREFIX_SET); /* another worker has room */
    char *text = dump();
    unsigned lines = 0;
    for (const char *at = text; (at = strstr(at, "\r\n")) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, PREFIXES_MAX + 1);
    ck_assert_ptr_nonnull(strstr(text, "PREFIX p0 get 0 hit 0 set 2 del 0\r\n"));
    free(text);
}
END_TEST

START_TEST(no_memory_is_survived) {
    struct outbuf out;
    prefixes_destroy(prefixes);
    for (int64_t i = 0; i < 2; i++) {
        mem_fail_after(i);
        prefixes = prefixes_create(':', WORKERS, &rng);
        ck_assert_ptr_null(prefixes);
    }
    mem_fail_after(-1);
    prefixes = prefixes_create(':', WORKERS, &rng);
    for (int64_t i = 0; i < 2; i++) { /* the table, a row */
        mem_fail_after(i);
        count(0, "a:1", PREFIX_SET);
        ck_assert(mem_has_failed());
    }
    mem_fail_after(-1);
    count(0, "a:1", PREFIX_SET);
    for (int64_t i = 0; i < 3; i++) { /* the sum's table, its row, the output */
        outbuf_init(&out);
        mem_fail_after(i);
        ck_assert(!prefixes_put(prefixes, &out));
        ck_assert(mem_has_failed());
        mem_fail_after(-1);
        outbuf_free(&out);
    }
    dump_has("PREFIX a get 0 hit 0 set 1 del 0\r\n");
}
END_TEST

enum { THREADED_COUNTS = 20000 };

static void *count_many(void *context) {
    unsigned shard = *(unsigned *)context;
    char key[32];
    for (unsigned i = 0; i < THREADED_COUNTS; i++) {
        snprintf(key, sizeof(key), "t%u:1", i % 10);
        count(shard, key, PREFIX_GET | PREFIX_HIT);
    }
    return NULL;
}

START_TEST(workers_count_while_others_look) {
    pthread_t threads[WORKERS];
    unsigned numbers[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < 50; i++)
        free(dump());
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    char expected[64];
    snprintf(expected, sizeof(expected), "PREFIX t7 get %u hit %u set 0 del 0\r\n",
             WORKERS * THREADED_COUNTS / 10, WORKERS * THREADED_COUNTS / 10);
    dump_has(expected);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("prefix");
    TCase *tcase = tcase_create("prefix");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, workers_are_summed);
    tcase_add_test(tcase, further_prefixes_are_not_counted);
    tcase_add_test(tcase, no_memory_is_survived);
    tcase_add_test(tcase, workers_count_while_others_look);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
