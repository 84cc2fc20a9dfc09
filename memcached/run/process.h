/*
 * What the process is to the system: its user, limits, signals, pid file, and whether it is a
 * daemon.
 * All functions belong to the main thread before others are started. Those that fail have said so
 * on stderr in one line and return an exit status of <sysexits.h>; 0 is success.
 */
#ifndef RUN_PROCESS_H
#define RUN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who the process is going to be. */
struct process_user {
    bool is_switching;
    uid_t uid; /* (uid_t)-1 unless switching */
    gid_t gid;
    const char *name;
};

/* `name` is -u's argument or NULL. Root must name somebody. */
int process_find_user(const char *name, struct process_user *user);
int process_become_user(const struct process_user *user);

/* Room for so many descriptors; never lowers what there is. */
int process_raise_descriptors(uint64_t count, uint64_t connection_max);

/* -r */
int process_allow_core(void);

/*
 * -k: allows it while still root; takes effect for what the process touches from then on. A refusal
 * is a warning only.
 */
void process_allow_memory_lock(void);
void process_lock_memory(void);

/*
 * Writes the pid; a running process named by the old file is warned of. A failure is a warning, as
 * in memcached.
 */
bool process_write_pid(const char *path);

/*
 * -d in two steps, so that the parent's exit status tells whether the start succeeded: begin forks,
 * and only the child returns (with a descriptor for done; negative: -exit status). done lets the
 * parent exit with 0, and detaches from the terminal and, unless `keeps_folder`, from the folder.
 */
int process_daemon_begin(void);
void process_daemon_done(int ready_fd, bool keeps_folder, bool keeps_stderr);

/*
 * Blocks the signals that the server acts on and returns a descriptor that reports them; negative:
 * -exit status.
 */
int process_take_signals(void);
/* The next one reported, 0 if none. */
int process_next_signal(int signal_fd);

#endif
