/* The fill: every key stored once, as fast as the server takes them. */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include <stdint.h>

#include "t/bench/request.h"
#include "t/bench/target.h"

struct fill_result {
    double seconds;
    uint64_t errors; /* lines other than the answers that were asked for */
};

/* Stores all keys over one connection with `set ... noreply`. Exits if the server goes away. */
void fill_run(const struct workload *load, const struct target *target, struct fill_result *result);

#endif
