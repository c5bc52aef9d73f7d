// TCP connections whose acknowledgements are counted: what forwarding needs to know how much a receiver has.
#pragma once
#include <stdint.h>

/// Connects to the first address of `host` that answers within `milliseconds` each, blocking. Returns a socket
/// (close on exec, non-blocking), or -1 with `*error` set to the text of what failed (static storage or errno's).
int dropgate_connect(const char *host, const char *port, int milliseconds, const char **error);

/// Bytes that the peer's kernel has acknowledged so far (tcpi_bytes_acked, RFC 4898), or -1 with errno. Counts the SYN
/// as one. Works until the descriptor is closed, also after the connection has ended.
int64_t dropgate_bytes_acked(int socket);
