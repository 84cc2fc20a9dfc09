/* A bell: any thread rings, one thread waits for it. */
#ifndef NET_WAKE_H
#define NET_WAKE_H

#include <stdbool.h>

struct wake {
    int fd; /* readable after a ring until wake_clear */
};

/* False with errno set when the system has no descriptor left. */
bool wake_open(struct wake *wake);
void wake_close(struct wake *wake);

/* Any thread, and signal handlers. */
void wake_ring(struct wake *wake);

/* Takes the rings so far. The waiting thread. */
void wake_clear(struct wake *wake);

/* Waits for a ring, at most timeout_ms, and takes it; true if there was one. */
bool wake_wait(struct wake *wake, int timeout_ms);

#endif
