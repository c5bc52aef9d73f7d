#define _GNU_SOURCE
#include "shims.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

int dropgate_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE);
}

int dropgate_o_path(void) { return O_PATH; }

int dropgate_chgrp(int place, uint32_t group) { return fchownat(place, "", (uid_t)-1, group, AT_EMPTY_PATH); }

int dropgate_syncfs(int descriptor) { return syncfs(descriptor); }

int dropgate_openat(int directory, const char *name, int flags, unsigned int mode) {
    return openat(directory, name, flags, mode);
}

int dropgate_return_large_blocks(int bytes) { return mallopt(M_MMAP_THRESHOLD, bytes); }

int dropgate_clock_synchronised(void) {
    struct timex clock = {0};
    int state = adjtimex(&clock);
    if (state < 0) return -1;
    return state != TIME_ERROR && !(clock.status & STA_UNSYNC);
}

uint64_t dropgate_filesystem_type(const char *path) {
    struct statfs filesystem;
    return statfs(path, &filesystem) == 0 ? (uint64_t)(uint32_t)filesystem.f_type : 0;
}
