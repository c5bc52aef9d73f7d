"""What ops live with: doctor, a silent source, an address of VSee's that has changed. The real gate each time."""
# Needs: strace
import concurrent.futures
import contextlib
import json
import os
import glob
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, SESSION, V2, Gate, become, copy_program, read, wait_until  # noqa: E402

SECRET = "a-path-secret-of-some-length"
EXPECTING = """name: test
entries:
  - {cidr: 127.0.0.2/32, service: vsee, channels: [webhook, sftp], expect: {webhook: {every: 8s}}}
"""


class Quarantine(unittest.TestCase):
    def quarantine_faults(self, gate):
        """What `doctor` finds that nobody would hear of; None: nothing."""
        found = subprocess.run([BIN, "doctor", "--format", "json", "--config", gate.config], capture_output=True, text=True,
                               timeout=60, env={**os.environ, **gate.environment}).stdout
        return next((f for f in map(json.loads, found.splitlines()) if (f["area"], f["state"]) == ("quarantine", "fail")), None)

    def test_a_changed_address_is_noticed_and_its_events_are_released_once_it_is_listed(self):
        gate = Gate()
        self.addCleanup(gate.close)
        path = gate.file("secret", SECRET.encode())
        os.chmod(path, 0o600)
        gate.environment.update(DROPGATE_WEBHOOK_UNLISTED="quarantine", DROPGATE_WEBHOOK_SECRET_FILE=path)
        gate.start()

        def post(identity, source):
            return subprocess.run(
                ["curl", "-sS", "-k", "--max-time", "20", "--interface", source, "-w", "%{http_code}",
                 "--data-binary", V2 % identity, f"{gate.url}/{SECRET}"], capture_output=True, text=True, timeout=30)

        def receipt_of(drop):
            return os.path.join(gate.staging, "quarantine/webhook", drop, "receipt.json")

        def held(identity):
            """All that is held, once an event is: after its answer, and its receipt names its entry at last."""
            def found():
                waiting = gate.drops("--held")
                return waiting if [h for h in waiting if h["event_id"] == identity
                                   and json.loads(read(receipt_of(h["drop"]))).get("seq")] else None
            return wait_until(found, what="the held event")

        self.assertIn("403", post("moved-1", "127.0.0.7").stdout)
        self.assertIn("200", post("usual-1", "127.0.0.2").stdout)
        wait_until(lambda: len(gate.ready("webhook")) == 1, what="the listed event")

        waiting = held("moved-1")
        self.assertIn("address may have changed", gate.log())
        self.assertEqual([(h["source"], h["event_id"], h["reason"]) for h in waiting],
                         [("127.0.0.7", "moved-1", "not_listed")])
        drop = waiting[0]["drop"]
        entry = [e for e in gate.entries("--drop", drop)][0]
        self.assertEqual((entry["verdict"], entry["detail"]["vsee_shaped"], entry["request"]["status"]),
                         ("rejected", True, 403))
        report = gate.run("report", "--since", "1h", "--config", gate.config).stdout
        self.assertIn("Calls in VSee's format from addresses that are not listed", report)

        self.assertIsNone(self.quarantine_faults(gate))
        receipt = receipt_of(drop)
        with open(receipt, "r+b") as file:
            whole = file.read()
            file.truncate(20)
        # Half a list is not the whole one.
        broken = subprocess.run(
            ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=getdents64", "-e", "inject=getdents64:error=EIO",
             BIN, "drops", "list", "--held", "--config", gate.config], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(broken.returncode, 0, broken.stdout)
        self.assertIn("Input/output error", broken.stderr)
        fault = self.quarantine_faults(gate)
        self.assertIn(receipt, fault["text"])
        self.assertIn(drop, fault["fix"])
        damaged = gate.run("drops", "release", drop, "--config", gate.config, check=False)
        self.assertEqual(damaged.returncode, 1)
        with open(receipt, "wb") as file:
            file.write(whole)

        refused = gate.run("drops", "release", drop, "--config", gate.config, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("dropgate source add 127.0.0.7", refused.stderr)
        gate.run("source", "add", "127.0.0.7", "--service", "moved", "--channel", "webhook", "--list", "test",
                 "--config", gate.config)
        wait_until(lambda: "+ test/moved" in gate.log(), what="the new list")
        self.assertIn("403", post("moved-2", "127.0.0.8").stdout)
        other = next(h["drop"] for h in held("moved-2") if h["event_id"] == "moved-2")
        gate.run("source", "add", "127.0.0.8", "--service", "moved-too", "--channel", "webhook", "--list", "test",
                 "--config", gate.config)
        wait_until(lambda: "+ test/moved-too" in gate.log(), what="the newer list")
        with open("/dev/full", "w") as full:
            unsaid = subprocess.run([BIN, "drops", "release", other, "--config", gate.config], stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual((unsaid.returncode, unsaid.stderr), (1, "dropgate: the change is made; write error: No space left on device\n"))
        wait_until(lambda: len(gate.ready("webhook")) == 2, what="the event whose release nobody could read")
        self.assertIn("stored", gate.run("drops", "release", drop, "--comment", "VSee has moved", "--config", gate.config).stdout)
        wait_until(lambda: len(gate.ready("webhook")) == 3, what="the released event")
        self.assertEqual(gate.drops("--held"), [])
        released = [e["detail"] for e in gate.entries("--drop", drop) if e["verdict"] == "accepted"]
        self.assertEqual([(d["released_from"], d["uid"], d["comment"]) for d in released],
                         [("quarantine", os.geteuid(), "VSee has moved")])
        shown = json.loads(gate.run("drops", "show", drop, "--format", "json", "--config", gate.config).stdout)
        self.assertEqual((shown["source"], shown["event_id"]), ("127.0.0.7", "moved-1"))
        self.assertEqual(gate.run("drops", "release", drop, "--config", gate.config, check=False).returncode, 1)

    def test_quarantine_without_a_secret_is_a_contradiction(self):
        gate = Gate()
        self.addCleanup(gate.close)
        checked = subprocess.run([BIN, "serve", "--check", "--config", gate.config], capture_output=True, text=True,
                                 env={**os.environ, **gate.environment, "DROPGATE_WEBHOOK_UNLISTED": "quarantine"})
        self.assertEqual(checked.returncode, 78)
        self.assertIn("quarantine needs a secret", checked.stderr)


@unittest.skipUnless(os.geteuid() == 0, "asks what root may do")
class Root(unittest.TestCase):
    USER = pwd.getpwnam("www-data")

    def test_serve_as_root_is_refused_with_the_next_step(self):
        gate = Gate()
        self.addCleanup(gate.close)
        said = gate.run("serve", "--config", gate.config, check=False, env={**os.environ, **gate.environment})
        self.assertEqual(said.returncode, 78)
        self.assertIn("does not run as root", said.stderr)
        self.assertIn("--allow-root", said.stderr)

    def test_init_as_root_says_whom_to_give_the_gate(self):
        home = os.path.join(tempfile.mkdtemp(), "gate")
        self.addCleanup(shutil.rmtree, os.path.dirname(home))
        said = subprocess.run([BIN, "init", home], capture_output=True, text=True, check=True).stdout
        self.assertRegex(said, f"chown -R [A-Za-z]+: {home}`")

    def test_init_as_root_says_what_lets_a_gate_in_two_places_run(self):
        home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, home)
        os.chmod(home, 0o755)
        os.mkdir(home + "/etc")
        with open(home + "/etc/dropgate.yaml", "w") as file:
            file.write(f"state: {home}/state\nsources: [sources/*.yaml]\nconsole: {{listen: '127.0.0.1:0', "
                       f"token_file: {home}/state/console.token}}\nsftp: {{listen: '127.0.0.1:0'}}\n")
        os.chmod(file.name, 0o600)
        said = self.run_init(home + "/etc")
        commands = re.search(r"`(chown -R [^`]*)`", said.stdout)
        self.assertTrue(commands, said.stdout + said.stderr)
        subprocess.run(["sh", "-ec", commands[1].replace("USER", "www-data").replace("dropgate:", "www-data:")
                        .replace("-R dropgate ", "-R www-data ")], check=True)
        program = copy_program(home)
        checked = subprocess.run(["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", program, "serve",
                                  "--check", "--config", home + "/etc/dropgate.yaml"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_init_as_root_leaves_the_configuration_roots_and_the_state_its_users(self):
        home, state = self.installed()
        planted = os.path.join(home, "planted")
        os.mkdir(planted, 0o700)
        os.symlink(planted, os.path.join(state, "tls"))
        run = self.run_init(home)
        # Made as the user, who may not write where the link leads.
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(os.listdir(planted), [])
        os.unlink(os.path.join(state, "tls"))
        self.assertEqual(self.run_init(home).returncode, 0)
        for folder, _, names in os.walk(home):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                status = os.stat(path)
                if path.startswith(state):
                    self.assertEqual((status.st_uid, status.st_mode & 0o022), (self.USER.pw_uid, 0), path)
                elif path not in (planted, home, os.path.join(home, "dropgate.yaml")):
                    self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777),
                                     (0, self.USER.pw_gid, 0o750 if os.path.isdir(path) else 0o640), path)
        key = os.path.join(home, "planted/key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        subprocess.run([BIN, "account", "add", "vsee", "--key", key + ".pub", "--config", home + "/dropgate.yaml"],
                       capture_output=True, check=True)
        status = os.stat(home + "/accounts/vsee.yaml")
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (0, self.USER.pw_gid, 0o640))

    def gate_of_its_user(self):
        gate = Gate()
        self.addCleanup(gate.close)
        os.chmod(gate.root, 0o755)
        os.chmod(gate.home, 0o711)
        subprocess.run(["chown", "-R", f"{self.USER.pw_uid}:{self.USER.pw_gid}", gate.home], check=True)
        gate.program, gate.wrapper = copy_program(gate.root), become(self.USER.pw_name)
        return gate

    def command(self, gate, *arguments, **options):
        return gate.run(*arguments, "--config", gate.config, env={**os.environ, **gate.environment}, **options)

    def test_what_root_does_while_no_gate_runs_leaves_files_that_the_gate_can_open(self):
        gate = self.gate_of_its_user()
        state = os.path.join(gate.home, "state")
        gate.start()
        gate.post(V2 % "1")
        drop = wait_until(gate.released, what="the event")[0]["id"]
        gate.stop()
        # As after a restore, in a new month.
        made = ["ledger.sqlite.lock", *(os.path.join("checkpoints", name) for name in os.listdir(state + "/checkpoints"))]
        self.assertGreater(len(made), 1)
        for path in made:
            os.unlink(os.path.join(state, path))
        os.rmdir(os.path.join(gate.staging, "incoming/pull"))
        desk = os.path.join(gate.root, "desk")
        os.mkdir(desk, 0o700)

        added = self.command(gate, "source", "add", "192.0.2.77", "--service", "x", "--channel", "webhook", "--list", "test")
        self.assertNotIn("not recorded", added.stderr)
        self.command(gate, "ledger", "checkpoint")
        self.command(gate, "drops", "ack", drop)
        # It opens staging, and is refused: the consumer has it.
        self.assertNotEqual(self.command(gate, "drops", "withdraw", drop, check=False).returncode, 0)
        self.command(gate, "ledger", "rotate-key")
        # What leaves the gate goes where root alone may write.
        self.command(gate, "ledger", "backup", desk + "/backup")
        self.command(gate, "report", "--since", "1d", "--output", desk + "/report")
        self.assertEqual({os.stat(os.path.join(desk, name)).st_uid for name in os.listdir(desk)}, {0})

        for path in (*made, "staging/incoming/pull"):
            self.assertTrue(os.path.exists(os.path.join(state, path)), path)
        for folder, _, names in os.walk(state):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                self.assertEqual(os.lstat(path).st_uid, self.USER.pw_uid, path)
        gate.start()
        self.assertIn('"stored"', gate.post(V2 % "2").stdout)
        change = next(entry for entry in gate.entries("--kind", "policy") if entry["detail"].get("command") == "source add")
        self.assertEqual(change["detail"]["uid"], 0)
        self.assertEqual(gate.stop(), 0)

    def test_a_lock_of_another_user_is_named_with_what_mends_it(self):
        gate = self.gate_of_its_user()
        gate.start().stop()
        lock = os.path.join(gate.home, "state/ledger.sqlite.lock")
        os.chown(lock, 0, 0)
        for command, status in ((["serve"], 78), (["serve", "--check"], 78), (["doctor", "--format", "json"], 1),
                                (["ledger", "checkpoint"], 78), (["drops", "ack", "01k0000000000000000000000a"], 78)):
            with self.subTest(command):
                said = subprocess.run([*gate.wrapper, gate.program, *command, "--config", gate.config], capture_output=True,
                                      text=True, timeout=60, env={**os.environ, **gate.environment})
                self.assertEqual(said.returncode, status, said.stdout + said.stderr)
                self.assertIn(f"{lock} belongs to another user", said.stdout + said.stderr)
                self.assertIn(f"give it to the gate's user: chown {self.USER.pw_name} {lock}", said.stdout + said.stderr)
        # Root, too, who could open it.
        self.assertEqual(self.command(gate, "serve", "--check", check=False).returncode, 78)

    def as_the_gate(self, gate, *command):
        """Its status, and all that it said."""
        said = subprocess.run([*gate.wrapper, gate.program, *command, "--config", gate.config], capture_output=True,
                              text=True, timeout=60, env={**os.environ, **gate.environment})
        return said.returncode, said.stdout + said.stderr

    def test_what_root_has_put_into_the_state_is_to_be_given_to_the_gates_user(self):
        gate = self.gate_of_its_user()
        gate.start().stop()
        for name in ("keys/ledger.key", "tls/key.pem", "console.token", "ledger.sqlite"):
            path = os.path.join(gate.home, "state", name)
            os.chown(path, 0, 0)
            for command, status in ((["serve", "--check"], 78), (["doctor", "--format", "json"], 1)):
                with self.subTest(file=name, command=command):
                    ended, said = self.as_the_gate(gate, *command)
                    self.assertEqual(ended, status, said)
                    self.assertIn(f"chown {self.USER.pw_name} {path}", said)
                    self.assertNotIn("sudo -u root", said)
            if name == "ledger.sqlite":
                for command in (["attempts"], ["attempts", "--format", "csv"], ["ledger", "checkpoint"],
                                ["drops", "ack", "01k0000000000000000000000a"]):
                    with self.subTest(command):
                        ended, said = self.as_the_gate(gate, *command)
                        self.assertEqual(ended, 78, said)
                        self.assertIn(f"chown {self.USER.pw_name} {path}", said)
                # Root, too, who could open it.
                checked = self.command(gate, "serve", "--check", check=False)
                self.assertEqual(checked.returncode, 78, checked.stdout + checked.stderr)
                self.assertIn(f"{path} belongs to root, and the gate may not write it", checked.stderr)
                self.assertIn(f"chown {self.USER.pw_name} {path}", checked.stderr)
            os.chown(path, self.USER.pw_uid, self.USER.pw_gid)
        # Elsewhere, too, where nothing but the settings says whose it is to be.
        key = os.path.join(gate.root, "key.pem")
        shutil.copy(os.path.join(gate.home, "state/tls/key.pem"), key)
        os.chmod(key, 0o600)
        gate.environment["DROPGATE_WEBHOOK_TLS_KEY"] = key
        ended, said = self.as_the_gate(gate, "serve", "--check")
        self.assertEqual(ended, 78, said)
        words = f"give it to the gate's user: chown {self.USER.pw_name} {key}"
        self.assertIn(words, said)
        found = [json.loads(line) for line in self.as_the_gate(gate, "doctor", "--format", "json")[1].splitlines()
                 if line.startswith("{")]
        for area in ("configuration", "certificates"):
            self.assertTrue([f for f in found if f["area"] == area and words in f["text"]], (area, found))
        # In a directory of root's nobody may look for it.
        folder = os.path.join(gate.root, "private")
        os.mkdir(folder, 0o700)
        os.rename(key, os.path.join(folder, "key.pem"))
        gate.environment["DROPGATE_WEBHOOK_TLS_KEY"] = os.path.join(folder, "key.pem")
        ended, said = self.as_the_gate(gate, "serve", "--check")
        self.assertEqual(ended, 78, said)
        self.assertIn(f"the gate's user must be able to read {folder}: as root, chgrp {folder} to a group of that user, and "
                      f"chmod g+rx {folder}", said)
        self.assertNotIn("sudo -u root", said)

    def test_what_root_keeps_of_the_configuration_is_to_be_opened_to_the_gates_group(self):
        gate = self.gate_of_its_user()
        accounts = os.path.join(gate.home, "accounts")
        account = os.path.join(accounts, "vsee.yaml")
        for path, mode in ((gate.home, 0o755), (gate.config, 0o644), (accounts, 0o755), (account, 0o640)):
            os.chown(path, 0, self.USER.pw_gid)
            os.chmod(path, mode)

        def told(path, mode, rights, *commands):
            before = os.stat(path).st_mode & 0o7777
            os.chmod(path, mode)
            for command in commands:
                with self.subTest(path=path, command=command):
                    said = self.as_the_gate(gate, *command)[1]
                    self.assertIn("the gate's user must be able to read it: as root, chgrp it to a group of that user, and "
                                  f"chmod {rights} it", said)
                    self.assertNotIn("sudo -u root", said)
            os.chmod(path, before)
        told(gate.config, 0o600, "g+r", ["serve", "--check"], ["attempts"])
        told(accounts, 0o700, "g+rx", ["account", "list"], ["account", "show", "vsee"], ["serve", "--check"], ["doctor"])
        told(account, 0o600, "g+r", ["account", "list"], ["account", "show", "vsee"], ["serve", "--check"], ["doctor"])
        os.chmod(account, 0o600)
        self.assertIn("let the gate read the file; a running gate keeps using", self.as_the_gate(gate, "doctor")[1])

    def test_what_the_gate_may_not_read_of_staging_is_for_a_person_to_mend(self):
        gate = self.gate_of_its_user()
        gate.start()
        gate.post(V2 % "1")
        wait_until(gate.released, what="the event")
        gate.stop()
        for name in ("", "ready", "ready/webhook", "receipts", "incoming"):
            place = os.path.join(gate.staging, name).rstrip("/")
            os.chmod(place, 0)
            with self.subTest(place=name):
                ended, said = self.as_the_gate(gate, "drops", "list", "--waiting")
                self.assertEqual(ended, 78, said)
                self.assertIn(f"chmod u+rwX {place}\n", said)
            os.chmod(place, 0o700)
        checkpoints = os.path.join(gate.home, "state/checkpoints")
        subprocess.run(["chown", "-R", "0:0", checkpoints], check=True)
        for running in (False, True):
            if running:
                gate.start()
            with self.subTest(running=running):
                ended, said = self.as_the_gate(gate, "ledger", "checkpoint")
                self.assertEqual(ended, 78, said)
                self.assertIn(f"give it to the gate's user: chown -R {self.USER.pw_name} {checkpoints}", said)
        gate.stop()

    def test_a_link_in_place_of_a_directory_of_staging_is_told_by_all_in_the_same_words(self):
        gate = self.gate_of_its_user()
        gate.start()
        gate.post(V2 % "1")
        event = wait_until(gate.released, what="the event")[0]
        day = os.path.dirname(event["file"])
        away = os.path.join(gate.root, "away")

        def swap(name, back=False):
            place = os.path.join(gate.staging, name)
            if back:
                os.unlink(place)
                os.rename(away, place)
            else:
                os.rename(place, away)
                os.symlink(away, place)
            return place

        # While it runs: nobody has taken anything, and senders are to come again.
        put = f'put "{gate.file("a", b"a")}" a.csv\n'
        self.assertEqual(gate.sftp(put).returncode, 0)
        wait_until(lambda: len(gate.released()) == 2, what="the upload")
        place = swap("ready/sftp")
        words = f"{place} is a symbolic link (to {away}), and the gate follows no link in staging"
        self.assertNotEqual(gate.sftp(put).returncode, 0)
        refused = gate.entries("--channel", "sftp", "--kind", "transfer", "--verdict", "rejected")
        self.assertEqual([entry["reason"] for entry in refused], ["staging_full"])
        self.assertIn("try again later", refused[0]["detail"]["message"])
        self.assertEqual({d["state"] for d in gate.drops()}, {"released"})

        def problem():
            said = self.as_the_gate(gate, "doctor", "--format", "json")[1]
            found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
            return [f for f in found if f["area"] == "gate" and f["text"].startswith("staging: ") and words in f["text"]]
        self.assertTrue(problem())
        swap("ready/sftp", back=True)
        wait_until(lambda: not problem(), what="the problem's end")
        self.assertEqual(gate.sftp(put).returncode, 0)
        swap(day)
        self.assertEqual([d["state"] for d in gate.drops() if d["drop"] == event["drop"]], ["released"])
        gate.post(V2 % "2")
        wait_until(lambda: "staging failed" in gate.log(), what="the problem")
        gate.stop()

        told = set()
        for command, status in ((["serve"], 78), (["serve", "--check"], 78), (["doctor", "--format", "json"], 1)):
            ended, said = self.as_the_gate(gate, *command)
            self.assertEqual(ended, status, said)
            told.add(next(line for line in re.split(r'\n|"text":"|"[,}]', said) if "is a symbolic link" in line)
                     .removeprefix("dropgate: ").split("; ")[0])
        self.assertEqual(told, {f"{gate.staging}/{day} is a symbolic link (to {away}), and the gate follows no link in staging"})
        swap(day, back=True)
        for name in ("receipts", "incoming", "quarantine", "ready"):
            place = swap(name)
            for command in (["serve"], ["serve", "--check"], ["drops", "list", "--waiting"]):
                with self.subTest(place=name, command=command):
                    ended, said = self.as_the_gate(gate, *command)
                    self.assertEqual(ended, 78, said)
                    self.assertEqual(said.count("is a symbolic link"), 1, said)
                    self.assertIn("; put the directory itself back in its place; ", said)
            swap(name, back=True)
        gate.start().stop()
        self.assertEqual(len(gate.ready("webhook")), 2)

    def test_a_run_directory_of_another_user_is_named_with_what_mends_it(self):
        gate = self.gate_of_its_user()
        gate.start().stop()
        place = os.path.join(gate.home, "state/run")
        os.chown(place, 0, 0)
        for command, status in ((["serve"], 78), (["serve", "--check"], 78), (["doctor", "--format", "json"], 1)):
            with self.subTest(command):
                said = subprocess.run([*gate.wrapper, gate.program, *command, "--config", gate.config], capture_output=True,
                                      text=True, timeout=60, env={**os.environ, **gate.environment})
                self.assertEqual(said.returncode, status, said.stdout + said.stderr)
                self.assertIn(f"chown -R {self.USER.pw_name} {place}", said.stdout + said.stderr)
        self.assertEqual(self.command(gate, "serve", "--check", check=False).returncode, 78, "root, too, who could write it")
        subprocess.run(["chown", "-R", self.USER.pw_name, place], check=True)
        gate.start().stop()

    def test_checkpoints_of_another_user_are_a_problem_that_ends_once_they_are_the_gates(self):
        gate = self.gate_of_its_user()
        gate.start()
        place = os.path.join(gate.home, "state/checkpoints")
        wait_until(lambda: os.path.isdir(place), what="a checkpoint")

        def problem():
            said = subprocess.run([*gate.wrapper, gate.program, "doctor", "--format", "json", "--config", gate.config],
                                  capture_output=True, text=True, timeout=60, env={**os.environ, **gate.environment})
            found = [f["text"] for f in map(json.loads, said.stdout.splitlines()) if f["area"] == "gate"]
            return next((text for text in found if text.startswith("checkpoint:")), None)
        os.chown(place, 0, 0)
        gate.post(V2 % "1")
        self.assertIn(f"chown -R {self.USER.pw_name} {place}", wait_until(problem, what="the problem"))
        subprocess.run(["chown", "-R", self.USER.pw_name, place], check=True)
        wait_until(lambda: problem() is None, what="the problem's end")
        gate.stop()

    def test_lists_that_the_gate_may_not_read_are_named_by_their_directory(self):
        gate = self.gate_of_its_user()
        folder = os.path.join(gate.home, "sources")
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o700)
        said = subprocess.run([*gate.wrapper, gate.program, "serve", "--check", "--config", gate.config], capture_output=True,
                              text=True, timeout=60, env={**os.environ, **gate.environment})
        self.assertEqual(said.returncode, 78, said.stderr)
        self.assertIn(f"{folder}: permission denied: {self.USER.pw_name} may not read this directory", said.stderr)
        self.assertIn("the gate's user must be able to read it", said.stderr)
        self.assertIn("or name your lists by a pattern that leaves it out", said.stderr)

    def test_a_directory_of_lists_that_is_closed_while_the_gate_runs_takes_nobody_off_the_lists(self):
        gate = self.gate_of_its_user()
        folder = os.path.join(gate.home, "teams/b")
        os.makedirs(folder)
        for place in (os.path.dirname(folder), folder):
            os.chmod(place, 0o755)
        with open(os.path.join(folder, "lab.yaml"), "w") as file:
            file.write("entries:\n  - {cidr: 127.0.0.9/32, service: lab, channels: [webhook]}\n")
        os.chmod(file.name, 0o644)
        gate.environment["DROPGATE_SOURCES"] = '["sources/*.yaml", "teams/*/*.yaml"]'
        gate.start()
        self.assertIn('"stored"', gate.post(V2 % "1", source="127.0.0.9").stdout)
        os.chmod(folder, 0o700)
        wait_until(lambda: f"source lists stay as they were: {folder}: permission denied" in gate.log(), what="the refusal")
        self.assertIn('"stored"', gate.post(V2 % "2", source="127.0.0.9").stdout)
        changes = [entry for entry in gate.entries("--kind", "policy") if entry["verdict"] == "rejected"]
        self.assertIn(folder, changes[-1]["detail"]["problems"][0])
        self.assertNotIn("gone", json.dumps(changes[-1]["detail"].get("files", [])))
        os.chmod(folder, 0o755)
        wait_until(lambda: "source lists are good and unchanged" in gate.log(), what="the end of the problem")
        self.assertEqual(gate.stop(), 0)

    def test_root_does_not_pull_for_another_user(self):
        gate = self.gate_of_its_user()
        said = self.command(gate, "pull", "sftp://x@127.0.0.1:1/", "--key", gate.key, "--host-key", "SHA256:" + "A" * 43,
                            check=False)
        self.assertEqual(said.returncode, 78, said.stderr)
        self.assertIn("sudo -u dropgate dropgate pull", said.stderr)

    def installed(self):
        """As Deploy/install.sh leaves it before it calls `init`."""
        home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, home)
        state = os.path.join(home, "state")
        os.mkdir(state, 0o700)
        os.chown(state, self.USER.pw_uid, self.USER.pw_gid)
        os.chown(home, 0, self.USER.pw_gid)
        os.chmod(home, 0o750)
        with open(os.path.join(home, "dropgate.yaml"), "w") as file:
            file.write("state: state\nwebhook:\n  listen: 127.0.0.1:0\n  tls: {certificate: state/tls/certificate.pem, "
                       "key: state/tls/key.pem}\nsftp: {listen: '127.0.0.1:0'}\n")
        os.chown(file.name, 0, self.USER.pw_gid)
        os.chmod(file.name, 0o640)
        return home, state

    def run_init(self, home):
        return subprocess.run([BIN, "init", "--config", os.path.join(home, "dropgate.yaml")], capture_output=True,
                              text=True)


class Reload(unittest.TestCase):
    def test_a_reload_before_the_gate_is_ready_does_not_end_it_and_is_not_lost(self):
        gate = Gate()
        self.addCleanup(gate.close)
        # A witness that takes the call and has not answered yet holds up the start.
        with socket.create_server(("127.0.0.1", 0)) as witness, concurrent.futures.ThreadPoolExecutor(1) as beside:
            witness.settimeout(60)
            gate.environment["DROPGATE_LEDGER_WITNESSES"] = f'["http://127.0.0.1:{witness.getsockname()[1]}/"]'
            started = beside.submit(gate.start)
            call, _ = witness.accept()
            with open(os.path.join(gate.home, "sources/more.yaml"), "w") as file:
                file.write("name: more\nentries:\n  - {cidr: 192.0.2.77, service: s, channels: [sftp]}\n")
            gate.process.send_signal(signal.SIGHUP)
            call.close()
            started.result()
        wait_until(lambda: "192.0.2.77" in gate.log(), what="the list")
        # From here on it is told of each.
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "source lists are good and unchanged" in gate.log(), what="the reload")
        self.assertIn('"stored"', gate.post(V2 % "1").stdout)
        self.assertEqual(gate.stop(), 0)


class Stop(unittest.TestCase):
    def test_a_gate_that_is_told_to_end_while_it_still_opens_what_it_listens_on_records_its_stop(self):
        gate = Gate()
        self.addCleanup(gate.close)
        program, session = copy_program(gate.root), os.path.join(gate.root, SESSION)
        os.rename(session, session + "-real")
        asked, go = (os.path.join(gate.root, name) for name in ("asked", "go"))
        # It is asked for its version by the checks, and once more by the receiver, when the start is an entry already.
        with open(session, "w") as file:
            file.write(f'#!/bin/sh\nif [ -e {asked} ]; then while [ ! -e {go} ]; do sleep 0.1; done; fi\n'
                       f': > {asked}\nexec {session}-real "$@"\n')
        os.chmod(session, 0o755)

        def said():
            """Straight from the ledger: no command exports from it while a gate starts."""
            if not os.path.exists(gate.home + "/state/ledger.sqlite"):
                return []
            with contextlib.closing(sqlite3.connect(f"file:{gate.home}/state/ledger.sqlite?mode=ro", uri=True)) as ledger:
                entries = [json.loads(row[0]) for row in ledger.execute("SELECT json FROM entries ORDER BY seq")]
            return [entry["reason"] for entry in entries if entry["kind"] == "service"]

        for sign in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sign.name):
                before = len(said())
                for path in (asked, go):
                    if os.path.exists(path):
                        os.remove(path)
                with open(os.path.join(gate.root, "serve.log"), "wb") as log:
                    gate.process = subprocess.Popen([program, "serve", "--allow-root", "--config", gate.config],
                                                    stdout=log, stderr=log, env={**os.environ, **gate.environment})
                wait_until(lambda: said()[before:] == ["started"], 20, "the start's entry")
                gate.process.send_signal(sign)
                gate.file("go", b"")
                self.assertEqual(gate.process.wait(30), 0, gate.log())
                self.assertEqual(said()[before:], ["started", "stopped"])
                self.assertNotIn("\nready\n", gate.log())


class Silence(unittest.TestCase):
    def test_an_overdue_source_is_an_entry_a_metric_and_a_warning_until_it_calls(self):
        with Gate(sources=EXPECTING) as gate:
            silent = wait_until(lambda: gate.entries("--reason", "silent"), what="the silence")[0]
            self.assertEqual((silent["kind"], silent["channel"], silent["entries"]),
                             ("service", "webhook", ["test/vsee"]))
            self.assertIn("test/vsee on webhook is silent", gate.log())
            with open(os.path.join(gate.home, "state/console.token")) as file:
                token = file.read().strip()

            def metrics():
                return subprocess.run(
                    ["curl", "-sS", "-H", f"Authorization: Bearer {token}",
                     f"http://127.0.0.1:{gate.ports['console']}/metrics"], capture_output=True, text=True).stdout
            self.assertIn('dropgate_source_silent{entry="test/vsee",channel="webhook"} 1', metrics())
            gate.post(V2 % "at-last")
            wait_until(lambda: gate.entries("--reason", "heard"), what="its return")
            self.assertIn("dropgate_source_last_contact_timestamp_seconds", metrics())


class Threads(unittest.TestCase):
    def test_unlisted_sources_that_get_an_answer_have_a_thread_of_the_lowest_priority(self):
        for unlisted, threads in (("refuse", 1), ("close", 0)):
            with self.subTest(unlisted), Gate(environment={"DROPGATE_WEBHOOK_UNLISTED": unlisted}) as gate:
                def niced():
                    found = [read(path).rsplit(")", 1)[1].split()[16]
                             for path in glob.glob(f"/proc/{gate.process.pid}/task/*/stat")]
                    return found.count("19") == threads
                wait_until(niced, what=f"{threads} threads")


class Memory(unittest.TestCase):
    def code(self, gate):
        """KiB of the program's code that its process has mapped in memory."""
        found, is_code = 0, False
        for line in read(f"/proc/{gate.process.pid}/smaps").splitlines():
            if words := re.match(r"[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)$", line):
                is_code = "x" in words[1] and words[2] == os.path.realpath(BIN)
            elif is_code and line.startswith("Rss:"):
                found += int(line.split()[1])
        return found

    def test_what_only_the_start_runs_of_the_program_is_not_kept_in_memory(self):
        gate = Gate()
        self.addCleanup(gate.close)
        gate.start()
        code = self.code(gate)
        self.assertGreater(code, 0)
        self.assertLess(code, 8 << 10)
        # What is run again comes back.
        self.assertEqual(gate.post(V2 % "after").returncode, 0)
        self.assertEqual(gate.sftp(f"put {gate.file('after.csv', b'after')}\n").returncode, 0)
        wait_until(lambda: len(gate.released()) == 1, what="the event")


class Trust(unittest.TestCase):
    """Files that decide who is let in, and that others may have changed."""

    def test_what_everybody_can_write_or_a_hash_that_everybody_can_read_is_refused(self):
        gate = Gate()
        self.addCleanup(gate.close)
        for path, mode in (("dropgate.yaml", 0o666), ("sources/test.yaml", 0o666), ("sources", 0o777),
                           ("accounts/vsee.yaml", 0o606), ("accounts/vsee.yaml", 0o644), ("accounts", 0o777),
                           ("state/keys", 0o777), ("state/tls", 0o777), ("state", 0o777), ("", 0o777)):
            with self.subTest(path, mode=oct(mode)):
                path = os.path.join(gate.home, path).rstrip("/")
                before = os.stat(path).st_mode & 0o7777
                os.chmod(path, mode)
                for arguments, status in ((["serve", "--check"], 78), (["doctor"], 1)):
                    said = gate.run(*arguments, "--config", gate.config, check=False)
                    self.assertEqual(said.returncode, status, said.stdout + said.stderr)
                    self.assertIn("everybody", said.stdout + said.stderr)
                    self.assertIn(path, said.stdout + said.stderr)
                os.chmod(path, before)
        gate.run("serve", "--check", "--config", gate.config)

    def test_a_secret_that_others_can_read_is_refused_by_the_check_as_by_the_start(self):
        gate = Gate()
        self.addCleanup(gate.close)
        for path in ("tls/key.pem", "keys/ledger.key", "keys/ssh_host_ed25519_key", "console.token"):
            with self.subTest(path):
                path = os.path.join(gate.home, "state", path)
                os.chmod(path, 0o644)
                for command in (["serve", "--check"], ["serve", "--allow-root"]):
                    said = gate.run(*command, "--config", gate.config, check=False)
                    self.assertEqual(said.returncode, 78, said.stdout + said.stderr)
                    self.assertIn(f"{path} can be read by others (mode 0644): chmod 600 {path}", said.stderr)
                os.chmod(path, 0o600)

    def test_a_list_that_comes_open_while_the_gate_runs_is_not_put_in_force(self):
        with Gate() as gate:
            path = os.path.join(gate.home, "sources/test.yaml")
            with open(path, "w") as file:
                file.write("name: test\nentries:\n  - {cidr: 127.0.0.3/32, service: vsee, channels: [webhook, sftp]}\n")
            os.chmod(path, 0o666)
            entries = lambda: [entry for entry in gate.entries() if entry["kind"] == "policy"]  # noqa: E731
            wait_until(lambda: [e for e in entries() if e["reason"] == "malformed"], 15, "the refusal")
            self.assertIn('"stored"', gate.post(V2 % "still").stdout)
            os.chmod(path, 0o644)
            wait_until(lambda: [e for e in entries() if "diff" in e["detail"]], 15, "the new list")
            self.assertNotIn('"stored"', gate.post(V2 % "gone").stdout)


class Doctor(unittest.TestCase):
    def doctor(self, gate, check=None):
        # The gate's own environment: the reserve and the listeners are set there.
        result = subprocess.run([BIN, "doctor", "--format", "json", "--config", gate.config], capture_output=True,
                                text=True, timeout=60, env={**os.environ, **gate.environment})
        return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]

    def found(self, findings, area, state, text):
        matches = [f for f in findings if f["area"] == area and f["state"] == state and text in f["text"]]
        self.assertTrue(matches, f"no {state} of {area} with {text!r} in {findings}")
        if state != "ok":
            self.assertTrue(matches[0]["fix"])

    def test_a_running_gate_is_looked_over(self):
        with Gate() as gate:
            gate.post(V2 % "1")
            status, findings = self.doctor(gate)
            self.assertEqual(status, 0, findings)
            self.found(findings, "configuration", "ok", "is good")
            self.found(findings, "filesystem", "ok", "honours fsync and rename")
            self.found(findings, "openssh", "ok", "OpenSSH_")
            self.found(findings, "gate", "ok", "nothing is wrong")
            self.found(findings, "listeners", "warn", "on loopback only")
            self.found(findings, "certificates", "warn", "self-signed")
            self.found(findings, "host keys", "ok", "ssh-ed25519 SHA256:")
            self.found(findings, "sources", "ok", "test/vsee: webhook")
            self.found(findings, "sources", "warn", "vsee-qatar/clinic: webhook never, sftp never")

    def test_each_fault_is_named_with_its_fix(self):
        gate = Gate()
        self.addCleanup(gate.close)
        gate.environment["DROPGATE_STAGING_RESERVE"] = "1000TiB"
        os.chmod(os.path.join(gate.home, "state"), 0o755)
        os.chmod(os.path.join(gate.home, "state/console.token"), 0o644)
        with open(os.path.join(gate.home, "sources/old.yaml"), "w") as file:
            file.write("name: old\nentries:\n  - {cidr: 192.0.2.1, service: x, channels: [sftp], expires: 2020-01-01}\n")
        status, findings = self.doctor(gate)
        self.assertEqual(status, 1)
        self.found(findings, "configuration", "fail", "console.token can be read by others")
        self.found(findings, "filesystem", "warn", "is open to others (mode 0755)")
        self.found(findings, "filesystem", "fail", "are kept back: nothing is accepted")
        self.found(findings, "sources", "warn", "old/x 192.0.2.1/32 (enforce, sftp, until 2020-01-01")
        self.found(findings, "listeners", "warn", "is not bound")

    def test_a_gate_without_a_session_of_its_own_build_does_not_start_and_says_what_is_missing(self):
        gate = Gate()
        self.addCleanup(gate.close)
        program, session = copy_program(gate.root), os.path.join(gate.root, SESSION)

        def refused(words):
            for command, status in ((["serve", "--check"], 78), (["serve", "--allow-root"], 78), (["doctor"], 1)):
                with self.subTest(words, command=command):
                    said = subprocess.run([program, *command, "--config", gate.config], capture_output=True, text=True,
                                          timeout=60, env={**os.environ, **gate.environment})
                    self.assertEqual(said.returncode, status, said.stdout + said.stderr)
                    for part in (words, session, "install it from the same build as the gate"):
                        self.assertIn(part, said.stdout + said.stderr)

        os.remove(session)
        refused("is missing")
        with open(session, "w") as file:
            file.write(f"#!/bin/sh\necho '{SESSION} 0.0.1, messages of version 3'\n")
        os.chmod(session, 0o644)
        refused("is missing")
        os.chmod(session, 0o755)
        refused("is not a session for this gate")
        self.assertFalse(os.path.exists(os.path.join(gate.home, "state/ledger.sqlite")), "nothing was begun")

    def test_a_state_or_staging_that_anybody_can_change_is_refused_by_the_check_as_by_the_start(self):
        gate = Gate()
        self.addCleanup(gate.close)
        gate.start().stop()
        for path, words, fix in (("state", "can be written by everybody", "chmod o-w"),
                                 ("state/staging", "anybody can change it", "chmod 700"),
                                 ("state/run", "anybody can change it", "chmod 700"),
                                 ("state/sshd", "anybody can change it", "chmod 700")):
            path = os.path.join(gate.home, path)
            os.chmod(path, 0o777)
            for command in (["serve", "--check"], ["serve", "--allow-root"]):
                with self.subTest(path, command=command):
                    said = gate.run(*command, "--config", gate.config, check=False,
                                    env={**os.environ, **gate.environment})
                    self.assertEqual(said.returncode, 78, said.stdout + said.stderr)
                    self.assertIn(words, said.stderr)
                    self.assertIn(f"{fix} {path}\n", said.stderr)
            os.chmod(path, 0o700)


if __name__ == "__main__":
    unittest.main()
