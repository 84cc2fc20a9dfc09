/* ms. */
#include "memcached/serve/cmd_meta.h"
#include "memcached/serve/exptime.h"

static const uint64_t stored_flags = META_BIT('c') | META_BIT('k') | META_BIT('O') | META_BIT('s');

static enum store_mode mode_of(const struct meta *meta) {
    switch (meta->mode) {
    case 'E':
        return STORE_ADD;
    case 'A':
        return STORE_APPEND;
    case 'P':
        return STORE_PREPEND;
    case 'R':
        return STORE_REPLACE;
    default:
        return STORE_SET;
    }
}

static bool is_joining_mode(enum store_mode mode) {
    return mode == STORE_APPEND || mode == STORE_PREPEND;
}

static bool is_joining(const struct store_job *job) {
    return is_joining_mode(job->write.mode);
}

/* Everything of the job but its item. NULL, or the error line. */
static const char *job_prepare(const struct turn *turn, struct request *request,
                               struct store_job *job, struct meta_key *room) {
    const char *error = meta_prepare(turn, request, &job->meta, room);
    if (UNLIKELY(error))
        return error;
    const struct meta *meta = &job->meta;
    enum store_mode mode = mode_of(meta);
    /* an add that finds the key is refused whatever its CAS value; 0 fits what is joined to */
    uint64_t expected = turn_expected(turn, meta->cas);
    bool has_expected =
        META_HAS(meta, 'C') && mode != STORE_ADD && (expected != 0 || !is_joining_mode(mode));
    job->write = (struct store_write){
        .mode = mode == STORE_SET && has_expected ? STORE_CAS : mode,
        .expected_version = expected,
        .has_expected = has_expected,
        .takes_older =
            has_expected && META_HAS(meta, 'I') && expected != 0 && !is_joining_mode(mode),
        .begins_absent = is_joining_mode(mode) && META_HAS(meta, 'N'),
        .new_version = meta->new_cas,
    };
    /* what append and prepend make on a miss lives as long as N says */
    int64_t exptime = is_joining(job) ? meta->vivify_exptime : meta->exptime;
    job->exptime = exptime_of(turn->server, (int32_t)exptime);
    job->hash = request->hash;
    job->value_bytes = request->value_bytes;
    job->filled_bytes = 0;
    job->verb = VERB_MS;
    job->is_noreply = false;
    job->is_binary = META_HAS(meta, 'b');
    return NULL;
}

void cmd_meta_store(struct turn *turn, struct request *request) {
    struct store_job job;
    struct meta_key room;
    const char *error = job_prepare(turn, request, &job, &room);
    if (UNLIKELY(error)) {
        turn_reply_text(turn, error);
        value_swallow(turn, request);
        return;
    }
    enum store_status why;
    struct store_key key = request_key(request);
    job.item = value_reserve(turn, request->bits & REQUEST_PARTIAL, &key, job.meta.client_flags,
                             job.exptime, request->value_bytes, &why);
    if (UNLIKELY(!job.item)) {
        /* none leaves an old value behind */
        store_refuse_item(turn, &key, job.write.mode, true, why);
        turn_reply_text(turn, why == STORE_TOO_LARGE
                                  ? "SERVER_ERROR object too large for cache\r\n"
                                  : "SERVER_ERROR out of memory storing object\r\n");
        value_swallow(turn, request);
        return;
    }
    value_take(turn, request, &job);
}

/* What a reply may have to say of the item; it is held until then. */
static bool is_needed_after(const struct store_job *job) {
    return META_HAS(&job->meta, 'k') || (is_joining(job) && META_HAS(&job->meta, 's'));
}

static enum store_status commit(struct turn *turn, struct store_job *job, uint64_t *version) {
    enum store_status status =
        store_commit(turn->thread, job->item, job->hash, &job->write, version);
    bool is_absent = status == STORE_NOT_FOUND;
    return UNLIKELY(is_absent && is_joining(job)) ? STORE_NOT_STORED : status;
}

/* The size of what is stored now, which append and prepend do not tell. */
static uint64_t size_now(struct turn *turn, const struct store_job *job,
                         const struct meta_facts *facts) {
    struct store_key key = {
        .data = facts->key, .bytes = (uint32_t)facts->key_bytes, .hash = job->hash};
    struct store_view view;
    if (store_get(turn->thread, &key, STORE_GET_QUIETLY, &view) != STORE_OK)
        return job->value_bytes;
    store_item_release(turn->thread, view.item);
    return view.value_bytes;
}

static void reply(struct turn *turn, const struct store_job *job, enum store_status status,
                  const struct meta_facts *facts) {
    const struct meta *meta = &job->meta;
    switch (status) {
    case STORE_OK:
        if (META_HAS(meta, 'q'))
            return;
        if (LIKELY(meta->return_count == 0))
            TURN_REPLY(turn, "HD\r\n");
        else
            meta_reply(turn, "HD", meta, stored_flags, facts);
        return;
    case STORE_EXISTS:
        meta_reply(turn, "EX", meta, stored_flags, facts);
        return;
    case STORE_NOT_FOUND:
        meta_reply(turn, "NF", meta, stored_flags, facts);
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
    meta_reply(turn, "NS", meta, stored_flags, facts);
}

void meta_store_finish(struct turn *turn, struct store_job *job) {
    struct meta_facts facts = {.is_binary = job->is_binary, .value_bytes = job->value_bytes};
    uint64_t version = 0;
    bool is_held = is_needed_after(job);
    if (UNLIKELY(is_held)) {
        store_item_hold(job->item);
        store_item_key(job->item, &facts.key, &facts.key_bytes);
    }
    enum store_status status = commit(turn, job, &version);
    if (UNLIKELY(status == STORE_NOT_FOUND))
        COUNT(turn->counters, cas_misses, 1);
    if (UNLIKELY(status == STORE_EXISTS))
        store_note_cas(turn, job, version);
    if (status == STORE_OK) {
        facts.version = turn_cas(turn, version);
        if (is_joining(job) && META_HAS(&job->meta, 's'))
            facts.value_bytes = size_now(turn, job, &facts);
    }
    reply(turn, job, status, &facts);
    if (UNLIKELY(is_held))
        store_item_release(turn->thread, job->item);
}
