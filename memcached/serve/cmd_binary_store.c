/* set, add, replace, append, prepend, delete, incr, decr and their quiet forms. */
#include "memcached/base/num.h"
#include "memcached/serve/cmd_binary.h"
#include "memcached/serve/exptime.h"

/* How often a number is begun that others begin and delete at the same time. */
enum { ARITH_TRIES = 16 };

/* A refused value that is longer is not read to its end: the connection is closed. */
enum { SKIPPED_BYTES_MAX = INT32_MAX };

static const uint8_t modes[] = {
    [BINARY_SET] = STORE_SET,         [BINARY_ADD] = STORE_ADD,
    [BINARY_REPLACE] = STORE_REPLACE, [BINARY_APPEND] = STORE_APPEND,
    [BINARY_PREPEND] = STORE_PREPEND,
};

static bool is_joining(const struct store_write *write) {
    return write->mode == STORE_APPEND || write->mode == STORE_PREPEND;
}

/* ---- storing --------------------------------------------------------------------------------- */

/*
 * No item could be had. A set leaves no old value behind, which its sender believes replaced.
 */
static void refuse(struct turn *turn, const struct binary_request *request, enum store_status why) {
    struct store_key key = binary_key(request);
    store_refuse_item(turn, &key, modes[request->command], request->command == BINARY_SET, why);
    binary_reply_status(turn, &request->echo,
                        why == STORE_TOO_LARGE ? BINARY_TOO_LARGE : BINARY_NO_MEMORY_FOR_ITEM);
    if (request->value_bytes > SKIPPED_BYTES_MAX)
        turn->is_closing = true;
    else if (request->traits & BINARY_IS_PARTIAL)
        value_skip(turn, request->value, request->value_bytes);
}

/* With a CAS value set, add and replace are all the same: only if this is the version here. */
static struct store_write write_of(const struct turn *turn, const struct binary_request *request) {
    struct store_write write = {.mode = modes[request->command]};
    if (LIKELY(request->cas == 0 || !turn->server->settings->has_cas))
        return write;
    write.expected_version = request->cas;
    if (is_joining(&write))
        write.has_expected = true;
    else
        write.mode = STORE_CAS;
    return write;
}

void cmd_binary_store(struct turn *turn, const struct binary_request *request) {
    struct store_key key = binary_key(request);
    struct store_job job = {
        .hash = request->hash,
        .value_bytes = request->value_bytes,
        .is_noreply = binary_is_quiet(request),
        .echo = request->echo,
        .write = write_of(turn, request),
    };
    enum store_status why;
    uint32_t client_flags = 0;
    if (request->extras_bytes) {
        client_flags = binary_load32(request->extras);
        job.exptime = exptime_of(turn->server, binary_load32(request->extras + 4));
    }
    job.item = value_reserve(turn, request->traits & BINARY_IS_PARTIAL, &key, client_flags,
                             job.exptime, request->value_bytes, &why);
    if (UNLIKELY(!job.item)) {
        refuse(turn, request, why);
        return;
    }
    if (UNLIKELY(request->traits & BINARY_IS_PARTIAL)) {
        turn->session->parser.at = request->value;
        job_keep(turn->session, &job);
        turn->session->state = SESSION_IN_VALUE;
        return;
    }
    if (LIKELY(value_fill(turn, &job, request->value, request->value_bytes) == job.value_bytes))
        binary_store_finish(turn, &job);
    else
        binary_store_refuse(turn, &job);
}

static enum binary_status status_of(const struct store_job *job, enum store_status status) {
    if (is_joining(&job->write))
        return status == STORE_EXISTS ? BINARY_EXISTS : BINARY_NOT_STORED;
    switch (status) {
    case STORE_EXISTS:
        return BINARY_EXISTS;
    case STORE_NOT_FOUND:
        return BINARY_NOT_FOUND;
    case STORE_NOT_STORED:
        return job->write.mode == STORE_ADD ? BINARY_EXISTS : BINARY_NOT_FOUND;
    case STORE_TOO_LARGE:
        return BINARY_TOO_LARGE;
    case STORE_NO_MEMORY:
        return BINARY_NO_MEMORY_FOR_ITEM;
    case STORE_OK:
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
    case STORE_OLDER:
        break;
    }
    return BINARY_NOT_STORED;
}

void binary_store_finish(struct turn *turn, struct store_job *job) {
    uint64_t version = 0;
    turn_before_write(turn);
    turn->cmd_set++;
    enum store_status status =
        store_commit(turn->thread, job->item, job->hash, &job->write, &version);
    if (UNLIKELY(status == STORE_NOT_FOUND && job->write.mode == STORE_CAS))
        COUNT(turn->counters, cas_misses, 1);
    if (UNLIKELY(status == STORE_EXISTS))
        store_note_cas(turn, job, version);
    if (UNLIKELY(status != STORE_OK))
        binary_reply_status(turn, &job->echo, status_of(job, status));
    else if (!job->is_noreply)
        binary_reply(turn, &job->echo, turn_cas(turn, version), NULL, 0);
}

void binary_store_refuse(struct turn *turn, struct store_job *job) {
    store_abandon(turn->thread, job->item);
    binary_reply_status(turn, &job->echo, BINARY_NO_MEMORY_FOR_REST);
}

/* ---- delete ---------------------------------------------------------------------------------- */

void cmd_binary_delete(struct turn *turn, const struct binary_request *request) {
    struct store_key key = binary_key(request);
    turn_before_write(turn);
    enum store_status status =
        store_delete(turn->thread, &key, request->cas != 0, turn_expected(turn, request->cas), 0);
    if (status == STORE_NOT_FOUND)
        COUNT(turn->counters, delete_misses, 1);
    if (status == STORE_NOT_FOUND)
        binary_reply_status(turn, &request->echo, BINARY_NOT_FOUND);
    else if (status == STORE_EXISTS)
        binary_reply_status(turn, &request->echo, BINARY_EXISTS);
    else if (!binary_is_quiet(request))
        binary_reply(turn, &request->echo, 0, NULL, 0);
}

/* ---- incr, decr ------------------------------------------------------------------------------ */

/* The extras: the amount, what an absent key begins with, and how long that lives. */
struct arith_extras {
    uint64_t delta, initial;
    uint32_t exptime;
};

static struct arith_extras arith_extras_of(const struct binary_request *request) {
    return (struct arith_extras){.delta = binary_load64(request->extras),
                                 .initial = binary_load64(request->extras + 8),
                                 .exptime = binary_load32(request->extras + 16)};
}

/* The key is absent: makes it. STORE_NOT_STORED: someone else was faster. */
static enum store_status arith_begin(struct turn *turn, const struct store_key *key,
                                     const struct arith_extras *extras, uint64_t *version) {
    char digits[NUM_U64_DIGITS_MAX];
    struct store_job job = {.hash = key->hash, .write = {.mode = STORE_ADD}};
    enum store_status why;
    job.value_bytes = num_put_u64(digits, extras->initial);
    job.item = store_reserve(turn->thread, key, 0, exptime_of(turn->server, extras->exptime),
                             job.value_bytes, &why);
    if (!job.item)
        return STORE_NO_MEMORY;
    (void)value_fill(turn, &job, digits, job.value_bytes);
    return store_commit(turn->thread, job.item, job.hash, &job.write, version);
}

static void count_miss(struct turn *turn, bool is_decr) {
    if (is_decr)
        COUNT(turn->counters, decr_misses, 1);
    else
        COUNT(turn->counters, incr_misses, 1);
}

static void reply_number(struct turn *turn, const struct binary_request *request, uint64_t number,
                         uint64_t version) {
    char body[BINARY_NUMBER_BYTES];
    if (binary_is_quiet(request))
        return;
    (void)binary_put64(body, number);
    binary_reply(turn, &request->echo, turn_cas(turn, version), body, sizeof(body));
}

/* The number is there, or is wrong. */
static void reply_changed(struct turn *turn, const struct binary_request *request,
                          const struct store_arith *arith, enum store_status status) {
    switch (status) {
    case STORE_OK:
        reply_number(turn, request, arith->value, arith->version);
        return;
    case STORE_EXISTS:
        binary_reply_status(turn, &request->echo, BINARY_EXISTS);
        return;
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
        binary_reply_status(turn, &request->echo, BINARY_NON_NUMERIC);
        return;
    case STORE_NOT_FOUND:
    case STORE_NOT_STORED:
    case STORE_TOO_LARGE:
    case STORE_NO_MEMORY:
    case STORE_OLDER:
        break;
    }
    binary_reply_status(turn, &request->echo, BINARY_NO_MEMORY_FOR_NUMBER);
}

/* The key is absent. False: it is no longer. */
static bool reply_absent(struct turn *turn, const struct binary_request *request,
                         const struct store_key *key, const struct arith_extras *extras) {
    if (extras->exptime == BINARY_EXPTIME_NO_CREATE) {
        count_miss(turn, request->command == BINARY_DECR);
        binary_reply_status(turn, &request->echo, BINARY_NOT_FOUND);
        return true;
    }
    uint64_t version = 0;
    enum store_status status = arith_begin(turn, key, extras, &version);
    if (status == STORE_NOT_STORED)
        return false;
    if (status == STORE_OK)
        reply_number(turn, request, extras->initial, version);
    else
        binary_reply_status(turn, &request->echo, BINARY_NO_MEMORY_FOR_NEW_ITEM);
    return true;
}

void cmd_binary_arith(struct turn *turn, const struct binary_request *request) {
    struct store_key key = binary_key(request);
    struct arith_extras extras = arith_extras_of(request);
    turn_before_write(turn);
    for (unsigned tries = 0; tries < ARITH_TRIES; tries++) {
        struct store_arith arith = {.is_decr = request->command == BINARY_DECR,
                                    .delta = extras.delta,
                                    .has_expected = request->cas != 0,
                                    .expected_version = turn_expected(turn, request->cas)};
        enum store_status status = store_arith(turn->thread, &key, &arith);
        if (LIKELY(status != STORE_NOT_FOUND)) {
            reply_changed(turn, request, &arith, status);
            return;
        }
        if (reply_absent(turn, request, &key, &extras))
            return;
    }
    binary_reply_status(turn, &request->echo, BINARY_NOT_STORED);
}
