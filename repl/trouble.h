/*
 * What is wrong between the two nodes and only people can mend: a hello that one of them turns down.
 * Each subject keeps its latest text until it is told, and a text that stays the same is told now and
 * then, since both sides try for ever. No thread, no lock of its own.
 */
#ifndef REPL_TROUBLE_H
#define REPL_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

enum trouble_subject {
    TROUBLE_OUR_HELLO,   /* the peer refuses this node */
    TROUBLE_THEIR_HELLO, /* somebody's hello is refused here */
    TROUBLE_SUBJECTS
};

enum {
    TROUBLE_TEXT_BYTES = 200, /* with the NUL; what is longer is cut */
    TROUBLE_EVERY_MS = 10 * 1000,
    TROUBLE_SAME_EVERY_MS = 10 * 60 * 1000,
};

/* All zero: no trouble. */
struct trouble {
    struct trouble_text {
        char text[TROUBLE_TEXT_BYTES];
        char told[TROUBLE_TEXT_BYTES]; /* the last one told; "": none */
        uint64_t told_ms;
        bool is_new;
    } subject[TROUBLE_SUBJECTS];
};

/* Whatever the text holds is made printable. */
void trouble_note(struct trouble *trouble, enum trouble_subject subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It is over: the same text is told at once when it comes again. */
void trouble_clear(struct trouble *trouble, enum trouble_subject subject);
/* The next text that is due to be told (milliseconds of one clock); false: none. */
bool trouble_take(struct trouble *trouble, uint64_t now_ms, char text[TROUBLE_TEXT_BYTES]);

#endif
