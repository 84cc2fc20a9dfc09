#include "memcached/serve/class_sizes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/num.h"

enum {
    LISTED_MAX = STORE_CLASS_COUNT_MAX - 2, /* class 0 is none, the last one is of slab_chunk_max */
    STEP_BYTES = 8,                         /* two sizes that are no further apart are one */
};

bool class_sizes_parse(const char *list, uint64_t min, uint64_t max,
                       uint32_t sizes[STORE_CLASS_COUNT_MAX], char *message, size_t message_bytes) {
    uint64_t before = 0;
    unsigned count = 0;
    for (const char *at = list;;) {
        size_t bytes = strcspn(at, "-");
        uint64_t size;
        if (count == LISTED_MAX) {
            snprintf(message, message_bytes,
                     "too many slab classes specified: -o slab_sizes takes %d", LISTED_MAX);
            return false;
        }
        if (!num_u64(at, bytes, &size) || size < min || size > max) {
            snprintf(message, message_bytes,
                     "slab size %.*s is out of valid range: %" PRIu64 " to %" PRIu64,
                     (int)(bytes < 32 ? bytes : 32), at, min, max);
            return false;
        }
        if (size <= before) {
            snprintf(message, message_bytes,
                     "slab size %" PRIu64 " cannot be lower than or equal to a previous class size",
                     size);
            return false;
        }
        if (count && size <= before + STEP_BYTES) {
            snprintf(message, message_bytes,
                     "slab size %" PRIu64 " must be at least %d bytes larger than previous class",
                     size, STEP_BYTES);
            return false;
        }
        sizes[count++] = (uint32_t)size;
        before = size;
        if (at[bytes] == '\0')
            break;
        at += bytes + 1;
    }
    sizes[count] = 0;
    return true;
}
