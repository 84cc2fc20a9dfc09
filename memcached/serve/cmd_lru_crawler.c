/* `lru_crawler`: the crawler switched, tuned and sent, and dumps of what it could find. */
#include "memcached/proto/number.h"
#include "memcached/serve/admin_words.h"
#include "memcached/serve/dump.h"
#include "memcached/store/crawler.h"

#define BAD_CLASS "BADCLASS invalid class id\r\n"
#define BUSY "BUSY currently processing crawler request\r\n"
#define NOTHING "NOTSTARTED no items to crawl\r\n"
#define UNKNOWN "ERROR an unknown error happened\r\n"
#define NO_MEMORY "SERVER_ERROR out of memory\r\n"

/* What is to be gone through: `all`, `hash` or class ids with commas in between. */
struct extent {
    bool is_hash;
    uint64_t classes; /* bit n: class n */
};

/* False if something is no class id. */
static bool take_extent(const struct words *words, struct extent *extent) {
    const struct word *word = &words->word[2];
    *extent = (struct extent){.is_hash = is_word(words, 2, "hash")};
    if (extent->is_hash)
        return true;
    if (is_word(words, 2, "all")) {
        extent->classes = UINT64_MAX;
        return true;
    }
    size_t at = 0;
    while (at < word->bytes) {
        const char *comma = memchr(word->text + at, ',', word->bytes - at);
        size_t end = comma ? (size_t)(comma - word->text) : word->bytes;
        uint32_t id;
        if (end > at) {
            if (!number_u32(word->text + at, end - at, &id) || id == 0 ||
                id >= STORE_CLASS_COUNT_MAX)
                return false;
            extent->classes |= (uint64_t)1 << id;
        }
        at = end + 1;
    }
    return true;
}

/* There is no crawl of the index, only a dump. */
static const char *crawl(const struct server *server, const struct extent *extent) {
    if (extent->is_hash)
        return UNKNOWN;
    if (!store_crawl_start(server->store, extent->classes))
        return BUSY;
    if (server->run.crawl_asked)
        server->run.crawl_asked(server->run.context);
    return "OK\r\n";
}

/* NULL: it has begun, and will answer. */
static const char *dump(struct session *session, const struct extent *extent,
                        enum dump_format format) {
    enum store_dump_order order = extent->is_hash ? STORE_DUMP_INDEX : STORE_DUMP_CLASSES;
    enum store_dump_refusal why;
    /* it goes on for long, and who asks by UDP need not be who is answered */
    if (session_peer(session)->is_datagram)
        return "SERVER_ERROR reply too long for datagrams\r\n";
    if (dump_begin(session, format, order, extent->classes, &why))
        return NULL;
    return why == STORE_DUMP_BUSY ? BUSY : NO_MEMORY;
}

/* crawl, metadump, mgdump <classes|all|hash> */
static const char *go_through(const struct admin_call *call, const struct words *words) {
    struct store *store = call->env->server->store;
    bool is_crawl = is_word(words, 1, "crawl");
    bool is_meta = is_word(words, 1, "metadump");
    struct extent extent;
    struct store_crawler crawler;
    store_crawler(store, &crawler);
    if (!crawler.is_enabled)
        return "CLIENT_ERROR lru crawler disabled\r\n";
    if (!is_crawl && !call->env->server->settings->is_dump_enabled)
        return is_meta ? "ERROR metadump not allowed\r\n" : "ERROR key dump not allowed\r\n";
    if (!take_extent(words, &extent))
        return BAD_CLASS;
    if (crawler.is_busy)
        return BUSY;
    if (!extent.is_hash && !extent.classes)
        return NOTHING;
    if (is_crawl)
        return crawl(call->env->server, &extent);
    return dump(call->session, &extent, is_meta ? DUMP_META : DUMP_MG);
}

static const char *set_sleep(struct store *store, const struct word *word) {
    struct store_crawler crawler;
    uint32_t sleep_us;
    if (!number_u32(word->text, word->bytes, &sleep_us))
        return BAD_FORMAT;
    if (sleep_us > STORE_CRAWLER_SLEEP_US_MAX)
        return "CLIENT_ERROR sleep must be one second or less\r\n";
    store_crawler(store, &crawler);
    store_crawler_tune(store, sleep_us, crawler.tocrawl);
    return "OK\r\n";
}

static const char *set_tocrawl(struct store *store, const struct word *word) {
    struct store_crawler crawler;
    uint32_t tocrawl;
    if (!number_u32(word->text, word->bytes, &tocrawl))
        return BAD_FORMAT;
    store_crawler(store, &crawler);
    store_crawler_tune(store, crawler.sleep_us, tocrawl);
    return "OK\r\n";
}

static const char *two_words(struct store *store, const struct words *words) {
    if (is_word(words, 1, "enable"))
        return store_crawler_enable(store, true) ? "OK\r\n"
                                                 : "ERROR failed to start lru crawler thread\r\n";
    if (!is_word(words, 1, "disable"))
        return "ERROR\r\n";
    (void)store_crawler_enable(store, false);
    return "OK\r\n";
}

static const char *three_words(const struct admin_call *call, const struct words *words) {
    struct store *store = call->env->server->store;
    if (is_word(words, 1, "sleep"))
        return set_sleep(store, &words->word[2]);
    if (is_word(words, 1, "tocrawl"))
        return set_tocrawl(store, &words->word[2]);
    if (is_word(words, 1, "crawl") || is_word(words, 1, "metadump") || is_word(words, 1, "mgdump"))
        return go_through(call, words);
    return "ERROR\r\n";
}

void cmd_lru_crawler(const struct admin_call *call, const struct words *words) {
    const char *reply = "ERROR\r\n";
    if (words->count == 2)
        reply = two_words(call->env->server->store, words);
    else if (words->count == 3)
        reply = three_words(call, words);
    if (reply)
        answer(call, words, reply);
}

/* stats cachedump <class> <limit>, 0 for no limit: keys of the cold LRU, the newest first. */
void cmd_stats_cachedump(const struct admin_call *call, const struct words *words) {
    const struct word *word = words->word;
    uint32_t class_id, limit;
    enum store_dump_refusal why;
    if (!call->env->server->settings->is_dump_enabled)
        answer(call, words, "CLIENT_ERROR stats cachedump not allowed\r\n");
    else if (words->count < 4)
        answer(call, words, "CLIENT_ERROR bad command line\r\n");
    else if (!number_u32(word[2].text, word[2].bytes, &class_id) ||
             !number_u32(word[3].text, word[3].bytes, &limit))
        answer(call, words, BAD_FORMAT);
    else if (class_id >= STORE_CLASS_COUNT_MAX)
        answer(call, words, "CLIENT_ERROR Illegal slab id\r\n");
    else if (!dump_begin(call->session, DUMP_CACHE, STORE_DUMP_COLD, (uint64_t)1 << class_id, &why))
        answer(call, words, NO_MEMORY);
    else
        dump_limit(call->session, limit);
}
