/* What a client that speaks the binary protocol is answered, however its bytes are cut. */
#include <stdatomic.h>

#include "t/unit/session_binary_tests.h"

enum { BIG = 300000 };

struct row {
    struct ask ask;
    const char *answer;
    const char *counts; /* serve counters that move: name=difference ... */
};

static const struct row conversation[] = {
    {{0x00, "a", NULL, NULL, 0}, "00 !1 \"Not found\"; ", "cmd_get=1 get_misses=1"},
    {{0x0c, "a", NULL, NULL, 0}, "0c !1 k=a; ", "cmd_get=1 get_misses=1"},
    {{0x09, "a", NULL, NULL, 0}, "", "cmd_get=1 get_misses=1"},
    {{0x0d, "a", NULL, NULL, 0}, "", "cmd_get=1 get_misses=1"},
    {{0x01, "a", STORE, "abc", 0}, "01 #1; ", "cmd_set=1"},
    {{0x00, "a", NULL, NULL, 0}, "00 #1 [00000007] \"abc\"; ", "cmd_get=1"},
    {{0x0c, "a", NULL, NULL, 0}, "0c #1 [00000007] k=a \"abc\"; ", "cmd_get=1"},
    {{0x09, "a", NULL, NULL, 0}, "09 #1 [00000007] \"abc\"; ", "cmd_get=1"},
    {{0x0d, "a", NULL, NULL, 0}, "0d #1 [00000007] k=a \"abc\"; ", "cmd_get=1"},
    {{0x01, "a", STORE, "x", 9}, "01 !2 \"Data exists for key.\"; ", "cmd_set=1"},
    {{0x11, "a", STORE, "x", 9}, "11 !2 \"Data exists for key.\"; ", "cmd_set=1"},
    {{0x01, "a", STORE, "x", 1}, "01 #2; ", "cmd_set=1"},
    {{0x01, "none", STORE, "x", 1}, "01 !1 \"Not found\"; ", "cmd_set=1 cas_misses=1"},
    {{0x11, "a", STORE, "abc", 0}, "", "cmd_set=1"},
    {{0x02, "a", STORE, "x", 0}, "02 !2 \"Data exists for key.\"; ", "cmd_set=1"},
    {{0x12, "a", STORE, "x", 0}, "12 !2 \"Data exists for key.\"; ", "cmd_set=1"},
    {{0x02, "a", STORE, "y", 3}, "02 #4; ", "cmd_set=1"},
    {{0x02, "none", STORE, "x", 3}, "02 !1 \"Not found\"; ", "cmd_set=1 cas_misses=1"},
    {{0x02, "b", STORE, "", 0}, "02 #5; ", "cmd_set=1"},
    {{0x03, "none", STORE, "x", 0}, "03 !1 \"Not found\"; ", "cmd_set=1"},
    {{0x13, "none", STORE, "x", 0}, "13 !1 \"Not found\"; ", "cmd_set=1"},
    {{0x03, "b", STORE, "m", 0}, "03 #6; ", "cmd_set=1"},
    {{0x0e, "b", NULL, "zz", 0}, "0e #7; ", "cmd_set=1"},
    {{0x0f, "b", NULL, "aa", 7}, "0f #8; ", "cmd_set=1"},
    {{0x0e, "b", NULL, "zz", 7}, "0e !2 \"Data exists for key.\"; ", "cmd_set=1"},
    {{0x19, "b", NULL, "+", 0}, "", "cmd_set=1"},
    {{0x1a, "b", NULL, "-", 0}, "", "cmd_set=1"},
    {{0x0e, "none", NULL, "x", 0}, "0e !5 \"Not stored.\"; ", "cmd_set=1"},
    {{0x0f, "none", NULL, "x", 3}, "0f !5 \"Not stored.\"; ", "cmd_set=1"},
    {{0x19, "none", NULL, "x", 0}, "19 !5 \"Not stored.\"; ", "cmd_set=1"},
    {{0x00, "b", NULL, NULL, 0}, "00 #10 [00000007] \"-aamzz+\"; ", "cmd_get=1"},
    {{0x05, "n", BY_1_OR_NOT, NULL, 0}, "05 !1 \"Not found\"; ", "incr_misses=1"},
    {{0x16, "n", BY_1_OR_NOT, NULL, 0}, "16 !1 \"Not found\"; ", "decr_misses=1"},
    {{0x05, "n", BY_1_FROM_5, NULL, 77}, "05 #11 5; ", ""},
    {{0x05, "n", BY_1_FROM_5, NULL, 0}, "05 #12 6; ", ""},
    {{0x06, "n", BY_1_OR_NOT, NULL, 12}, "06 #13 5; ", ""},
    {{0x06, "n", BY_1_OR_NOT, NULL, 12}, "06 !2 \"Data exists for key.\"; ", ""},
    {{0x15, "n", BY_1_OR_NOT, NULL, 0}, "", ""},
    {{0x16, "q", BY_1_FROM_5, NULL, 0}, "", ""},
    {{0x00, "q", NULL, NULL, 0}, "00 #15 [00000000] \"5\"; ", "cmd_get=1"},
    {{0x06, "n", BY_MAX, NULL, 0}, "06 #16 0; ", ""},
    {{0x05, "n", BY_MAX, NULL, 0}, "05 #17 18446744073709551615; ", ""},
    {{0x05, "n", BY_1_OR_NOT, NULL, 0}, "05 #18 0; ", ""},
    {{0x05, "a", BY_1_OR_NOT, NULL, 0},
     "05 !6 \"Non-numeric server-side value for incr or decr\"; ",
     ""},
    {{0x1c, "a", FOR_EVER, NULL, 0}, "1c #4 [00000007]; ", "cmd_touch=1"},
    {{0x1c, "none", FOR_EVER, NULL, 0}, "1c !1 \"Not found\"; ", "cmd_touch=1 touch_misses=1"},
    {{0x1d, "a", FOR_EVER, NULL, 0}, "1d #4 [00000007] \"y\"; ", "cmd_touch=1"},
    {{0x23, "a", FOR_EVER, NULL, 0}, "23 #4 [00000007] k=a \"y\"; ", "cmd_touch=1"},
    {{0x1e, "none", FOR_EVER, NULL, 0}, "", "cmd_touch=1 touch_misses=1"},
    {{0x1e, "a", FOR_EVER, NULL, 0}, "1e #4 [00000007] \"y\"; ", "cmd_touch=1"},
    {{0x24, "none", FOR_EVER, NULL, 0}, "", "cmd_touch=1 touch_misses=1"},
    {{0x23, "none", FOR_EVER, NULL, 0}, "23 !1 k=none; ", "cmd_touch=1 touch_misses=1"},
    {{0x04, "a", NULL, NULL, 3}, "04 !2 \"Data exists for key.\"; ", ""},
    {{0x04, "a", NULL, NULL, 4}, "04; ", ""},
    {{0x04, "a", NULL, NULL, 4}, "04 !1 \"Not found\"; ", "delete_misses=1"},
    {{0x14, "a", NULL, NULL, 0}, "14 !1 \"Not found\"; ", "delete_misses=1"},
    {{0x14, "b", NULL, NULL, 0}, "", ""},
    {{0x0a, NULL, NULL, NULL, 0}, "0a; ", ""},
    {{0x0b, NULL, NULL, NULL, 0}, "0b \"1.6.45\"; ", ""},
    {{0x10, "sizes", NULL, NULL, 0}, "10 k=sizes_status \"disabled\"; 10; ", ""},
    {{0x10, "none", NULL, NULL, 0}, "10 !1 \"Not found\"; ", ""},
    {{0x10, "conns", NULL, NULL, 0}, "10 !1 \"Not found\"; ", ""},
    {{0x10, "repl", NULL, NULL, 0}, "10 !1 \"Not found\"; ", ""},
    {{0x10, "itemsx", NULL, NULL, 0}, "10 !1 \"Not found\"; ", ""},
    {{0x1b, NULL, "00000001", NULL, 0}, "1b !81 \"Unknown command\"; ", ""},
    {{0x25, "key", "0011223344", "value", 0}, "25 !81 \"Unknown command\"; ", ""},
    {{0xff, NULL, NULL, NULL, 0}, "ff !81 \"Unknown command\"; ", ""},
    {{0x20, NULL, NULL, NULL, 0}, "20 !81 \"Unknown command\"; ", ""},
    {{0x21, "PLAIN", NULL, "abc", 0}, "21 !81 \"Unknown command\"; ", ""},
    {{0x22, "PLAIN", NULL, "abc", 0}, "22 !81 \"Unknown command\"; ", ""},
    {{0x18, NULL, NULL, NULL, 0}, "", "cmd_flush=1"},
    {{0x00, "n", NULL, NULL, 0}, "00 !1 \"Not found\"; ", "cmd_get=1 get_misses=1"},
    {{0x08, NULL, "00000064", NULL, 0}, "08; ", "cmd_flush=1"},
    {{0x01, "a", STORE, "abc", 0}, "01 #19; ", "cmd_set=1"},
    {{0x0a, NULL, NULL, NULL, 0}, "0a; ", ""},
};

/* What has moved since, without spaces in between. */
static void counters_tell(const struct host *host, const uint64_t *before, char *text) {
    unsigned i = 0;
    *text = '\0';
#define SERVE_COUNTER(name, meaning)                                                               \
    if (atomic_load(&host->counters.name) != before[i])                                            \
        text += sprintf(text, "%s=%llu", #name,                                                    \
                        (unsigned long long)(atomic_load(&host->counters.name) - before[i]));      \
    i++;
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
}

static void counters_read(const struct host *host, uint64_t *values) {
    unsigned i = 0;
#define SERVE_COUNTER(name, meaning) values[i++] = atomic_load(&host->counters.name);
#include "memcached/serve/counters.def"
#undef SERVE_COUNTER
}

static void ck_assert_counts(const char *moved, const struct row *row) {
    char wanted[256] = "";
    for (const char *at = row->counts; *at; at++)
        if (*at != ' ')
            strncat(wanted, at, 1);
    ck_assert_msg(strcmp(moved, wanted) == 0, "%02x %s counts '%s' and not '%s'", row->ask.opcode,
                  row->ask.key ? row->ask.key : "", moved, wanted);
}

START_TEST(a_conversation_is_answered_and_counted) {
    struct host host;
    host_init(&host);
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(conversation); i++) {
        uint64_t before[64];
        char moved[256];
        counters_read(&host, before);
        ck_assert_answer(&host, &conversation[i].ask, conversation[i].answer);
        counters_tell(&host, before, moved);
        ck_assert_counts(moved, &conversation[i]);
    }
    host_close(&host);
}
END_TEST

START_TEST(a_conversation_cut_into_pieces_is_the_same) {
    static const size_t pieces[] = {0, 1, 2, 3, 7, 20, 64, 300};
    static char requests[ARRAY_COUNT(conversation) * 128], answers[1 << 16];
    char *end = requests;
    *answers = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(conversation); i++) {
        end = ask_put(end, &conversation[i].ask);
        strcat(answers, conversation[i].answer);
    }
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        for (unsigned request_max = 0; request_max < 4; request_max++) {
            struct host host;
            host_init(&host);
            host.request_max = request_max;
            host_open(&host);
            ck_assert(host_receive(&host, requests, (size_t)(end - requests), pieces[i]));
            char *told = tell(host.said, host.said_bytes);
            ck_assert_str_eq(told, answers);
            free(told);
            host_close(&host);
        }
    }
}
END_TEST

/* ---- ends ------------------------------------------------------------------------------------ */

/* The session answers with exactly this and closes; nothing behind it is executed. */
static void ck_assert_closes(struct host *host, const char *request, size_t bytes,
                             const char *answer) {
    char input[ASK_BYTES_MAX];
    static const struct ask noop = {.opcode = 0x0a};
    host_reconnect(host);
    CHECK(bytes + BINARY_HEAD_BYTES <= sizeof(input));
    memcpy(input, request, bytes);
    char *end = ask_put(input + bytes, &noop);
    ck_assert(!host_receive(host, input, (size_t)(end - input), 0));
    char *told = tell(host->said, host->said_bytes);
    ck_assert_str_eq(told, answer);
    free(told);
}

START_TEST(what_closes_the_connection) {
    static const struct {
        struct ask ask;
        const char *answer;
    } rows[] = {
        {{0x07, NULL, NULL, NULL, 0}, "07; "},
        {{0x17, NULL, NULL, NULL, 0}, ""},
        {{0x07, "k", NULL, NULL, 0}, "07 !4 \"Invalid arguments\"; "},
        {{0x00, NULL, NULL, NULL, 0}, "00 !4 \"Invalid arguments\"; "},
        {{0x09, "k", "00", NULL, 0}, "09 !4 \"Invalid arguments\"; "},
        {{0x01, "k", NULL, "v", 0}, "01 !4 \"Invalid arguments\"; "},
        {{0x1c, "k", FOR_EVER, "v", 0}, "1c !4 \"Invalid arguments\"; "},
    };
    struct host host;
    host_init(&host);
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char request[ASK_BYTES_MAX];
        size_t bytes = (size_t)(ask_put(request, &rows[i].ask) - request);
        ck_assert_closes(&host, request, bytes, rows[i].answer);
    }
    char request[BINARY_HEAD_BYTES * 2] = {0};
    (void)ask_put_head(request, 0x00, 9, 0, 3, 0);
    ck_assert_closes(&host, request, BINARY_HEAD_BYTES, "00 !81 \"Unknown command\"; ");
    (void)ask_put_head(request, 0x00, 251, 0, 251, 0);
    ck_assert_closes(&host, request, BINARY_HEAD_BYTES, "00 !4 \"Invalid arguments\"; ");
    /* another magic, behind a request */
    char *end = ask_put_head(request, 0x0a, 0, 0, 0, 0);
    memcpy(end, "get a\r\n", 7);
    ck_assert_closes(&host, request, sizeof(request), "0a; ");
    host_close(&host);
}
END_TEST

/* ---- which protocol -------------------------------------------------------------------------- */

static const struct ask noop = {.opcode = 0x0a};

/* What the session says to these bytes; *is_open: and stays open. To be freed. */
static char *said_to(struct host *host, const char *bytes, size_t count, bool *is_open) {
    host_reconnect(host);
    *is_open = host_receive(host, bytes, count, 1);
    char *said = calloc(1, host->said_bytes + 1);
    memcpy(said, host->said ? host->said : "", host->said_bytes);
    return said;
}

START_TEST(the_first_byte_chooses_the_protocol) {
    char request[ASK_BYTES_MAX];
    size_t bytes = (size_t)(ask_put(request, &noop) - request);
    static const struct {
        enum settings_protocol protocol;
        bool is_binary_answered, is_text_answered;
    } rows[] = {
        {PROTOCOL_AUTO, true, true}, {PROTOCOL_ASCII, false, true}, {PROTOCOL_BINARY, true, false}};
    static const char text[] = "mn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\n"; /* as long as a head */
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct host host;
        host_init(&host);
        host.settings.binding_protocol = rows[i].protocol;
        host_open(&host);
        bool is_open;
        char *said = said_to(&host, request, bytes, &is_open);
        ck_assert_int_eq((unsigned char)*said == BINARY_MAGIC_REPLY, rows[i].is_binary_answered);
        free(said);
        said = said_to(&host, text, sizeof(text) - 1, &is_open);
        ck_assert_str_eq(said,
                         rows[i].is_text_answered ? "MN\r\nMN\r\nMN\r\nMN\r\nMN\r\nMN\r\n" : "");
        ck_assert_int_eq(is_open, rows[i].is_text_answered);
        free(said);
        host_close(&host);
    }
}
END_TEST

START_TEST(a_session_that_starts_again_chooses_again) {
    char request[ASK_BYTES_MAX];
    struct host host;
    host_init(&host);
    host_open(&host);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_answer(&host, &noop, "0a; ");
        session_restart(host.session);
        ck_assert_said(&host, "mn\r\n", "MN\r\n");
        session_restart(host.session);
        /* in the middle of values, known and refused, and of a line of keys */
        char *end = ask_put_head(request, 0x01, 1, 8, BIG, 0);
        memset(end, 'k', 100);
        ck_assert(host_receive(&host, request, BINARY_HEAD_BYTES + 100, 0));
        ck_assert_int_eq(host.result.next, SESSION_FILL);
        session_restart(host.session);
        host.result = (struct session_result){0};
        (void)ask_put_head(request, 0x99, 1, 8, BIG, 0);
        ck_assert(host_receive(&host, request, BINARY_HEAD_BYTES + 100, 0));
        session_restart(host.session);
        host.result = (struct session_result){0};
        ck_assert_said(&host, "set a 0 0 300000\r\nabc", "");
        session_restart(host.session);
        host.result = (struct session_result){0};
    }
    host_close(&host);
}
END_TEST

/* A pair's nodes talk text, even where clients may not. */
START_TEST(where_only_binary_is_spoken_the_peer_is_heard) {
    struct host host;
    bool is_open;
    host_init(&host);
    host.settings.binding_protocol = PROTOCOL_BINARY;
    host_enable_repl(&host);
    host_open(&host);
    static const char hello[] = "repl role\r\nrepl link\r\nms a 1 E5 q\r\nx\r\nmn\r\n";
    char *said = said_to(&host, hello, sizeof(hello) - 1, &is_open);
    ck_assert_str_eq(said, "REPL ok\r\nMN\r\n");
    ck_assert(is_open);
    ck_assert_uint_eq(host.commands, 2);
    ck_assert_uint_eq(host.sets, 1);
    free(said);
    static const char *const others[] = {"replace a 0 0 1\r\nx\r\nmn\r\n", "r\r\nmn\r\n",
                                         "repl role\r\nget a\r\nmn\r\n"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        said = said_to(&host, others[i], strlen(others[i]), &is_open);
        ck_assert_str_eq(said, "");
        ck_assert(!is_open);
        free(said);
    }
    ck_assert_answer((host_reconnect(&host), &host), &noop, "0a; ");
    host_close(&host);
}
END_TEST

START_TEST(a_client_with_a_peer_passes_the_role_gate_before_each_change) {
    static const struct ask changes[] = {
        {0x01, "a", STORE, "1", 0},        {0x12, "b", STORE, "1", 0},
        {0x03, "a", STORE, "1", 0},        {0x0e, "a", NULL, "1", 0},
        {0x1a, "a", NULL, "1", 0},         {0x05, "a", BY_1_OR_NOT, NULL, 0},
        {0x06, "n", BY_1_FROM_5, NULL, 0}, {0x1c, "a", FOR_EVER, NULL, 0},
        {0x1d, "a", FOR_EVER, NULL, 0},    {0x24, "a", FOR_EVER, NULL, 0},
        {0x04, "a", NULL, NULL, 0},        {0x14, "none", NULL, NULL, 0},
        {0x08, NULL, NULL, NULL, 0},       {0x18, NULL, "00000005", NULL, 0}};
    static const struct ask others[] = {{0x00, "a", NULL, NULL, 0},  {0x0d, "a", NULL, NULL, 0},
                                        {0x0a, NULL, NULL, NULL, 0}, {0x10, NULL, NULL, NULL, 0},
                                        {0x0b, NULL, NULL, NULL, 0}, {0x99, "a", STORE, "1", 0}};
    struct host host;
    char request[ASK_BYTES_MAX];
    host_init(&host);
    host_enable_repl(&host);
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        unsigned before = host.client_writes;
        size_t bytes = (size_t)(ask_put(request, &changes[i]) - request);
        ck_assert(host_receive(&host, request, bytes, 0));
        ck_assert_msg(host.client_writes == before + 1, "%02x", changes[i].opcode);
    }
    unsigned before = host.client_writes;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        size_t bytes = (size_t)(ask_put(request, &others[i]) - request);
        ck_assert(host_receive(&host, request, bytes, 0));
    }
    ck_assert_uint_eq(host.client_writes, before);
    host_close(&host);
}
END_TEST

/* ---- settings -------------------------------------------------------------------------------- */

START_TEST(without_cas_storing_ignores_it_and_nothing_else_finds_it) {
    static const struct row rows[] = {
        {{0x01, "a", STORE, "5", 0}, "01; ", ""},
        {{0x01, "a", STORE, "5", 99}, "01; ", ""},
        {{0x01, "b", STORE, "5", 99}, "01; ", ""},
        {{0x0e, "a", NULL, "0", 99}, "0e; ", ""},
        {{0x00, "a", NULL, NULL, 0}, "00 [00000007] \"50\"; ", ""},
        {{0x05, "a", BY_1_OR_NOT, NULL, 0}, "05 51; ", ""},
        {{0x05, "a", BY_1_OR_NOT, NULL, 1}, "05 !2 \"Data exists for key.\"; ", ""},
        {{0x04, "a", NULL, NULL, 1}, "04 !2 \"Data exists for key.\"; ", ""},
        {{0x1c, "a", FOR_EVER, NULL, 0}, "1c [00000007]; ", ""},
        {{0x04, "a", NULL, NULL, 0}, "04; ", ""},
    };
    struct host host;
    host_init(&host);
    host.settings.has_cas = false;
    host_open(&host);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        ck_assert_answer(&host, &rows[i].ask, rows[i].answer);
    host_close(&host);
}
END_TEST

START_TEST(a_flush_that_is_not_allowed_is_refused_even_quietly) {
    struct host host;
    host_init(&host);
    host.settings.is_flush_enabled = false;
    host_open(&host);
    ck_assert_answer(&host, &(struct ask){0x01, "a", STORE, "1", 0}, "01 #1; ");
    ck_assert_answer(&host, &(struct ask){.opcode = 0x08}, "08 !20 \"Auth failure.\"; ");
    ck_assert_answer(&host, &(struct ask){.opcode = 0x18}, "18 !20 \"Auth failure.\"; ");
    ck_assert_answer(&host, &(struct ask){.opcode = 0x09, .key = "a"}, "09 #1 [00000007] \"1\"; ");
    host_close(&host);
}
END_TEST

START_TEST(exptimes_have_no_sign) {
    static const struct {
        uint32_t exptime;
        const char *left; /* as mg tells it; NULL: gone */
    } rows[] = {
        {0, "-1"},
        {100, "100"},
        {2592000, "2592000"},
        {2592001, NULL},
        {HOST_WALL_S, NULL},
        {HOST_WALL_S + 500, "490"},
        {0x7fffffff, "447483637"},
        {0x80000000, "447483638"},
        {0xfffffffe, "2594967284"},
    };
    struct host host;
    host_init(&host);
    host_open(&host);
    clock_set(&host.clock, (uint64_t)HOST_WALL_S * 1000 + 10000, 10000);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char extras[32], wanted[64];
        snprintf(extras, sizeof(extras), "00000000%08x", rows[i].exptime);
        struct ask asks[] = {{0x01, "e", extras, "v", 0},
                             {0x1c, "e", extras + 8, NULL, 0},
                             {0x05, "e", NULL, NULL, 0}};
        char arith[64];
        snprintf(arith, sizeof(arith), "00000000000000010000000000000001%s", extras + 8);
        asks[2].extras = arith;
        for (size_t a = 0; a < ARRAY_COUNT(asks); a++) {
            char request[ASK_BYTES_MAX];
            host_reconnect(&host);
            ck_assert_said(&host, "set e 0 0 1\r\n1\r\n", "STORED\r\n");
            if (a == 2)
                ck_assert_said(&host, "delete e\r\n", "DELETED\r\n");
            host_reconnect(&host);
            size_t bytes = (size_t)(ask_put(request, &asks[a]) - request);
            ck_assert(host_receive(&host, request, bytes, 0));
            host_reconnect(&host);
            snprintf(wanted, sizeof(wanted), rows[i].left ? "HD t%s\r\n" : "EN\r\n", rows[i].left);
            ck_assert_said(&host, "mg e t\r\n", wanted);
        }
    }
    host_close(&host);
}
END_TEST

START_TEST(statistics_have_a_reply_for_each_row) {
    struct host host;
    host_init(&host);
    host_enable_repl(&host);
    host_open(&host);
    static const struct {
        const char *key, *first; /* NULL: no rows */
    } rows[] = {{NULL, "10 k=pid \""},
                {"settings", "10 k=maxbytes \"16777216\"; 10 k=maxconns \"1024\"; "},
                {"settings x", "10 k=maxbytes \""},
                {"items", "10 k=items:1:number \"1\"; "},
                {"slabs", "10 k=1:chunk_size \"96\"; "},
                {"repl", NULL},
                {"reset", NULL},
                {"reset x", NULL}};
    ck_assert_answer(&host, &(struct ask){0x11, "a", STORE, "1", 0}, "");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char request[ASK_BYTES_MAX];
        const struct ask ask = {.opcode = 0x10, .key = rows[i].key};
        size_t bytes = (size_t)(ask_put(request, &ask) - request);
        host_forget(&host);
        ck_assert(host_receive(&host, request, bytes, 0));
        char *told = tell(host.said, host.said_bytes);
        const char *first = rows[i].first ? rows[i].first : "10; ";
        ck_assert_msg(strncmp(told, first, strlen(first)) == 0, "%s", told);
        const char *last = rows[i].first ? "; 10; " : "10; ";
        ck_assert_uint_ge(strlen(told), strlen(last));
        ck_assert_str_eq(told + strlen(told) - strlen(last), last);
        free(told);
    }
    host_close(&host);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_binary");
    TCase *tests = tcase_create("session_binary");
    tcase_add_test(tests, a_conversation_is_answered_and_counted);
    tcase_add_test(tests, a_conversation_cut_into_pieces_is_the_same);
    tcase_add_test(tests, what_closes_the_connection);
    tcase_add_test(tests, the_first_byte_chooses_the_protocol);
    tcase_add_test(tests, a_session_that_starts_again_chooses_again);
    tcase_add_test(tests, where_only_binary_is_spoken_the_peer_is_heard);
    tcase_add_test(tests, a_client_with_a_peer_passes_the_role_gate_before_each_change);
    tcase_add_test(tests, without_cas_storing_ignores_it_and_nothing_else_finds_it);
    tcase_add_test(tests, a_flush_that_is_not_allowed_is_refused_even_quietly);
    tcase_add_test(tests, exptimes_have_no_sign);
    tcase_add_test(tests, statistics_have_a_reply_for_each_row);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
