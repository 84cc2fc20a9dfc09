/*
 * The store: keys, values, memory and eviction. It knows no socket and no protocol.
 *
 * A store is an instance. Every thread that uses it owns one `struct store_thread`, its handle with
 * its counters; a handle is never shared. All functions that take a handle may run in parallel on
 * different handles.
 *
 * Times are seconds in the scale of clock_seconds(); exptime 0 means never. Versions are the CAS
 * values clients see: with `is_replicated` they are hybrid-logical-clock stamps (milliseconds since
 * 1970 << STORE_VERSION_SEQUENCE_BITS | sequence), otherwise they count up from 1.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/base/clock.h"
#include "memcached/base/rng.h"
#include "memcached/store/copy.h"

struct store;
struct store_thread;
struct item;

enum {
    STORE_KEY_BYTES_MAX = 250,
    STORE_CLASS_COUNT_MAX = 64, /* slab class ids are 1..63 */
    STORE_PAGE_BYTES = 1 << 20,
    STORE_VERSION_SEQUENCE_BITS = 20,
    STORE_COPY_BYTES_MAX = 8192, /* larger values are referenced, not copied */
    STORE_PART_BYTES = 1 << 20,  /* of a value that arrives, for which memory is taken at a time */
};

/* Explicit versions beyond this are not taken: the clock that follows them must not wrap. */
#define STORE_VERSION_EXPLICIT_MAX (UINT64_MAX / 2)

/* How the LRU of each slab class works: what `lru tune|mode|temp_ttl` change. */
struct store_lru {
    bool is_segmented;    /* hot, warm and cold lists; false: one list, in the order of use */
    bool has_temp;        /* items that live for temp_ttl_s at most are never evicted */
    uint32_t hot_percent; /* of the class's bytes; the two together at most 80 */
    uint32_t warm_percent;
    double hot_max_factor; /* how old hot's and warm's tails may get, in ages of cold's; above 0 */
    double warm_max_factor;
    uint32_t temp_ttl_s;
};

/* When slab pages change class by themselves: automove.h. */
struct store_automove {
    unsigned level; /* 0: never; 1; 2: at every eviction */
    uint32_t window_s;
    double ratio;
    double freeratio; /* kept for those who ask: there is no external storage that would use it */
};

struct store_config {
    uint64_t limit_bytes;          /* -m: pages within it, and a first one for each class */
    uint64_t item_bytes_max;       /* -I */
    double growth_factor;          /* -f */
    const uint32_t *class_sizes;   /* -o slab_sizes: instead of by the factor; a 0 ends. NULL */
    uint32_t item_bytes_min;       /* -n: smallest key + value a chunk is made for */
    uint32_t slab_chunk_bytes_max; /* -o slab_chunk_max: largest chunk; 0 means half a page */
    uint32_t hashpower;            /* log2 of the index's first size in 8-byte units; 16 */
    uint32_t thread_count_max;     /* how many handles may be taken at once */
    uint32_t tombstone_count_max;  /* bound of the tombstone table; 0 takes the default */
    bool is_evicting;              /* false with -M */
    bool moves_pages;              /* false with -o no_slab_reassign */
    bool is_index_fixed;           /* -o no_hashexpand: the index keeps its first size */
    bool is_replicated;            /* -x: clock versions, tombstones, floors */
    uint64_t version_floor;        /* versions begin above it; 0 by default */
    bool wants_huge_pages;         /* -L: advise transparent huge pages for index and arena */
    bool has_first_pages;          /* -L: each class has a page from the start, within the limit */
    struct store_lru lru;
    struct store_automove automove;
    bool has_lru_maintainer;   /* store_maintain sorts the LRU, and crawls start by themselves */
    bool has_crawler;          /* it is enabled from the start */
    uint32_t crawler_sleep_us; /* as in struct store_crawler */
    uint32_t crawler_tocrawl;
    struct clock *clock; /* outlives the store */
    struct rng *rng;     /* used during store_create only */
};

/* The defaults of memcached 1.6.45 (64 MB, 1 MB items, factor 1.25, 48 bytes, hashpower 16). */
void store_config_default(struct store_config *config);

/* NULL with *why set to one printable line when memory or a setting is refused. */
struct store *store_create(const struct store_config *config, const char **why);
/* All handles must have been given back. */
void store_destroy(struct store *store);

/* NULL when there is no memory or thread_count_max handles are out. */
struct store_thread *store_thread_join(struct store *store);
void store_thread_leave(struct store_thread *thread);
/* 0..thread_count_max-1, the handle's own until it is given back. */
uint32_t store_thread_number(const struct store_thread *thread);
uint32_t store_thread_count_max(const struct store *store);

/*
 * A worker says here, once a loop turn, that it holds no view and no unreferenced pointer into the
 * store. Memory whose shape changes (a slab page that changes class) waits until every handle has.
 */
void store_thread_quiesce(struct store_thread *thread);

/* ---- keys ---------------------------------------------------------------------------------- */

struct store_key {
    const char *data;
    uint32_t bytes; /* 1..STORE_KEY_BYTES_MAX */
    uint64_t hash;  /* store_hash of it */
};

uint64_t store_hash(const struct store *store, const char *data, size_t bytes);

/*
 * The prefetching passes over a batch: the bucket of a key, later its likely item; and where
 * store_prefetch_item returns true, what it would be in an overflow line. Never block, never fail.
 */
void store_prefetch_index(const struct store *store, uint64_t hash);
bool store_prefetch_item(const struct store *store, uint64_t hash);
void store_prefetch_overflow(const struct store *store, uint64_t hash);
/* After store_prefetch_item: what stands beside the item on its LRU list, which a write changes. */
void store_prefetch_neighbours(const struct store *store, uint64_t hash);

/* ---- reading ------------------------------------------------------------------------------- */

/*
 * What can be said of an item besides its being there. Storing a value anew ends both; incr and decr
 * do so only where they need another item.
 */
enum {
    STORE_STALE = 1 << 4,   /* its value was declared out of date: store_invalidate, takes_older */
    STORE_CLAIMED = 1 << 5, /* one client was asked to bring a new one: store_fetch, store_vivify */
};

struct store_view {
    const char *value; /* value_bytes contiguous; NULL when chunked: use store_item_segment */
    uint64_t value_bytes;
    uint64_t version;
    uint32_t client_flags;
    uint32_t exptime;     /* 0: never */
    uint32_t access_time; /* last access, seconds */
    bool was_fetched;     /* had been hit before this read */
    uint8_t state;        /* STORE_STALE, STORE_CLAIMED */
    uint8_t class_id;
    uint8_t segment; /* enum lru_segment */
    struct item *item;
    /* private to the store: */
    uint32_t stripe;
    uint32_t sequence;
};

enum store_peek {
    STORE_PEEK_MISS,   /* no live item (an answer, final) */
    STORE_PEEK_HIT,    /* view is filled; copy value, then call store_peek_confirm */
    STORE_PEEK_LOCKED, /* not without the lock (large, chunked, contended, dead): use store_get */
};

/*
 * Lock-free read. On a hit the header fields of the view are consistent and value points at
 * value_bytes readable bytes that may change under the reader: the caller copies them and then asks
 * store_peek_confirm, which returns false if they may be torn (then undo the copy and use
 * store_get). No other call on the handle in between. confirm counts the hit and marks the item as
 * used.
 */
enum store_peek store_peek(struct store_thread *thread, const struct store_key *key,
                           struct store_view *view);
bool store_peek_confirm(struct store_thread *thread, const struct store_view *view);
/* Instead of the confirmation, when the hit is not used after all: nothing is counted or marked. */
void store_peek_give_up(struct store_thread *thread);

/* Copies a peeked value; view->value_bytes bytes at `to`. */
static inline void store_copy(char *to, const struct store_view *view) {
    store_copy_bytes(to, view->value, view->value_bytes);
}

enum store_status {
    STORE_OK, /* stored, deleted, touched, found */
    STORE_NOT_FOUND,
    STORE_EXISTS,     /* cas: another version is here */
    STORE_NOT_STORED, /* add on a present key, replace/append/prepend on an absent one */
    STORE_TOO_LARGE,  /* exceeds -I */
    STORE_NO_MEMORY,
    STORE_NON_NUMERIC,     /* incr/decr on a value that is no 64-bit decimal number */
    STORE_TOO_LONG_NUMBER, /* the value is too long to be a number */
    STORE_OLDER,           /* a change from the peer that is not newer than what is here: ignored */
};

/* What a read through the lock also does to the item. */
enum store_get_mode {
    STORE_GET,
    STORE_GET_QUIETLY, /* no counters, no mark: for statistics and debugging */
};

/*
 * Locked read: STORE_OK with a reference taken (give it back with store_item_release, on any
 * thread's handle), or STORE_NOT_FOUND. The value of a held item never changes: writers replace the
 * item.
 */
enum store_status store_get(struct store_thread *thread, const struct store_key *key,
                            enum store_get_mode mode, struct store_view *view);

/* Get and touch: as store_get, and sets exptime (a change: the observer is told). */
enum store_status store_get_and_touch(struct store_thread *thread, const struct store_key *key,
                                      uint32_t exptime, struct store_view *view);

/*
 * Reads for clients who bring new values themselves, one client a value: whoever finds an item
 * stale, or about to expire, and not claimed yet, claims it. A claim concerns this store's clients
 * only; no observer is told.
 */
struct store_fetch {
    bool leaves_no_mark; /* not a use: neither mark nor access time */
    bool leaves_claims;  /* claims nothing */
    bool has_exptime;    /* touches it */
    uint32_t exptime;
    uint32_t claim_before; /* claims what expires before this; 0: only what is stale */
    bool claims_first;     /* and what is touched goes by the exptime that it had before */
    bool has_claimed;      /* out: this read did. view->state is from before */
    uint32_t exptime_was;  /* out: before a touch */
};
/* A locked read as store_get's, counted. */
enum store_status store_fetch(struct store_thread *thread, const struct store_key *key,
                              struct store_fetch *fetch, struct store_view *view);

/*
 * Where nothing is: an empty item, claimed, for the caller who is to bring the value. A reference is
 * taken as in store_get; counted as a hit; view->state is 0. STORE_NOT_STORED: something is there.
 * STORE_NO_MEMORY.
 */
struct store_vivify {
    bool leaves_no_mark;
    bool is_touch; /* counted as a touch */
    uint32_t exptime;
    uint64_t new_version; /* explicit version; 0: the next */
};
enum store_status store_vivify(struct store_thread *thread, const struct store_key *key,
                               const struct store_vivify *vivify, struct store_view *view);

/*
 * One more reference / one less; the last one frees. Any thread, no lock held or a stripe lock held
 * (inside a visit).
 */
void store_item_hold(struct item *item);
void store_item_release(struct store_thread *thread, struct item *item);

/*
 * The contiguous bytes of a held (or reserved, unlinked) item's value at `offset`: returns how many
 * there are up to the end of this chunk and sets *start; 0 at the end of the value, or of what is
 * reserved of it.
 */
size_t store_item_segment(const struct store *store, struct item *item, uint64_t offset,
                          char **start);

/* ---- writing ------------------------------------------------------------------------------- */

/*
 * Reserves an item of value_bytes for a value to be written into (store_item_segment), owned by the
 * caller until store_commit, store_apply_set or store_abandon. NULL with *why: STORE_TOO_LARGE or
 * STORE_NO_MEMORY. May evict. The key is copied.
 */
struct item *store_reserve(struct store_thread *thread, const struct store_key *key,
                           uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                           enum store_status *why);
void store_abandon(struct store_thread *thread, struct item *item);
/*
 * The same for a value that arrives bit by bit: memory for the first STORE_PART_BYTES of it at
 * least. So nothing is evicted for what is only announced, and nothing large at once.
 */
struct item *store_reserve_part(struct store_thread *thread, const struct store_key *key,
                                uint32_t client_flags, uint32_t exptime, uint64_t value_bytes,
                                enum store_status *why);
/*
 * Where store_item_segment of such an item comes to an end before the value does: memory for the
 * next STORE_PART_BYTES, or some of them. False: there is none, and the item is to be abandoned.
 */
bool store_reserve_more(struct store_thread *thread, struct item *item);
/* A reserved item that is to be in this state (STORE_STALE, STORE_CLAIMED) when it is linked. */
void store_item_mark(struct item *item, unsigned state);

enum store_mode { STORE_SET, STORE_ADD, STORE_REPLACE, STORE_APPEND, STORE_PREPEND, STORE_CAS };

struct store_write {
    enum store_mode mode;
    uint64_t expected_version; /* STORE_CAS, or has_expected: only if this is the version here */
    bool has_expected;
    bool takes_older;     /* with has_expected: also over a newer version, but as stale */
    bool begins_absent;   /* append, prepend: an absent key gets the addition as its value */
    uint64_t new_version; /* explicit version (meta E flag); 0, or is_replicated: the next */
};

/*
 * Links the reserved item (the reference passes to the store in every case). STORE_OK with *version
 * set (may be NULL), or STORE_NOT_STORED (append and prepend also where the two together are too
 * large, or have no room), STORE_EXISTS (then, append and prepend aside, *version is that of the
 * item in the way), STORE_NOT_FOUND (cas on an absent key) or STORE_NO_MEMORY.
 */
enum store_status store_commit(struct store_thread *thread, struct item *item, uint64_t hash,
                               const struct store_write *write, uint64_t *version);

/*
 * STORE_OK, STORE_NOT_FOUND, STORE_EXISTS (expected_version given and different). A miss is a
 * change too with is_replicated.
 */
enum store_status store_delete(struct store_thread *thread, const struct store_key *key,
                               bool has_expected, uint64_t expected_version, uint64_t new_version);

/* A deletion that leaves an item. */
struct store_invalidate {
    bool has_expected;
    uint64_t expected_version;
    uint64_t new_version; /* explicit version; 0: the next if it becomes stale, else the old one */
    bool makes_stale;     /* and takes back a claim */
    bool drops_value;     /* an empty item with these client flags takes its place */
    uint32_t client_flags;
    bool has_exptime; /* else dropping the value makes it live for ever */
    uint32_t exptime;
};
/* STORE_OK, STORE_NOT_FOUND, STORE_EXISTS, STORE_NO_MEMORY. One of the two has to be asked for. */
enum store_status store_invalidate(struct store_thread *thread, const struct store_key *key,
                                   const struct store_invalidate *invalidate);

enum { STORE_ARITH_DIGITS_MAX = 24 };
struct store_arith {
    bool is_decr;
    uint64_t delta;
    bool has_expected;
    uint64_t expected_version;
    bool has_exptime; /* also set exptime */
    uint32_t exptime;
    uint64_t new_version; /* explicit version; 0: the next */
    /* out: */
    uint32_t exptime_was, exptime_is;
    uint64_t value;   /* the new number */
    uint64_t version; /* the new version */
};
/*
 * incr wraps at 2^64, decr stops at 0 and leaves the old length padded with spaces. In place where
 * it fits.
 */
enum store_status store_arith(struct store_thread *thread, const struct store_key *key,
                              struct store_arith *arith);

/*
 * Sets exptime. With is_replicated the version changes too, so that the newest touch wins on both
 * nodes.
 */
enum store_status store_touch(struct store_thread *thread, const struct store_key *key,
                              uint32_t exptime);

/*
 * A storage command whose value was refused (too large): drops what the key held, so that no stale
 * value stays. Counts as a delete for the observer.
 */
void store_drop_stale(struct store_thread *thread, const struct store_key *key);

/*
 * flush_all: everything linked up to now is dead at once (delay_s 0) or when the clock reaches
 * now + delay_s. A later call replaces a pending delay; what is dead stays dead.
 */
void store_flush(struct store_thread *thread, uint32_t delay_s);

/* ---- watching -------------------------------------------------------------------------------- */

/* What can be told of, as bits. */
enum store_watch {
    STORE_WATCH_LOOKUPS = 1 << 0,   /* a client's command looked a key up */
    STORE_WATCH_COMMITS = 1 << 1,   /* store_commit has come to an end */
    STORE_WATCH_EVICTIONS = 1 << 2, /* a living item goes for want of memory */
    STORE_WATCH_DELETES = 1 << 3,   /* store_delete has found what to delete */
    STORE_WATCH_CRAWLS = 1 << 4,    /* a crawl that began by itself has come to an end */
    STORE_WATCH_MOVES = 1 << 5,     /* a page is taken from a class to balance them */
};

/* What a crawl has found in one list of a class. */
struct store_crawled {
    const char *list;    /* static text: hot, warm, cold or temp */
    uint64_t worth;      /* so many dead would have been worth it */
    uint64_t next_dead;  /* of those alive, those that the next crawl will find dead */
    uint64_t left, dead; /* items: those that stay, and those that went */
    uint32_t next_s;     /* until the next one */
    uint32_t duration_s; /* of the class's crawl */
};

struct store_event {
    enum store_watch kind;
    const char *key; /* valid during the call */
    uint32_t key_bytes;
    bool is_found;            /* LOOKUPS */
    bool has_expired;         /* LOOKUPS: it is not found because its time is over */
    bool was_fetched;         /* EVICTIONS: hit since it was stored */
    uint8_t class_id;         /* 0: nothing was found; CRAWLS; MOVES: the one that gives */
    uint8_t to_class_id;      /* MOVES: the one that gets; 0: none, the page becomes a spare one */
    enum store_mode mode;     /* COMMITS */
    enum store_status status; /* COMMITS */
    uint32_t exptime;         /* COMMITS, EVICTIONS; 0: never */
    uint32_t access_time;     /* EVICTIONS: last access, seconds */
    uint64_t value_bytes;     /* 0: nothing was found */
    const struct store_crawled *crawled; /* CRAWLS; valid during the call */
};

/* Called in the handle's thread under store locks: it must neither block nor call the store. */
typedef void (*store_tell)(void *context, const struct store_event *event);

/* Who is told of what happens through this handle; NULL: nobody. The handle's thread. */
void store_thread_tell(struct store_thread *thread, store_tell tell, void *context);

/*
 * From now on those are told of these kinds (store_watch bits; 0: of nothing). While lookups are
 * watched, every read takes the lock. Any thread.
 */
void store_watch(struct store *store, unsigned kinds);

/* ---- replication: observing and applying ----------------------------------------------------- */

enum store_change_kind {
    STORE_CHANGE_SET,
    STORE_CHANGE_DELETE,
    STORE_CHANGE_FLUSH,
    STORE_CHANGE_FLUSH_LATER,
};

struct store_change {
    enum store_change_kind kind;
    uint32_t key_bytes;
    const char *key; /* SET, DELETE: valid during the call */
    uint64_t hash;
    uint64_t version; /* of the item, the tombstone, or the floor */
    /* SET: the item as it is now, in the terms of struct store_view; valid during the call */
    const char *value;
    uint32_t value_bytes, client_flags, exptime;
    uint8_t state;
    uint64_t flush_wall_s; /* FLUSH_LATER: UNIX seconds at which it takes effect; 0: taken back */
};

/*
 * Told of every change a client makes, under the stripe lock (FLUSH*: under the admin lock), by the
 * thread whose handle is given, before the command is answered. It must not call into the store.
 * It returns whether it has queued the change, to fetch the item later by store_visit or store_walk:
 * a queued item is not told of again until it has been fetched. False: it has all it wants.
 */
struct store_observer {
    bool (*changed)(void *context, struct store_thread *thread, const struct store_change *change);
    void *context;
};
/* Before any handle is taken. */
void store_observe(struct store *store, const struct store_observer *observer);

/*
 * Called under the stripe lock with a view whose item is alive: it may copy, or store_item_hold;
 * nothing else.
 */
typedef bool (*store_visitor)(void *context, const struct store_key *key,
                              const struct store_view *view);

enum store_found { STORE_VISITED, STORE_ABSENT };
/*
 * Looks at one key as it is now, for sending it: calls `visitor`; if that returns true the item
 * stops being queued. STORE_ABSENT sets *version to the newest version known of its absence (0:
 * none).
 */
enum store_found store_visit(struct store_thread *thread, const struct store_key *key,
                             store_visitor visitor, void *context, uint64_t *version);

/*
 * Absences had to be forgotten up to this version (0: none): an absent key may be so since then.
 * Any thread.
 */
uint64_t store_forgotten(const struct store *store);

/*
 * Walks all live items, `bucket_count` index buckets a call; *cursor starts at 0 and is opaque.
 * Growth of the index neither hides nor repeats an item by more than one bucket. As in store_visit,
 * true from the visitor ends the item's being queued; false stops the walk before the end of its
 * bucket, which the next call starts anew. Returns true when the whole index has been walked.
 * *percent (may be NULL) says how far.
 */
bool store_walk(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count,
                store_visitor visitor, void *context, unsigned *percent);

/*
 * Links a reserved item as the peer has it, if newer than what is here (than an item of the same
 * version: if wins_ties).
 * The reference passes to the store. STORE_OK, STORE_OLDER, or STORE_NO_MEMORY: the index is full,
 * the key is absent as of this version. Never told to the observer.
 */
enum store_status store_apply_set(struct store_thread *thread, struct item *item, uint64_t hash,
                                  uint64_t version, bool wins_ties);
/*
 * Absent as of `version`. STORE_OK or STORE_OLDER. Leaves a tombstone. Between a set and a deletion
 * of one version the deletion wins, on whichever node: one that starts over and does not keep an
 * item says so with the item's own version.
 */
enum store_status store_apply_delete(struct store_thread *thread, const struct store_key *key,
                                     uint64_t version);
/* Everything with a version up to `version` is dead. */
void store_apply_flush(struct store_thread *thread, uint64_t version);
/*
 * A flush that the peer was asked at `version` to make later (0: none any more). The newest one
 * asked for counts.
 */
void store_apply_flush_later(struct store_thread *thread, uint64_t version, uint64_t wall_s);

/*
 * The newest version given out or seen; and: never give out one at or below `version` again. Any
 * thread.
 */
uint64_t store_version_now(const struct store *store);
void store_version_advance(struct store *store, uint64_t version);

/*
 * The current flush floor (0: none) and the pending flush (UNIX seconds, 0: none): a full sync
 * sends both.
 */
uint64_t store_flush_floor(const struct store *store);
uint64_t store_flush_pending(const struct store *store);
/* The version at which the pending one was asked for, or the last one was taken back or made. */
uint64_t store_flush_pending_version(const struct store *store);

/*
 * Everything the peer has acknowledged up to `version` needs no tombstone any more; an item removed
 * by eviction or expiry leaves one only if its version is above this. Any thread.
 */
void store_acknowledged(struct store *store, uint64_t version);

/*
 * Starting over: everything held is invisible from here on (as if it were not there, also for
 * applying), tombstones and floors are forgotten. O(1) but for sweeping what an earlier call left.
 * store_sweep then frees what is invisible, `bucket_count` buckets a call, true when done.
 */
void store_start_over(struct store_thread *thread);
bool store_sweep(struct store_thread *thread, uint64_t *cursor, unsigned bucket_count);

/* ---- background ------------------------------------------------------------------------------ */

/*
 * Once a second or faster, by one thread: turns the clock's version forward (is_replicated), makes
 * a due flush effective, forgets old tombstones.
 */
void store_tick(struct store_thread *thread);

/*
 * One slice of LRU maintenance and reclaim. Says how soon the next one is wanted: what nothing
 * depends on yet may wait for some milliseconds. One thread.
 */
enum store_maintain { STORE_MAINTAIN_DONE = 0, STORE_MAINTAIN_SOON, STORE_MAINTAIN_NOW };
enum store_maintain store_maintain(struct store_thread *thread);
/* One slice of index growth; true if there is more to do now. One thread (may be the same). */
bool store_grow(struct store_thread *thread);

/* The rules of the LRU, now and from now on. Items find their new places in time. Any thread. */
void store_lru(struct store *store, struct store_lru *out);
void store_lru_set(struct store *store, const struct store_lru *lru);

/* ---- limits and statistics ------------------------------------------------------------------- */

/*
 * cache_memlimit: false if below what is possible (one page) or above the reserved address space.
 */
bool store_set_limit(struct store *store, uint64_t limit_bytes);

/*
 * `slabs reassign`: begins to move a page from one class to another; 0 is the pool, and
 * STORE_REASSIGN_ANY as the source whichever can best do without. store_maintain does the rest.
 */
enum { STORE_REASSIGN_ANY = -1 };
enum store_reassign {
    STORE_REASSIGN_OK,
    STORE_REASSIGN_BUSY, /* one is under way */
    STORE_REASSIGN_BAD_CLASS,
    STORE_REASSIGN_NO_SPARE, /* the source has not two pages, or all are held; the pool is empty */
    STORE_REASSIGN_SAME,
};
enum store_reassign store_reassign(struct store_thread *thread, int64_t from, int64_t to);

/* Any thread. */
void store_automove_get(struct store *store, struct store_automove *settings);
void store_automove_set(struct store *store, const struct store_automove *settings);

/* Why a page that was to move was kept waiting; the word for it, as `stats` shows it. */
enum store_move_wait {
#define MOVE_WAIT(NAME, word, meaning) STORE_MOVE_WAIT_##NAME,
#include "memcached/store/move_waits.def"
#undef MOVE_WAIT
};
const char *store_move_wait_word(enum store_move_wait wait);

struct store_stats {
    uint64_t curr_items, total_items, curr_bytes, limit_bytes;
    uint64_t arena_bytes_taken; /* pages in use, and those of the pool */
    uint64_t evictions, reclaimed, expired_unfetched, evicted_unfetched, evicted_active;
    uint64_t direct_reclaims, moves_to_cold, moves_to_warm, moves_within_lru, lru_bumps_dropped;
    uint64_t lru_maintainer_juggles;
    uint64_t index_bytes, index_bucket_count, index_overflow_lines;
    uint32_t hash_power_level;
    bool hash_is_expanding;
    uint64_t tombstones, tombstones_forgotten;
    uint64_t pages_total, pages_free;
    uint64_t pages_pool; /* of those free, the ones that a class had before */
    bool is_moving_page;
    enum store_move_wait last_move_wait;
#define STORE_COUNTER(name, meaning) uint64_t name##_count;
#include "memcached/store/counters.def"
#undef STORE_COUNTER
};
void store_stats(struct store *store, struct store_stats *out);

struct store_class_stats {
    /* geometry and pages, as `stats slabs` shows them */
    uint32_t chunk_bytes, chunks_per_page, total_pages;
    uint64_t total_chunks, used_chunks, free_chunks, mem_requested;
    /* as `stats items` shows them; segments in the order hot, warm, cold, temp */
    uint64_t number, segment_number[4];
    uint32_t age, age_hot, age_warm;
    uint64_t evicted, evicted_nonzero, evicted_time, outofmemory, tailrepairs, reclaimed;
    uint64_t expired_unfetched, evicted_unfetched, evicted_active, crawler_reclaimed;
    uint64_t crawler_items_checked, lrutail_reflocked, moves_to_cold, moves_to_warm;
    uint64_t moves_within_lru, direct_reclaims;
#define CLASS_COUNTER(name, meaning) uint64_t name;
#include "memcached/store/class_counters.def"
#undef CLASS_COUNTER
};
unsigned store_class_count(const struct store *store); /* classes are 1..count */
/* class_id 1..count. */
void store_class_stats(struct store *store, unsigned class_id, struct store_class_stats *out);

/*
 * Histogram of item sizes in buckets of 32 bytes, as `stats sizes` shows it: walks everything in
 * slices.
 */
void store_sizes(struct store_thread *thread,
                 void (*row)(void *context, uint32_t bytes, uint64_t count), void *context);

/* `stats reset`: zeroes what counts events, on all handles. */
void store_stats_reset(struct store *store);

/*
 * Debugging and tests: every item on one LRU, in the index, in a page of its class; counts agree.
 * NULL or what is wrong.
 */
const char *store_verify(struct store *store);

/* Item size as memcached would report it: header, key, value (for `stats sizes`, watchers, me). */
uint64_t store_item_bytes(const struct item *item);
/* The key inside an item the caller holds. */
void store_item_key(const struct item *item, const char **key, size_t *bytes);

#endif
