#define _GNU_SOURCE
#include "shims.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int dropgate_contains(const void *bytes, size_t count, const void *wanted, size_t wanted_count) {
    return memmem(bytes, count, wanted, wanted_count) != NULL;
}

int dropgate_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE);
}

int dropgate_o_path(void) { return O_PATH; }

int dropgate_chgrp(int place, uint32_t group) { return fchownat(place, "", (uid_t)-1, group, AT_EMPTY_PATH); }

long dropgate_getxattr(const char *path, const char *name, void *value, size_t size) {
    return getxattr(path, name, value, size);
}

int dropgate_setxattr(const char *path, const char *name, const void *value, size_t size) {
    return setxattr(path, name, value, size, 0);
}

int dropgate_syncfs(int descriptor) { return syncfs(descriptor); }

int dropgate_openat(int directory, const char *name, int flags, unsigned int mode) {
    return openat(directory, name, flags, mode);
}

int dropgate_return_large_blocks(int bytes) { return mallopt(M_MMAP_THRESHOLD, bytes); }

static int unmap_code(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        // What was written to would be lost; code is not.
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || segment->p_flags & PF_W) continue;
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 1;  // The first object is the program (dl_iterate_phdr(3)).
}

void dropgate_unmap_code(void) { dl_iterate_phdr(unmap_code, 0); }

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
