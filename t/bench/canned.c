/*
 * canned: answers every line with the same bytes, from plain epoll and one thread: the floor under
 * what a server of this protocol can cost. It reads no request; it only counts line ends, so it is
 * good for gets alone. Usage: canned PORT ANSWER_FILE; loopback only; runs until it is killed.
 */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memcached/base/num.h"

enum { ANSWER_BYTES_MAX = 4096, IN_BYTES = 16 * 1024, OUT_BYTES = 1 << 20, EVENTS_MAX = 256 };

static char answer[ANSWER_BYTES_MAX];
static size_t answer_bytes;
static char out[OUT_BYTES];

static _Noreturn void give_up(const char *what) {
    perror(what);
    exit(1);
}

static int listen_on(uint32_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0)
        give_up("listen");
    return fd;
}

static void watch(int epoll_fd, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        give_up("epoll_ctl");
}

static void accept_one(int epoll_fd, int listener) {
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    watch(epoll_fd, fd);
}

/* One receive, one send. A client that does not read its answers is cut off. */
static void serve_one(int fd) {
    char in[IN_BYTES];
    size_t used = 0;
    ssize_t got = recv(fd, in, sizeof(in), 0);
    for (ssize_t i = 0; i < got; i++) {
        if (in[i] != '\n' || used + answer_bytes > OUT_BYTES)
            continue;
        memcpy(out + used, answer, answer_bytes);
        used += answer_bytes;
    }
    if (got <= 0 || (used > 0 && send(fd, out, used, MSG_NOSIGNAL) != (ssize_t)used))
        close(fd);
}

int main(int argc, char **argv) {
    uint32_t port;
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!file || !num_u32(argv[1], strlen(argv[1]), &port) || port == 0 || port > 65535) {
        fprintf(stderr, "usage: canned PORT ANSWER_FILE\n");
        return 2;
    }
    answer_bytes = fread(answer, 1, sizeof(answer), file);
    fclose(file);
    int listener = listen_on(port);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        give_up("epoll_create1");
    watch(epoll_fd, listener);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_one(epoll_fd, listener);
            else
                serve_one(events[i].data.fd);
        }
    }
}
