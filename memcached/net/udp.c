#define _GNU_SOURCE /* struct in6_pktinfo */
#include "memcached/net/udp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the one control message that goes along with a datagram. */
union control {
    char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
    char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr align;
};

int udp_open(const struct socket_address *address, const char **step) {
    sa_family_t family = address->any.sa_family;
    int on = 1;
    *step = "socket()";
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    *step = "setsockopt()";
    int rc = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on))
                               : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) ||
                                     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (rc == 0) {
        *step = "bind()";
        if (bind(fd, &address->any, address->bytes) == 0)
            return fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

static void note_asked(struct msghdr *message, struct udp_peer *peer) {
    memset(&peer->asked, 0, sizeof(peer->asked));
    peer->interface = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof(info));
            peer->asked.v4 = info.ipi_spec_dst;
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof(info));
            if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
                continue;
            peer->asked.v6 = info.ipi6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                peer->interface = info.ipi6_ifindex;
        }
    }
}

ssize_t udp_receive(int fd, char *space, size_t bytes, struct udp_peer *peer) {
    union control control;
    struct iovec vec = {.iov_base = space, .iov_len = bytes};
    struct msghdr message = {.msg_name = &peer->address.any,
                             .msg_namelen = sizeof(struct sockaddr_un),
                             .msg_iov = &vec,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(fd, &message, 0);
    if (got < 0)
        return -errno;
    peer->address.bytes = message.msg_namelen;
    note_asked(&message, peer);
    return got;
}

/* Makes the answer leave from the address that was asked. */
static void put_asked(struct msghdr *message, union control *control, const struct udp_peer *peer) {
    bool is_v4 = peer->address.any.sa_family == AF_INET;
    message->msg_control = control;
    message->msg_controllen = is_v4 ? sizeof(control->v4) : sizeof(control->v6);
    memset(control, 0, sizeof(*control));
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    if (is_v4) {
        struct in_pktinfo info = {.ipi_spec_dst = peer->asked.v4};
        part->cmsg_level = IPPROTO_IP;
        part->cmsg_type = IP_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(part), &info, sizeof(info));
    } else {
        struct in6_pktinfo info = {.ipi6_addr = peer->asked.v6, .ipi6_ifindex = peer->interface};
        part->cmsg_level = IPPROTO_IPV6;
        part->cmsg_type = IPV6_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(part), &info, sizeof(info));
    }
}

int udp_send(int fd, const struct udp_peer *peer, const struct iovec *vec, int count) {
    union control control;
    struct msghdr message = {.msg_name = (struct sockaddr *)(uintptr_t)&peer->address.any,
                             .msg_namelen = peer->address.bytes,
                             .msg_iov = (struct iovec *)(uintptr_t)vec,
                             .msg_iovlen = (size_t)count};
    put_asked(&message, &control, peer);
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    return sent < 0 ? -errno : 0;
}
