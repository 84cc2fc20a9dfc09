#include "memcached/run/handover.h"

#include <string.h>

#include "memcached/base/mem.h"

void handover_queue_init(struct handover_queue *queue) {
    *queue = (struct handover_queue){0};
    lock_init(&queue->lock, RANK_WORKER_QUEUE);
}

void handover_queue_destroy(struct handover_queue *queue) {
    mem_free(queue->all);
    lock_destroy(&queue->lock);
}

/* The room of those who have been taken is used again once it is half of all. */
static bool make_room_locked(struct handover_queue *queue) {
    if (queue->end < queue->capacity)
        return true;
    if (queue->next > 0 && queue->next >= queue->capacity / 2) {
        memmove(queue->all, queue->all + queue->next,
                (queue->end - queue->next) * sizeof(*queue->all));
        queue->end -= queue->next;
        queue->next = 0;
        return true;
    }
    size_t capacity = queue->capacity ? queue->capacity * 2 : HANDOVER_CAPACITY_MIN;
    struct handover *all = mem_realloc(queue->all, capacity * sizeof(*all));
    if (!all)
        return false;
    queue->all = all;
    queue->capacity = capacity;
    return true;
}

bool handover_put(struct handover_queue *queue, const struct handover *socket, bool *is_first) {
    lock_acquire(&queue->lock);
    *is_first = queue->next == queue->end;
    bool has_room = make_room_locked(queue);
    if (has_room)
        queue->all[queue->end++] = *socket;
    lock_release(&queue->lock);
    return has_room;
}

size_t handover_take(struct handover_queue *queue, struct handover sockets[HANDOVER_TAKE_MAX],
                     bool *has_more) {
    struct handover *done = NULL;
    lock_acquire(&queue->lock);
    size_t count = queue->end - queue->next;
    *has_more = count > HANDOVER_TAKE_MAX;
    if (*has_more)
        count = HANDOVER_TAKE_MAX;
    if (count > 0)
        memcpy(sockets, queue->all + queue->next, count * sizeof(*sockets));
    queue->next += count;
    if (!*has_more) {
        done = queue->all;
        queue->all = NULL;
        queue->next = queue->end = queue->capacity = 0;
    }
    lock_release(&queue->lock);
    mem_free(done);
    return count;
}
