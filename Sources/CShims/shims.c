#define _GNU_SOURCE
#include "shims.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int dropgate_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE);
}

int dropgate_syncfs(int descriptor) { return syncfs(descriptor); }

int dropgate_openat(int directory, const char *name, int flags, unsigned int mode) {
    return openat(directory, name, flags, mode);
}
