/* What the command line of mcload asks for. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "t/bench/keys.h"

enum form { FORM_CLASSIC, FORM_META, FORM_QUIET, FORM_BINARY };

struct options {
    const char *server;
    const char *label;
    uint32_t pid; /* 0: ask the server */
    enum form form;
    uint32_t get_percent;
    uint32_t multiget;
    uint32_t connections;
    uint32_t threads;
    uint32_t pipeline;
    double rate; /* 0: closed loop */
    uint32_t keys;
    uint32_t key_bytes;
    double zipf;
    struct size_spec value_sizes;
    uint32_t ttl;
    double seconds;
    uint64_t ops; /* 0: seconds count */
    double warmup_seconds;
    bool wants_fill;
    double fill_rate; /* 0: not limited */
    int32_t cpu;      /* -1: not pinned */
    uint64_t seed;
    bool is_brief;
};

const char *form_name(enum form form);

/*
 * Fills `options` from the command line; texts are borrowed from argv. On --help, or on anything
 * wrong, says so and exits.
 */
void options_parse(struct options *options, int argc, char **argv);

#endif
