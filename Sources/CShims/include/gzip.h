// zlib's gzip files, for sealed segments of the ledger. Results are zlib's; a file is NULL when there is no memory.
#pragma once
#include <stddef.h>

/// gzdopen(3) with a buffer of 256 KiB; the descriptor is the file's from then on, and stays the caller's on NULL.
void *dropgate_gzip_open(int descriptor, int is_writing);
/// Bytes taken or given; negative on failure. At most 1 GiB at once.
long dropgate_gzip_write(void *file, const void *bytes, size_t count);
long dropgate_gzip_read(void *file, void *bytes, size_t count);
/// 0 when everything was written, or read to a whole end.
int dropgate_gzip_close(void *file);
