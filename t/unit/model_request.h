/*
 * Requests of the classic, meta and binary protocol as values, spelled out, and the answers that
 * they have to get.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is under a key. */
struct entry {
    char *value; /* NULL: absent */
    size_t bytes;
    uint32_t flags;
    uint64_t expires_s; /* on the wall clock; 0: never */
    uint64_t cas;       /* 0: not known */
};

enum verb {
    VERB_GET,
    VERB_GETS,
    VERB_GAT,
    VERB_STORE,
    VERB_CAS,
    VERB_DELETE,
    VERB_ARITH,
    VERB_TOUCH,
    VERB_COUNT
};
enum mode { MODE_SET, MODE_ADD, MODE_REPLACE, MODE_APPEND, MODE_PREPEND, MODE_COUNT };
enum protocol { CLASSIC, META, BINARY };

struct request {
    enum protocol protocol;
    enum verb verb;
    enum mode mode;
    unsigned number;
    char key[32];
    const char *value;
    size_t bytes;
    uint32_t flags;
    uint32_t ttl_s;
    uint64_t cas;
    bool is_decr;
    uint64_t delta;
};

enum outcome { OUTCOME_OK, NOT_FOUND, NOT_STORED, EXISTS, NON_NUMERIC };

/* A text with its length. */
struct text {
    char *at;
    size_t bytes;
};

/* Appends the request as it goes over the wire; there must be room. */
void request_put(struct text *out, const struct request *r);

/* The number that an arithmetic request makes of a value; false if that is none. */
bool request_arith(const struct request *r, const struct entry *entry, uint64_t *result);

/*
 * Appends what the server should say. `entry`: what is there, NULL: nothing; `cas`: the new value
 * that the server gave, where the protocol tells; `now_s` on the clock of entry.expires_s.
 */
void request_put_reply(struct text *out, const struct request *r, const struct entry *entry,
                       enum outcome outcome, uint64_t cas, uint64_t now_s);

/* The CAS value that the server has told in its answer; 0: none. */
uint64_t request_told_cas(const struct request *r, const char *said, size_t said_bytes);

#endif
