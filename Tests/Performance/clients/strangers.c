// Callers that want nothing: connections as fast as they come, and the bare listener to compare with.
//
//   strangers refused|reset PORT SECONDS THREADS FROM COUNT   prints how many connections were made, and that a second
//   strangers sink                                            prints its port; accepts and closes until it is ended
//
// `refused` waits until the other side has closed, `reset` resets at once. Sources are COUNT addresses from FROM on, in
// turn. All on loopback.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static struct sockaddr_in gate;
static uint32_t first;
static unsigned long sources;
static int waits;
static double until;
static atomic_ulong turn, made;

static void *call(void *unused) {
    struct linger at_once = {1, 0};
    struct timeval patience = {20, 0};
    int on = 1;
    while (now() < until) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(first + atomic_fetch_add(&turn, 1) % sources);
        int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        // A reset leaves no port behind that would have to wait (TIME_WAIT).
        setsockopt(caller, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        setsockopt(caller, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(caller, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(caller, (struct sockaddr *)&from, sizeof from) == 0
            && connect(caller, (struct sockaddr *)&gate, sizeof gate) == 0) {
            char byte;
            atomic_fetch_add(&made, 1);
            if (waits) recv(caller, &byte, 1, 0);
        }
        close(caller);
    }
    return unused;
}

static void *sink(void *listener) {
    for (;;) {
        int caller = accept(*(int *)listener, NULL, NULL);
        if (caller >= 0) close(caller);
    }
    return NULL;
}

static int stand(void) {
    static int listener;
    socklen_t size = sizeof gate;
    pthread_t thread;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gate.sin_port = 0;
    if (bind(listener, (struct sockaddr *)&gate, size) || listen(listener, 1024)
        || getsockname(listener, (struct sockaddr *)&gate, &size))
        return 1;
    printf("%d\n", ntohs(gate.sin_port));
    fflush(stdout);
    pthread_create(&thread, NULL, sink, &listener);
    sink(&listener);
    return 0;
}

int main(int count, char **words) {
    gate.sin_family = AF_INET;
    gate.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (count == 2 && !strcmp(words[1], "sink")) return stand();
    if (count != 7) return 64;
    waits = !strcmp(words[1], "refused");
    gate.sin_port = htons(atoi(words[2]));
    int threads = atoi(words[4]);
    struct in_addr from;
    if (threads < 1 || threads > 64 || !inet_aton(words[5], &from)) return 64;
    first = ntohl(from.s_addr);
    sources = strtoul(words[6], NULL, 10);
    double began = now();
    until = began + atof(words[3]);
    pthread_t callers[64];
    for (int i = 0; i < threads; i++) pthread_create(&callers[i], NULL, call, NULL);
    for (int i = 0; i < threads; i++) pthread_join(callers[i], NULL);
    unsigned long all = atomic_load(&made);
    printf("%lu %.0f\n", all, all / (now() - began));
    return 0;
}
