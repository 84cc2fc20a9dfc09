/*
 * Memory that can be refused: every allocation of the server goes through here, so tests can fail
 * each in turn.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each returns NULL when there is no memory; the caller survives that. mem_free(NULL) is fine. Any
 * thread.
 */
void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_aligned_zalloc(size_t alignment, size_t bytes);
void *mem_realloc(void *memory, size_t bytes);
char *mem_strdup(const char *text);
void mem_free(void *memory);

/*
 * Reserves address space that the kernel backs with zeroed memory only where it is touched; never
 * moved. `wants_huge` asks for transparent huge pages. NULL if the address space is refused.
 */
void *mem_reserve(size_t bytes, bool wants_huge);

/*
 * Gives the memory behind [start, start+bytes) back to the kernel; it reads as zeros afterwards.
 * Page-aligned.
 */
void mem_forget(void *start, size_t bytes);

/* Ends a reservation. */
void mem_unreserve(void *start, size_t bytes);

/*
 * Test hook: the next `countdown` allocations succeed, then one fails, then all succeed again.
 * A negative countdown switches it off. Process-wide; tests that use it run one thread.
 */
void mem_fail_after(int64_t countdown);

/* True once the failure armed by mem_fail_after has happened. */
bool mem_has_failed(void);

#endif
