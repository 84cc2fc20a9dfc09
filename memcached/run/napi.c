#include "memcached/run/napi.h"

#include <sys/socket.h>

static void add_one(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

uint32_t napi_id_of(int fd) {
    uint32_t id = 0;
    socklen_t bytes = sizeof(id);
    return getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &bytes) == 0 ? id : 0;
}

bool napi_choose(struct napi *napi, uint32_t id, unsigned *worker_index) {
    if (id == 0) {
        add_one(&napi->fallback_count);
        return false;
    }
    for (unsigned i = 0; i < napi->known; i++) {
        if (napi->ids[i] == id) {
            *worker_index = i;
            return true;
        }
    }
    if (napi->known == napi->count) {
        add_one(&napi->unexpected_count);
        napi->known = 0;
        return false;
    }
    *worker_index = napi->known;
    napi->ids[napi->known++] = id;
    return true;
}
