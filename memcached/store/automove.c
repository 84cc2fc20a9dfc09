#include "memcached/store/automove.h"

#include "memcached/store/pages.h"

enum {
    IDLE_PAGES = 2,    /* worth of free chunks that a class may keep */
    SAMPLES_MIN = 3,   /* of both classes before one gives the other a page */
    PAGES_A_MOVE = 64, /* a class with this many pages gives two at a time, and so on */
};

static uint32_t window_of(const struct automove *automove) {
    return automove->settings.window_s ? automove->settings.window_s : 1;
}

static void sample_class_locked(struct store *store, unsigned id) {
    struct automove *automove = &store->automove;
    struct automove_class *known = &automove->classes[id];
    struct slab_class *class = &store->slabs.classes[id];
    latch_acquire(&class->lock);
    uint32_t age = pages_age_locked(store, class);
    uint64_t evicted = class->events.evicted;
    bool is_idle = slab_free_chunks_locked(class) / class->chunks_per_page > IDLE_PAGES;
    latch_release(&class->lock);
    uint32_t window = window_of(automove);
    known->samples = known->samples < window ? known->samples + 1 : window;
    known->age += ((double)age - known->age) / known->samples;
    known->age_now = age;
    known->idle = is_idle ? known->idle + (known->idle < window) : 0;
    /* the count goes back to 0 with `stats reset` */
    known->evicted_new = evicted >= known->evicted ? evicted - known->evicted : evicted;
    known->evicted = evicted;
}

static uint64_t free_pages_of(struct store *store, unsigned id) {
    struct slab_class *class = &store->slabs.classes[id];
    latch_acquire(&class->lock);
    uint64_t pages = slab_free_chunks_locked(class) / class->chunks_per_page;
    latch_release(&class->lock);
    return pages;
}

/* Free for long, and still: a class whose free chunks make up pages. */
static unsigned idle_class_locked(struct store *store) {
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        if (store->automove.classes[id].idle >= window_of(&store->automove) &&
            free_pages_of(store, id) > IDLE_PAGES)
            return id;
    }
    return 0;
}

static bool is_memory_used_up(struct store *store) {
    struct slabs *slabs = &store->slabs;
    latch_acquire(&slabs->page_lock);
    bool is_used_up = slabs->page_used >= slabs->page_limit;
    latch_release(&slabs->page_lock);
    return is_used_up;
}

/* What a class is found to be between two samples. */
struct class_state {
    uint32_t pages;
    uint64_t free_pages; /* worth of free chunks */
    bool has_evicted;    /* since the last sample, or between the last two */
};

static struct class_state state_of(struct store *store, unsigned id) {
    struct slab_class *class = &store->slabs.classes[id];
    const struct automove_class *known = &store->automove.classes[id];
    latch_acquire(&class->lock);
    struct class_state state = {
        .pages = class->page_count,
        .free_pages = slab_free_chunks_locked(class) / class->chunks_per_page,
        .has_evicted = known->evicted_new > 0 || class->events.evicted > known->evicted,
    };
    latch_release(&class->lock);
    return state;
}

/*
 * Pages that lie idle in one class while another evicts: nobody loses anything by it, so this waits
 * for no sample.
 */
static unsigned relief_locked(struct store *store, unsigned *to) {
    unsigned from = 0;
    unsigned needy = 0;
    if (!is_memory_used_up(store))
        return 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        struct class_state state = state_of(store, id);
        if (state.has_evicted && state.free_pages == 0)
            needy = id;
        else if (!state.has_evicted && state.free_pages > 0 && state.pages >= PAGES_TO_GIVE_MIN)
            from = id;
    }
    *to = needy;
    return needy ? from : 0;
}

/*
 * How old what a class evicts next is, on average; sudden need shows at once, and a class that just
 * happens to have an old item there does not seem to be rich.
 */
static double age_of(const struct automove_class *class) {
    return class->age_now < class->age ? class->age_now : class->age;
}

/* The class that suffers: of those that evict the youngest, or (level 2) the one that does most. */
static unsigned needy_class(const struct store *store, bool by_count) {
    const struct automove_class *classes = store->automove.classes;
    unsigned needy = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        if (classes[id].evicted_new == 0)
            continue;
        if (!needy || (by_count ? classes[id].evicted_new > classes[needy].evicted_new
                                : age_of(&classes[id]) < age_of(&classes[needy])))
            needy = id;
    }
    return needy;
}

static bool is_known(const struct automove *automove, unsigned id) {
    uint32_t window = window_of(automove);
    return automove->classes[id].samples >= (window < SAMPLES_MIN ? window : SAMPLES_MIN);
}

/* The class that can best do without a page: one with free chunks enough, else the oldest. */
static unsigned rich_class_locked(struct store *store, unsigned needy, bool by_count) {
    const struct automove *automove = &store->automove;
    const struct automove_class *classes = automove->classes;
    double least_age = age_of(&classes[needy]) / automove->settings.ratio;
    unsigned rich = 0;
    for (unsigned id = 1; id <= store->slabs.class_count; id++) {
        if (id == needy || pages_of(store, id) < PAGES_TO_GIVE_MIN)
            continue;
        if (free_pages_of(store, id) > 0)
            return id;
        bool may_give = by_count || (is_known(automove, id) && age_of(&classes[id]) > least_age);
        if (may_give && (!rich || age_of(&classes[id]) > age_of(&classes[rich])))
            rich = id;
    }
    return rich;
}

static unsigned balance_locked(struct store *store, unsigned *to) {
    struct automove *automove = &store->automove;
    bool is_aggressive = automove->settings.level > 1;
    if (automove->moves_left == 0 || !is_memory_used_up(store))
        return 0;
    unsigned needy = needy_class(store, is_aggressive);
    /* what it was given already may do */
    if (needy && free_pages_of(store, needy) > 0)
        return 0;
    bool may_have = needy && (is_aggressive || is_known(automove, needy));
    unsigned from = may_have ? rich_class_locked(store, needy, is_aggressive) : 0;
    if (!from) {
        automove->moves_left = 0;
        return 0;
    }
    *to = needy;
    automove->moves_left--;
    return from;
}

unsigned automove_choose_locked(struct store *store, unsigned *to) {
    struct automove *automove = &store->automove;
    if (automove->settings.level == 0)
        return 0;
    uint32_t now = clock_seconds(store->clock);
    if (now != automove->sampled_s) {
        latch_acquire(&store->slabs.page_lock);
        uint32_t page_limit = store->slabs.page_limit;
        latch_release(&store->slabs.page_lock);
        automove->sampled_s = now;
        for (unsigned id = 1; id <= store->slabs.class_count; id++)
            sample_class_locked(store, id);
        automove->moves_left = 1 + page_limit / PAGES_A_MOVE;
    }
    unsigned from = relief_locked(store, to);
    if (from)
        return from;
    *to = MOVER_TO_POOL;
    from = idle_class_locked(store);
    return from ? from : balance_locked(store, to);
}

void store_automove_get(struct store *store, struct store_automove *settings) {
    latch_acquire(&store->admin);
    *settings = store->automove.settings;
    latch_release(&store->admin);
}

void store_automove_set(struct store *store, const struct store_automove *settings) {
    latch_acquire(&store->admin);
    store->automove.settings = *settings;
    latch_release(&store->admin);
}
