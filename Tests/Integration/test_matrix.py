"""Every common SFTP client with its defaults, in every ordinary case, judged by what the gate's consumer gets.

In the short form all cases of a client that need no session of their own share one; when that one fails, each of them
is done again by itself. LONG_TESTS=1 gives each a session, with larger files and more points of interruption.
MATRIX="lftp jsch" is for work on some clients only.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate, wait_until  # noqa: E402
from matrix_cases import BY_THEMSELVES, CASES, INTERRUPTED, LONG, POINTS, Cell  # noqa: E402
from matrix_clients import CLIENTS, JSCH, missing, script  # noqa: E402
from processes import PATIENCE, Relay, Run, adopt_orphans, own_children  # noqa: E402

# What a login sends at the most, in bytes.
LOGIN = 12_000
# Of what a client had sent when it was killed, the part that must have arrived: sshd hands on 255 KiB at a time.
ARRIVED = 0.4
ACCOUNT = "vsee"
BOX = f"sftp/{ACCOUNT}/"
LOOPBACK = "name: test\nentries:\n  - {cidr: 127.0.0.1/32, service: vsee, channels: [sftp]}\n"
CHOSEN = [client for client in CLIENTS if client.name in os.environ.get("MATRIX", client.name).split()]


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        adopt_orphans()
        cls.addClassCleanup(adopt_orphans, False)
        cls.others = own_children()
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
            left = own_children() - cls.others
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
        sshfs = next(client for client in CLIENTS if client.name == "sshfs")
        if missing(sshfs):
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
        wrong = None if LONG else self.tell(client, shared, "first")
        if LONG or wrong:
            for cell in shared:
                if not LONG:
                    cell = cells[cell.case] = self.cell(client, cell.case, alone=True)
                self.tell(client, [cell], "first", blame=True)
            self.blame_together([cells[cell.case] for cell in shared], wrong)
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
        shared = [cell for cell in cells if cell.case != "check"]
        wrong = None if LONG else self.tell(client, shared, "second")
        if LONG or wrong:
            for cell in shared:
                self.tell(client, [cell], "second", blame=True)
            self.blame_together(shared, wrong)
        self.tell(client, [cell for cell in cells if cell.case == "check"], "second", blame=True)

    @staticmethod
    def blame_together(cells, wrong):
        """A session that did all of it failed. Each alone shows which case it was; if none did, it was the session."""
        if wrong and not any(cell.failures for cell in cells):
            cells[0].failures.append(f"each case by itself succeeds; in one session: {wrong}")

    def interrupt(self, client, cell, number, point):
        """Kills a client in mid-transfer, then has it go on; what it goes on with is counted."""
        name = cell.name(f"{number}.bin")
        local = os.path.join(cell.folder, name)
        pattern = os.path.join(self.gate.staging, "incoming/sftp/*/parts/*.part")
        incoming = glob.glob(pattern)

        def size(path):
            try:
                return os.path.getsize(path)
            except FileNotFoundError:  # released since
                return 0

        def arrived():
            """Much of it is with the gate: a kill loses what sshd has not handed on, and a write is up to 255 KiB."""
            return [path for path in set(glob.glob(pattern)) - set(incoming) if size(path) > ARRIVED * point * INTERRUPTED]
        relay = Relay(self.gate.ports["sftp"], LOGIN + int(point * INTERRUPTED))
        run = self.start(client, ["put", local, name], port=relay.port_here)
        try:
            wait_until(lambda: relay.held.wait(0.02) or run.process.poll() is not None, PATIENCE,
                       f"the middle of {name}")
            self.assertTrue(relay.held.is_set(), "it ended before its middle")
            wait_until(arrived, what=f"the first part of {name}")
            run.kill()
            relay.close()
            wait_until(lambda: [e for e in self.gate.entries("--reason", "incomplete") if name in str(e)],
                       what=f"the entry that {name} is incomplete")
        except AssertionError as error:
            cell.failures.append(str(error))
            return
        finally:
            run.kill()
            relay.close()
            self.unmount()
        relay = Relay(self.gate.ports["sftp"])
        try:
            verb = "put" if cell.dash else "resume"
            wrong = self.start(client, [verb, local, name], port=relay.port_here).finish()
        finally:
            relay.close()
        if wrong:
            cell.failures.append(wrong)
        elif not cell.dash and relay.carried > INTERRUPTED - ARRIVED * point * INTERRUPTED + LOGIN:
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
        accepted = [e for e in of_drop if e["kind"] == "transfer" and e["verdict"] == "accepted"
                    and e["reason"] != "renamed"]
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
        self.assertTrue(CHOSEN, "MATRIX names no client")
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
        with self.subTest("nothing else is in ready/"):
            own = BOX + r"\W*(" + "|".join(client.name for client in CHOSEN) + ")_"
            self.assertEqual([p for p in self.gate.ready() if not re.match(own, p)], [BOX + "last"])
        for cell in cells:
            with self.subTest(client=cell.client.name, case=CASES[cell.case][0]):
                self.assertEqual(cell.failures, [])


if __name__ == "__main__":
    unittest.main()
