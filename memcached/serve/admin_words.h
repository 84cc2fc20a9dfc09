/* The words of an administrative command line, and how it is answered. Private to the commands. */
#ifndef SERVE_ADMIN_WORDS_H
#define SERVE_ADMIN_WORDS_H

#include <string.h>

#include "memcached/serve/cmd_admin.h"

struct word {
    const char *text;
    size_t bytes;
};

struct words {
    struct word word[ADMIN_WORDS_MAX];
    unsigned count;
    bool is_noreply; /* the last one is `noreply`, and the command takes notice of it */
};

static inline bool is_word(const struct words *words, unsigned i, const char *wanted) {
    return i < words->count && words->word[i].bytes == strlen(wanted) &&
           memcmp(words->word[i].text, wanted, words->word[i].bytes) == 0;
}

/* A client that said noreply is not told of errors either, as far as its line is understood. */
static inline void answer(const struct admin_call *call, const struct words *words,
                          const char *line) {
    if (!words->is_noreply || session_notes_reply(call->env->notes))
        (void)outbuf_put(call->out, line, strlen(line));
}

#define BAD_FORMAT "CLIENT_ERROR bad command line format\r\n"

/* ---- commands with a file of their own ---- */

#ifdef ENABLE_DEBUG
void cmd_debugitem(const struct admin_call *call, const struct words *words);
void cmd_debugtime(const struct admin_call *call, const struct words *words);
#endif
void cmd_lru(const struct admin_call *call, const struct words *words);
void cmd_lru_crawler(const struct admin_call *call, const struct words *words);
void cmd_slabs(const struct admin_call *call, const struct words *words);
void cmd_stats_cachedump(const struct admin_call *call, const struct words *words);
void cmd_watch(const struct admin_call *call, const struct words *words);

#endif
