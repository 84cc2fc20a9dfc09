/* debugtime and debugitem, in builds for debugging. */
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/proto/number.h"
#include "memcached/serve/admin_words.h"
#include "memcached/serve/server.h"

enum { DEBUGTIME_SECONDS_MAX = 10 * 365 * 24 * 3600 };

void cmd_debugtime(const struct admin_call *call, const struct words *words) {
    uint32_t seconds;
    if (!number_u32(words->word[1].text, words->word[1].bytes, &seconds) ||
        seconds > DEBUGTIME_SECONDS_MAX) {
        answer(call, words, "ERROR\r\n");
        return;
    }
    clock_shift(call->env->server->clock, seconds);
    answer(call, words, "OK\r\n");
}

/* ---- debugitem ------------------------------------------------------------------------------- */

/* Takes the reference; false, without it, if all places are taken. */
static bool keep(struct item *_Atomic places[DEBUG_ITEMS_MAX], struct item *item) {
    for (unsigned i = 0; i < DEBUG_ITEMS_MAX; i++) {
        struct item *nobody = NULL;
        /* pairs with the exchanges below: who takes the item out sees it as it was put in */
        if (atomic_compare_exchange_strong(&places[i], &nobody, item))
            return true;
    }
    return false;
}

static const char *hold(const struct session_env *env, struct item *_Atomic places[DEBUG_ITEMS_MAX],
                        const struct word *word) {
    struct store_key key = {.data = word->text, .bytes = (uint32_t)word->bytes};
    struct store_view view;
    if (word->bytes > STORE_KEY_BYTES_MAX)
        return "ERROR\r\n";
    key.hash = store_hash(env->server->store, key.data, key.bytes);
    if (store_get(env->store, &key, STORE_GET_QUIETLY, &view) != STORE_OK)
        return "NOT_FOUND\r\n";
    if (keep(places, view.item))
        return "OK\r\n";
    store_item_release(env->store, view.item);
    return "ERROR\r\n";
}

/* Lets go of one of those with this key, or (NULL) of all. */
static const char *let_go(const struct session_env *env,
                          struct item *_Atomic places[DEBUG_ITEMS_MAX], const struct word *wanted) {
    for (unsigned i = 0; i < DEBUG_ITEMS_MAX; i++) {
        const char *key;
        size_t bytes;
        struct item *item = atomic_exchange(&places[i], NULL);
        if (!item)
            continue;
        store_item_key(item, &key, &bytes);
        bool is_it = !wanted || (bytes == wanted->bytes && memcmp(key, wanted->text, bytes) == 0);
        if (!is_it && keep(places, item))
            continue;
        store_item_release(env->store, item);
        if (is_it && wanted)
            return "OK\r\n";
    }
    return wanted ? "NOT_FOUND\r\n" : "OK\r\n";
}

/*
 * debugitem lock|unlock|ref <key>, debugitem unref reffed. A lock is a reference, too: a stripe's
 * cannot be held from one command to the next. Whoever finds it locked finds it busy either way.
 */
void cmd_debugitem(const struct admin_call *call, const struct words *words) {
    const struct session_env *env = call->env;
    struct debug_items *items = &env->server->debug_items;
    const char *reply = "ERROR\r\n";
    if (is_word(words, 1, "lock"))
        reply = hold(env, items->locked, &words->word[2]);
    else if (is_word(words, 1, "unlock"))
        reply = let_go(env, items->locked, &words->word[2]);
    else if (is_word(words, 1, "ref"))
        reply = hold(env, items->reffed, &words->word[2]);
    else if (is_word(words, 1, "unref") && is_word(words, 2, "reffed"))
        reply = let_go(env, items->reffed, NULL);
    answer(call, words, reply);
}
