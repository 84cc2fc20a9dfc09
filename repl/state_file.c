#include "repl/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memcached/base/mem.h"

struct state_file {
    char *path;
    int fd; /* open from before privileges were dropped to the end */
};

struct state_file *state_file_open(const char *path, uid_t uid, gid_t gid) {
    struct state_file *file = mem_zalloc(sizeof(*file));
    if (!file) {
        errno = ENOMEM;
        return NULL;
    }
    int error = ENOMEM;
    file->fd = -1;
    file->path = mem_strdup(path);
    if (!file->path)
        goto out;
    error = 0;
    file->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (file->fd < 0 || (uid != (uid_t)-1 && fchown(file->fd, uid, gid) != 0))
        error = errno;
out:
    if (error != 0) {
        state_file_close(file);
        errno = error;
        return NULL;
    }
    return file;
}

void state_file_close(struct state_file *file) {
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    mem_free(file->path);
    mem_free(file);
}

static bool put(int fd, enum state_number number) {
    char text[16];
    int bytes = snprintf(text, sizeof(text), "%d\n", (int)number);
    /* Never empty in between: to keepalived an empty file is a ready node. */
    return pwrite(fd, text, (size_t)bytes, 0) == bytes && ftruncate(fd, bytes) == 0;
}

bool state_file_write(struct state_file *file, enum state_number number) {
    int fd = open(file->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0) {
        int error = errno;
        put(file->fd, number);
        errno = error;
        return false;
    }
    bool is_written = put(fd, number);
    int error = errno;
    close(fd);
    errno = error;
    return is_written;
}
