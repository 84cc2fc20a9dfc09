/* -Y: the file of users, and sessions whose client has not logged in yet. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/serve/auth.h"
#include "t/unit/session_tests.h"

#define NOBODY "CLIENT_ERROR unauthenticated\r\n"
#define FAILED "CLIENT_ERROR authentication failure\r\n"
#define BAD_FORMAT "CLIENT_ERROR bad authentication token format\r\n"

static char path[] = "auth_test.XXXXXX";

static void write_file(const char *text) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void make_file(void) {
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void remove_file(void) {
    unlink(path);
}

static bool knows(struct auth *auth, const char *user, const char *password) {
    return auth_knows(auth, user, strlen(user), password, strlen(password));
}

/* ---- the file -------------------------------------------------------------------------------- */

static const struct file_case {
    const char *text;
    unsigned count;      /* of users; 0: refused */
    const char *message; /* a part of it; NULL: none */
} file_cases[] = {
    {"a:b", 1, NULL},
    {"a:b\n", 1, NULL},
    {"a:b\r\n", 1, NULL},
    {"a:b\nc:d\n", 2, NULL},
    {":\n", 1, NULL},
    {"a:b:c\n", 1, NULL},
    {"1:\n2:\n3:\n4:\n5:\n6:\n7:\n8:\n", 8, NULL},
    {"1:\n2:\n3:\n4:\n5:\n6:\n7:\n8:\n9:\n", 8, "first 8"},
    {"1:\n2:\n3:\n4:\n5:\n6:\n7:\n8:\nno colon", 8, "first 8"},
    {"", 0, "empty"},
    {"\n", 0, "line 1 has no colon"},
    {"a:b\n\n", 0, "line 2 has no colon"},
    {"a:b\n\nc:d\n", 0, "line 2 has no colon"},
    {"a:b\nc d\n", 0, "line 2 has no colon"},
};

START_TEST(files_are_taken_or_refused_with_a_line) {
    const struct file_case *row = &file_cases[_i];
    struct auth_users users;
    struct auth_message message;
    bool is_usable = auth_parse("FILE", row->text, strlen(row->text), &users, &message);
    ck_assert_msg(is_usable == (row->count > 0), "%s: %s", row->text, message.text);
    if (is_usable)
        ck_assert_uint_eq(users.count, row->count);
    if (row->message)
        ck_assert_msg(strstr(message.text, row->message), "%s: %s", row->text, message.text);
    else
        ck_assert_str_eq(message.text, "");
    ck_assert_ptr_null(strchr(message.text, '\n'));
}
END_TEST

START_TEST(the_longest_line_is_taken_whole) {
    enum { PASSWORD_BYTES = AUTH_LINE_BYTES_MAX - 2 };
    char line[AUTH_LINE_BYTES_MAX + 2] = "u:";
    char password[PASSWORD_BYTES + 1];
    struct auth_message message;
    struct auth auth;
    memset(password, 'p', PASSWORD_BYTES);
    password[PASSWORD_BYTES] = '\0';
    strcat(line, password);
    write_file(line);
    ck_assert(auth_init(&auth, path, &message));
    ck_assert(knows(&auth, "u", password));
    password[PASSWORD_BYTES - 1] = '\0';
    ck_assert(!knows(&auth, "u", password));
    auth_destroy(&auth);
    strcat(line, "p");
    write_file(line);
    ck_assert(!auth_init(&auth, path, &message));
    ck_assert_ptr_nonnull(strstr(message.text, "line 1 is longer than 255 bytes"));
}
END_TEST

START_TEST(a_file_is_read_again_or_left_as_it_was) {
    struct auth auth;
    struct auth_user first;
    struct auth_message message;
    write_file("a:b\nc:d\n");
    ck_assert(auth_init(&auth, path, &message));
    ck_assert(knows(&auth, "a", "b") && knows(&auth, "c", "d"));
    ck_assert(!knows(&auth, "a", "d") && !knows(&auth, "a", "") && !knows(&auth, "", ""));
    auth_first(&auth, &first);
    ck_assert_int_eq(memcmp(first.text, "a:b", 3), 0);
    write_file("e:f\n");
    ck_assert(knows(&auth, "a", "b"));
    ck_assert(auth_reload(&auth, &message));
    ck_assert(!knows(&auth, "a", "b") && !knows(&auth, "c", "d") && knows(&auth, "e", "f"));
    write_file("g:h\nnothing");
    ck_assert(!auth_reload(&auth, &message));
    ck_assert(message.text[0] && knows(&auth, "e", "f") && !knows(&auth, "g", "h"));
    remove_file();
    ck_assert(!auth_reload(&auth, &message));
    ck_assert(message.text[0] && knows(&auth, "e", "f"));
    auth_destroy(&auth);
}
END_TEST

START_TEST(without_memory_a_file_is_not_read) {
    struct auth auth;
    struct auth_message message;
    write_file("a:b\n");
    mem_fail_after(0);
    ck_assert(!auth_init(&auth, path, &message));
    ck_assert(mem_has_failed());
    mem_fail_after(-1);
    ck_assert_ptr_nonnull(strstr(message.text, "memory"));
}
END_TEST

/* ---- sessions -------------------------------------------------------------------------------- */

static struct auth users;

static void open_locked(struct host *host) {
    struct auth_message message;
    write_file("foo:bar\n");
    ck_assert(auth_init(&users, path, &message));
    host_init(host);
    host->server.auth = &users;
    host_open(host);
}

static void close_locked(struct host *host) {
    host_close(host);
    auth_destroy(&users);
}

static const struct talk {
    const char *request, *reply;
    unsigned auth_cmds, auth_errors;
} talks[] = {
    {"set x 0 0 7\r\nfoo bar\r\nget x\r\n", "STORED\r\nEND\r\n", 1, 0},
    {"set x 0 0 7\r\nfoo bar\r\nset x 0 0 1\r\nv\r\nget x\r\n",
     "STORED\r\nSTORED\r\nVALUE x 0 1\r\nv\r\nEND\r\n", 1, 0},
    {"set x 0 0 7\r\nfoo baz\r\nget x\r\n", FAILED NOBODY, 1, 1},
    {"set x 0 0 7\r\nfoo baz\r\nset x 0 0 7\r\nfoo bar\r\nmn\r\n", FAILED "STORED\r\nMN\r\n", 2, 1},
    {"set x 0 0 6\r\nfoobar\r\n", BAD_FORMAT, 0, 0},
    {"set x 0 0 0\r\n\r\nmn\r\n", BAD_FORMAT NOBODY, 0, 0},
    {"mn\r\nmn\n\r\n\n", NOBODY NOBODY NOBODY NOBODY, 0, 0},
    {"set x 0 0 99999999999999999999999\r\n", NOBODY, 0, 0},
    {"set x 0 0 7\r\nfoo bar..mn\r\n", "CLIENT_ERROR bad command line termination\r\n" NOBODY, 0,
     0},
};

START_TEST(a_client_says_who_it_is_first) {
    static const size_t pieces[] = {0, 1, 3};
    const struct talk *talk = &talks[_i];
    for (size_t p = 0; p < ARRAY_COUNT(pieces); p++) {
        struct host host;
        open_locked(&host);
        ck_assert(host_receive(&host, talk->request, strlen(talk->request), pieces[p]));
        ck_assert_uint_eq(host.said_bytes, strlen(talk->reply));
        ck_assert_int_eq(memcmp(host.said, talk->reply, host.said_bytes), 0);
        ck_assert_uint_eq(atomic_load(&host.counters.auth_cmds), talk->auth_cmds);
        ck_assert_uint_eq(atomic_load(&host.counters.auth_errors), talk->auth_errors);
        close_locked(&host);
    }
}
END_TEST

START_TEST(a_stranger_who_asks_for_room_is_cut_off) {
    static const size_t pieces[] = {0, 100};
    char line[SESSION_LINE_BYTES_MAX + 1];
    memset(line, 'a', sizeof(line));
    for (size_t p = 0; p < ARRAY_COUNT(pieces); p++) {
        static const char greedy[] = "set x 0 0 20000\r\n";
        struct host host;
        open_locked(&host);
        ck_assert(!host_receive(&host, line, sizeof(line), pieces[p]));
        host_reconnect(&host);
        ck_assert(!host_receive(&host, greedy, sizeof(greedy) - 1, pieces[p]));
        ck_assert_uint_eq(host.said_bytes, 0);
        close_locked(&host);
    }
}
END_TEST

START_TEST(each_client_logs_in_for_itself) {
    static const char login[] = "set x 0 0 7\r\nfoo bar\r\n";
    struct host host;
    open_locked(&host);
    ck_assert(host_receive(&host, login, sizeof(login) - 1, 0));
    host_reconnect(&host);
    ck_assert_said(&host, "mn\r\n", NOBODY);
    close_locked(&host);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("auth");
    TCase *file = tcase_create("file");
    tcase_add_checked_fixture(file, make_file, remove_file);
    tcase_add_loop_test(file, files_are_taken_or_refused_with_a_line, 0, ARRAY_COUNT(file_cases));
    tcase_add_test(file, the_longest_line_is_taken_whole);
    tcase_add_test(file, a_file_is_read_again_or_left_as_it_was);
    tcase_add_test(file, without_memory_a_file_is_not_read);
    suite_add_tcase(suite, file);
    TCase *login = tcase_create("login");
    tcase_add_checked_fixture(login, make_file, remove_file);
    tcase_add_loop_test(login, a_client_says_who_it_is_first, 0, ARRAY_COUNT(talks));
    tcase_add_test(login, a_stranger_who_asks_for_room_is_cut_off);
    tcase_add_test(login, each_client_logs_in_for_itself);
    suite_add_tcase(suite, login);
    return run_suite(suite);
}
