"""What the gate says, as far as the fuzzer must understand it: statuses, and whether an input has been dealt with."""
import re
import struct

import frames
from hpack import StatusReader
from inputs import ANY

FINAL = re.compile(rb"HTTP/1\.[01] ([2-9]\d\d) ")


class Reader1:
    """HTTP/1.1. The gate's bodies are JSON in one line, and hold nothing that looks like a status line."""
    opening = b""

    def __init__(self):
        self.is_closing = False

    def begin(self, given):
        self.given, self.buffer, self.statuses, self.is_settled = given, b"", [], False

    def feed(self, data):
        """The statuses that are new, each with whether it answers the present input."""
        self.buffer += data
        found = [int(status) for status in FINAL.findall(self.buffer)]
        new, self.statuses = found[len(self.statuses):], found
        ends = self.buffer.endswith(b"}\n") or (self.given.head and self.buffer.endswith(b"\r\n\r\n"))
        self.is_settled = bool(found) and ends
        self.is_closing = self.is_closing or b"\r\nconnection: close" in self.buffer
        return [(status, True) for status in new]

    def behind(self, given):
        return b""

    def owed(self):
        return b""


class Reader2:
    """HTTP/2. A stream that the gate resets counts as answered, with status 0."""
    opening = frames.OPENING

    def __init__(self):
        self.is_closing, self.buffer, self.block, self.acks = False, b"", b"", 0
        self.hpack = StatusReader()
        # Streams whose inputs were read to their end and not answered yet.
        self.pending = set()

    def begin(self, given):
        self.stream, self.number, self.statuses, self.is_settled = given.stream, given.number, [], False
        # With a ping behind it an input is dealt with when that is answered: before, not all of it has been read.
        self.has_ping = given.expect == ANY

    def rest(self):
        """No input is under way; what comes now is for earlier ones."""
        self.stream = 0

    def feed(self, data):
        self.buffer += data
        found, at = [], 0
        while len(self.buffer) - at >= 9:
            length = int.from_bytes(self.buffer[at:at + 3], "big")
            if len(self.buffer) - at < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[at + 3:at + 9])
            payload = self.buffer[at + 9:at + 9 + length]
            at += 9 + length
            if kind in (frames.HEADERS, frames.CONTINUATION):
                self.block += payload
                if flags & frames.END_HEADERS:
                    status, self.block = self.hpack.status(self.block), b""
                    if status and status >= 200:
                        found.append(self.answered(stream, status))
            elif kind == frames.RST and (stream == self.stream and not self.statuses or stream in self.pending):
                found.append(self.answered(stream, 0))
            elif kind == frames.SETTINGS and not flags & frames.ACK:
                self.acks += 1
            elif kind == frames.GOAWAY:
                self.is_closing = True
            elif kind == frames.PING and flags & frames.ACK and payload == struct.pack(">Q", self.number):
                self.is_settled = True
        self.buffer = self.buffer[at:]
        return found

    def answered(self, stream, status):
        if stream != self.stream:
            was_pending = stream in self.pending
            self.pending.discard(stream)
            return status, None if was_pending else False
        self.statuses.append(status)
        self.is_settled = self.is_settled or not self.has_ping
        return status, True

    def behind(self, given):
        """What tells that the gate has read the input."""
        return frames.ping(given.number) if self.has_ping else b""

    def owed(self):
        """Goes out between two inputs only: within one it would be a mutation of its own."""
        acks, self.acks = self.acks, 0
        return frames.frame(frames.SETTINGS, frames.ACK, 0) * acks
