#include "memcached/serve/session.h"

#include <limits.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/serve/cmd_admin.h"
#include "memcached/serve/dump.h"
#include "memcached/serve/prefixes.h"
#include "memcached/serve/turn.h"

_Static_assert((int)PROTO_KEY_BYTES_MAX == (int)STORE_KEY_BYTES_MAX,
               "keys that can be said are kept");
_Static_assert((int)PARSE_LINE_BYTES_MAX == (int)SESSION_LINE_BYTES_MAX, "one bound for lines");

struct session *session_create(struct session_env *env, const struct session_peer *peer) {
    struct session *session = mem_zalloc(sizeof(*session));
    if (!session)
        return NULL;
    session->env = env;
    session->peer = peer;
    session_restart(session);
    return session;
}

static void abandon_job(struct session *session) {
    dump_abandon(session);
    if (session->state == SESSION_IN_VALUE || session->state == SESSION_AT_TAIL)
        store_abandon(session->env->store, session->kept->job.item);
    job_forget(session);
}

void session_restart(struct session *session) {
    CHECK(!session_is_link(session));
    abandon_job(session);
    session->state = SESSION_AT_START;
    session->kind = SESSION_CLIENT;
    session->is_binary = session->is_ended = session->has_quit = false;
    session->parser = (struct parser){.key_bytes_max = PROTO_KEY_BYTES_MAX};
}

void session_destroy(struct session *session) {
    const struct serve_repl_hooks *repl = &session->env->server->repl;
    abandon_job(session);
    if (session_is_link(session) && repl->link_closed)
        repl->link_closed(repl->context, session->link);
    mem_free(session);
}

bool session_is_at_rest(const struct session *session) {
    return (session->state == SESSION_AT_START || session->state == SESSION_AT_LINE ||
            session->state == SESSION_AT_HEAD) &&
           !session->parser.is_in_get;
}

bool session_is_in_value(const struct session *session) {
    return session->state == SESSION_IN_VALUE || session->state == SESSION_AT_TAIL ||
           session->state == SESSION_SWALLOWING;
}

bool session_is_in_dump(const struct session *session) {
    return session->state == SESSION_IN_DUMP;
}

bool session_is_in_request(const struct session *session) {
    return session_is_in_value(session) || session_is_in_dump(session) ||
           session->parser.is_in_get || session->parser.is_skipping;
}

bool session_has_begun(const struct session *session) {
    return session->state != SESSION_AT_START;
}

bool session_awaits_login(const struct session *session) {
    return session->state == SESSION_AT_LOGIN ||
           (session->state == SESSION_AT_START && session->env->server->auth);
}

bool session_is_binary(const struct session *session) {
    return session->is_binary;
}

bool session_is_link(const struct session *session) {
    return session->kind == SESSION_LINK;
}

void session_become_link(struct session *session, void *link) {
    session->kind = SESSION_LINK;
    session->link = link;
    session->parser.key_bytes_max = PROTO_KEY_BASE64_BYTES_MAX;
}

void *session_link(const struct session *session) {
    return session->link;
}

const struct session_peer *session_peer(const struct session *session) {
    return session->peer;
}

void session_end(struct session *session) {
    session->is_ended = true;
}

void session_quit(struct session *session) {
    session->has_quit = true;
    session_end(session);
}

bool session_has_quit(const struct session *session) {
    return session->has_quit;
}

void session_watch(struct session *session) {
    session->state = SESSION_WATCHING;
}

/* Between two requests. */
static enum session_state state_between(const struct session *session) {
    return session->is_binary ? SESSION_AT_HEAD : SESSION_AT_LINE;
}

/* ---- one turn -------------------------------------------------------------------------------- */

static void execute_error(struct turn *turn, const struct request *request) {
    const struct request_reply *reply = &request_error_replies[request->error];
    bool is_first = request->bits & REQUEST_FIRST;
    if (!is_first && turn->is_skipping_line)
        return;
    if (!is_first && turn->has_line_mark)
        outbuf_cut(turn->out, turn->line_mark);
    if (!turn_is_silent(turn, request->bits & REQUEST_NOREPLY))
        turn_reply(turn, reply->text, reply->bytes);
}

static void execute_repl(struct turn *turn, const struct request *request) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    if (!repl->is_on || turn->session->peer->is_datagram) {
        TURN_REPLY(turn, "ERROR\r\n");
        return;
    }
    repl->command(repl->context, turn->session, turn->thread, request->rest, request->rest_bytes,
                  turn->out);
}

static void execute_other(struct turn *turn, const struct request *request) {
    turn_count(turn); /* `stats` tells of what came before it */
    struct admin_call call = {.session = turn->session,
                              .env = turn->session->env,
                              .line = request->rest,
                              .line_bytes = request->rest_bytes,
                              .out = turn->out};
    admin_execute(&call);
}

static void execute_special(struct turn *turn, struct request *request) {
    if (session_is_link(turn->session))
        link_execute(turn, request);
    else if (request->verb == VERB_REPL)
        execute_repl(turn, request);
    else
        turn->is_closing = true;
}

static void execute(struct turn *turn, struct request *request) {
    if (UNLIKELY(turn->session->kind != SESSION_CLIENT)) {
        execute_special(turn, request);
        return;
    }
    switch ((enum verb)request->verb) {
    case VERB_GET:
    case VERB_GETS:
    case VERB_GAT:
    case VERB_GATS:
        cmd_get(turn, request);
        return;
    case VERB_SET:
    case VERB_ADD:
    case VERB_REPLACE:
    case VERB_APPEND:
    case VERB_PREPEND:
    case VERB_CAS:
        cmd_store(turn, request);
        return;
    case VERB_DELETE:
        cmd_delete(turn, request);
        return;
    case VERB_INCR:
    case VERB_DECR:
        cmd_arith(turn, request);
        return;
    case VERB_TOUCH:
        cmd_touch(turn, request);
        return;
    case VERB_MG:
        cmd_meta_get(turn, request);
        return;
    case VERB_MS:
        cmd_meta_store(turn, request);
        return;
    case VERB_MD:
        cmd_meta_delete(turn, request);
        return;
    case VERB_MA:
        cmd_meta_arith(turn, request);
        return;
    case VERB_ME:
        cmd_meta_debug(turn, request);
        return;
    case VERB_MN:
        TURN_REPLY(turn, "MN\r\n");
        return;
    case VERB_QUIT:
        session_quit(turn->session);
        return;
    case VERB_REPL:
        execute_repl(turn, request);
        return;
    case VERB_OTHER:
        execute_other(turn, request);
        return;
    case VERB_ERROR:
        execute_error(turn, request);
        return;
    }
}

static inline bool has_key(const struct request *request) {
    return request->verb <= VERB_ME && request->key_bytes > 0;
}

/* What may change how the bytes behind it are to be read. */
static inline bool ends_batch(const struct request *request) {
    return request->verb == VERB_OTHER || request->verb == VERB_REPL ||
           request->verb == VERB_QUIT || request->bits & REQUEST_PARTIAL;
}

/*
 * First pass: requests out of the input, and what the index holds of their keys on its way into the
 * cache.
 */
static enum parse_result batch_parse(struct turn *turn, struct request *batch, unsigned line_max,
                                     unsigned *count) {
    struct parser *parser = &turn->session->parser;
    const struct store *store = turn->server->store;
    enum parse_result result = PARSE_REQUEST;
    unsigned line_count = 0;
    *count = 0;
    while (*count < SESSION_BATCH_MAX && parser->at < parser->end) {
        if (line_count == line_max && !parser->is_in_get)
            break;
        struct request *request = &batch[*count];
        result = parse_request(parser, request);
        if (result != PARSE_REQUEST)
            break;
        ++*count;
        line_count += request->bits & REQUEST_FIRST;
        if (LIKELY(has_key(request))) {
            request->hash = store_hash(store, request->key, request->key_bytes);
            store_prefetch_index(store, request->hash);
        }
        if (UNLIKELY(ends_batch(request)))
            break;
    }
    return result;
}

/* Takes an item off its list, to put another in its place or none. */
static inline bool is_write(const struct request *request) {
    bool is_classic = request->verb >= VERB_SET && request->verb <= VERB_DELETE;
    return (is_classic || request->verb == VERB_MS || request->verb == VERB_MD) &&
           request->key_bytes > 0;
}

/*
 * Second pass: the items that the index names; then those that it names in another line, and, as
 * what comes at once is mostly of one kind, the neighbours of those that writes replace.
 */
static void batch_prefetch(const struct turn *turn, const struct request *batch, unsigned count) {
    const struct store *store = turn->server->store;
    uint64_t later[SESSION_BATCH_MAX];
    unsigned later_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (has_key(&batch[i]) && store_prefetch_item(store, batch[i].hash))
            later[later_count++] = batch[i].hash;
    }
    for (unsigned i = 0; i < later_count; i++)
        store_prefetch_overflow(store, later[i]);
    for (unsigned i = 0; i < count && is_write(&batch[i]); i++)
        store_prefetch_neighbours(store, batch[i].hash);
}

/* With `stats detail on`. As in memcached, meta commands are not counted. */
static void execute_detailed(struct turn *turn, struct request *request) {
    uint64_t misses = turn_misses(turn);
    unsigned events = 0;
    execute(turn, request);
    if (request->verb <= VERB_GATS)
        events = turn_misses(turn) == misses ? PREFIX_GET | PREFIX_HIT : PREFIX_GET;
    else if (request->verb <= VERB_CAS)
        events = PREFIX_SET;
    else if (request->verb == VERB_DELETE)
        events = PREFIX_DELETE;
    if (events && request->key_bytes > 0)
        prefixes_count(turn->server->prefixes, turn->session->env->worker, request->key,
                       request->key_bytes, events);
}

/* Third pass. False: not all of it was executed, for want of room in the output. */
static bool batch_execute(struct turn *turn, struct request *batch, unsigned count,
                          unsigned *line_max) {
    struct session *session = turn->session;
    bool is_detailed = atomic_load_explicit(&turn->server->is_detailed, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        struct request *request = &batch[i];
        if (UNLIKELY(turn_out_is_high(turn)) && i > 0 && request->verb != VERB_ERROR &&
            (request->bits & REQUEST_FIRST || turn_line_is_high(turn, request->start))) {
            parse_rewind(&session->parser, request);
            return false;
        }
        if (UNLIKELY(is_detailed))
            execute_detailed(turn, request);
        else
            execute(turn, request);
        if (UNLIKELY(turn->is_closing || session->is_ended))
            return true;
        *line_max -= request->bits & REQUEST_FIRST;
    }
    if (UNLIKELY(turn->is_skipping_line && session->parser.is_in_get && count > 0 &&
                 !(batch[count - 1].bits & REQUEST_LAST)))
        parse_skip_line(&session->parser);
    return true;
}

/* Requests in the input. False when the turn ends, as *result says. */
static bool turn_batch(struct turn *turn, unsigned *line_max, struct session_result *result) {
    struct session *session = turn->session;
    struct request batch[SESSION_BATCH_MAX];
    unsigned count;
    enum parse_result parsed = batch_parse(turn, batch, *line_max, &count);
    if (count > 1)
        batch_prefetch(turn, batch, count);
    if (!batch_execute(turn, batch, count, line_max)) {
        result->next = SESSION_YIELD;
        return false;
    }
    if (turn->is_closing || session->is_ended || parsed == PARSE_REQUEST)
        return true;
    if (parsed == PARSE_MORE) {
        result->read_hint = session->parser.wanted;
        if (result->read_hint)
            result->awaits = SESSION_AWAITS_VALUE;
        return false;
    }
    if (session_is_link(session))
        link_reject(turn, "a line without an end");
    turn->is_closing = true;
    return true;
}

/*
 * The first byte is there. Where only binary is spoken, a pair's own line in text is let through:
 * that is how the peer says hello.
 */
static void choose_protocol(struct session *session) {
    const struct server *server = session->env->server;
    unsigned char first = (unsigned char)*session->parser.at;
    switch (session->peer->protocol) {
    case PROTOCOL_AUTO:
        session->is_binary = first == BINARY_MAGIC_REQUEST;
        break;
    case PROTOCOL_ASCII:
        session->is_binary = false;
        break;
    case PROTOCOL_BINARY:
        session->is_binary = !(server->repl.is_on && first == 'r');
        if (!session->is_binary)
            session->kind = SESSION_REPL_ONLY;
        break;
    }
    session->state = server->auth ? SESSION_AT_LOGIN : state_between(session);
}

/* There is no memory for the rest of a value: it is ignored. */
static void refuse_rest(struct turn *turn, struct store_job *job) {
    struct session *session = turn->session;
    uint64_t left = job->value_bytes - job->filled_bytes;
    value_skip(turn, session->parser.at, session->is_binary ? left : left + 2);
    if (session->is_binary)
        binary_store_refuse(turn, job);
    else
        store_refuse(turn, job);
}

/* What is left of a value, before the next request. False when the turn ends: more is needed. */
static bool turn_value(struct turn *turn, struct session_result *result) {
    struct session *session = turn->session;
    struct parser *parser = &session->parser;
    struct store_job *job = session->kept ? &session->kept->job : NULL;
    uint64_t bytes = (uint64_t)(parser->end - parser->at);
    uint64_t taken;
    switch (session->state) {
    case SESSION_AT_START:
    case SESSION_AT_LOGIN:
    case SESSION_AT_LINE:
    case SESSION_AT_HEAD:
    case SESSION_IN_DUMP:
        break;
    case SESSION_WATCHING:
        parser->at = parser->end;
        return false;
    case SESSION_SWALLOWING:
        if (bytes > session->swallow_bytes)
            bytes = session->swallow_bytes;
        parser->at += bytes;
        session->swallow_bytes -= bytes;
        if (session->swallow_bytes > 0) {
            result->awaits = SESSION_AWAITS_REFUSED;
            return false;
        }
        session->state = state_between(session);
        return true;
    case SESSION_IN_VALUE:
        taken = value_fill(turn, job, parser->at, bytes);
        parser->at += taken;
        if (job->filled_bytes < job->value_bytes) {
            if (LIKELY(taken == bytes))
                result->fill_bytes = value_room(turn, job, &result->fill_start);
            if (UNLIKELY(result->fill_bytes == 0)) {
                refuse_rest(turn, job);
                return true;
            }
            result->next = SESSION_FILL;
            return false;
        }
        if (session->is_binary) {
            session->state = SESSION_AT_HEAD;
            binary_store_finish(turn, job);
            job_forget(session);
        } else {
            session->state = SESSION_AT_TAIL;
        }
        return true;
    case SESSION_AT_TAIL:
        if (bytes < 2) {
            result->read_hint = 2;
            result->awaits = SESSION_AWAITS_VALUE;
            return false;
        }
        parser->at += 2;
        session->state = SESSION_AT_LINE;
        if (parser->at[-2] == '\r' && parser->at[-1] == '\n')
            store_finish(turn, job);
        else
            store_bad_chunk(turn, job);
        job_forget(session);
        return true;
    }
    return true;
}

static bool turn_binary(struct turn *turn, unsigned *request_max, struct session_result *result) {
    const struct parser *parser = &turn->session->parser;
    if (parser->at == parser->end)
        return false;
    if (turn_out_is_high(turn) || *request_max == 0) {
        result->next = SESSION_YIELD;
        return false;
    }
    return binary_batch(turn, request_max, result);
}

/* Whatever is not a command line. False when the turn ends, as *result says. */
static bool turn_aside(struct turn *turn, unsigned *request_max, struct session_result *result) {
    struct session *session = turn->session;
    if (session->state == SESSION_AT_HEAD)
        return turn_binary(turn, request_max, result);
    if (session->state == SESSION_IN_DUMP)
        return dump_go_on(turn, result);
    if (session->state == SESSION_AT_LOGIN)
        return login_take(turn, request_max, result);
    if (session->state != SESSION_AT_START)
        return turn_value(turn, result);
    if (session->parser.at == session->parser.end)
        return false;
    choose_protocol(session);
    return true;
}

static inline void limit_output(struct turn *turn) {
    const struct session *session = turn->session;
    bool is_datagram = session->peer->is_datagram;
    uint32_t most = is_datagram ? SESSION_DATAGRAM_OUT_HIGH_BYTES : SESSION_OUT_HIGH_BYTES;
    uint32_t wanted = session->env->out_high_bytes;
    turn->line_high_bytes = most;
    turn->out_high_bytes = wanted && !is_datagram ? wanted : most;
}

struct session_result session_feed(struct session *session, const char *input, size_t bytes,
                                   unsigned request_max, struct outbuf *out) {
    struct session_env *env = session->env;
    struct parser *parser = &session->parser;
    struct turn turn;
    turn.session = session;
    turn.server = env->server;
    turn.thread = env->store;
    turn.counters = env->counters;
    turn.out = out;
    limit_output(&turn);
    event_log_enter(env->events, session->peer->fd);
    turn.has_line_mark = turn.is_skipping_line = turn.is_closing = false;
    turn.cmd_get = turn.get_misses = turn.cmd_set = 0;
    parser->at = bytes ? input : ""; /* no input may be NULL */
    parser->end = parser->at + bytes;
    const char *start = parser->at;
    unsigned line_max = request_max == SESSION_REQUESTS_NONE  ? 0
                        : request_max == SESSION_REQUESTS_ALL ? UINT_MAX
                                                              : request_max;
    struct session_result result = {.next = SESSION_READ};
    for (;;) {
        if (UNLIKELY(turn.is_closing || session->is_ended)) {
            session->is_ended = true;
            result.next = SESSION_CLOSE;
            break;
        }
        if (UNLIKELY(session->state != SESSION_AT_LINE)) {
            if (!turn_aside(&turn, &line_max, &result))
                break;
            continue;
        }
        if (parser->at == parser->end)
            break;
        if (UNLIKELY(parser->is_in_get ? turn_line_is_high(&turn, parser->at)
                                       : turn_out_is_high(&turn) || line_max == 0)) {
            if (parser->is_skipping) {
                parse_skip_rest(parser);
                continue;
            }
            result.next = SESSION_YIELD;
            break;
        }
        if (!turn_batch(&turn, &line_max, &result))
            break;
    }
    turn_count(&turn);
    result.consumed = (size_t)(parser->at - start);
    parser->at = parser->end = NULL;
    return result;
}

void session_filled(struct session *session, size_t bytes) {
    CHECK(session->state == SESSION_IN_VALUE);
    struct store_job *job = &session->kept->job;
    CHECK(bytes <= job->value_bytes - job->filled_bytes);
    job->filled_bytes += bytes;
}
