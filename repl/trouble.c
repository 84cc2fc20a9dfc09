#include "repl/trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void trouble_note(struct trouble *trouble, enum trouble_subject subject, const char *format, ...) {
    struct trouble_text *of = &trouble->subject[subject];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(of->text, sizeof(of->text), format, arguments);
    va_end(arguments);
    for (char *at = of->text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    of->is_new = true;
}

void trouble_clear(struct trouble *trouble, enum trouble_subject subject) {
    trouble->subject[subject] = (struct trouble_text){.is_new = false};
}

static bool is_due(const struct trouble_text *of, uint64_t now_ms) {
    if (!of->is_new)
        return false;
    if (of->told[0] == '\0')
        return true;
    bool is_same = strcmp(of->text, of->told) == 0;
    return now_ms - of->told_ms >= (is_same ? TROUBLE_SAME_EVERY_MS : TROUBLE_EVERY_MS);
}

bool trouble_take(struct trouble *trouble, uint64_t now_ms, char text[TROUBLE_TEXT_BYTES]) {
    for (int i = 0; i < TROUBLE_SUBJECTS; i++) {
        struct trouble_text *of = &trouble->subject[i];
        if (!is_due(of, now_ms))
            continue;
        memcpy(text, of->text, sizeof(of->text));
        memcpy(of->told, of->text, sizeof(of->told));
        of->told_ms = now_ms;
        of->is_new = false;
        return true;
    }
    return false;
}
