#define _GNU_SOURCE /* pthread_setname_np */
#include "memcached/run/background.h"

#include <pthread.h>

#include "memcached/base/mem.h"
#include "memcached/net/wake.h"
#include "memcached/store/crawler.h"

struct background {
    struct background_config config; /* fixed */
    struct store_thread *thread;     /* the background thread's */
    struct stalls stalls;
    struct wake wake;
    pthread_t pthread;
    bool is_running;
    _Atomic bool is_stopping; /* set before the wake is rung, read after it */
};

struct background *background_create(const struct background_config *config) {
    struct background *background = mem_zalloc(sizeof(*background));
    if (!background)
        return NULL;
    background->config = *config;
    if (!wake_open(&background->wake))
        goto out_memory;
    background->thread = store_thread_join(config->store);
    if (background->thread) {
        store_thread_tell(background->thread, event_log_tell, config->events);
        return background;
    }
    wake_close(&background->wake);
out_memory:
    mem_free(background);
    return NULL;
}

/*
 * As many slices as there is urgent work for. Returns the pause after them: short while there is
 * work, longer and longer when there is none.
 */
static int maintain(struct background *background, int pause_ms) {
    struct store_thread *thread = background->thread;
    enum store_maintain next;
    int slices = 0;
    bool has_more;
    stalls_begin(&background->stalls);
    do {
        next = store_maintain(thread);
        stalls_end(&background->stalls, STALL_maintain);
        has_more = next == STORE_MAINTAIN_NOW;
        has_more |= store_grow(thread);
        stalls_end(&background->stalls, STALL_grow);
        store_thread_quiesce(thread);
        slices++;
    } while (has_more && slices < BACKGROUND_SLICES_MAX);
    if (slices > 1)
        return BACKGROUND_BUSY_SLEEP_MS;
    pause_ms = next == STORE_MAINTAIN_SOON ? BACKGROUND_EASY_SLEEP_MS : pause_ms * 2;
    return pause_ms < BACKGROUND_TICK_MS ? pause_ms : BACKGROUND_TICK_MS;
}

/* One slice of a crawl, if it is time. Returns in how many milliseconds to ask again. */
static int crawl(struct background *background) {
    stalls_begin(&background->stalls);
    uint32_t wait_ms = store_crawl(background->thread);
    stalls_end(&background->stalls, STALL_crawl);
    store_thread_quiesce(background->thread);
    return wait_ms < BACKGROUND_TICK_MS ? (int)wait_ms : BACKGROUND_TICK_MS;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

static void *run(void *context) {
    struct background *background = context;
    struct background_config *config = &background->config;
    int tick_ms = config->is_fine ? BACKGROUND_FINE_TICK_MS : BACKGROUND_TICK_MS;
    int pause_ms = BACKGROUND_TICK_MS;
    uint64_t maintain_ms = 0;
    uint64_t ticked_ms = 0;
    uint64_t checked_ms = 0;
    while (!atomic_load_explicit(&background->is_stopping, memory_order_acquire)) {
        freeze_look(config->freeze);
        clock_update(config->clock);
        uint64_t now_ms = clock_mono_ms(config->clock);
        if (now_ms - ticked_ms >= BACKGROUND_TICK_MS) {
            ticked_ms = now_ms;
            stalls_begin(&background->stalls);
            store_tick(background->thread);
            stalls_end(&background->stalls, STALL_tick);
        }
        if (config->check_ms && now_ms - checked_ms >= config->check_ms) {
            checked_ms = now_ms;
            config->check(config->check_context);
        }
        if (now_ms >= maintain_ms) {
            pause_ms = maintain(background, pause_ms);
            maintain_ms = now_ms + (uint64_t)pause_ms;
        }
        int wait_ms = least(crawl(background), least(pause_ms, tick_ms));
        wake_wait(&background->wake, least(wait_ms, (int)clock_second_left_ms(config->clock)));
    }
    return NULL;
}

bool background_start(struct background *background) {
    background->is_running = pthread_create(&background->pthread, NULL, run, background) == 0;
    if (background->is_running)
        pthread_setname_np(background->pthread, "mc-background");
    return background->is_running;
}

void background_wake(struct background *background) {
    wake_ring(&background->wake);
}

struct stalls *background_stalls(struct background *background) {
    return &background->stalls;
}

void background_stop(struct background *background) {
    if (!background || !background->is_running)
        return;
    atomic_store_explicit(&background->is_stopping, true, memory_order_release);
    wake_ring(&background->wake);
    pthread_join(background->pthread, NULL);
    background->is_running = false;
}

void background_destroy(struct background *background) {
    if (!background)
        return;
    background_stop(background);
    store_thread_leave(background->thread);
    wake_close(&background->wake);
    mem_free(background);
}
