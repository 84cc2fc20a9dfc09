/*
 * One address of -l: [proto[NAME]:][tag[NAME]:]HOST[:PORT], where HOST may be [v6], v6 without a
 * port, or * for every address. tag_NAME_: is a way to write tag[NAME]:. Tags name listeners for a
 * proxy's sake and change nothing here.
 */
#ifndef RUN_ADDRESS_H
#define RUN_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "memcached/serve/settings.h"

enum {
    ADDRESS_HOST_BYTES_MAX = 256, /* its NUL included */
    ADDRESS_TAG_BYTES_MAX = 8,
    ADDRESS_MESSAGE_BYTES = 512,
};

struct address {
    char host[ADDRESS_HOST_BYTES_MAX]; /* "": every address */
    uint16_t port;
    enum settings_protocol protocol; /* AUTO unless proto[ascii] or proto[binary] */
};

/* `port`: where the text names none. False with a message. */
bool address_parse(const char *text, uint16_t port, struct address *address,
                   char message[ADDRESS_MESSAGE_BYTES]);

#endif
