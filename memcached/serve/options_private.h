/* What the files of the command line share (options.c, options_check.c); nobody else includes it. */
#ifndef SERVE_OPTIONS_PRIVATE_H
#define SERVE_OPTIONS_PRIVATE_H

#include "memcached/serve/options.h"
#include "memcached/serve/settings_table.h"

struct options_parse {
    struct settings *settings;
    struct options_result *result;
    const struct setting_row *first_repl; /* the first row seen that needs -x */
    bool is_protocol_given;
};

/* Fills the result; false, for the caller to return. */
bool options_refuse(struct options_parse *parse, int exit_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool options_end(struct options_parse *parse, enum options_outcome outcome);

/* How the operator wrote it: -p, or -o repl_log_mb. */
struct options_spelling {
    char text[64];
};
struct options_spelling options_spell(const struct setting_row *row);

/* NULL: no option has this letter. */
const struct setting_row *options_find_letter(int letter);

/* False when two options do not go together, or a size does not fit; the result is filled. */
bool options_check(struct options_parse *parse);

#endif
