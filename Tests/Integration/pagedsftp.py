"""An SFTP server for sshd's `Subsystem`: a collector's tree behind a slow line. The names of its receipts come in pages of two, each
so many seconds after it was asked for; there is no file of such a name.

    pagedsftp.py PAGES SECONDS            then the listing ends
    pagedsftp.py PAGES SECONDS silent     then no page is answered any more
"""
import struct
import sys
import time

from rawsftp import ABSENT, DIRECTORY, EOF, OK, Attributes, string

# Draft-ietf-secsh-filexfer-02, section 3.
INIT, VERSION, CLOSE, LSTAT, OPENDIR, READDIR, STAT = 1, 2, 4, 7, 11, 12, 17
STATUS, HANDLE, NAME, ATTRS = 101, 102, 104, 105


def drops(pages):
    """The drops that wait, oldest first."""
    return [f"01kb{number:022d}" for number in range(2 * pages)]


def requests():
    """(kind, id) of each, until the client has gone."""
    while size := sys.stdin.buffer.read(4):
        packet = sys.stdin.buffer.read(*struct.unpack(">I", size))
        yield packet[0], packet[1:5]


def answer(kind, *parts):
    sys.stdout.buffer.write(string(bytes([kind]) + b"".join(parts)))
    sys.stdout.buffer.flush()


def status(request, code):
    answer(STATUS, request, struct.pack(">I", code), string(""), string(""))


def main(pages, seconds, is_silent):
    left = drops(pages)
    for kind, request in requests():
        if kind == INIT:
            answer(VERSION, struct.pack(">I", 3))
        elif kind in (STAT, LSTAT):
            answer(ATTRS, request, Attributes(mode=DIRECTORY | 0o755).encoded())
        elif kind == OPENDIR:
            answer(HANDLE, request, string("receipts"))
        elif kind == READDIR:
            time.sleep(seconds)
            page, left = left[:2], left[2:]
            if page:
                names = [string(drop + ".json") + string(drop) + Attributes().encoded() for drop in page]
                answer(NAME, request, struct.pack(">I", len(page)), *names)
            elif not is_silent:
                status(request, EOF)
        else:
            status(request, OK if kind == CLOSE else ABSENT)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:] == ["silent"])
