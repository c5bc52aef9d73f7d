"""The worked consumers of Deploy/examples: killed in the middle again and again, at each of their steps, they lose no drop and
take none twice."""
import concurrent.futures
import contextlib
import glob
import hashlib
import http.client
import http.server
import json
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from gate import BIN, V2, Gate, read, wait_until

EXAMPLES = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../Deploy/examples"))
# Stands before a program; kills the whole consumer before or after a call of it, each kind of call once.
KILLER = """#!/bin/bash
read -r _ _ _ _ group _ < /proc/$$/stat
call={name}-${{{word}:-x}}
shot() {{ set -o noclobber; true > "{root}/$call-$1"; }}
if shot before 2>/dev/null; then kill -KILL -- "-$group"; fi
{program} "$@"
code=$?
if shot after 2>/dev/null; then kill -KILL -- "-$group"; fi
exit $code
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Consumer:
    """One of the examples beside a gate. `programs` are killers that stand in for what it calls."""

    def __init__(self, gate):
        self.gate = gate
        self.root = gate.root
        self.work = os.path.join(gate.home, "state/work")  # on staging's filesystem
        self.killers = os.path.join(self.root, "killers")
        os.makedirs(self.killers)

    def killer(self, name, program, word):
        """A script that kills the consumer's process group before and after its first call with each word."""
        path = os.path.join(self.root, name)
        text = KILLER.format(name=name, word=word, root=self.killers, program=program)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def run(self, arguments, program, timeout=60):
        """Runs it once; its exit status, or -9 where it was killed."""
        process = subprocess.Popen(
            arguments, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "DROPGATE": program, "CONFIG": self.gate.config})
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return process.returncode, out


class Shell(Consumer):
    def __init__(self, gate):
        super().__init__(gate)
        self.results = os.path.join(self.root, "results")
        self.command = os.path.join(self.root, "command")
        with open(self.command, "w") as file:
            file.write('#!/bin/sh\nset -e\nhead -c 3 "$1" > "$3"\ncat "$1" > "$3"\n')
        os.chmod(self.command, 0o755)

    def once(self, dropgate=BIN, command=None, timeout=60):
        return self.run([os.path.join(EXAMPLES, "consume.sh"), "--once", self.gate.staging, self.work, self.results,
                         command or self.command], dropgate, timeout)

    def follow(self):
        return [os.path.join(EXAMPLES, "consume.sh"), self.gate.staging, self.work, self.results, self.command]

    def taken(self):
        """The digest of what was made of each drop."""
        found = {}
        for path in glob.glob(os.path.join(self.results, "*")):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = digest(file.read())
        return found


class Python(Consumer):
    def __init__(self, gate):
        super().__init__(gate)
        self.database = os.path.join(self.root, "drops.sqlite")

    def arguments(self, dropgate):
        return [os.path.join(EXAMPLES, "consume.py"), "--dropgate", dropgate, "--config", self.gate.config,
                self.gate.staging, self.work, self.database]

    def once(self, dropgate=BIN, command=None):
        return self.run([*self.arguments(dropgate), "--once"], dropgate)

    def follow(self):
        return self.arguments(BIN)

    def taken(self):
        if not os.path.exists(self.database):
            return {}
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            made = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'drops'").fetchall()
            rows = connection.execute("SELECT id, data FROM drops").fetchall() if made else []
        return {drop: digest(data) for drop, data in rows}


class Scenes(unittest.TestCase):
    """Drops for consumers, and what is to have become of them."""

    def gate(self, **environment):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s", **environment})
        self.addCleanup(gate.close)
        return gate.start()

    def fill(self, gate, events=4, files=3):
        """Sends events and files; the digest of each."""
        sent = []
        for number in range(events):
            body = V2 % f"event-{number}-{len(os.listdir(os.path.join(gate.staging, 'receipts')))}"
            self.assertEqual(gate.post(body).returncode, 0)
            sent.append(digest(body.encode()))
        commands = "-mkdir 2026\n"
        for number in range(files):
            data = os.urandom(1000)
            commands += f'put "{gate.file(f"f{number}", data)}" "2026/a b {number}.csv"\n'
            sent.append(digest(data))
        self.assertEqual(gate.sftp(commands).returncode, 0)
        wait_until(lambda: len(gate.released()) >= len(sent), what="the releases")
        return sent

    def check(self, gate, consumer, sent):
        drops = [drop for drop in gate.drops() if drop["state"] != "withdrawn"]
        self.assertEqual({drop["state"] for drop in drops}, {"acknowledged"})
        self.assertEqual(consumer.taken(), {drop["drop"]: drop["sha256"] for drop in drops})
        self.assertEqual(sorted(consumer.taken().values()), sorted(sent))
        self.assertEqual((gate.ready(), gate.drops("--waiting")), ([], []))
        self.assertEqual([name for name in os.listdir(consumer.work) if name != "lock"], [])

    def kill_while_it_follows(self, gate, consumer, start):
        """Eight times: sends, starts the consumer, and kills it when it has taken something. The digests of what was sent."""
        sent = []
        for number in range(8):
            sent += self.fill(gate, events=3, files=number % 2)
            process = start()
            try:
                before = len(consumer.taken())
                wait_until(lambda before=before: len(consumer.taken()) > before, what="a drop that is taken")
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        return sent

    def post_together(self, gate, count):
        """Sends the gate's first events, all of them before one is released: they lie in one directory then. The digest of each."""
        webhook = os.path.join(gate.staging, "ready/webhook")
        days = [os.path.join(webhook, time.strftime("%Y-%m-%d", time.gmtime(time.time() + seconds))) for seconds in (0, 86400)]
        # Nothing can be released where no directory can be made.
        obstacles = days if os.path.exists(webhook) else [webhook]
        for path in obstacles:
            os.symlink("nowhere", path)
        sent = self.post_at_once(gate, count)
        self.assertEqual({drop["state"] for drop in gate.drops()}, {"pending"})
        for path in obstacles:
            os.unlink(path)
        self.wait_for_releases(gate)
        return sent

    def wait_for_releases(self, gate):
        wait_until(lambda: "pending" not in {drop["state"] for drop in gate.drops()}, what="the releases")

    def post_at_once(self, gate, count):
        """Sends events at one moment; the digest of each."""
        bodies = [V2 % f"together-{number}" for number in range(count)]
        barrier = threading.Barrier(count)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        place = urllib.parse.urlsplit(gate.url)

        def post(body):
            with contextlib.closing(http.client.HTTPSConnection(
                    place.hostname, place.port, timeout=60, source_address=("127.0.0.2", 0), context=context)) as connection:
                connection.connect()
                barrier.wait(60)
                connection.request("POST", place.path, body)
                return connection.getresponse().status
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            self.assertEqual(set(pool.map(post, bodies)), {200})
        return [digest(body.encode()) for body in bodies]


class Consumers(Scenes):
    def kill_at_each_step(self, kind, steps, **environment):
        gate = self.gate(**environment)
        consumer = kind(gate)
        sent = self.fill(gate)
        dropgate = consumer.killer("dropgate", BIN, "2")
        command = consumer.killer("kill-command", getattr(consumer, "command", "true"), "9")
        kills = 0
        while True:
            status, out = consumer.once(dropgate, command)
            if status == 0:
                break
            self.assertEqual(status, -signal.SIGKILL, out)
            kills += 1
            self.assertLess(kills, 50, out)
        self.assertEqual(kills, len(os.listdir(consumer.killers)))
        self.assertEqual(kills, steps, os.listdir(consumer.killers))
        self.check(gate, consumer, sent)

    def test_the_shell_one_is_killed_at_each_step(self):
        # Before and after show, ack, and the command.
        self.kill_at_each_step(Shell, 6)

    def test_the_python_one_is_killed_at_each_step(self):
        self.kill_at_each_step(Python, 4)

    def test_the_python_one_takes_batches(self):
        self.kill_at_each_step(Python, 4, DROPGATE_STAGING_LAYOUT="ndjson")

    def test_the_python_one_takes_batches_of_one_line_and_bodies_that_are_no_text(self):
        gate = self.gate(DROPGATE_STAGING_LAYOUT="ndjson")
        sent = []
        for body in (b"\x00\xff\n\xfe{", (V2 % "text").encode(), b"\xc3("):
            self.assertEqual(gate.post(body).returncode, 0)
            sent.append(digest(body))
            wait_until(lambda: len(gate.ready()) == len(sent), what="a batch of one line")
            wait_until(lambda: {drop["state"] for drop in gate.drops()} == {"released"}, what="its mark")
        # The gate finds no receipt there, so it does not say which line is whose: the file's lines do.
        for path in glob.glob(os.path.join(gate.staging, "receipts/webhook/*/*.ndjson")):
            write(path, "{\n")
        self.assertFalse([drop for drop in gate.drops() if "line" in drop])
        consumer = Python(gate)
        status, out = consumer.once()
        self.assertEqual(status, 0, out)
        self.check(gate, consumer, sent)

    def test_the_shell_one_takes_the_events_of_a_directory_though_a_receipt_among_theirs_is_damaged(self):
        gate = self.gate()
        sent = self.post_together(gate, 20)
        receipts = glob.glob(os.path.join(gate.staging, "receipts/webhook/*/*-events-*.ndjson"))
        self.assertTrue(receipts, gate.ready())
        with open(receipts[0], "rb") as file:
            first, rest = file.read().split(b"\n", 1)
        lost = json.loads(first)
        with open(receipts[0], "wb") as file:
            file.write(b"\x00\xff\n" + rest)
        consumer = Shell(gate)
        self.refused(consumer.once(timeout=240), f"the receipt of drop {lost['drop']} cannot be copied")
        self.assertEqual(sorted(consumer.taken().values()), sorted(set(sent) - {lost["sha256"]}))
        self.assertEqual([drop["drop"] for drop in gate.drops("--waiting")], [lost["drop"]])

    def kill_at_random(self, kind):
        gate = self.gate()
        consumer = kind(gate)
        sent = self.kill_while_it_follows(gate, consumer, lambda: subprocess.Popen(
            consumer.follow(), start_new_session=True, stderr=subprocess.DEVNULL,
            env={**os.environ, "DROPGATE": BIN, "CONFIG": gate.config}))
        status, out = consumer.once()
        self.assertEqual(status, 0, out)
        self.check(gate, consumer, sent)

    def test_the_shell_one_is_killed_while_it_follows(self):
        self.kill_at_random(Shell)

    def test_the_python_one_is_killed_while_it_follows(self):
        self.kill_at_random(Python)

    def refused(self, run, *words):
        """An error: a sentence with these words, and neither a traceback nor a status of success."""
        status, out = run
        self.assertEqual(status, 1, out)
        self.assertRegex(out, "(?m)^consume: ")
        self.assertNotIn("Traceback", out)
        for word in words:
            self.assertIn(word, out)

    def one(self, gate):
        """A drop whose file lies in ready/."""
        self.fill(gate, events=1, files=0)
        wait_until(lambda: [drop["state"] for drop in gate.drops()] == ["released"], what="the release")
        return gate.drops()[0]

    def test_what_is_missing_is_said_in_a_sentence(self):
        gate = self.gate()
        self.one(gate)
        for kind in (Shell, Python):
            consumer = kind(gate)
            nothing = os.path.join(consumer.root, "nothing")
            with self.subTest(kind=kind.__name__):
                self.refused(consumer.once(dropgate=nothing), "the gate's program cannot be run", nothing)
                staging, gate.staging = gate.staging, nothing
                try:
                    self.refused(consumer.once(), nothing + "/ready")
                finally:
                    gate.staging = staging
                work, consumer.work = consumer.work, os.path.join(gate.config, "work")
                self.refused(consumer.once(), consumer.work)
                consumer.work = work
            shutil.rmtree(consumer.killers)
        self.assertEqual(len(gate.ready()), 1)

    @unittest.skipUnless(os.geteuid() == 0, "needs other users")
    def test_what_may_not_be_read_is_said_in_a_sentence(self):
        gate = self.gate()
        self.one(gate)
        stranger = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        # The checkout may be closed to others, as what `mktemp -d` makes is.
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        for kind in (Shell, Python):
            consumer = kind(gate)
            with self.subTest(kind=kind.__name__):
                program, *arguments = consumer.follow()
                program = shutil.copy(program, folder)
                self.refused(consumer.run([*stranger, program, "--once", *arguments], "/bin/true"), gate.staging)
            shutil.rmtree(consumer.killers)

    def test_a_receipt_that_is_broken_or_gone_keeps_its_drop_for_somebody_to_look_at(self):
        gate = self.gate()
        drop = self.one(gate)
        receipt = os.path.join(gate.staging, "receipts", drop["drop"] + ".json")
        whole = read(receipt)
        os.remove(receipt)
        for kind in (Shell, Python):
            consumer = kind(gate)
            with self.subTest(kind=kind.__name__):
                self.refused(consumer.once(), "the receipt of drop " + drop["drop"])
                self.assertEqual((consumer.taken(), len(gate.ready())), ({}, 1))
            shutil.rmtree(consumer.killers)
        write(receipt, whole[:50])
        consumer = Shell(gate)
        self.refused(consumer.once(), f"the receipt of drop {drop['drop']} is broken")
        self.assertEqual((consumer.taken(), len(gate.ready())), ({}, 1))
        shutil.rmtree(consumer.killers)
        # The Python one goes by what the gate says, which it knows from its ledger, too.
        consumer = Python(gate)
        status, out = consumer.once()
        self.assertEqual((status, list(consumer.taken())), (0, [drop["drop"]]), out)

    def test_a_file_that_is_another_one_by_now_goes_back(self):
        """The sender renames or removes a drop, and sends another file under its name, between the consumer's look and its move."""
        for kind in (Shell, Python):
            for name, change, kept in (("day.csv", "rename day.csv kept.csv", [b"first"]), ("day.ndjson", "rm day.ndjson", [])):
                with self.subTest(kind=kind.__name__, change=change):
                    self.swap(kind, name, change, kept)

    def swap(self, kind, name, change, kept):
        gate = self.gate()
        consumer = kind(gate)
        first, second = gate.file("first", b"first"), gate.file("second", b"second, longer")
        self.assertEqual(gate.sftp(f"put {first} {name}\n").returncode, 0)
        wait_until(lambda: len(gate.drops("--waiting")) == 1, what="the first")
        swap = os.path.join(gate.root, "swap")
        sftp = " ".join(f"'{word}'" for word in [
            "sftp", "-b", "-", *gate.ssh_options(), "-P", str(gate.ports["sftp"]), f"{gate.account}@127.0.0.1"])
        with open(swap, "w") as file:
            file.write(f'#!/bin/bash\n{BIN} "$@" || exit\nset -o noclobber\n'
                       f'if true 2>/dev/null > {gate.root}/swapped; then\n'
                       f"  printf '{change}\\nput {second} {name}\\n' | {sftp} >&2\n"
                       f"  until [ -e {gate.staging}/ready/sftp/vsee/{name} ]; do sleep 0.1; done\nfi\n")
        os.chmod(swap, 0o755)
        _, out = consumer.once(swap)
        status, again = consumer.once()
        self.assertEqual(status, 0, out + again)
        self.check(gate, consumer, [*map(digest, kept), digest(b"second, longer")])
        gate.close()

    def test_answers_that_are_not_the_gates_are_said_in_a_sentence(self):
        """A proxy before the console answers by itself, or the URL leads elsewhere."""
        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(self.server.status, "Told")
                self.send_header("Content-Length", "100" if self.server.status == 200 else "13")
                self.end_headers()
                self.wfile.write(b"<html></html>")

            def log_message(self, *_):
                pass

        gate = self.gate()
        self.one(gate)
        token = gate.file("token", b"secret")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            work, database = os.path.join(gate.staging, "taken", "other"), os.path.join(gate.root, "other.sqlite")
            for server.status in (502, 404, 200):
                for command in ([os.path.join(EXAMPLES, "consume.py"), "--once", "--api", url, "--token-file", token, gate.staging, work,
                                 database],
                                [os.path.join(EXAMPLES, "consume-api.py"), "--once", url, token, database + "-2"]):
                    with self.subTest(status=server.status, command=os.path.basename(command[0])):
                        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
                        self.refused((run.returncode, run.stdout + run.stderr))
            server.shutdown()

    def test_two_of_one_directory_are_refused_other_filesystems_too(self):
        gate = self.gate()
        consumer = Python(gate)
        elsewhere = tempfile.TemporaryDirectory(prefix="consumer-", dir="/dev/shm")
        self.addCleanup(elsewhere.cleanup)
        consumer.work = os.path.join(elsewhere.name, "work")
        status, out = consumer.once()
        self.assertEqual(status, 1)
        self.assertIn("is on another filesystem than", out)
        shell = Shell.__new__(Shell)
        shell.__dict__.update(consumer.__dict__, results=os.path.join(gate.root, "results"), command="true")
        status, out = shell.once()
        self.assertEqual(status, 1)
        self.assertIn("is on another filesystem than", out)


if __name__ == "__main__":
    unittest.main()
