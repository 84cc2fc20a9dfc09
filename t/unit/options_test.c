/* The table of settings and the command line that is read with it. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/serve/options.h"
#include "memcached/serve/settings_table.h"
#include "t/unit/suite.h"

enum { WORDS_MAX = 16, EXIT_USAGE = 64, EXIT_SYSTEM = 71 };

static struct settings settings;
static struct options_result result;
static char words_memory[1024]; /* what the words of the last line point to */

static void setup(void) {
    settings_init(&settings);
}

static void teardown(void) {
    settings_free(&settings);
}

/* Reads a line of words afresh. */
static void parse(const char *line) {
    char *words[WORDS_MAX + 1] = {NULL};
    char program[] = "memcached";
    int count = 0;
    words[count++] = program;
    snprintf(words_memory, sizeof(words_memory), "%s", line);
    for (char *word = strtok(words_memory, " "); word; word = strtok(NULL, " ")) {
        ck_assert_int_lt(count, WORDS_MAX);
        words[count++] = word;
    }
    settings_free(&settings);
    settings_init(&settings);
    options_parse(count, words, &settings, &result);
}

static void parse_words(const char *first, const char *second) {
    char one[256];
    char two[256];
    char program[] = "memcached";
    char *words[] = {program, one, two, NULL};
    snprintf(one, sizeof(one), "%s", first);
    snprintf(two, sizeof(two), "%s", second);
    settings_free(&settings);
    settings_init(&settings);
    options_parse(3, words, &settings, &result);
}

static void assert_accepted(const char *line) {
    parse(line);
    ck_assert_msg(result.outcome == OPTIONS_RUN, "%s: %s", line, result.message);
}

static void assert_refused(const char *line, int exit_status, const char *message) {
    parse(line);
    ck_assert_msg(result.outcome == OPTIONS_BAD, "%s is accepted", line);
    ck_assert_msg(strstr(result.message, message), "%s: %s", line, result.message);
    ck_assert_msg(!strchr(result.message, '\n'), "%s: more than a line", line);
    ck_assert_msg(result.exit_status == exit_status, "%s: status %d", line, result.exit_status);
}

/* ---- the table ------------------------------------------------------------------------------- */

START_TEST(rows_do_not_share_letters_names_or_ranks) {
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *a = &setting_rows[i];
        for (size_t j = i + 1; j < setting_row_count; j++) {
            const struct setting_row *b = &setting_rows[j];
            ck_assert_msg(!a->letter || a->letter != b->letter, "-%c twice", a->letter);
            ck_assert_msg(!a->rank || a->rank != b->rank, "rank %d twice", a->rank);
            if (a->name && b->name)
                ck_assert_str_ne(a->name, b->name);
            if (a->suboption && b->suboption)
                ck_assert_str_ne(a->suboption, b->suboption);
            if (a->stat && b->stat)
                ck_assert_str_ne(a->stat, b->stat);
        }
        ck_assert_int_eq(a->stat != NULL, a->rank != 0);
        ck_assert_int_le(a->rank, SETTING_RANK_MAX);
        ck_assert_msg(!a->letter || !a->suboption, "-%c is both", a->letter);
    }
}
END_TEST

START_TEST(every_letter_and_suboption_of_memcached_is_known) {
    static const char letters[] = "pUsaAldrumMckvhiVPfnLDtRCbBISFXWYeZoN";
    static const char suboptions[] =
        "maxconns_fast,hashpower,tail_repair_time,hash_algorithm,no_lru_crawler,lru_crawler_sleep,"
        "lru_crawler_tocrawl,read_buf_mem_limit,no_lru_maintainer,hot_lru_pct,warm_lru_pct,"
        "hot_max_factor,warm_max_factor,temporary_ttl,idle_timeout,slab_chunk_max,"
        "watcher_logbuf_size,worker_logbuf_size,track_sizes,no_hashexpand,modern,no_modern,"
        "sock_cookie_id,ext_path,ext_page_size,ext_wbuf_size,ext_threads,ext_item_size,"
        "ext_item_age,ext_low_ttl,ext_drop_unread,ext_recache_rate,ext_compact_under,"
        "ext_drop_under,ext_max_frag,ext_max_sleep,slab_automove_freeratio,proxy_config,proxy_arg,"
        "ssl_chain_cert,ssl_key,ssl_keyformat,ssl_verify_mode,ssl_ciphers,ssl_ca_cert,"
        "ssl_wbuf_size,ssl_session_cache,ssl_kernel_tls,ssl_min_version,lru_crawler,"
        "lru_maintainer,slab_reassign,no_slab_reassign,slab_automove,slab_automove_ratio,"
        "slab_automove_window,drop_privileges,no_drop_privileges,relaxed_privileges";
    for (const char *letter = letters; *letter; letter++) {
        char line[] = {'-', *letter, ' ', '1', '\0'};
        parse(line);
        ck_assert_msg(!strstr(result.message, "Illegal argument"), "%s", result.message);
    }
    char list[sizeof(suboptions)];
    memcpy(list, suboptions, sizeof(list));
    for (char *save = NULL, *name = strtok_r(list, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        parse_words("-o", name);
        ck_assert_msg(!strstr(result.message, "Illegal suboption"), "%s", result.message);
    }
}
END_TEST

static const char *spelled(const struct setting_row *row) {
    static char text[64];
    if (row->suboption)
        snprintf(text, sizeof(text), "%s", row->suboption);
    else
        snprintf(text, sizeof(text), "-%c", row->letter);
    return text;
}

static void give(const struct setting_row *row, const char *value) {
    char word[128];
    if (row->suboption) {
        snprintf(word, sizeof(word), "%s%s%s", row->suboption, value ? "=" : "",
                 value ? value : "");
        parse_words("-o", word);
    } else if (row->name) {
        snprintf(word, sizeof(word), "--%s%s%s", row->name, value ? "=" : "", value ? value : "");
        parse_words(word, "x");
    } else {
        snprintf(word, sizeof(word), "-%c", row->letter);
        parse_words(word, value ? value : "x");
    }
}

START_TEST(what_is_not_built_in_is_refused_by_name) {
    unsigned count = 0;
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (!row->refusal)
            continue;
        ck_assert_msg(row->help == NULL || row->take == TAKE_FIXED, "-h tells of %s", spelled(row));
        give(row, row->argument || row->take == TAKE_FIXED ? "7" : NULL);
        ck_assert_msg(result.outcome == OPTIONS_BAD, "%s is accepted", spelled(row));
        ck_assert_int_eq(result.exit_status, EXIT_USAGE);
        ck_assert_msg(strstr(result.message, spelled(row)), "%s", result.message);
        ck_assert_msg(strstr(result.message, "not built into this server"), "%s", result.message);
        ck_assert_msg(strstr(result.message, row->refusal), "%s", result.message);
        count++;
    }
    ck_assert_uint_gt(count, 20);
}
END_TEST

static uint64_t number_in(const struct setting_row *row) {
    const char *field = (const char *)&settings + row->field;
    if (row->type == TYPE_U64)
        return *(const uint64_t *)field;
    return row->type == TYPE_U32 ? *(const uint32_t *)field : (uint64_t) * (const int *)field;
}

/* What stands behind a number is ignored, and told of, where memcached takes the number, too. */
static void assert_rest_is_told_of(const struct setting_row *row, int64_t number) {
    uint64_t unit = row->unit ? row->unit : 1;
    char text[64];
    snprintf(text, sizeof(text), "%" PRId64 "mx", number);
    give(row, text);
    if (row->is_exact || row->is_repl || row->take != TAKE_VALUE) {
        ck_assert_msg(result.outcome == OPTIONS_BAD, "%s %s is accepted", spelled(row), text);
        return;
    }
    ck_assert_msg(result.outcome == OPTIONS_RUN, "%s", result.message);
    ck_assert_uint_eq(number_in(row), (uint64_t)number * unit);
    char told[128];
    snprintf(told, sizeof(told), "%s: taken as %" PRId64 "\n", text, number);
    ck_assert_msg(strstr(result.warnings, told) && strstr(result.warnings, spelled(row)), "%s: %s",
                  text, result.warnings);
}

START_TEST(numbers_are_taken_within_their_bounds_only) {
    unsigned count = 0;
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        bool is_number = row->type == TYPE_U32 || row->type == TYPE_U64 || row->type == TYPE_INT;
        bool is_plain =
            row->take == TAKE_VALUE || row->take == TAKE_PORT || row->take == TAKE_HASHPOWER;
        if (!is_number || !is_plain)
            continue;
        const int64_t inside[] = {row->min, row->max};
        const int64_t outside[] = {row->min - 1, row->max + 1};
        char text[32];
        for (size_t k = 0; k < ARRAY_COUNT(inside); k++) {
            snprintf(text, sizeof(text), "%" PRId64, inside[k]);
            give(row, text);
            uint64_t unit = row->unit ? row->unit : 1;
            ck_assert_msg(number_in(row) == (uint64_t)inside[k] * unit, "%s %s: %s", spelled(row),
                          text, result.message);
            snprintf(text, sizeof(text), "%" PRId64, outside[k]);
            give(row, text);
            ck_assert_msg(result.outcome == OPTIONS_BAD, "%s %s is accepted", spelled(row), text);
            ck_assert_msg(strstr(result.message, text), "%s", result.message);
        }
        const char *const wrong[] = {"x", "-", "99999999999999999999"};
        for (size_t k = 0; k < ARRAY_COUNT(wrong); k++) {
            give(row, wrong[k]);
            ck_assert_msg(result.outcome == OPTIONS_BAD, "%s %s is accepted", spelled(row),
                          wrong[k]);
        }
        assert_rest_is_told_of(row, row->letter == 'm' ? 100 : row->min);
        count++;
    }
    ck_assert_uint_ge(count, 12);
}
END_TEST

START_TEST(flags_become_the_opposite_of_their_default) {
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (row->type != TYPE_BOOL)
            continue;
        settings_init(&settings);
        bool was = *(const bool *)((const char *)&settings + row->field);
        give(row, NULL);
        ck_assert_msg(result.outcome == OPTIONS_RUN, "%s: %s", spelled(row), result.message);
        bool is = *(const bool *)((const char *)&settings + row->field);
        ck_assert_msg(is == (row->take == TAKE_SWITCH ? true : !was), "%s", spelled(row));
    }
}
END_TEST

/* ---- single options -------------------------------------------------------------------------- */

START_TEST(defaults_are_memcacheds) {
    assert_accepted("");
    ck_assert_int_eq(settings.port, 11211);
    ck_assert_uint_eq(settings.limit_bytes, 64 << 20);
    ck_assert_uint_eq(settings.maxconns, 1024);
    ck_assert_uint_eq(settings.thread_count, 4);
    ck_assert_uint_eq(settings.item_bytes_max, 1 << 20);
    ck_assert_uint_eq(settings.reqs_per_event, 20);
    ck_assert_uint_eq(settings.slab_chunk_max, 512 << 10);
    ck_assert_uint_eq(settings.access_mask, 0700);
    ck_assert(settings.growth_factor > 1.249 && settings.growth_factor < 1.251);
    ck_assert(settings.is_evicting && settings.has_cas && settings.is_maxconns_fast);
    ck_assert_ptr_null(settings.repl_peer);
}
END_TEST

START_TEST(letters_names_and_abbreviations_mean_the_same) {
    assert_accepted("-p 1234 -m 100 -vv -M -C -o idle_timeout=5,no_maxconns_fast");
    ck_assert_int_eq(settings.port, 1234);
    ck_assert_uint_eq(settings.limit_bytes, 100 << 20);
    ck_assert_int_eq(atomic_load(&settings.verbose), 2);
    ck_assert(!settings.is_evicting && !settings.has_cas && !settings.is_maxconns_fast);
    ck_assert_uint_eq(settings.idle_timeout, 5);
    assert_accepted("--port=1234 --memory-l=100 --disable-cas --extended=idle_timeout=5");
    ck_assert_int_eq(settings.port, 1234);
    ck_assert_uint_eq(settings.limit_bytes, 100 << 20);
    ck_assert(!settings.has_cas);
    ck_assert_uint_eq(settings.idle_timeout, 5);
}
END_TEST

START_TEST(a_udp_port_alone_is_a_tcp_port_too) {
    static const struct {
        const char *line;
        int tcp, udp;
        unsigned udp_threads;
    } cases[] = {
        {"-t 3", 11211, 0, 3},
        {"-U 1234 -t 3", 1234, 1234, 3},
        {"-U -1", -1, -1, 4},
        {"-U 1234 -p 5", 5, 1234, 4},
        {"-p 5 -U 1234", 5, 1234, 4},
        {"-p 0 -U 1234", 0, 1234, 4},
        {"-U 0", 11211, 0, 4},
        {"-U 1234 -l 127.0.0.1", 1234, 1234, 4},
        {"-U 1234 -l 127.0.0.1,127.0.0.2", 1234, 1234, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_accepted(cases[i].line);
        ck_assert_msg(settings.port == cases[i].tcp, "%s: TCP %d", cases[i].line, settings.port);
        ck_assert_int_eq(settings.udp_port, cases[i].udp);
        ck_assert_uint_eq(settings_udp_threads(&settings), cases[i].udp_threads);
    }
    assert_refused("-U 65536", EXIT_USAGE, "Invalid port number 65536");
    assert_refused("-U -2", EXIT_USAGE, "-U takes");
}
END_TEST

START_TEST(listen_adds_up) {
    assert_accepted("-l 127.0.0.1,127.0.0.2:11 -l [::1]:12");
    ck_assert_uint_eq(settings.listen_count, 3);
    ck_assert_str_eq(settings.listen[0], "127.0.0.1");
    ck_assert_str_eq(settings.listen[1], "127.0.0.2:11");
    ck_assert_str_eq(settings.listen[2], "[::1]:12");
    ck_assert_str_eq(settings.listen_text, "127.0.0.1,127.0.0.2:11,[::1]:12");
    assert_refused("-l ,", EXIT_USAGE, "-l");
    assert_refused("-l notls:127.0.0.1", EXIT_SYSTEM, "valid only when SSL is enabled");
}
END_TEST

START_TEST(too_many_addresses_are_refused) {
    char *words[SETTINGS_LISTEN_MAX * 4];
    char program[] = "memcached";
    char option[] = "-l";
    char address[] = "127.0.0.1";
    int count = 0;
    words[count++] = program;
    for (unsigned i = 0; i <= SETTINGS_LISTEN_MAX; i++) {
        words[count++] = option;
        words[count++] = address;
    }
    words[count] = NULL;
    options_parse(count, words, &settings, &result);
    ck_assert_int_eq(result.outcome, OPTIONS_BAD);
}
END_TEST

START_TEST(item_sizes_take_suffixes) {
    assert_accepted("-I 2m");
    ck_assert_uint_eq(settings.item_bytes_max, 2 << 20);
    assert_accepted("-I 512k");
    ck_assert_uint_eq(settings.item_bytes_max, 512 << 10);
    assert_accepted("-I 1048576");
    assert_accepted("-I 1g -m 2048");
    ck_assert_uint_eq(settings.item_bytes_max, 1 << 30);
}
END_TEST

START_TEST(help_and_version_end_at_once) {
    parse("-h -c 0");
    ck_assert_int_eq(result.outcome, OPTIONS_HELP);
    parse("--version -c 0");
    ck_assert_int_eq(result.outcome, OPTIONS_VERSION);
    parse("-i");
    ck_assert_int_eq(result.outcome, OPTIONS_LICENSE);
    assert_refused("-c 0 -h", 1, "Maximum connections");
}
END_TEST

START_TEST(bad_input_is_refused_in_one_line) {
    static const struct {
        const char *line;
        int exit_status;
        const char *message;
    } rows[] = {
        {"--fooble", 1, "--fooble"},
        {"-Q", 1, "-Q"},
        {"-p", 1, "-p"},
        {"--port", 1, "--port"},
        {"-p 70000", EXIT_USAGE, "ERROR: Invalid port number 70000"},
        {"-c 0", 1, "Maximum connections must be greater than 0"},
        {"-c -1", 1, "Maximum connections must be greater than 0"},
        {"-t 0", 1, "Number of threads must be greater than 0"},
        {"-R 0", 1, "Number of requests per event must be greater than 0"},
        {"-n 0", 1, "Chunk size must be greater than 0"},
        {"-f 1", 1, "Factor must be greater than 1"},
        {"-f nan", 1, "Factor must be greater than 1"},
        {"-f 1e9", EXIT_USAGE, "-f"},
        {"-a 888", EXIT_USAGE, "888"},
        {"-a 1777", EXIT_USAGE, "1777"},
        {"-B http", EXIT_USAGE, "Invalid value for binding protocol: http"},
        {"-B BINARY", EXIT_USAGE, "Invalid value for binding protocol: BINARY"},
        {"-I 10", EXIT_USAGE, "Item max size cannot be less than 1024 bytes"},
        {"-I 1q", EXIT_USAGE, "Item max size"},
        {"-I 40m", EXIT_USAGE, "Cannot set item size limit higher than 1/2 of memory max"},
        {"-I 1025m -m 4096", EXIT_USAGE, "Cannot set item size limit higher than a gigabyte"},
        {"-m 1", EXIT_USAGE, "Cannot set item size limit higher than 1/2 of memory max"},
        {"-I 1k", EXIT_USAGE, "slab_chunk_max (bytes: 524288) cannot be larger than -I"},
        {"-o slab_chunk_max=333", EXIT_USAGE, "must be evenly divisible by slab_chunk_max"},
        {"-o fooble", 1, "Illegal suboption \"fooble\""},
        {"-o fooble=1", 1, "Illegal suboption \"fooble=1\""},
        {"-o modern,,modern", 1, "Illegal suboption \"\""},
        {"-o no_track_sizes", 1, "Illegal suboption \"no_track_sizes\""},
        {"-o hashpower", 1, "Missing numeric argument for hashpower"},
        {"-o hashpower=11", 1, "too low"},
        {"-o hashpower=65", 1, "too high"},
        {"-o slab_chunk_max", 1, "Missing slab_chunk_max argument"},
        {"-o hash_algorithm=md5", 1, "Unknown hash_algorithm"},
        {"-o repl_log_mb=5", EXIT_USAGE, "-o repl_log_mb needs -x"},
        {"-x peer -p 0", EXIT_USAGE, "-p 0"},
        {"-x peer -o repl_timeout=100,repl_heartbeat=90", EXIT_USAGE, "at least twice"},
        {"-x peer -o repl_ack", EXIT_USAGE, "repl_ack"},
        {"-x peer:0", EXIT_USAGE, "peer:0"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_refused(rows[i].line, rows[i].exit_status, rows[i].message);
}
END_TEST

START_TEST(what_changes_nothing_is_accepted) {
    static const char *const lines[] = {
        "-U 0",
        "-B auto",
        "-B ascii",
        "-B binary",
        "-o modern",
        "-o relaxed_privileges",
        "-o lru_maintainer",
        "-o slab_reassign,no_lru_crawler,no_inline_ascii_resp",
        "-o hash_algorithm=jenkins",
        "-o hot_lru_pct=20,warm_lru_pct=40,slab_automove=0",
        "-X -W",
        "-L",
        "word other",
        "-o modern,",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        assert_accepted(lines[i]);
}
END_TEST

START_TEST(peers_are_hosts_with_or_without_ports) {
    static const char *const good[] = {
        "host",          "host.example:11211",  "192.0.2.1",   "192.0.2.1:1",
        "[2001:db8::1]", "[2001:db8::1]:65535", "2001:db8::1", "::1",
        "fe80::1%eth0"};
    static const char *const bad[] = {
        "",       ":11211",   "host:", "host:0", "host:65536", "host:x",  "[::1", "[::1]x",
        "[::1]:", "[host]:1", "1:2:3", "[]",     "a b",        "host:+1", "a,b",  "host:11211:1"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        ck_assert_msg(options_is_peer(good[i]), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        ck_assert_msg(!options_is_peer(bad[i]), "%s", bad[i]);
    parse_words("-x", "host:123");
    ck_assert_str_eq(settings.repl_peer, "host:123");
    parse_words("-x", "");
    ck_assert_int_eq(result.outcome, OPTIONS_BAD);
}
END_TEST

/* ---- help ------------------------------------------------------------------------------------ */

START_TEST(help_tells_of_every_option_that_does_something) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    options_print_help(memory);
    fclose(memory);
    ck_assert_int_eq(strncmp(text, "memcached 1.6.45\n", 17), 0);
    ck_assert_ptr_nonnull(
        strstr(text, "\n-p, --port=<num>          TCP port to listen on (default: 11211)\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n-x, --replication-peer=<host[:port]>"));
    ck_assert_ptr_nonnull(strstr(text, "(default: 64)"));
    ck_assert_ptr_null(strstr(text, "%"));
    ck_assert_ptr_null(strstr(text, "NULL"));
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        char left[64];
        if (!row->help)
            continue;
        if (row->suboption)
            snprintf(left, sizeof(left), "\n   - %s: ", row->suboption);
        else if (row->name)
            snprintf(left, sizeof(left), "\n-%c, --%s", row->letter, row->name);
        else
            snprintf(left, sizeof(left), "\n-%c %s ", row->letter, row->argument);
        ck_assert_msg(strstr(text, left), "no line of %s", spelled(row));
    }
    free(text);
}
END_TEST

START_TEST(version_is_bare_on_its_first_line) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    options_print_version(memory);
    fclose(memory);
    ck_assert_int_eq(strncmp(text, "memcached 1.6.45\n", 17), 0);
    ck_assert_msg(strlen(text) > 17, "no line of our own version");
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rows_do_not_share_letters_names_or_ranks);
    tcase_add_test(tcase, defaults_are_memcacheds);
    tcase_add_test(tcase, letters_names_and_abbreviations_mean_the_same);
    tcase_add_test(tcase, every_letter_and_suboption_of_memcached_is_known);
    tcase_add_test(tcase, numbers_are_taken_within_their_bounds_only);
    tcase_add_test(tcase, flags_become_the_opposite_of_their_default);
    tcase_add_test(tcase, item_sizes_take_suffixes);
    tcase_add_test(tcase, a_udp_port_alone_is_a_tcp_port_too);
    tcase_add_test(tcase, listen_adds_up);
    tcase_add_test(tcase, too_many_addresses_are_refused);
    tcase_add_test(tcase, peers_are_hosts_with_or_without_ports);
    tcase_add_test(tcase, what_changes_nothing_is_accepted);
    tcase_add_test(tcase, what_is_not_built_in_is_refused_by_name);
    tcase_add_test(tcase, bad_input_is_refused_in_one_line);
    tcase_add_test(tcase, help_and_version_end_at_once);
    tcase_add_test(tcase, help_tells_of_every_option_that_does_something);
    tcase_add_test(tcase, version_is_bare_on_its_first_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
