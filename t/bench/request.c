#include "t/bench/request.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"

/* What stands between the key of a set and its value. */
static size_t put_set_tail(const struct workload *load, char *out, uint32_t bytes) {
    const struct options *options = load->options;
    int length = 0;
    switch (load->set_kind) {
    case OP_SET:
        length = sprintf(out, " 0 %u %u\r\n", options->ttl, bytes);
        break;
    case OP_META_SET:
        length = options->ttl ? sprintf(out, " %u T%u\r\n", bytes, options->ttl)
                              : sprintf(out, " %u\r\n", bytes);
        break;
    case OP_QUIET_SET:
        length = options->ttl ? sprintf(out, " %u T%u q\r\n", bytes, options->ttl)
                              : sprintf(out, " %u q\r\n", bytes);
        break;
    default:
        CHECK(!"a set kind");
    }
    return (size_t)length;
}

void workload_make(struct workload *load, const struct options *options,
                   const struct keyspace *keys) {
    static const enum op_kind get_kinds[] = {OP_GET, OP_META_GET, OP_QUIET_GET};
    static const enum op_kind set_kinds[] = {OP_SET, OP_META_SET, OP_QUIET_SET};
    static const char *const get_tails[] = {"\r\n", " v\r\n", " k v q\r\n"};
    *load = (struct workload){
        .options = options,
        .keys = keys,
        .get_kind = get_kinds[options->form],
        .set_kind = set_kinds[options->form],
        .keys_per_op_max = options->multiget,
    };
    strcpy(load->get_head, options->form == FORM_CLASSIC ? "get" : "mg");
    strcpy(load->set_head, options->form == FORM_CLASSIC ? "set " : "ms ");
    strcpy(load->get_tail, get_tails[options->form]);
    load->get_tail_bytes = strlen(load->get_tail);
    load->set_tail_bytes = put_set_tail(load, load->set_tail, keys->sizes.sizes[0]);
    size_t get_bytes_max = sizeof(load->get_head) + sizeof(load->get_tail) +
                           (size_t)options->multiget * (keys->key_bytes + 1);
    size_t set_bytes_max = sizeof(load->set_head) + sizeof(load->set_tail) + keys->key_bytes +
                           keys->value_bytes_max + 2;
    load->request_bytes_max = get_bytes_max > set_bytes_max ? get_bytes_max : set_bytes_max;
}

static char *append(char *at, const char *text, size_t bytes) {
    memcpy(at, text, bytes);
    return at + bytes;
}

size_t request_put_get(const struct workload *load, char *out, const uint32_t *indexes,
                       uint32_t count) {
    char *at = append(out, load->get_head, load->options->form == FORM_CLASSIC ? 3 : 2);
    for (uint32_t i = 0; i < count; i++) {
        *at++ = ' ';
        key_put(load->keys, at, indexes[i]);
        at += load->keys->key_bytes;
    }
    return (size_t)(append(at, load->get_tail, load->get_tail_bytes) - out);
}

size_t request_put_set(const struct workload *load, char *out, uint32_t index) {
    uint32_t bytes = value_bytes(load->keys, index);
    char *at = append(out, load->set_head, load->options->form == FORM_CLASSIC ? 4 : 3);
    key_put(load->keys, at, index);
    at += load->keys->key_bytes;
    if (load->keys->sizes.size_count == 1)
        at = append(at, load->set_tail, load->set_tail_bytes);
    else
        at += put_set_tail(load, at, bytes);
    value_put(at, index, bytes);
    return (size_t)(append(at + bytes, "\r\n", 2) - out);
}

size_t request_put_barrier(char *out) {
    memcpy(out, "mn\r\n", 4);
    return 4;
}
