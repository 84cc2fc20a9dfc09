/* A replication link: the peer's stream as it arrives, and nothing else. */
#include <string.h>

#include "memcached/serve/cmd_meta.h"
#include "memcached/serve/exptime.h"

/* The largest -I there is: more than that no peer can hold. */
enum { LINK_VALUE_BYTES_MAX = 1 << 30 };

void link_reject(struct turn *turn, const char *why) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    if (repl->link_rejected)
        repl->link_rejected(repl->context, turn->session->link, why);
    session_end(turn->session);
}

static void link_store(struct turn *turn, struct request *request) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    struct store_job job = {.verb = VERB_MS, .is_noreply = true};
    struct meta_key room;
    enum store_status why;
    const char *error = meta_prepare(turn, request, &job.meta, &room);
    if (UNLIKELY(error || !job.meta.new_cas)) {
        link_reject(turn, error ? "bad ms" : "ms without a version");
        return;
    }
    struct store_key key = request_key(request);
    job.hash = request->hash;
    job.value_bytes = request->value_bytes;
    job.exptime = exptime_of(turn->server, job.meta.exptime);
    job.item = value_reserve(turn, request->bits & REQUEST_PARTIAL, &key, job.meta.client_flags,
                             job.exptime, request->value_bytes, &why);
    if (LIKELY(job.item)) {
        if (UNLIKELY(META_HAS(&job.meta, 'I')))
            store_item_mark(job.item, STORE_STALE);
        value_take(turn, request, &job);
        return;
    }
    if (request->value_bytes > LINK_VALUE_BYTES_MAX) {
        link_reject(turn, "value too large for any server");
        return;
    }
    /*
     * No room for the new value, or a smaller -I than the peer's: the old one must not stay in its
     * place.
     */
    (void)repl->apply_delete(repl->context, turn->session->link, turn->thread, &key,
                             job.meta.new_cas);
    value_swallow(turn, request);
}

void link_store_refuse(struct turn *turn, struct store_job *job) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    char key_copy[STORE_KEY_BYTES_MAX];
    struct store_key key = job_key(job, key_copy);
    store_abandon(turn->thread, job->item);
    (void)repl->apply_delete(repl->context, turn->session->link, turn->thread, &key,
                             job->meta.new_cas);
}

void link_store_finish(struct turn *turn, struct store_job *job) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    char key_copy[STORE_KEY_BYTES_MAX];
    struct store_key key = job_key(job, key_copy);
    (void)repl->apply_set(repl->context, turn->session->link, turn->thread, job->item, &key,
                          job->meta.new_cas);
}

static void link_delete(struct turn *turn, struct request *request) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    struct meta meta;
    struct meta_key room;
    const char *error = meta_prepare(turn, request, &meta, &room);
    bool leaves_item = META_HAS(&meta, 'I') || META_HAS(&meta, 'x');
    if (UNLIKELY(error || !meta.new_cas || leaves_item)) {
        link_reject(turn, error || leaves_item ? "bad md" : "md without a version");
        return;
    }
    struct store_key key = request_key(request);
    (void)repl->apply_delete(repl->context, turn->session->link, turn->thread, &key, meta.new_cas);
}

void link_execute(struct turn *turn, struct request *request) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    struct session *session = turn->session;
    switch (request->verb) {
    case VERB_MS:
        link_store(turn, request);
        return;
    case VERB_MD:
        link_delete(turn, request);
        return;
    case VERB_MN:
        repl->barrier(repl->context, session->link, turn->out);
        return;
    case VERB_REPL:
        repl->command(repl->context, session, turn->thread, request->rest, request->rest_bytes,
                      turn->out);
        return;
    case VERB_ERROR:
        link_reject(turn, "bad line");
        return;
    default:
        link_reject(turn, "a command that is no part of the stream");
        return;
    }
}
