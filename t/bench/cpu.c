#define _GNU_SOURCE 1

#include "t/bench/cpu.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SETTLE_TRIES_MAX = 200, SETTLE_PAUSE_NS = 500 * 1000 };

/* Reads a small file of /proc whole. */
static bool read_small(const char *path, char *text, size_t text_bytes) {
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t got = fread(text, 1, text_bytes - 1, file);
    text[got] = '\0';
    fclose(file);
    return got > 0;
}

/*
 * proc(5), /proc/pid/stat: the fields after the name in brackets; field 3 is the state, 14 and 15
 * utime and stime.
 */
static bool read_stat(const char *path, char *state, double *user_s, double *system_s) {
    char text[1024];
    unsigned long long user_ticks, system_ticks;
    if (!read_small(path, text, sizeof(text)))
        return false;
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", state,
                      &user_ticks, &system_ticks) != 3)
        return false;
    double hz = (double)sysconf(_SC_CLK_TCK);
    *user_s = (double)user_ticks / hz;
    *system_s = (double)system_ticks / hz;
    return true;
}

/* One pass over the threads. `any_runs`: some thread was on a CPU or waiting for one. */
static bool read_threads(uint32_t pid, struct cpu_time *time, bool *any_runs) {
    char path[320], text[128], state;
    double user_s, system_s;
    snprintf(path, sizeof(path), "/proc/%u/task", pid);
    DIR *threads = opendir(path);
    if (!threads)
        return false;
    time->total_s = time->busiest_s = 0;
    time->is_exact = true;
    *any_runs = false;
    for (struct dirent *thread; (thread = readdir(threads));) {
        if (thread->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%u/task/%s/stat", pid, thread->d_name);
        if (read_stat(path, &state, &user_s, &system_s) && state == 'R')
            *any_runs = true;
        snprintf(path, sizeof(path), "/proc/%u/task/%s/schedstat", pid, thread->d_name);
        unsigned long long run_ns;
        if (!read_small(path, text, sizeof(text)) || sscanf(text, "%llu", &run_ns) != 1) {
            time->is_exact = false;
            continue;
        }
        time->total_s += (double)run_ns * 1e-9;
        if ((double)run_ns * 1e-9 > time->busiest_s)
            time->busiest_s = (double)run_ns * 1e-9;
    }
    closedir(threads);
    return true;
}

bool cpu_time_read(uint32_t pid, struct cpu_time *time) {
    char path[64], state;
    bool any_runs = true;
    memset(time, 0, sizeof(*time));
    for (int i = 0; any_runs && i < SETTLE_TRIES_MAX; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){.tv_nsec = SETTLE_PAUSE_NS}, NULL);
        if (!read_threads(pid, time, &any_runs))
            return false;
    }
    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    if (!read_stat(path, &state, &time->user_s, &time->system_s))
        return false;
    if (!time->is_exact)
        time->total_s = time->user_s + time->system_s;
    return true;
}

struct cpu_time cpu_time_between(const struct cpu_time *before, const struct cpu_time *after) {
    struct cpu_time spent = {
        .total_s = after->total_s - before->total_s,
        .busiest_s = after->busiest_s - before->busiest_s,
        .user_s = after->user_s - before->user_s,
        .system_s = after->system_s - before->system_s,
        .is_exact = before->is_exact && after->is_exact,
    };
    double ticked = spent.user_s + spent.system_s;
    double scale = ticked > 0 ? spent.total_s / ticked : 0;
    spent.user_s *= scale;
    spent.system_s *= scale;
    return spent;
}

bool cpu_pin(uint32_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}
