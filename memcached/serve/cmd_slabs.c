/* `slabs reassign` and `slabs automove`: which slab page belongs to which class. */
#include <math.h>

#include "memcached/proto/number.h"
#include "memcached/serve/admin_words.h"

enum { AUTOMOVE_LEVEL_MAX = 2 };

static const char *const reassign_replies[] = {
    [STORE_REASSIGN_OK] = "OK\r\n",
    [STORE_REASSIGN_BUSY] = "BUSY currently processing reassign request\r\n",
    [STORE_REASSIGN_BAD_CLASS] = "BADCLASS invalid src or dst class id\r\n",
    [STORE_REASSIGN_NO_SPARE] = "NOSPARE source class has no spare pages\r\n",
    [STORE_REASSIGN_SAME] = "SAME src and dst class are identical\r\n",
};

/* slabs reassign <source class> <destination class> */
static void reassign(const struct admin_call *call, const struct words *words) {
    const struct word *word = words->word;
    int64_t from, to;
    if (!call->env->server->settings->moves_pages)
        answer(call, words, "CLIENT_ERROR slab reassignment disabled\r\n");
    else if (!number_i64(word[2].text, word[2].bytes, &from) ||
             !number_i64(word[3].text, word[3].bytes, &to))
        (void)outbuf_puts(call->out, BAD_FORMAT); /* `noreply` may be one of the two */
    else
        answer(call, words,
               reassign_replies[store_reassign(call->env->store, (int32_t)from, (int32_t)to)]);
}

static bool take_ratio(const struct words *words, double *ratio) {
    const struct word *word = &words->word[3];
    return words->count >= 4 && number_double(word->text, word->bytes, ratio) && isfinite(*ratio);
}

/* slabs automove <level> | window <seconds> | ratio <ratio> | freeratio <ratio> */
static const char *automove(struct store *store, const struct words *words) {
    const struct word *word = words->word;
    struct store_automove settings;
    uint32_t level;
    store_automove_get(store, &settings);
    if (is_word(words, 2, "window")) {
        if (words->count < 4 || !number_u32(word[3].text, word[3].bytes, &settings.window_s))
            return BAD_FORMAT;
    } else if (is_word(words, 2, "ratio")) {
        if (!take_ratio(words, &settings.ratio))
            return "ERROR\r\n";
    } else if (is_word(words, 2, "freeratio")) {
        if (!take_ratio(words, &settings.freeratio))
            return "ERROR\r\n";
    } else if (!number_u32(word[2].text, word[2].bytes, &level)) {
        return BAD_FORMAT;
    } else if (level > AUTOMOVE_LEVEL_MAX) {
        return "ERROR\r\n";
    } else {
        settings.level = level;
    }
    store_automove_set(store, &settings);
    return "OK\r\n";
}

void cmd_slabs(const struct admin_call *call, const struct words *words) {
    if (is_word(words, 1, "reassign") && words->count == 4)
        reassign(call, words);
    else if (is_word(words, 1, "automove"))
        answer(call, words, automove(call->env->server->store, words));
    else /* also to those who said noreply */
        (void)outbuf_puts(call->out, "ERROR\r\n");
}
