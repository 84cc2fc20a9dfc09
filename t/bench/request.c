#include "t/bench/request.h"

#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"

enum { BINARY_SET_EXTRAS_BYTES = 8 };

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
    case OP_BINARY_SET:
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
    static const enum op_kind get_kinds[] = {OP_GET, OP_META_GET, OP_QUIET_GET, OP_BINARY_GET};
    static const enum op_kind set_kinds[] = {OP_SET, OP_META_SET, OP_QUIET_SET, OP_BINARY_SET};
    static const char *const get_tails[] = {"\r\n", " v\r\n", " k v q\r\n", ""};
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
    if (options->form == FORM_BINARY) {
        get_bytes_max += BINARY_HEAD_BYTES;
        set_bytes_max += BINARY_HEAD_BYTES + BINARY_SET_EXTRAS_BYTES;
    }
    load->request_bytes_max = get_bytes_max > set_bytes_max ? get_bytes_max : set_bytes_max;
}

static char *append(char *at, const char *text, size_t bytes) {
    memcpy(at, text, bytes);
    return at + bytes;
}

static char *put_binary_head(const struct workload *load, char *to, bool is_set, size_t bytes) {
    size_t extras_bytes = is_set ? BINARY_SET_EXTRAS_BYTES : 0;
    size_t key_bytes = load->keys->key_bytes;
    *to++ = (char)BINARY_MAGIC_REQUEST;
    *to++ = is_set ? 0x01 : 0x00;
    to = binary_put16(to, (uint16_t)key_bytes);
    *to++ = (char)extras_bytes;
    memset(to, 0, 3);
    to = binary_put32(to + 3, (uint32_t)(extras_bytes + key_bytes + bytes));
    memset(to, 0, 12);
    return to + 12;
}

static size_t put_binary_get(const struct workload *load, char *out, uint32_t index) {
    char *at = put_binary_head(load, out, false, 0);
    key_put(load->keys, at, index);
    return (size_t)(at + load->keys->key_bytes - out);
}

static size_t put_binary_set(const struct workload *load, char *out, uint32_t index) {
    uint32_t bytes = value_bytes(load->keys, index);
    char *at = put_binary_head(load, out, true, bytes);
    at = binary_put32(binary_put32(at, 0), load->options->ttl);
    key_put(load->keys, at, index);
    at += load->keys->key_bytes;
    value_put(at, index, bytes);
    return (size_t)(at + bytes - out);
}

size_t request_put_get(const struct workload *load, char *out, const uint32_t *indexes,
                       uint32_t count) {
    if (load->get_kind == OP_BINARY_GET)
        return put_binary_get(load, out, indexes[0]);
    char *at = append(out, load->get_head, load->options->form == FORM_CLASSIC ? 3 : 2);
    for (uint32_t i = 0; i < count; i++) {
        *at++ = ' ';
        key_put(load->keys, at, indexes[i]);
        at += load->keys->key_bytes;
    }
    return (size_t)(append(at, load->get_tail, load->get_tail_bytes) - out);
}

size_t request_put_set(const struct workload *load, char *out, uint32_t index) {
    if (load->set_kind == OP_BINARY_SET)
        return put_binary_set(load, out, index);
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
