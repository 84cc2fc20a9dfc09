/* Numbers as clients may write them: white space around, a plus sign, leading zeros. */
#ifndef PROTO_NUMBER_H
#define PROTO_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * White space, an optional sign, digits; then the end of text[0..bytes), or white space and
 * anything. False when it is something else or does not fit. A minus sign before an unsigned number
 * counts from 2^64 downwards; results in the upper half of the range are refused then, so that -5 is.
 */
bool number_u64(const char *text, size_t bytes, uint64_t *value);
/* The same, and its lower 32 bits. */
bool number_u32(const char *text, size_t bytes, uint32_t *value);
bool number_i64(const char *text, size_t bytes, int64_t *value);
/* The same of a number as strtod has it, of fewer than 64 bytes. */
bool number_double(const char *text, size_t bytes, double *value);

#endif
