/*
 * A connection to a server with -Y, before its client has said who it is: a `set` whose value is
 * `user password`, under any key, is all that is understood.
 */
#include <string.h>

#include "memcached/base/num.h"
#include "memcached/serve/auth.h"
#include "memcached/serve/turn.h"

enum {
    LOGIN_VALUE_BYTES_MAX = 16 * 1024, /* announces more: closed */
    LOGIN_WORDS = 5,                   /* set <key> <flags> <exptime> <bytes> */
};

struct word {
    const char *text;
    size_t bytes;
};

/* The words between blanks, `max` at most; also a NUL ends the last, as in memcached. */
static unsigned split(const char *text, size_t bytes, struct word *words, unsigned max) {
    const char *end = text + strnlen(text, bytes);
    unsigned count = 0;
    while (count < max) {
        while (text < end && *text == ' ')
            text++;
        if (text == end)
            break;
        const char *blank = memchr(text, ' ', (size_t)(end - text));
        const char *word_end = blank ? blank : end;
        words[count++] = (struct word){text, (size_t)(word_end - text)};
        text = word_end;
    }
    return count;
}

/* Does this line announce a value? Flags, exptime and what stands behind are as they like. */
static bool is_set(const char *line, size_t bytes, uint64_t *value_bytes) {
    struct word words[LOGIN_WORDS];
    if (split(line, bytes, words, LOGIN_WORDS) < LOGIN_WORDS)
        return false;
    const struct word *number = &words[LOGIN_WORDS - 1];
    bool has_plus = number->text[0] == '+';
    return words[0].bytes == 3 && memcmp(words[0].text, "set", 3) == 0 &&
           num_u64(number->text + has_plus, number->bytes - has_plus, value_bytes);
}

static void log_in(struct turn *turn, const char *value, size_t bytes) {
    struct word words[2];
    if (split(value, bytes, words, 2) < 2) {
        TURN_REPLY(turn, "CLIENT_ERROR bad authentication token format\r\n");
        return;
    }
    COUNT(turn->counters, auth_cmds, 1);
    if (!auth_knows(turn->server->auth, words[0].text, words[0].bytes, words[1].text,
                    words[1].bytes)) {
        COUNT(turn->counters, auth_errors, 1);
        TURN_REPLY(turn, "CLIENT_ERROR authentication failure\r\n");
        return;
    }
    turn->session->state = SESSION_AT_LINE;
    TURN_REPLY(turn, "STORED\r\n");
}

bool login_take(struct turn *turn, unsigned *request_max, struct session_result *result) {
    struct parser *parser = &turn->session->parser;
    size_t bytes = (size_t)(parser->end - parser->at);
    uint64_t value_bytes;
    if (bytes == 0)
        return false;
    if (turn_out_is_high(turn) || *request_max == 0) {
        result->next = SESSION_YIELD;
        return false;
    }
    const char *newline = memchr(parser->at, '\n', bytes);
    size_t line_bytes = newline ? (size_t)(newline - parser->at) + 1 : bytes;
    if (line_bytes > SESSION_LINE_BYTES_MAX) {
        turn->is_closing = true;
        return true;
    }
    if (!newline)
        return false;
    size_t text_bytes = line_bytes - 1 - (line_bytes > 1 && newline[-1] == '\r');
    if (!is_set(parser->at, text_bytes, &value_bytes)) {
        --*request_max;
        parser->at += line_bytes;
        TURN_REPLY(turn, "CLIENT_ERROR unauthenticated\r\n");
        return true;
    }
    if (value_bytes > LOGIN_VALUE_BYTES_MAX) {
        turn->is_closing = true;
        return true;
    }
    /* Kept until it is whole: the line, the value, its CR LF. */
    size_t wanted = line_bytes + (size_t)value_bytes + 2;
    if (bytes < wanted) {
        result->read_hint = wanted;
        return false;
    }
    const char *value = parser->at + line_bytes;
    --*request_max;
    parser->at += wanted;
    if (memcmp(value + value_bytes, "\r\n", 2) == 0)
        log_in(turn, value, (size_t)value_bytes);
    else
        TURN_REPLY(turn, "CLIENT_ERROR bad command line termination\r\n");
    return true;
}
