#include "t/bench/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/num.h"

enum kind { KIND_TEXT, KIND_U32, KIND_I32, KIND_U64, KIND_REAL, KIND_FLAG, KIND_FORM, KIND_SIZES };

struct option_row {
    const char *name;
    enum kind kind;
    size_t offset;
    double smallest, largest;
    const char *argument;
    const char *help;
};

static const struct option_row rows[] = {
#define OPTION(name, kind, member, smallest, largest, argument, help)                              \
    {                                                                                              \
        name,                                                                                      \
        KIND_##kind,                                                                               \
        offsetof(struct options, member),                                                          \
        (double)(smallest),                                                                        \
        (double)(largest),                                                                         \
        argument,                                                                                  \
        help},
#include "t/bench/options.def"
#undef OPTION
};

static const char *const form_names[] = {"classic", "meta", "quiet", "binary"};

const char *form_name(enum form form) {
    return form_names[form];
}

static void print_help(void) {
    printf("usage: mcload --server ADDR [options]\n"
           "Loads a memcached over the loopback and prints what it did and what it cost.\n");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        printf("  --%-12s %-8s %s\n", rows[i].name, rows[i].argument, rows[i].help);
}

static _Noreturn void refuse(const struct option_row *row, const char *text) {
    fprintf(stderr, "mcload: --%s %s: want %s%s\n", row->name, text,
            row->kind == KIND_FORM ? "classic, meta, quiet or binary" : row->argument,
            row->kind == KIND_SIZES ? " like 32, 10-1000 or 32,100,1k" : "");
    if (row->largest > 0)
        fprintf(stderr, "mcload: from %.10g to %.10g\n", row->smallest, row->largest);
    exit(2);
}

static bool parse_sizes(const char *text, struct size_spec *spec) {
    char copy[256];
    uint64_t bytes;
    *spec = (struct size_spec){0};
    if (strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    spec->is_range = strchr(copy, '-') != NULL;
    const char *separator = spec->is_range ? "-" : ",";
    char *rest = NULL;
    for (char *part = strtok_r(copy, separator, &rest); part;
         part = strtok_r(NULL, separator, &rest)) {
        if (spec->size_count == VALUE_SIZES_MAX || !num_bytes(part, &bytes) || bytes > 1u << 30)
            return false;
        spec->sizes[spec->size_count++] = (uint32_t)bytes;
    }
    if (spec->is_range)
        return spec->size_count == 2 && spec->sizes[0] <= spec->sizes[1];
    return spec->size_count > 0;
}

static bool parse_number(const struct option_row *row, void *member, const char *text) {
    uint64_t number;
    char *end;
    if (row->kind == KIND_REAL) {
        double real = strtod(text, &end);
        memcpy(member, &real, sizeof(real));
        return end != text && !*end && real >= row->smallest && real <= row->largest;
    }
    if (!num_u64(text, strlen(text), &number) || (double)number < row->smallest ||
        (double)number > row->largest)
        return false;
    uint32_t narrow = (uint32_t)number;
    if (row->kind == KIND_U64)
        memcpy(member, &number, sizeof(number));
    else
        memcpy(member, &narrow, sizeof(narrow));
    return true;
}

static bool parse_value(const struct option_row *row, void *member, const char *text) {
    switch (row->kind) {
    case KIND_TEXT:
        *(const char **)member = text;
        return true;
    case KIND_FLAG:
        *(bool *)member = true;
        return true;
    case KIND_FORM:
        for (unsigned i = 0; i < ARRAY_COUNT(form_names); i++) {
            if (strcmp(text, form_names[i]) == 0) {
                *(enum form *)member = (enum form)i;
                return true;
            }
        }
        return false;
    case KIND_SIZES:
        return parse_sizes(text, member);
    case KIND_U32:
    case KIND_I32:
    case KIND_U64:
    case KIND_REAL:
        return parse_number(row, member, text);
    }
    return false;
}

/* Accepts --name value and --name=value; returns how many words it took. */
static int parse_one(struct options *options, int left, char **words) {
    const char *word = words[0];
    const char *equals = strchr(word, '=');
    size_t name_bytes = equals ? (size_t)(equals - word) : strlen(word);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        exit(0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct option_row *row = &rows[i];
        if (strncmp(word, "--", 2) != 0 || strlen(row->name) + 2 != name_bytes ||
            memcmp(word + 2, row->name, name_bytes - 2) != 0)
            continue;
        void *member = (char *)options + row->offset;
        if (row->kind == KIND_FLAG && !equals) {
            parse_value(row, member, "");
            return 1;
        }
        const char *text = equals ? equals + 1 : left > 1 ? words[1] : NULL;
        if (!text || !parse_value(row, member, text))
            refuse(row, text ? text : "");
        return equals ? 1 : 2;
    }
    fprintf(stderr, "mcload: unknown option %s (try --help)\n", word);
    exit(2);
}

static _Noreturn void refuse_combination(const char *why) {
    fprintf(stderr, "mcload: %s\n", why);
    exit(2);
}

void options_parse(struct options *options, int argc, char **argv) {
    *options = (struct options){
        .label = "-",
        .get_percent = 100,
        .multiget = 1,
        .connections = 50,
        .threads = 1,
        .pipeline = 1,
        .keys = 10000,
        .key_bytes = 16,
        .value_sizes = {.sizes = {32}, .size_count = 1},
        .seconds = 1,
        .warmup_seconds = -1,
        .cpu = -1,
        .seed = 1,
    };
    for (int i = 1; i < argc;)
        i += parse_one(options, argc - i, argv + i);
    if (!options->server)
        refuse_combination("--server is needed (try --help)");
    if (options->multiget > 1 && options->form != FORM_CLASSIC)
        refuse_combination("--multiget is for the classic form: a get of the others names one key");
    if (options->threads > options->connections)
        refuse_combination("more threads than connections");
    if (options->rate > 0 && options->form == FORM_QUIET)
        refuse_combination(
            "--rate needs an answer to each operation: use --form classic, meta or binary");
    if (options->warmup_seconds < 0)
        options->warmup_seconds = options->ops ? 0 : 0.2;
}
