/* The server under load: its address, which must be on this machine, and how to connect to it. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct target {
    struct sockaddr_storage address;
    socklen_t address_bytes;
};

/* Understands 127.0.0.0/8:port, [::1]:port and /path. On anything else says why and exits. */
void target_parse(struct target *target, const char *text);

/* A connected blocking socket without delay of small sends; says why and exits if there is none. */
int target_connect(const struct target *target);

/*
 * Sends `request` and reads until `last` closes the answer, which is NUL-terminated in `answer`.
 * Exits on failure.
 */
void target_ask(const struct target *target, const char *request, const char *last, char *answer,
                size_t answer_bytes);

/* The process id that the server's `stats` gives. Exits if it gives none. */
uint32_t target_pid(const struct target *target);

#endif
