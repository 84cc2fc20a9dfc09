/*
 * Assertions. CHECK stays on in production; DCHECK is for hot paths and exists in debug builds
 * only.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Prints the failed claim to stderr and aborts. Any thread. */
_Noreturn void check_failed(const char *file, int line, const char *claim);

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(claim), 0))                                                         \
            check_failed(__FILE__, __LINE__, #claim);                                              \
    } while (0)

#ifdef ENABLE_DEBUG
#define DCHECK(claim) CHECK(claim)
#else
/* Still compiled, never evaluated: a claim cannot rot and its variables count as used. */
#define DCHECK(claim)                                                                              \
    do {                                                                                           \
        if (0)                                                                                     \
            (void)(claim);                                                                         \
    } while (0)
#endif

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
