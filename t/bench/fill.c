#include "t/bench/fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "memcached/base/mem.h"

enum {
    CHUNK_BYTES = 256 * 1024,      /* as many sets as fit, or one that is larger; then a barrier */
    PACED_CHUNK_BYTES = 16 * 1024, /* the same where the rate is limited */
    CHUNKS_AHEAD_MAX = 4,
    ANSWER_SECONDS_MAX = 30,
};

struct fill {
    const struct workload *load;
    int fd;
    char *chunk;
    size_t chunk_bytes;
    uint32_t next_index;
    uint64_t chunks_sent, chunks_done;
    char line[128]; /* an answer that is not whole yet */
    size_t line_bytes;
    struct fill_result *result;
};

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "mcload: fill: %s: %s\n", what, errno ? strerror(errno) : "connection closed");
    exit(1);
}

static size_t put_set(const struct keyspace *keys, uint32_t ttl, char *out, uint32_t index) {
    uint32_t bytes = value_bytes(keys, index);
    memcpy(out, "set ", 4);
    key_put(keys, out + 4, index);
    char *at = out + 4 + keys->key_bytes;
    at += sprintf(at, " 0 %u %u noreply\r\n", ttl, bytes);
    value_put(at, index, bytes);
    memcpy(at + bytes, "\r\n", 2);
    return (size_t)(at + bytes + 2 - out);
}

/* `version` is the barrier that every memcached has. */
static void send_chunk(struct fill *fill) {
    const struct keyspace *keys = fill->load->keys;
    const size_t set_bytes_max = fill->load->request_bytes_max + 32;
    size_t used = 0, sent = 0;
    do {
        used += put_set(keys, fill->load->options->ttl, fill->chunk + used, fill->next_index++);
    } while (fill->next_index < keys->key_count &&
             used + set_bytes_max + sizeof("version\r\n") <= fill->chunk_bytes);
    memcpy(fill->chunk + used, "version\r\n", 9);
    used += 9;
    while (sent < used) {
        ssize_t got = send(fill->fd, fill->chunk + sent, used - sent, MSG_NOSIGNAL);
        if (got <= 0)
            give_up("send");
        sent += (size_t)got;
    }
    fill->chunks_sent++;
}

/* Waits until it is time for the next chunk, where the rate is limited. */
static void keep_pace(const struct fill *fill, const struct timespec *start) {
    double rate = fill->load->options->fill_rate;
    struct timespec due = *start;
    if (rate <= 0)
        return;
    double seconds = fill->next_index / rate;
    due.tv_sec += (time_t)seconds;
    due.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (due.tv_nsec >= 1000000000) {
        due.tv_sec++;
        due.tv_nsec -= 1000000000;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static void take_answers(struct fill *fill) {
    char in[4096];
    errno = 0;
    ssize_t got = recv(fill->fd, in, sizeof(in), 0);
    if (got <= 0)
        give_up("receive");
    for (ssize_t i = 0; i < got; i++) {
        if (fill->line_bytes < sizeof(fill->line) - 1)
            fill->line[fill->line_bytes++] = in[i];
        if (in[i] != '\n')
            continue;
        if (strncmp(fill->line, "VERSION ", 8) == 0)
            fill->chunks_done++;
        else if (fill->result->errors++ == 0)
            fprintf(stderr, "mcload: fill: %.*s", (int)fill->line_bytes, fill->line);
        fill->line_bytes = 0;
    }
}

void fill_run(const struct workload *load, const struct target *target,
              struct fill_result *result) {
    struct timespec start, end;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS_MAX};
    struct fill fill = {.load = load, .result = result};
    *result = (struct fill_result){0};
    size_t chunk_bytes = load->options->fill_rate > 0 ? PACED_CHUNK_BYTES : CHUNK_BYTES;
    fill.chunk_bytes = load->request_bytes_max + 64;
    if (fill.chunk_bytes < chunk_bytes)
        fill.chunk_bytes = chunk_bytes;
    fill.chunk = mem_alloc(fill.chunk_bytes);
    if (!fill.chunk)
        give_up("memory");
    fill.fd = target_connect(target);
    (void)setsockopt(fill.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fill.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (fill.chunks_done < fill.chunks_sent || fill.next_index < load->keys->key_count) {
        if (fill.next_index < load->keys->key_count &&
            fill.chunks_sent - fill.chunks_done < CHUNKS_AHEAD_MAX) {
            keep_pace(&fill, &start);
            send_chunk(&fill);
        } else {
            take_answers(&fill);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    result->seconds =
        (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    close(fill.fd);
    mem_free(fill.chunk);
}
