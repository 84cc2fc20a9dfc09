/* -h, -V and -i. */
#include <string.h>

#include "memcached/serve/options.h"
#include "memcached/serve/version.h"

static void print_text(FILE *to, const char *text, int indent) {
    for (;;) {
        size_t bytes = strcspn(text, "\n");
        fprintf(to, "%.*s\n", (int)bytes, text);
        if (text[bytes] == '\0')
            return;
        text += bytes + 1;
        fprintf(to, "%*s", indent, "");
    }
}

static void print_option(FILE *to, int letter, const char *name, const char *argument,
                         const char *help) {
    enum { INDENT = 34 };
    char left[64];
    if (*help == '\0')
        return;
    snprintf(left, sizeof(left), "-%c, --%s%s%s", letter, name, argument ? "=" : "",
             argument ? argument : "");
    fprintf(to, "%-*s ", INDENT - 1, left);
    print_text(to, help, INDENT);
}

static void print_suboption(FILE *to, const char *name, const char *help) {
    enum { INDENT = 26 };
    char left[64];
    if (*help == '\0')
        return;
    snprintf(left, sizeof(left), "   - %s:", name);
    fprintf(to, "%-*s ", INDENT - 1, left);
    print_text(to, help, INDENT);
}

void options_print_help(FILE *to) {
    fprintf(to, "memcached %s\n", SERVER_VERSION);
#define OPTION(letter, name, kind, field, min, max, argument, help)                                \
    print_option(to, letter, name, argument, help);
#define SUBOPTION(name, kind, field, min, max, help) print_suboption(to, name, help);
#include "memcached/serve/options.def"
#undef OPTION
#undef SUBOPTION
}

void options_print_version(FILE *to) {
    fprintf(to, "memcached %s\n", SERVER_VERSION);
    fprintf(to, "%s %s\n", PRODUCT_NAME, PRODUCT_VERSION);
}

void options_print_license(FILE *to) {
    fprintf(to, "memcached %s\n\n", SERVER_VERSION);
    fputs("Copyright the memcached-replication authors. BSD license, three clauses: see the file\n"
          "LICENSE that comes with it. Linked with libevent, (c) Niels Provos and Nick Mathewson,\n"
          "BSD license, three clauses.\n",
          to);
}
