#include "t/bench/report.h"

#include <stdio.h>

static double per(double amount, uint64_t count) {
    return count ? amount / (double)count : 0;
}

static double us(uint64_t ns) {
    return (double)ns / 1000;
}

void report_line(const struct report *report) {
    const struct options *options = report->options;
    const struct tally *tally = report->tally;
    const struct cpu_time *cpu = &report->cpu;
    const struct hist *latency = &tally->latency;
    printf("mcload label=%s form=%s get_percent=%u multiget=%u conns=%u threads=%u pipeline=%u "
           "loop=%s ",
           options->label, form_name(options->form), options->get_percent, options->multiget,
           options->connections, options->threads, options->pipeline,
           options->rate > 0 ? "open" : "closed");
    printf("seconds=%.6f ops=%llu keys=%llu rate=%.0f hits=%llu misses=%llu stored=%llu wrong=%llu "
           "errors=%llu ",
           report->seconds, (unsigned long long)tally->ops, (unsigned long long)tally->keys,
           report->seconds > 0 ? (double)tally->ops / report->seconds : 0,
           (unsigned long long)tally->hits, (unsigned long long)tally->misses,
           (unsigned long long)tally->stored, (unsigned long long)tally->wrong,
           (unsigned long long)tally->errors);
    printf("p50_us=%.2f p99_us=%.2f p999_us=%.2f max_us=%.2f ", us(hist_percentile(latency, 0.5)),
           us(hist_percentile(latency, 0.99)), us(hist_percentile(latency, 0.999)),
           us(latency->max_ns));
    printf("cpu_s=%.6f cpu_user_s=%.6f cpu_system_s=%.6f cpu_busiest_s=%.6f cpu_exact=%d busy=%.3f "
           "cpu_us_per_op=%.4f user_us_per_op=%.4f system_us_per_op=%.4f cpu_us_per_key=%.4f\n",
           cpu->total_s, cpu->user_s, cpu->system_s, cpu->busiest_s, cpu->is_exact,
           report->seconds > 0 ? cpu->total_s / report->seconds : 0,
           per(cpu->total_s * 1e6, tally->ops), per(cpu->user_s * 1e6, tally->ops),
           per(cpu->system_s * 1e6, tally->ops), per(cpu->total_s * 1e6, tally->keys));
}

void report_prose(const struct report *report) {
    const struct tally *tally = report->tally;
    const struct cpu_time *cpu = &report->cpu;
    printf("%llu operations in %.3f s: %.0f a second; p50 %.1f us, p99 %.1f us, p99.9 %.1f us, "
           "longest %.1f us\n",
           (unsigned long long)tally->ops, report->seconds,
           report->seconds > 0 ? (double)tally->ops / report->seconds : 0,
           us(hist_percentile(&tally->latency, 0.5)), us(hist_percentile(&tally->latency, 0.99)),
           us(hist_percentile(&tally->latency, 0.999)), us(tally->latency.max_ns));
    printf("server CPU: %.3f us an operation (user %.3f, system %.3f)",
           per(cpu->total_s * 1e6, tally->ops), per(cpu->user_s * 1e6, tally->ops),
           per(cpu->system_s * 1e6, tally->ops));
    if (tally->keys != tally->ops)
        printf(", %.3f us a key", per(cpu->total_s * 1e6, tally->keys));
    printf("; busy %.0f %% of the time\n",
           report->seconds > 0 ? 100 * cpu->total_s / report->seconds : 0);
    if (tally->misses || tally->wrong || tally->errors)
        printf("misses %llu, wrong values %llu, errors %llu%s%s\n",
               (unsigned long long)tally->misses, (unsigned long long)tally->wrong,
               (unsigned long long)tally->errors, tally->errors ? ", the first: " : "",
               tally->first_error);
}
