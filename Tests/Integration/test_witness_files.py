"""A start whose surroundings are not as they were: a witness's file that is not there or has less than it took, a full disk, and parts
of the state that are another user's. What `serve --check`, `doctor`, `serve` and `ledger verify` say of each, and how it ends.
"""
# Needs: curl openssl openssh-client
import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import unittest

from gate import BIN, V2, Gate, become, copy_program, read, wait_until
from test_output import can_mount

RESTORE = '.github/guides/operating.md says under "Restore" what to do if it is lost'
HARDWARE = ("disk failed", "dmesg")


class Stage(unittest.TestCase):
    def command(self, gate, *arguments, wrapper=None):
        """Its exit status and all that it said, as the gate's user, or by another wrapper."""
        said = subprocess.run(
            [*(gate.wrapper if wrapper is None else wrapper), gate.program or BIN, *arguments, "--config", gate.config],
            capture_output=True, text=True, timeout=60, env={**os.environ, **gate.environment})
        return said.returncode, said.stdout + said.stderr

    def findings(self, gate, area, state="fail", **options):
        """Those of doctor, and its exit status."""
        status, said = self.command(gate, "doctor", "--format", "json", **options)
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return status, [found for found in lines if (found["area"], found["state"]) == (area, state)]


class WitnessFiles(Stage):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        # Where a filesystem of its own would be mounted.
        self.mount = os.path.join(self.gate.root, "worm")
        os.mkdir(self.mount, 0o700)
        self.notes = os.path.join(self.mount, "gate.notes")
        self.gate.environment.update(
            DROPGATE_LEDGER_WITNESSES=json.dumps([self.notes]), DROPGATE_LEDGER_CHECKPOINT_EVERY="1s")

    def run_once(self, identity):
        """A start, an event and a stop, which the witness has then."""
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % identity).stdout)
        self.assertEqual(self.gate.stop(), 0)

    def sizes(self):
        """Of the checkpoints in the witness's file, in their order: the second line of each."""
        return [int(size) for size in re.findall(r"(?m)^\S+/dropgate\n([0-9]+)$", read(self.notes))]

    def unmount(self):
        """What is seen then is the empty mount point."""
        os.rename(self.mount, self.mount + ".away")
        os.mkdir(self.mount, 0o700)

    def remount(self):
        """Over what was written to the mount point meanwhile."""
        os.rename(self.mount, self.mount + ".beneath")
        os.rename(self.mount + ".away", self.mount)

    def lack(self, size):
        return f"witness {self.notes} has no checkpoint of {size} entries or more, but it took one, as the ledger says"

    def told_before_a_start(self, lack):
        """By a check, by doctor and by a verification of a gate that does not run."""
        status, said = self.command(self.gate, "serve", "--check")
        self.assertEqual(status, 0, said)
        self.assertIn(f"{self.gate.config}: good\n", said)
        self.assertRegex(said, rf"(?m)^warning: ledger: {re.escape(lack)}; .*before you start the gate.*{re.escape(RESTORE)}$")
        status, found = self.findings(self.gate, "ledger")
        self.assertEqual(status, 1)
        self.assertEqual([f["text"].startswith(lack) for f in found], [True], found)
        self.assertIn("before you start the gate", found[0]["fix"])
        self.assertIn(RESTORE, found[0]["fix"])
        status, said = self.command(self.gate, "ledger", "verify")
        self.assertEqual(status, 31, said)
        self.assertIn(f"witness_not_compared  {lack}", said)

    def nothing_is_told(self):
        status, said = self.command(self.gate, "serve", "--check")
        self.assertEqual((status, self.notes in said), (0, False), said)
        self.assertEqual(self.findings(self.gate, "ledger")[1], [])
        status, said = self.command(self.gate, "ledger", "verify")
        self.assertEqual(status, 0, said)

    def start(self):
        """What is logged from there on until it is ready."""
        before = len(self.gate.log())
        self.gate.start()
        return self.gate.log()[before:]

    def test_an_older_ledger_beside_a_witness_that_is_not_mounted_is_told_before_it_is_started_and_by_the_start(self):
        state = os.path.join(self.gate.home, "state")
        self.run_once("1")
        taken = self.sizes()[-1]
        copy = shutil.copytree(state, os.path.join(self.gate.root, "copy"), ignore=shutil.ignore_patterns("*.sock"))
        self.run_once("2")
        self.assertGreater(self.sizes()[-1], taken)
        self.nothing_is_told()
        shutil.rmtree(state)
        shutil.copytree(copy, state)
        # The witness would have told it.
        self.assertEqual(self.command(self.gate, "serve", "--check")[0], 78)
        self.unmount()
        lack = self.lack(taken)
        self.told_before_a_start(lack)
        self.assertEqual(os.listdir(self.mount), [], "whoever looks begins nothing")

        said = self.start()
        self.assertRegex(said, rf"(?m) warning .*{re.escape(lack)}; check whether its filesystem is mounted")
        wait_until(lambda: os.path.exists(self.notes) and self.sizes() and self.sizes()[-1] > taken, what="the file, begun anew")
        self.assertGreater(self.sizes()[0], taken, "what was in it is not there again")
        # As the guide says: the finding ends with the next checkpoint.
        self.assertEqual(self.command(self.gate, "ledger", "verify")[0], 0)
        self.assertEqual(self.findings(self.gate, "ledger")[1], [])
        self.assertIn('"stored"', self.gate.post(V2 % "3").stdout)
        self.assertEqual(self.gate.stop(), 0)
        self.nothing_is_told()

        # Once it is mounted again it tells what was lost, and nothing is appended any more.
        self.remount()
        status, said = self.command(self.gate, "ledger", "verify")
        self.assertEqual(status, 24, said)
        self.assertIn("forked  ", said)
        for command, expected in ((["serve", "--check"], 78), (["serve", "--allow-root"], 24)):
            status, said = self.command(self.gate, *command)
            self.assertEqual(status, expected, said)
            self.assertIn(f"are not those of the checkpoint that {self.notes} has", said)

    def test_what_a_crash_left_behind_a_checkpoint_hides_it_from_no_start(self):
        state = os.path.join(self.gate.home, "state")
        self.run_once("1")
        copy = shutil.copytree(state, os.path.join(self.gate.root, "copy"), ignore=shutil.ignore_patterns("*.sock"))
        self.run_once("2")
        shutil.rmtree(state)
        shutil.copytree(copy, state)
        with open(self.notes, "ab") as file:
            file.write(bytes(1 << 20))
        for command, expected in ((["serve", "--check"], 78), (["serve", "--allow-root"], 23)):
            status, said = self.command(self.gate, *command)
            self.assertEqual(status, expected, said)
            self.assertNotIn("has no checkpoint of", said)

    def test_a_file_that_was_cut_is_told_and_what_comes_is_appended_to_what_is_left(self):
        self.run_once("1")
        self.run_once("2")
        text, sizes = read(self.notes), self.sizes()
        # Only whole ones are left, without the newest.
        left = text[:text.rindex("\n\n", 0, text.rindex("\n\n", 0, text.rindex("\n— "))) + 2]
        for kept in (left, ""):
            with open(self.notes, "w") as file:
                file.write(kept)
            with self.subTest(bytes=len(kept)):
                self.assertLess(len(self.sizes()), len(sizes))
                self.told_before_a_start(self.lack(sizes[-1]))
        with open(self.notes, "w") as file:
            file.write(left)
        before = self.sizes()
        self.assertTrue(before)
        self.assertIn(self.lack(sizes[-1]), self.start())
        wait_until(lambda: self.sizes()[-1] > sizes[-1], what="the next checkpoint")
        self.assertEqual(self.sizes()[:len(before)], before)
        self.assertEqual(self.gate.stop(), 0)
        self.nothing_is_told()
        self.assertNotIn(self.notes, self.start(), "once is enough")

    def test_while_the_place_of_a_file_is_gone_it_is_a_problem_and_is_not_compared(self):
        self.run_once("1")
        lack = self.lack(self.sizes()[-1])
        os.rename(self.mount, self.mount + ".away")
        self.told_before_a_start(lack)
        self.assertIn(lack, self.start())

        def problem():
            return [f for f in self.findings(self.gate, "gate")[1] if f["text"].startswith(f"witness: witness {self.notes} fails")]
        wait_until(problem, what="the problem")
        status, said = self.command(self.gate, "ledger", "verify")
        self.assertEqual((status, lack in said), (31, True), said)
        os.rename(self.mount + ".away", self.mount)
        self.gate.post(V2 % "2")
        wait_until(lambda: not problem(), what="the problem's end")
        self.assertEqual(self.gate.stop(), 0)
        self.nothing_is_told()

    def test_a_command_that_writes_the_ledger_of_a_stopped_gate_says_it_and_begins_no_file(self):
        self.run_once("1")
        lack = self.lack(self.sizes()[-1])
        self.unmount()
        for command in (["source", "add", "192.0.2.77", "--service", "x", "--channel", "webhook", "--list", "test"],
                        ["ledger", "checkpoint"]):
            with self.subTest(command):
                status, said = self.command(self.gate, *command)
                self.assertEqual(status, 0, said)
                self.assertIn(lack, said)
                self.assertEqual(os.listdir(self.mount), [])
        self.remount()
        self.nothing_is_told()

    def test_of_a_witness_that_has_taken_nothing_yet_nothing_is_said(self):
        self.run_once("1")
        other = os.path.join(self.gate.root, "other.notes")
        self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = json.dumps([self.notes, other])
        self.nothing_is_told()
        self.assertNotIn("no checkpoint of", self.start())
        wait_until(lambda: os.path.exists(other), what="its first checkpoint")
        self.assertEqual(self.gate.stop(), 0)
        os.remove(other)
        status, said = self.command(self.gate, "serve", "--check")
        self.assertEqual(status, 0, said)
        self.assertIn(f"witness {other} has no checkpoint of", said)
        self.assertNotIn(f"witness {self.notes}", said, "the other one has all")


@unittest.skipUnless(os.geteuid() == 0, "only root mounts a file system")
class FullDisk(Stage):
    """The ledger, or staging, alone on a disk of which nothing is left: SQLite cannot even make its shared memory."""
    FULL = "its filesystem is full; make room there"
    MOUNT = 'mount -t tmpfs -o size=40m,nr_inodes=4k,mode=700 full "$0" && cp -a "$1/." "$0" && shift || exit 9\n'
    FILL = 'dd if=/dev/zero of="$0/fill" bs=4k status=none 2>/dev/null\n'
    # No room for one more file, and enough for their bytes.
    FILES = 'mkdir "$0/fill"; n=0; while (: > "$0/fill/$n") 2>/dev/null; do n=$((n + 1)); done\n'

    def setUp(self):
        if not can_mount():
            self.skipTest("namespaces are not permitted here: unshare -m")
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.place = os.path.join(self.gate.root, "ledger")
        os.mkdir(self.place, 0o700)
        self.gate.environment["DROPGATE_LEDGER_PATH"] = os.path.join(self.place, "ledger.sqlite")
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "1").stdout)
        self.assertEqual(self.gate.stop(), 0)
        # As a clean stop leaves it: the shared memory is to be made.
        self.assertFalse(os.path.exists(self.gate.environment["DROPGATE_LEDGER_PATH"] + "-shm"))

    def disk(self, script, place=None):
        """A prefix by which a shell script runs with the command as $@, the ledger (or another place) on a small disk at $0."""
        place = place or self.place
        copy = os.path.join(self.gate.root, f"copy of {os.path.basename(place)}")
        if not os.path.exists(copy):
            shutil.copytree(place, copy)
        return ["unshare", "-m", "sh", "-c", self.MOUNT + script, place, copy]

    def test_a_start_without_room_for_the_ledger_ends_as_one_that_is_tried_again_and_says_what_to_do(self):
        for fill in (self.FILL, self.FILES):
            for command in (["serve", "--check"], ["serve", "--allow-root"]):
                with self.subTest(command, fill=fill):
                    status, said = self.command(self.gate, *command, wrapper=self.disk(fill + 'exec "$@"'))
                    self.assertEqual(status, 75, said)
                    self.assertIn(f"the ledger {self.place}/ledger.sqlite: {self.FULL}", said)
                    for word in (*HARDWARE, "this user may not", ": good"):
                        self.assertNotIn(word, said)
        # systemd tries again after this status.
        unit = read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Deploy/systemd/dropgate.service"))
        self.assertIn("\nRestart=on-failure\n", unit)
        self.assertNotIn("75", re.search(r"(?m)^RestartPreventExitStatus=(.*)$", unit)[1].split())

    def test_the_same_disk_is_good_again_once_there_is_room(self):
        again = self.FILL + 'timeout 50 "$@"; echo "ended with $?"; rm "$0/fill"; exec "$@"'
        self.gate.wrapper = self.disk(again)
        self.gate.start()
        self.assertRegex(self.gate.log(), rf"{re.escape(self.FULL)}\nended with 75\n")
        self.assertIn('"stored"', self.gate.post(V2 % "2").stdout)
        self.assertEqual(self.gate.stop(), 0)

    def test_a_gate_whose_staging_has_no_room_starts_and_accepts_once_there_is_some(self):
        self.gate.wrapper = self.disk(self.FILL + 'echo "filled"; exec "$@"', self.gate.staging)
        status, said = self.command(self.gate, "serve", "--check")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"(?m)^warning: filesystem: .*make room on the filesystem of {re.escape(self.gate.staging)}")
        status, found = self.findings(self.gate, "filesystem")
        self.assertEqual(status, 1)
        self.assertIn(f"make room on the filesystem of {self.gate.staging}", [f["fix"] for f in found])
        self.assertNotIn("give it", json.dumps(found))
        self.gate.start()
        self.assertIn("503", self.gate.post(V2 % "2").stderr)
        status, said = self.command(self.gate, "attempts", "--reason", "staging_full", "--format", "jsonl", wrapper=[])
        self.assertEqual((status, [json.loads(line)["verdict"] for line in said.splitlines()]), (0, ["rejected"]), said)
        inside = f"/proc/{self.gate.process.pid}/root{self.gate.staging}"
        os.remove(f"{inside}/fill")
        wait_until(lambda: '"stored"' in self.gate.post(V2 % "3").stdout, what="an accepted event")
        self.assertEqual(self.gate.stop(), 0)

    def test_doctor_and_what_only_reads_say_that_the_ledgers_disk_is_full(self):
        full = self.disk(self.FILL + 'exec "$@"')
        status, found = self.findings(self.gate, "ledger", wrapper=full)
        self.assertEqual(status, 1)
        self.assertEqual([(f["text"].endswith(": its filesystem is full"), f["fix"]) for f in found], [(True, "make room there")])
        space = [f["text"] for f in self.findings(self.gate, "filesystem", wrapper=full)[1]]
        self.assertTrue([text for text in space if text.startswith("ledger: 0 bytes") and "nothing is accepted" in text], space)
        for command in (["attempts", "--limit", "1"], ["ledger", "verify"], ["drops", "list"], ["ledger", "checkpoint"],
                        ["report", "--since", "1d"]):
            with self.subTest(command):
                status, said = self.command(self.gate, *command, wrapper=full)
                self.assertEqual(status, 75, said)
                self.assertIn(self.FULL, said)
                for word in HARDWARE:
                    self.assertNotIn(word, said)


@unittest.skipUnless(os.geteuid() == 0, "needs other users")
class AnotherUsers(Stage):
    """Parts of the state that root has put back, or made by hand."""
    USER = pwd.getpwnam("www-data")

    def setUp(self):
        self.gate = gate = Gate()
        self.addCleanup(gate.close)
        os.chmod(gate.root, 0o755)
        os.chmod(gate.home, 0o711)
        subprocess.run(["chown", "-R", f"{self.USER.pw_uid}:{self.USER.pw_gid}", gate.home], check=True)
        gate.program, gate.wrapper = copy_program(gate.root), become(self.USER.pw_name)
        gate.start()
        self.assertIn('"stored"', gate.post(V2 % "1").stdout)
        wait_until(gate.released, what="the event")
        self.assertEqual(gate.stop(), 0)
        self.state = os.path.join(gate.home, "state")

    def refused(self, path, *words, also=()):
        """By a check and by a start, with the command that mends it, which doctor has, too. Returns that command.
        - also: prefixes by which others check it."""
        fixes = set()
        for command, wrapper in ((["serve", "--check"], None), (["serve"], None), *((["serve", "--check"], w) for w in also)):
            with self.subTest(command, path=path, wrapper=wrapper):
                status, said = self.command(self.gate, *command, wrapper=wrapper)
                self.assertEqual(status, 78, said)
                line = next((line for line in said.splitlines() if line.startswith(f"dropgate: {path} belongs to ")), "")
                for word in words:
                    self.assertIn(word, line, said)
                fixes.add(re.search(r"give it to the gate's user: (chown .*)$", line)[1])
        status, found = self.findings(self.gate, "filesystem")
        self.assertEqual(status, 1)
        fixes |= {f["fix"].removeprefix("give it to the gate's user: ") for f in found if f["text"].startswith(f"{path} belongs to ")}
        self.assertEqual(len(fixes), 1, fixes)
        return fixes.pop()

    def mended(self, command):
        subprocess.run(command.split(), check=True)
        self.assertEqual(self.command(self.gate, "serve", "--check")[0], 0)
        for folder, _, names in os.walk(self.state):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                self.assertEqual(os.lstat(path).st_uid, self.USER.pw_uid, path)

    def test_a_start_is_refused_where_the_id_of_staging_is_roots_and_the_command_for_it_is_told(self):
        for path in (os.path.join(self.state, "staging-id"), os.path.join(self.gate.staging, "id")):
            word = read(path)
            os.chown(path, 0, 0)
            command = self.refused(path, "belongs to another user, and the gate does not start without it",
                                   "which staging directory is this ledger's")
            self.assertEqual(command, f"chown {self.USER.pw_name} {path}")
            # To empty it would give away what lies in staging.
            self.assertNotIn("truncate", self.command(self.gate, "serve")[1])
            # Root could read it.
            status, said = self.command(self.gate, "serve", "--check", wrapper=[])
            self.assertEqual(status, 78, said)
            self.assertIn(f"{path} belongs to root, and the gate may not read it", said)
            self.mended(command)
            self.assertEqual(read(path), word)
        self.gate.start()
        self.assertEqual(len(self.gate.ready("webhook")), 1)
        self.assertEqual(self.gate.stop(), 0)

    def test_a_start_is_refused_where_its_own_user_may_not_read_the_id_of_staging(self):
        path = os.path.join(self.state, "staging-id")
        os.chmod(path, 0)
        for command in (["serve", "--check"], ["serve"]):
            status, said = self.command(self.gate, *command)
            self.assertEqual(status, 78, said)
            self.assertIn(f"its owner may not read {path}", said)
            self.assertIn(f"chmod u+rw {path}", said)
        subprocess.run(["chmod", "u+rw", path], check=True)
        self.gate.start().stop()

    def test_a_gate_starts_where_the_id_of_staging_is_roots_and_can_be_read(self):
        path = os.path.join(self.state, "staging-id")
        os.chmod(path, 0o644)
        os.chown(path, 0, 0)
        for wrapper in (None, []):
            self.assertEqual(self.command(self.gate, "serve", "--check", wrapper=wrapper)[0], 0)
        self.gate.start().stop()

    def test_a_check_refuses_a_directory_that_its_own_user_may_not_write_and_tells_the_chmod(self):
        for name, mode in (("run", 0o500), ("staging/ready", 0o500), ("staging/receipts", 0), ("sshd/home", 0o600)):
            path = os.path.join(self.state, name)
            before = os.stat(path).st_mode & 0o7777
            os.chmod(path, mode)
            for wrapper in (None, []):
                with self.subTest(path=path, wrapper=wrapper):
                    status, said = self.command(self.gate, "serve", "--check", wrapper=wrapper)
                    self.assertEqual(status, 78, said)
                    self.assertIn(f"its owner may not write {path}; chmod u+rwX {path}", said)
                    self.assertNotIn("chown", said)
            os.chmod(path, before)
            self.assertEqual(self.command(self.gate, "serve", "--check")[0], 0)

    def test_who_may_read_the_settings_alone_is_not_asked_to_give_away_what_is_right(self):
        os.chmod(self.gate.config, 0o644)
        self.gate.wrapper = become("nobody")
        status, found = self.findings(self.gate, "filesystem")
        # Doctor has looked there, and tells that it may not.
        self.assertEqual((status, bool(found)), (1, True))
        self.assertEqual([f["text"] for f in found if "belongs to" in f["text"]], [])

    def test_a_start_is_refused_where_a_directory_that_it_needs_is_roots_and_the_command_for_it_is_told(self):
        for name in ("run", "sshd", "sshd/home", "staging", "staging/ready", "staging/ready/webhook", "staging/incoming/pull"):
            path = os.path.join(self.state, name)
            subprocess.run(["chown", "-R", "0:0", path], check=True)
            # Root's check, too, who could write it.
            command = self.refused(path, "belongs to root, and the gate may not write it", also=[[]])
            self.assertEqual(command, f"chown -R {self.USER.pw_name} {path}")
            self.mended(command)
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "2").stdout)
        wait_until(lambda: len(self.gate.ready("webhook")) == 2, what="the event")
        self.assertEqual(self.gate.stop(), 0)

    def test_a_directory_of_roots_that_the_gate_may_write_by_its_group_is_as_good_as_its_own(self):
        path = self.gate.staging
        os.chown(path, 0, self.USER.pw_gid)
        os.chmod(path, 0o770)
        for wrapper in (None, []):
            with self.subTest(wrapper=wrapper):
                status, said = self.command(self.gate, "serve", "--check", wrapper=wrapper)
                self.assertEqual((status, "chown" in said), (0, False), said)
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "2").stdout)
        self.assertEqual(self.gate.stop(), 0)
        os.chmod(path, 0o750)
        for wrapper in (None, []):
            status, said = self.command(self.gate, "serve", "--check", wrapper=wrapper)
            self.assertEqual(status, 78, said)
            self.assertIn(f"chown -R {self.USER.pw_name} {path}", said)

    def test_what_is_given_to_the_gates_user_is_not_given_to_the_auditors(self):
        auditors = grp.getgrnam("games").gr_gid
        os.chown(self.state, self.USER.pw_uid, auditors)
        os.chmod(self.state, 0o710)
        key = os.path.join(self.state, "keys/ledger.key")
        os.chown(key, 0, 0)
        os.chmod(key, 0o640)
        ready = os.path.join(self.gate.staging, "ready")
        subprocess.run(["chown", "-R", "0:0", ready], check=True)
        said = self.command(self.gate, "serve", "--check")[1] + self.command(self.gate, "doctor")[1]
        commands = set(re.findall(r"chown (?:-R )?\S+ /[^\s;)]+", said))
        self.assertEqual(commands, {f"chown {self.USER.pw_name} {key}", f"chown -R {self.USER.pw_name} {ready}"}, said)
        for command in commands:
            subprocess.run(command.split(), check=True)
        for folder, _, names in os.walk(self.state):
            for name in names:
                path = os.path.join(folder, name)
                self.assertNotEqual(os.lstat(path).st_gid, auditors, path)
        self.assertEqual(self.command(self.gate, "serve", "--check")[0], 0)

    def test_a_directory_of_an_account_is_a_warning_of_a_check(self):
        self.gate.start()
        self.assertEqual(self.gate.sftp(f'put "{self.gate.file("a", b"a")}" a.csv\n').returncode, 0)
        wait_until(lambda: len(self.gate.released()) == 2, what="the upload")
        self.assertEqual(self.gate.stop(), 0)
        away = os.path.join(self.gate.root, "away")
        for name in ("incoming/sftp/vsee", "incoming/sftp/vsee/parts", "incoming/sftp/vsee/tree", "incoming/sftp/vsee/claimed",
                     "ready/sftp/vsee"):
            path = os.path.join(self.gate.staging, name)
            os.chown(path, 0, 0)
            for wrapper in (None, []):
                with self.subTest(path=path, wrapper=wrapper):
                    status, said = self.command(self.gate, "serve", "--check", wrapper=wrapper)
                    self.assertEqual(status, 0, said)
                    self.assertIn(f"warning: filesystem: {path} belongs to root, and the gate may not write it; give it to the "
                                  f"gate's user: chown -R {self.USER.pw_name} {path}\n", said)
            os.chown(path, self.USER.pw_uid, self.USER.pw_gid)
            os.rename(path, away)
            os.symlink(away, path)
            with self.subTest(path=path, link=True):
                status, said = self.command(self.gate, "serve", "--check")
                self.assertEqual(status, 0, said)
                self.assertIn(f"warning: filesystem: {path} is a symbolic link (to {away})", said)
            os.unlink(path)
            os.rename(away, path)
        self.assertNotRegex(self.command(self.gate, "serve", "--check")[1], "belongs to|symbolic link")

    def test_a_gate_starts_without_its_checkpoints_and_says_it(self):
        path = os.path.join(self.state, "checkpoints")
        subprocess.run(["chown", "-R", "0:0", path], check=True)
        words = (f"{path} belongs to root, and the gate may not write it; give it to the gate's user: chown -R "
                 f"{self.USER.pw_name}")
        for wrapper in (None, []):
            status, said = self.command(self.gate, "serve", "--check", wrapper=wrapper)
            self.assertEqual(status, 0, said)
            self.assertIn(f"warning: filesystem: {words} {path}", said)
        self.gate.start()
        self.assertRegex(self.gate.log(), rf" warning .*{re.escape(words)}")
        self.assertEqual(self.gate.stop(), 0)


if __name__ == "__main__":
    unittest.main()
