#include "t/bench/reply.h"

#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"

/* What is left to understand of one connection's bytes. */
struct reader {
    struct conn *conn;
    const struct workload *load;
    struct tally *tally;
    const char *at, *end;
};

static uint32_t *op_indexes(const struct reader *reader, const struct op *op) {
    size_t slot = (size_t)(op - reader->conn->ops);
    return reader->conn->indexes + slot * reader->load->keys_per_op_max;
}

static void end_op(struct reader *reader, const struct op *op) {
    struct tally *tally = reader->tally;
    reader->conn->op_first++;
    if (op->kind == OP_BARRIER)
        return;
    tally->ops++;
    tally->keys += op->kind == OP_GET ? reader->load->options->multiget : 1;
    hist_add(&tally->latency, tally->last_reply_ns - op->start_ns);
}

/* The line at reader->at with its CR LF; 0: not whole yet. */
static size_t line_bytes(const struct reader *reader) {
    const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    return newline ? (size_t)(newline + 1 - reader->at) : 0;
}

static bool starts(const struct reader *reader, const char *text, size_t bytes) {
    return (size_t)(reader->end - reader->at) >= bytes && memcmp(reader->at, text, bytes) == 0;
}

static void count_error(struct reader *reader, size_t bytes) {
    struct tally *tally = reader->tally;
    if (tally->errors++ > 0)
        return;
    while (bytes > 0 && (reader->at[bytes - 1] == '\n' || reader->at[bytes - 1] == '\r'))
        bytes--;
    if (bytes >= FIRST_ERROR_BYTES)
        bytes = FIRST_ERROR_BYTES - 1;
    memcpy(tally->first_error, reader->at, bytes);
    tally->first_error[bytes] = '\0';
}

/* Digits up to anything else; false if that is not there yet. */
static bool take_number(const char **at, const char *end, uint32_t *number) {
    const char *p = *at;
    uint32_t n = 0;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++)
        n = n * 10 + (uint32_t)(*p - '0');
    *at = p;
    *number = n;
    return p < end;
}

/*
 * A value whose header line starts at reader->at and whose size has been read: `data` is where it
 * begins. Passes over keys of the operation that got no answer. False: not whole yet.
 */
static bool take_value(struct reader *reader, struct op *op, const char *key, const char *data,
                       uint32_t bytes) {
    const struct keyspace *keys = reader->load->keys;
    struct tally *tally = reader->tally;
    uint32_t key_count = op->kind == OP_GET ? reader->load->options->multiget : 1;
    const uint32_t *indexes = op_indexes(reader, op);
    if ((size_t)(reader->end - data) < (size_t)bytes + 2)
        return false;
    while (key && op->keys_done < key_count && !key_matches(keys, key, indexes[op->keys_done])) {
        tally->misses++;
        op->keys_done++;
    }
    if (op->keys_done < key_count) {
        uint32_t index = indexes[op->keys_done++];
        bool is_right = bytes == value_bytes(keys, index) && value_matches(data, index, bytes) &&
                        data[bytes] == '\r' && data[bytes + 1] == '\n';
        tally->hits += is_right;
        tally->wrong += !is_right;
    } else {
        tally->wrong++;
    }
    reader->at = data + bytes + 2;
    return true;
}

static bool take_other_line(struct reader *reader, struct op *op) {
    size_t bytes = line_bytes(reader);
    if (bytes == 0)
        return false;
    count_error(reader, bytes);
    reader->at += bytes;
    end_op(reader, op);
    return true;
}

/* VALUE KEY FLAGS BYTES\r\n DATA\r\n, any number of times, then END\r\n. False: not whole yet. */
static bool take_get(struct reader *reader, struct op *op) {
    const size_t head_bytes = sizeof("VALUE ") - 1 + reader->load->keys->key_bytes;
    while ((size_t)(reader->end - reader->at) > head_bytes && starts(reader, "VALUE ", 6)) {
        const char *at = reader->at + head_bytes;
        uint32_t flags, bytes;
        if (*at++ != ' ')
            return take_other_line(reader, op); /* some other key: what follows cannot be trusted */
        if (!take_number(&at, reader->end, &flags) || *at++ != ' ' ||
            !take_number(&at, reader->end, &bytes) || reader->end - at < 2)
            return false;
        if (!take_value(reader, op, reader->at + 6, at + 2, bytes))
            return false;
    }
    if (starts(reader, "END\r\n", 5)) {
        reader->tally->misses += reader->load->options->multiget - op->keys_done;
        reader->at += 5;
        end_op(reader, op);
        return true;
    }
    return !starts(reader, "VALUE ", 6) && take_other_line(reader, op);
}

/* VA BYTES\r\n DATA\r\n, or EN\r\n. False: not whole yet. */
static bool take_meta_get(struct reader *reader, struct op *op) {
    if (starts(reader, "VA ", 3)) {
        const char *at = reader->at + 3;
        uint32_t bytes;
        if (!take_number(&at, reader->end, &bytes) || reader->end - at < 2 ||
            !take_value(reader, op, NULL, at + 2, bytes))
            return false;
        end_op(reader, op);
        return true;
    }
    if (starts(reader, "EN\r\n", 4)) {
        reader->tally->misses++;
        reader->at += 4;
        end_op(reader, op);
        return true;
    }
    return !starts(reader, "VA ", 3) && take_other_line(reader, op);
}

static bool take_stored(struct reader *reader, struct op *op, const char *good, size_t bytes) {
    if (!starts(reader, good, bytes))
        return take_other_line(reader, op);
    reader->tally->stored++;
    reader->at += bytes;
    end_op(reader, op);
    return true;
}

/* Silence was the answer: a miss, or a set that went well. */
static void end_silent(struct reader *reader, struct op *op) {
    if (op->kind == OP_QUIET_GET)
        reader->tally->misses++;
    else
        reader->tally->stored++;
    end_op(reader, op);
}

/*
 * VA BYTES kKEY\r\n DATA\r\n answers the first waiting get of that key, and all before it got
 * silence; MN\r\n means that all up to the barrier got it. False: not whole yet.
 */
static bool take_quiet(struct reader *reader) {
    struct conn *conn = reader->conn;
    const size_t key_bytes = reader->load->keys->key_bytes;
    struct op *op = &conn->ops[conn->op_first & conn->op_mask];
    if (starts(reader, "MN\r\n", 4)) {
        for (; op->kind != OP_BARRIER; op = &conn->ops[conn->op_first & conn->op_mask])
            end_silent(reader, op);
        reader->at += 4;
        end_op(reader, op);
        return true;
    }
    size_t bytes = line_bytes(reader);
    if (bytes == 0)
        return false;
    if (!starts(reader, "VA ", 3)) {
        count_error(reader, bytes);
        reader->at += bytes;
        return true;
    }
    const char *at = reader->at + 3;
    const char *data = reader->at + bytes;
    uint32_t value_size;
    take_number(&at, reader->end, &value_size);
    if ((size_t)(reader->end - data) < (size_t)value_size + 2)
        return false;
    bool names_key = (size_t)(data - at) == key_bytes + 4 && at[1] == 'k';
    while (op->kind == OP_QUIET_SET ||
           (op->kind == OP_QUIET_GET && names_key &&
            !key_matches(reader->load->keys, at + 2, op_indexes(reader, op)[0]))) {
        end_silent(reader, op);
        op = &conn->ops[conn->op_first & conn->op_mask];
    }
    if (op->kind == OP_BARRIER || !names_key) {
        reader->tally->wrong++;
        reader->at = data + value_size + 2;
        return true;
    }
    take_value(reader, op, NULL, data, value_size);
    end_op(reader, op);
    return true;
}

/* A reply of the binary protocol. False: not whole yet. */
static bool take_binary(struct reader *reader, struct op *op) {
    enum { STATUS_OK = 0, STATUS_NOT_FOUND = 1 };
    size_t there = (size_t)(reader->end - reader->at);
    if (there < BINARY_HEAD_BYTES)
        return false;
    size_t body_bytes = binary_load32(reader->at + 8);
    unsigned status = binary_load16(reader->at + 6);
    struct tally *tally = reader->tally;
    if ((unsigned char)*reader->at != BINARY_MAGIC_REPLY) {
        reader->conn->failure = "what came is no reply";
        return false;
    }
    if (there - BINARY_HEAD_BYTES < body_bytes)
        return false;
    reader->at += BINARY_HEAD_BYTES;
    if (op->kind == OP_BINARY_GET && status == STATUS_NOT_FOUND) {
        tally->misses++;
    } else if (status != STATUS_OK) {
        count_error(reader, body_bytes);
    } else if (op->kind == OP_BINARY_SET) {
        tally->stored++;
    } else {
        uint32_t index = op_indexes(reader, op)[0];
        uint32_t bytes = value_bytes(reader->load->keys, index);
        bool is_right = body_bytes == BINARY_FLAGS_BYTES + (size_t)bytes &&
                        value_matches(reader->at + BINARY_FLAGS_BYTES, index, bytes);
        tally->hits += is_right;
        tally->wrong += !is_right;
    }
    reader->at += body_bytes;
    end_op(reader, op);
    return true;
}

static bool take_one(struct reader *reader) {
    struct op *op = &reader->conn->ops[reader->conn->op_first & reader->conn->op_mask];
    switch (op->kind) {
    case OP_GET:
        return take_get(reader, op);
    case OP_META_GET:
        return take_meta_get(reader, op);
    case OP_SET:
        return take_stored(reader, op, "STORED\r\n", 8);
    case OP_META_SET:
        return take_stored(reader, op, "HD\r\n", 4);
    case OP_QUIET_GET:
    case OP_QUIET_SET:
    case OP_BARRIER:
        return take_quiet(reader);
    case OP_BINARY_GET:
    case OP_BINARY_SET:
        return take_binary(reader, op);
    }
    return false;
}

size_t replies_take(struct conn *conn, const struct workload *load, struct tally *tally) {
    struct reader reader = {conn, load, tally, conn->in, conn->in + conn->in_end};
    while (reader.at < reader.end && conn_waiting(conn) > 0 && take_one(&reader)) {
    }
    if (conn_waiting(conn) == 0 && reader.at < reader.end) {
        count_error(&reader, (size_t)(reader.end - reader.at)); /* nobody asked for these */
        reader.at = reader.end;
    }
    return (size_t)(reader.at - conn->in);
}
