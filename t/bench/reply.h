/* Replies: what each operation should be answered, checked against what came. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stddef.h>

#include "t/bench/conn.h"

/*
 * Takes every whole reply from conn->in, ends the operations they answer, and counts; latencies
 * run to tally->last_reply_ns. Returns how many bytes are dealt with.
 */
size_t replies_take(struct conn *conn, const struct workload *load, struct tally *tally);

#endif
