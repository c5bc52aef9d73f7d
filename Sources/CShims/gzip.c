#include "gzip.h"
#include <zlib.h>

void *dropgate_gzip_open(int descriptor, int is_writing) {
    gzFile file = gzdopen(descriptor, is_writing ? "wb6" : "rb");
    if (file != NULL) gzbuffer(file, 1 << 18);
    return file;
}

long dropgate_gzip_write(void *file, const void *bytes, size_t count) {
    if (count == 0) return 0;
    if (count > 1u << 30) return -1;
    int written = gzwrite((gzFile)file, bytes, (unsigned)count);
    return written == 0 ? -1 : written;
}

long dropgate_gzip_read(void *file, void *bytes, size_t count) {
    return gzread((gzFile)file, bytes, count > 1u << 30 ? 1u << 30 : (unsigned)count);
}

int dropgate_gzip_close(void *file) { return gzclose((gzFile)file); }
