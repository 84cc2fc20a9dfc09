#include "memcached/net/wake.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool wake_open(struct wake *wake) {
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return wake->fd >= 0;
}

void wake_close(struct wake *wake) {
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void wake_ring(struct wake *wake) {
    uint64_t one = 1;
    /* It fails only when the counter is full, and then it is readable already. */
    ssize_t written = write(wake->fd, &one, sizeof(one));
    (void)written;
}

void wake_clear(struct wake *wake) {
    uint64_t rings;
    ssize_t got = read(wake->fd, &rings, sizeof(rings));
    (void)got;
}

bool wake_wait(struct wake *wake, int timeout_ms) {
    struct pollfd ready = {.fd = wake->fd, .events = POLLIN};
    if (poll(&ready, 1, timeout_ms) <= 0)
        return false;
    wake_clear(wake);
    return true;
}
