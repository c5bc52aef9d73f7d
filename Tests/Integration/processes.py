"""Programs that a test runs, to their end or to be killed, and what lies between them and the gate.

Nothing of a Run is left when it has ended.
"""
import ctypes
import glob
import os
import signal
import socket
import subprocess
import tempfile
import threading

from gate import wait_until

# Seconds that no run of a client comes near.
PATIENCE = 60


def adopt_orphans(on=True):
    """From now on a process whose parent ended becomes this one's child: none can get lost (prctl(2))."""
    ctypes.CDLL(None).prctl(36, int(on), 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def children():
    found = set()
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                after = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after[1]) == os.getpid():
            found.add(int(path.split("/")[2]))
    return found


class Run:
    """A driver at work, in a process group of its own."""

    def __init__(self, command, environment, folder):
        self.command, self.others = command, children()
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, start_new_session=True)

    def kill(self):
        """The client with all it started, as when its machine loses power."""
        if not self.output.closed:
            self.signal_group()
            self.process.wait()
            self.end()
            self.output.close()

    def finish(self):
        """Waits for its end. Returns what was wrong, or None."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = f"no end within {PATIENCE} s"
            self.signal_group()
            self.process.wait()
        self.end()
        with self.output:
            self.output.seek(0)
            text = self.output.read().decode(errors="replace").strip().splitlines()
        if status == 0:
            return None
        if len(text) > 12:
            text[4:-8] = ["…"]
        return "\n".join([f"exit status {status}: {' '.join(map(os.path.basename, self.command))}", *text])

    def end(self):
        """Nothing that it started is there any more. What ends by itself is given the time for it."""
        try:
            wait_until(lambda: self.reap() or not children() - self.others - {self.process.pid}, 5)
        except AssertionError:
            self.signal_group()
            for orphan in children() - self.others:
                os.kill(orphan, signal.SIGKILL)
            self.process.wait()
            wait_until(lambda: self.reap() or not children() - self.others, 10, "the end of a client's processes")
        self.signal_group()

    def signal_group(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reap(self):
        for orphan in children() - self.others - {self.process.pid}:
            os.waitpid(orphan, os.WNOHANG)


class Relay:
    """Carries connections to the gate, and counts what clients send; after `limit` bytes it carries no more."""

    def __init__(self, port, limit=None):
        self.port, self.limit, self.carried = port, limit, 0
        self.held, self.lock = threading.Event(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port_here = self.listener.getsockname()[1]
        self.sockets, self.threads = [], []
        self.start(self.accept)

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                gate = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            self.sockets += [client, gate]
            for end in (client, gate):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.start(self.carry, client, gate, True)
            self.start(self.carry, gate, client, False)

    def carry(self, source, target, up):
        try:
            while data := source.recv(1 << 14):
                if up:
                    with self.lock:
                        data = data[:self.limit - self.carried] if self.limit else data
                        self.carried += len(data)
                        full = self.carried == self.limit
                    target.sendall(data)
                    if full:
                        self.held.set()
                        return
                else:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for end in [self.listener, *self.sockets]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(10)
        for end in [self.listener, *self.sockets]:
            end.close()
