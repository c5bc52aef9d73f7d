"""Auditors: who may only read, what they are told, copies on media that cannot be written, and who did what. A real other user."""
# Needs: python3-cryptography
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, become, copy_program, reachable, read, wait_until  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
VERIFIER = os.path.join(ROOT, "Deploy/verify-bundle.py")
GUIDE = os.path.join(ROOT, ".github/guides/auditing.md")
KEEPER, AUDITOR, GROUP = "nobody", "www-data", "games"
OWN = "node: gate\nstate: %s\nwebhook: {listen: '127.0.0.1:0', plaintext: true}\n"


def read_only(directory):
    """A prefix that runs a command where nothing can be written to a directory."""
    script = f'mount --bind "{directory}" "{directory}" && mount -o remount,ro,bind "{directory}" && exec "$@"'
    return ["unshare", "-m", "sh", "-ec", script, "sh"]


@unittest.skipUnless(os.geteuid() == 0, "needs other users")
class Auditing(unittest.TestCase):
    def gate(self, keeper=None):
        gate = Gate()
        self.addCleanup(gate.close)
        os.chmod(gate.root, 0o755)
        os.chmod(gate.home, 0o711)
        self.program = copy_program(gate.root)
        # The auditor's own directory.
        self.desk = os.path.join(gate.root, "desk")
        os.mkdir(self.desk)
        shutil.chown(self.desk, AUDITOR)
        text = read(gate.config).replace("#read_group: dropgate-audit", f"read_group: {GROUP}")
        with open(gate.config, "w") as file:
            file.write(text)
        if keeper:
            subprocess.run(["chown", "-R", f"{keeper}:nogroup", gate.home], check=True)
            gate.program, gate.wrapper = self.program, become(keeper, GROUP)
        else:
            gate.run("init", "--config", gate.config)
        self.state = os.path.join(gate.home, "state")
        self.own = self.settings(self.state)
        return gate

    def settings(self, state, name="audit.yaml"):
        path = os.path.join(self.desk, name)
        with open(path, "w") as file:
            file.write(OWN % state)
        os.chmod(path, 0o644)
        return path

    def audit(self, *arguments, prefix=become(AUDITOR, GROUP), config=None, **options):
        return subprocess.run([*prefix, self.program, *arguments, "--config", config or self.own], capture_output=True,
                              text=True, timeout=60, cwd=self.desk, **options)

    def found(self, right, prefix=become(AUDITOR, GROUP)):
        """What somebody may read (r) or write (w) below the state, whatever it lies in, by its path there."""
        return reachable(self.state, right, prefix)

    def test_the_group_reads_ledger_checkpoints_and_public_keys_and_changes_nothing(self):
        gate = self.gate(KEEPER)
        gate.start()
        gate.post(V2 % "1")
        gate.run("ledger", "checkpoint", "--config", gate.config)
        month = [os.path.join(folder, name) for folder in ("checkpoints", "policies")
                 for name in os.listdir(os.path.join(self.state, folder))]
        self.assertEqual(set(self.found("r")) - {"run/control.sock"}, {
            *month, "ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal", "ledger.sqlite.open",
            *("keys/" + name for name in os.listdir(os.path.join(self.state, "keys")) if name.endswith(".pub"))})
        self.assertEqual(self.found("w"), ["run/control.sock"])
        self.assertEqual(self.found("r", become(AUDITOR)), [])
        verified = self.audit("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertIn("accepted", self.audit("attempts").stdout)
        doctor = gate.run("doctor", "--config", gate.config, check=False).stdout
        self.assertNotIn("open to others", doctor)
        for suffix in ("-wal", "-shm"):
            path = os.path.join(self.state, "ledger.sqlite" + suffix)
            os.rename(path, path + ".away")
            # Missing, and with another one in its place.
            for other in (False, True):
                if other:
                    shutil.copy2(path + ".away", path)
                    shutil.chown(path, KEEPER, GROUP)
                for command in (["attempts"], ["ledger", "verify"]):
                    refused = self.audit(*command)
                    self.assertEqual(refused.returncode, 75, refused.stdout + refused.stderr)
                    self.assertIn(path, refused.stderr)
            os.rename(path + ".away", path)
        wait_until(lambda: gate.health()[0] == "ready", what="the gate to go on")
        gate.stop()
        self.assertEqual(self.audit("ledger", "verify").returncode, 0, "the gate does not run")

    def modes(self):
        """Mode, user and group of all in the state but what is staged and what belongs to the running gate."""
        found = {}
        for folder, folders, names in os.walk(self.state):
            folders[:] = [name for name in folders if name not in ("staging", "sshd")]
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                status = os.lstat(path)
                found[os.path.relpath(path, self.state)] = (oct(status.st_mode), status.st_uid, status.st_gid)
        return found

    def set_group(self, gate, line):
        text = re.sub(r"(?m)^  #?read_group: .*$", f"  {line}", read(gate.config))
        with open(gate.config, "w") as file:
            file.write(text)

    def test_who_is_taken_out_of_the_settings_is_shut_out_at_the_next_start(self):
        gate = self.gate(KEEPER)
        self.set_group(gate, "#read_group: none")
        gate.start()
        gate.post(V2 % "1")
        gate.stop()
        closed = self.modes()
        for path in ("read-group", "ledger.sqlite-wal", "ledger.sqlite-shm"):
            self.assertNotIn(path, closed)
        # Of another group than the auditors': left as it is.
        os.chmod(os.path.join(self.state, "run"), 0o710)
        other = os.stat(os.path.join(self.state, "run")).st_gid
        self.set_group(gate, f"read_group: {GROUP}")
        gate.start()
        self.assertEqual(self.audit("ledger", "verify").returncode, 0)
        gate.run("ledger", "checkpoint", "--config", gate.config)
        gate.stop()
        self.assertEqual(self.audit("ledger", "verify").returncode, 0)
        self.assertNotEqual(self.modes(), closed)
        self.assertIn("ledger.sqlite", self.found("r"))
        self.set_group(gate, "#read_group: none")
        gate.start()
        self.assertEqual(self.found("r"), [])
        self.assertIn("permission denied", self.audit("ledger", "verify").stderr)
        gate.stop()
        self.assertEqual(self.found("r"), [])
        now = self.modes()
        # What was opened is the gate's alone by now, the public key too.
        closed["keys/ledger.key.pub"] = (oct(stat.S_IFREG | 0o600), *closed["keys/ledger.key.pub"][1:])
        self.assertEqual({path: now[path] for path in closed}, closed)
        self.assertEqual({mode[2] for mode in now.values()}, {other})
        self.assertNotIn("read-group", now)

    def test_a_group_that_the_system_does_not_know_is_told(self):
        gate = self.gate()
        self.set_group(gate, "read_group: no-such-group")
        said = "ledger.read_group: there is no group no-such-group: addgroup --system no-such-group"
        self.assertIn(said, gate.run("serve", "--check", "--config", gate.config).stderr)
        doctor = gate.run("doctor", "--config", gate.config, check=False)
        self.assertEqual(doctor.returncode, 1)
        self.assertIn(said, doctor.stdout)
        gate.start()
        self.assertIn(said, gate.run("doctor", "--config", gate.config, check=False).stdout)
        self.assertIn(said, gate.log())
        gate.stop()

    def test_what_a_lock_and_a_long_read_of_an_auditor_do_is_what_the_guide_says(self):
        gate = self.gate(KEEPER)
        gate.start()
        hold = """
import fcntl, sqlite3, sys
if sys.argv[1] == "lock":
    # WAL_WRITE_LOCK (sqlite.org/walformat.html, 2.3.1)
    shared = open(sys.argv[2] + "-shm", "rb")
    fcntl.lockf(shared, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 120)
else:
    database = sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
    database.execute("BEGIN")
    database.execute("SELECT count(*) FROM entries").fetchone()
print("held", flush=True)
sys.stdin.read()
"""

        def holder(what):
            process = subprocess.Popen(
                [*become(AUDITOR, GROUP), "/usr/bin/python3", "-c", hold, what, os.path.join(self.state, "ledger.sqlite")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.stdin.close)
            self.assertEqual(process.stdout.readline(), "held\n")
            return process
        locked = holder("lock")
        self.assertIn("503", gate.post(V2 % "locked out").stderr)
        wait_until(lambda: "another process holds it" in gate.log(), what="the problem in the log")
        locked.stdin.close()
        locked.wait()
        wait_until(lambda: gate.post(V2 % "again").returncode == 0, what="the gate to accept again")
        reading = holder("read")
        log = os.path.join(self.state, "ledger.sqlite-wal")
        # SQLite empties the log after some 1000 pages of 4 KiB, were it not for the reader.
        for number in range(5000):
            if os.path.getsize(log) > 8 << 20:
                break
            self.assertEqual(gate.post(V2 % f"long {number}").returncode, 0)
        self.assertGreater(os.path.getsize(log), 8 << 20)
        reading.stdin.close()
        gate.stop()

    def test_the_running_gate_records_what_an_auditor_takes_and_does_nothing_else_for_it(self):
        gate = self.gate(KEEPER)
        gate.start()
        gate.post(V2 % "1")
        drop = json.loads(self.audit("attempts", "--kind", "request", "--format", "jsonl").stdout)["drop"]["id"]
        taken = self.audit("attempts", "--format", "csv", "--comment", "audit 7")
        self.assertEqual(taken.returncode, 0, taken.stderr)
        entry = gate.entries("--kind", "access")[-1]
        self.assertEqual((entry["detail"]["user"], entry["detail"]["comment"]), (AUDITOR, "audit 7"))
        for refused in (["drops", "ack", drop], ["ledger", "checkpoint"], ["ledger", "rotate-key"]):
            said = self.audit(*refused)
            self.assertEqual(said.returncode, 1, refused)
            self.assertIn("may read the ledger, and nothing else", said.stderr)
        self.assertEqual([e["reason"] for e in gate.entries("--kind", "access") if "drop" in e["detail"]], [])
        gate.stop()
        alone = self.audit("attempts", "--format", "csv")
        self.assertEqual((alone.returncode, alone.stdout), (70, ""))
        self.assertIn("nothing was exported", alone.stderr)
        self.assertIn("permission denied", alone.stderr)

    def test_who_may_not_ask_the_gate_is_not_told_that_none_runs(self):
        gate = self.gate(KEEPER)
        gate.start()
        for prefix, words in ((become(AUDITOR), rf"is not known: .*permission denied: {AUDITOR} may not connect to "
                                                rf"\S*/control.sock: run this as its owner \(sudo -u {KEEPER}\)"),
                              (become(AUDITOR, GROUP), "does not report its state: .* may read the ledger, and nothing else")):
            with self.subTest(prefix):
                doctor = self.audit("doctor", "--format", "json", prefix=prefix)
                self.assertEqual(doctor.returncode, 1, doctor.stderr)
                self.assertRegex(doctor.stdout, words)
                self.assertNotRegex(doctor.stdout, "no gate runs|is not bound|cannot be bound")
        alone = self.audit("drops", "ack", "01k0000000000000000000000a", prefix=become(AUDITOR))
        self.assertEqual(alone.returncode, 70)
        self.assertRegex(alone.stderr, "whether a gate runs is not known: .*permission denied")
        gate.stop()
        self.assertIn("no gate runs", self.audit("doctor").stdout, "the group may look whether there is one")

    def test_an_auditor_who_holds_many_connections_leaves_the_others_and_the_gate_theirs(self):
        gate = self.gate(KEEPER)
        gate.start()
        hold = """
import select, socket, sys
held, gone = [socket.socket(socket.AF_UNIX) for _ in range(20)], set()
for one in held:
    one.connect(sys.argv[1])
while len(gone) < 16 and (told := select.select([one for one in held if one not in gone], [], [], 20)[0]):
    gone |= {one for one in told if one.recv(1) == b""}
print(len(gone), flush=True)
sys.stdin.read()
"""
        holder = subprocess.Popen(
            [*become(AUDITOR, GROUP), "/usr/bin/python3", "-c", hold, os.path.join(self.state, "run/control.sock")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdin.close)
        self.assertEqual(holder.stdout.readline(), "16\n", "four of one user at once")
        self.assertEqual(self.audit("attempts", "--format", "csv").returncode, 75)
        # Another auditor has places of its own.
        self.assertEqual(self.audit("attempts", "--format", "csv", prefix=become("daemon", GROUP)).returncode, 0)
        gate.run("ledger", "checkpoint", "--config", gate.config)
        holder.stdin.close()
        wait_until(lambda: self.audit("attempts", "--format", "csv").returncode == 0, what="a free place")
        gate.stop()

    def test_auditors_cannot_fill_the_disk_with_entries(self):
        gate = self.gate(KEEPER)
        gate.start()
        self.assertEqual(self.audit("attempts", "--format", "csv").returncode, 0)
        ask = """
import json, socket, sys
def ask(request):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(sys.argv[1])
        one.sendall(json.dumps({"version": 8, "message": {"request": request}}).encode() + b"\\n")
        return json.loads(one.makefile().readline())["message"]
def record(**detail):
    return ask({"recordAccess": {"detail": {"command": "attempts", **detail}}})
print(json.dumps([record(**{"q" + "x" * number: "y" * 1000 for number in range(9)})]
                 + [record(format="csv") for _ in range(150)]))
"""
        def taken():
            return [entry for entry in gate.entries("--kind", "access") if entry["detail"].get("user") == AUDITOR]
        before = len(taken())
        said = json.loads(subprocess.run(
            [*become(AUDITOR, GROUP), "/usr/bin/python3", "-c", ask, os.path.join(self.state, "run/control.sock")],
            capture_output=True, text=True, check=True, timeout=120).stdout)
        self.assertIn("at most 1792 are allowed", said[0]["failed"]["message"])
        recorded = [answer for answer in said[1:] if "recorded" in answer]
        # A hundred at once, less what was taken already, and one more for each ten seconds that it took.
        self.assertLess(len(recorded), 130)
        self.assertGreater(len(recorded), 90)
        refused = next(answer["failed"] for answer in said[1:] if "failed" in answer)
        self.assertIn("has had 100 accesses recorded, and may have one more every 10 s", refused["message"])
        self.assertIn("try again in", refused["fix"])
        access = taken()
        self.assertEqual(len(access) - before, len(recorded))
        self.assertLess(max(len(json.dumps(entry)) for entry in access), 2048)
        # Root and the gate's own user are no guests.
        gate.run("ledger", "checkpoint", "--config", gate.config)
        gate.stop()

    def test_nothing_is_recorded_for_auditors_where_the_disk_has_no_room(self):
        gate = self.gate(KEEPER)
        gate.environment["DROPGATE_STAGING_RESERVE"] = "1000TiB"
        gate.start()
        said = self.audit("attempts", "--format", "csv")
        self.assertEqual((said.returncode, said.stdout), (75, ""))
        self.assertIn("nothing was exported", said.stderr)
        self.assertIn("are kept back", said.stderr)
        gate.stop()

    def test_what_may_not_be_read_is_not_said_to_be_missing(self):
        gate = self.gate()
        gate.start()
        gate.stop()
        stranger = become(AUDITOR)
        for command in (["ledger", "verify"], ["attempts"], ["attempts", "--format", "csv"], ["drops", "list"],
                        ["drops", "verify"], ["ledger", "prove", "0"]):
            said = self.audit(*command, prefix=stranger)
            self.assertNotEqual(said.returncode, 0, command)
            self.assertIn("permission denied", said.stderr, command)
            self.assertIn(f"join the group {GROUP}", said.stderr, command)
            self.assertNotIn("there is no", said.stderr, command)
        closed = self.audit("source", "list", prefix=stranger, config=gate.config)
        self.assertIn("permission denied", closed.stderr)
        os.chmod(os.path.join(self.state, "checkpoints"), 0o700)
        said = self.audit("ledger", "verify")
        self.assertEqual(said.returncode, 78)
        self.assertIn("checkpoints cannot be read: permission denied", said.stderr)

    def test_a_copy_on_a_medium_that_cannot_be_written_is_read_whole_or_refused(self):
        gate = self.gate()
        gate.start()
        gate.post(V2 % "1")
        gate.kill()
        copies = {}
        for name, left_out in (("whole", ()), ("without-shm", ("ledger.sqlite-shm",))):
            copies[name] = os.path.join(gate.root, name)
            shutil.copytree(self.state, copies[name], ignore=lambda _, names: [
                n for n in names if n in left_out or n in ("run", "staging", "sshd")])
        gate.start()
        gate.post(V2 % "2")
        gate.stop()
        copies["clean"] = os.path.join(gate.root, "clean")
        shutil.copytree(self.state, copies["clean"], ignore=lambda _, names: [n for n in names if n in ("run", "sshd")])
        size = len(gate.entries())
        for name, path in copies.items():
            config = self.settings(path, f"{name}.yaml")
            said = self.audit("ledger", "verify", "--format", "json", prefix=read_only(path), config=config)
            table = self.audit("attempts", prefix=read_only(path), config=config)
            if name == "without-shm":
                self.assertEqual(said.returncode, 70, name)
                self.assertIn("-wal holds entries that are not in", said.stderr)
                continue
            self.assertEqual(said.returncode, 0, name + said.stdout + said.stderr)
            self.assertIn("webhook", table.stdout, name)
        self.assertEqual(json.loads(said.stdout)["entries"], size, "the clean copy, before the export above")

    def test_a_reader_without_locks_is_told_when_a_gate_begins_to_write(self):
        gate = self.gate()
        gate.start()
        gate.stop()
        reader = subprocess.Popen([*become(AUDITOR, GROUP), self.program, "attempts", "--follow", "--config", self.own],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.desk)
        self.addCleanup(reader.kill)
        self.assertIn("VERDICT", reader.stdout.readline())
        gate.start()
        _, said = reader.communicate(timeout=30)
        self.assertEqual(reader.returncode, 70)
        self.assertIn("was written while it was read: a gate has started", said)
        gate.stop()

    def test_any_checkpoint_that_was_kept_is_taken_and_several_in_one_file(self):
        gate = self.gate()
        kept = os.path.join(self.desk, "kept.notes")
        gate.start()
        for number in range(3):
            gate.post(V2 % str(number))
            with open(kept, "a") as file:
                file.write(gate.run("ledger", "checkpoint", "--config", gate.config).stdout)
        gate.stop()
        notes = re.findall(r"(?s)(.+?\n\n\u2014 [^\n]+\n)", read(kept))
        self.assertEqual(len(notes), 3)
        for text in (*notes, read(kept), "\n".join(reversed(notes))):
            with open(kept + ".some", "w") as file:
                file.write(text)
            said = gate.run("ledger", "verify", "--checkpoint", file.name, "--format", "json", "--config", gate.config)
            self.assertTrue(json.loads(said.stdout)["anchored"], said.stdout)

    def test_the_kernel_says_who_has_logged_in_and_the_environment_is_a_claim(self):
        if not os.path.exists("/proc/self/loginuid") or int(read("/proc/self/loginuid")) != 2 ** 32 - 1:
            self.skipTest("this kernel keeps no login user, or this process has one")
        gate = self.gate()
        claim = {**os.environ, "SUDO_USER": "mallory", "SUDO_UID": "4711"}

        def run(*arguments):
            script = 'echo 33 > /proc/self/loginuid; exec "$@"'
            return subprocess.run(["sh", "-ec", script, "sh", self.program, *arguments, "--comment", "CHG-1",
                                   "--config", gate.config], env=claim, check=True, capture_output=True, text=True)

        changes = [["source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook", "--list", "test"],
                   ["account", "disable", "vsee"], ["ledger", "checkpoint"], ["ledger", "rotate-key"]]
        gate.start()
        for change in changes:
            run(*change)
        gate.stop()
        for change in (["account", "enable", "vsee"], ["source", "remove", "192.0.2.1", "--list", "test"]):
            run(*change)
        entries = [e["detail"] for e in gate.entries() if e.get("detail", {}).get("comment") == "CHG-1"]
        self.assertEqual(len(entries), 6)
        for detail in entries:
            self.assertEqual((detail["uid"], detail["login_uid"], detail["login_user"]), (0, 33, AUDITOR))
            self.assertEqual(detail["claimed"], {"sudo_user": "mallory", "sudo_uid": 4711})

    def test_a_list_and_an_account_changed_with_an_editor_name_the_files_owner(self):
        gate = self.gate()
        gate.start()
        path = os.path.join(gate.home, "sources/test.yaml")

        def edit(service):
            """The entry of a list to which somebody has added one."""
            with open(path, "a") as file:
                # It is written when the file is closed.
                file.write(f"  - {{cidr: 192.0.2.9/32, service: {service}, channels: [webhook]}}\n")
                shutil.chown(path, AUDITOR)
            return wait_until(lambda: [e for e in gate.entries("--kind", "policy") if service in str(e["detail"].get("diff"))],
                              what="the list's entry")[-1]
        # The gate's first look, which may come after "ready", has none before it with which it could compare the files.
        edit("first")
        account = os.path.join(gate.home, "accounts/vsee.yaml")
        with open(account, "a") as file:
            file.write("disabled: true\n")
        change = edit("edited")
        gate.sftp("ls")
        accounts = wait_until(
            lambda: [e for e in gate.entries("--kind", "policy") if "accounts" in e["detail"]][1:],
            what="the account's entry, after that of the start")
        gate.stop()
        told = change["detail"]["files"][0]
        self.assertEqual((told["file"], told["owner"]), (path, AUDITOR))
        self.assertEqual([f["file"] for f in accounts[-1]["detail"]["files"]], [account])

    def test_every_command_of_the_guide_works_as_it_says(self):
        gate = self.gate()
        gate.start()
        gate.post(V2 % "1")
        tools, evidence = os.path.join(gate.root, "tools"), os.path.join(gate.root, "evidence")
        os.mkdir(tools)
        os.mkdir(evidence)
        for name in ("usermod", "addgroup"):
            with open(os.path.join(tools, name), "w") as file:
                file.write("#!/bin/sh\n")
            os.chmod(file.name, 0o755)
        words = {"/var/lib/dropgate": self.state, "/usr/share/dropgate/verify-bundle.py": shutil.copy(VERIFIER, gate.root), "/mnt/evidence": evidence,
                 "dropgate-audit": GROUP, "sudo -u dropgate ": "", "sudo ": "", "python3": "/usr/bin/python3"}
        os.remove(self.own)
        blocks = re.findall(r"(?s)```sh (keeper|auditor)\n(.*?)```", read(GUIDE))
        self.assertGreater(len(blocks), 8)
        for who, text in blocks:
            for verb in ("stop", "start", "restart"):
                text = text.replace(f"sudo systemctl {verb} dropgate\n", f"\0{verb}\n")
            for word, meaning in words.items():
                text = text.replace(word, meaning)
            for piece in re.split(r"(\0\w+\n)", text):
                if piece.startswith("\0"):
                    if piece != "\0start\n":
                        gate.stop()
                    if piece != "\0stop\n":
                        gate.start()
                    continue
                prefix = read_only(evidence) if evidence in piece and who == "auditor" else []
                path = f"{gate.root}:{tools}:{os.environ['PATH']}"
                environment = {"PATH": path, **({"DROPGATE_CONFIG": gate.config} if who == "keeper" else {})}
                said = subprocess.run(
                    [*prefix, *(become(AUDITOR, GROUP) if who == "auditor" else []), "sh", "-ec", piece], cwd=self.desk,
                    env=environment, capture_output=True, text=True, timeout=120)
                self.assertEqual(said.returncode, 0, piece + said.stdout + said.stderr)
                if "verify" in piece and who == "auditor":
                    self.assertIn("verified", said.stdout.lower(), piece)


if __name__ == "__main__":
    unittest.main()
