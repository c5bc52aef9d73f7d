"""What servers have in common: a process tree of ours on loopback, in a directory of its own, run as an unprivileged user,
asked for its processor time and memory, and stopped by its own process id.
"""
import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "Integration"))
from gate import free_port, wait_until  # noqa: E402, F401
from peers.cpu import new_group  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
PATH = "/webhooks/vsee"
ACCOUNT = "performance"  # who logs in by SFTP, everywhere
NOBODY = 65534
LONGEST = 4096  # bytes of an event, and more


class Failed(Exception):
    """Something did not work; the figures would mean nothing."""


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def as_user():
    """Arguments of subprocess.Popen: root's servers run as nobody, those of anybody else as who calls."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


def give(*paths):
    """To the user that servers run as."""
    if os.getuid() == 0:
        for path in paths:
            os.chown(path, NOBODY, NOBODY)


def identity():
    """Name and number of the user and of the group that servers run as."""
    user = pwd.getpwuid(NOBODY if os.getuid() == 0 else os.getuid())
    return user.pw_name, user.pw_uid, grp.getgrgid(user.pw_gid).gr_name, user.pw_gid


def run(*command, seconds=120, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def contents(name, folder):
    """Of a small file in an open directory: as few system calls as there can be, because a minute leaves a million of them.
    What is longer than an event ever is comes in part, and is no event."""
    file = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(file, LONGEST)
    finally:
        os.close(file)


def where(program):
    """Of a server: /usr/sbin is not in every user's path."""
    found = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
    if not found:
        raise Failed(f"{program} is not installed")
    return found


class Server:
    """A process tree. Use it in a `with` statement: its end stops the server."""

    def __init__(self, place):
        """A new directory of this name in a place."""
        self.directory = Path(place) / type(self).__name__.lower()
        self.directory.mkdir()
        give(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def folder(self, name):
        path = self.directory / name
        path.mkdir()
        give(path)
        return path

    def write(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        give(path)
        return path

    def start(self, command, environment=None):
        self.log, self.group = self.directory / "output.log", new_group()
        with open(self.log, "ab") as output, self.group.entered() if self.group else contextlib.nullcontext():
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self.directory, env={**os.environ, **(environment or {})}, **as_user())

    def ready(self, condition, seconds=60, pause=0.02):
        def check():
            if self.process.poll() is not None:
                raise Failed(f"{self.process.args[0]} ended at its start:\n{self.said()}")
            return condition()
        try:
            return wait_until(check, seconds, f"the start of {self.process.args[0]}", pause)
        except BaseException:
            self.stop()
            raise

    def said(self):
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.group:
            self.group.close()

    def tree(self):
        """(pid, own processor seconds and those of reaped children) of the process and its descendants."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found.append((pid, sum(map(int, fields[11:15])) / TICKS))
                for task in Path(f"/proc/{pid}/task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
        return found

    def cpu(self):
        """Seconds of processor time, of all that was ever started where a control group can tell (cpu.py)."""
        return self.group.seconds() if self.group else sum(seconds for _, seconds in self.tree())

    def settle(self, size):
        """Waits until the processes of the last sessions are gone, so that their processor time is counted."""
        wait_until(lambda: len(self.tree()) <= size, 60, "the end of a session's processes")

    def memory(self, program=None):
        """MB that its processes have resident, or those that run this program; pages that they share count once."""
        total = 0
        for pid, _ in self.tree():
            with contextlib.suppress(OSError):
                if program in (None, Path(Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]).name):
                    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                    total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


class Store(Server):
    """A server that takes webhooks and keeps each body in a file of its own in `self.files`."""

    path, scheme = PATH, "http"

    def drain(self):
        """Waits until all that was answered is where it belongs."""

    def bodies(self):
        """Those that lie there, finished or in part."""
        for path, _, names in os.walk(self.files):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                yield from (contents(name, folder) for name in names if not name.startswith("."))
            finally:
                os.close(folder)

    def count(self):
        """How many events it has, for the difference of two."""
        return sum(len(names) for _, _, names in os.walk(self.files))

    def recorded(self):
        """How many events a server says itself that it has; None where it keeps no record."""
        return None
