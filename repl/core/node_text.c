#include "repl/core/node_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/num.h"

const char *node_role_name(enum node_role role) {
    return role == NODE_MASTER ? "master" : "slave";
}

const char *node_state_name(enum node_state state) {
    switch (state) {
    case NODE_JOINING:
        return "joining";
    case NODE_SYNCING:
        return "syncing";
    case NODE_READY:
        break;
    }
    return "ready";
}

const char *out_state_name(enum out_state state) {
    switch (state) {
    case OUT_DOWN:
        return "down";
    case OUT_DIALING:
        return "dialing";
    case OUT_GREETING:
        return "greeting";
    case OUT_PROBING:
        return "probing";
    case OUT_FULL:
        return "full_sync";
    case OUT_STREAMING:
        break;
    }
    return "streaming";
}

size_t node_text_put(char *out, const struct node_info *info) {
    char complete_for[17];
    if (info->complete_for == NODE_COMPLETE_FOR_NONE)
        snprintf(complete_for, sizeof(complete_for), "none");
    else if (info->complete_for == NODE_COMPLETE_FOR_ANY)
        snprintf(complete_for, sizeof(complete_for), "any");
    else
        snprintf(complete_for, sizeof(complete_for), "%016" PRIx64, info->complete_for);
    return (size_t)snprintf(out, NODE_TEXT_BYTES_MAX,
                            "1 %016" PRIx64 " %s %s %" PRIu64 " %s %" PRIu64, info->id,
                            node_role_name(info->role), node_state_name(info->state),
                            info->promoted_at, complete_for, info->version);
}

/* The next word of *text: its length, 0 at the end. *text moves behind it and one space. */
static size_t next_word(const char **text, const char **word) {
    *word = *text;
    size_t length = strcspn(*text, " ");
    *text += length;
    if (**text == ' ')
        ++*text;
    return length;
}

static bool is_word(const char *word, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(word, wanted, length) == 0;
}

static bool get_hex(const char *word, size_t length, uint64_t *value) {
    if (length != 16)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = word[i] ? strchr(digits, word[i]) : NULL;
        if (!digit)
            return false;
        sum = sum << 4 | (uint64_t)(digit - digits);
    }
    *value = sum;
    return true;
}

static bool get_complete_for(const char *word, size_t length, uint64_t *value) {
    if (is_word(word, length, "none"))
        *value = NODE_COMPLETE_FOR_NONE;
    else if (is_word(word, length, "any"))
        *value = NODE_COMPLETE_FOR_ANY;
    else
        return get_hex(word, length, value);
    return true;
}

static bool get_role(const char *word, size_t length, enum node_role *role) {
    for (int i = NODE_SLAVE; i <= NODE_MASTER; i++) {
        if (is_word(word, length, node_role_name((enum node_role)i))) {
            *role = (enum node_role)i;
            return true;
        }
    }
    return false;
}

static bool get_state(const char *word, size_t length, enum node_state *state) {
    for (int i = NODE_JOINING; i <= NODE_READY; i++) {
        if (is_word(word, length, node_state_name((enum node_state)i))) {
            *state = (enum node_state)i;
            return true;
        }
    }
    return false;
}

bool node_text_get(const char *text, struct node_info *info, const char **rest) {
    const char *word;
    size_t length = next_word(&text, &word);
    if (!is_word(word, length, "1"))
        return false;
    length = next_word(&text, &word);
    if (!get_hex(word, length, &info->id) || info->id == NODE_COMPLETE_FOR_NONE ||
        info->id == NODE_COMPLETE_FOR_ANY)
        return false;
    length = next_word(&text, &word);
    if (!get_role(word, length, &info->role))
        return false;
    length = next_word(&text, &word);
    if (!get_state(word, length, &info->state))
        return false;
    length = next_word(&text, &word);
    if (!num_u64(word, length, &info->promoted_at))
        return false;
    length = next_word(&text, &word);
    if (!get_complete_for(word, length, &info->complete_for))
        return false;
    length = next_word(&text, &word);
    if (!num_u64(word, length, &info->version))
        return false;
    *rest = text;
    return true;
}
