/*
 * mcreplay: plays a trace as an application with a cache would: get, and set after a miss. Several
 * servers get the same requests side by side, batch by batch, so that whatever happens to the
 * machine happens to all of them. doc/bench.md says how to read what it prints.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "t/bench/keys.h"
#include "t/bench/target.h"
#include "t/bench/trace.h"

enum {
    BATCH_REQUESTS = 32, /* gets in one go; their misses are stored with the next batch */
    SIDES_MAX = 4,
    KEY_BYTES = 16,
    LINE_BYTES_MAX = 128, /* of a request or an answer, its CR LF included */
    OUT_BYTES = BATCH_REQUESTS * (2 * LINE_BYTES_MAX + TRACE_VALUE_BYTES_MAX),
    IN_BYTES = BATCH_REQUESTS * (2 * LINE_BYTES_MAX + TRACE_VALUE_BYTES_MAX),
    WARM_PERCENT = 40, /* of the trace are played before hits count */
    MEMORY_MB_DEFAULT = 32,
    MEMORY_MB_MAX = 65536,
};

/* One server and what came of the requests to it. */
struct side {
    const char *address;
    struct target target;
    int fd;
    char *out;
    size_t out_end;
    char *in;
    size_t in_start, in_end;
    uint64_t hits, refused;
};

struct replay {
    struct side sides[SIDES_MAX];
    unsigned side_count;
    struct trace trace;
    struct keyspace keys; /* for the spelling of keys alone */
    struct trace_request batch[BATCH_REQUESTS];
    unsigned batch_count;
    bool is_counting;
    uint64_t counted; /* requests */
};

__attribute__((format(printf, 1, 2))) static _Noreturn void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "mcreplay: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

static void put(struct side *side, const char *text, size_t bytes) {
    memcpy(side->out + side->out_end, text, bytes);
    side->out_end += bytes;
}

static void put_key(const struct replay *replay, struct side *side, uint32_t index) {
    key_put(&replay->keys, side->out + side->out_end, index);
    side->out_end += KEY_BYTES;
}

static void put_set(const struct replay *replay, struct side *side,
                    const struct trace_request *request) {
    char rest[LINE_BYTES_MAX];
    int bytes =
        snprintf(rest, sizeof(rest), " 0 %u %u noreply\r\n", request->ttl_s, request->value_bytes);
    put(side, "set ", 4);
    put_key(replay, side, request->index);
    put(side, rest, (size_t)bytes);
    value_put(side->out + side->out_end, request->index, request->value_bytes);
    side->out_end += request->value_bytes;
    put(side, "\r\n", 2);
}

static void send_all(struct side *side) {
    size_t sent = 0;
    while (sent < side->out_end) {
        ssize_t got = send(side->fd, side->out + sent, side->out_end - sent, MSG_NOSIGNAL);
        if (got <= 0)
            give_up("%s: send: %s", side->address, strerror(errno));
        sent += (size_t)got;
    }
    side->out_end = 0;
}

/* At least `bytes` of the answer, from the start of what was not read yet. */
static const char *await(struct side *side, size_t bytes) {
    if (side->in_start == side->in_end)
        side->in_start = side->in_end = 0;
    if (IN_BYTES - side->in_start < bytes) {
        memmove(side->in, side->in + side->in_start, side->in_end - side->in_start);
        side->in_end -= side->in_start;
        side->in_start = 0;
    }
    while (side->in_end - side->in_start < bytes) {
        ssize_t got = recv(side->fd, side->in + side->in_end, IN_BYTES - side->in_end, 0);
        if (got <= 0)
            give_up("%s: receive: %s", side->address, got ? strerror(errno) : "closed");
        side->in_end += (size_t)got;
    }
    return side->in + side->in_start;
}

/* A line of the answer, with its CR LF; good until more is awaited. */
static const char *take_line(struct side *side, size_t *bytes) {
    for (size_t at = 1;; at++) {
        const char *text = await(side, at);
        if (text[at - 1] != '\n')
            continue;
        side->in_start += at;
        *bytes = at;
        return text;
    }
}

static bool starts_with(const char *text, size_t bytes, const char *start) {
    return bytes >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

static void take_value(struct replay *replay, struct side *side, const char *line, size_t bytes,
                       const struct trace_request *request) {
    char tail[LINE_BYTES_MAX];
    int tail_bytes = snprintf(tail, sizeof(tail), " 0 %u\r\n", request->value_bytes);
    if (bytes != 6 + KEY_BYTES + (size_t)tail_bytes ||
        !key_matches(&replay->keys, line + 6, request->index) ||
        memcmp(line + 6 + KEY_BYTES, tail, (size_t)tail_bytes) != 0)
        give_up("%s: wrong answer: %.*s", side->address, (int)bytes, line);
    const char *value = await(side, request->value_bytes + 2);
    if (!value_matches(value, request->index, request->value_bytes))
        give_up("%s: wrong value of key %u", side->address, request->index);
    side->in_start += request->value_bytes + 2;
    line = take_line(side, &bytes);
    if (!starts_with(line, bytes, "END\r\n"))
        give_up("%s: no end of a value: %.*s", side->address, (int)bytes, line);
}

/* The answer to one get. True for a hit. */
static bool take_answer(struct replay *replay, struct side *side,
                        const struct trace_request *request) {
    for (;;) {
        size_t bytes;
        const char *line = take_line(side, &bytes);
        if (starts_with(line, bytes, "END\r\n"))
            return false;
        if (starts_with(line, bytes, "VALUE ")) {
            take_value(replay, side, line, bytes, request);
            return true;
        }
        /* to a set, although it wanted no answer */
        if (!starts_with(line, bytes, "SERVER_ERROR out of memory"))
            give_up("%s: %.*s", side->address, (int)bytes, line);
        side->refused++;
    }
}

static void play_batch(struct replay *replay) {
    for (unsigned i = 0; i < replay->side_count; i++) {
        struct side *side = &replay->sides[i];
        for (unsigned j = 0; j < replay->batch_count; j++) {
            put(side, "get ", 4);
            put_key(replay, side, replay->batch[j].index);
            put(side, "\r\n", 2);
        }
        send_all(side);
    }
    for (unsigned i = 0; i < replay->side_count; i++) {
        struct side *side = &replay->sides[i];
        for (unsigned j = 0; j < replay->batch_count; j++) {
            if (!take_answer(replay, side, &replay->batch[j]))
                put_set(replay, side, &replay->batch[j]);
            else if (replay->is_counting)
                side->hits++;
        }
    }
    if (replay->is_counting)
        replay->counted += replay->batch_count;
}

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* A trace that is about seconds is not played faster than they pass. */
static void keep_pace(const struct trace *trace, const struct timespec *start) {
    double due = (double)trace->kind->seconds * (double)trace->step / (double)trace->step_count;
    double ahead = due - seconds_since(start);
    if (trace->kind->seconds == 0 || ahead <= 0)
        return;
    struct timespec nap = {.tv_sec = (time_t)ahead,
                           .tv_nsec = (long)((ahead - (double)(time_t)ahead) * 1e9)};
    nanosleep(&nap, NULL);
}

static void play(struct replay *replay) {
    struct trace *trace = &replay->trace;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (trace->step < trace->step_count) {
        replay->is_counting = trace->step * 100 >= trace->step_count * WARM_PERCENT;
        replay->batch_count = 0;
        while (replay->batch_count < BATCH_REQUESTS && trace->step < trace->step_count)
            replay->batch[replay->batch_count++] = trace_next(trace);
        play_batch(replay);
        keep_pace(trace, &start);
    }
    double seconds = seconds_since(&start);
    for (unsigned i = 0; i < replay->side_count; i++) {
        const struct side *side = &replay->sides[i];
        printf("mcreplay trace=%s server=%s seconds=%.1f played=%llu requests=%llu hits=%llu "
               "ratio=%.5f refused=%llu\n",
               trace->kind->name, side->address, seconds, (unsigned long long)trace->step_count,
               (unsigned long long)replay->counted, (unsigned long long)side->hits,
               (double)side->hits / (double)replay->counted, (unsigned long long)side->refused);
    }
}

static void print_help(void) {
    printf("usage: mcreplay --trace NAME --server ADDR [--server ADDR ...] [--memory MB] [--seed "
           "N]\n"
           "Plays a trace against servers on this machine and prints their hit ratios.\n"
           "  --server ADDR  127.0.0.1:11211, [::1]:11211 or /path/of/unix/socket; up to %d\n"
           "  --memory MB    what the servers' -m is: the trace goes by it (default %d)\n"
           "  --seed N       of all chance (default 1)\n"
           "traces:\n",
           SIDES_MAX, MEMORY_MB_DEFAULT);
    for (const struct trace_kind *kind = trace_kinds; kind->name; kind++)
        printf("  %-8s %s\n", kind->name, kind->title);
}

static void add_side(struct replay *replay, const char *address) {
    if (replay->side_count == SIDES_MAX)
        give_up("too many servers");
    struct side *side = &replay->sides[replay->side_count++];
    *side =
        (struct side){.address = address, .out = mem_alloc(OUT_BYTES), .in = mem_alloc(IN_BYTES)};
    if (!side->out || !side->in)
        give_up("no memory");
    target_parse(&side->target, address);
}

static void parse(struct replay *replay, int argc, char **argv) {
    static const struct option names[] = {
        {"trace", required_argument, NULL, 't'},  {"server", required_argument, NULL, 's'},
        {"memory", required_argument, NULL, 'm'}, {"seed", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},         {0}};
    const struct trace_kind *kind = NULL;
    uint64_t memory_mb = MEMORY_MB_DEFAULT, seed = 1;
    int letter;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (letter) {
        case 't':
            kind = trace_kind_named(optarg);
            if (!kind)
                give_up("no trace called %s (try --help)", optarg);
            break;
        case 's':
            add_side(replay, optarg);
            break;
        case 'm':
            if (!num_u64(optarg, strlen(optarg), &memory_mb) || memory_mb == 0 ||
                memory_mb > MEMORY_MB_MAX)
                give_up("--memory: want 1 to %d", MEMORY_MB_MAX);
            break;
        case 'r':
            if (!num_u64(optarg, strlen(optarg), &seed))
                give_up("--seed: want a number");
            break;
        case 'h':
            print_help();
            exit(0);
        default:
            exit(2);
        }
    }
    if (!kind || replay->side_count == 0 || optind < argc)
        give_up("--trace and --server are needed (try --help)");
    trace_start(&replay->trace, kind, memory_mb << 20, seed);
}

int main(int argc, char **argv) {
    static struct replay replay;
    const struct size_spec no_sizes = {0};
    parse(&replay, argc, argv);
    if (!keyspace_make(&replay.keys, 1, KEY_BYTES, &no_sizes, 0, NULL))
        give_up("no memory");
    for (unsigned i = 0; i < replay.side_count; i++)
        replay.sides[i].fd = target_connect(&replay.sides[i].target);
    play(&replay);
    for (unsigned i = 0; i < replay.side_count; i++) {
        close(replay.sides[i].fd);
        mem_free(replay.sides[i].out);
        mem_free(replay.sides[i].in);
    }
    keyspace_drop(&replay.keys);
    return 0;
}
