"""Programs that a test runs, to their end or to be killed, and what lies between them and the gate.

Nothing of a Run is left when it has ended.
"""
import ctypes
import glob
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from gate import children, descendants, wait_until

# Seconds that no run of a client comes near.
PATIENCE = 60


def adopt_orphans(on=True):
    """From now on a process whose parent ended becomes this one's child: none can get lost (prctl(2))."""
    ctypes.CDLL(None).prctl(36, int(on), 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def own_children():
    return set(children(os.getpid()))


def alone(action, patience=10):
    """Has another process do an action that returns an exit status, and ends whatever that process left behind, however it
    ended. Returns the status, or 1 when something was left that did not end by itself in some seconds."""
    adopt_orphans()
    tester = os.fork()
    if tester == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        sys.exit(action())
    # Of an interrupt from the terminal the tester hears by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(tester, signal.SIGKILL))
    while (ended := os.wait())[0] != tester:
        pass
    status = os.waitstatus_to_exitcode(ended[1])
    status = status if status >= 0 else 128 - status

    def left():
        while own_children() and os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return descendants(os.getpid())
    try:
        wait_until(lambda: not left(), patience if status == 0 else 1)
    except AssertionError:
        for pid in left():
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    print(f"left behind: {pid} {' '.join(file.read().split(chr(0)))}", file=sys.stderr)
            except OSError:
                pass
        status = status or 1

    kill_until_none(left, "the end of what tests have started")
    return status


def kill_until_none(look, what):
    """Kills what a look finds, until it finds none: each finds what was started since the one before."""
    def gone():
        for pid in (found := look()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not found
    wait_until(gone, what=what)


class Run:
    """A driver at work, in a session of its own. What it starts is known by a mark in its environment: it may go to another
    session, and lose its parents."""

    def __init__(self, command, environment, folder):
        self.command, self.others = command, own_children()
        self.mark = f"TEST_RUN={secrets.token_hex(16)}"
        name, _, value = self.mark.partition("=")
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, env={**environment, name: value}, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, start_new_session=True)

    def kill(self):
        """The client with all it started, as when its machine loses power."""
        if not self.output.closed:
            self.kill_all()
            self.output.close()

    def finish(self):
        """Waits for its end. Returns what was wrong, or None."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = f"no end within {PATIENCE} s"
        try:  # What ends by itself is given the time for it.
            wait_until(lambda: not self.running(), 5)
        except AssertionError:
            pass
        self.kill_all()
        with self.output:
            self.output.seek(0)
            text = self.output.read().decode(errors="replace").strip().splitlines()
        if status == 0:
            return None
        if len(text) > 12:
            text[4:-8] = ["…"]
        return "\n".join([f"exit status {status}: {' '.join(map(os.path.basename, self.command))}", *text])

    def kill_all(self):
        kill_until_none(self.running, "the end of a client's processes")
        self.process.wait()
        self.reap()

    def running(self):
        """The processes of this run that have not ended."""
        found, mark = [], self.mark.encode()
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(path.split("/")[2]))
            except OSError:  # it has ended, or is another user's
                continue
        return found

    def reap(self):
        """What ended as an orphan is nobody's but this process's."""
        for orphan in own_children() - self.others - {self.process.pid}:
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
