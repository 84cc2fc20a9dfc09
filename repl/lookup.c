#include "repl/lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"

enum { HOST_BYTES_MAX = 256, THREAD_STACK_BYTES = 256 * 1024 };

/*
 *   RUNNING --thread--> DONE       freed by lookup_end
 *      +---lookup_end-> LEFT       freed by the thread
 */
enum lookup_state { LOOKUP_RUNNING, LOOKUP_DONE, LOOKUP_LEFT };

struct lookup {
    _Atomic int state; /* DONE publishes `found` and `error`, read after an acquiring load */
    int wake_fd;       /* its own duplicate: the thread may outlive whoever asked */
    uint16_t port;
    char host[HOST_BYTES_MAX];
    struct peer_addresses found;
    int error; /* of getaddrinfo; 0: none */
};

static void put_text(struct peer_address *address) {
    const struct sockaddr *from = (const struct sockaddr *)&address->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->address;
    if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], address->text, sizeof(address->text));
        return;
    }
    if (getnameinfo(from, address->bytes, address->text, sizeof(address->text), NULL, 0,
                    NI_NUMERICHOST) != 0)
        address->text[0] = '\0';
}

/* 0 with at least one address, or an error of getaddrinfo. */
static int find(const char *host, uint16_t port, int flags, struct peer_addresses *out) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    char service[8];
    out->count = 0;
    snprintf(service, sizeof(service), "%u", port);
    int error = getaddrinfo(host, service, &hints, &list);
    if (error != 0)
        return error;
    for (struct addrinfo *one = list; one && out->count < LOOKUP_ADDRESSES_MAX;
         one = one->ai_next) {
        struct peer_address *address = &out->item[out->count];
        if (one->ai_addrlen > sizeof(address->address))
            continue;
        memset(address, 0, sizeof(*address));
        memcpy(&address->address, one->ai_addr, one->ai_addrlen);
        address->bytes = one->ai_addrlen;
        put_text(address);
        if (address->text[0])
            out->count++;
    }
    freeaddrinfo(list);
    return out->count > 0 ? 0 : EAI_NONAME;
}

bool lookup_numeric(const char *host, uint16_t port, struct peer_addresses *out) {
    return find(host, port, AI_NUMERICHOST | AI_NUMERICSERV, out) == 0;
}

static void lookup_free(struct lookup *lookup) {
    close(lookup->wake_fd);
    mem_free(lookup);
}

static void *lookup_run(void *context) {
    struct lookup *lookup = context;
    lookup->error = find(lookup->host, lookup->port, AI_NUMERICSERV, &lookup->found);
    int expected = LOOKUP_RUNNING;
    /* A duplicate for the last word: once DONE is seen, lookup_end may have freed everything. */
    int wake_fd = dup(lookup->wake_fd);
    if (!atomic_compare_exchange_strong(&lookup->state, &expected, LOOKUP_DONE)) {
        lookup_free(lookup);
    } else if (wake_fd >= 0) {
        uint64_t one = 1;
        ssize_t written = write(wake_fd, &one, sizeof(one));
        (void)written; /* a full eventfd wakes as well */
    }
    if (wake_fd >= 0)
        close(wake_fd);
    return NULL;
}

struct lookup *lookup_start(const char *host, uint16_t port, int wake_fd) {
    CHECK(strlen(host) < HOST_BYTES_MAX);
    struct lookup *lookup = mem_zalloc(sizeof(*lookup));
    if (!lookup)
        return NULL;
    strcpy(lookup->host, host);
    lookup->port = port;
    lookup->wake_fd = dup(wake_fd);
    pthread_attr_t attributes;
    bool is_started = false;
    if (lookup->wake_fd >= 0 && pthread_attr_init(&attributes) == 0) {
        pthread_t thread;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
        is_started = pthread_create(&thread, &attributes, lookup_run, lookup) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!is_started) {
        if (lookup->wake_fd >= 0)
            close(lookup->wake_fd);
        mem_free(lookup);
        return NULL;
    }
    return lookup;
}

bool lookup_is_done(const struct lookup *lookup) {
    return atomic_load_explicit(&lookup->state, memory_order_acquire) == LOOKUP_DONE;
}

bool lookup_is_unknown(const struct lookup *lookup) {
    if (!lookup_is_done(lookup))
        return false;
#ifdef EAI_NODATA
    if (lookup->error == EAI_NODATA)
        return true;
#endif
    return lookup->error == EAI_NONAME;
}

bool lookup_end(struct lookup *lookup, struct peer_addresses *out) {
    int expected = LOOKUP_RUNNING;
    out->count = 0;
    if (atomic_compare_exchange_strong(&lookup->state, &expected, LOOKUP_LEFT))
        return false;
    *out = lookup->found;
    lookup_free(lookup);
    return out->count > 0;
}
