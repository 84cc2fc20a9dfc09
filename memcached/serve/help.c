/* -h, -V and -i. */
#include <string.h>

#include "memcached/serve/options.h"
#include "memcached/serve/settings_table.h"
#include "memcached/serve/version.h"

enum { HELP_INDENT = 26 }; /* memcached's */

/* The text behind `left`, each of its lines indented, with `initial` for %s. */
static void print_row(FILE *to, const char *left, const char *text, const char *initial) {
    fprintf(to, "%-*s ", HELP_INDENT - 1, left);
    for (; *text; text++) {
        if (*text == '%' && text[1] == 's') {
            fputs(initial, to);
            text++;
        } else {
            fputc(*text, to);
            if (*text == '\n')
                fprintf(to, "%*s", HELP_INDENT, "");
        }
    }
    fputc('\n', to);
}

void options_print_help(FILE *to) {
    struct settings defaults;
    settings_init(&defaults);
    fprintf(to, "memcached %s\n", SERVER_VERSION);
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        char left[64];
        char initial[SETTING_TEXT_BYTES_MAX];
        if (!row->help)
            continue;
        if (row->suboption)
            snprintf(left, sizeof(left), "   - %s:", row->suboption);
        else if (!row->name)
            snprintf(left, sizeof(left), "-%c %s", row->letter, row->argument);
        else
            snprintf(left, sizeof(left), "-%c, --%s%s%s", row->letter, row->name,
                     row->argument ? "=" : "", row->argument ? row->argument : "");
        setting_print(row, &defaults, row->unit ? row->unit : 1, initial);
        print_row(to, left, row->help, initial);
    }
    settings_free(&defaults);
}

void options_print_version(FILE *to) {
    fprintf(to, "memcached %s\n", SERVER_VERSION);
    fprintf(to, "%s %s\n", PRODUCT_NAME, PRODUCT_VERSION);
}

void options_print_license(FILE *to) {
    fprintf(to, "memcached %s\n\n", SERVER_VERSION);
    fputs("Copyright (c) the memcached replication project authors. All rights reserved.\n"
          "BSD license, three clauses: see the file LICENSE that comes with it.\n\n"
          "This server is linked with libevent, copyright (c) Niels Provos and Nick Mathewson,\n"
          "BSD license, three clauses.\n",
          to);
}
