/*
 * One client's side of the protocol: bytes in, commands executed on the store, bytes out. It knows
 * no socket: a connection, a fuzzer or a simulation feeds it.
 */
#ifndef SERVE_SESSION_H
#define SERVE_SESSION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/net/outbuf.h"
#include "memcached/serve/event_log.h"
#include "memcached/serve/server.h"
#include "memcached/store/store.h"

enum {
    /* so much of a command line and no end of it closes (get and gets aside) */
    SESSION_LINE_BYTES_MAX = 2048,
    SESSION_BATCH_MAX = 64, /* requests tokenised ahead of execution */
    /* with more than this unsent, no further command is executed */
    SESSION_OUT_HIGH_BYTES = 256 * 1024,
    /* the same of a datagram's replies, none of which can be sent before it is complete */
    SESSION_DATAGRAM_OUT_HIGH_BYTES = 16 * 1024 * 1024,
};

/* What the session wants from its connection next. */
enum session_next {
    SESSION_READ, /* more input; keep the unconsumed bytes and append to them */
    /* read fill_bytes from the socket straight to fill_start, then session_filled */
    SESSION_FILL,
    /* more can be done with what is there: flush or let others have their turn, then feed again */
    SESSION_YIELD,
    SESSION_CLOSE, /* send what is in `out`, then close */
};

struct session;

/* What the answers of one feed do not tell, for who looks over the client's shoulder (-vv). */
struct session_notes {
    /* the client said noreply: what was answered is for these notes alone, and to be taken back */
    bool is_held_back;
    bool has_other_cas; /* an item was not stored for its CAS value */
    uint64_t cas_present, cas_given;
};

/* A client said noreply: does somebody else want the reply? Who does takes it back. */
static inline bool session_notes_reply(struct session_notes *notes) {
    if (!notes)
        return false;
    notes->is_held_back = true;
    return true;
}

/* What a worker lends to all its sessions. One thread. */
struct session_env {
    struct server *server;
    struct store_thread *store;
    struct serve_counters *counters;
    struct event_log *events; /* NULL: nobody is told */
    /* Filled in by the feed; lent for one of a single request. NULL: nobody looks. */
    struct session_notes *notes;
    unsigned worker; /* its number, from 0 on */
    /*
     * With more than this unsent no further command is executed, datagrams' aside; 0:
     * SESSION_OUT_HIGH_BYTES. May change between feeds.
     */
    uint32_t out_high_bytes;
};

/* Who is at the other end. */
struct session_peer {
    const char *ip; /* numeric IPv4 or IPv6 address without port; "" for a unix socket */
    int fd;         /* what watchers know the connection by */
    enum settings_protocol protocol; /* what may be spoken there */
    void *connection; /* the run layer's handle: passed back in hooks; NULL for datagrams */
    /* It asks by datagrams, and others may do so in the same session (datagram.h). */
    bool is_datagram;
};

/* NULL when there is no memory. `peer` lives as long as the session. */
struct session *session_create(struct session_env *env, const struct session_peer *peer);
/*
 * A new conversation: what was begun is forgotten and the next byte chooses the protocol again, as
 * for a datagram. Not for a link.
 */
void session_restart(struct session *session);
/* Gives back everything held; a peer link is told to the replication hooks. */
void session_destroy(struct session *session);
/* Is the next byte to be the first of a request? */
bool session_is_at_rest(const struct session *session);
/*
 * Does it belong to a request that is under way, as a value, one more key or a line's end that is
 * ignored? Or is that request, a dump, still being answered?
 */
bool session_is_in_request(const struct session *session);
bool session_is_in_value(const struct session *session); /* perhaps one that is ignored */
bool session_is_in_dump(const struct session *session);
/* Has the first byte chosen the protocol, and which one? */
bool session_has_begun(const struct session *session);
bool session_is_binary(const struct session *session);
/* With -Y: has nobody logged in yet? */
bool session_awaits_login(const struct session *session);

/* SESSION_READ: what is to be read. */
enum session_awaits {
    SESSION_AWAITS_REQUEST,
    SESSION_AWAITS_VALUE,   /* the rest of a value, or of what stands before it */
    SESSION_AWAITS_REFUSED, /* the rest of a value that is ignored */
};

struct session_result {
    enum session_next next;
    enum session_awaits awaits;
    size_t consumed; /* bytes of the input that are done with */
    /* SESSION_READ: at least this many bytes in all are needed to go on; 0: unknown */
    size_t read_hint;
    bool is_streaming; /* SESSION_YIELD: more output is to come, whatever the input */
    char *fill_start;  /* SESSION_FILL */
    size_t fill_bytes;
};

#define SESSION_REQUESTS_ALL 0u
#define SESSION_REQUESTS_NONE UINT_MAX /* only what is left of the one under way */

/*
 * Executes up to `request_max` requests found in input[0..bytes) and appends their replies to out
 * (SESSION_REQUESTS_ALL: without bound but for what may be unsent). The input must stay in place
 * during the call only.
 * Values larger than what has arrived are asked for with SESSION_FILL.
 */
struct session_result session_feed(struct session *session, const char *input, size_t bytes,
                                   unsigned request_max, struct outbuf *out);

/*
 * `bytes` more bytes have been read to the place SESSION_FILL named. Feed again (perhaps with no
 * input) afterwards.
 */
void session_filled(struct session *session, size_t bytes);

/* Is this a replication link from the peer (accepted `repl hello`)? */
bool session_is_link(const struct session *session);
/* Marks it as one; `link` is handed to the replication hooks with everything that arrives. */
void session_become_link(struct session *session, void *link);
void *session_link(const struct session *session);
const struct session_peer *session_peer(const struct session *session);
/* Forces the next feed to answer SESSION_CLOSE. */
void session_end(struct session *session);
/* The same, because the client asks for it. */
void session_quit(struct session *session);
/* True if it is the client's wish that the session ends. */
bool session_has_quit(const struct session *session);
/* What arrives from now on is ignored: the connection is there to be shown events. */
void session_watch(struct session *session);

#endif
