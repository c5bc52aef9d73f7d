// Sockets of callers and passwords of accounts; see login.h.
#define _GNU_SOURCE
#include "login.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int dropgate_peer_credentials(int socket, int32_t *pid, uint32_t *uid) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
}

static int login_user(const char *path, uint32_t *uid) {
    char text[16];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return -1;
    text[count] = 0;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    // 4294967295 is -1: nobody has logged in.
    if (errno != 0 || end == text || (*end != 0 && *end != '\n') || number >= UINT32_MAX) return -1;
    *uid = (uint32_t)number;
    return 0;
}

int dropgate_login_user(uint32_t *uid) { return login_user("/proc/self/loginuid", uid); }

static int peer_process(int socket, int32_t pid) {
    int process = -1;
    socklen_t length = sizeof process;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &process, &length) == 0) return process;
    return errno == ENOPROTOOPT ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

int dropgate_peer_login_user(int socket, int32_t pid, uint32_t *uid) {
    char path[32];
    if (pid <= 0) return -1;
    int process = peer_process(socket, pid);
    if (process < 0) return -1;
    snprintf(path, sizeof path, "/proc/%d/loginuid", pid);
    uint32_t found;
    int outcome = login_user(path, &found);
    // It becomes readable when the process ends: until then the number is this process's.
    struct pollfd watched = {.fd = process, .events = POLLIN};
    if (outcome == 0 && poll(&watched, 1, 0) == 0) *uid = found;
    else outcome = -1;
    close(process);
    return outcome;
}

// crypt(3) reports failure in two ways: NULL, or a text that begins with '*'.
static int copy_result(const char *text, char *result, size_t size) {
    if (text == NULL || text[0] == '*' || strlen(text) >= size) return -1;
    memcpy(result, text, strlen(text) + 1);
    return 0;
}

int dropgate_crypt(const char *password, const char *setting, char *result, size_t size) {
    struct crypt_data data;
    memset(&data, 0, sizeof data);
    int outcome = copy_result(crypt_r(password, setting, &data), result, size);
    explicit_bzero(&data, sizeof data);
    return outcome;
}

int dropgate_crypt_setting(const char *prefix, unsigned long cost, char *result, size_t size) {
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    return copy_result(crypt_gensalt_rn(prefix, cost, NULL, 0, setting, sizeof setting), result, size);
}

int dropgate_crypt_check(const char *hash) {
    return crypt_checksalt(hash) == CRYPT_SALT_OK ? 0 : -1;
}
