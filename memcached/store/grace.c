#include "memcached/store/grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool barrier(int command) {
    return syscall(__NR_membarrier, command, 0, 0) == 0;
}

void grace_open(struct store *store) {
    store->needs_read_fence = !barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void grace_note_locked(const struct store *store, const struct store_thread *own, uint32_t *reads) {
    /*
     * every thread passes a full fence here, or has one of its own between its count and its reads
     */
    if (!store->needs_read_fence && !barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
        /* a process may have to ask again for itself after a fork */
        CHECK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
        CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
    }
    shared_fence_full();
    for (uint32_t i = 0; i < store->thread_count_max; i++) {
        const struct store_thread *thread = store->threads[i];
        reads[i] = 0;
        if (thread && thread != own)
            reads[i] = atomic_load_explicit(&thread->read_count, memory_order_acquire);
    }
}

bool grace_has_passed_locked(const struct store *store, const uint32_t *reads) {
    for (uint32_t i = 0; i < store->thread_count_max; i++) {
        const struct store_thread *thread = store->threads[i];
        if (reads[i] % 2 == 0 || !thread)
            continue;
        if (atomic_load_explicit(&thread->read_count, memory_order_acquire) == reads[i])
            return false;
    }
    return true;
}
