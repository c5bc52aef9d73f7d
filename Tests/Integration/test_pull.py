"""`dropgate pull`: drops of one real gate become drops of another, once each, through interruptions of every kind."""
import collections
import contextlib
import fcntl
import glob
import hashlib
import http.client
import json
import os
import pwd
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, V2, Gate, become, copy_program, wait_until  # noqa: E402


def digest(data):
    return hashlib.sha256(data).hexdigest()


def files(folder):
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


def opens(pid, path):
    """Whether a process has a file open."""
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            if os.readlink(link) == path:
                return True
        except OSError:
            pass
    return False


class Line:
    """A TCP line to the gate that comes from 127.0.0.2, counts what the gate sends, and breaks after so much.

    It stands still, once, after `pause` bytes until `resumed`, and carries no "requests" or "answers" that are `held`.
    """

    def __init__(self, port):
        self.port, self.limit, self.count = port, None, 0
        self.pause, self.paused, self.resumed, self.held = None, threading.Event(), threading.Event(), set()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.ending, self.asked = os.pipe()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    @property
    def own_port(self):
        return self.server.getsockname()[1]

    def run(self):
        while True:
            ready = select.select([self.server, self.ending], [], [])[0]
            if self.ending in ready:
                return
            self.carry(self.server.accept()[0])

    def carry(self, near):
        self.count = 0
        with near, socket.create_connection(("127.0.0.1", self.port), source_address=("127.0.0.2", 0)) as far:
            while True:
                ends = [end for end, what in ((near, "requests"), (far, "answers")) if what not in self.held]
                for end in select.select([*ends, self.ending], [], [], 0.05)[0]:
                    data = end.recv(65536) if end is not self.ending else b""
                    if not data:
                        return
                    (far if end is near else near).sendall(data)
                    self.count += len(data) if end is far else 0
                    if self.pause and self.count > self.pause:
                        self.pause = None
                        self.paused.set()
                        self.resumed.wait(60)
                    if self.limit and self.count > self.limit:
                        return

    def close(self):
        self.resumed.set()
        os.write(self.asked, b"x")
        self.thread.join()
        self.server.close()
        os.close(self.ending)
        os.close(self.asked)


class Pair(unittest.TestCase):
    """Gate `there` has drops and a collector's account; gate `here` fetches them."""
    environment = {}

    def setUp(self):
        self.there, self.here = Gate(environment=self.environment), Gate()
        self.addCleanup(self.there.close)
        self.addCleanup(self.here.close)
        self.there.run("account", "add", "integration", "--role", "collector", "--collects", "vsee",
                       "--collects-webhooks", "--key", self.here.key + ".pub", "--config", self.there.config)
        self.there.start()
        self.bodies = collections.Counter()

    def begin(self, *arguments, port=None, user="integration", stdout=subprocess.PIPE, by=None):
        """`by`: the gate that pulls, if it is not the one here."""
        pin = subprocess.run(["ssh-keygen", "-lf", self.there.home + "/state/keys/ssh_host_ed25519_key.pub"],
                             check=True, capture_output=True, text=True).stdout.split()[1]
        source = [] if port else ["--source", "127.0.0.2"]
        pin = [] if "--host-key" in arguments else ["--host-key", pin]
        gate = by or self.here
        return subprocess.Popen(
            [*gate.wrapper, gate.program or BIN, "pull", f"sftp://{user}@127.0.0.1:{port or self.there.ports['sftp']}/",
             "--key", self.here.key, *pin, *source, "--config", gate.config, *arguments],
            stdout=stdout, stderr=subprocess.PIPE, text=True, env={**os.environ, **self.here.environment})

    def pull(self, *arguments, status=0, **options):
        process = self.begin("--format", "json", *arguments, **options)
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, status, out + error)
        return json.loads(out) if out else error

    def post(self, numbers):
        """Webhooks over one connection."""
        context = ssl._create_unverified_context()
        client = http.client.HTTPSConnection("127.0.0.1", self.there.ports["webhook"], context=context, timeout=60,
                                             source_address=("127.0.0.2", 0))
        for number in numbers:
            body = (V2 % f"event-{number}").encode()
            client.request("POST", "/webhooks/vsee", body)
            answer = client.getresponse()
            self.assertEqual((answer.status, b"stored" in answer.read()), (200, True))
            self.bodies[digest(body)] += 1
        client.close()

    def put(self, contents):
        """Files in one batch of sftp; names may lie in the directory `in`."""
        commands = "-mkdir in\n"
        for name, data in contents.items():
            commands += f"put {self.here.file(name.replace('/', '-'), data)} {name}\n"
            self.bodies[digest(data)] += 1
        result = self.there.sftp(commands)
        self.assertEqual(result.returncode, 0, result.stderr)

    def released(self, gate, count):
        wait_until(lambda: len(gate.released()) >= count, 60, f"{count} released drops")

    def parts(self):
        return [path for path in files(os.path.join(self.here.staging, "incoming/pull")) if path.endswith(".part")]

    def check_here(self, count):
        """Every drop is here once, whole, with its source; receipts and ledger say so too."""
        receipts = self.here.receipts()
        self.assertEqual((len(receipts), len({r["drop"] for r in receipts})), (count, count))
        found = collections.Counter()
        for receipt in receipts:
            data = self.here.contents(receipt["file"].removeprefix("ready/"))
            self.assertEqual((digest(data), len(data)), (receipt["sha256"], receipt["bytes"]))
            self.assertEqual(receipt["source"], "127.0.0.2")
            found[digest(data)] += 1
        self.assertEqual(found, self.bodies)
        first = {r["drop"]: r["received"] for r in self.there.receipts()}
        self.assertEqual({r["drop"]: r["received"] for r in receipts}, {r["drop"]: first[r["drop"]] for r in receipts})
        self.assertEqual([r for r in receipts if not r["received"] < r["pulled"] <= r["released"]], [])
        self.assertEqual(len(self.here.ready()), count)
        entries = self.here.entries("--reason", "pulled")
        self.assertEqual(len(entries), count)
        self.assertEqual({e["source"]["ip"] for e in entries}, {"127.0.0.2"})
        self.assertEqual({e["detail"]["uid"] for e in entries}, {os.geteuid()}, "who has pulled")
        self.assertEqual({e["drop"]["id"] for e in entries}, {r["drop"] for r in receipts})
        self.assertEqual(self.parts(), [])

    def states_there(self):
        return collections.Counter(drop["state"] for drop in self.there.drops())


class Pulls(Pair):
    def test_a_thousand_drops_through_two_kills(self):
        count = 1000
        self.post(range(900))
        self.put({("in/" if n % 3 else "") + f"file-{n}.bin": os.urandom(n * 997) for n in range(99)})
        self.put({"large.bin": os.urandom(20 << 20)})
        self.released(self.there, count)

        def killed_at(number):
            process = self.begin()
            wait_until(lambda: len(self.here.ready()) >= number or process.poll() is not None, 120,
                       f"{number} drops here")
            process.send_signal(signal.SIGKILL)
            out, error = process.communicate(timeout=30)
            self.assertEqual(process.returncode, -signal.SIGKILL, out + error)
        # Once with no gate running here, once beside one.
        killed_at(150)
        self.assertLess(len(self.here.ready()), count)
        self.here.start()
        killed_at(500)
        before = len(self.here.ready())
        self.assertLess(before, count)
        last = self.pull()
        self.assertEqual(last["failed"], [])
        self.assertGreater(last["pulled"], 0)
        self.released(self.here, count)
        self.check_here(count)
        self.assertEqual(self.states_there(), {"acknowledged": count})
        again = self.pull()
        self.assertEqual((again["pulled"], again["known"], again["failed"]), (0, 0, []))
        self.check_here(count)
        self.assertEqual(self.here.run("drops", "verify", "--config", self.here.config).returncode, 0)

    def test_a_broken_line_is_gone_on_with_where_it_broke(self):
        size = 12 << 20
        self.put({"large.bin": os.urandom(size)})
        self.released(self.there, 1)
        line = Line(self.there.ports["sftp"])
        self.addCleanup(line.close)
        line.limit = size // 2
        self.assertIn("connection", self.pull(port=line.own_port, status=1))
        part = os.path.getsize(self.parts()[0])
        self.assertGreater(part, size // 4)
        line.limit = None
        self.assertEqual(self.pull(port=line.own_port)["pulled"], 1)
        self.assertLess(line.count, size - part + (1 << 20))
        self.check_here(1)

    def test_a_partial_file_of_another_content_is_fetched_anew(self):
        data = os.urandom(300_000)
        self.put({"a.bin": data, "b.bin": data})
        self.released(self.there, 2)
        first, second = sorted(r["drop"] for r in self.there.receipts())
        folder = os.path.join(self.here.staging, "incoming/pull")
        os.makedirs(folder, mode=0o700)
        for drop, partial in ((first, os.urandom(100_000)), (second, data + b"longer")):
            with open(os.path.join(folder, drop + ".part"), "wb") as file:
                file.write(partial)
        self.assertEqual(self.pull()["pulled"], 2)
        self.check_here(2)

    def test_what_does_not_fit_its_receipt_stays_there(self):
        self.post(range(3))
        self.released(self.there, 3)
        bad, gone, good = sorted(self.there.receipts(), key=lambda r: r["drop"])
        path = os.path.join(self.there.staging, bad["file"])
        with open(path, "r+b") as file:
            file.write(b"X")
        os.remove(os.path.join(self.there.staging, gone["file"]))
        answer = self.pull(status=1)
        failed = {entry["drop"]: entry["why"] for entry in answer["failed"]}
        self.assertEqual(list(failed), [bad["drop"]])
        self.assertIn("SHA-256", failed[bad["drop"]])
        self.assertEqual(answer["taken"], [gone["drop"]])
        self.assertEqual([r["drop"] for r in self.here.receipts()], [good["drop"]])
        self.assertEqual(self.parts(), [])
        self.assertEqual(self.states_there()["acknowledged"], 1)

    def test_what_a_consumer_took_there_is_passed_over_with_a_note(self):
        self.post(range(3))
        self.released(self.there, 3)
        moved, acknowledged, left = sorted(self.there.receipts(), key=lambda r: r["drop"])
        os.remove(os.path.join(self.there.staging, moved["file"]))
        self.there.run("drops", "ack", acknowledged["drop"], "--config", self.there.config)
        process = self.begin()
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0, out + error)
        self.assertIn(f"drop {moved['drop']} is skipped: a consumer of the other gate took", error)
        self.assertIn("pulled 1 drop, ", out)
        self.assertIn("; 1 taken there first", out)
        self.assertEqual([r["drop"] for r in self.here.receipts()], [left["drop"]])
        self.assertEqual(self.parts(), [])
        self.assertEqual(self.pull()["taken"], [moved["drop"]])

    def test_what_did_not_come_from_the_other_gate_is_left_to_its_consumers_there(self):
        """A pull whose other gate is this gate itself: wherever it would be acknowledged, its consumers would get it no more."""
        self.post(range(2))
        self.put({"a.txt": b"a"})
        self.released(self.there, 3)
        said = self.pull(by=self.there)
        self.assertEqual((said["pulled"], said["known"], said["failed"], len(said["own"])), (0, 0, [], 3))
        self.assertEqual(self.states_there(), {"released": 3})
        process = self.begin(by=self.there)
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0, out + error)
        self.assertIn("; 3 left there: this gate has them from elsewhere", out)
        self.assertIn("3 drops there, ", error)
        self.assertIn("Is that gate this one", error)
        # Who does pull from it gets them as ever.
        self.assertEqual(self.pull()["pulled"], 3)
        self.check_here(3)

    def test_an_answer_that_cannot_be_written_is_an_error_and_the_drops_are_here(self):
        self.post(range(2))
        self.released(self.there, 2)
        with open("/dev/full", "w") as full:
            process = self.begin(stdout=full)
            error = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 1, error)
        self.assertIn("dropgate: the round is over, and what it fetched is stored; write error: No space left on device",
                      error)
        self.check_here(2)

    def test_what_cannot_be_released_here_is_released_as_soon_as_it_can_be(self):
        self.put({"a.bin": os.urandom(1000)})
        self.released(self.there, 1)
        drop = self.there.receipts()[0]["drop"]
        self.here.start()
        obstacle = os.path.join(self.here.staging, "receipts", drop + ".json")
        os.mkdir(obstacle)
        answer = self.pull(status=1)
        self.assertEqual([entry["drop"] for entry in answer["failed"]], [drop])
        self.assertEqual((answer["pulled"], answer["known"], self.here.ready()), (0, 0, []))
        again = self.pull()
        self.assertEqual((again["pulled"], again["known"], again["failed"]), (0, 0, []))
        self.assertEqual([os.path.basename(path) for path in self.parts()], [drop + ".part"])
        self.assertEqual(self.states_there(), {"acknowledged": 1})
        told = self.here.run("doctor", "--config", self.here.config, check=False).stdout
        self.assertIn(f"drop {drop} is accepted and not in ready/", told)
        os.rmdir(obstacle)
        # Neither a restart nor a pull: the gate tries again by itself.
        self.released(self.here, 1)
        self.check_here(1)
        told = self.here.run("doctor", "--config", self.here.config, check=False).stdout
        self.assertNotIn("not in ready/", told)

    def test_a_drop_without_a_place_here_stops_no_other(self):
        self.put({"in/a.bin": os.urandom(1000)})
        self.released(self.there, 1)
        first = self.there.receipts()[0]["drop"]
        self.put({"b.bin": os.urandom(1000)})
        self.released(self.there, 2)
        place = os.path.join(self.here.staging, "ready/sftp/vsee")
        os.makedirs(place)
        open(os.path.join(place, "in"), "wb").close()
        self.here.start()
        answer = self.pull(status=1)
        self.assertEqual((answer["pulled"], [entry["drop"] for entry in answer["failed"]]), (1, [first]))
        self.assertEqual(self.states_there(), {"released": 1, "acknowledged": 1})
        os.remove(os.path.join(place, "in"))
        self.assertEqual(self.pull()["pulled"], 1)
        self.released(self.here, 2)
        self.check_here(2)

    def test_parts_of_drops_that_wait_no_more_are_thrown_away(self):
        folder = os.path.join(self.here.staging, "incoming/pull")
        os.makedirs(folder, mode=0o700)
        old, new = ("01kb000000000000000000000" + digit + ".part" for digit in "01")
        for name in (old, new):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"half")
        os.utime(os.path.join(folder, old), (1_700_000_000, 1_700_000_000))
        self.pull()
        self.assertEqual([os.path.basename(path) for path in self.parts()], [new])

    def test_another_host_key_or_a_senders_account_gets_nothing(self):
        self.post(range(1))
        self.released(self.there, 1)
        own = subprocess.run(["ssh-keygen", "-lf", self.here.key + ".pub"], check=True, capture_output=True,
                             text=True).stdout.split()[1]
        self.assertIn("not the pinned one", self.pull("--host-key", own, status=1))
        self.there.run("account", "add", "sender", "--key", self.here.key + ".pub", "--config", self.there.config)
        said = self.pull(user="sender", status=1)
        self.assertIn("the account sender of 127.0.0.1 is not a collector: it has no drops to fetch", said)
        self.assertIn("`dropgate account add NAME --role collector --collects ACCOUNT --key FILE` on that gate", said)
        self.assertNotIn("status 2", said)
        self.assertEqual(self.here.ready(), [])
        self.assertEqual(self.states_there(), {"released": 1})

    def test_it_keeps_fetching_until_it_is_told_to_end(self):
        process = self.begin("--every", "1s")
        try:
            for number in range(2):
                self.post([number])
                wait_until(lambda: len(self.here.ready()) == number + 1, 60, "the event here")
            process.terminate()
            out, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, out + error)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.check_here(2)


class Meanwhile(Pair):
    """What happens at the other gate, and here, between two steps of a pull. No gate runs here at first."""
    size = 2 << 20

    def setUp(self):
        super().setUp()
        self.data = os.urandom(self.size)
        self.put({"a.bin": self.data})
        self.released(self.there, 1)
        self.drop = self.there.receipts()[0]["drop"]
        self.line = Line(self.there.ports["sftp"])
        self.addCleanup(self.line.close)

    def paused(self):
        """A pull that stands still in the middle of the file."""
        self.line.pause = self.size // 2
        process = self.begin("--format", "json", port=self.line.own_port)
        self.addCleanup(self.end, process)
        self.assertTrue(self.line.paused.wait(60))
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def fetched(self, process):
        """Between the last byte and the moment at which the drop is taken over: the pull waits for the ledger."""
        path = os.path.realpath(os.path.join(self.here.home, "state/ledger.sqlite.lock"))
        with open(path, "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.line.resumed.set()
            wait_until(lambda: os.path.getsize(self.parts()[0]) == self.size and opens(process.pid, path), 60,
                       "a pull that waits for the ledger")
            yield

    def finish(self, process):
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0, out + error)
        return json.loads(out), error

    def kill_a_pull(self, held, happens, what):
        """Kills, once something happens, a pull that has fetched the file and whose "requests" or "answers" are held."""
        process = self.paused()
        with self.fetched(process):
            self.line.held.add(held)
        wait_until(happens, 60, what)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)

    def kill_before_the_acknowledgement(self):
        """The drop is held here, and the other gate has not heard of it."""
        self.kill_a_pull("requests", self.held, "the drop here")

    def kill_after_the_acknowledgement(self):
        """The other gate has let go of the drop, and its answer has not come here."""
        self.kill_a_pull("answers", lambda: self.states_there() == {"acknowledged": 1}, "the acknowledgement there")

    def held(self):
        """The entry of the drop that is taken over here."""
        return [e for e in self.here.entries("--reason", "pulled") if e["drop"]["id"] == self.drop]

    def states_here(self):
        return collections.Counter(drop["state"] for drop in self.here.drops())

    def change(self, commands):
        result = self.there.sftp(commands)
        self.assertEqual(result.returncode, 0, result.stderr)

    def check_withdrawn(self):
        self.assertEqual((self.here.ready(), self.parts()), ([], []))
        self.assertEqual((self.states_here(), self.states_there()), ({"withdrawn": 1}, {"withdrawn": 1}))
        [(receipt, data)] = self.here.quarantined()
        self.assertEqual((receipt["drop"], receipt["reason"], data), (self.drop, "withdrawn", self.data))
        [entry] = self.here.entries("--reason", "withdrawn")
        self.assertEqual((entry["drop"]["id"], entry["detail"]["there"]), (self.drop, "withdrawn"))
        self.assertEqual(entry["detail"]["uid"], os.geteuid(), "who has pulled")

    def test_what_its_sender_removes_after_the_last_byte_no_consumer_gets(self):
        process = self.paused()
        with self.fetched(process):
            self.change("rm a.bin\n")
        answer, error = self.finish(process)
        self.assertEqual((answer["pulled"], answer["withdrawn"], answer["failed"]), (0, [self.drop], []))
        self.assertIn(f"drop {self.drop} is in quarantine here", error)
        self.check_withdrawn()
        again = self.pull()
        self.assertEqual((again["pulled"], again["known"], again["withdrawn"]), (0, 0, []))

    def test_what_a_consumer_takes_there_after_the_last_byte_no_consumer_here_gets(self):
        process = self.paused()
        with self.fetched(process):
            os.rename(os.path.join(self.there.staging, "ready/sftp/vsee/a.bin"), os.path.join(self.there.root, "mine"))
        answer, _ = self.finish(process)
        self.assertEqual((answer["pulled"], answer["known"], answer["failed"]), (0, 0, []))
        self.assertEqual(self.here.ready(), [])
        # It sweeps when it starts; the next time would be up to a minute later.
        self.there.stop()
        self.there.start()

        def withdrawn():
            self.assertEqual(self.pull()["failed"], [])
            return self.states_here() == {"withdrawn": 1}
        wait_until(withdrawn, 90, "the sweep there", pause=0.5)
        self.assertEqual((self.here.ready(), self.parts(), self.states_there()), ([], [], {"taken": 1}))
        [(receipt, data)] = self.here.quarantined()
        self.assertEqual((receipt["drop"], receipt["reason"], data), (self.drop, "withdrawn", self.data))
        [entry] = self.here.entries("--reason", "withdrawn")
        self.assertEqual((entry["drop"]["id"], entry["detail"]["there"]), (self.drop, "taken"))

    def test_what_its_sender_renames_after_the_last_byte_comes_under_its_new_name(self):
        process = self.paused()
        with self.fetched(process):
            self.change("rename a.bin b.bin\n")
        answer, _ = self.finish(process)
        self.assertEqual((answer["pulled"], answer["withdrawn"], answer["failed"]), (0, [], []))
        self.assertEqual((self.here.ready(), self.states_here()), ([], {"pending": 1}))
        wait_until(lambda: self.states_there() == {"released": 1}, 60, "the renamed file there")
        self.assertEqual(self.pull()["known"], 1)
        self.assertEqual(self.here.ready(), ["sftp/vsee/b.bin"])
        self.assertEqual(self.here.contents("sftp/vsee/b.bin"), self.data)
        self.assertEqual([r["name"] for r in self.here.receipts()], ["b.bin"])
        self.assertEqual(self.states_there(), {"acknowledged": 1})

    def test_a_pull_that_is_killed_before_it_acknowledges_is_gone_on_with(self):
        self.kill_before_the_acknowledgement()
        self.assertEqual((self.here.ready(), self.states_there()), ([], {"released": 1}))
        answer = self.pull()
        self.assertEqual((answer["pulled"], answer["known"], answer["failed"]), (0, 1, []))
        self.check_here(1)
        self.assertEqual(self.states_there(), {"acknowledged": 1})

    def test_a_pull_that_is_killed_after_it_acknowledged_is_gone_on_with(self):
        self.kill_after_the_acknowledgement()
        self.assertEqual((self.here.ready(), self.states_here()), ([], {"pending": 1}))
        # The gate itself does not know whether it may release it.
        self.here.start()
        self.assertEqual(self.here.ready(), [])
        answer = self.pull()
        self.assertEqual((answer["pulled"], answer["known"], answer["failed"]), (0, 1, []))
        self.released(self.here, 1)
        self.check_here(1)

    def test_what_its_sender_removes_while_no_pull_runs_no_consumer_gets(self):
        self.kill_before_the_acknowledgement()
        self.change("rm a.bin\n")
        self.assertEqual(self.pull()["withdrawn"], [self.drop])
        self.check_withdrawn()

    def test_a_person_may_decide_on_what_is_held(self):
        self.kill_after_the_acknowledgement()
        said = self.here.run("drops", "release", self.drop, "--comment", "the other gate is gone", "--config",
                             self.here.config).stdout
        self.assertIn(f"released {self.drop}: stored", said)
        self.check_here(1)
        self.assertEqual(self.here.entries("--reason", "read")[-1]["detail"]["command"], "drops release")

    def test_what_a_person_withdrew_here_comes_again_while_the_other_gate_has_it(self):
        self.kill_before_the_acknowledgement()
        self.here.run("drops", "withdraw", self.drop, "--config", self.here.config)
        self.assertEqual((self.states_here(), self.states_there()), ({"withdrawn": 1}, {"released": 1}))
        answer = self.pull()
        self.assertEqual((answer["pulled"], answer["failed"]), (1, []))
        self.assertEqual(self.here.contents("sftp/vsee/a.bin"), self.data)
        self.assertEqual((self.states_here(), self.states_there()), ({"released": 1}, {"acknowledged": 1}))

    def test_what_a_person_withdraws_here_after_it_was_acknowledged_there_is_a_failure(self):
        process = self.paused()
        with self.fetched(process):
            self.line.held.add("answers")
        wait_until(lambda: self.states_there() == {"acknowledged": 1}, 60, "the acknowledgement there")
        self.here.run("drops", "withdraw", self.drop, "--config", self.here.config)
        self.line.held.discard("answers")
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 1, out + error)
        answer = json.loads(out)
        self.assertEqual((answer["pulled"], answer["known"], answer["withdrawn"]), (0, 0, []))
        [failed] = answer["failed"]
        self.assertEqual(failed["drop"], self.drop)
        self.assertIn("withdrawn here in the meantime: quarantine/ has its only copy", failed["why"])
        self.assertIn(failed["why"], error)
        self.assertNotIn("its sender took it back", error)
        self.assertEqual(self.here.ready(), [])
        [(receipt, data)] = self.here.quarantined()
        self.assertEqual((receipt["drop"], data), (self.drop, self.data))
        shown = self.here.run("drops", "show", self.drop, "--config", self.here.config).stdout
        self.assertIn(receipt["file"], shown, "where to take it from")

    def test_a_held_drop_whose_bytes_are_gone_here_is_fetched_again_before_it_is_acknowledged(self):
        self.kill_before_the_acknowledgement()
        os.remove(os.path.join(self.here.staging, "incoming/pull", self.drop + ".part"))
        self.assertEqual(self.pull()["failed"], [])
        self.check_here(1)
        self.assertEqual(self.states_there(), {"acknowledged": 1})

    def test_what_is_damaged_while_it_is_held_is_not_released_and_a_person_is_told(self):
        self.kill_after_the_acknowledgement()
        os.truncate(self.parts()[0], 3)
        [failed] = self.pull(status=1)["failed"]
        self.assertEqual(failed["drop"], self.drop)
        self.assertIn("is here and held, and is not released", failed["why"])
        self.here.start()
        refused = self.here.run("drops", "release", self.drop, "--config", self.here.config, check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("is no longer complete: it has 3 bytes, its receipt says 2097152", refused.stderr)
        self.assertIn(f"`dropgate drops withdraw {self.drop}`", refused.stderr)
        self.assertEqual((self.here.ready(), self.states_here()), ([], {"pending": 1}))
        self.here.run("drops", "withdraw", self.drop, "--config", self.here.config)
        self.assertEqual((self.here.ready(), self.parts(), self.states_here()), ([], [], {"withdrawn": 1}))
        [(receipt, data)] = self.here.quarantined()
        self.assertEqual((receipt["drop"], data), (self.drop, self.data[:3]))

    def test_a_gate_that_starts_while_a_file_is_fetched_takes_it_over(self):
        process = self.paused()
        self.here.start()
        self.line.resumed.set()
        answer, _ = self.finish(process)
        self.assertEqual((answer["pulled"], answer["failed"]), (1, []))
        self.released(self.here, 1)
        self.check_here(1)
        self.assertEqual(self.states_there(), {"acknowledged": 1})


class Obstructed(Pair):
    """Something is in the way of one account's drops here, or of one directory of them: the others come."""

    def check(self, place, blocked):
        self.put({"in/a.csv": b"in-a", "in/b.csv": b"in-b", "c.csv": b"c"})
        self.post(range(2))
        self.released(self.there, 5)
        path = os.path.join(self.here.staging, place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(self.here.root, path)
        for _ in range(2):
            process = self.begin("--format", "json")
            out, error = process.communicate(timeout=240)
            self.assertEqual(process.returncode, 75, out + error)
            failed = json.loads(out)["failed"]
            self.assertEqual(len(failed), blocked)
            for one in failed:
                self.assertIn(f"{path} is a symbolic link", one["why"])
                self.assertIn(one["why"], error)
        self.assertEqual(len(self.here.ready("webhook")), 2)
        self.assertEqual(self.states_there(), {"acknowledged": 5 - blocked, "released": blocked})
        self.assertLess(len(self.parts()), 2, "of what has no place nothing is fetched but the first")
        os.unlink(path)
        self.assertEqual(self.pull()["failed"], [])
        self.check_here(5)
        self.assertEqual(self.states_there(), {"acknowledged": 5})

    def test_a_link_in_the_place_of_an_accounts_directory_stops_no_others_drops(self):
        self.here.start()
        self.check("ready/sftp/vsee", 3)

    def test_a_link_in_the_place_of_a_channels_directory_stops_no_other_channels_drops(self):
        self.here.start()
        self.check("ready/sftp", 3)

    @unittest.skipUnless(os.geteuid() == 0, "needs other users")
    def test_a_directory_that_is_closed_to_the_gate_stops_no_drop_beside_it(self):
        keeper = pwd.getpwnam("www-data")
        for path in (self.here.root, self.here.home):
            os.chmod(path, 0o711)
        subprocess.run(["chown", "-R", f"{keeper.pw_uid}:{keeper.pw_gid}", self.here.home, self.here.key], check=True)
        self.here.program, self.here.wrapper = copy_program(self.here.root), become("www-data")
        self.here.start()
        self.put({"in/a.csv": b"in-a"})
        self.released(self.there, 1)
        self.assertEqual(self.pull()["pulled"], 1)
        closed = os.path.join(self.here.staging, "ready/sftp/vsee/in")
        os.chown(closed, 0, 0)
        os.chmod(closed, 0o700)
        self.put({"in/b.csv": b"in-b", "c.csv": b"c"})
        self.released(self.there, 3)
        process = self.begin("--format", "json")
        out, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 75, out + error)
        [failed] = json.loads(out)["failed"]
        self.assertIn(f"cannot open the directory {closed}: Permission denied", failed["why"])
        self.assertEqual(self.here.contents("sftp/vsee/c.csv"), b"c")
        os.chown(closed, keeper.pw_uid, keeper.pw_gid)
        self.assertEqual(self.pull()["pulled"], 1)
        self.assertEqual(self.here.contents("sftp/vsee/in/b.csv"), b"in-b")


class Batches(Pair):
    environment = {"DROPGATE_STAGING_LAYOUT": "ndjson"}

    def test_events_of_a_batch_become_files_of_their_own(self):
        self.post(range(40))
        wait_until(lambda: self.states_there() == {"released": 40}, 60, "40 released events")
        self.assertEqual(self.pull()["pulled"], 40)
        self.check_here(40)
        self.assertEqual(self.states_there(), {"acknowledged": 40})


if __name__ == "__main__":
    unittest.main()
