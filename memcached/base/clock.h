/*
 * Time as a value that is handed in: the outermost layer sets it, everything below only reads it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

/* Seconds count from the clock's start and begin here, so that 0 can mean "never" in an item. */
enum { CLOCK_FIRST_SECOND = 2 };

/*
 * A cached clock. One thread calls clock_set or clock_update; any thread reads. The three words are
 * read on their own (relaxed): a reader may see a new millisecond with an old second, never torn.
 */
struct clock {
    _Atomic uint64_t wall_ms; /* milliseconds since 1970, as the system's clock gives them */
    _Atomic uint64_t mono_ms; /* milliseconds of a clock that never goes back */
    _Atomic uint32_t seconds; /* whole seconds since clock_start, plus CLOCK_FIRST_SECOND */
    _Atomic uint32_t shift_s; /* by how much clock_shift has moved the seconds: added to them */
    uint64_t start_mono_ms;   /* fixed by clock_start */
};

/* Starts the clock at the given times. */
void clock_start(struct clock *clock, uint64_t wall_ms, uint64_t mono_ms);

/* Sets the clock: for tests and simulations, and for clock_update. mono_ms must not go back. */
void clock_set(struct clock *clock, uint64_t wall_ms, uint64_t mono_ms);

/*
 * Moves the seconds forward, as if so many had passed, and those alone; for tests of a running
 * server. Any thread. Holds at once, or, where it meets a clock_set, from the next one on.
 */
void clock_shift(struct clock *clock, uint32_t seconds);

/* Reads the system's clocks into it. Only the outermost layer calls these two. */
void clock_start_now(struct clock *clock);
void clock_update(struct clock *clock);

static inline uint64_t clock_wall_ms(const struct clock *clock) {
    return atomic_load_explicit(&clock->wall_ms, memory_order_relaxed);
}

static inline uint64_t clock_mono_ms(const struct clock *clock) {
    return atomic_load_explicit(&clock->mono_ms, memory_order_relaxed);
}

/* Seconds in the scale that items use for exptime and last access. */
static inline uint32_t clock_seconds(const struct clock *clock) {
    return atomic_load_explicit(&clock->seconds, memory_order_relaxed);
}

/*
 * Milliseconds until the next second begins: 1 to 1000. Who updates the clock then makes all seconds
 * the same length; else what is asked to live for two could be gone after less than one.
 */
static inline uint32_t clock_second_left_ms(const struct clock *clock) {
    return 1000 - (uint32_t)((clock_mono_ms(clock) - clock->start_mono_ms) % 1000);
}

#endif
