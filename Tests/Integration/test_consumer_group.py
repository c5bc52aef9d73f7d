"""Consumers of `staging.group`: real other users who take files from ready/, read receipts, and reach nothing else of the gate."""
import contextlib
import glob
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import test_consumers  # noqa: E402
from gate import V2, Gate, become, copy_program, reachable, read, wait_until  # noqa: E402
from test_api import token  # noqa: E402
from test_consumers import EXAMPLES, digest  # noqa: E402

KEEPER, CONSUMER, GROUP, AUDITORS = "nobody", "www-data", "games", "audio"
MEMBER, STRANGER = become(CONSUMER, GROUP), become(CONSUMER)


class Between(http.server.ThreadingHTTPServer):
    """Stands between a consumer and the gate's API. Before and after the first request of each kind it calls `shot`."""

    daemon_threads = True

    def __init__(self, port, shot):
        self.gate, self.shot, self.seen = port, shot, set()
        super().__init__(("127.0.0.1", 0), Relay)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def first(self, moment):
        if moment not in self.seen:
            self.seen.add(moment)
            self.shot(moment)

    def handle_error(self, request, client_address):
        """The consumer was killed."""


class Relay(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def relay(self):
        kind = "ack" if self.command == "POST" else "at" if "/at?" in self.path else "id"
        self.server.first((kind, "before"))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.server.gate, timeout=60)) as gate:
            gate.request(self.command, self.path, headers={"Authorization": self.headers["Authorization"]})
            answer = gate.getresponse()
            body = answer.read()
        self.server.first((kind, "after"))
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = relay


class Member:
    """An example consumer that runs as another user, and asks the API by way of a `Between`."""

    def prepare(self, scene, gate):
        self.gate, self.root = gate, scene.desk
        self.work = os.path.join(gate.staging, "taken", "ehr")
        self.token_file = os.path.join(scene.desk, "token")
        with open(self.token_file, "w") as file:
            file.write(token(gate, "ehr", "consumer"))
        shutil.chown(self.token_file, CONSUMER)
        self.process = None
        self.moments = []
        self.between = Between(gate.ports["console"], self.shot)
        scene.addCleanup(self.between.server_close)
        scene.addCleanup(self.between.shutdown)

    def shot(self, moment):
        self.moments.append(moment)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def start(self, *options):
        self.process = subprocess.Popen(
            [*MEMBER, *self.command(*options)], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=self.root,
            env={"PATH": os.environ["PATH"], "API": self.between.url, "TOKEN_FILE": self.token_file, "INTERVAL": "0.2"})
        return self.process

    def once(self):
        self.start("--once")
        try:
            out, _ = self.process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            raise
        return self.process.returncode, out


class Python(Member, test_consumers.Python):
    def __init__(self, scene, gate):
        self.prepare(scene, gate)
        self.database = os.path.join(self.root, "drops.sqlite")

    def command(self, *options):
        return [os.path.join(self.root, "consume.py"), *options, "--api", self.between.url, "--token-file", self.token_file,
                self.gate.staging, self.work, self.database]


class Shell(Member, test_consumers.Shell):
    def __init__(self, scene, gate):
        self.prepare(scene, gate)
        # Results and work are moved from one to the other.
        self.results = os.path.join(gate.staging, "taken", "results")
        self.make = os.path.join(self.root, "make")
        with open(self.make, "w") as file:
            file.write('#!/bin/sh\nset -e\nhead -c 3 "$1" > "$3"\ncat "$1" > "$3"\n')
        os.chmod(self.make, 0o755)

    def command(self, *options):
        return [os.path.join(self.root, "consume.sh"), *options, self.gate.staging, self.work, self.results, self.make]


@unittest.skipUnless(os.geteuid() == 0, "needs other users")
class ConsumerGroup(test_consumers.Scenes):
    def gate(self, keeper=KEEPER, group=GROUP, **environment):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s", **environment})
        self.addCleanup(gate.close)
        os.chmod(gate.root, 0o755)
        os.chmod(gate.home, 0o711)
        self.state = os.path.join(gate.home, "state")
        self.desk = os.path.join(gate.root, "desk")
        os.mkdir(self.desk)
        for name in ("consume.py", "consume.sh"):
            shutil.copy(os.path.join(EXAMPLES, name), self.desk)
        shutil.chown(self.desk, CONSUMER)
        self.name(gate, group)
        if keeper:
            subprocess.run(["chown", "-R", f"{keeper}:nogroup", gate.home], check=True)
            gate.program, gate.wrapper = copy_program(gate.root), become(keeper, GROUP, AUDITORS)
        return gate.start()

    def name(self, gate, group, key="group"):
        """Names a group in the settings; None: none."""
        example = {"group": "dropgate-drops", "read_group": "dropgate-audit"}[key]
        line = f"  {key}: {group}" if group else f"  #{key}: {example}"
        text, count = re.subn(rf"(?m)^  #?{key}: .*$", line, read(gate.config))
        assert count == 1, text
        with open(gate.config, "w") as file:
            file.write(text)

    def restart(self, gate, group):
        gate.stop()
        self.name(gate, group)
        gate.start()

    def member(self, script, prefix=MEMBER):
        """Runs a shell's words as a member; its status and what it said."""
        run = subprocess.run([*prefix, "sh", "-c", script], capture_output=True, text=True, cwd=self.gate_staging)
        return run.returncode, run.stdout + run.stderr

    def test_the_group_takes_files_and_reads_receipts_and_reaches_nothing_else(self):
        for layout in ("file", "ndjson"):
            gate = self.gate(DROPGATE_STAGING_LAYOUT=layout)
            self.post_together(gate, 20)
            self.fill(gate)
            # Of each kind of place something that must stay closed: an unfinished upload, a held event, receipts of quarantine.
            gate.post(V2 % "held", source="127.0.0.3")
            read_by_group = reachable(self.state, "r", MEMBER)
            expected = sorted(
                os.path.relpath(os.path.join(folder, name), self.state) for place in ("ready", "receipts")
                for folder, _, names in os.walk(os.path.join(gate.staging, place)) for name in names)
            self.assertGreater(len(expected), 8)
            self.assertEqual(read_by_group, expected)
            self.assertEqual(reachable(self.state, "w", MEMBER), [])
            self.assertEqual(reachable(self.state, "r", STRANGER), [])
            for place, mode in (("ready", 0o2750), ("receipts", 0o2750), ("taken", 0o1770), ("incoming", 0o700),
                                ("quarantine", 0o700), ("ready/webhook", 0o2750), ("ready/sftp", 0o2750),
                                ("ready/sftp/vsee", 0o2770), (".", 0o2710), ("ready/sftp/vsee/2026", 0o2770)):
                status = os.stat(os.path.join(gate.staging, place))
                if os.path.isdir(os.path.join(gate.staging, place)):
                    self.assertEqual(oct(stat.S_IMODE(status.st_mode)), oct(mode), place)
            doctor = gate.run("doctor", "--config", gate.config, check=False).stdout
            self.assertNotIn("open to others", doctor)
            self.assertIn(f"the group {GROUP} may take what lies in ready/", doctor)
            # What has no name to go by: listing what is only passed through.
            for path in (self.state, gate.staging, gate.staging + "/incoming", gate.staging + "/quarantine"):
                self.assertNotEqual(subprocess.run([*MEMBER, "ls", path], capture_output=True, check=False).returncode, 0, path)
            gate.close()

    def test_names_of_the_gate_stay_the_gates(self):
        gate = self.gate()
        self.fill(gate)
        self.gate_staging = gate.staging
        os.mkdir(os.path.join(gate.root, "elsewhere"), 0o777)
        for script in (
                "mv ready/sftp/vsee taken/", "mv ready/webhook/* taken/", "touch ready/x", "mkdir ready/sftp/other",
                "ln -s / ready/webhook/9999-01-01", "rm receipts/*", "touch receipts/x", "mv ready taken/", "touch x",
                "chmod 700 ready/sftp/vsee", ": >> 'ready/sftp/vsee/2026/a b 0.csv'"):
            status, said = self.member(script)
            self.assertNotEqual(status, 0, script + said)
        # Among files it may do what it likes, and nothing that it puts there leads the gate out of staging.
        status, said = self.member(
            f"mkdir taken/ehr && mv ready/sftp/vsee/2026 taken/ehr/ && ln -s {gate.root}/elsewhere ready/sftp/vsee/2026")
        self.assertEqual(status, 0, said)
        later = f'put "{gate.file("later", b"later")}" 2026/later.csv\n'
        self.assertNotEqual(gate.sftp(later).returncode, 0)
        self.assertEqual([entry["reason"] for entry in gate.entries("--channel", "sftp", "--kind", "transfer")][-1], "bad_path")
        self.assertIn("ready/sftp/vsee/2026 is a symbolic link", gate.log())
        self.assertEqual(os.listdir(os.path.join(gate.root, "elsewhere")), [])
        # And goes on when that is gone.
        self.assertEqual(self.member("rm ready/sftp/vsee/2026")[0], 0)
        self.assertEqual(gate.sftp(later).returncode, 0)
        wait_until(lambda: glob.glob(gate.staging + "/ready/sftp/vsee/2026/later.csv"), what="the release")

    def kill_at_each_step(self, kind, steps, **environment):
        gate = self.gate(**environment)
        consumer = kind(self, gate)
        sent = self.fill(gate)
        kills = 0
        while True:
            status, out = consumer.once()
            if status == 0:
                break
            self.assertEqual(status, -signal.SIGKILL, out)
            kills += 1
            self.assertLess(kills, 50, out)
        # A request goes on when its sender has been killed, so one kill may be of two moments.
        self.assertEqual(len(consumer.moments), steps, consumer.moments)
        self.assertIn(kills, range(steps // 2, steps + 1))
        self.check(gate, consumer, sent)

    def test_the_python_one_is_killed_at_each_step(self):
        self.kill_at_each_step(Python, 6)

    def test_the_python_one_takes_batches(self):
        self.kill_at_each_step(Python, 6, DROPGATE_STAGING_LAYOUT="ndjson")

    def test_the_shell_one_is_killed_at_each_step(self):
        self.kill_at_each_step(Shell, 6)

    def test_killed_at_any_moment_they_miss_nothing_and_take_nothing_twice(self):
        for kind in (Python, Shell):
            gate = self.gate()
            consumer = kind(self, gate)
            consumer.between.shot = lambda _: None
            sent = self.kill_while_it_follows(gate, consumer, consumer.start)
            sent += self.post_at_once(gate, 40)
            self.wait_for_releases(gate)
            status, out = consumer.once()
            self.assertEqual(status, 0, out)
            self.check(gate, consumer, sent)
            gate.close()

    def test_a_file_that_is_another_one_by_now_goes_back(self):
        for kind in (Python, Shell):
            gate = self.gate()
            consumer = kind(self, gate)
            first, second = gate.file("first", b"first"), gate.file("second", b"second, longer")
            self.assertEqual(gate.sftp(f"put {first} day.csv\n").returncode, 0)
            wait_until(lambda gate=gate: gate.drops("--waiting"), what="the first")

            def swap(moment, gate=gate, second=second):
                if moment == ("at", "after"):
                    self.assertEqual(gate.sftp(f"rename day.csv kept.csv\nput {second} day.csv\n").returncode, 0)
                    wait_until(lambda: os.path.exists(gate.staging + "/ready/sftp/vsee/day.csv"), what="the second")
            consumer.between.shot = swap
            _, out = consumer.once()
            status, again = consumer.once()
            self.assertEqual(status, 0, out + again)
            self.check(gate, consumer, [digest(b"first"), digest(b"second, longer")])
            gate.close()

    def test_a_group_is_let_in_to_what_was_there_and_shut_out_again(self):
        gate = self.gate(group=None)
        sent = self.fill(gate)
        self.assertEqual(reachable(self.state, "r", MEMBER), [])
        modes = self.modes()
        self.restart(gate, GROUP)
        self.assertEqual(len(reachable(self.state, "r", MEMBER)), len(gate.ready()) + len(gate.receipts()))
        # Another one in its place: the former has nothing left.
        self.restart(gate, AUDITORS)
        self.assertEqual(reachable(self.state, "r", MEMBER), [])
        self.assertEqual(len(reachable(self.state, "r", become(CONSUMER, AUDITORS))), len(gate.ready()) + len(gate.receipts()))
        self.restart(gate, GROUP)
        consumer = Python(self, gate)
        consumer.between.shot = lambda _: None
        status, out = consumer.once()
        self.assertEqual(status, 0, out)
        self.check(gate, consumer, sent)
        shutil.rmtree(consumer.work)
        gate.stop()
        self.name(gate, None)
        gate.start()
        self.assertEqual(reachable(self.state, "r", MEMBER), [])
        now = self.modes()
        self.assertEqual({path: now[path] for path in modes if path in now}, {path: modes[path] for path in modes if path in now})
        for folder, _, _ in os.walk(self.state):
            self.assertNotIn("system.posix_acl_access", os.listxattr(folder), folder)

    def test_what_was_given_to_the_gates_user_again_is_opened_by_the_next_start(self):
        gate = self.gate()
        self.fill(gate)
        released = len(gate.ready()) + len(gate.receipts())
        self.assertEqual(len(reachable(self.state, "r", MEMBER)), released)
        gate.stop()
        # As a restore does, and the remedy for files of another user.
        subprocess.run(["chown", "-R", f"{KEEPER}:nogroup", self.state], check=True)
        self.assertEqual(reachable(self.state, "r", MEMBER), [])
        gate.start()
        self.assertEqual(len(reachable(self.state, "r", MEMBER)), released)
        self.gate_staging = gate.staging
        status, said = self.member("mkdir taken/ehr && find ready -type f -exec mv -t taken/ehr {} + && cat taken/ehr/* >/dev/null")
        self.assertEqual(status, 0, said)

    def modes(self):
        """Mode, user and group of the state and what is staged in it."""
        return {path: (oct(status.st_mode), status.st_uid, status.st_gid)
                for path in (self.state, *glob.glob(self.state + "/staging/**", recursive=True))
                for status in [os.lstat(path)]}

    def test_auditors_and_consumers_of_two_groups_get_their_own(self):
        gate = self.gate(group=None)
        sent = self.fill(gate)
        for first, second in ((("group", GROUP), ("read_group", AUDITORS)), (("read_group", AUDITORS), ("group", GROUP))):
            for key, group in (("group", None), ("read_group", None), first, second):
                gate.stop()
                self.name(gate, group, key)
                gate.start()
            auditor = reachable(self.state, "r", become(CONSUMER, AUDITORS))
            self.assertIn("ledger.sqlite", auditor)
            self.assertEqual([path for path in auditor if path.startswith("staging/")], [])
            consumer = reachable(self.state, "r", MEMBER)
            self.assertEqual({path.split("/")[0] for path in consumer}, {"staging"})
            self.assertGreater(len(consumer), len(sent))
            doctor = gate.run("doctor", "--config", gate.config, check=False).stdout
            self.assertNotIn("open to others", doctor)

    def test_what_stands_in_the_way_is_said(self):
        gate = self.gate(group="no-such-group")
        said = "staging.group: there is no group no-such-group: addgroup --system no-such-group"
        self.assertIn(said, gate.log())
        self.assertIn(said, gate.run("doctor", "--config", gate.config, check=False).stdout)
        refused = gate.run("init", "--config", gate.config, check=False)
        self.assertEqual(refused.returncode, 78, refused.stderr)
        self.assertIn(said, refused.stderr)
        self.restart(gate, GROUP)
        os.chmod(gate.root, 0o700)
        doctor = gate.run("doctor", "--config", gate.config, check=False).stdout
        self.assertIn(f"cannot get there: {gate.root} is closed to it", doctor)
        self.assertIn(f"setfacl -m g:{GROUP}:x {gate.root}", doctor)
        # A gate whose user is not in the group says so, and goes on.
        os.chmod(gate.root, 0o755)
        gate.stop()
        self.name(gate, "video")
        gate.start()
        self.assertIn("put the gate's user into the group", gate.log())
        self.assertEqual(gate.post(V2 % "goes on").returncode, 0)
        self.assertEqual(reachable(self.state, "r", MEMBER), [])


if __name__ == "__main__":
    unittest.main()
