/* -o slab_sizes: the chunk sizes of slab classes, one by one. */
#ifndef SERVE_CLASS_SIZES_H
#define SERVE_CLASS_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/store/store.h"

/*
 * Reads `list`, sizes in bytes with dashes between them, which have to rise by more than 8 and lie
 * between `min` and `max`, into sizes, with a 0 behind the last. False, with a line in `message`, if
 * that is not what it is.
 */
bool class_sizes_parse(const char *list, uint64_t min, uint64_t max,
                       uint32_t sizes[STORE_CLASS_COUNT_MAX], char *message, size_t message_bytes);

#endif
