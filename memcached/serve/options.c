#include "memcached/serve/options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"
#include "memcached/serve/options_private.h"
#include "memcached/serve/settings_table.h"
#include "memcached/store/store.h"

/* Each function that takes something returns false when parsing ends with the result filled. */

bool options_refuse(struct options_parse *parse, int exit_status, const char *format, ...) {
    struct options_result *result = parse->result;
    va_list list;
    result->outcome = OPTIONS_BAD;
    result->exit_status = exit_status;
    va_start(list, format);
    vsnprintf(result->message, sizeof(result->message), format, list);
    va_end(list);
    return false;
}

bool options_end(struct options_parse *parse, enum options_outcome outcome) {
    parse->result->outcome = outcome;
    return false;
}

struct options_spelling options_spell(const struct setting_row *row) {
    struct options_spelling spelling;
    if (row->suboption)
        snprintf(spelling.text, sizeof(spelling.text), "-o %s", row->suboption);
    else
        snprintf(spelling.text, sizeof(spelling.text), "-%c", row->letter);
    return spelling;
}

/* What does not fit any more is left out. */
static void warn_of_rest(struct options_parse *parse, const struct setting_row *row,
                         const char *text, size_t taken) {
    char *warnings = parse->result->warnings;
    size_t bytes = strlen(warnings);
    size_t room = sizeof(parse->result->warnings) - bytes;
    int wanted = snprintf(warnings + bytes, room, "warning: %s %s: taken as %.*s\n",
                          options_spell(row).text, text, (int)taken, text);
    if (wanted < 0 || (size_t)wanted >= room)
        warnings[bytes] = '\0';
}

static const char *keep(struct options_parse *parse, const char *text) {
    const char *copy = settings_keep(parse->settings, text);
    if (!copy)
        options_refuse(parse, EX_OSERR, "too many options, or no memory for them");
    return copy;
}

static void *field_of(struct options_parse *parse, const struct setting_row *row) {
    return (char *)parse->settings + row->field;
}

/* ---- values by type -------------------------------------------------------------------------- */

/* What stands behind a number is ignored where memcached ignores it, as in -m 1024m. */
static bool ignores_rest(const struct setting_row *row) {
    return !row->is_exact && !row->is_repl;
}

/*
 * In memcached's own words where it has some; its exit status is 1 then, and of all suboptions.
 */
static bool take_number(struct options_parse *parse, const struct setting_row *row,
                        const char *text, int64_t *number) {
    size_t bytes = strlen(text);
    if (ignores_rest(row))
        bytes = (*text == '-') + strspn(text + (*text == '-'), "0123456789");
    bool is_number = num_i64(text, bytes, number);
    if (is_number && *number >= row->min && *number <= row->max) {
        if (text[bytes])
            warn_of_rest(parse, row, text, bytes);
        return true;
    }
    bool is_too_low = !is_number || *number < row->min;
    const char *words = is_too_low && row->too_low ? row->too_low : row->out_of_bounds;
    if (words)
        return options_refuse(parse, EXIT_FAILURE, "%s: %s %s", words, options_spell(row).text,
                              text);
    if (row->suboption)
        return options_refuse(parse, EXIT_FAILURE,
                              "could not parse argument to %s: it takes a number from %" PRId64
                              " to %" PRId64 ", not \"%s\"",
                              row->suboption, row->min, row->max, text);
    return options_refuse(parse, EX_USAGE,
                          "%s takes a number from %" PRId64 " to %" PRId64 ", not \"%s\"",
                          options_spell(row).text, row->min, row->max, text);
}

static bool take_mask(struct options_parse *parse, const struct setting_row *row,
                      const char *text) {
    char *rest;
    unsigned long mask = strtoul(text, &rest, 8);
    if (rest == text || *text == '-' || *text == '+' || mask > (unsigned long)row->max)
        return options_refuse(parse, EX_USAGE,
                              "%s takes an octal mask up to %" PRIo64 ", not \"%s\"",
                              options_spell(row).text, row->max, text);
    if (*rest)
        warn_of_rest(parse, row, text, (size_t)(rest - text));
    *(setting_MASK *)field_of(parse, row) = (setting_MASK)mask;
    return true;
}

static bool take_factor(struct options_parse *parse, const struct setting_row *row,
                        const char *text) {
    char *rest;
    double factor = strtod(text, &rest);
    bool is_number = rest != text && (*rest == '\0' || ignores_rest(row));
    bool is_enough = is_number && factor > (double)row->min;
    if (is_enough && factor <= (double)row->max) {
        if (*rest)
            warn_of_rest(parse, row, text, (size_t)(rest - text));
        *(setting_FACTOR *)field_of(parse, row) = factor;
        return true;
    }
    const char *words = !is_enough && row->too_low ? row->too_low : row->out_of_bounds;
    if (words)
        return options_refuse(parse, EXIT_FAILURE, "%s: %s %s", words, options_spell(row).text,
                              text);
    return options_refuse(parse, EX_USAGE, "%s takes at most %" PRId64 ", not \"%s\"",
                          options_spell(row).text, row->max, text);
}

static bool take_text(struct options_parse *parse, const struct setting_row *row,
                      const char *text) {
    if (*text == '\0')
        return options_refuse(parse, EX_USAGE, "%s takes a name, not nothing",
                              options_spell(row).text);
    const char *copy = keep(parse, text);
    *(setting_TEXT *)field_of(parse, row) = copy;
    return copy != NULL;
}

/* A flag becomes the opposite of its default. */
static bool take_flag(struct options_parse *parse, const struct setting_row *row) {
    struct settings defaults;
    settings_init(&defaults);
    bool is_set = *(const bool *)((const char *)&defaults + row->field);
    *(setting_BOOL *)field_of(parse, row) = !is_set;
    return true;
}

static bool take_value(struct options_parse *parse, const struct setting_row *row,
                       const char *text) {
    uint64_t unit = row->unit ? row->unit : 1;
    int64_t number;
    switch (row->type) {
    case TYPE_BOOL:
        return take_flag(parse, row);
    case TYPE_INT:
        if (take_number(parse, row, text, &number))
            *(setting_INT *)field_of(parse, row) = (int)number;
        break;
    case TYPE_U32:
        if (take_number(parse, row, text, &number))
            *(setting_U32 *)field_of(parse, row) = (uint32_t)((uint64_t)number * unit);
        break;
    case TYPE_U64:
        if (take_number(parse, row, text, &number))
            *(setting_U64 *)field_of(parse, row) = (uint64_t)number * unit;
        break;
    case TYPE_MASK:
        return take_mask(parse, row, text);
    case TYPE_FACTOR:
        return take_factor(parse, row, text);
    case TYPE_TEXT:
        return take_text(parse, row, text);
    case TYPE_NONE:
    case TYPE_PROTOCOL:
        CHECK(!"a row without a type that has values");
    }
    return parse->result->outcome != OPTIONS_BAD;
}

/* ---- values with rules of their own ---------------------------------------------------------- */

static bool take_port(struct options_parse *parse, const struct setting_row *row,
                      const char *text) {
    int64_t port;
    if (!num_i64(text, strlen(text), &port) || port < row->min || port > row->max)
        return options_refuse(parse, EX_USAGE,
                              "ERROR: Invalid port number %s: -%c takes 1 to %" PRId64
                              ", 0 for none or -1 for any free one",
                              text, row->letter, row->max);
    *(setting_INT *)field_of(parse, row) = (int)port;
    parse->settings->is_tcp_port_given |= row->letter == 'p';
    return true;
}

static bool add_listen(struct options_parse *parse, const char *address) {
    struct settings *settings = parse->settings;
    if (strncmp(address, "notls:", 6) == 0 || strncmp(address, "mtls:", 5) == 0)
        return options_refuse(
            parse, EX_OSERR,
            "'%s' option is valid only when SSL is enabled: TLS is not built into this "
            "server (-l %s)",
            *address == 'm' ? "mtls" : "notls", address);
    if (settings->listen_count == SETTINGS_LISTEN_MAX)
        return options_refuse(parse, EX_USAGE, "-l takes at most %d addresses",
                              SETTINGS_LISTEN_MAX);
    settings->listen[settings->listen_count++] = address;
    return true;
}

static bool take_listen(struct options_parse *parse, const struct setting_row *row,
                        const char *text) {
    setting_TEXT *shown = field_of(parse, row);
    char joined[SETTING_TEXT_BYTES_MAX];
    int bytes =
        snprintf(joined, sizeof(joined), "%s%s%s", *shown ? *shown : "", *shown ? "," : "", text);
    if (bytes < 0 || (size_t)bytes >= sizeof(joined))
        return options_refuse(parse, EX_USAGE, "-l takes at most %zu bytes of addresses",
                              sizeof(joined));
    const char *copy = keep(parse, text);
    *shown = keep(parse, joined);
    if (!copy || !*shown)
        return false;
    char *save = NULL;
    unsigned before = parse->settings->listen_count;
    /* The copy is the settings' own memory, and theirs to cut up. */
    for (char *part = strtok_r((char *)(uintptr_t)copy, ",;", &save); part;
         part = strtok_r(NULL, ",;", &save))
        if (!add_listen(parse, part))
            return false;
    if (parse->settings->listen_count == before)
        return options_refuse(parse, EX_USAGE, "-l takes an address, not \"%s\"", text);
    return true;
}

/* Its first byte, as memcached. */
static bool take_delimiter(struct options_parse *parse, const struct setting_row *row,
                           const char *text) {
    if (*text == '\0')
        return options_refuse(parse, EXIT_FAILURE, "No delimiter specified");
    char delimiter[2] = {*text, '\0'};
    parse->settings->is_detailed = true;
    return take_text(parse, row, delimiter);
}

static bool take_protocol(struct options_parse *parse, const struct setting_row *row,
                          const char *text) {
    setting_PROTOCOL *protocol = field_of(parse, row);
    parse->is_protocol_given = true;
    if (strcmp(text, "auto") == 0)
        *protocol = PROTOCOL_AUTO;
    else if (strcmp(text, "ascii") == 0)
        *protocol = PROTOCOL_ASCII;
    else if (strcmp(text, "binary") == 0)
        *protocol = PROTOCOL_BINARY;
    else
        return options_refuse(parse, EX_USAGE,
                              "Invalid value for binding protocol: %s -- should be one of "
                              "auto, binary, or ascii",
                              text);
    return true;
}

/* Bounds are looked at when all is known, in memcached's order. */
static bool take_item_size(struct options_parse *parse, const struct setting_row *row,
                           const char *text) {
    setting_U64 *bytes = field_of(parse, row);
    if (!num_bytes(text, bytes))
        return options_refuse(parse, EX_USAGE,
                              "Item max size cannot be less than %" PRId64
                              " bytes: -I takes bytes, or a number with k or m, not \"%s\"",
                              row->min, text);
    return true;
}

static bool take_hashpower(struct options_parse *parse, const struct setting_row *row,
                           const char *text) {
    int64_t power;
    if (!num_i64(text, strlen(text), &power) || power < row->min)
        return options_refuse(parse, EXIT_FAILURE,
                              "Initial hashtable multiplier of %s is too low: "
                              "hashpower takes %" PRId64 " to %" PRId64,
                              text, row->min, row->max);
    if (power > row->max)
        return options_refuse(parse, EXIT_FAILURE,
                              "Initial hashtable multiplier of %s is too high: choose "
                              "a value based on \"STAT hash_power_level\" from a running instance",
                              text);
    *(setting_U32 *)field_of(parse, row) = (uint32_t)power;
    return true;
}

/* memcached's way: a value has to fit a page, of which it makes one chunk. */
static bool take_no_chunked_items(struct options_parse *parse) {
    parse->settings->slab_chunk_max = STORE_PAGE_BYTES;
    return true;
}

/* What memcached 1.4 had. */
static bool take_no_modern(struct options_parse *parse) {
    struct settings *settings = parse->settings;
    settings->is_maxconns_fast = settings->has_lru_maintainer = settings->has_lru_crawler = false;
    settings->moves_pages = false;
    settings->automove_level = 0;
    settings->hash_algorithm = "jenkins";
    return take_no_chunked_items(parse);
}

static bool take_hash(struct options_parse *parse, const struct setting_row *row,
                      const char *text) {
    static const char *const names[] = {"jenkins", "murmur3", "xxh3"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *(setting_TEXT *)field_of(parse, row) = names[i];
            return true;
        }
    }
    return options_refuse(parse, EXIT_FAILURE,
                          "Unknown hash_algorithm option (jenkins, murmur3, xxh3), not \"%s\"",
                          text);
}

static bool is_port(const char *text) {
    uint64_t port;
    return num_u64(text, strlen(text), &port) && port >= 1 && port <= 65535;
}

/* text[0..bytes), perhaps with a zone: fe80::1%eth0 */
static bool is_ipv6(const char *text, size_t bytes) {
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    const char *zone = memchr(text, '%', bytes);
    size_t address_bytes = zone ? (size_t)(zone - text) : bytes;
    if (address_bytes >= sizeof(address))
        return false;
    memcpy(address, text, address_bytes);
    address[address_bytes] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

bool options_is_peer(const char *text) {
    size_t bytes = strlen(text);
    const char *colon = strchr(text, ':');
    if (bytes == 0 || strpbrk(text, " \t,/"))
        return false;
    if (*text == '[') {
        const char *close = strchr(text, ']');
        return close && is_ipv6(text + 1, (size_t)(close - text) - 1) &&
               (close[1] == '\0' || (close[1] == ':' && is_port(close + 2)));
    }
    if (!colon)
        return true;
    if (strchr(colon + 1, ':'))
        return is_ipv6(text, bytes);
    return colon > text && is_port(colon + 1);
}

static bool take_peer(struct options_parse *parse, const struct setting_row *row,
                      const char *text) {
    if (!options_is_peer(text))
        return options_refuse(parse, EX_USAGE,
                              "-x takes host, host:port or [address]:port, not \"%s\"", text);
    return take_text(parse, row, text);
}

/* Nothing but what it has anyway. */
static bool take_fixed(struct options_parse *parse, const struct setting_row *row,
                       const char *text) {
    char fixed[SETTING_TEXT_BYTES_MAX];
    setting_print(row, parse->settings, 1, fixed);
    const char *value = row->idle ? row->idle : fixed;
    if (text && strcmp(text, value) == 0)
        return true;
    return options_refuse(
        parse, EX_USAGE, "%s%s%s: not built into this server (%s): leave it out, or give %s",
        options_spell(row).text, text ? " " : "", text ? text : "", row->refusal, value);
}

static bool take_extended(struct options_parse *parse, const char *list);

static bool take(struct options_parse *parse, const struct setting_row *row, const char *text) {
    if (row->is_repl && !parse->first_repl)
        parse->first_repl = row;
    if (row->refusal && row->take != TAKE_FIXED)
        return options_refuse(parse, EX_USAGE,
                              "%s: not built into this server (%s): leave the option out",
                              options_spell(row).text, row->refusal);
    switch (row->take) {
    case TAKE_VALUE:
        return take_value(parse, row, text);
    case TAKE_SWITCH: /* no_ is dealt with where suboptions are */
        *(setting_BOOL *)field_of(parse, row) = true;
        return true;
    case TAKE_NOTHING:
        return true;
    case TAKE_FIXED:
        return take_fixed(parse, row, text);
    case TAKE_PORT:
        return take_port(parse, row, text);
    case TAKE_LISTEN:
        return take_listen(parse, row, text);
    case TAKE_DELIMITER:
        return take_delimiter(parse, row, text);
    case TAKE_PROTOCOL:
        return take_protocol(parse, row, text);
    case TAKE_ITEM_SIZE:
        return take_item_size(parse, row, text);
    case TAKE_HASHPOWER:
        return take_hashpower(parse, row, text);
    case TAKE_NO_CHUNKED_ITEMS:
        return take_no_chunked_items(parse);
    case TAKE_NO_MODERN:
        return take_no_modern(parse);
    case TAKE_HASH:
        return take_hash(parse, row, text);
    case TAKE_PEER:
        return take_peer(parse, row, text);
    case TAKE_TEMP_TTL:
        parse->settings->has_temp_lru = true;
        return take_value(parse, row, text);
    case TAKE_AUTOMOVE: /* without a level it is on, as it is anyway */
        return !text || take_value(parse, row, text);
    case TAKE_NO_AUTOMOVE:
        parse->settings->automove_level = 0;
        return true;
    case TAKE_VERBOSE:
        atomic_fetch_add(&parse->settings->verbose, 1);
        return true;
    case TAKE_EXTENDED:
        return take_extended(parse, text);
    case TAKE_HELP:
        return options_end(parse, OPTIONS_HELP);
    case TAKE_LICENSE:
        return options_end(parse, OPTIONS_LICENSE);
    case TAKE_VERSION:
        return options_end(parse, OPTIONS_VERSION);
    }
    return true;
}

/* ---- -o -------------------------------------------------------------------------------------- */

/*
 * Means nothing without a value. Flags take none, and ignore what they are given as in memcached.
 */
static bool needs_value(const struct setting_row *row) {
    return !row->refusal && row->take != TAKE_AUTOMOVE && row->type != TYPE_NONE &&
           row->type != TYPE_BOOL;
}

static const struct setting_row *find_suboption(const char *name) {
    for (size_t i = 0; i < setting_row_count; i++)
        if (setting_rows[i].suboption && strcmp(setting_rows[i].suboption, name) == 0)
            return &setting_rows[i];
    return NULL;
}

static bool take_suboption(struct options_parse *parse, char *text) {
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    const struct setting_row *row = find_suboption(text);
    if (row && needs_value(row) && (!value || !*value))
        return row->missing ? options_refuse(parse, EXIT_FAILURE, "%s", row->missing)
                            : options_refuse(parse, EXIT_FAILURE, "Missing %s argument", text);
    if (row)
        return take(parse, row, value);
    const struct setting_row *negated =
        strncmp(text, "no_", 3) == 0 ? find_suboption(text + 3) : NULL;
    if (!negated || negated->take != TAKE_SWITCH)
        return options_refuse(parse, EXIT_FAILURE,
                              "Illegal suboption \"%s%s%s\": memcached -h tells of all options",
                              text, value ? "=" : "", value ? value : "");
    *(setting_BOOL *)field_of(parse, negated) = false;
    return true;
}

static bool take_extended(struct options_parse *parse, const char *list) {
    char copy[SETTING_TEXT_BYTES_MAX];
    if (strlen(list) >= sizeof(copy))
        return options_refuse(parse, EX_USAGE, "-o takes at most %zu bytes", sizeof(copy) - 1);
    strcpy(copy, list);
    char *rest = copy;
    while (*rest) {
        char *next = rest + strcspn(rest, ",");
        bool is_last = *next == '\0';
        *next = '\0';
        if (!take_suboption(parse, rest))
            return false;
        rest = is_last ? next : next + 1;
    }
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

const struct setting_row *options_find_letter(int letter) {
    for (size_t i = 0; i < setting_row_count; i++)
        if (setting_rows[i].letter == letter)
            return &setting_rows[i];
    return NULL;
}

/* What getopt takes: a leading colon tells a missing argument from an unknown letter. */
struct getopt_tables {
    char letters[256];
    struct option names[128];
};

static void fill_tables(struct getopt_tables *tables) {
    size_t letter_count = 0;
    size_t name_count = 0;
    memset(tables, 0, sizeof(*tables));
    tables->letters[letter_count++] = ':';
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (!row->letter)
            continue;
        CHECK(letter_count + 3 < sizeof(tables->letters));
        CHECK(name_count + 1 < ARRAY_COUNT(tables->names));
        tables->letters[letter_count++] = (char)row->letter;
        if (row->argument)
            tables->letters[letter_count++] = ':';
        if (row->name)
            tables->names[name_count++] = (struct option){
                row->name, row->argument ? required_argument : no_argument, NULL, row->letter};
    }
}

void options_parse(int argc, char **argv, struct settings *settings,
                   struct options_result *result) {
    struct options_parse parse = {.settings = settings, .result = result};
    struct getopt_tables tables;
    int letter;
    fill_tables(&tables);
    memset(result, 0, sizeof(*result));
    result->outcome = OPTIONS_RUN;
    optind = 0; /* starts getopt anew, also for a second command line */
    opterr = 0;
    while ((letter = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        bool is_missing = letter == ':';
        /* The letter that is unknown or lacks its argument stands in optopt, a name in argv. */
        if (is_missing || letter == '?') {
            char word[3] = {'-', (char)optopt, '\0'};
            bool is_name = strncmp(argv[optind - 1], "--", 2) == 0;
            options_refuse(&parse, EXIT_FAILURE, "%s \"%s\": memcached -h tells of all options",
                           is_missing ? "Missing argument of" : "Illegal argument",
                           is_name || !optopt ? argv[optind - 1] : word);
            return;
        }
        if (!take(&parse, options_find_letter(letter), optarg))
            return;
    }
    /* A UDP port alone is a TCP port too. */
    if (settings->udp_port != 0 && !settings->is_tcp_port_given)
        settings->port = settings->udp_port;
    (void)options_check(&parse);
}
