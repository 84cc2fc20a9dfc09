/* How much CPU time a process has used, from /proc. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_time {
    double total_s;   /* of all threads; to the nanosecond where the kernel keeps schedstat */
    double busiest_s; /* of the thread with the most */
    double user_s;    /* as clock ticks give them: good for the split, coarse for the sum */
    double system_s;
    bool is_exact; /* total_s comes from schedstat, not from ticks */
};

/*
 * Reads it once no thread of the process is running any more (or after a tenth of a second): the
 * kernel accounts for a stretch of work when the thread goes to sleep. False: no such process.
 */
bool cpu_time_read(uint32_t pid, struct cpu_time *time);

/* What was spent between two readings. Ticks are only trusted with how the exact time divides. */
struct cpu_time cpu_time_between(const struct cpu_time *before, const struct cpu_time *after);

/* Pins the calling thread. False if the CPU cannot be had. */
bool cpu_pin(uint32_t cpu);

#endif
