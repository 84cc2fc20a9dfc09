#include "memcached/run/conn_list.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/net/socket.h"

static const char *const state_names[CONN_STATE_COUNT] = {
    [CONN_STATE_LISTENING] = "conn_listening", [CONN_STATE_NEW] = "conn_new_cmd",
    [CONN_STATE_PARSE] = "conn_parse_cmd",     [CONN_STATE_READ] = "conn_read",
    [CONN_STATE_NREAD] = "conn_nread",         [CONN_STATE_MWRITE] = "conn_mwrite",
    [CONN_STATE_SWALLOW] = "conn_swallow",     [CONN_STATE_WATCH] = "conn_watch",
    [CONN_STATE_CLOSING] = "conn_closing",
};

enum { CAPACITY_FIRST = 1024 };

void conn_list_init(struct conn_list *list, struct clock *clock) {
    *list = (struct conn_list){.clock = clock};
    lock_init(&list->lock, RANK_CONN_LIST);
}

void conn_list_destroy(struct conn_list *list) {
    mem_free(list->entries);
    lock_destroy(&list->lock);
}

static bool make_room_locked(struct conn_list *list, size_t index) {
    if (index < list->capacity)
        return true;
    size_t capacity = list->capacity ? list->capacity : CAPACITY_FIRST;
    while (capacity <= index)
        capacity *= 2;
    struct conn_entry **entries =
        mem_realloc(list->entries, capacity * sizeof(struct conn_entry *));
    if (!entries)
        return false;
    memset(entries + list->capacity, 0, (capacity - list->capacity) * sizeof(struct conn_entry *));
    list->entries = entries;
    list->capacity = capacity;
    return true;
}

bool conn_list_add(struct conn_list *list, struct conn_entry *entry) {
    CHECK(entry->fd >= 0);
    conn_entry_touch(entry, list->clock);
    lock_acquire(&list->lock);
    bool is_added = make_room_locked(list, (size_t)entry->fd);
    if (is_added) {
        CHECK(!list->entries[entry->fd]);
        list->entries[entry->fd] = entry;
    }
    lock_release(&list->lock);
    return is_added;
}

bool conn_list_add_listener(struct conn_list *list, struct conn_entry *entry) {
    if (!conn_list_add(list, entry))
        return false;
    atomic_fetch_add_explicit(&list->listener_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&list->total_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&list->structure_count, 1, memory_order_relaxed);
    return true;
}

void conn_list_remove(struct conn_list *list, struct conn_entry *entry) {
    lock_acquire(&list->lock);
    CHECK(list->entries[entry->fd] == entry);
    list->entries[entry->fd] = NULL;
    lock_release(&list->lock);
}

/* A name of its own for each of thousands of clients would be their largest part. */
static void put_name(const struct conn_entry *entry, const char *name, struct stat_sink *sink) {
    if (entry->name)
        stat_put(sink, name, "%s", entry->name);
    else if (!entry->is_v6)
        stat_put(sink, name, "tcp:%s:%u", entry->ip, entry->port);
    else
        stat_put(sink, name, "tcp6:[%s%s]:%u", strchr(entry->ip, ':') ? "" : "::ffff:", entry->ip,
                 entry->port);
}

static void put_entry(const struct conn_entry *entry, uint64_t now_ms, struct stat_sink *sink) {
    char name[32];
    if (entry->is_udp) {
        snprintf(name, sizeof(name), "%d:UDP", entry->fd);
        stat_put(sink, name, "UDP");
    }
    snprintf(name, sizeof(name), "%d:addr", entry->fd);
    put_name(entry, name, sink);
    if (entry->listener_name) {
        char local_name[SOCKET_NAME_BYTES];
        struct socket_address local;
        bool is_unix = strncmp(entry->listener_name, "unix:", 5) == 0;
        snprintf(name, sizeof(name), "%d:listen_addr", entry->fd);
        if (!is_unix && socket_local_address(entry->fd, &local)) {
            socket_address_name(&local, "tcp", local_name);
            stat_put(sink, name, "%s", local_name);
        } else {
            stat_put(sink, name, "%s", entry->listener_name);
        }
    }
    uint8_t state = atomic_load_explicit(&entry->state, memory_order_relaxed);
    snprintf(name, sizeof(name), "%d:state", entry->fd);
    stat_put(sink, name, "%s", state_names[state]);
    uint64_t last_ms = atomic_load_explicit(&entry->last_mono_ms, memory_order_relaxed);
    snprintf(name, sizeof(name), "%d:secs_since_last_cmd", entry->fd);
    stat_put_u64(sink, name, now_ms > last_ms ? (now_ms - last_ms) / 1000 : 0);
}

void conn_list_stats(struct conn_list *list, struct stat_sink *sink) {
    uint64_t now_ms = clock_mono_ms(list->clock);
    lock_acquire(&list->lock);
    for (size_t i = 0; i < list->capacity; i++)
        if (list->entries[i])
            put_entry(list->entries[i], now_ms, sink);
    lock_release(&list->lock);
}
