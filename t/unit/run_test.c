/* What the run layer does without serving: addresses, pid files, hand-over queues. */
#define _GNU_SOURCE
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/run/address.h"
#include "memcached/run/process.h"
#include "t/unit/suite.h"

/* ---- addresses ---- */

START_TEST(addresses_are_taken_apart) {
    static const struct {
        const char *text, *host;
        uint16_t port;
        enum settings_protocol protocol;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", 11211, PROTOCOL_AUTO},
        {"127.0.0.1:1", "127.0.0.1", 1, PROTOCOL_AUTO},
        {"127.0.0.1:65535", "127.0.0.1", 65535, PROTOCOL_AUTO},
        {"127.0.0.1:0", "127.0.0.1", 0, PROTOCOL_AUTO},
        {"localhost:22", "localhost", 22, PROTOCOL_AUTO},
        {"*", "", 11211, PROTOCOL_AUTO},
        {"*:5", "", 5, PROTOCOL_AUTO},
        {"::1", "::1", 11211, PROTOCOL_AUTO},
        {"fe80::1:2", "fe80::1:2", 11211, PROTOCOL_AUTO},
        {"[::1]", "::1", 11211, PROTOCOL_AUTO},
        {"[::1]:7", "::1", 7, PROTOCOL_AUTO},
        {"proto[ascii]:127.0.0.1", "127.0.0.1", 11211, PROTOCOL_ASCII},
        {"proto[binary]:[::1]:7", "::1", 7, PROTOCOL_BINARY},
        {"proto[negotiating]:h:7", "h", 7, PROTOCOL_AUTO},
        {"proto[asciix]:h:7", "h", 7, PROTOCOL_AUTO},
        {"tag[a]:h:7", "h", 7, PROTOCOL_AUTO},
        {"tag[12345678]:[::1]:7", "::1", 7, PROTOCOL_AUTO},
        {"tag_abc_:h", "h", 11211, PROTOCOL_AUTO},
        {"tag_abc_:[::1]:7", "::1", 7, PROTOCOL_AUTO},
        {"proto[ascii]:tag_a_b_:h:7", "h", 7, PROTOCOL_ASCII},
        {"tagged.example:7", "tagged.example", 7, PROTOCOL_AUTO},
        {"proto.example", "proto.example", 11211, PROTOCOL_AUTO},
    };
    char message[ADDRESS_MESSAGE_BYTES];
    struct address address;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        ck_assert_msg(address_parse(rows[i].text, 11211, &address, message), "%s: %s", rows[i].text,
                      message);
        ck_assert_str_eq(address.host, rows[i].host);
        ck_assert_uint_eq(address.port, rows[i].port);
        ck_assert_int_eq(address.protocol, rows[i].protocol);
    }
}
END_TEST

START_TEST(addresses_that_are_none_are_refused) {
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"127.0.0.1:", "Invalid port number: \"\""},
        {"127.0.0.1:abc", "Invalid port number: \"abc\""},
        {"127.0.0.1:12x", "Invalid port number: \"12x\""},
        {"127.0.0.1:65536", "Invalid port number: \"65536\""},
        {"127.0.0.1:-1", "Invalid port number: \"-1\""},
        {"[::1]:", "Invalid port number: \"\""},
        {"[::1", "Invalid IPV6 address: \"[::1\""},
        {"[::1]x", "Invalid IPV6 address: \"[::1]x\""},
        {"", "Invalid address: \"\""},
        {":5", "Invalid address: \":5\""},
        {"tag[a]:", "Invalid address: \"\""},
        {"tag[]:h", "Listener tags must be between 1 and 8 characters: \"\""},
        {"tag[123456789]:h", "Listener tags must be between 1 and 8 characters: \"123456789\""},
        {"tag_ab:h:1", "Invalid tag in socket config: \"_ab:h:1\""},
        {"proto[", "Invalid protocol spec: \"[\""},
        {"proto[:h:1", "Invalid protocol spec: \"[:h:1\""},
        {"proto[proxy]:h", "Proxy must be enabled to use: \"proto[proxy\""},
    };
    char message[ADDRESS_MESSAGE_BYTES];
    struct address address;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        ck_assert_msg(!address_parse(rows[i].text, 11211, &address, message), "%s", rows[i].text);
        ck_assert_str_eq(message, rows[i].message);
    }
    char longest[2000];
    memset(longest, 'h', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    ck_assert(!address_parse(longest, 1, &address, message));
    longest[ADDRESS_HOST_BYTES_MAX - 1] = '\0';
    ck_assert(address_parse(longest, 1, &address, message));
    ck_assert_str_eq(address.host, longest);
}
END_TEST

/* ---- pid files ---- */

static char folder[64];

static void setup(void) {
    strcpy(folder, "run_test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void) {
    char path[128];
    snprintf(path, sizeof(path), "%s/pid", folder);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing is left beside it */
}

static long pid_in(const char *path) {
    long pid = -1;
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld\n", &pid), 1);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
    return pid;
}

START_TEST(the_pid_file_holds_the_pid_whatever_was_there) {
    char path[128];
    snprintf(path, sizeof(path), "%s/pid", folder);
    ck_assert(process_write_pid(path));
    ck_assert_int_eq(pid_in(path), getpid());
    static const char *const before[] = {"", "no number\n", "99999999999999999999\n", "-1\n",
                                         "1\n"};
    for (size_t i = 0; i < ARRAY_COUNT(before); i++) {
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fputs(before[i], file);
        fclose(file);
        ck_assert(process_write_pid(path));
        ck_assert_int_eq(pid_in(path), getpid());
    }
}
END_TEST

START_TEST(a_pid_file_that_cannot_be_written_is_a_warning) {
    char path[8192];
    snprintf(path, sizeof(path), "%s/none/pid", folder);
    ck_assert(!process_write_pid(path));
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert(!process_write_pid(path));
    ck_assert(!process_write_pid(folder)); /* a folder of that name */
    snprintf(path, sizeof(path), "%s.tmp", folder);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static Suite *run_suite_of(void) {
    Suite *suite = suite_create("run");
    TCase *addresses = tcase_create("addresses");
    tcase_add_test(addresses, addresses_are_taken_apart);
    tcase_add_test(addresses, addresses_that_are_none_are_refused);
    suite_add_tcase(suite, addresses);
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, the_pid_file_holds_the_pid_whatever_was_there);
    tcase_add_test(files, a_pid_file_that_cannot_be_written_is_a_warning);
    suite_add_tcase(suite, files);
    return suite;
}

int main(void) {
    return run_suite(run_suite_of());
}
