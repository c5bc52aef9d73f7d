// C interfaces that Swift cannot call as they are (variadics, macros, structures it does not import).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// memmem(3): whether some bytes stand in others.
int dropgate_contains(const void *bytes, size_t count, const void *wanted, size_t wanted_count);

/// renameat2(2) with RENAME_NOREPLACE: 0, or -1 with errno (EEXIST when the target is there).
int dropgate_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);

/// O_PATH of open(2).
int dropgate_o_path(void);

/// Gives what a descriptor of O_PATH names to a group: 0, or -1 with errno.
int dropgate_chgrp(int place, uint32_t group);

/// getxattr(2) and setxattr(2): a path that is a link is followed.
long dropgate_getxattr(const char *path, const char *name, void *value, size_t size);
int dropgate_setxattr(const char *path, const char *name, const void *value, size_t size);

/// syncfs(2) on the filesystem of an open descriptor: 0, or -1 with errno.
int dropgate_syncfs(int descriptor);

/// openat(2) without its variadic mode.
int dropgate_openat(int directory, const char *name, int flags, unsigned int mode);

/// mallopt(3): blocks of so many bytes and more are given back to the system when they are freed. Left to itself, glibc
/// raises that bound with each larger block that is freed, and keeps them. 1, or 0 when it is refused.
int dropgate_return_large_blocks(int bytes);

/// Unmaps the pages of the program's code that are in memory (madvise(2), MADV_DONTNEED); each comes back from the page cache
/// when it is run again. Libraries keep theirs.
void dropgate_unmap_code(void);

/// adjtimex(2): 1 when the kernel's clock is kept by something (NTP, PTP), 0 when not, -1 when it cannot be asked.
int dropgate_clock_synchronised(void);

/// statfs(2)'s f_type, the magic number of the filesystem that `path` lies on; 0 when it cannot be asked.
uint64_t dropgate_filesystem_type(const char *path);
