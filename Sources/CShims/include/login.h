// Sockets of callers and passwords of accounts: what the SFTP receiver needs of the system.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Sockets (Linux: GNU interfaces). Results are those of the system call: -1 with errno on failure.

/// SO_PEERCRED of a connected Unix socket.
int dropgate_peer_credentials(int socket, int32_t *pid, uint32_t *uid);

// The login user that the kernel's audit keeps of a process (loginuid, proc(5)): set once when somebody logs in, and kept
// through su and sudo. Each returns 0, or -1 where the process belongs to no login or the kernel does not tell.

/// Of this process.
int dropgate_login_user(uint32_t *uid);
/// Of the process that connected a Unix socket; `pid` is its SO_PEERCRED. A descriptor of the process itself (SO_PEERPIDFD;
/// before Linux 6.5 pidfd_open(2), so call it as soon as the connection was accepted) is held meanwhile: the number cannot
/// have gone to another process.
int dropgate_peer_login_user(int socket, int32_t pid, uint32_t *uid);

// crypt(3) of libxcrypt. Each returns 0, or -1 when the setting or hash is not a supported one.

/// Writes a hash of `password` by `setting` (a setting of `dropgate_crypt_setting`, or a hash to compare with).
int dropgate_crypt(const char *password, const char *setting, char *result, size_t size);
/// Writes a new setting with system randomness: `prefix` is "$y$" or "$6$", `cost` as in crypt(5), 0 for the default.
int dropgate_crypt_setting(const char *prefix, unsigned long cost, char *result, size_t size);
/// 0 when `hash` uses a method that libxcrypt has and does not call legacy.
int dropgate_crypt_check(const char *hash);
