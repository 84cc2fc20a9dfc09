#include "memcached/proto/key.h"

bool key_is_text(const char *key, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)key[i];
        if (byte <= ' ' || byte == 0x7f)
            return false;
    }
    return bytes > 0;
}
