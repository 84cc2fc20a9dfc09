#define _GNU_SOURCE /* MCL_ONFAULT, setgroups */
#include "memcached/run/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * ---- user and limits --------------------------------------------------------------------------
 */

int process_find_user(const char *name, struct process_user *user) {
    *user = (struct process_user){.uid = (uid_t)-1, .gid = (gid_t)-1, .name = name};
    if (getuid() != 0 && geteuid() != 0)
        return 0;
    if (!name || *name == '\0') {
        fprintf(stderr, "must add '-u root' to start as root, or -u with the user to become\n");
        return EX_USAGE;
    }
    const struct passwd *entry = getpwnam(name);
    if (!entry) {
        fprintf(stderr, "can't find the user %s to switch to: create it or name another with -u\n",
                name);
        return EX_NOUSER;
    }
    user->is_switching = true;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    return 0;
}

int process_become_user(const struct process_user *user) {
    if (!user->is_switching || (user->uid == 0 && geteuid() == 0 && getuid() == 0))
        return 0;
    if (setgroups(0, NULL) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0) {
        fprintf(stderr, "failed to assume identity of user %s: %s\n", user->name, strerror(errno));
        return EX_OSERR;
    }
    /* Changing the user forbids core files; -r asked for them, and the limit decides. */
    (void)prctl(PR_SET_DUMPABLE, 1);
    return 0;
}

int process_raise_descriptors(uint64_t count, uint64_t connection_max) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        fprintf(stderr, "failed to getrlimit number of files: %s\n", strerror(errno));
        return EX_OSERR;
    }
    if (limit.rlim_cur >= count)
        return 0;
    struct rlimit wanted = {.rlim_cur = count,
                            .rlim_max = limit.rlim_max < count ? count : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return 0;
    /* With room for -c at least: as memcached, which counts its own descriptors among them. */
    wanted.rlim_cur = wanted.rlim_max = limit.rlim_max;
    if (limit.rlim_max >= connection_max && setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return 0;
    fprintf(stderr,
            "failed to set rlimit for open files to %" PRIu64 " (-c %" PRIu64
            "). Try starting as root or requesting smaller maxconns value.\n",
            count, connection_max);
    return EX_OSERR;
}

int process_allow_core(void) {
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &limit) != 0 && getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_CORE, &limit);
    }
    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur != 0)
        return 0;
    fprintf(stderr, "failed to ensure corefile creation: the hard limit is 0\n");
    return EX_OSERR;
}

void process_allow_memory_lock(void) {
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

void process_lock_memory(void) {
    /* On fault: what is only reserved stays unreserved. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        fprintf(stderr, "warning: -k invalid, mlockall() failed: %s\n", strerror(errno));
}

/*
 * ---- pid file ---------------------------------------------------------------------------------
 */

static void warn_of_running(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    char line[32];
    if (fgets(line, sizeof(line), file)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 0 && pid <= INT32_MAX && pid != (long)getpid() &&
            (kill((pid_t)pid, 0) == 0 || errno == EPERM))
            fprintf(stderr, "WARNING: The pid file contained the following (running) pid: %ld\n",
                    pid);
    }
    fclose(file);
}

bool process_write_pid(const char *path) {
    char temporary[4096];
    warn_of_running(path);
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary)) {
        fprintf(stderr, "The name of the pid file is too long: %s\n", path);
        return false;
    }
    FILE *file = fopen(temporary, "we");
    if (!file) {
        fprintf(stderr, "Could not open the pid file %s for writing: %s\n", temporary,
                strerror(errno));
        return false;
    }
    fprintf(file, "%ld\n", (long)getpid());
    if (fclose(file) != 0) {
        fprintf(stderr, "Could not write the pid file %s: %s\n", temporary, strerror(errno));
        return false;
    }
    /* A reader finds the old file or the whole new one. */
    if (rename(temporary, path) == 0)
        return true;
    fprintf(stderr, "Could not rename the pid file from %s to %s: %s\n", temporary, path,
            strerror(errno));
    unlink(temporary);
    return false;
}

/*
 * ---- daemon -----------------------------------------------------------------------------------
 */

/* The parent's part: exits as the child's start turns out. */
static _Noreturn void wait_for_child(int ready_fd, pid_t child) {
    char byte;
    ssize_t got;
    do {
        got = read(ready_fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(EXIT_SUCCESS);
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            _exit(EX_OSERR);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_OSERR);
}

int process_daemon_begin(void) {
    int ready[2];
    pid_t child;
    if (pipe2(ready, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        fprintf(stderr, "failed to daemon() in order to daemonize: %s\n", strerror(errno));
        return -EX_OSERR;
    }
    if (child > 0) {
        close(ready[1]);
        wait_for_child(ready[0], child);
    }
    close(ready[0]);
    if (setsid() < 0) {
        fprintf(stderr, "failed to leave the session: %s\n", strerror(errno));
        return -EX_OSERR;
    }
    return ready[1];
}

void process_daemon_done(int ready_fd, bool keeps_folder, bool keeps_stderr) {
    if (!keeps_folder && chdir("/") != 0)
        fprintf(stderr, "cannot change to /: %s\n", strerror(errno));
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        if (!keeps_stderr) {
            dup2(null, STDOUT_FILENO);
            dup2(null, STDERR_FILENO);
        }
        if (null > STDERR_FILENO)
            close(null);
    }
    ssize_t written = write(ready_fd, "1", 1);
    (void)written;
    close(ready_fd);
}

/*
 * ---- signals ----------------------------------------------------------------------------------
 */

int process_take_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    /* Threads started later inherit the mask: these arrive at the descriptor only. */
    int fd = -1;
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0)
        fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd >= 0)
        return fd;
    fprintf(stderr, "cannot take signals: %s\n", strerror(errno));
    return -EX_OSERR;
}

int process_next_signal(int signal_fd) {
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}
