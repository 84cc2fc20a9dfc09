#include "memcached/serve/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "memcached/serve/settings_table.h"

const struct setting_row setting_rows[] = {
#define SETTING(type_, field_, initial, ...)                                                       \
    {.type = TYPE_##type_, .field = offsetof(struct settings, field_), __VA_ARGS__},
#define OPTION(...) {__VA_ARGS__},
#define UNBUILT(suboption_, feature_, stat_, rank_, idle_)                                         \
    {.suboption = suboption_, .refusal = feature_, .stat = stat_, .rank = rank_, .idle = idle_},
#define SHOWN(stat_, rank_, idle_) {.stat = stat_, .rank = rank_, .idle = idle_},
#include "memcached/serve/settings.def"
#undef SETTING
#undef OPTION
#undef UNBUILT
#undef SHOWN
};
const size_t setting_row_count = ARRAY_COUNT(setting_rows);

void settings_init(struct settings *settings) {
    memset(settings, 0, sizeof(*settings));
#define SETTING(type, field, initial, ...) settings->field = initial;
#define OPTION(...)
#define UNBUILT(suboption, feature, stat, rank, idle)
#define SHOWN(stat, rank, idle)
#include "memcached/serve/settings.def"
#undef SETTING
#undef OPTION
#undef UNBUILT
#undef SHOWN
}

void settings_free(struct settings *settings) {
    for (unsigned i = 0; i < settings->text_count; i++)
        mem_free(settings->text_memory[i]);
    settings->text_count = 0;
}

unsigned settings_udp_threads(const struct settings *settings) {
    return settings->listen_count > 1 ? 1 : settings->thread_count;
}

const char *settings_keep(struct settings *settings, const char *text) {
    if (settings->text_count == ARRAY_COUNT(settings->text_memory))
        return NULL;
    char *copy = mem_strdup(text);
    if (copy)
        settings->text_memory[settings->text_count++] = copy;
    return copy;
}

static const char *const protocol_names[] = {
    [PROTOCOL_AUTO] = "auto-negotiate", [PROTOCOL_ASCII] = "ascii", [PROTOCOL_BINARY] = "binary"};

const char *settings_protocol_name(enum settings_protocol protocol) {
    return protocol_names[protocol];
}

void setting_print(const struct setting_row *row, const struct settings *settings, uint64_t unit,
                   char *out) {
    enum { BYTES = SETTING_TEXT_BYTES_MAX };
    const void *field = (const char *)settings + row->field;
    switch (row->type) {
    case TYPE_NONE:
        *out = '\0';
        break;
    case TYPE_BOOL:
        snprintf(out, BYTES, "%s", *(const setting_BOOL *)field ? "yes" : "no");
        break;
    case TYPE_INT:
        snprintf(out, BYTES, "%d", *(const setting_INT *)field);
        break;
    case TYPE_U32:
        snprintf(out, BYTES, "%" PRIu64, *(const setting_U32 *)field / unit);
        break;
    case TYPE_U64:
        snprintf(out, BYTES, "%" PRIu64, *(const setting_U64 *)field / unit);
        break;
    case TYPE_MASK:
        snprintf(out, BYTES, "%" PRIo32, *(const setting_MASK *)field);
        break;
    case TYPE_FACTOR:
        snprintf(out, BYTES, "%.2f", *(const setting_FACTOR *)field);
        break;
    case TYPE_TEXT: {
        const char *text = *(const setting_TEXT *)field;
        snprintf(out, BYTES, "%s", text ? text : "NULL");
        break;
    }
    case TYPE_PROTOCOL:
        snprintf(out, BYTES, "%s", protocol_names[*(const setting_PROTOCOL *)field]);
        break;
    }
}
