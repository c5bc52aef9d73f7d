#include "gzip.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void *dropgate_gzip_open(int descriptor) {
    gzFile file = gzdopen(descriptor, "rb");
    if (file != NULL) gzbuffer(file, 1 << 14);  // a first read unpacks two of these, however little it asks for
    return file;
}

long dropgate_gzip_read(void *file, void *bytes, size_t count) {
    return gzread((gzFile)file, bytes, count > 1u << 30 ? 1u << 30 : (unsigned)count);
}

int dropgate_gzip_close(void *file) { return gzclose((gzFile)file); }

long dropgate_gzip_member(
    const void *bytes, size_t count, const void *extra, size_t extra_count, void **member) {
    *member = NULL;
    if (count > 1u << 30 || extra_count > 1u << 15) return -1;
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    // 16: a gzip header and trailer around the data.
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return -1;
    gz_header header;
    memset(&header, 0, sizeof header);
    header.extra = (Bytef *)extra;
    header.extra_len = (uInt)extra_count;
    header.os = 3;
    long size = -1;
    if (deflateSetHeader(&stream, &header) == Z_OK) {
        uLong most = deflateBound(&stream, count);
        *member = malloc(most);
        if (*member != NULL) {
            stream.next_in = (Bytef *)bytes;
            stream.avail_in = (uInt)count;
            stream.next_out = *member;
            stream.avail_out = (uInt)most;
            if (deflate(&stream, Z_FINISH) == Z_STREAM_END) size = (long)stream.total_out;
        }
    }
    deflateEnd(&stream);
    if (size < 0) {
        free(*member);
        *member = NULL;
    }
    return size;
}
