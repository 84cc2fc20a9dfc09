/* `lru tune`, `lru mode`, `lru temp_ttl`: the rules of the LRU, changed while the server runs. */
#include "memcached/proto/number.h"
#include "memcached/serve/admin_words.h"

enum { SHARES_PERCENT_MAX = 80 }; /* of hot and warm together */

static bool take_factor(const struct word *word, double *factor) {
    return number_double(word->text, word->bytes, factor);
}

/* lru tune <percent hot> <percent warm> <max hot factor> <max warm factor> */
static const char *tune(struct store *store, const struct words *words) {
    const struct word *word = words->word;
    struct store_lru lru;
    store_lru(store, &lru);
    if (words->count < 6 || !number_u32(word[2].text, word[2].bytes, &lru.hot_percent) ||
        !number_u32(word[3].text, word[3].bytes, &lru.warm_percent) ||
        !take_factor(&word[4], &lru.hot_max_factor) || !take_factor(&word[5], &lru.warm_max_factor))
        return "ERROR\r\n";
    if ((uint64_t)lru.hot_percent + lru.warm_percent > SHARES_PERCENT_MAX)
        return "ERROR hot and warm pcts must not exceed 80\r\n";
    if (!(lru.hot_max_factor > 0) || !(lru.warm_max_factor > 0))
        return "ERROR hot/warm age factors must be greater than 0\r\n";
    store_lru_set(store, &lru);
    return "OK\r\n";
}

static const char *set_mode(struct store *store, const struct words *words) {
    struct store_lru lru;
    store_lru(store, &lru);
    lru.is_segmented = is_word(words, 2, "segmented");
    if (!lru.is_segmented && !is_word(words, 2, "flat"))
        return "ERROR\r\n";
    store_lru_set(store, &lru);
    return "OK\r\n";
}

/* A negative one switches the list of temporary items off. */
static const char *set_temp_ttl(struct store *store, const struct words *words) {
    struct store_lru lru;
    int64_t ttl;
    if (words->count < 3 || !number_i64(words->word[2].text, words->word[2].bytes, &ttl))
        return "ERROR\r\n";
    store_lru(store, &lru);
    lru.has_temp = ttl >= 0;
    if (lru.has_temp)
        lru.temp_ttl_s = ttl > UINT32_MAX ? UINT32_MAX : (uint32_t)ttl;
    store_lru_set(store, &lru);
    return "OK\r\n";
}

void cmd_lru(const struct admin_call *call, const struct words *words) {
    struct server *server = call->env->server;
    const char *reply = "ERROR\r\n";
    if (is_word(words, 1, "tune"))
        reply = tune(server->store, words);
    else if (is_word(words, 1, "mode") && server->settings->has_lru_maintainer)
        reply = set_mode(server->store, words);
    else if (is_word(words, 1, "temp_ttl") && server->settings->has_lru_maintainer)
        reply = set_temp_ttl(server->store, words);
    answer(call, words, reply);
}
