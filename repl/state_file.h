/*
 * The file with one number that keepalived's track_file reads (doc/keepalived.md).
 * Owned by one thread at a time.
 */
#ifndef REPL_STATE_FILE_H
#define REPL_STATE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

struct state_file;

/*
 * What the numbers mean with weight -1: a ready node loses nothing, a syncing one 100, a faulty one
 * may not be master.
 */
enum state_number { STATE_NUMBER_READY = 0, STATE_NUMBER_SYNCING = 100, STATE_NUMBER_FAULT = 254 };

/*
 * Creates it if missing (0644), gives it to uid and gid ((uid_t)-1: left alone). NULL with errno
 * when refused.
 */
struct state_file *state_file_open(const char *path, uid_t uid, gid_t gid);
void state_file_close(struct state_file *file);

/*
 * Writes the number in place. Opens the file anew, since keepalived looks when a writer closes it.
 * False with errno when that is refused: then it is written all the same through the first
 * descriptor, if that is possible.
 */
bool state_file_write(struct state_file *file, enum state_number number);

#endif
