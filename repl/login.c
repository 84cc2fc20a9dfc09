#include "repl/login.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A connection on which little was sent takes a line whole. */
static bool tell(int fd, const char *text, size_t bytes) {
    ssize_t sent;
    do {
        sent = send(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

enum login_step login_begin(struct login *login, int fd) {
    static const char question[] = "mn\r\n";
    *login = (struct login){.has_told = false};
    return tell(fd, question, sizeof(question) - 1) ? LOGIN_PENDING : LOGIN_BROKEN;
}

static bool tell_user(int fd, struct auth *auth) {
    struct auth_user user;
    char line[LOGIN_TEXT_BYTES_MAX];
    auth_first(auth, &user);
    int bytes = snprintf(line, sizeof(line), "set login 0 0 %d\r\n%.*s %.*s\r\n",
                         user.user_bytes + 1 + user.password_bytes, user.user_bytes, user.text,
                         user.password_bytes, user.text + user.user_bytes + 1);
    return tell(fd, line, (size_t)bytes);
}

/* One line of the peer's. Nothing is asked of it before it has answered, so there is no second. */
static enum login_step answered(struct login *login, int fd, struct auth *auth) {
    bool is_stranger = strcmp(login->answer, "CLIENT_ERROR unauthenticated\r\n") == 0;
    if (login->has_told)
        return strcmp(login->answer, "STORED\r\n") == 0 ? LOGIN_DONE : LOGIN_REFUSED;
    if (!is_stranger)
        return LOGIN_DONE;
    login->has_told = true;
    login->answer_bytes = 0;
    return tell_user(fd, auth) ? LOGIN_PENDING : LOGIN_BROKEN;
}

enum login_step login_step(struct login *login, int fd, struct auth *auth) {
    size_t room = sizeof(login->answer) - 1 - login->answer_bytes;
    ssize_t got = recv(fd, login->answer + login->answer_bytes, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return LOGIN_PENDING;
    if (got <= 0)
        return LOGIN_BROKEN;
    login->answer_bytes += (size_t)got;
    login->answer[login->answer_bytes] = '\0';
    if (login->answer[login->answer_bytes - 1] == '\n')
        return answered(login, fd, auth);
    return login->answer_bytes == sizeof(login->answer) - 1 ? LOGIN_BROKEN : LOGIN_PENDING;
}
