/*
 * Large values, refused values, full outputs, and no memory, in the binary protocol: a session stays
 * sane and bounded.
 */
#include <stdatomic.h>

#include "memcached/base/mem.h"
#include "t/unit/session_binary_tests.h"

enum { BIG = 300000 };

/* A storage request with a value of letters; *bytes is its size. To be freed. */
static char *request_with_value(uint8_t opcode, const char *key, size_t value_bytes,
                                size_t *bytes) {
    bool is_joining = opcode == 0x0e || opcode == 0x0f;
    size_t extras_bytes = is_joining ? 0 : 8;
    size_t body = extras_bytes + strlen(key) + value_bytes;
    char *request = calloc(1, BINARY_HEAD_BYTES + body);
    char *to = ask_put_head(request, opcode, strlen(key), extras_bytes, body, 0) + extras_bytes;
    memcpy(to, key, strlen(key));
    to += strlen(key);
    for (size_t i = 0; i < value_bytes; i++)
        to[i] = (char)('a' + i % 26);
    *bytes = BINARY_HEAD_BYTES + body;
    return request;
}

START_TEST(values_of_every_size_come_back_in_any_pieces) {
    static const size_t sizes[] = {0,    1,     4000,  8150,   8160,   8192,   8193,
                                   9000, 60000, 70000, 524288, 700000, 1048000};
    static const size_t pieces[] = {0, 1000, 65536};
    char get[ASK_BYTES_MAX];
    size_t get_bytes = (size_t)(ask_put(get, &(struct ask){.opcode = 0x00, .key = "v"}) - get);
    for (size_t p = 0; p < ARRAY_COUNT(pieces); p++) {
        struct host host;
        host_init(&host);
        host_open(&host);
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            size_t bytes;
            char *request = request_with_value(0x11, "v", sizes[i], &bytes);
            host_forget(&host);
            ck_assert(host_receive(&host, request, bytes, pieces[p]));
            ck_assert(host_receive(&host, get, get_bytes, pieces[p]));
            ck_assert_uint_eq(host.said_bytes, BINARY_HEAD_BYTES + 4 + sizes[i]);
            ck_assert(memcmp(host.said + BINARY_HEAD_BYTES + 4, request + BINARY_HEAD_BYTES + 9,
                             sizes[i]) == 0);
            free(request);
        }
        host_close(&host);
    }
}
END_TEST

START_TEST(the_rest_of_a_large_value_goes_straight_to_its_item) {
    struct host host;
    size_t bytes;
    char *request = request_with_value(0x01, "v", BIG, &bytes);
    host_init(&host);
    host_open(&host);
    ck_assert(host_receive(&host, request, bytes - BIG + 3, 0));
    ck_assert_int_eq(host.result.next, SESSION_FILL);
    ck_assert_uint_eq(host.result.consumed, bytes - BIG + 3);
    ck_assert_uint_eq(host.result.fill_bytes, BIG - 3);
    ck_assert(host_receive(&host, request + bytes - BIG + 3, BIG - 3, 50000));
    char *told = tell(host.said, host.said_bytes);
    ck_assert_str_eq(told, "01 #1; ");
    free(told);
    /* and a session may end in the middle of one */
    ck_assert(host_receive(&host, request, bytes - 100, 0));
    ck_assert_int_eq(host.result.next, SESSION_FILL);
    free(request);
    host_close(&host);
}
END_TEST

START_TEST(a_value_too_large_is_ignored_and_drops_the_old_one) {
    static const struct {
        uint8_t opcode;
        bool drops;
    } rows[] = {{0x01, true},  {0x11, true},  {0x02, false}, {0x12, false},
                {0x03, false}, {0x0e, false}, {0x0f, false}};
    static const size_t pieces[] = {0, 65536};
    for (size_t i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(pieces); i++) {
        uint8_t opcode = rows[i / 2].opcode;
        struct host host;
        size_t bytes;
        host_init(&host);
        host_open(&host);
        ck_assert_answer(&host, &(struct ask){0x01, "v", STORE, "old", 0}, "01 #1; ");
        char *request = request_with_value(opcode, "v", 2000000, &bytes);
        host_forget(&host);
        ck_assert(host_receive(&host, request, bytes, pieces[i % 2]));
        char answer[64], *told = tell(host.said, host.said_bytes);
        snprintf(answer, sizeof(answer), "%02x !3 \"Too large.\"; ", opcode);
        ck_assert_str_eq(told, answer);
        free(told);
        ck_assert_answer(&host, &(struct ask){.opcode = 0x00, .key = "v"},
                         rows[i / 2].drops ? "00 !1 \"Not found\"; "
                                           : "00 #1 [00000007] \"old\"; ");
        free(request);
        host_close(&host);
    }
}
END_TEST

START_TEST(an_append_that_makes_it_too_large_is_not_stored) {
    struct host host;
    size_t bytes;
    host_init(&host);
    host_open(&host);
    char *request = request_with_value(0x11, "v", 600000, &bytes);
    ck_assert(host_receive(&host, request, bytes, 0));
    free(request);
    request = request_with_value(0x0e, "v", 600000, &bytes);
    ck_assert(host_receive(&host, request, bytes, 0));
    free(request);
    char *told = tell(host.said, host.said_bytes);
    ck_assert_str_eq(told, "0e !5 \"Not stored.\"; ");
    free(told);
    host_close(&host);
}
END_TEST

START_TEST(without_room_nothing_new_is_stored) {
    struct host host;
    size_t bytes;
    host_init(&host);
    host.config.limit_bytes = 2 << 20;
    host.config.item_bytes_min = 250000; /* one class for all of it */
    host.config.is_evicting = false;
    host_open(&host);
    bool is_refused = false;
    for (unsigned i = 0; i < 40 && !is_refused; i++) {
        char key[8];
        snprintf(key, sizeof(key), "v%u", i);
        char *request = request_with_value(0x11, key, 200000, &bytes);
        host_forget(&host);
        ck_assert(host_receive(&host, request, bytes, 65536));
        free(request);
        is_refused = host.said_bytes > 0;
    }
    char *told = tell(host.said, host.said_bytes);
    ck_assert_str_eq(told, "11 !82 \"Out of memory allocating item\"; ");
    free(told);
    ck_assert_answer(&host, &(struct ask){0x05, "n", BY_1_FROM_5, NULL, 0},
                     "05 !82 \"Out of memory allocating new item\"; ");
    host_close(&host);
}
END_TEST

START_TEST(a_full_output_stops_execution_until_it_is_sent) {
    enum { COUNT_OF_GETS = 1000, VALUE_BYTES = 8000 };
    struct host host;
    size_t bytes;
    host_init(&host);
    host_open(&host);
    char *request = request_with_value(0x11, "v", VALUE_BYTES, &bytes);
    ck_assert(host_receive(&host, request, bytes, 0));
    free(request);
    char *requests = malloc(COUNT_OF_GETS * 32);
    char *end = requests;
    for (unsigned i = 0; i < COUNT_OF_GETS; i++)
        end = ask_put(end, &(struct ask){.opcode = 0x00, .key = "v"});
    bytes = (size_t)(end - requests);
    size_t at = 0;
    uint64_t total = 0;
    while (at < bytes) {
        struct session_result result =
            session_feed(host.session, requests + at, bytes - at, 0, &host.out);
        uint64_t pending = outbuf_pending(&host.out);
        at += result.consumed;
        ck_assert_uint_le(pending, SESSION_OUT_HIGH_BYTES + VALUE_BYTES + 64);
        ck_assert_int_eq(result.next, at < bytes ? SESSION_YIELD : SESSION_READ);
        if (result.next == SESSION_YIELD)
            ck_assert_uint_eq(
                session_feed(host.session, requests + at, bytes - at, 0, &host.out).consumed, 0);
        total += pending;
        outbuf_consume(&host.out, pending);
    }
    ck_assert_uint_eq(total, COUNT_OF_GETS * (BINARY_HEAD_BYTES + 4 + VALUE_BYTES));
    free(requests);
    host_close(&host);
}
END_TEST

START_TEST(no_memory_for_a_value_is_said_instead_of_it) {
    static const struct ask asks[] = {{0x00, "v", NULL, NULL, 0},
                                      {0x09, "v", NULL, NULL, 0},
                                      {0x0c, "v", NULL, NULL, 0},
                                      {0x1d, "v", FOR_EVER, NULL, 0}};
    struct host host;
    size_t bytes;
    host_init(&host);
    host_open(&host);
    char *request = request_with_value(0x11, "v", 8000, &bytes);
    ck_assert(host_receive(&host, request, bytes, 0));
    free(request);
    for (size_t i = 0; i < ARRAY_COUNT(asks); i++) {
        uint64_t before = atomic_load(&host.counters.response_obj_oom);
        char answer[64];
        outbuf_free(&host.out);
        ck_assert_ptr_nonnull(outbuf_reserve(&host.out, 100));
        mem_fail_after(0);
        snprintf(answer, sizeof(answer), "%02x !82 \"Out of memory writing get response\"; ",
                 asks[i].opcode);
        ck_assert_answer(&host, &asks[i], answer);
        ck_assert(mem_has_failed());
        ck_assert_uint_eq(atomic_load(&host.counters.response_obj_oom), before + 1);
    }
    mem_fail_after(-1);
    host_close(&host);
}
END_TEST

START_TEST(memory_may_run_out_in_the_middle_of_a_value) {
    enum { LARGE = 6 << 20, OTHER = 3 << 20 };
    static const struct {
        uint8_t opcode;
        const char *key;
    } cases[] = {{0x01, "v"}, {0x11, "v"}, {0x02, "w"}, {0x0e, "v"}};
    struct host host;
    host_init(&host);
    host.config.limit_bytes = 9 << 20;
    host.config.item_bytes_max = 7 << 20;
    host.config.is_evicting = false;
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t bytes;
        char *request = request_with_value(0x01, "v", 1, &bytes);
        ck_assert(host_receive(&host, request, bytes, 0));
        free(request);
        struct store_key other = {
            .data = "other", .bytes = 5, .hash = store_hash(host.server.store, "other", 5)};
        enum store_status why;
        struct item *item = store_reserve(host.env.store, &other, 0, 0, OTHER, &why);
        ck_assert_ptr_nonnull(item);
        request = request_with_value(cases[i].opcode, cases[i].key, LARGE, &bytes);
        host_forget(&host);
        ck_assert(host_receive(&host, request, bytes, i % 2 ? 100000 : 0));
        free(request);
        ck_assert_uint_ge(host.said_bytes, BINARY_HEAD_BYTES);
        ck_assert_uint_eq((uint8_t)host.said[1], cases[i].opcode);
        ck_assert_uint_eq((uint8_t)host.said[7], 0x82);
        static const char text[] = "Out of memory during read";
        ck_assert_mem_eq(host.said + BINARY_HEAD_BYTES, text, strlen(text));
        store_abandon(host.env.store, item);
        char get[ASK_BYTES_MAX];
        bytes = (size_t)(ask_put(get, &(struct ask){.opcode = 0x00, .key = "v"}) - get);
        host_forget(&host);
        ck_assert(host_receive(&host, get, bytes, 0));
        ck_assert_uint_eq((uint8_t)host.said[7], 0);
    }
    host_close(&host);
}
END_TEST

/* Each allocation in turn fails: an answer, or an end, and the next session is well. */
START_TEST(every_allocation_may_fail) {
    static const struct ask asks[] = {
        {0x00, "v", NULL, NULL, 0},        {0x0c, "v", NULL, NULL, 0},
        {0x01, "a", STORE, "1", 0},        {0x0e, "a", NULL, "2", 0},
        {0x05, "a", BY_1_OR_NOT, NULL, 0}, {0x05, "n", BY_1_FROM_5, NULL, 0},
        {0x1d, "v", FOR_EVER, NULL, 0},    {0x1c, "v", FOR_EVER, NULL, 0},
        {0x10, NULL, NULL, NULL, 0},       {0x10, "items", NULL, NULL, 0},
        {0x04, "v", NULL, NULL, 0},        {0x0a, NULL, NULL, NULL, 0}};
    size_t bytes;
    char *big = request_with_value(0x01, "v", BIG, &bytes);
    bool has_failed = true;
    unsigned countdown = 0;
    for (; has_failed; countdown++) {
        struct host host;
        char requests[ARRAY_COUNT(asks) * 64];
        char *end = requests;
        for (size_t i = 0; i < ARRAY_COUNT(asks); i++)
            end = ask_put(end, &asks[i]);
        host_init(&host);
        host_open(&host);
        mem_fail_after(countdown);
        bool is_open = host_receive(&host, big, bytes, 0) &&
                       host_receive(&host, requests, (size_t)(end - requests), 0);
        has_failed = mem_has_failed();
        mem_fail_after(-1);
        char *told = tell(host.said, host.said_bytes);
        if (is_open)
            ck_assert_ptr_null(strchr(told, '?'));
        free(told);
        host_reconnect(&host);
        ck_assert_answer(&host, &(struct ask){.opcode = 0x0a}, "0a; ");
        host_close(&host);
        ck_assert_uint_lt(countdown, 200);
    }
    ck_assert_uint_gt(countdown, 2);
    free(big);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_binary_limits");
    TCase *tests = tcase_create("session_binary_limits");
    tcase_add_test(tests, values_of_every_size_come_back_in_any_pieces);
    tcase_add_test(tests, the_rest_of_a_large_value_goes_straight_to_its_item);
    tcase_add_test(tests, a_value_too_large_is_ignored_and_drops_the_old_one);
    tcase_add_test(tests, an_append_that_makes_it_too_large_is_not_stored);
    tcase_add_test(tests, without_room_nothing_new_is_stored);
    tcase_add_test(tests, a_full_output_stops_execution_until_it_is_sent);
    tcase_add_test(tests, no_memory_for_a_value_is_said_instead_of_it);
    tcase_add_test(tests, memory_may_run_out_in_the_middle_of_a_value);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
