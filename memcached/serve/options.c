#include "memcached/serve/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"

/* What is done with an option's argument. */
enum option_kind {
    OPTION_SET,   /* a flag: true */
    OPTION_CLEAR, /* a flag: false */
    OPTION_NOTHING, /* what it asks for is always so here, or has no effect anybody could observe */
    OPTION_REFUSED, /* asks for something that is not built in */
    OPTION_U32,
    OPTION_U64,
    OPTION_TEXT,
    OPTION_OCTAL,
    OPTION_PORT,
    OPTION_UDP,
    OPTION_LISTEN,
    OPTION_MEGABYTES,
    OPTION_MAXCONNS,
    OPTION_THREADS,
    OPTION_REQS,
    OPTION_CHUNK,
    OPTION_FACTOR,
    OPTION_PROTOCOL,
    OPTION_ITEM_SIZE,
    OPTION_HASHPOWER,
    OPTION_HASH,
    OPTION_CHUNK_MAX,
    OPTION_VERBOSE,
    OPTION_PEER,
    OPTION_EXTENDED,
    OPTION_HELP,
    OPTION_LICENSE,
    OPTION_VERSION,
};

struct option_row {
    int letter; /* 0: a suboption of -o */
    const char *name;
    enum option_kind kind;
    size_t field;
    int64_t min, max;
    const char *argument; /* NULL: takes none (suboptions: by kind) */
};

static const struct option_row rows[] = {
#define OPTION(letter, name, kind, field, min, max, argument, help)                                \
    {letter, name, OPTION_##kind, offsetof(struct settings, field), min, max, argument},
#define SUBOPTION(name, kind, field, min, max, help)                                               \
    {0, name, OPTION_##kind, offsetof(struct settings, field), min, max, NULL},
#include "memcached/serve/options.def"
#undef OPTION
#undef SUBOPTION
};

struct parse {
    struct settings *settings;
    struct options_result *result;
};

static bool refuse(struct parse *parse, int exit_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Always false, so that a caller can return it. */
static bool refuse(struct parse *parse, int exit_status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parse->result->message, sizeof(parse->result->message), format, arguments);
    va_end(arguments);
    parse->result->outcome = OPTIONS_BAD;
    parse->result->exit_status = exit_status;
    return false;
}

/* How the operator wrote it: -p or -o repl_log_mb. */
static const char *spelled(const struct option_row *row, char *out, size_t bytes) {
    if (row->letter)
        snprintf(out, bytes, "-%c", row->letter);
    else
        snprintf(out, bytes, "-o %s", row->name);
    return out;
}

static bool number(struct parse *parse, const struct option_row *row, const char *text,
                   int64_t *value) {
    char name[64];
    if (num_i64(text, strlen(text), value) && *value >= row->min && *value <= row->max)
        return true;
    return refuse(parse, EX_USAGE, "%s takes a number from %lld to %lld, not \"%s\"",
                  spelled(row, name, sizeof(name)), (long long)row->min, (long long)row->max, text);
}

static const char *keep(struct parse *parse, const char *text) {
    const char *copy = settings_keep(parse->settings, text);
    if (!copy)
        refuse(parse, EX_OSERR, "too many options, or no memory for them");
    return copy;
}

/* ---- kinds with words of their own ----------------------------------------------------------- */

static bool set_port(struct parse *parse, const struct option_row *row, const char *text) {
    int64_t port;
    if (!num_i64(text, strlen(text), &port))
        return refuse(parse, EX_USAGE, "ERROR: Invalid port number \"%s\"", text);
    if (port < row->min || port > row->max)
        return refuse(parse, EX_USAGE, "ERROR: Invalid port number %lld.", (long long)port);
    parse->settings->port = (int)port;
    parse->settings->is_port_given = true;
    return true;
}

static bool add_listen(struct parse *parse, const char *text) {
    struct settings *settings = parse->settings;
    char *list = (char *)(uintptr_t)keep(parse, text);
    char *save = NULL;
    if (!list)
        return false;
    for (char *part = strtok_r(list, ",; ", &save); part; part = strtok_r(NULL, ",; ", &save)) {
        if (strncmp(part, "notls:", 6) == 0)
            part += 6; /* nothing here is TLS */
        if (settings->listen_count == SETTINGS_LISTEN_MAX)
            return refuse(parse, EX_USAGE, "-l takes at most %d addresses", SETTINGS_LISTEN_MAX);
        settings->listen[settings->listen_count++] = part;
    }
    char joined[2048];
    snprintf(joined, sizeof(joined), "%s%s%s", settings->listen_text ? settings->listen_text : "",
             settings->listen_text ? "," : "", text);
    settings->listen_text = keep(parse, joined);
    return settings->listen_text != NULL;
}

static bool set_protocol(struct parse *parse, const char *text) {
    if (strcmp(text, "auto") == 0)
        parse->settings->binding_protocol = PROTOCOL_AUTO;
    else if (strcmp(text, "ascii") == 0)
        parse->settings->binding_protocol = PROTOCOL_ASCII;
    else if (strcmp(text, "binary") == 0)
        return refuse(parse, EX_USAGE,
                      "-B binary: the binary protocol is not built in; use auto or ascii");
    else
        return refuse(parse, EX_USAGE,
                      "Invalid value for binding protocol: %s -- should be one of auto, binary, or "
                      "ascii",
                      text);
    return true;
}

static bool set_item_size(struct parse *parse, const struct option_row *row, const char *text) {
    uint64_t bytes;
    if (!num_bytes(text, &bytes) || bytes < (uint64_t)row->min)
        return refuse(parse, EX_USAGE, "Item max size cannot be less than 1024 bytes.");
    if (bytes > (uint64_t)row->max)
        return refuse(parse, EX_USAGE, "Cannot set item size limit higher than a gigabyte.");
    parse->settings->item_bytes_max = bytes;
    return true;
}

static bool set_chunk_max(struct parse *parse, const struct option_row *row, const char *text) {
    int64_t kilobytes;
    if (!num_i64(text, strlen(text), &kilobytes) || kilobytes < row->min || kilobytes > row->max)
        return refuse(parse, 1, "could not parse argument to slab_chunk_max: \"%s\"", text);
    parse->settings->slab_chunk_max = (uint64_t)kilobytes << 10;
    return true;
}

static bool set_factor(struct parse *parse, const char *text) {
    char *end;
    double factor = strtod(text, &end);
    if (*end || end == text || !(factor > 1.0) || factor > 1000.0)
        return refuse(parse, 1, "Factor must be greater than 1");
    parse->settings->growth_factor = factor;
    return true;
}

static bool set_hash(struct parse *parse, const char *text) {
    static const char *const names[] = {"jenkins", "murmur3", "xxh3"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            parse->settings->hash_algorithm = names[i];
            return true;
        }
    }
    return refuse(parse, 1, "Unknown hash_algorithm option (jenkins, murmur3, xxh3)");
}

/* A count for which memcached has a sentence of its own when it is not a positive number. */
static bool set_positive(struct parse *parse, const struct option_row *row, const char *text,
                         const char *sentence) {
    int64_t value;
    if (!num_i64(text, strlen(text), &value) || value < row->min)
        return refuse(parse, 1, "%s must be greater than 0", sentence);
    if (value > row->max)
        return refuse(parse, 1, "%s must be at most %lld", sentence, (long long)row->max);
    *(uint32_t *)((char *)parse->settings + row->field) = (uint32_t)value;
    return true;
}

static bool is_port_text(const char *text) {
    uint64_t port;
    return num_u64(text, strlen(text), &port) && port >= 1 && port <= 65535;
}

bool options_is_peer(const char *text) {
    if (*text == '[') {
        const char *end = strchr(text, ']');
        return end && end > text + 1 && (end[1] == '\0' || (end[1] == ':' && is_port_text(end + 2)));
    }
    const char *first = strchr(text, ':');
    if (!first)
        return *text != '\0' && !strchr(text, ' ');
    if (strchr(first + 1, ':'))
        return true; /* a bare IPv6 address: what is none is found when it is looked up */
    return first > text && is_port_text(first + 1);
}

static bool set_peer(struct parse *parse, const char *text) {
    if (!options_is_peer(text))
        return refuse(parse, EX_USAGE,
                      "-x takes host, host:port or [address]:port, not \"%s\"", text);
    parse->settings->repl_peer = keep(parse, text);
    return parse->settings->repl_peer != NULL;
}

static bool is_wanting_argument(enum option_kind kind) {
    return kind != OPTION_SET && kind != OPTION_CLEAR && kind != OPTION_NOTHING &&
           kind != OPTION_REFUSED;
}

static bool extended(struct parse *parse, const char *text);

/* ---- one option ------------------------------------------------------------------------------ */

static bool set_number(struct parse *parse, const struct option_row *row, const char *text) {
    char *field = (char *)parse->settings + row->field;
    int64_t value;
    if (!number(parse, row, text, &value))
        return false;
    if (row->kind == OPTION_U64)
        *(uint64_t *)field = (uint64_t)value;
    else if (row->kind == OPTION_MEGABYTES)
        *(uint64_t *)field = (uint64_t)value << 20;
    else
        *(uint32_t *)field = (uint32_t)value;
    return true;
}

static bool set_octal(struct parse *parse, const struct option_row *row, const char *text) {
    char *end;
    unsigned long mask = strtoul(text, &end, 8);
    if (*end || end == text || *text == '-' || mask > (unsigned long)row->max)
        return refuse(parse, EX_USAGE, "-a takes an octal mask up to 777, not \"%s\"", text);
    parse->settings->access_mask = (unsigned)mask;
    return true;
}

static bool apply(struct parse *parse, const struct option_row *row, const char *text) {
    char *field = (char *)parse->settings + row->field;
    char name[64];
    switch (row->kind) {
    case OPTION_SET:
        *(bool *)field = true;
        return true;
    case OPTION_CLEAR:
        *(bool *)field = false;
        return true;
    case OPTION_NOTHING:
        return true;
    case OPTION_REFUSED:
        return refuse(parse, EX_USAGE, "%s: what it asks for is not built into this server; "
                      "start it without", spelled(row, name, sizeof(name)));
    case OPTION_U32:
    case OPTION_U64:
    case OPTION_MEGABYTES:
        return set_number(parse, row, text);
    case OPTION_UDP:
        if (strcmp(text, "0") != 0)
            return refuse(parse, EX_USAGE, "-U %s: UDP is not built in; leave -U out, or -U 0", text);
        return true;
    case OPTION_TEXT:
        if (*text == '\0')
            return refuse(parse, EX_USAGE, "%s takes a name", spelled(row, name, sizeof(name)));
        *(const char **)field = keep(parse, text);
        return *(const char **)field != NULL;
    case OPTION_OCTAL:
        return set_octal(parse, row, text);
    case OPTION_PORT:
        return set_port(parse, row, text);
    case OPTION_LISTEN:
        return add_listen(parse, text);
    case OPTION_MAXCONNS:
        return set_positive(parse, row, text, "Maximum connections");
    case OPTION_THREADS:
        return set_positive(parse, row, text, "Number of threads");
    case OPTION_REQS:
        return set_positive(parse, row, text, "Number of requests per event");
    case OPTION_CHUNK:
        return set_positive(parse, row, text, "Chunk size");
    case OPTION_FACTOR:
        return set_factor(parse, text);
    case OPTION_PROTOCOL:
        return set_protocol(parse, text);
    case OPTION_ITEM_SIZE:
        return set_item_size(parse, row, text);
    case OPTION_HASHPOWER: {
        uint32_t power = 0;
        (void)num_u32(text, strlen(text), &power);
        if (power < row->min || power > row->max)
            return refuse(parse, 1, "Initial hashtable multiplier of %u is too %s", power,
                          power < row->min ? "low" : "high");
        parse->settings->hashpower_init = power;
        return true;
    }
    case OPTION_HASH:
        return set_hash(parse, text);
    case OPTION_CHUNK_MAX:
        return set_chunk_max(parse, row, text);
    case OPTION_VERBOSE:
        atomic_fetch_add(&parse->settings->verbose, 1);
        return true;
    case OPTION_PEER:
        return set_peer(parse, text);
    case OPTION_EXTENDED:
        return extended(parse, text);
    case OPTION_HELP:
        parse->result->outcome = OPTIONS_HELP;
        return false;
    case OPTION_LICENSE:
        parse->result->outcome = OPTIONS_LICENSE;
        return false;
    case OPTION_VERSION:
        parse->result->outcome = OPTIONS_VERSION;
        return false;
    }
    return false;
}

/* ---- -o -------------------------------------------------------------------------------------- */

static const struct option_row *find_suboption(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (rows[i].letter == 0 && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static bool extended(struct parse *parse, const char *text) {
    char list[4096];
    if (strlen(text) >= sizeof(list))
        return refuse(parse, EX_USAGE, "-o takes at most %zu bytes", sizeof(list) - 1);
    strcpy(list, text);
    char *save = NULL;
    for (char *part = strtok_r(list, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
        char *value = strchr(part, '=');
        if (value)
            *value++ = '\0';
        const struct option_row *row = find_suboption(part);
        if (!row)
            return refuse(parse, 1, "Illegal suboption \"%s\"", part);
        if (is_wanting_argument(row->kind) && !value)
            return refuse(parse, 1, "Missing %s argument", part);
        if (!apply(parse, row, value))
            return false;
    }
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What only makes sense together. In memcached's order where it checks the same. */
static bool check_together(struct parse *parse) {
    struct settings *settings = parse->settings;
    if (settings->item_bytes_max > settings->limit_bytes / 2)
        return refuse(parse, EX_USAGE, "Cannot set item size limit higher than 1/2 of memory max.");
    uint64_t chunk_max = settings->slab_chunk_max;
    if (chunk_max > settings->item_bytes_max)
        chunk_max = settings->slab_chunk_max = settings->item_bytes_max;
    if (settings->chunk_size > chunk_max)
        return refuse(parse, EX_USAGE, "-n %u is larger than the largest chunk (%llu bytes)",
                      settings->chunk_size, (unsigned long long)chunk_max);
    if (settings->repl_timeout_ms < 2 * (uint64_t)settings->repl_heartbeat_ms)
        return refuse(parse, EX_USAGE,
                      "-o repl_timeout=%u has to be at least twice repl_heartbeat=%u",
                      settings->repl_timeout_ms, settings->repl_heartbeat_ms);
    if (!settings->repl_peer && settings->repl_state_file)
        return refuse(parse, EX_USAGE, "-o repl_state_file needs -x: without a peer there is no state");
    if (settings->repl_peer && !settings->has_cas)
        return refuse(parse, EX_USAGE, "-C cannot go with -x: replication needs the CAS values");
    return true;
}

void options_parse(int argc, char **argv, struct settings *settings, struct options_result *result) {
    struct parse parse = {settings, result};
    struct option long_options[ARRAY_COUNT(rows) + 1];
    char letters[3 * ARRAY_COUNT(rows) + 2] = ":"; /* ':' tells a missing argument from a bad letter */
    size_t count = 0;
    memset(long_options, 0, sizeof(long_options));
    for (size_t i = 0; i < ARRAY_COUNT(rows) && rows[i].letter; i++) {
        bool has_argument = rows[i].argument != NULL;
        long_options[count++] = (struct option){
            rows[i].name, has_argument ? required_argument : no_argument, NULL, rows[i].letter};
        size_t used = strlen(letters);
        letters[used] = (char)rows[i].letter;
        letters[used + 1] = has_argument ? ':' : '\0';
        letters[used + 2] = '\0';
    }
    memset(result, 0, sizeof(*result));
    result->outcome = OPTIONS_RUN;
    optind = 0; /* starts getopt anew, also for a second command line */
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        const struct option_row *row = rows;
        if (letter == ':' || letter == '?') {
            const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "?";
            refuse(&parse, 1, "%s \"%s\" (see -h)",
                   letter == ':' ? "Missing argument to" : "Illegal argument", word);
            return;
        }
        while (row->letter != letter)
            row++;
        if (!apply(&parse, row, optarg))
            return;
    }
    if (optind < argc) {
        refuse(&parse, EX_USAGE, "Illegal argument \"%s\" (see -h)", argv[optind]);
        return;
    }
    check_together(&parse);
}
