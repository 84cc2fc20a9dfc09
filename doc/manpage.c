/*
 * Writes the manual page: manpage FRAME. The frame is copied; a line @OPTIONS@, @SUBOPTIONS@ or
 * @REPLICATION@ is replaced by the rows of settings.def that it names.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/serve/settings_table.h"
#include "memcached/serve/version.h"

enum { LINE_BYTES_MAX = 512 };

static struct settings defaults;

/* ---- text ------------------------------------------------------------------------------------ */

static void put_escaped(const char *text) {
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

/* A help text: the default for %s; a line that begins with no letter stands by itself. */
static void put_help(const struct setting_row *row) {
    char initial[SETTING_TEXT_BYTES_MAX];
    setting_print(row, &defaults, row->unit ? row->unit : 1, initial);
    bool is_at_start = true;
    for (const char *at = row->help; *at; at++) {
        char letter[2] = {*at, '\0'};
        if (is_at_start && (*at == '.' || *at == '\''))
            fputs("\\&", stdout);
        is_at_start = *at == '\n';
        if (at[0] == '%' && at[1] == 's') {
            put_escaped(initial);
            at++;
        } else if (at[0] == '\n' && !isalpha((unsigned char)at[1])) {
            fputs("\n.br\n", stdout);
        } else {
            put_escaped(letter);
        }
    }
    putchar('\n');
}

static bool is_number(const struct setting_row *row) {
    return row->type == TYPE_INT || row->type == TYPE_U32 || row->type == TYPE_U64;
}

static bool is_bound(int64_t limit) {
    return limit != INT32_MAX && limit != INT32_MAX / 2 && limit != UINT32_MAX;
}

static void put_bounds(const struct setting_row *row) {
    if (!is_number(row) || row->max == 0 || row->take == TAKE_ITEM_SIZE)
        return;
    if (is_bound(row->max))
        printf(".br\nFrom %" PRId64 " to %" PRId64 ".\n", row->min, row->max);
    else if (row->min != 0)
        printf(".br\nAt least %" PRId64 ".\n", row->min);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void put_letter(const struct setting_row *row) {
    printf(".TP\n.B \"\\-%c", row->letter);
    if (row->name) {
        fputs(", \\-\\-", stdout);
        put_escaped(row->name);
    }
    if (row->argument) {
        putchar(row->name ? '=' : ' ');
        put_escaped(row->argument);
    }
    puts("\"");
    put_help(row);
    put_bounds(row);
}

/* As an argument is named in the page; "": none. */
static const char *argument_of(const struct setting_row *row) {
    switch (row->type) {
    case TYPE_NONE:
    case TYPE_BOOL:
        return "";
    case TYPE_INT:
    case TYPE_U32:
    case TYPE_U64:
    case TYPE_MASK:
        return "=<num>";
    case TYPE_FACTOR:
        return "=<factor>";
    case TYPE_TEXT:
    case TYPE_PROTOCOL:
        return "=<text>";
    }
    return "";
}

static void put_suboption(const struct setting_row *row) {
    printf(".TP\n.B %s%s", row->suboption, argument_of(row));
    if (row->take == TAKE_SWITCH)
        printf(", no_%s", row->suboption);
    putchar('\n');
    put_help(row);
    put_bounds(row);
}

static void put_options(void) {
    for (size_t i = 0; i < setting_row_count; i++)
        if (setting_rows[i].letter && setting_rows[i].help)
            put_letter(&setting_rows[i]);
}

static void put_suboptions(bool is_repl) {
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (row->suboption && row->help && row->is_repl == is_repl)
            put_suboption(row);
    }
}

/* ---- the frame ------------------------------------------------------------------------------- */

static void put_frame_line(char *line) {
    static const struct {
        const char *mark, *text;
    } words[] = {{"@VERSION@", PRODUCT_NAME}, {"@BEHAVES_AS@", SERVER_VERSION}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char *mark = strstr(line, words[i].mark);
        if (!mark)
            continue;
        printf("%.*s%s%s", (int)(mark - line), line, words[i].text, mark + strlen(words[i].mark));
        return;
    }
    fputs(line, stdout);
}

int main(int argc, char **argv) {
    char line[LINE_BYTES_MAX];
    FILE *frame = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!frame) {
        fprintf(stderr, "usage: manpage FRAME\n");
        return EXIT_FAILURE;
    }
    settings_init(&defaults);
    while (fgets(line, sizeof(line), frame)) {
        if (strcmp(line, "@OPTIONS@\n") == 0)
            put_options();
        else if (strcmp(line, "@SUBOPTIONS@\n") == 0)
            put_suboptions(false);
        else if (strcmp(line, "@REPLICATION@\n") == 0)
            put_suboptions(true);
        else
            put_frame_line(line);
    }
    fclose(frame);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
