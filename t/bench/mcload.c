/*
 * mcload: a load for a memcached on this machine, which checks every reply and reads the server's
 * CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "t/bench/fill.h"
#include "t/bench/report.h"
#include "t/bench/worker.h"

static _Noreturn void give_up(const char *why) {
    fprintf(stderr, "mcload: %s\n", why);
    exit(1);
}

static void fill(const struct workload *load, const struct target *target) {
    struct fill_result result;
    fill_run(load, target, &result);
    if (!load->options->is_brief || result.errors)
        printf("fill keys=%u seconds=%.3f rate=%.0f errors=%llu\n", load->keys->key_count,
               result.seconds, load->keys->key_count / result.seconds,
               (unsigned long long)result.errors);
    if (result.errors)
        give_up("the fill met errors");
}

static void run_phase(struct worker *workers, uint32_t count, const struct phase *phase) {
    if (workers_run(workers, count, phase))
        return;
    for (uint32_t i = 0; i < count; i++)
        if (workers[i].failure)
            give_up(workers[i].failure);
}

/* Adds up the workers' tallies; returns the seconds from the first start to the last reply. */
static double merge(struct worker *workers, uint32_t count, struct tally *sum) {
    uint64_t start_ns = UINT64_MAX;
    memset(sum, 0, sizeof(*sum));
    for (uint32_t i = 0; i < count; i++) {
        const struct tally *tally = &workers[i].tally;
        sum->ops += tally->ops;
        sum->keys += tally->keys;
        sum->hits += tally->hits;
        sum->misses += tally->misses;
        sum->stored += tally->stored;
        sum->wrong += tally->wrong;
        if (sum->errors == 0)
            memcpy(sum->first_error, tally->first_error, sizeof(sum->first_error));
        sum->errors += tally->errors;
        hist_merge(&sum->latency, &tally->latency);
        if (tally->last_reply_ns > sum->last_reply_ns)
            sum->last_reply_ns = tally->last_reply_ns;
        if (workers[i].start_ns < start_ns)
            start_ns = workers[i].start_ns;
    }
    return (double)(sum->last_reply_ns - start_ns) * 1e-9;
}

/* The warm-up, then the measured phase between two readings of the server's CPU time. */
static bool measure(struct worker *workers, const struct options *options, uint32_t pid) {
    struct cpu_time before, after;
    struct tally *sum = mem_alloc(sizeof(*sum));
    struct phase warmup = {.duration_ns = (uint64_t)(options->warmup_seconds * 1e9)};
    struct phase measured = {.ops = options->ops,
                             .duration_ns = (uint64_t)(options->seconds * 1e9)};
    if (!sum)
        give_up("no memory");
    if (warmup.duration_ns)
        run_phase(workers, options->threads, &warmup);
    if (!cpu_time_read(pid, &before))
        give_up("cannot read the server's CPU time from /proc");
    run_phase(workers, options->threads, &measured);
    if (!cpu_time_read(pid, &after))
        give_up("cannot read the server's CPU time from /proc");
    struct report report = {
        .options = options,
        .tally = sum,
        .seconds = merge(workers, options->threads, sum),
        .cpu = cpu_time_between(&before, &after),
    };
    report_line(&report);
    if (!options->is_brief)
        report_prose(&report);
    else if (sum->errors)
        fprintf(stderr, "mcload: first error: %s\n", sum->first_error);
    bool is_good = sum->wrong == 0 && sum->errors == 0;
    mem_free(sum);
    return is_good;
}

int main(int argc, char **argv) {
    struct options options;
    struct target target;
    struct keyspace keys;
    struct workload load;
    struct rng rng;
    options_parse(&options, argc, argv);
    target_parse(&target, options.server);
    rng_seed(&rng, options.seed);
    if (!keyspace_make(&keys, options.keys, options.key_bytes, &options.value_sizes, options.zipf,
                       &rng))
        give_up("no memory");
    workload_make(&load, &options, &keys);
    if (options.wants_fill)
        fill(&load, &target);

    bool is_good = true;
    struct worker *workers = mem_zalloc(options.threads * sizeof(*workers));
    if (!workers)
        give_up("no memory");
    if (options.seconds > 0 || options.ops > 0) {
        uint32_t pid = options.pid ? options.pid : target_pid(&target);
        for (uint32_t i = 0; i < options.threads; i++)
            if (!worker_make(&workers[i], &load, &target, i))
                give_up("no memory, or too few file descriptors, for the connections");
        is_good = measure(workers, &options, pid);
        for (uint32_t i = 0; i < options.threads; i++)
            worker_drop(&workers[i]);
    }
    mem_free(workers);
    keyspace_drop(&keys);
    return is_good ? 0 : 1;
}
