"""The listed clients whose answers are timed while others flood the gate.

Each asks at a fixed rate. A time begins when the request was due, not when it was sent: one slow answer makes those late
that wait behind it, and they count (no coordinated omission). Each runs in a process of its own.
"""
import math
import multiprocessing
import re
import socket
import ssl
import time
import uuid

from attacks import LISTED
from gate import V2

# Requests a second.
RATES = {"kept alive": 50, "new TLS": 10, "SFTP": 1}


class Webhook:
    """A client of HTTP/1.1 over TLS."""

    def __init__(self, gate, path, keeps):
        self.port, self.path, self.keeps, self.connection = gate.ports["webhook"], path, keeps, None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 10, (LISTED, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = self.context.wrap_socket(connection)

    def ask(self):
        if not self.connection:
            self.connect()
        event = (V2 % uuid.uuid4()).encode()
        self.connection.sendall(
            f"POST {self.path} HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(event)}\r\n\r\n".encode() + event)
        answer = b""
        while not (end := re.match(rb"(?s)(.*?)\r\n\r\n(.*)", answer)) \
                or len(end[2]) < int(re.search(rb"(?i)content-length: (\d+)", end[1])[1]):
            piece = self.connection.recv(1 << 16)
            if not piece:
                raise OSError(f"closed after {answer[:100]}")
            answer += piece
        if not self.keeps or re.search(rb"(?i)connection: close", end[1]):
            self.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(answer.partition(b"\r\n")[0].decode())

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class SFTP:
    """OpenSSH's client: a login and a small file."""

    def __init__(self, gate):
        self.gate, self.file = gate, gate.file("small", b"small")

    def ask(self):
        said = self.gate.sftp(f"put {self.file} /{uuid.uuid4()}.txt")
        if said.returncode:
            raise OSError(said.stderr)

    def close(self):
        pass


def client(kind, gate, path):
    return SFTP(gate) if kind == "SFTP" else Webhook(gate, path, keeps=kind == "kept alive")


def work(kind, gate, path, seconds, results):
    caller, times, errors = client(kind, gate, path), [], []
    rate, began = RATES[kind], time.monotonic()
    for number in range(max(1, int(rate * seconds))):
        due = began + number / rate
        time.sleep(max(0, due - time.monotonic()))
        try:
            caller.ask()
            times.append(time.monotonic() - due)
        except (OSError, TypeError) as problem:
            errors.append(f"{kind}: {problem}")
            caller.close()
    caller.close()
    results.put((kind, times, errors))


class Figures:
    """What the listed clients saw in one stretch of time, and what the gate took meanwhile."""

    def __init__(self):
        self.times, self.errors, self.memory = {}, [], 0

    def percentile(self, kind, part):
        """Milliseconds."""
        times = sorted(self.times.get(kind, []))
        return times[max(0, math.ceil(part * len(times)) - 1)] * 1e3 if times else math.nan


def resident(process):
    """MiB."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def watch(gate, path, seconds, kinds):
    """Runs the clients for so long."""
    figures, forked = Figures(), multiprocessing.get_context("fork")
    results = forked.Queue()
    running = [forked.Process(target=work, args=(kind, gate, path, seconds, results), daemon=True) for kind in kinds]
    for process in running:
        process.start()
    while len(figures.times) < len(kinds):
        if gate.process.poll() is not None:
            raise SystemExit("the gate ended:\n" + gate.log()[-4000:])
        figures.memory = max(figures.memory, resident(gate.process))
        while not results.empty():
            kind, times, errors = results.get()
            figures.times[kind] = times
            figures.errors += errors
        time.sleep(0.02)
    for process in running:
        process.join()
    return figures
