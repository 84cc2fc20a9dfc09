/*
 * Crawls, and when they are due.
 *
 * While a class is crawled, a histogram grows: how many of its items expire in which of the next
 * minutes. When it is done, that says when a new crawl would find enough dead to be worth it. Items
 * stored after the crawl are not in the histogram: for them the wait is short while crawls find
 * something, and doubles when they do not.
 */
#include "memcached/store/crawler.h"

#include <string.h>

#include "memcached/base/mem.h"
#include "memcached/store/crawler_private.h"
#include "memcached/store/link.h"
#include "memcached/store/walk.h"
#include "memcached/store/watch.h"

enum {
    CRAWL_SLICE_ITEMS = 1000, /* looked at between two sleeps */
    CRAWL_WAIT_S_MIN = 60,    /* between two crawls of a class that start by themselves */
    CRAWL_WAIT_S_MAX = 3600,
    CRAWL_WORTH_PERCENT = 1, /* of a class's items dead: worth a crawl */
    CRAWL_MINUTES = CRAWL_WAIT_S_MAX / 60,
};

/* What the crawl of one list of a class has found. */
struct crawl_found {
    uint64_t seen;
    uint64_t dead;
    uint64_t unfetched; /* of the dead */
    /* of the living, those that expire in the n-th minute from when they were looked at */
    uint64_t minute[CRAWL_MINUTES];
};

struct crawl_schedule {
    uint32_t due_s;  /* on the store's clock */
    uint32_t wait_s; /* the last wait, the histogram aside */
};

struct crawler {
    /* guarded by the store's admin lock */
    bool is_enabled;
    bool is_asked; /* what is under way is a client's crawl */
    bool is_flushed;
    uint32_t sleep_us;
    uint32_t tocrawl;
    uint64_t classes;           /* those to be crawled, with the one under way */
    uint64_t starts;            /* crawls and dumps begun */
    _Atomic bool *dump_cancels; /* the flag of a client's dump; NULL: there is none */

    /* the crawling thread's own */
    struct class_walk walk; /* through the class under way */
    uint64_t looked_at;     /* items in it */
    uint32_t begun_s;       /* on the store's clock */
    struct crawl_found found[LRU_SEGMENT_COUNT];
    struct crawl_schedule schedule[STORE_CLASS_COUNT_MAX];
    uint64_t next_ms;   /* no slice before */
    uint32_t checked_s; /* when it was last looked what is due */
};

bool crawler_open(struct store *store, const struct store_config *config) {
    struct crawler *crawler = mem_zalloc(sizeof(*crawler));
    if (!crawler)
        return false;
    crawler->is_enabled = config->has_crawler;
    crawler->sleep_us = config->crawler_sleep_us;
    crawler->tocrawl = config->crawler_tocrawl;
    store->crawler = crawler;
    return true;
}

void crawler_close(struct store *store) {
    mem_free(store->crawler);
    store->crawler = NULL;
}

/* ---- what clients ask for -------------------------------------------------------------------- */

static bool is_busy_locked(const struct crawler *crawler) {
    return crawler->is_asked || crawler->dump_cancels;
}

void store_crawler(struct store *store, struct store_crawler *out) {
    const struct crawler *crawler = store->crawler;
    latch_acquire(&store->admin);
    *out = (struct store_crawler){
        .is_enabled = crawler->is_enabled,
        .sleep_us = crawler->sleep_us,
        .tocrawl = crawler->tocrawl,
        .is_running = crawler->classes != 0 || crawler->dump_cancels,
        .is_busy = is_busy_locked(crawler),
        .starts = crawler->starts,
    };
    latch_release(&store->admin);
}

bool store_crawler_enable(struct store *store, bool is_enabled) {
    struct crawler *crawler = store->crawler;
    latch_acquire(&store->admin);
    bool is_news = crawler->is_enabled != is_enabled;
    crawler->is_enabled = is_enabled;
    if (!is_enabled) {
        crawler->classes = 0;
        crawler->is_asked = false;
        if (crawler->dump_cancels)
            shared_store(crawler->dump_cancels, true);
        crawler->dump_cancels = NULL;
    }
    latch_release(&store->admin);
    return is_news;
}

void store_crawler_tune(struct store *store, uint32_t sleep_us, uint32_t tocrawl) {
    latch_acquire(&store->admin);
    store->crawler->sleep_us = sleep_us;
    store->crawler->tocrawl = tocrawl;
    latch_release(&store->admin);
}

/* Of these classes, those that have items. */
static uint64_t classes_in_use(struct store *store, uint64_t classes) {
    uint64_t in_use = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct slab_class *class = &store->slabs.classes[id];
        uint64_t bit = classes & (uint64_t)1 << id;
        if (!bit)
            continue;
        latch_acquire(&class->lock);
        for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++)
            in_use |= class->list[segment].count ? bit : 0;
        latch_release(&class->lock);
    }
    return in_use;
}

bool store_crawl_start(struct store *store, uint64_t classes) {
    struct crawler *crawler = store->crawler;
    latch_acquire(&store->admin);
    bool is_started = !is_busy_locked(crawler);
    if (is_started) {
        crawler->classes |= classes_in_use(store, classes);
        crawler->is_asked = crawler->classes != 0;
        crawler->starts++;
    }
    latch_release(&store->admin);
    return is_started;
}

bool crawler_claim(struct store *store, _Atomic bool *is_cancelled) {
    struct crawler *crawler = store->crawler;
    latch_acquire(&store->admin);
    bool is_claimed = !is_busy_locked(crawler);
    if (is_claimed) {
        crawler->dump_cancels = is_cancelled;
        crawler->starts++;
    }
    latch_release(&store->admin);
    return is_claimed;
}

void crawler_unclaim(struct store *store, const _Atomic bool *is_cancelled) {
    struct crawler *crawler = store->crawler;
    latch_acquire(&store->admin);
    if (crawler->dump_cancels == is_cancelled)
        crawler->dump_cancels = NULL;
    latch_release(&store->admin);
}

void crawler_note_flush_locked(struct store *store) {
    latch_assert_held(&store->admin);
    store->crawler->is_flushed = true;
}

/* ---- when a crawl is due --------------------------------------------------------------------- */

static struct crawl_found found_in_all(const struct crawler *crawler) {
    struct crawl_found sum = {0};
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++) {
        const struct crawl_found *found = &crawler->found[segment];
        sum.seen += found->seen;
        sum.dead += found->dead;
        sum.unfetched += found->unfetched;
        for (unsigned minute = 0; minute < CRAWL_MINUTES; minute++)
            sum.minute[minute] += found->minute[minute];
    }
    return sum;
}

static uint64_t alive(const struct crawl_found *found) {
    return found->seen - found->dead;
}

/* So many dead among those that are left are worth a crawl. */
static uint64_t worth_of(const struct crawl_found *found) {
    return alive(found) * CRAWL_WORTH_PERCENT / 100 + 1;
}

/* Seconds until so many of the items seen will have expired; CRAWL_WAIT_S_MAX if that is long. */
static uint32_t seconds_until_dead(const struct crawl_found *found, uint64_t count) {
    uint64_t sum = 0;
    for (uint32_t minute = 0; minute < CRAWL_MINUTES; minute++) {
        sum += found->minute[minute];
        if (sum >= count)
            return (minute + 1) * 60;
    }
    return CRAWL_WAIT_S_MAX;
}

static void schedule_next(struct crawl_schedule *schedule, const struct crawl_found *found,
                          uint32_t now) {
    uint64_t worth = worth_of(found);
    if (found->dead >= worth || schedule->wait_s == 0)
        schedule->wait_s = CRAWL_WAIT_S_MIN;
    else if (schedule->wait_s < CRAWL_WAIT_S_MAX)
        schedule->wait_s *= 2;
    if (schedule->wait_s > CRAWL_WAIT_S_MAX)
        schedule->wait_s = CRAWL_WAIT_S_MAX;
    uint32_t wait_s = seconds_until_dead(found, worth);
    schedule->due_s = now + (wait_s < schedule->wait_s ? wait_s : schedule->wait_s);
}

/* Once a second: adds the classes whose time has come. Admin lock held. */
static void add_due_locked(struct store *store, struct crawler *crawler) {
    uint32_t now = clock_seconds(store->clock);
    bool was_idle = crawler->classes == 0;
    if (!store->has_lru_maintainer || !crawler->is_enabled || now == crawler->checked_s)
        return;
    crawler->checked_s = now;
    uint64_t due = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct crawl_schedule *schedule = &crawler->schedule[id];
        if (crawler->is_flushed)
            *schedule = (struct crawl_schedule){0};
        if (now >= schedule->due_s)
            due |= (uint64_t)1 << id;
    }
    crawler->is_flushed = false;
    crawler->classes |= classes_in_use(store, due);
    if (was_idle && crawler->classes)
        crawler->starts++;
}

/* ---- crawling -------------------------------------------------------------------------------- */

static bool crawl_item(struct walk_step *step) {
    struct crawler *crawler = step->context;
    struct store *store = step->thread->store;
    struct item *item = step->spot.item;
    struct crawl_found *found = &crawler->found[item_segment(item)];
    enum item_life life = item_life(store, item);
    found->seen++;
    if (life == ITEM_ALIVE) {
        uint32_t exptime = shared_load(&item->exptime);
        uint32_t minute = (exptime - clock_seconds(store->clock)) / 60;
        if (exptime != 0 && minute < CRAWL_MINUTES)
            found->minute[minute]++;
        return true;
    }
    found->dead++;
    found->unfetched += !(shared_load(&item->mark) & ITEM_FETCHED);
    link_bury_locked(step->thread, step->stripe, item_hash(store, item), step->spot, life);
    return true;
}

/* What the crawling thread is to do now. */
struct crawl_orders {
    uint64_t classes;
    uint32_t sleep_us;
    uint32_t tocrawl;
};

static struct crawl_orders take_orders(struct store *store, struct crawler *crawler) {
    latch_acquire(&store->admin);
    add_due_locked(store, crawler);
    struct crawl_orders orders = {
        .classes = crawler->classes, .sleep_us = crawler->sleep_us, .tocrawl = crawler->tocrawl};
    latch_release(&store->admin);
    return orders;
}

/* Tells a watcher of the crawl of a class that has just been done, list by list. */
static void tell_of_class(struct store_thread *thread, const struct crawler *crawler,
                          unsigned class_id) {
    static const char *const names[] = {"hot", "warm", "cold", "temp"};
    _Static_assert(ARRAY_COUNT(names) == LRU_SEGMENT_COUNT, "one name a segment");
    uint32_t now = clock_seconds(thread->store->clock);
    uint32_t next_s = crawler->schedule[class_id].due_s - now;
    for (unsigned segment = 0; segment < LRU_SEGMENT_COUNT; segment++) {
        const struct crawl_found *found = &crawler->found[segment];
        struct store_crawled crawled = {.list = names[segment],
                                        .worth = worth_of(found),
                                        .left = alive(found),
                                        .dead = found->dead,
                                        .next_s = next_s,
                                        .duration_s = now - crawler->begun_s};
        for (unsigned minute = 0; minute < next_s / 60; minute++)
            crawled.next_dead += found->minute[minute];
        watch_tell_crawl(thread, class_id, &crawled);
    }
}

/* The crawl of a class is done, or not wanted any more. */
static void finish_class(struct store_thread *thread, struct crawler *crawler) {
    struct store *store = thread->store;
    unsigned class_id = crawler->walk.class_id;
    struct crawl_found found = found_in_all(crawler);
    class_walk_end(store, &crawler->walk);
    schedule_next(&crawler->schedule[class_id], &found, clock_seconds(store->clock));
    latch_acquire(&store->admin);
    bool was_asked = crawler->is_asked;
    crawler->classes &= ~((uint64_t)1 << class_id);
    if (!crawler->classes)
        crawler->is_asked = false;
    latch_release(&store->admin);
    if (!was_asked && watch_is_on(store, STORE_WATCH_CRAWLS))
        tell_of_class(thread, crawler, class_id);
}

static void count_found(struct slab_class *class, uint64_t dead, uint64_t unfetched) {
    latch_acquire(&class->lock);
    class->events.crawler_reclaimed += dead;
    class->events.expired_unfetched += unfetched;
    latch_release(&class->lock);
}

/* Some items of the class under way, as many as *budget at most. True at its end. */
static bool crawl_class(struct store_thread *thread, struct crawler *crawler, uint32_t tocrawl,
                        unsigned *budget) {
    struct store *store = thread->store;
    struct slab_class *class = &store->slabs.classes[crawler->walk.class_id];
    struct crawl_found before = found_in_all(crawler);
    bool is_done = false;
    while (*budget && !is_done) {
        unsigned most = *budget;
        if (tocrawl && tocrawl - crawler->looked_at < most)
            most = (unsigned)(tocrawl - crawler->looked_at);
        unsigned count;
        is_done = class_walk_step(thread, &crawler->walk, most, crawl_item, crawler, &count);
        crawler->looked_at += count;
        *budget -= count;
        is_done |= tocrawl && crawler->looked_at >= tocrawl;
    }
    struct crawl_found after = found_in_all(crawler);
    if (after.dead > before.dead)
        count_found(class, after.dead - before.dead, after.unfetched - before.unfetched);
    return is_done;
}

uint32_t store_crawl(struct store_thread *thread) {
    struct store *store = thread->store;
    struct crawler *crawler = store->crawler;
    struct class_walk *walk = &crawler->walk;
    uint64_t now_ms = clock_mono_ms(store->clock);
    struct crawl_orders orders;
    unsigned budget = CRAWL_SLICE_ITEMS;
    if (now_ms < crawler->next_ms)
        return (uint32_t)(crawler->next_ms - now_ms);
    do {
        orders = take_orders(store, crawler);
        if (walk->class_id && !(orders.classes >> walk->class_id & 1))
            finish_class(thread, crawler);
        if (!walk->class_id) {
            if (!orders.classes)
                return STORE_CRAWL_IDLE;
            class_walk_begin(walk, (unsigned)__builtin_ctzll(orders.classes));
            memset(crawler->found, 0, sizeof(crawler->found));
            crawler->begun_s = clock_seconds(store->clock);
            crawler->looked_at = 0;
        }
        if (crawl_class(thread, crawler, orders.tocrawl, &budget))
            finish_class(thread, crawler);
    } while (budget);
    /* shorter sleeps than the clock can tell are one millisecond */
    uint32_t sleep_ms = (orders.sleep_us + 999) / 1000;
    crawler->next_ms = now_ms + sleep_ms;
    return sleep_ms;
}
