/* The rows of settings.def, for those who parse, print and show them: options, help, statistics. */
#ifndef SERVE_SETTINGS_TABLE_H
#define SERVE_SETTINGS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memcached/serve/settings.h"

enum setting_type {
    TYPE_NONE, /* the row has no field */
    TYPE_BOOL,
    TYPE_INT,
    TYPE_U32,
    TYPE_U64,
    TYPE_MASK,
    TYPE_FACTOR,
    TYPE_TEXT,
    TYPE_PROTOCOL,
};

/* What is done with an option and its argument. */
enum setting_take {
    /* by type: a number within bounds, a text; a flag is the opposite of its default */
    TAKE_VALUE,
    TAKE_SWITCH,  /* a suboption `name` sets its flag, `no_name` clears it */
    TAKE_NOTHING, /* what it asks for is always so, or could not be observed */
    TAKE_FIXED,   /* only the value that it has anyway */
    TAKE_PORT,
    TAKE_LISTEN,
    TAKE_DELIMITER,
    TAKE_PROTOCOL,
    TAKE_ITEM_SIZE,
    TAKE_HASHPOWER,
    TAKE_NO_CHUNKED_ITEMS,
    TAKE_NO_MODERN,
    TAKE_HASH,
    TAKE_PEER,
    TAKE_TEMP_TTL,
    TAKE_AUTOMOVE,
    TAKE_NO_AUTOMOVE,
    TAKE_VERBOSE,
    TAKE_EXTENDED,
    TAKE_HELP,
    TAKE_LICENSE,
    TAKE_VERSION,
};

/* How `stats settings` shows it. */
enum setting_show {
    SHOW_VALUE, /* `idle`, or the field by its type */
    SHOW_ON_OFF,
    SHOW_TEXT_OR_NO,
    SHOW_MAXBYTES,  /* the store's limit, which cache_memlimit changes */
    SHOW_VERBOSITY, /* changes at run time, too */
    SHOW_OLDEST,
    SHOW_DETAILED,
    SHOW_UDP_THREADS,
    /* what `lru` changes */
    SHOW_LRU_SEGMENTED,
    SHOW_HOT_PERCENT,
    SHOW_WARM_PERCENT,
    SHOW_HOT_FACTOR,
    SHOW_WARM_FACTOR,
    SHOW_TEMP_LRU,
    SHOW_TEMP_TTL,
    /* what `lru_crawler` changes */
    SHOW_CRAWLER,
    SHOW_CRAWLER_SLEEP,
    SHOW_CRAWLER_TOCRAWL,
    /* what `slabs automove` changes */
    SHOW_AUTOMOVE_LEVEL,
    SHOW_AUTOMOVE_WINDOW,
    SHOW_AUTOMOVE_RATIO,
    SHOW_AUTOMOVE_FREERATIO,
};

struct setting_row {
    enum setting_type type;
    size_t field;     /* its offset in struct settings */
    int letter;       /* 0: none */
    const char *name; /* --name */
    const char *suboption;
    const char *argument; /* as -h names it; NULL: takes none */
    enum setting_take take;
    int64_t min, max;          /* of the argument; a factor has to be greater than min */
    uint64_t unit;             /* what the argument counts; 0: ones */
    const char *missing;       /* what memcached says without it; NULL: "Missing NAME argument" */
    const char *too_low;       /* what it says of a number too low, or of none */
    const char *out_of_bounds; /* what it says of one too high, or not within bounds */
    const char *refusal;       /* what is not built in: refused, but for what TAKE_FIXED takes */
    bool is_repl;              /* means nothing without -x */
    bool is_exact;             /* nothing may stand behind the number */
    const char *help;          /* NULL: not in -h. %s is the default. */
    const char *stat;
    int rank; /* 1..SETTING_RANK_MAX */
    enum setting_show show;
    const char *idle;
};

enum { SETTING_RANK_MAX = 80 };

extern const struct setting_row setting_rows[];
extern const size_t setting_row_count;

enum { SETTING_TEXT_BYTES_MAX = 4096 };

/* The field of the row as people read it, in `unit`s (1: ones), within SETTING_TEXT_BYTES_MAX. */
void setting_print(const struct setting_row *row, const struct settings *settings, uint64_t unit,
                   char *out);

#endif
