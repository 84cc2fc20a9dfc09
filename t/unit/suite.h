/* What the mains of the unit tests share. */
#ifndef SUITE_H
#define SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Whether each test has a process of its own, as one that ends by a signal needs it. CK_NOFORK in
 * the environment keeps them all in one, for a debugger.
 */
static inline bool suites_fork(void) {
    return !getenv("CK_NOFORK");
}

/* Runs the suites, of which it takes possession; the exit status for main. */
static inline int run_suites(size_t count, Suite *const suites[]) {
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < count; i++)
        srunner_add_suite(runner, suites[i]);
    if (!suites_fork())
        srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int run_suite(Suite *suite) {
    return run_suites(1, &suite);
}

#endif
