/* The command line: one table (settings.def) makes the parser and -h. */
#ifndef SERVE_OPTIONS_H
#define SERVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "memcached/serve/settings.h"

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LICENSE,
    OPTIONS_BAD, /* message and exit_status are filled */
};

enum { OPTIONS_MESSAGE_BYTES_MAX = 256 };

struct options_result {
    enum options_outcome outcome;
    int exit_status;                         /* of OPTIONS_BAD, as memcached's: 1, EX_USAGE, ... */
    char message[OPTIONS_MESSAGE_BYTES_MAX]; /* one line without newline */
    /* of any outcome: lines, each with its newline, of what was not taken as it stands there */
    char warnings[OPTIONS_MESSAGE_BYTES_MAX];
};

/*
 * Reads argv into settings (after settings_init). argv is permuted as getopt does; every text is
 * copied. Words that are no options are ignored, as by memcached.
 * Main thread only (getopt keeps state of its own).
 */
void options_parse(int argc, char **argv, struct settings *settings, struct options_result *result);

void options_print_help(FILE *to);
void options_print_version(FILE *to);
void options_print_license(FILE *to);

/* host, host:port, [v6]:port or a bare v6 address, with a port of 1 to 65535. */
bool options_is_peer(const char *text);

#endif
