#define _GNU_SOURCE
#include "tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int try_address(const struct addrinfo *address, int milliseconds) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) return -1;
    int failure = 0;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        failure = errno;
        if (failure == EINPROGRESS) {
            struct pollfd event = {.fd = fd, .events = POLLOUT};
            socklen_t size = sizeof failure;
            int ready = poll(&event, 1, milliseconds);
            if (ready == 0) failure = ETIMEDOUT;
            else if (ready < 0) failure = errno;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
        }
    }
    if (failure == 0) return fd;
    close(fd);
    errno = failure;
    return -1;
}

int dropgate_connect(const char *host, const char *port, int milliseconds, const char **error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int code = getaddrinfo(host, port, &hints, &addresses);
    if (code == EAI_ADDRFAMILY || code == EAI_NONAME) {
        // A loopback address on a machine without another one.
        hints.ai_flags = AI_NUMERICSERV;
        code = getaddrinfo(host, port, &hints, &addresses);
    }
    if (code != 0) {
        *error = gai_strerror(code);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *address = addresses; address != NULL && fd < 0; address = address->ai_next)
        fd = try_address(address, milliseconds);
    if (fd < 0) *error = strerror(errno);
    freeaddrinfo(addresses);
    return fd;
}

int64_t dropgate_bytes_acked(int socket) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
    return (int64_t)info.tcpi_bytes_acked;
}

int dropgate_accept(int listener, struct sockaddr_storage *peer) {
    socklen_t length = sizeof *peer;
    peer->ss_family = AF_UNSPEC;
    return accept4(listener, (struct sockaddr *)peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
