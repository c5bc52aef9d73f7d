// zlib's gzip files, for sealed segments of the ledger. Results are zlib's; a file is NULL when there is no memory.
#pragma once
#include <stddef.h>

/// gzdopen(3) for reading, from where the descriptor is, with a buffer of 256 KiB; the descriptor is the file's from then on, and stays
/// the caller's on NULL.
void *dropgate_gzip_open(int descriptor);
/// Bytes given; negative on failure. At most 1 GiB at once.
long dropgate_gzip_read(void *file, void *bytes, size_t count);
/// 0 when it was read to a whole end.
int dropgate_gzip_close(void *file);

/// A gzip member (RFC 1952, 2.3) of at most 1 GiB, with extra fields in its header, which begin at its byte 12. Its size, and itself in
/// memory that the caller frees; negative on failure.
long dropgate_gzip_member(
    const void *bytes, size_t count, const void *extra, size_t extra_count, void **member);
