/* The values of storage commands: out of the input, or straight into the item, or ignored. */
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/serve/turn.h"

size_t value_room(struct turn *turn, struct store_job *job, char **start) {
    const struct store *store = turn->server->store;
    size_t room = store_item_segment(store, job->item, job->filled_bytes, start);
    if (UNLIKELY(room == 0) && store_reserve_more(turn->thread, job->item))
        room = store_item_segment(store, job->item, job->filled_bytes, start);
    return room;
}

size_t value_fill(struct turn *turn, struct store_job *job, const char *from, size_t bytes) {
    size_t taken = 0;
    while (taken < bytes && job->filled_bytes < job->value_bytes) {
        char *start;
        size_t room = value_room(turn, job, &start);
        size_t count = bytes - taken < room ? bytes - taken : room;
        if (UNLIKELY(count == 0))
            break;
        memcpy(start, from + taken, count);
        taken += count;
        job->filled_bytes += count;
    }
    return taken;
}

bool job_make_room(struct session *session) {
    if (!session->kept)
        session->kept = mem_alloc(sizeof(*session->kept));
    return session->kept != NULL;
}

void job_keep(struct session *session, const struct store_job *job) {
    struct kept_job *kept = session->kept;
    kept->job = *job;
    if (job->verb == VERB_MS && job->meta.opaque_bytes) {
        memcpy(kept->opaque, job->meta.opaque, job->meta.opaque_bytes);
        kept->job.meta.opaque = kept->opaque;
    }
}

void job_forget(struct session *session) {
    mem_free(session->kept);
    session->kept = NULL;
}

void value_take(struct turn *turn, const struct request *request, struct store_job *job) {
    struct session *session = turn->session;
    if (UNLIKELY(request->bits & REQUEST_PARTIAL)) {
        session->parser.at = request->value;
        job_keep(session, job);
        session->state = SESSION_IN_VALUE;
        return;
    }
    const char *tail = request->value + request->value_bytes;
    if (UNLIKELY(tail[0] != '\r' || tail[1] != '\n')) {
        store_bad_chunk(turn, job);
        return;
    }
    if (LIKELY(value_fill(turn, job, request->value, request->value_bytes) == job->value_bytes))
        store_finish(turn, job);
    else
        store_refuse(turn, job);
}

void value_skip(struct turn *turn, const char *from, uint64_t bytes) {
    turn->session->parser.at = from;
    turn->session->swallow_bytes = bytes;
    turn->session->state = SESSION_SWALLOWING;
}

void value_swallow(struct turn *turn, const struct request *request) {
    if (!(request->bits & REQUEST_PARTIAL))
        return;
    value_skip(turn, request->value, (uint64_t)request->value_bytes + 2);
}
