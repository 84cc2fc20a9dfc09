/*
 * Any words as a command line: one word a line of the input. The first byte chooses how many
 * allocations succeed. Whatever is taken stands within the bounds of its row; whatever is refused is
 * refused in one line.
 */
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/serve/options.h"
#include "memcached/serve/settings_table.h"

enum { WORDS_MAX = 64, ALLOCATIONS_NEVER_FAIL = 128 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* 0 may be the default of what starts above it: not given. */
static void check_number(const struct setting_row *row, int64_t number) {
    int64_t unit = row->unit ? (int64_t)row->unit : 1;
    bool has_bounds = row->take == TAKE_VALUE && row->max > 0;
    CHECK(!has_bounds || number == 0 || (number / unit >= row->min && number / unit <= row->max));
}

static void check_row(const struct setting_row *row, const struct settings *settings) {
    const void *field = (const char *)settings + row->field;
    char text[SETTING_TEXT_BYTES_MAX];
    if (row->type == TYPE_INT)
        check_number(row, *(const setting_INT *)field);
    else if (row->type == TYPE_U32)
        check_number(row, *(const setting_U32 *)field);
    else if (row->type == TYPE_U64)
        check_number(row, (int64_t) * (const setting_U64 *)field);
    else if (row->type == TYPE_FACTOR)
        CHECK(*(const setting_FACTOR *)field > (double)row->min &&
              *(const setting_FACTOR *)field <= (double)row->max);
    setting_print(row, settings, 1, text);
    CHECK(memchr(text, '\0', sizeof(text)));
}

static void check_taken(const struct settings *settings) {
    for (size_t i = 0; i < setting_row_count; i++)
        check_row(&setting_rows[i], settings);
    CHECK(settings->item_bytes_max <= settings->limit_bytes / 2);
    CHECK(settings->item_bytes_max % settings->slab_chunk_max == 0);
    CHECK(settings->listen_count <= SETTINGS_LISTEN_MAX);
    for (unsigned i = 0; i < settings->listen_count; i++)
        CHECK(settings->listen[i][0] && !strchr(settings->listen[i], ','));
    CHECK(!settings->repl_peer || options_is_peer(settings->repl_peer));
    CHECK(!settings->auth_file || settings->binding_protocol == PROTOCOL_ASCII);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct settings settings;
    struct options_result result;
    char program[] = "memcached";
    char *words[WORDS_MAX + 2] = {program};
    int count = 1;
    if (bytes < 1)
        return 0;
    char *text = malloc(bytes);
    memcpy(text, data + 1, bytes - 1);
    text[bytes - 1] = '\0';
    char *save = NULL;
    for (char *word = strtok_r(text, "\n", &save); word && count <= WORDS_MAX;
         word = strtok_r(NULL, "\n", &save))
        words[count++] = word;
    settings_init(&settings);
    mem_fail_after(data[0] < ALLOCATIONS_NEVER_FAIL ? data[0] : -1);
    options_parse(count, words, &settings, &result);
    mem_fail_after(-1);
    if (result.outcome == OPTIONS_BAD)
        CHECK(result.exit_status != 0 && result.message[0] && !strchr(result.message, '\n'));
    else if (result.outcome == OPTIONS_RUN)
        check_taken(&settings);
    settings_free(&settings);
    free(text);
    return 0;
}
