#include "memcached/serve/compose.h"

#include "memcached/base/check.h"

static void release_item(void *thread, void *item) {
    store_item_release(thread, item);
}

bool compose_value(const struct store *store, struct store_thread *thread, struct outbuf *out,
                   const struct store_view *view) {
    if (view->value_bytes == 0 || (view->value && view->value_bytes <= STORE_COPY_BYTES_MAX)) {
        bool is_put = outbuf_put(out, view->value, (size_t)view->value_bytes);
        store_item_release(thread, view->item);
        return is_put;
    }
    /* one reference a segment; the last one gives the item back */
    uint64_t offset = 0;
    while (offset < view->value_bytes) {
        char *start;
        size_t bytes = store_item_segment(store, view->item, offset, &start);
        CHECK(bytes > 0);
        offset += bytes;
        bool is_last = offset >= view->value_bytes;
        if (!outbuf_put_ref(out, start, bytes, is_last ? release_item : NULL, thread, view->item)) {
            if (!is_last)
                store_item_release(thread, view->item);
            return false;
        }
    }
    return true;
}
