/* set, add, replace, append, prepend, cas; and how every storage command ends. */
#include "memcached/serve/cmd_meta.h"
#include "memcached/serve/exptime.h"
#include "memcached/serve/turn.h"

static const uint8_t modes[] = {
    [VERB_SET] = STORE_SET,       [VERB_ADD] = STORE_ADD,         [VERB_REPLACE] = STORE_REPLACE,
    [VERB_APPEND] = STORE_APPEND, [VERB_PREPEND] = STORE_PREPEND, [VERB_CAS] = STORE_CAS,
};

void store_refuse_item(struct turn *turn, const struct store_key *key, enum store_mode mode,
                       bool drops_old, enum store_status why) {
    event_log_refused(turn_events(turn), key, mode, why);
    if (drops_old) {
        turn_before_write(turn);
        store_drop_stale(turn->thread, key);
    }
}

static void refuse(struct turn *turn, const struct request *request, enum store_status why) {
    struct store_key key = request_key(request);
    store_refuse_item(turn, &key, modes[request->verb], request->verb == VERB_SET, why);
    if (!turn_is_silent(turn, request->bits & REQUEST_NOREPLY)) {
        if (why == STORE_TOO_LARGE)
            TURN_REPLY(turn, "SERVER_ERROR object too large for cache\r\n");
        else
            TURN_REPLY(turn, "SERVER_ERROR out of memory storing object\r\n");
    }
    value_swallow(turn, request);
}

void cmd_store(struct turn *turn, const struct request *request) {
    struct store_key key = request_key(request);
    struct store_job job;
    enum store_status why;
    job.exptime = exptime_of(turn->server, request->exptime);
    job.item = value_reserve(turn, request->bits & REQUEST_PARTIAL, &key, request->client_flags,
                             job.exptime, request->value_bytes, &why);
    if (UNLIKELY(!job.item)) {
        refuse(turn, request, why);
        return;
    }
    job.hash = request->hash;
    job.value_bytes = request->value_bytes;
    job.filled_bytes = 0;
    job.verb = request->verb;
    job.is_noreply = request->bits & REQUEST_NOREPLY;
    job.write = (struct store_write){.mode = modes[request->verb]};
    if (request->verb == VERB_CAS)
        job.write.expected_version = turn_expected(turn, request->number);
    value_take(turn, request, &job);
}

void store_refuse(struct turn *turn, struct store_job *job) {
    if (UNLIKELY(turn->session->kind == SESSION_LINK)) {
        link_store_refuse(turn, job);
        return;
    }
    store_abandon(turn->thread, job->item);
    if (!turn_is_silent(turn, job->is_noreply))
        TURN_REPLY(turn, "SERVER_ERROR Out of memory during read\r\n");
}

void store_bad_chunk(struct turn *turn, struct store_job *job) {
    store_abandon(turn->thread, job->item);
    if (UNLIKELY(turn->session->kind == SESSION_LINK)) {
        link_reject(turn, "bad data chunk");
        return;
    }
    turn->cmd_set++;
    if (!turn_is_silent(turn, job->is_noreply))
        TURN_REPLY(turn, "CLIENT_ERROR bad data chunk\r\n");
}

static void reply_status(struct turn *turn, enum store_status status) {
    switch (status) {
    case STORE_OK:
        TURN_REPLY(turn, "STORED\r\n");
        return;
    case STORE_EXISTS:
        TURN_REPLY(turn, "EXISTS\r\n");
        return;
    case STORE_NOT_FOUND:
        TURN_REPLY(turn, "NOT_FOUND\r\n");
        return;
    case STORE_TOO_LARGE:
        TURN_REPLY(turn, "SERVER_ERROR object too large for cache\r\n");
        return;
    case STORE_NO_MEMORY:
        TURN_REPLY(turn, "SERVER_ERROR out of memory storing object\r\n");
        return;
    case STORE_NOT_STORED:
    case STORE_NON_NUMERIC:
    case STORE_TOO_LONG_NUMBER:
    case STORE_OLDER:
        break;
    }
    TURN_REPLY(turn, "NOT_STORED\r\n");
}

void store_note_cas(const struct turn *turn, const struct store_job *job, uint64_t version) {
    struct session_notes *notes = turn->session->env->notes;
    if (!notes || job->write.mode == STORE_APPEND || job->write.mode == STORE_PREPEND)
        return;
    notes->has_other_cas = true;
    notes->cas_present = turn_cas(turn, version);
    notes->cas_given = job->write.expected_version;
}

void store_finish(struct turn *turn, struct store_job *job) {
    if (UNLIKELY(turn->session->kind == SESSION_LINK)) {
        link_store_finish(turn, job);
        return;
    }
    turn_before_write(turn);
    turn->cmd_set++;
    if (job->verb == VERB_MS) {
        meta_store_finish(turn, job);
        return;
    }
    uint64_t version;
    enum store_status status =
        store_commit(turn->thread, job->item, job->hash, &job->write, &version);
    if (UNLIKELY(status == STORE_NOT_FOUND))
        COUNT(turn->counters, cas_misses, 1);
    if (UNLIKELY(status == STORE_EXISTS))
        store_note_cas(turn, job, version);
    if (!turn_is_silent(turn, job->is_noreply))
        reply_status(turn, status);
}
