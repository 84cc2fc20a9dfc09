/* Lines into requests, on their own: the fast parser, the careful one, and lines of many keys. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/parse.h"
#include "t/unit/suite.h"

static struct parser parser_for(const char *text, size_t bytes) {
    return (struct parser){.at = text, .end = text + bytes, .key_bytes_max = PROTO_KEY_BYTES_MAX};
}

/* One line to describe a request: verb, key, what else matters. */
static void describe(const struct request *request, char *out, size_t room) {
    static const char *const names[] = {
#define VERB(name, text, kind) text,
#include "memcached/proto/verbs.def"
#undef VERB
        "other",
        "error",
    };
    int used = snprintf(out, room, "%s", names[request->verb]);
    if (request->verb == VERB_ERROR)
        used += snprintf(out + used, room - (size_t)used, " %d", request->error);
    else if (request->verb <= VERB_ME)
        used += snprintf(out + used, room - (size_t)used, " %.*s", request->key_bytes,
                         request->key_bytes ? request->key : "");
    if (request->verb >= VERB_SET && request->verb <= VERB_CAS)
        used += snprintf(out + used, room - (size_t)used, " %u %lld %u", request->client_flags,
                         (long long)request->exptime, request->value_bytes);
    if (request->verb == VERB_GAT || request->verb == VERB_GATS || request->verb == VERB_TOUCH)
        used += snprintf(out + used, room - (size_t)used, " %lld", (long long)request->exptime);
    if (request->verb == VERB_CAS || request->verb == VERB_INCR || request->verb == VERB_DECR)
        used +=
            snprintf(out + used, room - (size_t)used, " %llu", (unsigned long long)request->number);
    if (request->verb == VERB_MG || request->verb == VERB_MS || request->verb == VERB_MD ||
        request->verb == VERB_REPL || request->verb == VERB_OTHER)
        used += snprintf(out + used, room - (size_t)used, " [%.*s]", (int)request->rest_bytes,
                         request->rest);
    snprintf(out + used, room - (size_t)used, "%s%s%s%s",
             request->bits & REQUEST_FIRST ? "" : " later",
             request->bits & REQUEST_LAST ? "" : " more",
             request->bits & REQUEST_NOREPLY ? " noreply" : "",
             request->bits & REQUEST_PARTIAL ? " partial" : "");
}

/* All requests in the text, one description a line. */
static char *parse_all(struct parser *parser, enum parse_result *result) {
    char *all = calloc(1, 1 << 16);
    size_t used = 0;
    *result = PARSE_REQUEST;
    while (parser->at < parser->end) {
        struct request request;
        memset(&request, 0, sizeof(request));
        *result = parse_request(parser, &request);
        if (*result != PARSE_REQUEST)
            break;
        char line[1024];
        describe(&request, line, sizeof(line));
        used += (size_t)sprintf(all + used, "%s;", line);
    }
    return all;
}

static void parses_to(const char *text, const char *wanted) {
    size_t bytes = strlen(text);
    char *copy = malloc(bytes); /* of just this size, so that reading too far is found */
    enum parse_result result;
    memcpy(copy, text, bytes);
    struct parser parser = parser_for(copy, bytes);
    char *all = parse_all(&parser, &result);
    ck_assert_msg(strcmp(all, wanted) == 0, "'%s' is '%s'", text, all);
    ck_assert_msg(result == PARSE_REQUEST && parser.at == parser.end, "'%s' is not used up", text);
    free(all);
    /* what is cut off anywhere is waited for, and never parsed as something else */
    for (size_t cut = 1; cut < bytes; cut++) {
        char *part = malloc(cut);
        memcpy(part, text, cut);
        parser = parser_for(part, cut);
        all = parse_all(&parser, &result);
        ck_assert_msg(strncmp(all, wanted, strlen(all)) == 0, "'%.*s' is '%s'", (int)cut, text,
                      all);
        ck_assert_int_ne(result, PARSE_REFUSED);
        free(all);
        free(part);
    }
    free(copy);
}

START_TEST(usual_and_unusual_lines_are_parsed) {
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"get a\r\n", "get a;"},
        {"get a\n", "get a;"},
        {"get abcdefghijklmnop\r\n", "get abcdefghijklmnop;"},
        {"gets a\r\n", "gets a;"},
        {"get a b c\r\n", "get a more;get b later more;get c later;"},
        {"get  a   b \r\n", "get a more;get b later;"},
        {"  get a\r\n", "get a;"},
        {"gat 5 a b\r\n", "gat a 5 more;gat b 5 later;"},
        {"gats -1 a\r\n", "gats a -1;"},
        {"gat 0\r\n", "gat  0;"},
        {"gat x a\r\nmn\r\n", "error 2;mn;"},
        {"get\r\n", "error 0;"},
        {"get \r\n", "error 0;"},
        {"get a\tb\r\n", "get a\tb;"},
        {"get a\rb\r\n", "get a\rb;"},
        {"get a\r\r\n", "get a\r;"},
        {"set a 1 2 3\r\nxyz\r\n", "set a 1 2 3;"},
        {"set a 1 2 3 noreply\r\nxyz\r\n", "set a 1 2 3 noreply;"},
        {"set a 1 2 3\nxyz\r\n", "set a 1 2 3;"},
        {"set  a 1  -2 3 \r\nxyz\r\n", "set a 1 -2 3;"},
        {"set a 4294967297 4294967298 0\r\n\r\n", "set a 1 2 0;"},
        {"add a 0 0 0\r\n\r\n", "add a 0 0 0;"},
        {"replace a 0 0 0\r\n\r\n", "replace a 0 0 0;"},
        {"append a 0 0 0\r\n\r\n", "append a 0 0 0;"},
        {"prepend a 0 0 0\r\n\r\n", "prepend a 0 0 0;"},
        {"cas a 1 2 0 77\r\n\r\n", "cas a 1 2 0 77;"},
        {"cas a 1 2 0 77 noreply\r\n\r\n", "cas a 1 2 0 77 noreply;"},
        {"set a 0 0\r\n", "error 0;"},
        {"set a 0 0 x\r\n", "error 1;"},
        {"set a 0 0 -1 noreply\r\n", "error 1 noreply;"},
        {"set a 0 0 2147483646\r\n", "error 1;"},
        {"delete a\r\n", "delete a;"},
        {"delete a 0\r\n", "delete a;"},
        {"delete a 0 noreply\r\n", "delete a noreply;"},
        {"delete a 5\r\n", "error 4;"},
        {"incr a 5\r\n", "incr a 5;"},
        {"decr a 18446744073709551615 noreply\r\n", "decr a 18446744073709551615 noreply;"},
        {"incr a x\r\n", "error 3;"},
        {"touch a 7\r\n", "touch a 7;"},
        {"touch a x\r\n", "error 2;"},
        {"mg a\r\n", "mg a [];"},
        {"mg a v k\r\n", "mg a [ v k];"},
        {"mg  a  v\n", "mg a [  v];"},
        {"mg\r\n", "error 0;"},
        {"ms a 2 T0\r\nxy\r\n", "ms a [ T0];"},
        {"ms a 2\r\nxy\r\n", "ms a [];"},
        {"ms  a 2 q\r\nxy\r\n", "ms a [ q];"},
        {"ms a x\r\n", "error 1;"},
        {"ms a\r\n", "error 1;"},
        {"md a q\r\n", "md a [ q];"},
        {"mn\r\n", "mn;"},
        {"mn x\r\n", "mn;"},
        {"mnx\r\n", "other [mnx];"},
        {"quit\r\n", "quit;"},
        {"repl hello 1\r\n", "repl [hello 1];"},
        {"repl\r\n", "repl [];"},
        {"stats items\r\n", "other [stats items];"},
        {" version \r\n", "other [version ];"},
        {"\r\n", "error 0;"},
        {"\n", "error 0;"},
        {"get a\r\nget b\r\nset c 0 0 1\r\nx\r\nget d e\r\n",
         "get a;get b;set c 0 0 1;get d more;get e later;"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        parses_to(rows[i].text, rows[i].wanted);
}
END_TEST

START_TEST(a_nul_ends_a_line_early) {
    enum parse_result result;
    static const char text[] =
        "get a\0b c\r\nset a\0b 0 0 1\r\nmn\0\r\nmg a\0 v\r\nget \0 a\r\nmn\r\n";
    struct parser parser = parser_for(text, sizeof(text) - 1);
    char *all = parse_all(&parser, &result);
    ck_assert_str_eq(all, "get a;error 0;mn;mg a [];error 0;mn;");
    free(all);
}
END_TEST

START_TEST(keys_of_every_length_are_found) {
    for (size_t bytes = 1; bytes <= 260; bytes++) {
        for (unsigned shape = 0; shape < 3; shape++) {
            char text[700];
            enum parse_result result;
            char key[261];
            memset(key, 'k', bytes);
            key[bytes] = '\0';
            int used = sprintf(text,
                               shape == 0   ? "get %s\r\nmn\r\n"
                               : shape == 1 ? "get a %s b\r\nmn\r\n"
                                            : "set %s 0 0 0\r\n\r\nmn\r\n",
                               key);
            struct parser parser = parser_for(text, (size_t)used);
            char *all = parse_all(&parser, &result);
            if (bytes <= PROTO_KEY_BYTES_MAX)
                ck_assert_ptr_nonnull(strstr(all, key));
            else
                ck_assert_ptr_nonnull(strstr(all, "error 1"));
            ck_assert_ptr_nonnull(strstr(all, "mn;"));
            free(all);
        }
    }
}
END_TEST

/* A value that would have to be waited for too long is begun; a short one is waited for. */
START_TEST(values_are_waited_for_or_begun) {
    struct request request;
    static const char near[] = "set a 0 0 1000\r\nxyz";
    struct parser parser = parser_for(near, sizeof(near) - 1);
    ck_assert_int_eq(parse_request(&parser, &request), PARSE_MORE);
    ck_assert_uint_eq(parser.wanted, 16 + 1000 + 2);
    ck_assert_ptr_eq(parser.at, near);
    static const char far[] = "set a 0 0 10000\r\nxyz";
    parser = parser_for(far, sizeof(far) - 1);
    ck_assert_int_eq(parse_request(&parser, &request), PARSE_REQUEST);
    ck_assert(request.bits & REQUEST_PARTIAL);
    ck_assert_ptr_eq(parser.at, far + 17);
    ck_assert_ptr_eq(request.value, far + 17);
}
END_TEST

START_TEST(lines_without_an_end_are_refused_unless_they_are_a_get) {
    enum { BYTES = PARSE_LINE_BYTES_MAX + 1 };
    static const struct {
        const char *start;
        enum parse_result result;
    } rows[] = {{"get ", PARSE_MORE},      {"gets ", PARSE_MORE},   {"  get ", PARSE_MORE},
                {"gat 0 ", PARSE_REFUSED}, {"set ", PARSE_REFUSED}, {"x", PARSE_REFUSED},
                {"getx ", PARSE_REFUSED}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[BYTES];
        struct request request;
        memset(text, 'k', sizeof(text));
        memcpy(text, rows[i].start, strlen(rows[i].start));
        struct parser parser = parser_for(text, BYTES - 1);
        ck_assert_int_eq(parse_request(&parser, &request), PARSE_MORE);
        parser = parser_for(text, BYTES);
        ck_assert_msg(parse_request(&parser, &request) == rows[i].result, "'%s'", rows[i].start);
    }
}
END_TEST

/* Past PARSE_WAIT_BYTES_MAX keys are taken as they come, in whatever pieces. */
START_TEST(a_very_long_get_is_taken_key_by_key) {
    enum { KEYS = 5000, PIECE = 9000 };
    char *text = malloc(KEYS * 8 + 64);
    size_t bytes = (size_t)sprintf(text, "get");
    for (unsigned i = 0; i < KEYS; i++)
        bytes += (size_t)sprintf(text + bytes, " key%04u", i);
    bytes += (size_t)sprintf(text + bytes, "\r\nmn\r\n");
    struct parser parser = parser_for(text, 0);
    unsigned keys = 0, ends = 0, last = 0;
    size_t have = PIECE;
    for (;;) {
        struct request request;
        parser.end = text + (have < bytes ? have : bytes);
        if (parser.at == parser.end || parse_request(&parser, &request) == PARSE_MORE) {
            ck_assert_uint_lt(have, bytes);
            have += 3;
            continue;
        }
        if (request.verb == VERB_MN)
            break;
        ck_assert_int_eq(request.verb, VERB_GET);
        if (request.key_bytes) {
            char key[16];
            sprintf(key, "key%04u", keys++);
            ck_assert_mem_eq(request.key, key, 7);
        }
        ends += request.bits & REQUEST_LAST ? 1 : 0;
        last = keys;
    }
    ck_assert_uint_eq(keys, KEYS);
    ck_assert_uint_eq(last, KEYS);
    ck_assert_uint_eq(ends, 1);
    free(text);
}
END_TEST

START_TEST(rewinding_gives_the_same_request_again) {
    static const char text[] = "get a b c\r\nmn\r\n";
    struct parser parser = parser_for(text, sizeof(text) - 1);
    struct request batch[3], again;
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(parse_request(&parser, &batch[i]), PARSE_REQUEST);
    for (unsigned i = 3; i-- > 0;) {
        parse_rewind(&parser, &batch[i]);
        ck_assert_int_eq(parse_request(&parser, &again), PARSE_REQUEST);
        ck_assert_ptr_eq(again.key, batch[i].key);
        ck_assert_uint_eq(again.bits, batch[i].bits);
    }
    parse_rewind(&parser, &batch[1]);
    parse_skip_line(&parser);
    ck_assert_int_eq(parse_request(&parser, &again), PARSE_REQUEST);
    ck_assert_int_eq(again.verb, VERB_MN);
}
END_TEST

START_TEST(keys_are_good_only_where_all_are_there) {
    static char text[2 * PARSE_LOOK_BYTES];
    static const struct {
        size_t first, second; /* bytes of two keys */
        const char *end;
        bool are_good;
    } cases[] = {
        {1, 250, " \r\nget x\r\n", true},
        {250, 250, "\r\n", true},
        {250, 251, "\r\n", false},
        {251, 1, "\r\n", false},
        {1, 1, "", false},
        {1, 1, " ", false},
        {1, 1, "\r", false},
        {1, 251, "", false},
        {1, 250, "\n...", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        memset(text, 'k', sizeof(text));
        text[0] = text[1 + cases[i].first] = ' ';
        size_t bytes = 2 + cases[i].first + cases[i].second;
        strcpy(text + bytes, cases[i].end);
        struct parser parser = parser_for(text, bytes + strlen(cases[i].end));
        ck_assert_msg(parse_keys_are_good(&parser, text) == cases[i].are_good, "case %zu", i);
    }
    memset(text, ' ', sizeof(text));
    text[PARSE_LOOK_BYTES - 2] = '\n';
    struct parser parser = parser_for(text, sizeof(text));
    ck_assert(parse_keys_are_good(&parser, text));
    text[PARSE_LOOK_BYTES - 2] = ' ';
    text[PARSE_LOOK_BYTES] = '\n';
    ck_assert(!parse_keys_are_good(&parser, text));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("proto_parse");
    TCase *tests = tcase_create("proto_parse");
    tcase_add_test(tests, usual_and_unusual_lines_are_parsed);
    tcase_add_test(tests, a_nul_ends_a_line_early);
    tcase_add_test(tests, keys_are_good_only_where_all_are_there);
    tcase_add_test(tests, keys_of_every_length_are_found);
    tcase_add_test(tests, values_are_waited_for_or_begun);
    tcase_add_test(tests, lines_without_an_end_are_refused_unless_they_are_a_get);
    tcase_add_test(tests, a_very_long_get_is_taken_key_by_key);
    tcase_add_test(tests, rewinding_gives_the_same_request_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
