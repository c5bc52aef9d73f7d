// Sends events at a fixed rate over kept-alive connections, and tells how long each answer took.
//
//   paced EVENT PORT CONNECTIONS SECONDS RATE RUN     prints one line of JSON; times in ms
//
// EVENT is a file, @ in it stands for the event's id; RUN makes the ids those of this run. A time begins when the request was
// due: a slow answer makes those late that wait behind it, and they count. RATE 0: the next one when the last is answered,
// and a time begins when it is sent. A connection that its server closes after an answer is made anew. An answer that is not
// 200 ends it with status 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { MOST = 1024, ANSWER = 8192 };

struct caller {
    pthread_t thread;
    int number;
    double *times;
    size_t count, room;
};

static struct sockaddr_in server;
static char event[4096], *rest;
static int connections, run;
static double began, until, rate;

static void wait_until(double moment) {
    struct timespec time = {(time_t)moment, (long)((moment - (time_t)moment) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL)) {}
}

static int connected(void) {
    int on = 1, descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(descriptor, (struct sockaddr *)&server, sizeof server)) fail("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

// Whether the server goes on with this connection.
static int ask(int socket, struct caller *caller) {
    char request[8192], answer[ANSWER + 1], *body, *length;
    int size = snprintf(request, sizeof request,
        "POST /webhooks/vsee HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
        "%s%08x-%04x-4000-8000-%012zx%s", strlen(event) + 36 + strlen(rest), event, run, caller->number, caller->count, rest);
    if (send(socket, request, size, MSG_NOSIGNAL) != size) fail("send");
    for (size_t got = 0;;) {
        ssize_t more = recv(socket, answer + got, ANSWER - got, 0);
        if (more <= 0) fail("recv");
        answer[got += more] = 0;
        if (!(body = strstr(answer, "\r\n\r\n"))) continue;
        if (strncmp(answer, "HTTP/1.1 200", 12)) { fputs(answer, stderr); exit(1); }
        if (!(length = strcasestr(answer, "content-length:"))) fail("no content-length");
        if (got >= (size_t)(body + 4 - answer) + strtoul(length + 15, NULL, 10))
            return !strcasestr(answer, "\r\nconnection: close\r\n");
    }
}

static void *call(void *of) {
    struct caller *caller = of;
    int socket = connected();
    for (;;) {
        double due = rate ? began + (caller->number + (double)caller->count * connections) / rate : now();
        if (due >= until) break;
        wait_until(due);
        if (!ask(socket, caller)) {
            close(socket);
            socket = connected();
        }
        if (caller->count == caller->room) {
            caller->room = caller->room ? caller->room * 2 : 1024;
            if (!(caller->times = realloc(caller->times, caller->room * sizeof *caller->times))) fail("realloc");
        }
        caller->times[caller->count++] = now() - due;
    }
    close(socket);
    return NULL;
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    static struct caller callers[MOST];
    FILE *file = count == 7 ? fopen(words[1], "r") : NULL;
    if (!file || !fgets(event, sizeof event, file) || !(rest = strchr(event, '@'))) return 64;
    *rest++ = 0;
    rest[strcspn(rest, "\n")] = 0;
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons(atoi(words[2]));
    connections = atoi(words[3]);
    if (connections < 1 || connections > MOST) return 64;
    rate = atof(words[5]);
    run = atoi(words[6]);
    began = now() + 0.1;  // until all are connected
    until = began + atof(words[4]);
    for (int i = 0; i < connections; i++) {
        callers[i].number = i;
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i])) fail("thread");
    }
    size_t all = 0;
    for (int i = 0; i < connections; i++) {
        pthread_join(callers[i].thread, NULL);
        all += callers[i].count;
    }
    double *times = malloc((all + 1) * sizeof *times), seconds = now() - began;
    if (!times || !all) return 1;
    for (int i = 0, at = 0; i < connections; at += callers[i++].count)
        memcpy(times + at, callers[i].times, callers[i].count * sizeof *times);
    qsort(times, all, sizeof *times, compare);
    printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", all, seconds,
           times[all / 2] * 1e3, times[all * 99 / 100] * 1e3);
    return 0;
}
