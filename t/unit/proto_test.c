/* Numbers, base64, the stream and the flags of meta commands: bytes in, bytes out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/base64.h"
#include "memcached/proto/key.h"
#include "memcached/proto/meta.h"
#include "memcached/proto/number.h"
#include "memcached/proto/stream.h"
#include "t/unit/suite.h"

START_TEST(numbers_may_have_white_space_signs_and_zeros) {
    static const struct {
        const char *text;
        bool is_u64, is_i64;
        int64_t value;
    } rows[] = {
        {"0", true, true, 0},
        {"17", true, true, 17},
        {"+17", true, true, 17},
        {"-17", false, true, -17},
        {"-0", true, true, 0},
        {"0017", true, true, 17},
        {"000000000000000000000000000017", true, true, 17},
        {"\t 17", true, true, 17},
        {"17\t", true, true, 17},
        {"17 x", true, true, 17},
        {"17\tx", true, true, 17},
        {"9223372036854775807", true, true, INT64_MAX},
        {"-9223372036854775808", false, true, INT64_MIN},
        {"18446744073709551615", true, false, -1},
        {"18446744073709551616", false, false, 0},
        {"9223372036854775808", true, false, INT64_MIN},
        {"99999999999999999999", false, false, 0},
        {"-9223372036854775809", true, false, INT64_MAX},
        {"-18446744073709551615", true, false, 1},
        {"-18446744073709551616", false, false, 0},
        {"", false, false, 0},
        {" ", false, false, 0},
        {"-", false, false, 0},
        {"+", false, false, 0},
        {"+-1", false, false, 0},
        {"x", false, false, 0},
        {"17x", false, false, 0},
        {"1.5", false, false, 0},
        {"0x10", false, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t u64 = 0;
        uint32_t u32 = 0;
        int64_t i64 = 0;
        size_t bytes = strlen(rows[i].text);
        ck_assert_msg(number_u64(rows[i].text, bytes, &u64) == rows[i].is_u64, "u64 '%s'",
                      rows[i].text);
        ck_assert_msg(number_i64(rows[i].text, bytes, &i64) == rows[i].is_i64, "i64 '%s'",
                      rows[i].text);
        ck_assert(number_u32(rows[i].text, bytes, &u32) == rows[i].is_u64);
        ck_assert_uint_eq(u32, rows[i].is_u64 ? (uint32_t)rows[i].value : 0);
        if (rows[i].is_u64)
            ck_assert_uint_eq(u64, (uint64_t)rows[i].value);
        if (rows[i].is_i64)
            ck_assert_int_eq(i64, rows[i].value);
    }
}
END_TEST

START_TEST(base64_of_every_length_comes_back) {
    char data[256], text[BASE64_BYTES(256)], back[BASE64_BYTES(256)];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 37);
    for (size_t bytes = 1; bytes <= sizeof(data); bytes++) {
        size_t text_bytes = base64_encode(text, data, bytes);
        ck_assert_uint_eq(text_bytes, BASE64_BYTES(bytes));
        ck_assert_uint_eq(base64_decode(back, text, text_bytes), bytes);
        ck_assert_mem_eq(back, data, bytes);
    }
    ck_assert_uint_eq(base64_encode(text, "foobar", 6), 8);
    ck_assert_mem_eq(text, "Zm9vYmFy", 8);
    ck_assert_uint_eq(base64_encode(text, "fooba", 5), 8);
    ck_assert_mem_eq(text, "Zm9vYmE=", 8);
    ck_assert_uint_eq(base64_encode(text, "foob", 4), 8);
    ck_assert_mem_eq(text, "Zm9vYg==", 8);
}
END_TEST

START_TEST(base64_that_is_none_is_refused) {
    static const char *const wrong[] = {"",      "Z",    "Zm9",     "Zm9v!", "Zm9*",
                                        "====",  "Z===", "Zm=v",    "=m9v",  "Zm=9Zm9v",
                                        "Zm9vY", "Zm 9", "Zm9=Zm9v"};
    char out[16];
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        ck_assert_msg(base64_decode(out, wrong[i], strlen(wrong[i])) == 0, "'%s'", wrong[i]);
}
END_TEST

START_TEST(keys_that_text_cannot_carry_are_known) {
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 17; at++) {
            char key[17];
            memset(key, 'k', sizeof(key));
            key[at] = (char)byte;
            for (size_t bytes = at + 1; bytes <= sizeof(key); bytes++)
                ck_assert_int_eq(key_is_text(key, bytes), byte > ' ' && byte != 0x7f);
        }
    }
    ck_assert(key_is_text("a", 1));
    ck_assert(key_is_text("caf\xc3\xa9", 5));
    ck_assert(!key_is_text("", 0));
    ck_assert(!key_is_text("a b", 3));
    ck_assert(!key_is_text("a\nb", 3));
    ck_assert(!key_is_text("a\0b", 3));
    ck_assert(!key_is_text("\x7f", 1));
}
END_TEST

#define ck_assert_text(out, bytes, text)                                                           \
    do {                                                                                           \
        ck_assert_uint_eq(bytes, strlen(text));                                                    \
        ck_assert_mem_eq(out, text, strlen(text));                                                 \
    } while (0)

START_TEST(stream_lines_are_what_they_should_be) {
    char out[STREAM_HEAD_BYTES_MAX];
    struct stream_set set = {.key = "k",
                             .key_bytes = 1,
                             .value_bytes = 5,
                             .exptime = 30,
                             .client_flags = 7,
                             .version = 99};
    ck_assert_text(out, stream_put_set(out, &set), "ms k 5 T30 F7 E99 q\r\n");
    set.version = 0;
    set.exptime = -1;
    ck_assert_text(out, stream_put_set(out, &set), "ms k 5 T-1 F7 q\r\n");
    ck_assert_text(out, stream_put_classic_set(out, &set), "set k 7 -1 5 noreply\r\n");
    struct stream_set bare = {.key = "k", .key_bytes = 1};
    ck_assert_text(out, stream_put_set(out, &bare), "ms k 0 q\r\n");
    set.key = "a b";
    set.key_bytes = 3;
    set.version = UINT64_MAX;
    ck_assert_text(out, stream_put_set(out, &set),
                   "ms YSBi 5 T-1 F7 E18446744073709551615 b q\r\n");
    ck_assert_uint_eq(stream_put_classic_set(out, &set), 0);
    ck_assert_text(out, stream_put_delete(out, "k", 1, 8), "md k E8 q\r\n");
    ck_assert_text(out, stream_put_delete(out, "k", 1, 0), "md k q\r\n");
    ck_assert_text(out, stream_put_delete(out, "a b", 3, 8), "md YSBi E8 b q\r\n");
    ck_assert_text(out, stream_put_classic_delete(out, "k", 1), "delete k noreply\r\n");
    ck_assert_uint_eq(stream_put_classic_delete(out, "a b", 3), 0);
    ck_assert_text(out, stream_put_barrier(out), "mn\r\n");
}
END_TEST

START_TEST(longest_stream_line_has_room) {
    char key[PROTO_KEY_BYTES_MAX];
    memset(key, 1, sizeof(key));
    struct stream_set set = {.key = key,
                             .key_bytes = sizeof(key),
                             .value_bytes = UINT64_MAX,
                             .exptime = INT64_MIN,
                             .client_flags = UINT32_MAX,
                             .version = UINT64_MAX};
    char *out = malloc(STREAM_HEAD_BYTES_MAX);
    ck_assert_uint_le(stream_put_set(out, &set), STREAM_HEAD_BYTES_MAX);
    memset(key, 'k', sizeof(key));
    ck_assert_uint_le(stream_put_classic_set(out, &set), STREAM_HEAD_BYTES_MAX);
    free(out);
}
END_TEST

START_TEST(exptimes_are_said_as_clients_say_them) {
    enum { DAY = 86400 };
    ck_assert_int_eq(stream_exptime(0, 100, 1700000000), 0);
    ck_assert_int_eq(stream_exptime(100, 100, 1700000000), -1);
    ck_assert_int_eq(stream_exptime(50, 100, 1700000000), -1);
    ck_assert_int_eq(stream_exptime(101, 100, 1700000000), 1);
    ck_assert_int_eq(stream_exptime(100 + 30 * DAY, 100, 1700000000), 30 * DAY);
    ck_assert_int_eq(stream_exptime(101 + 30 * DAY, 100, 1700000000), 1700000000 + 30 * DAY + 1);
}
END_TEST

START_TEST(replies_are_told_apart) {
    static const struct {
        const char *line;
        enum stream_reply_kind kind;
        const char *text;
    } rows[] = {
        {"MN\r\n", STREAM_REPLY_MN, ""},
        {"MN\n", STREAM_REPLY_MN, ""},
        {"MNx\r\n", STREAM_REPLY_OTHER, "MNx"},
        {"MN x\r\n", STREAM_REPLY_OTHER, "MN x"},
        {"REPL go 1 2\r\n", STREAM_REPLY_REPL, "go 1 2"},
        {"REPL\r\n", STREAM_REPLY_REPL, ""},
        {"VERSION 1.6.45\r\n", STREAM_REPLY_VERSION, "1.6.45"},
        {"ERROR\r\n", STREAM_REPLY_ERROR, ""},
        {"CLIENT_ERROR bad data chunk\r\n", STREAM_REPLY_CLIENT_ERROR, "bad data chunk"},
        {"SERVER_ERROR x\r\n", STREAM_REPLY_SERVER_ERROR, "x"},
        {"HD\r\n", STREAM_REPLY_STATUS, "HD"},
        {"NF O1\r\n", STREAM_REPLY_STATUS, "NF O1"},
        {"EXX\r\n", STREAM_REPLY_OTHER, "EXX"},
        {"\r\n", STREAM_REPLY_OTHER, ""},
        {"stuff\r\n", STREAM_REPLY_OTHER, "stuff"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct stream_reply reply;
        size_t bytes = strlen(rows[i].line);
        for (size_t cut = 0; cut < bytes; cut++) {
            ck_assert_uint_eq(stream_reply_parse(rows[i].line, cut, &reply), 0);
            ck_assert_int_eq(reply.kind, STREAM_REPLY_NONE);
        }
        ck_assert_uint_eq(stream_reply_parse(rows[i].line, bytes, &reply), bytes);
        ck_assert_int_eq(reply.kind, rows[i].kind);
        ck_assert_text(reply.text, reply.text_bytes, rows[i].text);
    }
    char long_line[STREAM_LINE_BYTES_MAX + 1];
    memset(long_line, 'x', sizeof(long_line));
    struct stream_reply reply;
    ck_assert_uint_eq(stream_reply_parse(long_line, sizeof(long_line), &reply), 0);
    ck_assert_int_eq(reply.kind, STREAM_REPLY_TOO_LONG);
}
END_TEST

START_TEST(meta_flags_are_parsed_in_their_order) {
    const char *text = " k T100  O123 c E77 C5 F9 N30 R7 D3 J8 MA Lfoo P q v";
    struct meta meta;
    ck_assert_int_eq(meta_parse(&meta, text, strlen(text)), META_FINE);
    ck_assert_uint_eq(meta.return_count, 3);
    ck_assert_mem_eq(meta.returns, "kOc", 3);
    ck_assert_int_eq(meta.exptime, 100);
    ck_assert_int_eq(meta.vivify_exptime, 30);
    ck_assert_int_eq(meta.recache_s, 7);
    ck_assert_uint_eq(meta.cas, 5);
    ck_assert_uint_eq(meta.new_cas, 77);
    ck_assert_uint_eq(meta.client_flags, 9);
    ck_assert_uint_eq(meta.delta, 3);
    ck_assert_uint_eq(meta.initial, 8);
    ck_assert_int_eq(meta.mode, 'A');
    ck_assert_text(meta.opaque, meta.opaque_bytes, "123");
    ck_assert(META_HAS(&meta, 'q') && META_HAS(&meta, 'v') && !META_HAS(&meta, 'b'));
    ck_assert_int_eq(meta_parse(&meta, "", 0), META_FINE);
    ck_assert_uint_eq(meta.seen, 0);
    ck_assert_uint_eq(meta.delta, 1);
}
END_TEST

START_TEST(meta_flags_that_are_wrong_are_told_apart) {
    static const struct {
        const char *text;
        enum meta_error error;
    } rows[] = {
        {"5", META_UNKNOWN_FLAG},
        {"y", META_UNKNOWN_FLAG},
        {"S5", META_UNKNOWN_FLAG},
        {"\xff", META_DUPLICATE_FLAG},
        {"v v", META_DUPLICATE_FLAG},
        {"k v k2", META_DUPLICATE_FLAG},
        {"T", META_BAD_TOKEN},
        {"Tx", META_BAD_TOKEN},
        {"C-1", META_BAD_TOKEN},
        {"E", META_BAD_TOKEN},
        {"F", META_BAD_CLIENT_FLAGS},
        {"F-1", META_BAD_CLIENT_FLAGS},
        {"M", META_BAD_MODE},
        {"Mset", META_BAD_MODE},
        {"D", META_BAD_DELTA},
        {"Jx", META_BAD_INITIAL},
        {"D Nx", META_BAD_TOKEN},
        {"Nx D", META_BAD_DELTA},
        {"Tx F", META_BAD_TOKEN},
        {"F M", META_BAD_MODE},
        {"M O12345678901234567890123456789012", META_BAD_MODE},
        {"F O12345678901234567890123456789012", META_BAD_CLIENT_FLAGS},
        {"Tx v v", META_DUPLICATE_FLAG},
        {"O1234567890123456789012345678901", META_FINE},
        {"O12345678901234567890123456789012", META_OPAQUE_TOO_LONG},
        {"v v v v v v v v v v v v v v v v v", META_DUPLICATE_FLAG},
        {"v v v v v v v v v v v v v v v v v v", META_TOO_MANY_FLAGS},
        {"b c f h k l q s t u v x C1 D1 E1 F1 I", META_FINE},
        {"b c f h k l q s t u v x C1 D1 E1 F1 I J1", META_TOO_MANY_FLAGS},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct meta meta;
        enum meta_error error = meta_parse(&meta, rows[i].text, strlen(rows[i].text));
        ck_assert_msg(error == rows[i].error, "'%s' is %d", rows[i].text, error);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("proto");
    TCase *tests = tcase_create("proto");
    tcase_add_test(tests, numbers_may_have_white_space_signs_and_zeros);
    tcase_add_test(tests, base64_of_every_length_comes_back);
    tcase_add_test(tests, base64_that_is_none_is_refused);
    tcase_add_test(tests, keys_that_text_cannot_carry_are_known);
    tcase_add_test(tests, stream_lines_are_what_they_should_be);
    tcase_add_test(tests, longest_stream_line_has_room);
    tcase_add_test(tests, exptimes_are_said_as_clients_say_them);
    tcase_add_test(tests, replies_are_told_apart);
    tcase_add_test(tests, meta_flags_are_parsed_in_their_order);
    tcase_add_test(tests, meta_flags_that_are_wrong_are_told_apart);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
