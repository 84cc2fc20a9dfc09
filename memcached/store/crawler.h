/*
 * The crawler goes through the LRU lists of slab classes and frees what is dead: when a client asks
 * for it, and by itself when enough of a class should have died. A dump goes the same ways, or
 * through the index, and shows what lives.
 *
 * A client's crawl or dump is one at a time for the whole store. The crawler has no thread of its
 * own: one thread calls store_crawl again and again. A dump belongs to whoever began it.
 */
#ifndef STORE_CRAWLER_H
#define STORE_CRAWLER_H

#include "memcached/store/store.h"

enum { STORE_CRAWLER_SLEEP_US_MAX = 1000000 };

struct store_crawler {
    bool is_enabled;
    uint32_t sleep_us; /* between two slices */
    uint32_t tocrawl;  /* items looked at in one class and crawl; 0: all */
    bool is_running;   /* a crawl or a dump is under way */
    bool is_busy;      /* one that a client asked for */
    uint64_t starts;   /* of crawls and dumps */
};

void store_crawler(struct store *store, struct store_crawler *out);

/*
 * Switches it on, or off, which ends what is under way at once. False if it was so before. Any
 * thread, as the next two.
 */
bool store_crawler_enable(struct store *store, bool is_enabled);
void store_crawler_tune(struct store *store, uint32_t sleep_us, uint32_t tocrawl);

/* Has the classes crawled: bit n is class n. False: a client's crawl or dump is under way. */
bool store_crawl_start(struct store *store, uint64_t classes);

enum { STORE_CRAWL_IDLE = UINT32_MAX };
/*
 * One slice, if there is one to do now. Returns the milliseconds until the next is due; 0: at once,
 * STORE_CRAWL_IDLE: not known, ask again soon. One thread, always the same.
 */
uint32_t store_crawl(struct store_thread *thread);

/* ---- dumps ----------------------------------------------------------------------------------- */

enum store_dump_order {
    STORE_DUMP_INDEX,   /* everything once, in no order */
    STORE_DUMP_CLASSES, /* the same of some classes, whose items count as looked at by a crawl */
    /*
     * The cold list of one class, the newest first: what moves between lists meanwhile may be
     * missed. Does not count as a client's dump.
     */
    STORE_DUMP_COLD,
};

struct store_dump;

enum store_dump_refusal { STORE_DUMP_BUSY, STORE_DUMP_NO_MEMORY };
/* `classes` as above, without meaning for the index. NULL with *why. Ended by store_dump_end. */
struct store_dump *store_dump_begin(struct store *store, enum store_dump_order order,
                                    uint64_t classes, enum store_dump_refusal *why);

enum store_dump_state { STORE_DUMP_MORE, STORE_DUMP_OVER, STORE_DUMP_CANCELLED };
/*
 * A few items: calls the visitor (as in store_visit, its result apart) for each that is alive;
 * false from it ends the dump. No lock is held in between, however long that is.
 */
enum store_dump_state store_dump_step(struct store_dump *dump, struct store_thread *thread,
                                      store_visitor visitor, void *context);

/* Wherever it stands. */
void store_dump_end(struct store_dump *dump);

#endif
