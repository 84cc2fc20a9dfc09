#include "memcached/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic int64_t fail_countdown = -1; /* -1: not armed */
static _Atomic bool has_failed;

static bool should_fail(void) {
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) < 0)
        return false;
    if (atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) != 0)
        return false;
    atomic_store_explicit(&has_failed, true, memory_order_relaxed);
    return true;
}

void *mem_alloc(size_t bytes) {
    return should_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *mem_zalloc(size_t bytes) {
    return should_fail() ? NULL : calloc(1, bytes ? bytes : 1);
}

void *mem_aligned_zalloc(size_t alignment, size_t bytes) {
    if (should_fail())
        return NULL;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}

void *mem_realloc(void *memory, size_t bytes) {
    return should_fail() ? NULL : realloc(memory, bytes ? bytes : 1);
}

char *mem_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = mem_alloc(bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void mem_free(void *memory) {
    free(memory);
}

void *mem_reserve(size_t bytes, bool wants_huge) {
    if (should_fail())
        return NULL;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    if (wants_huge)
        (void)madvise(start, bytes, MADV_HUGEPAGE);
    return start;
}

void mem_forget(void *start, size_t bytes) {
    (void)madvise(start, bytes, MADV_DONTNEED);
}

void mem_unreserve(void *start, size_t bytes) {
    if (start)
        (void)munmap(start, bytes);
}

void mem_fail_after(int64_t countdown) {
    atomic_store_explicit(&has_failed, false, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, countdown, memory_order_relaxed);
}

bool mem_has_failed(void) {
    return atomic_load_explicit(&has_failed, memory_order_relaxed);
}
