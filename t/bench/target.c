#include "t/bench/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "memcached/base/num.h"

enum { ASK_SECONDS_MAX = 10 };

static _Noreturn void refuse(const char *text, const char *why) {
    fprintf(stderr, "mcload: %s: %s\n", text, why);
    exit(2);
}

static void parse_unix(struct target *target, const char *path) {
    struct sockaddr_un *address = (struct sockaddr_un *)&target->address;
    if (strlen(path) >= sizeof(address->sun_path))
        refuse(path, "too long for a unix socket");
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    target->address_bytes = sizeof(*address);
}

void target_parse(struct target *target, const char *text) {
    memset(target, 0, sizeof(*target));
    if (text[0] == '/') {
        parse_unix(target, text);
        return;
    }
    char host[64];
    uint32_t port;
    const char *colon = strrchr(text, ':');
    size_t host_bytes = colon ? (size_t)(colon - text) : 0;
    if (!colon || host_bytes == 0 || host_bytes >= sizeof(host) ||
        !num_u32(colon + 1, strlen(colon + 1), &port) || port == 0 || port > 65535)
        refuse(text, "want 127.0.0.1:PORT, [::1]:PORT or /path");
    memcpy(host, text, host_bytes);
    host[host_bytes] = '\0';

    struct sockaddr_in *v4 = (struct sockaddr_in *)&target->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target->address;
    if (host[0] == '[' && host[host_bytes - 1] == ']') {
        host[host_bytes - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1 ||
            !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
            refuse(text, "not a loopback address: this load is for servers on this machine only");
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        target->address_bytes = sizeof(*v6);
        return;
    }
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1 ||
        ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        refuse(text, "not a loopback address: this load is for servers on this machine only");
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    target->address_bytes = sizeof(*v4);
}

int target_connect(const struct target *target) {
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&target->address, target->address_bytes) != 0) {
        fprintf(stderr, "mcload: cannot connect: %s\n", strerror(errno));
        exit(2);
    }
    if (target->address.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

void target_ask(const struct target *target, const char *request, const char *last, char *answer,
                size_t answer_bytes) {
    int fd = target_connect(target);
    struct timeval patience = {.tv_sec = ASK_SECONDS_MAX};
    size_t have = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        refuse(request, "cannot send");
    answer[0] = '\0';
    while (!strstr(answer, last)) {
        ssize_t got = recv(fd, answer + have, answer_bytes - 1 - have, 0);
        if (got <= 0)
            refuse(request, "the server does not answer");
        have += (size_t)got;
        answer[have] = '\0';
    }
    close(fd);
}

uint32_t target_pid(const struct target *target) {
    char answer[16384];
    target_ask(target, "stats\r\n", "END\r\n", answer, sizeof(answer));
    const char *at = strstr(answer, "STAT pid ");
    long pid = at ? strtol(at + strlen("STAT pid "), NULL, 10) : 0;
    if (pid <= 0)
        refuse("stats", "gives no pid: pass --pid");
    return (uint32_t)pid;
}
