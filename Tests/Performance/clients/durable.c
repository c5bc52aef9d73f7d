// What the disk alone makes events wait, and what the kernel takes for them: events come at a fixed rate, one thread makes
// those that have come durable together, in a file that has room for them, and another gives each a file of its own, in
// batches, as the gate does. Nothing is received, parsed, digested, indexed or answered.
//
//   durable DIRECTORY SECONDS RATE BYTES      prints one line of JSON; times in ms from when an event was due
//
// For each event three times its BYTES go into the first file (about what the ledger's log takes), and as many as its BYTES
// into a file of receipts.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

enum { ROOM = 48 << 20, SPREAD = 3, TOGETHER = 512, BATCH = 4096, NICE = 10 };
static const double REST = 0.1; // seconds, before a batch that is not full

static const char *directory;
static char *bytes;
static long size;
static atomic_long durable;
static atomic_int ended;

static void rest(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    if (seconds > 0) nanosleep(&time, NULL);
}

static void write_all(int file, long count, off_t at) {
    while (count > 0) {
        ssize_t written = at < 0 ? write(file, bytes, count) : pwrite(file, bytes, count, at);
        if (written < 0) fail("write");
        count -= written;
        if (at >= 0) at += written;
    }
}

static int folder(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (mkdir(path, 0700)) fail(path);
    int descriptor = open(path, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) fail(path);
    return descriptor;
}

static int new_file(int folder, const char *name) {
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (file < 0) fail(name);
    return file;
}

static void batch(int incoming, int receipts, int ready, long first, long count) {
    char name[64], list[80];
    snprintf(name, sizeof name, "%026ld", first);
    snprintf(list, sizeof list, "%s.receipts", name);
    if (mkdirat(incoming, name, 0700)) fail("mkdir");
    int events = openat(incoming, name, O_RDONLY | O_DIRECTORY), lines = new_file(incoming, list);
    if (events < 0) fail(name);
    for (long number = first; number < first + count; number++) {
        char event[128];
        snprintf(event, sizeof event, "081530.%06ldZ-visit.ended-5c34979c-%026ld.json", number % 1000000, number);
        int file = new_file(events, event);
        write_all(file, size, -1);
        close(file);
        write_all(lines, size, -1);
    }
    close(lines);
    if (syncfs(events)) fail("syncfs");
    close(events);
    if (renameat(incoming, list, receipts, list) || fsync(receipts)) fail("receipts");
    if (renameat(incoming, name, ready, name) || fsync(ready)) fail("ready");
}

static void *stage(void *unused) {
    (void)unused;
    setpriority(PRIO_PROCESS, syscall(SYS_gettid), NICE);
    int incoming = folder("incoming"), receipts = folder("receipts"), ready = folder("ready");
    long staged = 0;
    while (!ended) {
        if (durable - staged < BATCH) rest(REST);
        long count = durable - staged;
        if (count > BATCH) count = BATCH;
        if (count) batch(incoming, receipts, ready, staged, count);
        staged += count;
    }
    return NULL;
}

static int order(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
    if (count != 5) return 64;
    directory = arguments[1];
    double seconds = atof(arguments[2]), rate = atof(arguments[3]);
    size = atol(arguments[4]);
    bytes = calloc(1, ROOM);
    double *times = calloc((size_t)(seconds * rate) + TOGETHER + 1, sizeof *times);
    char path[4096];
    snprintf(path, sizeof path, "%s/log", directory);
    int log = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (log < 0 || !bytes || !times) fail(path);
    write_all(log, ROOM, 0);
    if (fsync(log)) fail("fsync");
    pthread_t stager;
    if (pthread_create(&stager, NULL, stage, NULL)) return 1;
    off_t at = 0;
    double began = now();
    while (now() < began + seconds) {
        long due = (now() - began) * rate, new = due - durable;
        if (new <= 0) {
            rest(began + (durable + 1) / rate - now());
            continue;
        }
        if (new > TOGETHER) new = TOGETHER;
        long length = (new * size * SPREAD + 4095) & ~4095L;
        if (at + length > ROOM) at = 0;
        write_all(log, length, at);
        if (fdatasync(log)) fail("fdatasync");
        at += length;
        double end = now();
        for (long number = durable; number < durable + new; number++) times[number] = end - (began + (number + 1) / rate);
        durable += new;
    }
    ended = 1;
    pthread_join(stager, NULL);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(times, durable, sizeof *times, order);
    printf("{\"events\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"cpu_us\": %.1f}\n", (long)durable,
           times[durable / 2] * 1e3, times[durable * 99 / 100] * 1e3, cpu / durable * 1e6);
    return 0;
}
