"""Every common SFTP client with its defaults, in every ordinary case, judged by what the gate's consumer gets.

The drivers lie in clients/, one program a client, in the client's own language. A driver takes words and does them
one after the other, in one session where the client has sessions:

    put LOCAL REMOTE                  one file
    many FOLDER                       every file of a folder, into the login directory
    tree FOLDER                       the folder with all below it, into the login directory
    deliver LOCAL TEMPORARY FINAL     an upload under a temporary name, then the rename
    resume LOCAL REMOTE               goes on with an upload that was interrupted
    check LOCAL REMOTE                compares, with what the client has for it; not 0 when they differ

GATE_HOST, GATE_PORT, GATE_USER and GATE_KEY (a private key file) or GATE_PASSWORD are in the environment, and for
the host's keys GATE_KNOWN_HOSTS (a file) and GATE_HOST_KEYS (fingerprints).

In the short form all cases of a client that need no session of their own share one; when that one fails, each of them
is done again by itself. LONG_TESTS=1 gives each a session, with larger files and more points of interruption.
MATRIX="lftp jsch" is for work on some clients only.
"""
import ctypes
import glob
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
import unittest
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate, wait_until  # noqa: E402

LONG = bool(os.environ.get("LONG_TESTS"))
LARGE, MANY, POINTS = (20 << 20, 50, (0.02, 0.5, 0.95)) if LONG else (2 << 20, 8, (0.5,))
INTERRUPTED = LARGE if LONG else 1 << 20
# What a login sends at the most, in bytes.
LOGIN = 12_000
# Seconds that no run of a client comes near.
PATIENCE = 60
ACCOUNT = "vsee"
BOX = f"sftp/{ACCOUNT}/"
DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
LOOPBACK = "name: test\nentries:\n  - {cidr: 127.0.0.1/32, service: vsee, channels: [sftp]}\n"
JSCH = "/usr/share/java/jsch.jar"


# Clients

@dataclass
class Client:
    name: str
    command: list
    needs: tuple
    """Programs on PATH, and patterns of files."""
    lacks: dict = field(default_factory=dict)
    """Case: why this client cannot do it, by design."""
    mirrors: bool = False
    """A second run of a tree sends nothing. All others send everything again."""
    key: str = "ed25519"


DEBIAN_PYTHON, DEBIAN_MODULES = "/usr/bin/python3", "/usr/lib/python3/dist-packages/"
NO_RENAME = "it cannot rename"
NO_RESUME = "it cannot resume: the whole file again, which is judged"
NO_CHECK = "it can look at nothing on the other side"
ONE_WAY = {"known": NO_RENAME, "unknown": NO_RENAME, "resume": NO_RESUME, "check": NO_CHECK}


def script(name):
    return os.path.join(DRIVERS, name)


CLIENTS = [
    Client("sftp", [script("openssh-sftp.sh")], ("sftp",)),
    Client("scp", [script("openssh-scp.sh")], ("scp",), ONE_WAY),
    Client("psftp", [script("psftp.sh")], ("psftp", "puttygen")),
    Client("pscp", [script("pscp.sh")], ("pscp", "puttygen"), ONE_WAY),
    Client("lftp", [script("lftp.sh")], ("lftp",), mirrors=True),
    Client("rclone", [script("rclone.sh")], ("rclone",), {"resume": NO_RESUME}, mirrors=True),
    Client("curl", [script("curl.sh")], ("curl",)),
    Client("sshfs", [script("sshfs.sh")], ("sshfs", "fusermount3")),
    Client("paramiko", [DEBIAN_PYTHON, script("paramiko-client.py")], (DEBIAN_PYTHON, DEBIAN_MODULES + "paramiko")),
    Client("asyncssh", [DEBIAN_PYTHON, script("asyncssh-client.py")], (DEBIAN_PYTHON, DEBIAN_MODULES + "asyncssh")),
    Client("phpseclib", ["php", script("phpseclib.php")], ("php", "/usr/share/php/phpseclib3")),
    Client("net-sftp-foreign", ["perl", script("net-sftp-foreign.pl")],
           ("perl", "/usr/share/perl5/Net/SFTP/Foreign.pm", "/usr/lib/*/perl5/*/IO/Pty.pm")),
    Client("ruby-net-sftp", ["ruby", script("net-sftp.rb")],
           ("ruby", "/usr/share/rubygems-integration/*/gems/net-sftp-*"), {"resume": NO_RESUME}),
    Client("libssh2", [DEBIAN_PYTHON, script("libssh2-client.py")], (DEBIAN_PYTHON,)),
    Client("libssh", ["libssh-client"], ("gcc", "/usr/include/libssh/sftp.h")),
    Client("jsch", ["java", "-cp", JSCH + ":.", "JSchClient"], ("java", "javac", JSCH), key="ecdsa"),
]
CHOSEN = [client for client in CLIENTS if client.name in os.environ.get("MATRIX", client.name).split()]


def missing(client):
    """What of a client is not installed, or None."""
    for need in client.needs:
        if not (glob.glob(need) if need.startswith("/") else shutil.which(need)):
            return need


# Cases

def version(name, number=2):
    """The name of a later version: report~2.csv."""
    stem, extension = os.path.splitext(name)
    return f"{stem}~{number}{extension}"


class Cell:
    """One client in one case: what it is told, in two rounds, and what the consumer must find."""

    def __init__(self, client, case, folder, alone=False):
        self.client, self.case = client, case
        self.prefix = f"{client.name}_{case}_" + ("alone_" if alone else "")
        self.folder = os.path.join(folder, self.prefix)
        os.mkdir(self.folder)
        self.first, self.second, self.expected = [], [], {}
        self.dash, self.failures = client.lacks.get(case), []
        # What a client cannot do is not tried, but for the file that is sent whole again.
        if not self.dash or case == "resume":
            CASES[case][1](self)

    def name(self, rest):
        return self.prefix + rest

    def file(self, name, size, below=""):
        """A local file of random bytes, an hour old. Returns its path and content."""
        path = os.path.join(self.folder, below, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = os.urandom(size)
        with open(path, "wb") as file:
            file.write(data)
        hour_ago = time.time() - 3600
        os.utime(path, (hour_ago, hour_ago))
        return path, data

    def put(self, name, size):
        path, data = self.file(name, size)
        self.first += ["put", path, name]
        self.expected[name] = data


def small(cell):
    cell.put(cell.name("a.bin"), 3000)


def empty(cell):
    cell.put(cell.name("a.bin"), 0)


def large(cell):
    cell.put(cell.name("a.bin"), LARGE)


def many(cell):
    for number in range(MANY):
        name = cell.name(f"{number:02}.bin")
        _, cell.expected[name] = cell.file(name, 100 + number, below="many")
    cell.first = ["many", os.path.join(cell.folder, "many")]


def tree(cell):
    top = cell.name("tree")
    for name in ("top.csv", "a/one.csv", "a/b/c/deep.csv", "a/b/c/deeper.csv", "z/last.csv"):
        _, data = cell.file(name, 500, below=top)
        cell.expected[f"{top}/{name}"] = data
        if not cell.client.mirrors:
            cell.expected[version(f"{top}/{name}")] = data
    cell.first = cell.second = ["tree", os.path.join(cell.folder, top)]


def unicode_names(cell):
    cell.put(cell.name("Entlassbrief Müller – Ωμέγα 患者 🩺.txt").replace(" ", "_"), 700)
    cell.put(unicodedata.normalize("NFD", cell.name("décomposé.txt")), 700)


def spaces(cell):
    cell.put(cell.name("visit report  of today.txt"), 700)
    cell.put(cell.name("all's well (1) & more.txt"), 700)


def overwrite(cell):
    name = cell.name("report.csv")
    old, cell.expected[name] = cell.file(name, 4000, below="old")
    new, cell.expected[version(name)] = cell.file(name, 900, below="new")
    cell.first, cell.second = ["put", old, name], ["put", new, name]


def temporary(ending):
    def case(cell):
        name = cell.name("report.csv")
        path, cell.expected[name] = cell.file(name, 5000)
        cell.first = ["deliver", path, name + ending, name]
    return case


def resume(cell):
    for number in range(len(POINTS)):
        name = cell.name(f"{number}.bin")
        _, cell.expected[name] = cell.file(name, INTERRUPTED)


def check(cell):
    cell.put(cell.name("a.bin"), 6000)
    cell.second = ["check", os.path.join(cell.folder, cell.name("a.bin")), cell.name("a.bin")]
    cell.first += cell.second


CASES = {
    "key": ("key", small), "password": ("password", small), "empty": ("empty", empty), "large": ("large", large),
    "many": ("many", many), "tree": ("tree twice", tree), "unicode": ("Unicode", unicode_names),
    "spaces": ("spaces", spaces), "overwrite": ("again", overwrite), "known": (".part", temporary(".part")),
    "unknown": (".b4send", temporary(".b4send")), "resume": ("resume", resume), "check": ("check", check),
}
BY_THEMSELVES = ("password", "resume")


# Processes

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
        self.end()
        with self.output:
            self.output.seek(0)
            text = self.output.read().decode(errors="replace").strip().splitlines()
        if status == 0:
            return None
        return f"exit status {status}: {' '.join(map(os.path.basename, self.command))}\n" + "\n".join(text if len(text) < 13 else [*text[:4], "…", *text[-8:]])

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


# The matrix

class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        adopt_orphans()
        cls.addClassCleanup(adopt_orphans, False)
        cls.others = children()
        cls.gate = Gate(sources=LOOPBACK, environment={"DROPGATE_SFTP_SETTLE": "1s"}, account=ACCOUNT)
        cls.addClassCleanup(cls.close)
        cls.root = cls.gate.root
        for folder in ("home", "tmp", "local", "bin"):
            os.mkdir(os.path.join(cls.root, folder))
        cls.make_keys()
        cls.gate.start()
        cls.make_clients()
        cls.cells, cls.without_fuse = [], cls.fuse_is_missing()

    @classmethod
    def close(cls):
        cls.unmount()
        cls.gate.close()

        def gone():
            left = children() - cls.others
            for process in left:
                os.waitpid(process, os.WNOHANG)
            return not left
        wait_until(gone, what="the end of the gate's processes")

    @classmethod
    def unmount(cls):
        """What a killed sshfs leaves behind."""
        with open("/proc/self/mounts") as mounts:
            for place in [line.split()[1] for line in mounts if line.split()[1].startswith(cls.gate.root)]:
                subprocess.run(["fusermount3", "-uz", place], check=True)

    @classmethod
    def make_keys(cls):
        """The account takes an ECDSA key too, in PEM: JSch 0.1.55 reads no other that is not RSA or DSA."""
        gate, ecdsa = cls.gate, cls.gate.key + "-ecdsa"
        subprocess.run(["ssh-keygen", "-q", "-m", "PEM", "-t", "ecdsa", "-N", "", "-f", ecdsa], check=True)
        gate.run("account", "remove", ACCOUNT, "--config", gate.config)
        gate.run("account", "add", ACCOUNT, "--key", gate.key + ".pub", "--key", ecdsa + ".pub", "--password-stdin",
                 "--config", gate.config, input=gate.password + "\n")
        cls.keys = {"ed25519": gate.key, "ecdsa": ecdsa}
        if shutil.which("puttygen"):
            subprocess.run(["puttygen", gate.key, "-o", gate.key + ".ppk"], check=True)

    @classmethod
    def make_clients(cls):
        """Builds those that are built, and says who the gate is."""
        environment = {**os.environ, "HOME": os.path.join(cls.root, "home"), "TMPDIR": os.path.join(cls.root, "tmp"),
                       "LC_ALL": "C.UTF-8", "PATH": os.path.join(cls.root, "bin") + ":" + os.environ["PATH"]}
        for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY"):
            environment.pop(name, None)
        known, prints = os.path.join(cls.root, "known"), []
        with open(known, "w") as file:
            for key in glob.glob(os.path.join(cls.gate.home, "state/keys/ssh_host_*.pub")):
                with open(key) as public:
                    file.write("* " + public.read())
                prints.append(subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True,
                                             text=True).stdout.split()[1])
        cls.environment = {**environment, "GATE_HOST": "127.0.0.1", "GATE_USER": ACCOUNT, "GATE_KNOWN_HOSTS": known,
                           "GATE_HOST_KEYS": " ".join(prints)}
        place = os.path.join(cls.root, "bin")
        cls.unbuilt = {}
        for client, command in (
                ("libssh", ["gcc", "-Wall", "-o", os.path.join(place, "libssh-client"), script("libssh.c"), "-lssh"]),
                ("jsch", ["javac", "-cp", JSCH, "-d", place, script("JSchClient.java")])):
            if shutil.which(command[0]):
                built = subprocess.run(command, capture_output=True, text=True)
                if built.returncode != 0:
                    cls.unbuilt[client] = built.stderr

    @classmethod
    def fuse_is_missing(cls):
        """By a mount of what the machine's own sftp-server shows, without any gate."""
        server, folder = "/usr/lib/openssh/sftp-server", os.path.join(cls.root, "tmp/mount")
        if missing(next(client for client in CLIENTS if client.name == "sshfs")):
            return False
        os.mkdir(folder)
        ssh = os.path.join(cls.root, "bin/ssh-to-here")
        with open(ssh, "w") as file:
            file.write(f"#!/bin/sh\nexec {server}\n")
        os.chmod(ssh, 0o700)
        run = Run(["sshfs", "-o", f"ssh_command={ssh}", "nobody@localhost:/", folder], cls.environment, cls.root)
        run.process.wait()
        mounted = run.process.returncode == 0 and os.path.ismount(folder)
        if mounted:
            subprocess.run(["fusermount3", "-u", folder], check=True)
        run.finish()
        return not mounted

    def start(self, client, words, password=False, port=None):
        environment = {
            **self.environment, "GATE_PORT": str(port or self.gate.ports["sftp"]),
            "GATE_KEY": "" if password else self.keys[client.key],
            "GATE_PASSWORD": self.gate.password if password else ""}
        return Run([*client.command, *words], environment, os.path.join(self.root, "bin"))

    def cell(self, client, case, alone=False):
        return Cell(client, case, os.path.join(self.root, "local"), alone)

    # One client

    def first_round(self, client):
        """Returns the cells of a client, after all that needs no waiting."""
        cells = {case: self.cell(client, case) for case in CASES}
        lacking = missing(client)
        if lacking or client.name in self.unbuilt:
            for cell in cells.values():
                cell.failures.append(f"not installed: {lacking}" if lacking else self.unbuilt[client.name])
            return cells
        if client.name == "sshfs" and self.without_fuse:
            for cell in cells.values():
                cell.dash, cell.expected, cell.first, cell.second = "no FUSE here", {}, [], []
            return cells
        shared = [cell for case, cell in cells.items() if case not in BY_THEMSELVES]
        if LONG or self.tell(client, shared, "first"):
            for cell in shared:
                if not LONG:
                    cell = cells[cell.case] = self.cell(client, cell.case, alone=True)
                self.tell(client, [cell], "first", blame=True)
        self.tell(client, [cells["password"]], "first", blame=True, password=True)
        for number, point in enumerate(POINTS):
            self.interrupt(client, cells["resume"], number, point)
        return cells

    def tell(self, client, cells, which, blame=False, password=False):
        """Has a client do one round of some cells. Returns what was wrong, or None."""
        words = [word for cell in cells for word in getattr(cell, which)]
        if not words:
            return None
        wrong = self.start(client, words, password).finish()
        if wrong and blame:
            for cell in cells:
                cell.failures.append(wrong)
        return wrong

    def second_round(self, client, cells):
        """What comes when the first is in ready/."""
        cells = [cell for cell in cells.values() if cell.second and not cell.failures]
        if LONG or self.tell(client, [cell for cell in cells if cell.case != "check"], "second"):
            for cell in cells:
                if cell.case != "check":
                    self.tell(client, [cell], "second", blame=True)
        self.tell(client, [cell for cell in cells if cell.case == "check"], "second", blame=True)

    def interrupt(self, client, cell, number, point):
        """Kills a client in mid-transfer, then has it go on; what it goes on with is counted."""
        name = cell.name(f"{number}.bin")
        local = os.path.join(cell.folder, name)
        relay = Relay(self.gate.ports["sftp"], LOGIN + int(point * INTERRUPTED))
        try:
            run = self.start(client, ["put", local, name], port=relay.port_here)
            wait_until(lambda: relay.held.wait(0.02) or run.process.poll() is not None, PATIENCE, "the middle")
            if not relay.held.is_set():
                cell.failures.append("before its middle: " + (run.finish() or "it ended"))
                return
            run.kill()
            self.unmount()
        finally:
            relay.close()
        try:
            wait_until(lambda: [e for e in self.gate.entries("--reason", "incomplete") if name in str(e)],
                       what=f"the entry that {name} is incomplete")
        except AssertionError as error:
            cell.failures.append(str(error))
        relay = Relay(self.gate.ports["sftp"])
        try:
            verb = "put" if cell.dash else "resume"
            wrong = self.start(client, [verb, local, name], port=relay.port_here).finish()
        finally:
            relay.close()
        if wrong:
            cell.failures.append(wrong)
        elif not cell.dash and relay.carried > INTERRUPTED:
            cell.failures.append(f"it sent {relay.carried} bytes of {INTERRUPTED} again")

    # Judgement

    def await_drops(self, names):
        """They are in ready/, or it is too late."""
        places = {BOX + name for name in names}
        try:
            wait_until(lambda: places <= set(self.gate.ready()), 15)
        except AssertionError:
            pass  # Each cell says what it lacks.

    def judge(self, cells):
        """The right bytes under the right names, once; receipt and ledger agree; and nothing else is there."""
        receipts, entries = {}, {}
        for receipt in self.gate.receipts():
            receipts.setdefault(receipt["file"], []).append(receipt)
        for entry in self.gate.entries("--channel", "sftp", "--account", ACCOUNT):
            if "drop" in entry:
                entries.setdefault(entry["drop"]["id"], []).append(entry)
        ready = set(self.gate.ready())
        for cell in cells:
            for name, data in cell.expected.items():
                if BOX + name in ready:
                    self.judge_drop(cell, name, data, receipts, entries)
            expected = {BOX + name for name in cell.expected}
            for what, places in (("not in ready/", expected - ready), ("in ready/ besides", ready - expected)):
                names = sorted(place.removeprefix(BOX) for place in places if self.is_of(cell, place))
                if names:
                    cell.failures.append(f"{what}: {', '.join(names)}")

    @staticmethod
    def is_of(cell, place):
        found = re.match(BOX + r"\W*" + re.escape(cell.prefix) + "(alone_)?", place)
        return found and (cell.prefix.endswith("alone_") or not found.group(1))

    def judge_drop(self, cell, name, data, receipts, entries):
        place = BOX + name
        if self.gate.contents(place) != data:
            cell.failures.append(f"other bytes: {name}")
        own = receipts.get("ready/" + place, [])
        if len(own) != 1:
            cell.failures.append(f"{len(own)} receipts of {name}")
            return
        receipt = own[0]
        said = (receipt["bytes"], receipt["sha256"], receipt["source"], receipt["account"],
                receipt["credential"] == "password")
        if said != (len(data), hashlib.sha256(data).hexdigest(), "127.0.0.1", ACCOUNT, cell.case == "password"):
            cell.failures.append(f"the receipt of {name} says {said}")
        of_drop = entries.get(receipt["drop"], [])
        accepted = [e for e in of_drop if e["kind"] == "transfer" and e["verdict"] == "accepted"]
        if len(accepted) != 1:
            cell.failures.append(f"{len(accepted)} transfers in the ledger of {name}")
        elif accepted[0]["drop"].get("sha256") != receipt["sha256"] or place not in [
                e["drop"].get("name") for e in of_drop]:
            cell.failures.append(f"the ledger says of {name}: {accepted[0]['drop']}")

    def table(self, rows):
        notes, lines = [], []
        for client, cells in zip(CHOSEN, rows):
            line = f"{client.name:17}"
            for case, (title, _) in CASES.items():
                cell = cells[case]
                text = "FAIL" if cell.failures else "ok"
                if cell.dash and not cell.failures:
                    if cell.dash not in notes:
                        notes.append(cell.dash)
                    text = f"— {notes.index(cell.dash) + 1}"
                line += f" {text:{len(title)}}"
            lines.append(line.rstrip())
        head = f"{'':17} " + " ".join(title for title, _ in CASES.values())
        notes = [f"— {number}  {note}" for number, note in enumerate(notes, 1)]
        mirrors = ", ".join(client.name for client in CLIENTS if client.mirrors)
        notes.append(f"tree twice: {mirrors} send nothing the second time, all others everything, as versions")
        failures = [f"FAIL {client.name}, {CASES[case][0]}: " + "; ".join(cell.failures)
                    for client, cells in zip(CHOSEN, rows) for case, cell in cells.items() if cell.failures]
        return "\n".join(["", head, *lines, "", *notes, "", *failures])

    def test_every_client_in_every_case(self):
        rows = [self.first_round(client) for client in CHOSEN]
        cells = [cell for row in rows for cell in row.values()]
        self.await_drops(name for cell in cells if cell.second and not cell.failures
                         for name in cell.expected if "~2" not in name)
        for client, row in zip(CHOSEN, rows):
            self.second_round(client, row)
        # What comes last is in ready/ last: then nothing else is on its way.
        last = self.gate.file("last", b"last")
        self.assertEqual(self.gate.sftp(f"put {last} last\n", source="127.0.0.1").returncode, 0)
        self.await_drops(["last", *(name for cell in cells if not cell.failures for name in cell.expected)])
        self.judge(cells)
        print(self.table(rows), flush=True)
        for cell in cells:
            with self.subTest(client=cell.client.name, case=CASES[cell.case][0]):
                self.assertEqual(cell.failures, [])


if __name__ == "__main__":
    unittest.main()
