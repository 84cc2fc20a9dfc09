/* Base64 (RFC 4648, with padding), as the flag b of meta commands writes keys. */
#ifndef PROTO_BASE64_H
#define PROTO_BASE64_H

#include <stddef.h>

/* How many characters so many bytes become. */
#define BASE64_BYTES(bytes) (((bytes) + 2) / 3 * 4)

/* Writes BASE64_BYTES(bytes) characters at `out` (no NUL) and returns how many. */
size_t base64_encode(char *out, const char *data, size_t bytes);

/*
 * Writes at most bytes / 4 * 3 bytes at `out` and returns how many; 0 when text[0..bytes) is empty
 * or no base64: a length that is no multiple of four, a foreign character, padding inside. `out`
 * may be `text`.
 */
size_t base64_decode(char *out, const char *text, size_t bytes);

#endif
