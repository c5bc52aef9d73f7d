// What the clients share.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// Seconds, of a clock that is never set.
static inline double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static inline void fail(const char *why) {
    perror(why);
    exit(1);
}
