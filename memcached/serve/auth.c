#include "memcached/serve/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memcached/base/mem.h"

static void tell(struct auth_message *message, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct auth_message *message, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(message->text, sizeof(message->text), format, list);
    va_end(list);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* NULL, or what is wrong with the line. */
static const char *take_line(const char *line, size_t bytes, struct auth_user *user) {
    const char *colon = memchr(line, ':', bytes);
    if (!colon)
        return "has no colon";
    if (bytes > AUTH_LINE_BYTES_MAX)
        return "is longer than 255 bytes";
    memcpy(user->text, line, bytes);
    user->user_bytes = (uint8_t)(colon - line);
    user->password_bytes = (uint8_t)(bytes - user->user_bytes - 1);
    return NULL;
}

bool auth_parse(const char *path, const char *text, size_t bytes, struct auth_users *users,
                struct auth_message *message) {
    static const char malformed[] = "has a malformed entry. Should be 'user:password'";
    const char *end = text + bytes;
    users->count = 0;
    message->text[0] = '\0';
    while (text < end && users->count < AUTH_USERS_MAX) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line_bytes = (size_t)((newline ? newline : end) - text);
        size_t used_bytes =
            line_bytes > 0 && text[line_bytes - 1] == '\r' ? line_bytes - 1 : line_bytes;
        const char *wrong = take_line(text, used_bytes, &users->user[users->count]);
        if (wrong) {
            tell(message, "Authfile [%s] %s: line %u %s", path, malformed, users->count + 1, wrong);
            return false;
        }
        users->count++;
        text += line_bytes + (newline != NULL);
    }
    if (users->count == 0) {
        tell(message, "Authfile [%s] %s: it is empty", path, malformed);
        return false;
    }
    if (text < end)
        tell(message, "Authfile [%s]: only the first %d entries are used", path, AUTH_USERS_MAX);
    return true;
}

/* Up to AUTH_FILE_BYTES_MAX bytes into `text`, or -1 with a message. */
static ssize_t read_file(const char *path, char *text, struct auth_message *message) {
    size_t bytes = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        goto failed;
    while (bytes <= AUTH_FILE_BYTES_MAX) {
        got = read(fd, text + bytes, AUTH_FILE_BYTES_MAX + 1 - bytes);
        if (got > 0)
            bytes += (size_t)got;
        else if (got == 0 || errno != EINTR)
            break;
    }
    if (got < 0)
        goto failed;
    close(fd);
    if (bytes <= AUTH_FILE_BYTES_MAX)
        return (ssize_t)bytes;
    tell(message, "Authfile [%s] is larger than %d bytes", path, AUTH_FILE_BYTES_MAX);
    return -1;
failed:
    tell(message, "Could not open authfile [%s] for reading, error %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool load(const char *path, struct auth_users *users, struct auth_message *message) {
    message->text[0] = '\0';
    char *text = mem_alloc(AUTH_FILE_BYTES_MAX + 1);
    if (!text) {
        tell(message, "no memory to read authfile [%s]", path);
        return false;
    }
    ssize_t bytes = read_file(path, text, message);
    bool is_usable = bytes >= 0 && auth_parse(path, text, (size_t)bytes, users, message);
    explicit_bzero(text, AUTH_FILE_BYTES_MAX + 1);
    mem_free(text);
    return is_usable;
}

bool auth_init(struct auth *auth, const char *path, struct auth_message *message) {
    memset(auth, 0, sizeof(*auth));
    auth->path = path;
    if (!load(path, &auth->users, message))
        return false;
    lock_init(&auth->lock, RANK_AUTH);
    return true;
}

void auth_destroy(struct auth *auth) {
    lock_destroy(&auth->lock);
    explicit_bzero(&auth->users, sizeof(auth->users));
}

bool auth_reload(struct auth *auth, struct auth_message *message) {
    struct auth_users users;
    if (!load(auth->path, &users, message))
        return false;
    lock_acquire(&auth->lock);
    auth->users = users;
    lock_release(&auth->lock);
    explicit_bzero(&users, sizeof(users));
    return true;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* As many steps wherever they differ; only the lengths show. */
static bool is_same(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
    unsigned char difference = a_bytes != b_bytes;
    for (size_t i = 0; i < a_bytes && i < b_bytes; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

bool auth_knows(struct auth *auth, const char *user, size_t user_bytes, const char *password,
                size_t password_bytes) {
    bool is_known = false;
    lock_acquire(&auth->lock);
    for (unsigned i = 0; i < auth->users.count; i++) {
        const struct auth_user *known = &auth->users.user[i];
        const char *known_password = known->text + known->user_bytes + 1;
        /* Both are always compared: an early end would tell which of the two was wrong. */
        const bool is_user = is_same(known->text, known->user_bytes, user, user_bytes);
        const bool is_password =
            is_same(known_password, known->password_bytes, password, password_bytes);
        is_known |= is_user & is_password;
    }
    lock_release(&auth->lock);
    return is_known;
}

void auth_first(struct auth *auth, struct auth_user *user) {
    lock_acquire(&auth->lock);
    *user = auth->users.user[0];
    lock_release(&auth->lock);
}
