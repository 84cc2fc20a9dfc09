#define _GNU_SOURCE /* accept4 */
#include "memcached/net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t socket_resolve(const char *host, uint16_t port, struct socket_address *out, size_t max,
                      const char **why) {
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (host ? 0 : AI_PASSIVE)};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        *why = rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc);
        return 0;
    }
    size_t count = 0;
    for (struct addrinfo *info = list; info && count < max; info = info->ai_next) {
        if (info->ai_addrlen > sizeof(out->v6))
            continue;
        memset(&out[count], 0, sizeof(out[count]));
        memcpy(&out[count].any, info->ai_addr, info->ai_addrlen);
        out[count].bytes = info->ai_addrlen;
        count++;
    }
    freeaddrinfo(list);
    if (count == 0)
        *why = "no address of a known kind";
    return count;
}

static void set_option(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* Binds and listens; owns fd. */
static int bind_and_listen(int fd, const struct socket_address *address, int backlog,
                           const char **step) {
    *step = "bind()";
    if (bind(fd, &address->any, address->bytes) == 0) {
        *step = "listen()";
        if (listen(fd, backlog) == 0)
            return fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

int socket_listen_tcp(const struct socket_address *address, int backlog, const char **step) {
    *step = "socket()";
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (address->any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    /* What is set here, accepted connections inherit: no call for each of them. */
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return bind_and_listen(fd, address, backlog, step);
}

int socket_listen_unix(const char *path, mode_t mode, int backlog, const char **step) {
    struct socket_address address = {.path = {.sun_family = AF_UNIX},
                                     .bytes = sizeof(struct sockaddr_un)};
    *step = "bind()";
    if (strlen(path) >= sizeof(address.path.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.path.sun_path, path, strlen(path) + 1);
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    *step = "socket()";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* The mask, not a chmod afterwards: nobody can connect in between. */
    mode_t old_mask = umask(~mode & 0777);
    fd = bind_and_listen(fd, &address, backlog, step);
    umask(old_mask);
    return fd;
}

int socket_accept(int listener, struct socket_address *peer) {
    peer->bytes = sizeof(struct sockaddr_un);
    memset(&peer->path, 0, sizeof(peer->path));
    int fd = accept4(listener, &peer->any, &peer->bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool socket_local_address(int fd, struct socket_address *address) {
    address->bytes = sizeof(struct sockaddr_un);
    memset(&address->path, 0, sizeof(address->path));
    return getsockname(fd, &address->any, &address->bytes) == 0;
}

uint16_t socket_address_port(const struct socket_address *address) {
    if (address->any.sa_family == AF_INET)
        return ntohs(address->v4.sin_port);
    if (address->any.sa_family == AF_INET6)
        return ntohs(address->v6.sin6_port);
    return 0;
}

static bool is_mapped_v4(const struct socket_address *address) {
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
}

void socket_address_ip(const struct socket_address *address, char out[SOCKET_IP_BYTES]) {
    out[0] = '\0';
    if (address->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->v4.sin_addr, out, SOCKET_IP_BYTES);
    else if (is_mapped_v4(address))
        inet_ntop(AF_INET, &address->v6.sin6_addr.s6_addr[12], out, SOCKET_IP_BYTES);
    else if (address->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &address->v6.sin6_addr, out, SOCKET_IP_BYTES);
}

void socket_address_name(const struct socket_address *address, const char *transport,
                         char out[SOCKET_NAME_BYTES]) {
    char ip[SOCKET_IP_BYTES];
    unsigned port = socket_address_port(address);
    switch (address->any.sa_family) {
    case AF_INET:
        socket_address_ip(address, ip);
        snprintf(out, SOCKET_NAME_BYTES, "%s:%s:%u", transport, ip, port);
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->v6.sin6_addr, ip, sizeof(ip));
        snprintf(out, SOCKET_NAME_BYTES, "%s6:[%s]:%u", transport, ip, port);
        break;
    default:
        snprintf(out, SOCKET_NAME_BYTES, "unix:%.*s", (int)sizeof(address->path.sun_path),
                 address->path.sun_path);
        break;
    }
}
