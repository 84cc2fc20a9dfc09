/* Bytes into binary requests, and the heads of replies. */
#include "t/unit/binary_tests.h"
#include "t/unit/suite.h"

static struct parser parser_for(const char *bytes, size_t count) {
    return (struct parser){.at = bytes, .end = bytes + count};
}

/* A copy of just this size, so that reading too far is found. To be freed. */
static char *exact(const char *bytes, size_t count) {
    char *copy = malloc(count ? count : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, count);
    return copy;
}

START_TEST(a_reply_has_the_layout_of_the_document) {
    static const char wanted[] = "81 0d 00 03 04 00 00 82 00 00 00 09 12 34 56 78 "
                                 "01 02 03 04 05 06 07 08";
    char bytes[64], head_bytes[BINARY_HEAD_BYTES];
    struct binary_echo echo = {.opcode = 0x0d};
    struct binary_head head = {.status = 0x82,
                               .key_bytes = 3,
                               .extras_bytes = 4,
                               .body_bytes = 9,
                               .cas = 0x0102030405060708};
    (void)binary_put32((char *)&echo.opaque, 0x12345678);
    ck_assert_uint_eq(hex_bytes(wanted, bytes), BINARY_HEAD_BYTES);
    ck_assert_ptr_eq(binary_put_head(head_bytes, &echo, &head), head_bytes + BINARY_HEAD_BYTES);
    ck_assert_mem_eq(head_bytes, bytes, BINARY_HEAD_BYTES);
}
END_TEST

START_TEST(a_request_is_taken_apart) {
    static const struct ask ask = {0x11, "key", "00000007 00000064", "value", 0x1122334455667788};
    char bytes[ASK_BYTES_MAX];
    size_t count = (size_t)(ask_put(bytes, &ask) - bytes);
    char *input = exact(bytes, count);
    struct parser parser = parser_for(input, count);
    struct binary_request request;
    ck_assert_int_eq(binary_parse(&parser, &request), PARSE_REQUEST);
    ck_assert_ptr_eq(parser.at, parser.end);
    ck_assert_ptr_eq(request.start, input);
    ck_assert_uint_eq(request.command, BINARY_SET);
    ck_assert_uint_eq(request.traits, BINARY_HAS_KEY | BINARY_HAS_VALUE | BINARY_IS_QUIET);
    ck_assert_uint_eq(request.echo.opcode, 0x11);
    ck_assert_uint_eq(request.cas, 0x1122334455667788);
    ck_assert_uint_eq(binary_load32(request.extras), 7);
    ck_assert_uint_eq(binary_load32(request.extras + 4), 100);
    ck_assert_uint_eq(request.key_bytes, 3);
    ck_assert_mem_eq(request.key, "key", 3);
    ck_assert_uint_eq(request.value_bytes, 5);
    ck_assert_mem_eq(request.value, "value", 5);
    free(input);
}
END_TEST

START_TEST(what_is_cut_off_is_waited_for) {
    static const struct ask asks[] = {{0x00, "key", NULL, NULL, 0},
                                      {0x01, "key", "0000000000000000", "value", 0},
                                      {0x0a, NULL, NULL, NULL, 0},
                                      {0x08, NULL, "00000000", NULL, 0},
                                      {0x10, "items", NULL, NULL, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(asks); i++) {
        char bytes[ASK_BYTES_MAX];
        size_t count = (size_t)(ask_put(bytes, &asks[i]) - bytes);
        for (size_t cut = 1; cut < count; cut++) {
            char *input = exact(bytes, cut);
            struct parser parser = parser_for(input, cut);
            struct binary_request request;
            ck_assert_int_eq(binary_parse(&parser, &request), PARSE_MORE);
            ck_assert_ptr_eq(parser.at, input);
            ck_assert_uint_eq(parser.wanted, cut < BINARY_HEAD_BYTES ? BINARY_HEAD_BYTES : count);
            free(input);
        }
    }
}
END_TEST

START_TEST(a_large_value_is_begun_when_all_before_it_is_there) {
    enum { VALUE_BYTES = 100000, BEFORE = BINARY_HEAD_BYTES + 8 + 3 };
    char bytes[BEFORE + 10];
    memset(bytes, 'x', sizeof(bytes));
    (void)ask_put_head(bytes, 0x01, 3, 8, 8 + 3 + VALUE_BYTES, 0);
    for (size_t cut = 1; cut <= sizeof(bytes); cut++) {
        char *input = exact(bytes, cut);
        struct parser parser = parser_for(input, cut);
        struct binary_request request;
        enum parse_result result = binary_parse(&parser, &request);
        if (cut < BEFORE) {
            ck_assert_int_eq(result, PARSE_MORE);
            ck_assert_uint_eq(parser.wanted, cut < BINARY_HEAD_BYTES ? BINARY_HEAD_BYTES : BEFORE);
        } else {
            ck_assert_int_eq(result, PARSE_REQUEST);
            ck_assert(request.traits & BINARY_IS_PARTIAL);
            ck_assert_uint_eq(request.value_bytes, VALUE_BYTES);
            ck_assert_ptr_eq(parser.at, input + BEFORE);
            ck_assert_ptr_eq(request.value, parser.at);
        }
        free(input);
    }
}
END_TEST

START_TEST(values_just_short_of_being_large_are_waited_for) {
    char head[BINARY_HEAD_BYTES];
    size_t body_max = PARSE_WAIT_BYTES_MAX - BINARY_HEAD_BYTES;
    for (size_t body = body_max - 1; body <= body_max + 1; body++) {
        (void)ask_put_head(head, 0x0e, 1, 0, body, 0);
        char *input = malloc(BINARY_HEAD_BYTES + 1);
        memcpy(input, head, BINARY_HEAD_BYTES);
        input[BINARY_HEAD_BYTES] = 'k';
        struct parser parser = parser_for(input, BINARY_HEAD_BYTES + 1);
        struct binary_request request;
        ck_assert_int_eq(binary_parse(&parser, &request),
                         body <= body_max ? PARSE_MORE : PARSE_REQUEST);
        free(input);
    }
}
END_TEST

/* Of every opcode: which bodies are taken for one of its own. */
START_TEST(a_body_of_the_wrong_shape_is_malformed) {
    enum { KEY = 1, NO_KEY = 2, VALUE = 4 };
    static const struct {
        const char *opcodes; /* in hexadecimal */
        unsigned extras[2];  /* the numbers of bytes that are right */
        unsigned shape;
    } rows[] = {
        {"00 09 0c 0d 04 14", {0, 0}, KEY},
        {"01 02 03 11 12 13", {8, 8}, KEY | VALUE},
        {"0e 0f 19 1a 21 22", {0, 0}, KEY | VALUE},
        {"05 06 15 16", {20, 20}, KEY},
        {"07 0a 0b 17 20", {0, 0}, NO_KEY},
        {"08 18", {0, 4}, NO_KEY},
        {"10", {0, 0}, KEY | NO_KEY},
        {"1c 1d 1e 23 24", {4, 4}, KEY},
    };
    bool is_known[256] = {false};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char opcodes[16];
        size_t count = hex_bytes(rows[i].opcodes, opcodes);
        for (size_t o = 0; o < count; o++) {
            is_known[(unsigned char)opcodes[o]] = true;
            for (unsigned extras = 0; extras <= 24; extras++)
                for (unsigned key = 0; key <= 1; key++)
                    for (unsigned value = 0; value <= 1; value++) {
                        char bytes[64] = {0};
                        (void)ask_put_head(bytes, (uint8_t)opcodes[o], key, extras,
                                           extras + key + value, 0);
                        struct parser parser =
                            parser_for(bytes, BINARY_HEAD_BYTES + extras + key + value);
                        struct binary_request request;
                        ck_assert_int_eq(binary_parse(&parser, &request), PARSE_REQUEST);
                        bool is_right =
                            (extras == rows[i].extras[0] || extras == rows[i].extras[1]) &&
                            (rows[i].shape & (key ? KEY : NO_KEY)) &&
                            (!value || rows[i].shape & VALUE);
                        ck_assert_msg(is_right == (request.command != BINARY_MALFORMED),
                                      "%02x with %u, %u, %u", (unsigned char)opcodes[o], extras,
                                      key, value);
                        if (!is_right)
                            ck_assert_uint_eq(request.status, BINARY_INVALID);
                    }
        }
    }
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        char bytes[BINARY_HEAD_BYTES];
        (void)ask_put_head(bytes, (uint8_t)opcode, 0, 0, 0, 0);
        struct parser parser = parser_for(bytes, sizeof(bytes));
        struct binary_request request;
        ck_assert_int_eq(binary_parse(&parser, &request), PARSE_REQUEST);
        ck_assert_msg(is_known[opcode] == (request.command != BINARY_UNKNOWN), "%02x", opcode);
    }
}
END_TEST

/* What the head alone tells: nothing more has to come. */
START_TEST(heads_that_nothing_can_follow) {
    static const struct {
        uint8_t opcode;
        unsigned key_bytes, extras_bytes;
        uint32_t body_bytes;
        enum binary_status status;
    } rows[] = {
        {0x00, 1, 0, 0, BINARY_UNKNOWN_COMMAND},
        {0x00, 6, 0, 3, BINARY_UNKNOWN_COMMAND},
        {0x01, 1, 8, 8, BINARY_UNKNOWN_COMMAND},
        {0x99, 1, 0, 0, BINARY_UNKNOWN_COMMAND},
        {0x00, 251, 0, 251, BINARY_INVALID},
        {0x01, 251, 8, 300, BINARY_INVALID},
        {0x99, 251, 0, 251, BINARY_INVALID},
        {0x10, 251, 0, 251, BINARY_INVALID},
        {0x00, 65535, 0, 65535, BINARY_INVALID},
        {0x01, 65535, 255, 0xffffffff, BINARY_INVALID},
        {0x00, 3, 0, 0xffffffff, BINARY_INVALID},
        {0x04, 3, 0, 0x80000000, BINARY_INVALID},
        {0x01, 65535, 255, 65535, BINARY_UNKNOWN_COMMAND},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char bytes[BINARY_HEAD_BYTES];
        (void)ask_put_head(bytes, rows[i].opcode, rows[i].key_bytes, rows[i].extras_bytes,
                           rows[i].body_bytes, 0);
        char *input = exact(bytes, sizeof(bytes));
        struct parser parser = parser_for(input, sizeof(bytes));
        struct binary_request request;
        ck_assert_int_eq(binary_parse(&parser, &request), PARSE_REQUEST);
        ck_assert_uint_eq(request.command, BINARY_MALFORMED);
        ck_assert_uint_eq(request.status, rows[i].status);
        ck_assert_uint_eq(request.key_bytes, 0);
        free(input);
    }
}
END_TEST

START_TEST(what_an_unknown_opcode_brings_is_not_waited_for) {
    char bytes[BINARY_HEAD_BYTES + 20] = {0};
    for (size_t there = 0; there <= 20; there++) {
        (void)ask_put_head(bytes, 0x77, 3, 4, 15, 0);
        char *input = exact(bytes, BINARY_HEAD_BYTES + there);
        struct parser parser = parser_for(input, BINARY_HEAD_BYTES + there);
        struct binary_request request;
        ck_assert_int_eq(binary_parse(&parser, &request), PARSE_REQUEST);
        ck_assert_uint_eq(request.command, BINARY_UNKNOWN);
        ck_assert_uint_eq(request.value_bytes, 15);
        ck_assert_uint_eq(request.key_bytes, 0);
        ck_assert_int_eq(!!(request.traits & BINARY_IS_PARTIAL), there < 15);
        ck_assert_ptr_eq(parser.at, input + BINARY_HEAD_BYTES + (there < 15 ? 0 : 15));
        free(input);
    }
}
END_TEST

START_TEST(another_magic_is_refused_when_a_head_is_there) {
    for (unsigned magic = 0; magic < 256; magic++) {
        char bytes[BINARY_HEAD_BYTES] = {0};
        struct binary_request request;
        bytes[0] = (char)magic;
        struct parser parser = parser_for(bytes, BINARY_HEAD_BYTES - 1);
        ck_assert_int_eq(binary_parse(&parser, &request), PARSE_MORE);
        parser = parser_for(bytes, BINARY_HEAD_BYTES);
        ck_assert_int_eq(binary_parse(&parser, &request),
                         magic == BINARY_MAGIC_REQUEST ? PARSE_REQUEST : PARSE_REFUSED);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("proto_binary");
    TCase *tests = tcase_create("proto_binary");
    tcase_add_test(tests, a_reply_has_the_layout_of_the_document);
    tcase_add_test(tests, a_request_is_taken_apart);
    tcase_add_test(tests, what_is_cut_off_is_waited_for);
    tcase_add_test(tests, a_large_value_is_begun_when_all_before_it_is_there);
    tcase_add_test(tests, values_just_short_of_being_large_are_waited_for);
    tcase_add_test(tests, a_body_of_the_wrong_shape_is_malformed);
    tcase_add_test(tests, heads_that_nothing_can_follow);
    tcase_add_test(tests, what_an_unknown_opcode_brings_is_not_waited_for);
    tcase_add_test(tests, another_magic_is_refused_when_a_head_is_there);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
