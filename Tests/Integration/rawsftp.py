"""A raw SFTP client: OpenSSH's `ssh -s sftp` carries the packets, and every request is made by hand, so that a test
says exactly what is sent, in which order, over which session. Draft-ietf-secsh-filexfer-02; no third-party module.
"""
import os
import select
import struct
import subprocess
import time

READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32
PUT = WRITE | CREATE | TRUNCATE
OK, EOF, ABSENT, DENIED, FAILURE = 0, 1, 2, 3, 4
DIRECTORY, FILE = 0o040000, 0o100000
PIECE = 32 << 10


class Refused(Exception):
    """A STATUS that is not OK."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Gone(Exception):
    """The channel has ended."""


def string(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(value)) + value


class Attributes:
    def __init__(self, size=None, mode=None, mtime=None):
        self.size, self.mode, self.mtime = size, mode, mtime

    @property
    def is_directory(self):
        return self.mode & 0o170000 == DIRECTORY

    def encoded(self):
        flags, body = 0, b""
        if self.size is not None:
            flags, body = flags | 1, body + struct.pack(">Q", self.size)
        if self.mode is not None:
            flags, body = flags | 4, body + struct.pack(">I", self.mode)
        if self.mtime is not None:
            flags, body = flags | 8, body + struct.pack(">II", self.mtime, self.mtime)
        return struct.pack(">I", flags) + body

    @classmethod
    def decode(cls, data, at):
        result = cls()
        flags, = struct.unpack_from(">I", data, at)
        at += 4
        if flags & 1:
            result.size, = struct.unpack_from(">Q", data, at)
            at += 8
        if flags & 2:
            at += 8
        if flags & 4:
            result.mode, = struct.unpack_from(">I", data, at)
            at += 4
        if flags & 8:
            result.mtime = struct.unpack_from(">II", data, at)[1]
            at += 8
        return result, at


class Client:
    """One session of the gate's account. Requests may be sent ahead: `send` gives an id, `wait` its answer."""

    def __init__(self, gate, source="127.0.0.2", timeout=60):
        self.timeout = timeout
        # No text for a client may show where the gate keeps its things.
        self.secrets = [gate.root, "state/", "staging/", "incoming/", "ready/"]
        self.process = subprocess.Popen(
            ["ssh", *gate.ssh_options(source), "-o", "LogLevel=ERROR", "-p", str(gate.ports["sftp"]), "-s",
             f"{gate.account}@127.0.0.1", "sftp"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.buffer = b""
        self.answers = {}
        self.number = 0
        try:
            self._write(struct.pack(">IBI", 5, 1, 3))
            self.version = self._packet()
        except Gone:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """As a client ends that has nothing more to say."""
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def kill(self):
        """As a connection ends that breaks off."""
        self.process.kill()
        self.end()

    def ended(self, seconds):
        """Whether the gate ends the session within so many seconds."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    # Packets

    def _write(self, data):
        view = memoryview(data)
        try:
            while view:
                view = view[self.process.stdin.write(view):]
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error

    def _packet(self):
        end = time.monotonic() + self.timeout
        while True:
            if len(self.buffer) >= 4:
                length, = struct.unpack_from(">I", self.buffer)
                if len(self.buffer) >= 4 + length:
                    packet, self.buffer = self.buffer[4:4 + length], self.buffer[4 + length:]
                    return packet
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no answer within {self.timeout} s")
            data = os.read(self.process.stdout.fileno(), 1 << 18)
            if not data:
                raise Gone("the channel has ended")
            self.buffer += data

    def send(self, kind, payload):
        self.number += 1
        self._write(struct.pack(">IBI", len(payload) + 5, kind, self.number) + payload)
        return self.number

    def wait(self, number):
        """The answer to a request: its type and body."""
        while number not in self.answers:
            packet = self._packet()
            self.answers[struct.unpack_from(">I", packet, 1)[0]] = (packet[0], packet[5:])
        kind, body = self.answers.pop(number)
        if kind == 101:
            code, length = struct.unpack_from(">II", body)
            text = body[8:8 + length].decode()
            for secret in self.secrets:
                assert secret not in text, f"a text for a client shows a path of the server: {text}"
            if code != OK:
                raise Refused(code, text)
        return kind, body

    def ask(self, kind, payload):
        return self.wait(self.send(kind, payload))

    @staticmethod
    def _handle(answer):
        return answer[1][4:4 + struct.unpack_from(">I", answer[1])[0]]

    # Requests

    def open(self, path, flags=PUT, **attributes):
        return self._handle(self.ask(3, string(path) + struct.pack(">I", flags) + Attributes(**attributes).encoded()))

    def send_write(self, handle, offset, data):
        return self.send(6, string(handle) + struct.pack(">Q", offset) + string(data))

    def write(self, handle, offset, data):
        """Any length, in pieces, sixteen of them on the way at once."""
        ahead = []
        for at in range(0, len(data), PIECE) or [0]:
            ahead.append(self.send_write(handle, offset + at, data[at:at + PIECE]))
            if len(ahead) > 16:
                self.wait(ahead.pop(0))
        for number in ahead:
            self.wait(number)

    def close(self, handle):
        self.ask(4, string(handle))

    def put(self, path, data=b"", flags=PUT):
        handle = self.open(path, flags)
        if data:
            self.write(handle, 0, data)
        self.close(handle)

    def stat(self, path):
        return Attributes.decode(self.ask(17, string(path))[1], 0)[0]

    def lstat(self, path):
        return Attributes.decode(self.ask(7, string(path))[1], 0)[0]

    def fstat(self, handle):
        return Attributes.decode(self.ask(8, string(handle))[1], 0)[0]

    def size(self, path):
        """None: there is no such file."""
        try:
            return self.stat(path).size
        except Refused as refused:
            if refused.code != ABSENT:
                raise
            return None

    def setstat(self, path, **attributes):
        self.ask(9, string(path) + Attributes(**attributes).encoded())

    def fsetstat(self, handle, **attributes):
        self.ask(10, string(handle) + Attributes(**attributes).encoded())

    def rename(self, old, new):
        self.ask(18, string(old) + string(new))

    def posix_rename(self, old, new):
        self.ask(200, string("posix-rename@openssh.com") + string(old) + string(new))

    def remove(self, path):
        self.ask(13, string(path))

    def mkdir(self, path):
        self.ask(14, string(path) + Attributes().encoded())

    def rmdir(self, path):
        self.ask(15, string(path))

    def opendir(self, path):
        return self._handle(self.ask(11, string(path)))

    def readdir(self, handle):
        """The next names, each with its attributes; empty at the end."""
        try:
            _, body = self.ask(12, string(handle))
        except Refused as refused:
            if refused.code != EOF:
                raise
            return []
        count, = struct.unpack_from(">I", body)
        at, found = 4, []
        for _ in range(count):
            length, = struct.unpack_from(">I", body, at)
            name = body[at + 4:at + 4 + length]
            at += 4 + length
            at += 4 + struct.unpack_from(">I", body, at)[0]
            attributes, at = Attributes.decode(body, at)
            found.append((name.decode(), attributes))
        return found

    def list(self, path="/"):
        """Names in a directory without the dots, each once, with attributes."""
        handle = self.opendir(path)
        found = {}
        while page := self.readdir(handle):
            for name, attributes in page:
                assert name not in found, f"{name} is listed twice"
                found[name] = attributes
        self.close(handle)
        return {name: attributes for name, attributes in found.items() if name not in (".", "..")}
