/* Addresses and listening sockets, on the loopback and in a folder of their own. */
#include "memcached/net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "t/unit/net_tests.h"

enum { DEADLINE_MS = 5000 };

START_TEST(numeric_addresses_are_named_as_stats_conns_shows_them) {
    static const struct {
        const char *host, *name, *ip;
    } cases[] = {{"127.0.0.1", "tcp:127.0.0.1:11211", "127.0.0.1"},
                 {"::1", "tcp6:[::1]:11211", "::1"},
                 {"::ffff:192.0.2.7", "tcp6:[::ffff:192.0.2.7]:11211", "192.0.2.7"},
                 {"2001:db8::5", "tcp6:[2001:db8::5]:11211", "2001:db8::5"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct socket_address address;
        const char *why = NULL;
        char name[SOCKET_NAME_BYTES];
        char ip[SOCKET_IP_BYTES];
        ck_assert_uint_eq(socket_resolve(cases[i].host, 11211, &address, 1, &why), 1);
        ck_assert_uint_eq(socket_address_port(&address), 11211);
        socket_address_name(&address, "tcp", name);
        socket_address_ip(&address, ip);
        ck_assert_str_eq(name, cases[i].name);
        ck_assert_str_eq(ip, cases[i].ip);
    }
}
END_TEST

START_TEST(the_wildcard_resolves_without_a_name) {
    struct socket_address addresses[8];
    const char *why = NULL;
    size_t count = socket_resolve(NULL, 0, addresses, 8, &why);
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count; i++) {
        char ip[SOCKET_IP_BYTES];
        socket_address_ip(&addresses[i], ip);
        ck_assert(strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0);
    }
}
END_TEST

START_TEST(what_is_no_address_says_why) {
    struct socket_address address;
    const char *why = NULL;
    ck_assert_uint_eq(socket_resolve("999.999.999.999.invalid", 1, &address, 1, &why), 0);
    ck_assert_ptr_nonnull(why);
}
END_TEST

static int listen_on_loopback(struct socket_address *bound) {
    struct socket_address address;
    const char *text = NULL;
    ck_assert_uint_eq(socket_resolve("127.0.0.1", 0, &address, 1, &text), 1);
    int fd = socket_listen_tcp(&address, 16, &text);
    ck_assert_int_ge(fd, 0);
    ck_assert(socket_local_address(fd, bound));
    return fd;
}

START_TEST(an_accepted_connection_is_non_blocking_and_knows_its_peer) {
    struct socket_address bound, peer, local;
    int listener = listen_on_loopback(&bound);
    ck_assert_int_eq(socket_accept(listener, &peer), -EAGAIN);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, &bound.any, bound.bytes), 0);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, DEADLINE_MS), 1);
    int fd = socket_accept(listener, &peer);
    ck_assert_int_ge(fd, 0);
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert(socket_local_address(client, &local));
    ck_assert_uint_eq(socket_address_port(&peer), socket_address_port(&local));
    close(fd);
    close(client);
    close(listener);
}
END_TEST

START_TEST(a_port_in_use_is_refused) {
    struct socket_address bound;
    const char *step = NULL;
    int listener = listen_on_loopback(&bound);
    ck_assert_int_eq(socket_listen_tcp(&bound, 16, &step), -EADDRINUSE);
    ck_assert_ptr_nonnull(step);
    close(listener);
}
END_TEST

START_TEST(a_stale_unix_socket_is_replaced_and_another_file_is_not) {
    char folder[] = "/tmp/net_socket.XXXXXX";
    char path[64];
    const char *step;
    struct stat status;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    int first = socket_listen_unix(path, 0700, 16, &step);
    ck_assert_int_ge(first, 0);
    close(first); /* the file stays, as after a crash */
    int second = socket_listen_unix(path, 0755, 16, &step);
    ck_assert_int_ge(second, 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0755);
    close(second);
    unlink(path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_assert_int_eq(socket_listen_unix(path, 0700, 16, &step), -EADDRINUSE);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(a_unix_path_that_is_too_long_is_refused) {
    char path[200];
    const char *step;
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(socket_listen_unix(path, 0700, 16, &step), -ENAMETOOLONG);
}
END_TEST

Suite *net_socket_suite(void) {
    Suite *suite = suite_create("net/socket");
    TCase *tcase = tcase_create("socket");
    tcase_add_test(tcase, numeric_addresses_are_named_as_stats_conns_shows_them);
    tcase_add_test(tcase, the_wildcard_resolves_without_a_name);
    tcase_add_test(tcase, what_is_no_address_says_why);
    tcase_add_test(tcase, an_accepted_connection_is_non_blocking_and_knows_its_peer);
    tcase_add_test(tcase, a_port_in_use_is_refused);
    tcase_add_test(tcase, a_stale_unix_socket_is_replaced_and_another_file_is_not);
    tcase_add_test(tcase, a_unix_path_that_is_too_long_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
