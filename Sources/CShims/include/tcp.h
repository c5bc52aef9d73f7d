// Sockets as the system's calls have them: connections taken with their address, and those whose acknowledgements are
// counted, which tells forwarding how much a receiver has.
#pragma once
#include <stdint.h>
#include <sys/eventfd.h>

// Left to the C library's own module, which has the rest of the sockets.
struct sockaddr_storage;

/// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK. The peer's address comes with the connection: asked for later, it is
/// lost with a connection that has been reset meanwhile.
int dropgate_accept(int listener, struct sockaddr_storage *peer);

/// Connects to the first address of `host` that answers within `milliseconds` each, blocking. Returns a socket
/// (close on exec, non-blocking), or -1 with `*error` set to the text of what failed (static storage or errno's).
int dropgate_connect(const char *host, const char *port, int milliseconds, const char **error);

/// Bytes that the peer's kernel has acknowledged so far (tcpi_bytes_acked, RFC 4898), or -1 with errno. Counts the SYN
/// as one. Works until the descriptor is closed, also after the connection has ended.
int64_t dropgate_bytes_acked(int socket);
