#include "t/unit/model_request.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct text *text, const void *bytes, size_t count) {
    memcpy(text->at + text->bytes, bytes, count);
    text->bytes += count;
}

static void __attribute__((format(printf, 2, 3))) putf(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text->bytes += (size_t)vsprintf(text->at + text->bytes, format, arguments);
    va_end(arguments);
}

/* ---- the binary protocol's frames ------------------------------------------------------------ */

struct frame {
    uint8_t magic, opcode;
    uint16_t key_bytes;
    uint8_t extras_bytes, data_type;
    uint16_t status;
    uint32_t body_bytes, opaque;
    uint64_t cas;
};
_Static_assert(sizeof(struct frame) == 24, "as it is on the wire");

enum { MAGIC_REQUEST = 0x80, MAGIC_REPLY = 0x81, STATUS_OK = 0 };

static void put_frame(struct text *out, uint8_t magic, uint8_t opcode, unsigned status,
                      uint64_t cas, const void *extras, size_t extras_bytes, const char *key,
                      const void *value, size_t value_bytes) {
    size_t key_bytes = strlen(key);
    struct frame frame = {.magic = magic,
                          .opcode = opcode,
                          .key_bytes = htobe16((uint16_t)key_bytes),
                          .extras_bytes = (uint8_t)extras_bytes,
                          .status = htobe16((uint16_t)status),
                          .body_bytes = htobe32((uint32_t)(extras_bytes + key_bytes + value_bytes)),
                          .cas = htobe64(cas)};
    put(out, &frame, sizeof(frame));
    put(out, extras, extras_bytes);
    put(out, key, key_bytes);
    put(out, value, value_bytes);
}

static uint8_t opcode_of(const struct request *r) {
    static const uint8_t store[] = {0x01, 0x02, 0x03, 0x0e, 0x0f};
    switch (r->verb) {
    case VERB_GET:
    case VERB_GETS:
        return 0x00;
    case VERB_GAT:
        return 0x1d;
    case VERB_STORE:
        return store[r->mode];
    case VERB_CAS:
        return 0x01;
    case VERB_DELETE:
        return 0x04;
    case VERB_ARITH:
        return r->is_decr ? 0x06 : 0x05;
    case VERB_TOUCH:
    case VERB_COUNT:
        break;
    }
    return 0x1c;
}

static void put_binary_request(struct text *out, const struct request *r) {
    uint32_t words[5] = {0};
    size_t extras_bytes = 0;
    bool has_value = r->verb == VERB_STORE || r->verb == VERB_CAS;
    if (has_value && r->mode < MODE_APPEND) {
        words[0] = htobe32(r->flags);
        words[1] = htobe32(r->ttl_s);
        extras_bytes = 8;
    } else if (r->verb == VERB_ARITH) {
        words[0] = htobe32((uint32_t)(r->delta >> 32));
        words[1] = htobe32((uint32_t)r->delta);
        words[4] = UINT32_MAX; /* an absent key stays so */
        extras_bytes = 20;
    } else if (r->verb == VERB_TOUCH || r->verb == VERB_GAT) {
        words[0] = htobe32(r->ttl_s);
        extras_bytes = 4;
    }
    put_frame(out, MAGIC_REQUEST, opcode_of(r), 0, r->verb == VERB_CAS ? r->cas : 0, words,
              extras_bytes, r->key, r->value, has_value ? r->bytes : 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

static const char *const mode_names[] = {"set", "add", "replace", "append", "prepend"};
static const char mode_letters[] = "SERAP";

static void put_classic_request(struct text *out, const struct request *r) {
    switch (r->verb) {
    case VERB_GET:
        putf(out, "get %s\r\n", r->key);
        break;
    case VERB_GETS:
        putf(out, "gets %s\r\n", r->key);
        break;
    case VERB_GAT:
        putf(out, "gats %u %s\r\n", r->ttl_s, r->key);
        break;
    case VERB_STORE:
        putf(out, "%s %s %u %u %zu\r\n", mode_names[r->mode], r->key, r->flags, r->ttl_s, r->bytes);
        break;
    case VERB_CAS:
        putf(out, "cas %s %u %u %zu %llu\r\n", r->key, r->flags, r->ttl_s, r->bytes,
             (unsigned long long)r->cas);
        break;
    case VERB_DELETE:
        putf(out, "delete %s\r\n", r->key);
        break;
    case VERB_ARITH:
        putf(out, "%s %s %llu\r\n", r->is_decr ? "decr" : "incr", r->key,
             (unsigned long long)r->delta);
        break;
    case VERB_TOUCH:
    case VERB_COUNT:
        putf(out, "touch %s %u\r\n", r->key, r->ttl_s);
        break;
    }
}

static void put_meta_request(struct text *out, const struct request *r) {
    switch (r->verb) {
    case VERB_GET:
        putf(out, "mg %s v\r\n", r->key);
        break;
    case VERB_GETS:
        putf(out, "mg %s s t f c v\r\n", r->key);
        break;
    case VERB_GAT:
        putf(out, "mg %s T%u f c v\r\n", r->key, r->ttl_s);
        break;
    case VERB_STORE:
        putf(out, "ms %s %zu F%u T%u M%c\r\n", r->key, r->bytes, r->flags, r->ttl_s,
             mode_letters[r->mode]);
        break;
    case VERB_CAS:
        putf(out, "ms %s %zu F%u T%u C%llu\r\n", r->key, r->bytes, r->flags, r->ttl_s,
             (unsigned long long)r->cas);
        break;
    case VERB_DELETE:
        putf(out, "md %s\r\n", r->key);
        break;
    case VERB_ARITH:
        putf(out, "ma %s v D%llu M%c\r\n", r->key, (unsigned long long)r->delta,
             r->is_decr ? 'D' : 'I');
        break;
    case VERB_TOUCH:
    case VERB_COUNT:
        putf(out, "mg %s T%u\r\n", r->key, r->ttl_s);
        break;
    }
}

void request_put(struct text *out, const struct request *r) {
    if (r->protocol == BINARY) {
        put_binary_request(out, r);
        return;
    }
    if (r->protocol == META)
        put_meta_request(out, r);
    else
        put_classic_request(out, r);
    if (r->verb == VERB_STORE || r->verb == VERB_CAS) {
        put(out, r->value, r->bytes);
        putf(out, "\r\n");
    }
}

bool request_arith(const struct request *r, const struct entry *entry, uint64_t *result) {
    char *end;
    unsigned long long before = strtoull(entry->value, &end, 10);
    if (end == entry->value || (*end != '\0' && *end != ' '))
        return false;
    *result = before + r->delta;
    if (r->is_decr)
        *result = before > r->delta ? before - r->delta : 0;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void put_classic_reply(struct text *out, const struct request *r, const struct entry *entry,
                              enum outcome outcome) {
    uint64_t result;
    switch (r->verb) {
    case VERB_GET:
    case VERB_GETS:
    case VERB_GAT:
        if (entry) {
            putf(out, "VALUE %s %u %zu", r->key, entry->flags, entry->bytes);
            if (r->verb != VERB_GET)
                putf(out, " %llu", (unsigned long long)entry->cas);
            putf(out, "\r\n");
            put(out, entry->value, entry->bytes);
            putf(out, "\r\n");
        }
        putf(out, "END\r\n");
        break;
    case VERB_STORE:
    case VERB_CAS:
        putf(out, "%s\r\n",
             outcome == OUTCOME_OK   ? "STORED"
             : outcome == EXISTS     ? "EXISTS"
             : outcome == NOT_STORED ? "NOT_STORED"
                                     : "NOT_FOUND");
        break;
    case VERB_DELETE:
        putf(out, "%s\r\n", outcome == OUTCOME_OK ? "DELETED" : "NOT_FOUND");
        break;
    case VERB_ARITH:
        if (outcome == OUTCOME_OK && request_arith(r, entry, &result))
            putf(out, "%llu\r\n", (unsigned long long)result);
        else if (outcome == NON_NUMERIC)
            putf(out, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        else
            putf(out, "NOT_FOUND\r\n");
        break;
    case VERB_TOUCH:
    case VERB_COUNT:
        putf(out, "%s\r\n", outcome == OUTCOME_OK ? "TOUCHED" : "NOT_FOUND");
        break;
    }
}

static void put_meta_reply(struct text *out, const struct request *r, const struct entry *entry,
                           enum outcome outcome, uint64_t now_s) {
    static const char *const words[] = {"HD", "NF", "NS", "EX"};
    uint64_t result;
    bool is_get = r->verb <= VERB_GAT;
    if (outcome == NON_NUMERIC) {
        putf(out, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    } else if ((is_get || r->verb == VERB_TOUCH) && !entry) {
        putf(out, "EN\r\n");
    } else if (is_get) {
        putf(out, "VA %zu", entry->bytes);
        if (r->verb == VERB_GETS) {
            putf(out, " s%zu ", entry->bytes);
            if (entry->expires_s)
                putf(out, "t%llu", (unsigned long long)(entry->expires_s - now_s));
            else
                putf(out, "t-1");
        }
        if (r->verb != VERB_GET)
            putf(out, " f%u c%llu", entry->flags, (unsigned long long)entry->cas);
        putf(out, "\r\n");
        put(out, entry->value, entry->bytes);
        putf(out, "\r\n");
    } else if (r->verb == VERB_ARITH && outcome == OUTCOME_OK && request_arith(r, entry, &result)) {
        char digits[32];
        int count = sprintf(digits, "%llu", (unsigned long long)result);
        putf(out, "VA %d\r\n%s\r\n", count, digits);
    } else {
        putf(out, "%s\r\n", words[outcome]);
    }
}

static void put_binary_reply(struct text *out, const struct request *r, const struct entry *entry,
                             enum outcome outcome, uint64_t cas) {
    static const struct {
        unsigned status;
        const char *text;
    } failures[] = {{0, ""},
                    {0x01, "Not found"},
                    {0x05, "Not stored."},
                    {0x02, "Data exists for key."},
                    {0x06, "Non-numeric server-side value for incr or decr"}};
    uint8_t opcode = opcode_of(r);
    uint64_t result = 0;
    if (outcome == NOT_STORED && r->mode == MODE_ADD)
        outcome = EXISTS;
    else if (outcome == NOT_STORED && r->mode == MODE_REPLACE)
        outcome = NOT_FOUND;
    if (outcome != OUTCOME_OK) {
        const char *text = failures[outcome].text;
        put_frame(out, MAGIC_REPLY, opcode, failures[outcome].status, 0, "", 0, "", text,
                  strlen(text));
        return;
    }
    uint32_t flags = entry ? htobe32(entry->flags) : 0;
    if (r->verb <= VERB_GAT) {
        put_frame(out, MAGIC_REPLY, opcode, 0, entry->cas, &flags, 4, "", entry->value,
                  entry->bytes);
    } else if (r->verb == VERB_ARITH && request_arith(r, entry, &result)) {
        result = htobe64(result);
        put_frame(out, MAGIC_REPLY, opcode, 0, cas, "", 0, "", &result, 8);
    } else if (r->verb == VERB_TOUCH) {
        put_frame(out, MAGIC_REPLY, opcode, 0, entry->cas, &flags, 4, "", "", 0);
    } else {
        put_frame(out, MAGIC_REPLY, opcode, 0, cas, "", 0, "", "", 0);
    }
}

void request_put_reply(struct text *out, const struct request *r, const struct entry *entry,
                       enum outcome outcome, uint64_t cas, uint64_t now_s) {
    if (r->protocol == BINARY)
        put_binary_reply(out, r, entry, outcome, cas);
    else if (r->protocol == META)
        put_meta_reply(out, r, entry, outcome, now_s);
    else
        put_classic_reply(out, r, entry, outcome);
}

uint64_t request_told_cas(const struct request *r, const char *said, size_t said_bytes) {
    struct frame frame;
    unsigned long long cas = 0;
    if (r->protocol == BINARY) {
        if (said_bytes < sizeof(frame))
            return 0;
        memcpy(&frame, said, sizeof(frame));
        return be64toh(frame.cas);
    }
    if (r->protocol == CLASSIC)
        return sscanf(said, "VALUE %*s %*u %*u %llu", &cas) == 1 ? cas : 0;
    if (strncmp(said, "VA ", 3) != 0)
        return 0;
    const char *at = strstr(said, " c");
    return at && at < strchr(said, '\r') ? strtoull(at + 2, NULL, 10) : 0;
}
