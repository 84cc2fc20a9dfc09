/* Percent-encoding of RFC 3986, in which dumps and watchers are told keys. */
#ifndef PROTO_URI_H
#define PROTO_URI_H

#include <stddef.h>

#define URI_BYTES_MAX(bytes) ((bytes)*3)

/*
 * Writes at most URI_BYTES_MAX(bytes) characters at `out` (no NUL) and returns how many: letters,
 * digits and -._~ as they are, all else as %XX.
 */
size_t uri_encode(char *out, const char *data, size_t bytes);

#endif
