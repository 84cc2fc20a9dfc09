/*
 * What must be true of the streams between the processes: what a peer that starts over keeps, what
 * one that is synced has, what arrives of a process that was killed.
 */
#include "t/sim/model_private.h"

#include <inttypes.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "repl/engine_private.h"
#include "t/sim/host.h"
#include "t/sim/profile.h"

/* What the source of a stream had been told when the stream began. */
struct stream_start {
    struct stream_start *next;
    uint64_t conn_id;
    enum node_state source_state;
    uint64_t floor[MODEL_KEYS_MAX];
    bool is_vague[MODEL_KEYS_MAX];
    /* its source was killed when all it had answered was on its way: `acked` has to arrive */
    bool is_final;
    uint64_t acked[MODEL_KEYS_MAX];
};

void model_streams_free(struct model *model) {
    while (model->streams) {
        struct stream_start *next = model->streams->next;
        mem_free(model->streams);
        model->streams = next;
    }
}

static struct stream_start *stream_find(struct model *model, const struct net_conn *conn) {
    struct stream_start *stream = model->streams;
    while (stream && stream->conn_id != conn->id)
        stream = stream->next;
    return stream;
}

void model_stream_begins(struct model *model, struct host *source, struct net_conn *conn) {
    struct stream_start *stream = mem_zalloc(sizeof(*stream));
    struct node_view view;
    CHECK(stream);
    engine_view(source->engine, &view);
    stream->next = model->streams;
    model->streams = stream;
    stream->conn_id = conn->id;
    stream->source_state = view.self.state;
    memcpy(stream->floor, source->shadow.floor, sizeof(stream->floor));
    memcpy(stream->is_vague, source->shadow.is_vague, sizeof(stream->is_vague));
}

static bool covers(const struct node_view *view) {
    return view->self.complete_for == NODE_COMPLETE_FOR_ANY ||
           view->self.complete_for == view->peer.id;
}

void model_before_start_over(struct model *model, struct host *host, struct net_conn *conn) {
    struct dirty_log_stats log;
    (void)conn;
    engine_view(host->engine, &model->before);
    dirty_log_stats(host->engine->log, &log);
    model->oldest_logged = log.entries > 0 ? log.oldest_version : UINT64_MAX;
}

void model_started_over(struct model *model, struct host *host, struct net_conn *conn) {
    struct world *world = model->world;
    struct stream_start *stream = stream_find(model, conn);
    struct shadow *shadow = &host->shadow;
    bool is_excused = false;
    CHECK(stream);
    model->counts.start_overs++;
    if (model->before.self.state == NODE_READY && stream->source_state != NODE_READY)
        world_fail(world, "host %u, ready, is emptied by a node that was not", host->index);
    memset(shadow->is_vague, 0, sizeof(shadow->is_vague));
    memset(shadow->executed, 0, sizeof(shadow->executed));
    struct stream_start *own = host->out ? stream_find(model, host->out->conn) : NULL;
    if (own)
        memset(own->floor, 0, sizeof(own->floor)); /* what it streams is no longer what it had */
    shadow->flush_due_ms = 0;
    shadow->epoch++;
    struct node_view after;
    engine_view(host->engine, &after);
    if (after.self.state != NODE_SYNCING)
        world_fail(world, "host %u starts over and says that it is %s", host->index,
                   node_state_name(after.self.state));
    for (unsigned i = 0; i < model->key_count && !world->is_failed; i++) {
        uint64_t acked = shadow->acked[i];
        bool is_changing = shadow->floor[i] > acked; /* and it is not answered yet */
        bool is_news = acked > stream->floor[i];
        struct seen seen = model_inspect(model, host, i);
        shadow->floor[i] = shadow->acked[i] = 0;
        /*
         * What the log had yet to bring stays; see README.md for when a log cannot bring
         * everything.
         */
        if (seen.is_present && seen.as.version < model->oldest_logged)
            world_fail(world, "host %u starts over and still shows %s", host->index,
                       model->name[i]);
        if (seen.is_present)
            shadow->floor[i] = seen.as.version;
        if (!is_news)
            continue;
        if (covers(&model->before) && !world->profile->is_evicting) {
            /*
             * What is older than the source's clock may have been deleted there, and what the
             * source has heard of it tells back: being absent is right too.
             */
            shadow->acked[i] = acked;
            if (shadow->floor[i] < acked)
                shadow->floor[i] = acked;
            shadow->is_vague[i] = is_changing || acked <= model->before.peer.version ||
                                  acked <= host_peer(host)->shadow.floor[i];
        } else if (!seen.is_present) {
            model->counts.lost_writes++;
            is_excused = true;
        }
    }
    model->counts.excused_start_overs += is_excused;
    model_sweep(model, host);
}

void model_synced(struct model *model, struct host *host, struct net_conn *conn) {
    struct stream_start *stream = stream_find(model, conn);
    struct shadow *shadow = &host->shadow;
    const struct host *source = host_peer(host);
    CHECK(stream);
    model->counts.sync_checks++;
    for (unsigned i = 0; i < model->key_count; i++) {
        if (stream->floor[i] <= shadow->floor[i])
            continue;
        /*
         * Only what the source still has as it was: what has changed since follows, or has expired.
         */
        bool is_unchanged = source->is_running && source->shadow.floor[i] == stream->floor[i] &&
                            model_is_alive(model, source, i, stream->floor[i]);
        if (is_unchanged && !stream->is_vague[i] &&
            model_is_alive(model, host, i, stream->floor[i]) && !model->world->profile->is_evicting)
            world_fail(model->world, "host %u is synced without %s version %" PRIu64, host->index,
                       model->name[i], stream->floor[i]);
        shadow_raise(shadow, i, stream->floor[i], true);
    }
    model_sweep(model, host);
}

void model_killed(struct model *model, struct host *host, struct net_conn *conn) {
    struct stream_start *stream = conn ? stream_find(model, conn) : NULL;
    struct node_view view;
    if (!stream)
        return;
    engine_view(host->engine, &view);
    stream->is_final = view.out == OUT_STREAMING && view.self.complete_for == view.peer.id &&
                       !dirty_log_has_unsent(host->engine->log) &&
                       outbuf_pending(&host->engine->out.buffer) == 0;
    memcpy(stream->acked, host->shadow.acked, sizeof(stream->acked));
    conn->was_disturbed = false;
    for (int i = 0; i < HOST_COUNT; i++)
        if (model->world->net->is_cut[i][1 - i] || model->world->net->is_frozen[i])
            conn->was_disturbed = true;
}

void model_link_ended(struct model *model, struct host *host, struct net_conn *conn, bool is_dead) {
    struct stream_start *stream = stream_find(model, conn);
    if (!stream || !stream->is_final || is_dead || conn->was_disturbed)
        return;
    model->counts.kill_checks++;
    for (unsigned i = 0; i < model->key_count; i++)
        /* what was over before its turn came need not be told */
        if (stream->acked[i] > host->shadow.floor[i] && !model_is_over(model, i, stream->acked[i]))
            world_fail(model->world,
                       "the peer of host %u was killed, its link was up, and %s version %" PRIu64
                       ", acknowledged, has not arrived",
                       host->index, model->name[i], stream->acked[i]);
}
