/*
 * Several threads on one store, and a maintainer beside them. Every value says which key it belongs
 * to and repeats one byte, so a torn or misplaced read shows. Meant for ThreadSanitizer as much as
 * for its assertions. (The threads use CHECK: Check's own assertions are for one thread and write
 * to a file each time.)
 */
#ifndef STORE_THREADS_H
#define STORE_THREADS_H

#include "t/unit/store_fixture.h"

enum { THREAD_COUNT = 4 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(ENABLE_DEBUG)
enum { STEP_COUNT = 30000 };
#else
enum { STEP_COUNT = 150000 };
#endif

struct worker {
    struct store_thread *thread;
    struct rng rng;
    unsigned number;
    uint64_t sum; /* of what this worker's increments added */
    uint64_t hits;
};

/*
 * Runs the body in all workers, each with a handle of its own, while a maintainer, with the
 * fixture's, crawls, dumps, walks and changes settings. Returns when all have ended.
 */
void workers_run(struct fixture *fixture, void *(*body)(void *),
                 struct worker workers[THREAD_COUNT]);

/* Keys; their text is put into `text`, which has room for 32 bytes. */
struct store_key prefixed_key(const struct fixture *fixture, char *text, const char *prefix,
                              unsigned number);
struct store_key numbered_key(const struct fixture *fixture, char *text, unsigned number);

/* The value of a numbered key: a byte that tells the number, modulo 256, and then the letter. */
void value_fill(char *value, size_t bytes, unsigned number, unsigned char letter);
void value_check(const char *value, size_t bytes, unsigned number);
/* To visit any keys with: checks the values of numbered ones. */
bool value_visit(void *context, const struct store_key *key, const struct store_view *view);

/* Reads a numbered key, without the lock where possible, and checks its value; a hit is counted. */
void worker_get(struct worker *worker, const struct store_key *key, unsigned number);

#endif
