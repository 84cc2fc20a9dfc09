/* What is told of hellos that are turned down, and how often. */
#include "repl/trouble.h"

#include <check.h>
#include <string.h>

#include "t/unit/suite.h"

static struct trouble trouble;
static char text[TROUBLE_TEXT_BYTES];

static void setup(void) {
    memset(&trouble, 0, sizeof(trouble));
}

START_TEST(a_text_is_told_once) {
    ck_assert(!trouble_take(&trouble, 0, text));
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "no %s", "entry");
    ck_assert(trouble_take(&trouble, 0, text));
    ck_assert_str_eq(text, "no entry");
    ck_assert(!trouble_take(&trouble, 0, text));
}
END_TEST

START_TEST(what_stays_the_same_is_told_now_and_then) {
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "no entry");
    ck_assert(trouble_take(&trouble, 1000, text));
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "no entry");
    ck_assert(!trouble_take(&trouble, 1000 + TROUBLE_SAME_EVERY_MS - 1, text));
    ck_assert(trouble_take(&trouble, 1000 + TROUBLE_SAME_EVERY_MS, text));
}
END_TEST

START_TEST(something_else_is_told_sooner_and_only_the_latest) {
    trouble_note(&trouble, TROUBLE_THEIR_HELLO, "from a");
    ck_assert(trouble_take(&trouble, 1000, text));
    for (char who = 'b'; who <= 'z'; who++) {
        trouble_note(&trouble, TROUBLE_THEIR_HELLO, "from %c", who);
        ck_assert(!trouble_take(&trouble, 1000 + TROUBLE_EVERY_MS - 1, text));
    }
    ck_assert(trouble_take(&trouble, 1000 + TROUBLE_EVERY_MS, text));
    ck_assert_str_eq(text, "from z");
    ck_assert(!trouble_take(&trouble, 1000 + TROUBLE_EVERY_MS, text));
}
END_TEST

START_TEST(after_better_times_it_is_told_at_once) {
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "no entry");
    ck_assert(trouble_take(&trouble, 1000, text));
    trouble_clear(&trouble, TROUBLE_OUR_HELLO);
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "no entry");
    ck_assert(trouble_take(&trouble, 1001, text));
}
END_TEST

START_TEST(subjects_do_not_hold_each_other_up) {
    trouble_note(&trouble, TROUBLE_THEIR_HELLO, "theirs");
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "ours");
    ck_assert(trouble_take(&trouble, 0, text));
    ck_assert_str_eq(text, "ours");
    ck_assert(trouble_take(&trouble, 0, text));
    ck_assert_str_eq(text, "theirs");
}
END_TEST

START_TEST(a_text_is_printable_and_cut) {
    char line[TROUBLE_TEXT_BYTES * 2];
    memset(line, '\n', sizeof(line));
    memcpy(line, "\x1b[2J\xff", 5);
    line[sizeof(line) - 1] = '\0';
    trouble_note(&trouble, TROUBLE_OUR_HELLO, "%s", line);
    ck_assert(trouble_take(&trouble, 0, text));
    ck_assert_uint_eq(strlen(text), TROUBLE_TEXT_BYTES - 1);
    ck_assert_uint_eq(strspn(text, "?[2J"), TROUBLE_TEXT_BYTES - 1);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("trouble");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_text_is_told_once);
    tcase_add_test(tcase, what_stays_the_same_is_told_now_and_then);
    tcase_add_test(tcase, something_else_is_told_sooner_and_only_the_latest);
    tcase_add_test(tcase, after_better_times_it_is_told_at_once);
    tcase_add_test(tcase, subjects_do_not_hold_each_other_up);
    tcase_add_test(tcase, a_text_is_printable_and_cut);
    Suite *suite = suite_create("trouble");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
