/* What a key is on the wire, and which keys text can carry as they are. */
#ifndef PROTO_KEY_H
#define PROTO_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "memcached/proto/base64.h"

enum {
    PROTO_KEY_BYTES_MAX = 250,
    /* the longest key written in base64 */
    PROTO_KEY_BASE64_BYTES_MAX = BASE64_BYTES(PROTO_KEY_BYTES_MAX),
};

/*
 * Neither empty nor with a space or a control character in it: any text parser takes it for one
 * word.
 */
bool key_is_text(const char *key, size_t bytes);

#endif
