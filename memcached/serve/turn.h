/*
 * One call of session_feed as the commands see it: the session, what it runs on, and where replies
 * go. Private to the sessions and their commands.
 */
#ifndef SERVE_TURN_H
#define SERVE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"
#include "memcached/proto/meta.h"
#include "memcached/proto/parse.h"
#include "memcached/serve/session.h"

/* A storage command whose line is understood and whose item is reserved. */
struct store_job {
    struct item *item;
    uint64_t hash;
    uint64_t value_bytes;
    uint64_t filled_bytes; /* of the value */
    struct store_write write;
    uint32_t exptime; /* the item's */
    uint8_t verb;
    bool is_noreply;
    bool is_binary;          /* MS: the key came in base64 */
    struct meta meta;        /* MS only */
    struct binary_echo echo; /* binary protocol only */
};

/*
 *                  .-> AT_LINE --> IN_VALUE --> AT_TAIL --> AT_LINE      (text)
 *     AT_START ----|       '-> SWALLOWING --> AT_LINE
 *                  '-> AT_HEAD --> IN_VALUE or SWALLOWING --> AT_HEAD    (binary)
 * With -Y, AT_LOGIN comes before AT_LINE.
 */
enum session_state {
    SESSION_AT_START,   /* nothing has come: the first byte chooses the protocol */
    SESSION_AT_LOGIN,   /* nobody has logged in yet */
    SESSION_AT_LINE,    /* a command line is next, or keys of one (parser.is_in_get) */
    SESSION_AT_HEAD,    /* the head of a binary request is next */
    SESSION_IN_VALUE,   /* the job's value is being filled in */
    SESSION_AT_TAIL,    /* the CR LF behind the job's value is next */
    SESSION_SWALLOWING, /* swallow_bytes of a refused value are to be ignored */
    SESSION_WATCHING,   /* so is everything: the client is shown events */
    SESSION_IN_DUMP,    /* a dump is being sent; then AT_LINE */
};

enum dump_format {
    DUMP_META,  /* lru_crawler metadump */
    DUMP_MG,    /* lru_crawler mgdump */
    DUMP_CACHE, /* stats cachedump */
};

/* What is being dumped: see dump.h. */
struct dump {
    struct store_dump *walk;
    enum dump_format format;
    uint64_t items_left; /* DUMP_CACHE */
    uint64_t bytes_left; /* DUMP_CACHE */
};

/* Whose requests these are. */
enum session_kind {
    SESSION_CLIENT,
    SESSION_REPL_ONLY, /* text where only binary is spoken: `repl` lines, perhaps a link's hello */
    SESSION_LINK,
};

/* A job whose value comes piece by piece: few of many sessions have one at any time. */
struct kept_job {
    struct store_job job;
    char opaque[META_OPAQUE_BYTES_MAX]; /* what job.meta.opaque points to */
};

struct session {
    struct session_env *env;
    const struct session_peer *peer; /* fixed; not ours */
    void *link;
    enum session_kind kind;
    bool is_binary; /* the protocol that the first byte has chosen */
    bool is_ended;
    bool has_quit;
    enum session_state state;
    struct parser parser;
    union {
        uint64_t swallow_bytes; /* SWALLOWING */
        struct dump dump;       /* IN_DUMP */
    };
    struct kept_job *kept; /* IN_VALUE, AT_TAIL; otherwise it may be NULL */
};

struct turn {
    struct session *session;
    struct server *server;
    struct store_thread *thread;
    struct serve_counters *counters;
    struct outbuf *out;
    struct outbuf_mark line_mark; /* where the replies of this line began */
    bool has_line_mark;           /* false: some of them may have been sent */
    bool is_skipping_line;        /* the rest of the keys of this line is not wanted */
    bool is_closing;              /* the client is to be sent what is there, and closed */
    uint32_t out_high_bytes;      /* with more than this unsent, no further command is executed */
    uint32_t line_high_bytes;     /* the same within a line whose keys may be bad */
    /* counted here, added to the counters at the end of the turn */
    unsigned cmd_get, get_misses, cmd_set;
};

/*
 * Appends a reply; closes when there is no memory for it, since the client would take the next one
 * for it.
 */
void turn_reply(struct turn *turn, const char *text, size_t bytes);
#define TURN_REPLY(turn, literal) turn_reply((turn), (literal), sizeof(literal) - 1)
void turn_reply_text(struct turn *turn, const char *text);

/* Nobody is to see the reply: it is not composed. */
static inline bool turn_is_silent(const struct turn *turn, bool is_noreply) {
    return is_noreply && !session_notes_reply(turn->session->env->notes);
}

/*
 * There is no memory for a reply that was begun at `mark`: takes it back (with all of the line's
 * where that is possible) and says so instead.
 */
void turn_out_of_memory(struct turn *turn, struct outbuf_mark mark, const char *text);

static inline bool turn_out_is_high(const struct turn *turn) {
    return outbuf_pending(turn->out) > turn->out_high_bytes;
}

/*
 * The same before a key at `at` that is not the first one of its get. If a later one turns out to be
 * bad, what was answered is taken back, as far as it has not been sent: so it is sent late unless
 * all keys are known to be good.
 */
static inline bool turn_line_is_high(const struct turn *turn, const char *at) {
    return outbuf_pending(turn->out) > turn->line_high_bytes ||
           (turn_out_is_high(turn) && parse_keys_are_good(&turn->session->parser, at));
}

/* Adds what the turn has counted so far to the counters. */
static inline void turn_count(struct turn *turn) {
    if (turn->cmd_get)
        COUNT(turn->counters, cmd_get, turn->cmd_get);
    if (turn->get_misses)
        COUNT(turn->counters, get_misses, turn->get_misses);
    if (turn->cmd_set)
        COUNT(turn->counters, cmd_set, turn->cmd_set);
    turn->cmd_get = turn->get_misses = turn->cmd_set = 0;
}

static inline struct outbuf_mark turn_mark(const struct turn *turn) {
    return (struct outbuf_mark){.bytes = turn->out->bytes, .ref_count = turn->out->ref_count};
}

/* So many keys were not found so far, by this thread. */
static inline uint64_t turn_misses(const struct turn *turn) {
    return turn->get_misses +
           atomic_load_explicit(&turn->counters->touch_misses, memory_order_relaxed);
}

/* A client is about to change something. */
static inline void turn_before_write(const struct turn *turn) {
    const struct serve_repl_hooks *repl = &turn->server->repl;
    if (UNLIKELY(repl->is_on))
        repl->client_write(repl->context);
}

/* Who is told of what happens in this turn; may be NULL. */
static inline struct event_log *turn_events(const struct turn *turn) {
    return turn->session->env->events;
}

static inline struct store_key request_key(const struct request *request) {
    return (struct store_key){
        .data = request->key, .bytes = request->key_bytes, .hash = request->hash};
}

/* The key of a job's item, copied, so that it outlives the item. */
static inline struct store_key job_key(const struct store_job *job,
                                       char copy[STORE_KEY_BYTES_MAX]) {
    const char *key;
    size_t bytes;
    store_item_key(job->item, &key, &bytes);
    memcpy(copy, key, bytes);
    return (struct store_key){.data = copy, .bytes = (uint32_t)bytes, .hash = job->hash};
}

/* The version that clients are shown: 0 with -C. */
static inline uint64_t turn_cas(const struct turn *turn, uint64_t version) {
    return turn->server->settings->has_cas ? version : 0;
}

/* The version that a client expects: with -C none is ever found. */
static inline uint64_t turn_expected(const struct turn *turn, uint64_t cas) {
    return turn->server->settings->has_cas ? cas : 0;
}

/* ---- the commands ---- */

void cmd_get(struct turn *turn, const struct request *request); /* get gets gat gats */
void cmd_store(struct turn *turn,
               const struct request *request); /* set add replace append prepend cas */
void cmd_delete(struct turn *turn, const struct request *request);
void cmd_arith(struct turn *turn, const struct request *request); /* incr decr */
void cmd_touch(struct turn *turn, const struct request *request);
void cmd_meta_get(struct turn *turn, struct request *request);    /* mg */
void cmd_meta_store(struct turn *turn, struct request *request);  /* ms */
void cmd_meta_delete(struct turn *turn, struct request *request); /* md */
void cmd_meta_arith(struct turn *turn, struct request *request);  /* ma */
void cmd_meta_debug(struct turn *turn, struct request *request);  /* me */

/* With -Y, before the client has logged in. False when the turn ends, as *result says. */
bool login_take(struct turn *turn, unsigned *request_max, struct session_result *result);

/* A request on a replication link: the stream's few commands; anything else ends the link. */
void link_execute(struct turn *turn, struct request *request);
/* The value of an ms on a link is complete / there is no memory for the rest of it. */
void link_store_finish(struct turn *turn, struct store_job *job);
void link_store_refuse(struct turn *turn, struct store_job *job);
void link_reject(struct turn *turn, const char *why);

/* ---- values ---- */

/* A job can be kept in the session until its value is all there. False: no memory for it. */
bool job_make_room(struct session *session);
/* Keeps it, in that room; what points to the input is copied. */
void job_keep(struct session *session, const struct store_job *job);
/* It is over, if there was one. */
void job_forget(struct session *session);

/*
 * Reserves the item of a storage command, and where its value is not all there yet the room to wait
 * for it. NULL with *why.
 */
static inline struct item *value_reserve(struct turn *turn, bool is_partial,
                                         const struct store_key *key, uint32_t client_flags,
                                         uint32_t exptime, uint64_t value_bytes,
                                         enum store_status *why) {
    if (UNLIKELY(is_partial) && !job_make_room(turn->session)) {
        *why = STORE_NO_MEMORY;
        return NULL;
    }
    return store_reserve_part(turn->thread, key, client_flags, exptime, value_bytes, why);
}

/*
 * The item of `job` is reserved: takes the value from the input, then finishes the job; or keeps
 * the job in the session until the rest has come.
 */
void value_take(struct turn *turn, const struct request *request, struct store_job *job);
/*
 * Where the value goes on: how many bytes fit there. 0: there is no memory for them.
 */
size_t value_room(struct turn *turn, struct store_job *job, char **start);
/*
 * Copies to the value what fits of from[0..bytes), from job->filled_bytes on; returns how much: less
 * than there is and is wanted, where there is no memory for more.
 */
size_t value_fill(struct turn *turn, struct store_job *job, const char *from, size_t bytes);
/* These bytes of the input, and those behind it that have not come yet, are ignored. */
void value_skip(struct turn *turn, const char *from, uint64_t bytes);
/* A refused value is ignored: whatever of it has not come yet. */
void value_swallow(struct turn *turn, const struct request *request);
/* The value is all there: stores it and replies. Classic and meta. */
void store_finish(struct turn *turn, struct store_job *job);
/* An item with this version was in the way: for who looks over the client's shoulder. */
void store_note_cas(const struct turn *turn, const struct store_job *job, uint64_t version);
void store_bad_chunk(struct turn *turn, struct store_job *job);
/*
 * There is no memory for the rest of the value: no item, and a reply. What is there under the key
 * stays, as if the client had gone in the middle of the value.
 */
void store_refuse(struct turn *turn, struct store_job *job);
/*
 * No item could be had: tells who watches. A plain set leaves no old value behind, which its sender
 * believes replaced (drops_old).
 */
void store_refuse_item(struct turn *turn, const struct store_key *key, enum store_mode mode,
                       bool drops_old, enum store_status why);

/* ---- the binary protocol ---- */

/*
 * Up to *request_max requests in the input, of which there is some. False when the turn ends, as
 * *result says.
 */
bool binary_batch(struct turn *turn, unsigned *request_max, struct session_result *result);
/* The value is all there: stores it and replies. */
void binary_store_finish(struct turn *turn, struct store_job *job);
/* There is no memory for the rest of the value. */
void binary_store_refuse(struct turn *turn, struct store_job *job);

#endif
