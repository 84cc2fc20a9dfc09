/* What a run prints: one key=value line for scripts, one for people. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "t/bench/conn.h"
#include "t/bench/cpu.h"
#include "t/bench/options.h"

struct report {
    const struct options *options;
    const struct tally *tally; /* of all threads */
    double seconds;            /* from the first request to the last reply */
    struct cpu_time cpu;       /* what the server spent meanwhile */
};

/*
 * The line is `mcload label=... ...`; names and units stand in doc/bench.md. Names are only ever
 * added.
 */
void report_line(const struct report *report);
void report_prose(const struct report *report);

#endif
