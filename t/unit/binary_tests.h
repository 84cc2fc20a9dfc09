/* Requests of the binary protocol out of short descriptions, and replies into such. */
#ifndef BINARY_TESTS_H
#define BINARY_TESTS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/binary.h"

enum {
    ASK_BYTES_MAX = 1024,
    ASK_OPAQUE = 0x0badcafe, /* every request's: replies repeat it */
};

struct ask {
    uint8_t opcode;
    const char *key;    /* NULL: none */
    const char *extras; /* in hexadecimal, with spaces or without; NULL: none */
    const char *value;  /* NULL: none */
    uint64_t cas;
};

static inline size_t hex_bytes(const char *hex, char *out) {
    size_t count = 0;
    while (hex && *hex) {
        unsigned byte;
        int used;
        CHECK(sscanf(hex, "%2x%n", &byte, &used) == 1);
        out[count++] = (char)byte;
        hex += used;
        hex += strspn(hex, " ");
    }
    return count;
}

/* The head of a request. */
static inline char *ask_put_head(char *to, uint8_t opcode, size_t key_bytes, size_t extras_bytes,
                                 size_t body_bytes, uint64_t cas) {
    *to++ = (char)BINARY_MAGIC_REQUEST;
    *to++ = (char)opcode;
    to = binary_put16(to, (uint16_t)key_bytes);
    *to++ = (char)extras_bytes;
    *to++ = 0;
    to = binary_put16(to, 0);
    to = binary_put32(to, (uint32_t)body_bytes);
    to = binary_put32(to, ASK_OPAQUE);
    return binary_put64(to, cas);
}

/* Writes a request; returns its end. */
static inline char *ask_put(char *to, const struct ask *ask) {
    char extras[256];
    size_t extras_bytes = hex_bytes(ask->extras, extras);
    size_t key_bytes = ask->key ? strlen(ask->key) : 0;
    size_t value_bytes = ask->value ? strlen(ask->value) : 0;
    to = ask_put_head(to, ask->opcode, key_bytes, extras_bytes,
                      extras_bytes + key_bytes + value_bytes, ask->cas);
    memcpy(to, extras, extras_bytes);
    to += extras_bytes;
    memcpy(to, ask->key ? ask->key : "", key_bytes);
    to += key_bytes;
    memcpy(to, ask->value ? ask->value : "", value_bytes);
    return to + value_bytes;
}

/*
 * What replies say, one behind the other: opcode, status unless 0, CAS value unless 0, extras in
 * hexadecimal, key, value (numbers of 8 bytes after incr and decr in decimal):
 * `00 #2 [00000007] k=key "value"; `. What is no reply is told as `?`. To be freed.
 */
static inline char *tell(const char *said, size_t bytes) {
    char *text = calloc(1, bytes * 4 + 256);
    char *to = text;
    while (bytes > 0) {
        uint32_t body_bytes = bytes >= BINARY_HEAD_BYTES ? binary_load32(said + 8) : 0;
        if (bytes < BINARY_HEAD_BYTES || (unsigned char)*said != BINARY_MAGIC_REPLY ||
            body_bytes > bytes - BINARY_HEAD_BYTES ||
            binary_load16(said + 2) + (unsigned char)said[4] > body_bytes || said[5] != 0) {
            strcpy(to, "?");
            return text;
        }
        unsigned key_bytes = binary_load16(said + 2);
        unsigned extras_bytes = (unsigned char)said[4];
        unsigned value_bytes = body_bytes - key_bytes - extras_bytes;
        unsigned status = binary_load16(said + 6);
        uint64_t cas = binary_load64(said + 16);
        const char *body = said + BINARY_HEAD_BYTES;
        unsigned char opcode = (unsigned char)said[1];
        to += sprintf(to, "%02x", opcode);
        if (binary_load32(said + 12) != ASK_OPAQUE)
            to += sprintf(to, " opaque!");
        if (status)
            to += sprintf(to, " !%x", status);
        if (cas)
            to += sprintf(to, " #%llu", (unsigned long long)cas);
        for (unsigned i = 0; i < extras_bytes; i++)
            to += sprintf(to, "%s%02x%s", i ? "" : " [", (unsigned char)body[i],
                          i + 1 == extras_bytes ? "]" : "");
        if (key_bytes)
            to += sprintf(to, " k=%.*s", (int)key_bytes, body + extras_bytes);
        const char *value = body + extras_bytes + key_bytes;
        if (value_bytes == BINARY_NUMBER_BYTES && !status && (opcode == 0x05 || opcode == 0x06))
            to += sprintf(to, " %llu", (unsigned long long)binary_load64(value));
        else if (value_bytes)
            to += sprintf(to, " \"%.*s\"", (int)value_bytes, value);
        to += sprintf(to, "; ");
        said = body + body_bytes;
        bytes -= BINARY_HEAD_BYTES + body_bytes;
    }
    return text;
}

#endif
