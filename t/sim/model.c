#include "t/sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/base/num.h"
#include "repl/engine_private.h"
#include "t/sim/client.h"
#include "t/sim/host.h"
#include "t/sim/model_private.h"
#include "t/sim/profile.h"

enum {
    EXPIRY_SLACK_MS = 2000 + TIMEOUT_MS, /* a TTL travels in whole seconds and may wait on a link */
    FLUSH_SLACK_MS = 200,
};

struct model *model_create(struct world *world, unsigned key_count) {
    struct model *model = mem_zalloc(sizeof(*model));
    CHECK(model && key_count <= MODEL_KEYS_MAX);
    model->world = world;
    model->key_count = key_count;
    for (unsigned i = 0; i < key_count; i++)
        snprintf(model->name[i], MODEL_KEY_BYTES_MAX, "key-%u", i);
    return model;
}

void model_destroy(struct model *model) {
    for (unsigned i = 0; i < MODEL_KEYS_MAX; i++)
        mem_free(model->keys[i].state);
    model_streams_free(model);
    mem_free(model);
}

const struct model_counts *model_counts(const struct model *model) {
    return &model->counts;
}

unsigned model_key_count(const struct model *model) {
    return model->key_count;
}

const char *model_key(const struct model *model, unsigned key, uint32_t *bytes) {
    if (bytes)
        *bytes = (uint32_t)strlen(model->name[key]);
    return model->name[key];
}

static unsigned key_index(const struct model *model, const char *key, uint32_t bytes) {
    uint64_t number = 0;
    CHECK(bytes > 4 && num_u64(key + 4, bytes - 4, &number) && number < model->key_count);
    return (unsigned)number;
}

uint64_t model_floor(const struct host *host, unsigned key) {
    return host->shadow.floor[key];
}

/* ---- looking into a store ---- */

struct look {
    struct host *host;
    struct seen *seen;
};

static bool look(void *context, const struct store_key *key, const struct store_view *view) {
    struct look *look = context;
    struct state *as = &look->seen->as;
    struct host *host = look->host;
    (void)key;
    CHECK(view->value || view->value_bytes == 0);
    look->seen->is_present = true;
    as->version = view->version;
    as->bytes = (uint32_t)view->value_bytes;
    as->hash = bytes_hash(view->value, view->value_bytes);
    as->client_flags = view->client_flags;
    as->is_set = true;
    if (view->exptime)
        as->expires_ms =
            host->world->now_us / 1000 + (view->exptime - clock_seconds(&host->clock)) * 1000ull;
    return false; /* it goes on waiting in the log, if it does */
}

struct seen model_inspect(const struct model *model, struct host *host, unsigned key) {
    struct seen seen = {.is_present = false};
    struct look context = {host, &seen};
    struct store_key name = {.data = model->name[key]};
    name.bytes = (uint32_t)strlen(name.data);
    name.hash = store_hash(host->store, name.data, name.bytes);
    uint64_t absent = 0;
    if (store_visit(host->handle[HANDLE_LOOK], &name, look, &context, &absent) == STORE_ABSENT)
        seen.as.version = absent;
    return seen;
}

/* ---- states ---- */

static const struct state *state_find(const struct model *model, unsigned key, uint64_t version) {
    const struct key_states *states = &model->keys[key];
    for (size_t i = states->count; i-- > 0;)
        if (states->state[i].version == version)
            return &states->state[i];
    return NULL;
}

/* The state that is seen; two hosts may draw the same version for different ones. */
static const struct state *state_seen(const struct model *model, unsigned key,
                                      const struct state *seen) {
    const struct key_states *states = &model->keys[key];
    for (size_t i = states->count; i-- > 0;) {
        const struct state *state = &states->state[i];
        if (state->version == seen->version && state->hash == seen->hash &&
            state->bytes == seen->bytes && state->client_flags == seen->client_flags &&
            state->is_set)
            return state;
    }
    return NULL;
}

static void state_add(struct model *model, unsigned key, const struct state *state) {
    struct key_states *states = &model->keys[key];
    if (states->count == states->capacity) {
        states->capacity = states->capacity ? states->capacity * 2 : 16;
        states->state = mem_realloc(states->state, states->capacity * sizeof(*states->state));
        CHECK(states->state);
    }
    states->state[states->count++] = *state;
    model->counts.states++;
}

bool model_is_alive(const struct model *model, const struct host *host, unsigned key,
                    uint64_t version) {
    const struct key_states *states = &model->keys[key];
    uint64_t now_ms = model->world->now_us / 1000;
    bool is_found = false;
    for (size_t i = states->count; i-- > 0;) {
        const struct state *state = &states->state[i];
        if (state->version != version)
            continue;
        is_found = true;
        if (!state->is_set || (state->expires_ms && state->expires_ms <= now_ms + EXPIRY_SLACK_MS))
            return false;
    }
    return is_found && version > store_flush_floor(host->store);
}

bool model_is_over(const struct model *model, unsigned key, uint64_t version) {
    const struct state *state = state_find(model, key, version);
    return state && state->expires_ms &&
           state->expires_ms <= model->world->now_us / 1000 + EXPIRY_SLACK_MS;
}

/* ---- what clients do ---- */

void model_started(struct model *model, struct host *host) {
    (void)model;
    uint64_t epoch = host->shadow.epoch;
    memset(&host->shadow, 0, sizeof(host->shadow));
    host->shadow.epoch = epoch + 1;
}

static bool is_answer(const char *answer, size_t bytes, const char *word) {
    return bytes >= strlen(word) && memcmp(answer, word, strlen(word)) == 0;
}

static bool is_done(const struct op *op, const char *answer, size_t bytes) {
    switch (op->kind) {
    case OP_INCR:
    case OP_DECR:
        return bytes > 0 && answer[0] >= '0' && answer[0] <= '9';
    case OP_GAT:
        return is_answer(answer, bytes, "VALUE");
    case OP_DELETE: /* one that misses is a change too */
        return is_answer(answer, bytes, "DELETED") || is_answer(answer, bytes, "NOT_FOUND");
    case OP_TOUCH:
        return is_answer(answer, bytes, "TOUCHED");
    case OP_FLUSH:
        return is_answer(answer, bytes, "OK");
    case OP_GET:
        return false;
    default:
        return is_answer(answer, bytes, "STORED");
    }
}

static void flush_executed(struct model *model, struct host *host, const struct op *op) {
    if (op->delay_s == 0) {
        host->shadow.flush_due_ms = 0;
        model_flushed(model, host, store_flush_floor(host->store));
        return;
    }
    host->shadow.flush_due_ms = host_wall_ms(host) + op->delay_s * 1000ull;
    host->shadow.flush_version = store_flush_pending_version(host->store);
}

void model_executed(struct model *model, struct host *host, const struct op *op, const char *answer,
                    size_t bytes) {
    struct world *world = model->world;
    bool is_change = is_done(op, answer, bytes);
    TRACE(world, "host %u: %s %s #%" PRIu64 ": %.*s", host->index, op_name(op),
          model->name[op->key], op->number, (int)strcspn(answer, "\r"), answer);
    model->counts.writes += is_change;
    if (op->kind == OP_FLUSH) {
        if (is_change)
            flush_executed(model, host, op);
        return;
    }
    struct seen seen = model_inspect(model, host, op->key);
    uint64_t floor = host->shadow.floor[op->key];
    if (seen.is_present && seen.as.version < floor)
        world_fail(world, "host %u: %s shows version %" PRIu64 ", older than %" PRIu64, host->index,
                   model->name[op->key], seen.as.version, floor);
    if (!is_change) {
        if (seen.is_present && seen.as.version > floor)
            world_fail(world, "host %u: %s changed without a change", host->index,
                       model->name[op->key]);
        return;
    }
    if (!seen.is_present && seen.as.version == 0)
        seen.as.version = store_version_now(host->store); /* its tombstone is forgotten already */
    if (seen.as.version <= floor)
        world_fail(world, "host %u: a change of %s has version %" PRIu64 ", not above %" PRIu64,
                   host->index, model->name[op->key], seen.as.version, floor);
    seen.as.born_us = world->now_us;
    state_add(model, op->key, &seen.as);
    host->shadow.floor[op->key] = seen.as.version;
    host->shadow.executed[op->key] = seen.as.version;
    host->shadow.is_vague[op->key] = false;
}

void model_answered(struct model *model, struct host *host, const struct op *op) {
    struct shadow *shadow = &host->shadow;
    (void)model;
    if (op_is_write(op) && op->kind != OP_FLUSH)
        shadow->acked[op->key] = shadow->executed[op->key];
}

void model_read(struct model *model, struct host *host, const struct op *op, const char *value,
                size_t bytes, uint64_t version) {
    struct world *world = model->world;
    uint64_t hash = bytes_hash(value, bytes);
    const struct key_states *states = &model->keys[op->key];
    bool is_known = false;
    for (size_t i = states->count; i-- > 0 && !is_known;)
        is_known = states->state[i].version == version && states->state[i].hash == hash;
    model->counts.hits++;
    if (!is_known)
        world_fail(world, "a client reads of %s what nobody stored: version %" PRIu64 ", %zu bytes",
                   model->name[op->key], version, bytes);
    if (host->life == op->life && host->shadow.epoch == op->epoch && version < op->floor)
        world_fail(world,
                   "a client reads %s of host %u: version %" PRIu64 ", while %" PRIu64
                   " was there before it asked",
                   model->name[op->key], host->index, version, op->floor);
}

/* ---- what the peer tells ---- */

void shadow_raise(struct shadow *shadow, unsigned key, uint64_t version, bool is_vague) {
    if (version < shadow->floor[key])
        return;
    if (version > shadow->floor[key] || !is_vague)
        shadow->is_vague[key] = is_vague;
    shadow->floor[key] = version;
}

void model_applied(struct model *model, struct host *host, const char *key, uint32_t key_bytes,
                   uint64_t version, enum model_told told) {
    static const char *const name[] = {"set", "delete", "set, which it refuses"};
    unsigned index = key_index(model, key, key_bytes);
    TRACE(model->world, "host %u: told of %s version %" PRIu64 ": %s", host->index,
          model->name[index], version, name[told]);
    /*
     * A process whose clock is behind and that has not met its peer yet writes with versions of the
     * past.
     */
    const struct state *news = state_find(model, index, version);
    const struct state *here = state_find(model, index, host->shadow.floor[index]);
    if (told == TOLD_SET && news && here && version < here->version &&
        news->born_us > here->born_us)
        host->shadow.floor[index] = version;
    shadow_raise(&host->shadow, index, version, told != TOLD_SET);
    /* Flushed or expired there, the item is told as absent since its own version. */
    if (told == TOLD_DELETE && host->shadow.floor[index] == version)
        host->shadow.is_vague[index] = true;
    struct seen seen = model_inspect(model, host, index);
    if (seen.is_present && seen.as.version < host->shadow.floor[index])
        world_fail(model->world,
                   "host %u: %s shows version %" PRIu64 " after being told of %" PRIu64,
                   host->index, model->name[index], seen.as.version, version);
}

void model_dropped(struct model *model, struct host *host, const char *key, uint32_t key_bytes) {
    host->shadow.is_vague[key_index(model, key, key_bytes)] = true;
}

void model_flushed(struct model *model, struct host *host, uint64_t version) {
    TRACE(model->world, "host %u: flushed up to %" PRIu64, host->index, version);
    for (unsigned i = 0; i < model->key_count; i++)
        shadow_raise(&host->shadow, i, version, true);
}

/* ---- looking at everything ---- */

/*
 * Made when its time has come, a flush is told to the peer like any other; here it shows as a
 * raised floor.
 */
static void delayed_flush_check(struct model *model, struct host *host) {
    struct shadow *shadow = &host->shadow;
    if (shadow->flush_due_ms != 0 && store_flush_floor(host->store) > shadow->flush_version) {
        shadow->flush_due_ms = 0;
        model_flushed(model, host, store_flush_floor(host->store));
    }
    if (shadow->flush_due_ms == 0 || host->background_ms < shadow->flush_due_ms + FLUSH_SLACK_MS)
        return;
    shadow->flush_due_ms = 0;
    model_flushed(model, host, shadow->flush_version);
}

void model_sweep(struct model *model, struct host *host) {
    struct world *world = model->world;
    struct shadow *shadow = &host->shadow;
    struct store_stats stats;
    model->counts.sweeps++;
    delayed_flush_check(model, host);
    store_stats(host->store, &stats);
    bool is_keeping = !world->profile->is_evicting && stats.evictions == 0;
    for (unsigned i = 0; i < model->key_count && !world->is_failed; i++) {
        struct seen seen = model_inspect(model, host, i);
        if (!seen.is_present) {
            if (is_keeping && !shadow->is_vague[i] &&
                model_is_alive(model, host, i, shadow->floor[i]))
                world_fail(world, "host %u has lost %s version %" PRIu64, host->index,
                           model->name[i], shadow->floor[i]);
            continue;
        }
        const struct state *state = state_seen(model, i, &seen.as);
        if (seen.as.version < shadow->floor[i])
            world_fail(world, "host %u shows %s version %" PRIu64 ", older than %" PRIu64,
                       host->index, model->name[i], seen.as.version, shadow->floor[i]);
        else if (!state)
            world_fail(world, "host %u shows of %s what nobody stored: version %" PRIu64,
                       host->index, model->name[i], seen.as.version);
        else if (state->expires_ms &&
                 world->now_us / 1000 > state->expires_ms + EXPIRY_SLACK_MS + world->freeze_ms_max)
            world_fail(world,
                       "host %u shows %s version %" PRIu64 " long after its time: until %" PRIu64
                       " ms instead of %" PRIu64,
                       host->index, model->name[i], seen.as.version, seen.as.expires_ms,
                       state->expires_ms);
    }
}

void model_drained(struct model *model, struct host *host) {
    struct host *peer = host_peer(host);
    struct node_view view;
    struct dirty_log_stats log;
    struct engine_stats stats;
    engine_view(host->engine, &view);
    dirty_log_stats(host->engine->log, &log);
    engine_stats(host->engine, &stats);
    if (stats.log_bytes > stats.log_limit_bytes)
        world_fail(model->world, "the log of host %u is larger than its bound", host->index);
    if (outbuf_pending(&host->engine->out.buffer) >
        OUT_BUFFER_HIGH_BYTES + model->world->profile->value_bytes_max * 2 + 32768)
        world_fail(model->world, "host %u keeps %" PRIu64 " bytes for its peer", host->index,
                   outbuf_pending(&host->engine->out.buffer));
    if (!peer->is_running || view.out != OUT_STREAMING || view.self.complete_for != view.peer.id ||
        view.peer.id != peer->engine->id || stats.lag_ops > 0 || !log.is_open)
        return;
    model->counts.drained_checks++;
    for (unsigned i = 0; i < model->key_count; i++)
        if (peer->shadow.floor[i] < host->shadow.floor[i] && !host->shadow.is_vague[i] &&
            !model_is_over(model, i, host->shadow.floor[i]) &&
            !(model->world->profile->is_evicting && !model_inspect(model, host, i).is_present))
            world_fail(model->world,
                       "the log of host %u is empty, and its peer has not been told of %s version "
                       "%" PRIu64,
                       host->index, model->name[i], host->shadow.floor[i]);
}

static void compare_key(struct model *model, unsigned key) {
    struct host *const *host = model->world->host;
    struct seen seen[HOST_COUNT];
    struct store_stats stats[HOST_COUNT];
    uint64_t now_ms = model->world->now_us / 1000;
    for (int i = 0; i < HOST_COUNT; i++) {
        seen[i] = model_inspect(model, host[i], key);
        store_stats(host[i]->store, &stats[i]);
    }
    for (int i = 0; i < HOST_COUNT; i++) {
        if (!seen[i].is_present)
            continue;
        const struct state *here = &seen[i].as;
        const struct state *there = &seen[1 - i].as;
        bool is_ending = here->expires_ms && here->expires_ms < now_ms + EXPIRY_SLACK_MS;
        if (!seen[1 - i].is_present) {
            /* A store that had to forget tombstones refuses what may be older than them. */
            bool is_refused =
                host[1 - i]->shadow.is_vague[key] && stats[1 - i].tombstones_forgotten > 0;
            if (!is_ending && !is_refused && !model->world->profile->is_evicting)
                world_fail(model->world, "in the end only host %d has %s (version %" PRIu64 ")", i,
                           model->name[key], here->version);
            continue;
        }
        uint64_t apart = here->expires_ms > there->expires_ms
                             ? here->expires_ms - there->expires_ms
                             : there->expires_ms - here->expires_ms;
        if (here->version != there->version || here->hash != there->hash ||
            here->client_flags != there->client_flags || apart > EXPIRY_SLACK_MS)
            world_fail(model->world,
                       "in the end %s differs: version %" PRIu64 " on host %d, %" PRIu64
                       " on the other; lifetimes %" PRIu64 " ms apart",
                       model->name[key], here->version, i, there->version, apart);
    }
}

void model_compare(struct model *model) {
    struct world *world = model->world;
    unsigned masters = 0;
    for (int i = 0; i < HOST_COUNT && !world->is_failed; i++) {
        struct node_view view;
        engine_view(world->host[i]->engine, &view);
        masters += view.self.role == NODE_MASTER;
        if (view.self.state != NODE_READY)
            world_fail(world, "in the end host %d is not ready", i);
        if (view.out != OUT_STREAMING || view.in_link == 0)
            world_fail(world, "in the end host %d has no link", i);
        model_sweep(model, world->host[i]);
        model_drained(model, world->host[i]);
        const char *wrong = store_verify(world->host[i]->store);
        if (wrong)
            world_fail(world, "in the end the store of host %d is broken: %s", i, wrong);
        struct store_stats stats;
        store_stats(world->host[i]->store, &stats);
        model->counts.pages_moved += stats.slabs_moved_count;
        model->counts.rescues += stats.slab_rescues_count;
        model->counts.evictions += stats.evictions;
    }
    if (masters != 1)
        world_fail(world, "in the end there are %u masters", masters);
    for (unsigned i = 0; i < model->key_count && !world->is_failed; i++)
        compare_key(model, i);
}
