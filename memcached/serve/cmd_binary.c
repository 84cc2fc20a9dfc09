/* The binary protocol's commands that are about no key, and which function executes which. */
#include "memcached/serve/cmd_binary.h"

#include "memcached/serve/cmd_admin.h"
#include "memcached/serve/prefixes.h"
#include "memcached/serve/stats.h"
#include "memcached/serve/version.h"

void binary_reply_status(struct turn *turn, const struct binary_echo *echo,
                         enum binary_status status) {
    char reply[BINARY_ERROR_BYTES_MAX];
    turn_reply(turn, reply, (size_t)(binary_put_status(reply, echo, status) - reply));
}

void binary_reply(struct turn *turn, const struct binary_echo *echo, uint64_t cas, const char *body,
                  size_t bytes) {
    struct binary_head head = {.body_bytes = (uint32_t)bytes, .cas = cas};
    char *to = outbuf_reserve(turn->out, BINARY_HEAD_BYTES + bytes);
    if (UNLIKELY(!to)) {
        turn->is_closing = true;
        return;
    }
    to = binary_put_head(to, echo, &head);
    if (bytes > 0)
        memcpy(to, body, bytes);
    outbuf_commit(turn->out, BINARY_HEAD_BYTES + bytes);
}

static void execute_unknown(struct turn *turn, const struct binary_request *request) {
    binary_reply_status(turn, &request->echo, BINARY_UNKNOWN_COMMAND);
    if (request->traits & BINARY_IS_PARTIAL)
        value_skip(turn, request->value, request->value_bytes);
}

static void execute_flush(struct turn *turn, const struct binary_request *request) {
    int64_t delay = request->extras_bytes ? binary_load32(request->extras) : 0;
    if (!turn->server->settings->is_flush_enabled) {
        binary_reply_status(turn, &request->echo, BINARY_NOT_ALLOWED);
        return;
    }
    COUNT(turn->counters, cmd_flush, 1);
    admin_flush(turn->session->env, delay);
    if (!binary_is_quiet(request))
        binary_reply(turn, &request->echo, 0, NULL, 0);
}

static void execute_quit(struct turn *turn, const struct binary_request *request) {
    if (!binary_is_quiet(request))
        binary_reply(turn, &request->echo, 0, NULL, 0);
    session_quit(turn->session);
}

/*
 * Without mechanisms there is no such command; what it brings is ignored. Mechanisms would look at
 * request->key (the mechanism) and request->value, which is whole unless BINARY_IS_PARTIAL.
 */
static void execute_sasl(struct turn *turn, const struct binary_request *request) {
    execute_unknown(turn, request);
}

void binary_execute(struct turn *turn, const struct binary_request *request) {
    switch ((enum binary_command)request->command) {
    case BINARY_GET:
        cmd_binary_get(turn, request);
        return;
    case BINARY_TOUCH:
    case BINARY_GAT:
        cmd_binary_gat(turn, request);
        return;
    case BINARY_SET:
    case BINARY_ADD:
    case BINARY_REPLACE:
    case BINARY_APPEND:
    case BINARY_PREPEND:
        cmd_binary_store(turn, request);
        return;
    case BINARY_DELETE:
        cmd_binary_delete(turn, request);
        return;
    case BINARY_INCR:
    case BINARY_DECR:
        cmd_binary_arith(turn, request);
        return;
    case BINARY_QUIT:
        execute_quit(turn, request);
        return;
    case BINARY_FLUSH:
        execute_flush(turn, request);
        return;
    case BINARY_NOOP:
        binary_reply(turn, &request->echo, 0, NULL, 0);
        return;
    case BINARY_VERSION:
        binary_reply(turn, &request->echo, 0, SERVER_VERSION, sizeof(SERVER_VERSION) - 1);
        return;
    case BINARY_STAT:
        cmd_binary_stat(turn, request);
        return;
    case BINARY_SASL_MECHANISMS:
    case BINARY_SASL_AUTH:
    case BINARY_SASL_STEP:
        execute_sasl(turn, request);
        return;
    case BINARY_UNKNOWN:
        execute_unknown(turn, request);
        return;
    case BINARY_MALFORMED:
        binary_reply_status(turn, &request->echo, (enum binary_status)request->status);
        turn->is_closing = true;
        return;
    }
}

/* ---- stat ------------------------------------------------------------------------------------ */

static bool is_named(const char *name, size_t bytes, const char *wanted) {
    return bytes == strlen(wanted) && memcmp(name, wanted, bytes) == 0;
}

/* A reply for each row; the end is a reply without a key. */
struct binary_sink {
    struct stat_sink sink;
    struct turn *turn;
    const struct binary_echo *echo;
};

static void put_stat(const struct binary_sink *self, const char *name, const char *value,
                     size_t value_bytes) {
    struct outbuf *out = self->turn->out;
    size_t key_bytes = strlen(name);
    size_t body_bytes = key_bytes + value_bytes;
    struct binary_head head = {.key_bytes = (uint16_t)key_bytes,
                               .body_bytes = (uint32_t)body_bytes};
    char *to = outbuf_reserve(out, BINARY_HEAD_BYTES + body_bytes);
    if (!to)
        return;
    to = binary_put_head(to, self->echo, &head);
    memcpy(to, name, key_bytes);
    memcpy(to + key_bytes, value, value_bytes);
    outbuf_commit(out, BINARY_HEAD_BYTES + body_bytes);
}

static void binary_row(struct stat_sink *sink, const char *name, const char *value) {
    put_stat((const struct binary_sink *)sink, name, value, strlen(value));
}

/* The dump is one row, of the lines that text clients are given. */
static void put_detail_dump(const struct binary_sink *sink) {
    struct outbuf lines;
    outbuf_init(&lines);
    if (prefixes_put(sink->turn->server->prefixes, &lines) && outbuf_puts(&lines, "END\r\n"))
        put_stat(sink, "detailed", lines.data, lines.bytes);
    else
        sink->turn->out->is_failed = true;
    outbuf_free(&lines);
}

/* True if it is one of `detail on`, `detail off` and `detail dump`, and allowed. */
static bool put_detail(const struct binary_sink *sink, const char *key, size_t bytes) {
    struct server *server = sink->turn->server;
    if (!server->prefixes || !server->settings->is_dump_enabled)
        return false;
    bool is_on = is_named(key, bytes, "detail on");
    if (is_named(key, bytes, "detail dump"))
        put_detail_dump(sink);
    else if (is_on || is_named(key, bytes, "detail off"))
        atomic_store_explicit(&server->is_detailed, is_on, memory_order_relaxed);
    else
        return false;
    return true;
}

/*
 * Which of the families this protocol has, under memcached's rules: of a name that takes more, only
 * the beginning counts.
 */
static const struct family {
    const char *name;
    bool takes_more;
} families[] = {
    {"", false},      {"settings", true}, {"items", false},
    {"slabs", false}, {"sizes", false},   {"repl", false},
};

static bool begins_with(const struct binary_request *request, const char *name) {
    return request->key_bytes >= strlen(name) && memcmp(request->key, name, strlen(name)) == 0;
}

static const struct family *find_family(const struct binary_request *request) {
    for (size_t i = 0; i < ARRAY_COUNT(families); i++)
        if (begins_with(request, families[i].name) &&
            (families[i].takes_more || request->key_bytes == strlen(families[i].name)))
            return &families[i];
    return NULL;
}

/* True if the request names statistics that there are. */
static bool put_family(struct turn *turn, const struct binary_request *request) {
    struct binary_sink sink = {{binary_row}, turn, &request->echo};
    if (begins_with(request, "reset")) {
        stats_reset(turn->server);
        return true;
    }
    if (begins_with(request, "detail"))
        return put_detail(&sink, request->key, request->key_bytes);
    const struct family *family = find_family(request);
    return family &&
           admin_stats(turn->session->env, family->name, strlen(family->name), &sink.sink);
}

void cmd_binary_stat(struct turn *turn, const struct binary_request *request) {
    struct outbuf_mark mark = turn_mark(turn);
    turn_count(turn); /* it tells of what came before it */
    if (!put_family(turn, request)) {
        binary_reply_status(turn, &request->echo, BINARY_NOT_FOUND);
        return;
    }
    binary_reply(turn, &request->echo, 0, NULL, 0);
    if (turn->out->is_failed) {
        outbuf_cut(turn->out, mark);
        turn->out->is_failed = turn->is_closing = false;
        binary_reply_status(turn, &request->echo, BINARY_NO_MEMORY_FOR_REPLY);
    }
}
