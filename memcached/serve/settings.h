/* What an operator can set: filled by the options (options.h), read by everybody. */
#ifndef SERVE_SETTINGS_H
#define SERVE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/store/store.h"

enum {
    SETTINGS_LISTEN_MAX = 64,
    SETTINGS_THREADS_MAX = 256,
    SETTINGS_THREADS_WARN = 64, /* more than so many are hardly meant */
};

enum settings_protocol { PROTOCOL_AUTO, PROTOCOL_ASCII, PROTOCOL_BINARY };

/* The types of settings.def. */
typedef bool setting_BOOL;
typedef int setting_INT;
typedef uint32_t setting_U32;
typedef uint64_t setting_U64;
typedef uint32_t setting_MASK;
typedef double setting_FACTOR;
typedef const char *setting_TEXT;
typedef enum settings_protocol setting_PROTOCOL;

struct settings {
    /* the fields of settings.def: fixed once the server runs */
#define SETTING(type, field, initial, ...) setting_##type field;
#define OPTION(...)
#define UNBUILT(suboption, feature, stat, rank, idle)
#define SHOWN(stat, rank, idle)
#include "memcached/serve/settings.def"
#undef SETTING
#undef OPTION
#undef UNBUILT
#undef SHOWN

    /* fixed, too */
    bool is_detailed; /* -D: statistics by prefix from the start */
    bool is_tcp_port_given;
    bool has_temp_lru;                           /* temporary_ttl was given */
    uint32_t class_sizes[STORE_CLASS_COUNT_MAX]; /* of slab_sizes, a 0 behind the last */
    const char *listen[SETTINGS_LISTEN_MAX];     /* each -l and part of a comma list: host[:port] */
    unsigned listen_count;

    /* changed while the server runs, by any worker */
    _Atomic int verbose;

    char *text_memory[SETTINGS_LISTEN_MAX * 2]; /* owned copies of what the texts above point to */
    unsigned text_count;
};

/* memcached 1.6.45's defaults. */
void settings_init(struct settings *settings);
void settings_free(struct settings *settings);
/* What is spoken, as `stats settings` calls it. Static text. */
const char *settings_protocol_name(enum settings_protocol protocol);
/* How many workers serve each UDP socket: all, or, with several addresses, one. */
unsigned settings_udp_threads(const struct settings *settings);
/* A copy that lives as long as the settings. NULL when there is no memory or no room. */
const char *settings_keep(struct settings *settings, const char *text);

#endif
