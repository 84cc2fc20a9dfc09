#include "memcached/run/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/num.h"

static bool refuse(char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char *message, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, ADDRESS_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_word(const char *text, size_t bytes, const char *word) {
    return bytes == strlen(word) && memcmp(text, word, bytes) == 0;
}

/* proto[NAME]: at *text, which moves behind it. A name that is none means both protocols. */
static bool take_protocol(const char **text, enum settings_protocol *protocol, char *message) {
    static const char prefix[] = "proto[";
    size_t prefix_bytes = sizeof(prefix) - 1;
    if (strncmp(*text, prefix, prefix_bytes) != 0)
        return true;
    const char *name = *text + prefix_bytes;
    const char *end = strstr(name, "]:");
    if (!end)
        return refuse(message, "Invalid protocol spec: \"%s\"", name - 1);
    size_t bytes = (size_t)(end - name);
    if (is_word(name, bytes, "proxy"))
        return refuse(message, "Proxy must be enabled to use: \"%.*s\"", (int)(end - *text), *text);
    if (is_word(name, bytes, "ascii"))
        *protocol = PROTOCOL_ASCII;
    else if (is_word(name, bytes, "binary"))
        *protocol = PROTOCOL_BINARY;
    *text = end + 2;
    return true;
}

/* tag[NAME]: or tag_NAME_: at *text, likewise. */
static bool take_tag(const char **text, char *message) {
    static const char prefix[] = "tag";
    const char *open = *text + sizeof(prefix) - 1;
    if (strncmp(*text, prefix, sizeof(prefix) - 1) != 0 || (*open != '[' && *open != '_'))
        return true;
    const char *end = strstr(open + 1, *open == '[' ? "]:" : "_:");
    if (!end)
        return refuse(message, "Invalid tag in socket config: \"%s\"", open);
    size_t bytes = (size_t)(end - open - 1);
    if (bytes == 0 || bytes > ADDRESS_TAG_BYTES_MAX)
        return refuse(message, "Listener tags must be between 1 and %d characters: \"%.*s\"",
                      ADDRESS_TAG_BYTES_MAX, (int)bytes, open + 1);
    *text = end + 2;
    return true;
}

static bool take_port(const char *text, uint16_t *port, char *message) {
    uint32_t number;
    if (!num_u32(text, strlen(text), &number) || number > UINT16_MAX)
        return refuse(message, "Invalid port number: \"%s\"", text);
    *port = (uint16_t)number;
    return true;
}

static bool take_host(const char *host, size_t bytes, struct address *address, char *message) {
    if (bytes == 0 || bytes >= sizeof(address->host))
        return refuse(message, "Invalid address: \"%s\"", host);
    if (is_word(host, bytes, "*"))
        bytes = 0;
    memcpy(address->host, host, bytes);
    address->host[bytes] = '\0';
    return true;
}

bool address_parse(const char *text, uint16_t port, struct address *address,
                   char message[ADDRESS_MESSAGE_BYTES]) {
    *address = (struct address){.port = port, .protocol = PROTOCOL_AUTO};
    if (!take_protocol(&text, &address->protocol, message) || !take_tag(&text, message))
        return false;
    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return refuse(message, "Invalid IPV6 address: \"%s\"", text);
        return take_host(text + 1, (size_t)(end - text - 1), address, message) &&
               (end[1] == '\0' || take_port(end + 2, &address->port, message));
    }
    const char *colon = strchr(text, ':');
    bool has_port = colon && !strchr(colon + 1, ':');
    return take_host(text, has_port ? (size_t)(colon - text) : strlen(text), address, message) &&
           (!has_port || take_port(colon + 1, &address->port, message));
}
