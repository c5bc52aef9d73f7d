// Sockets of callers and passwords of accounts; see login.h.
#define _GNU_SOURCE
#include "login.h"

#include <crypt.h>
#include <string.h>
#include <sys/socket.h>

int dropgate_peer_credentials(int socket, int32_t *pid, uint32_t *uid) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
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
