/*
 * Small pieces that replies are made of, written into reserved room. Inline: they run for every
 * reply.
 */
#ifndef SERVE_COMPOSE_H
#define SERVE_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memcached/base/num.h"
#include "memcached/net/outbuf.h"
#include "memcached/store/store.h"

static inline char *put_bytes(char *to, const char *bytes, size_t count) {
    memcpy(to, bytes, count);
    return to + count;
}

static inline char *put_number(char *to, uint64_t number) {
    if (number < 10) {
        *to = (char)('0' + number);
        return to + 1;
    }
    return to + num_put_u64(to, number);
}

/*
 * Appends the value of a held item: copied when it is small, else by reference. The caller's hold
 * on the item passes on in every case. False when there is no memory; cut back what has been
 * appended then.
 */
bool compose_value(const struct store *store, struct store_thread *thread, struct outbuf *out,
                   const struct store_view *view);

#endif
