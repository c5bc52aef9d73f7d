"""kill -9 of the gate under webhook load and of sessions in mid-upload, again and again: what was answered 200
or OK is in ready/ once, with its entry; nothing else is. And of what senders rename and take back: every OK is true."""
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import unittest
import zlib

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, descendants, wait_until  # noqa: E402
from rawsftp import Client, Gone, Refused  # noqa: E402

ROUNDS = 60 if os.environ.get("LONG_TESTS") else 20
CLIENTS = 8


class Load(threading.Thread):
    """Posts events one after the other on one connection and notes each that was answered 200."""

    def __init__(self, port, prefix, answered):
        super().__init__()
        self.port, self.prefix, self.answered = port, prefix, answered

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=("127.0.0.2", 0))
        for number in range(100_000):
            body = V2 % f"{self.prefix}-{number}"
            try:
                connection.request("POST", "/webhooks/vsee", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                self.answered[body] = json.loads(text)["id"]


class Crash(unittest.TestCase):
    def test_the_gate_is_killed_under_load_and_loses_nothing(self):
        gate = Gate().plain()
        self.addCleanup(gate.close)
        answered = {}
        for round in range(ROUNDS):
            gate.start()
            before = len(answered)
            load = [Load(gate.ports["webhook"], f"{round}-{client}", answered) for client in range(CLIENTS)]
            for thread in load:
                thread.start()
            upload, source = self.begin_upload(gate, round)
            # At another moment in each round: after so many answers.
            wait_until(lambda: len(answered) >= before + 20 + 37 * (round % 7), 60, "answers")
            if round % 2:
                # First a session alone; the gate lives on for a moment.
                for pid in gate.sessions():
                    os.kill(pid, signal.SIGKILL)
            below = descendants(gate.process.pid)
            orphans = gate.sessions()
            gate.kill()
            for pid in orphans:
                # The gate first, then its session, before that can put anything in order.
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            upload.kill()
            for thread in load:
                thread.join()
            upload.communicate()
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/cwd") for pid in below), 30,
                       "the end of sshd and session")
        gate.start()
        wait_until(lambda: not gate.drops("--state", "pending"), 120, "the release of all drops")
        self.assertEqual(gate.run("drops", "verify", "--config", gate.config, check=False).returncode, 0)
        gate.stop()
        self.check(gate, answered)
        print(f"\n  {ROUNDS} crashes, {len(answered)} events answered 200, {len(gate.ready('webhook'))} in ready/",
              file=sys.stderr)

    def begin_upload(self, gate, round):
        path = gate.file(f"big-{round}", os.urandom(4 << 20))
        process = subprocess.Popen(
            ["sftp", "-b", "-", "-l", "20000", *gate.ssh_options(), "-P", str(gate.ports["sftp"]), "vsee@127.0.0.1"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        process.stdin.write(f"put {path} /\n")
        process.stdin.flush()
        return process, path

    def check(self, gate, answered):
        bodies = {}
        for path in gate.ready("webhook"):
            body = gate.contents("webhook/" + path).decode()
            self.assertNotIn(body, bodies, f"{path} and {bodies.get(body)} are the same event")
            bodies[body] = path
        for body in answered:
            self.assertIn(body, bodies, "answered 200 and not in ready/")
        changed = [e for e in gate.entries() if e["reason"] in ("renamed", "withdrawn")]
        # Events that were released together lie in a directory of their own, as their receipts say.
        places = {r["drop"]: r["file"].removeprefix("ready/") for r in gate.receipts() if r["channel"] == "webhook"}
        by_name = {places.get(e["drop"]["id"], e["drop"]["name"]): e for e in gate.entries()
                   if e.get("drop") and e["verdict"] == "accepted" and e["reason"] != "duplicate"}
        for path in gate.ready():
            self.assertIn(path, by_name, "in ready/ without an entry")
            self.assertEqual(hashlib.sha256(gate.contents(path)).hexdigest(), by_name[path]["drop"]["sha256"])
        for name, entry in by_name.items():
            # Its sender has called it otherwise or taken it back since: a later entry tells.
            if any(e["seq"] > entry["seq"] and e["drop"]["id"] == entry["drop"]["id"] for e in changed):
                continue
            self.assertTrue(os.path.exists(os.path.join(gate.staging, "ready", name)), f"{name} has only an entry")
        for body, drop in answered.items():
            self.assertEqual(by_name[f"webhook/{bodies[body]}"]["drop"]["id"], drop)
        self.assertEqual([], [p for p in gate.ready("sftp") if os.path.getsize(
            os.path.join(gate.staging, "ready/sftp", p)) != 4 << 20], "a partial upload was released")


class Sender(threading.Thread):
    """One session that sends, renames and takes back, and keeps book of what it was told. Where a file of this content
    may be: under a name, withdrawn, or nowhere; what it heard no answer to may have happened or not."""

    def __init__(self, gate, prefix, book, random, killing):
        super().__init__()
        self.gate, self.prefix, self.book, self.random = gate, prefix, book, random
        # Set before anything is killed: until then a session that ends has ended by itself.
        self.killing = killing
        self.client = None
        self.problem = None

    def run(self):
        try:
            self.client = Client(self.gate)
            number = 0
            while True:
                self.story(f"{self.prefix}-{number}")
                number += 1
        except (Gone, OSError, ValueError) as error:
            if not self.killing.is_set():
                self.problem = f"its session ended before anything was killed: {error!r}"
        except Refused as refused:
            # Everything here may be done; only a gate that is going says no.
            if not self.killing.is_set() or "daemon does not answer" not in refused.text:
                self.problem = str(refused)
        except BaseException as error:  # a test's thread must not lose what went wrong
            self.problem = repr(error)

    def told(self, changes, call, *arguments):
        """`changes`: what becomes of each content when this is answered OK."""
        for content, place in changes.items():
            self.book.setdefault(content, {"nowhere"}).add(place)
        call(*arguments)
        for content, place in changes.items():
            self.book[content] = {place}
        self.book["heard"] = self.book.get("heard", 0) + 1

    def put(self, content, name):
        self.told({content: name}, self.client.put, name, sent(content))

    def rename(self, content, old, new):
        self.told({content: new}, self.client.rename, old, new)

    def remove(self, content, name):
        self.told({content: "withdrawn"}, self.client.remove, name)

    def story(self, name):
        content = name.encode()
        kind = self.random.randrange(9)
        if kind == 0:
            self.put(content, name)
        elif kind == 1:
            self.put(content, name)
            self.rename(content, name, name + " renamed")
            if self.random.random() < 0.5:
                self.rename(content, name + " renamed", name + " again")
        elif kind == 2:
            self.put(content, name)
            self.remove(content, name)
        elif kind == 3:
            self.put(content, name + ".part")
            self.rename(content, name + ".part", name)
        elif kind == 4:
            self.put(content, name + ".part")
            self.remove(content, name + ".part")
        elif kind == 5:
            self.put(content, name + ".part")
        elif kind == 6:
            self.put(content, name)
            self.rename(content, name, name + ".tmp")
        elif kind == 7:
            newer = content + b" newer"
            self.put(content, name)
            self.put(newer, name + ".part")
            self.told({content: "withdrawn", newer: name}, self.client.posix_rename, name + ".part", name)
        else:
            self.client.mkdir(name)
            for inner in ("1", "2"):
                self.put(content + b" in " + inner.encode(), f"{name}/{inner}")
            self.put(content + b" in 3", f"{name}/3.part")
            moved = {content + b" in " + inner.removesuffix(".part").encode(): f"{name} dir/{inner}"
                     for inner in ("1", "2", "3.part")}
            self.told(moved, self.client.rename, name, name + " dir")
        # And what waits since an earlier run, released or not.
        earlier = [(c, next(iter(p))) for c, p in list(self.book.items()) if c != "heard" and len(p) == 1]
        earlier = [(c, n) for c, n in earlier if n not in ("withdrawn", "nowhere") and "/" not in n]
        if not earlier:
            return
        content, name = self.random.choice(earlier)
        kind = self.random.randrange(4)
        if kind == 0:
            self.remove(content, name)
        elif kind == 1:
            # Named by its content: a replacement that was broken off has left two files of one name.
            self.rename(content, name, content.decode() + "+" * (name.count("+") + 1))
        elif kind == 2 and not name.endswith((".part", ".tmp")):
            self.rename(content, name, name + ".tmp")


class SenderCrash(unittest.TestCase):
    """kill -9 of the gate and of sessions while senders send, rename and take back."""
    rounds = 40 if os.environ.get("LONG_TESTS") else 8

    def test_every_ok_is_true_after_every_crash(self):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1s"})
        self.addCleanup(gate.close)
        # One of its own for each sender, so that they share nothing.
        books = [{} for _ in range(4)]
        chance = random.Random(os.environ.get("SEED") or 7)
        problems = []
        for round in range(self.rounds):
            gate.start()
            problems += self.look(gate, books, round)
            before = sum(book.get("heard", 0) for book in books)
            killing = threading.Event()
            senders = [Sender(gate, f"{n}.{round}", book, random.Random(chance.random()), killing)
                       for n, book in enumerate(books)]
            for sender in senders:
                sender.start()
            target = before + 10 + 29 * (round % 7)
            wait_until(lambda: sum(book.get("heard", 0) for book in books) >= target
                       or not all(sender.is_alive() for sender in senders), 60, "answers")
            killing.set()
            below, sessions = descendants(gate.process.pid), gate.sessions()
            if round % 3 == 1:
                self.kill(sessions)
            gate.kill()
            if round % 3 == 0:
                self.kill(sessions)
            for sender in senders:
                sender.join()
                if sender.client:
                    sender.client.kill()
                if sender.problem:
                    problems.append(f"round {round}: {sender.problem}")
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/cwd") for pid in below), 30,
                       "the end of sshd and session")
        gate.start()
        problems += self.look(gate, books, self.rounds)
        problems += self.check(gate, books)
        print(f"\n  {self.rounds} crashes, {sum(b.get('heard', 0) for b in books)} answers heard", file=sys.stderr)
        self.assertFalse(problems, "\n".join(problems))

    def test_what_is_withdrawn_before_it_has_its_final_name_has_its_entry(self):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1s"})
        self.addCleanup(gate.close)
        rounds = 10
        for round in range(rounds):
            gate.start()
            client = Client(gate)
            self.addCleanup(client.end)
            for number in range(3):
                client.put(f"{round}.{number}.part", b"%d %d" % (round, number))
            for number in range(3):
                client.remove(f"{round}.{number}.part")
            gate.kill()
            client.kill()
        gate.start()
        entries = {e["drop"]["id"] for e in gate.entries("--reason", "withdrawn")}
        held = {receipt["drop"] for receipt, _ in gate.quarantined()}
        self.assertEqual(len(held), 3 * rounds)
        self.assertEqual(held - entries, set(), "withdrawn, answered OK, and no entry")

    def kill(self, processes):
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def look(self, gate, books, round):
        """What was under way shows under one of its names, or nowhere if it may be; the sender goes on from there."""
        problems = []
        with Client(gate) as client:
            for book in books:
                for content, places in book.items():
                    if content == "heard" or len(places) == 1:
                        continue
                    names = [p for p in places if p not in ("withdrawn", "nowhere")]
                    found = [n for n in names if client.size(n) == len(sent(content))]
                    if len(found) > 1 or not found and not places & {"withdrawn", "nowhere"}:
                        problems.append(f"round {round}: {content} may be {places}, its sender sees {found}")
                    # What was being sent may lie there whole without having been closed.
                    if "nowhere" not in places:
                        book[content] = set(found) or places & {"withdrawn"} or places
        return problems

    def check(self, gate, books):
        def unsettled():
            return [n for n in pending(gate) if not n.endswith((".part", ".tmp"))]
        wait_until(lambda: not unsettled(), 90, "the release of all that has a final name")
        if (result := gate.run("drops", "verify", "--config", gate.config, check=False)).returncode != 0:
            return ["drops verify: " + result.stdout + result.stderr]
        gate.stop()
        problems = []
        if (result := gate.run("ledger", "verify", "--config", gate.config, check=False)).returncode != 0:
            problems.append("ledger verify: " + result.stdout + result.stderr)
        ready, held, kept = {}, {}, {}
        for path in gate.ready("sftp/vsee"):
            content = gate.contents("sftp/vsee/" + path).rstrip(b"\0")
            if content in ready:
                problems.append(f"{content} is {ready[content]} and {path}")
            ready[content] = path
        for receipt, content in gate.quarantined():
            content = content.rstrip(b"\0")
            if content in held:
                problems.append(f"{content} is twice in quarantine")
            held[content] = receipt
        incoming = os.path.join(gate.staging, "incoming/sftp/vsee")
        small = small_uploads(gate)
        for drop, body in small.items():
            kept.setdefault(body, []).append(f"ledger/{drop}")
        for folder in ("parts", "claimed", "small"):
            names = os.listdir(os.path.join(incoming, folder)) if os.path.exists(os.path.join(incoming, folder)) else []
            for name in names:
                path = os.path.join(incoming, folder, name)
                if folder == "claimed" or folder == "small" and name not in small or name.endswith(".part"):
                    with open(path, "rb") as file:
                        kept.setdefault(file.read().rstrip(b"\0"), []).append(f"{folder}/{name}")
                elif folder == "parts" and name.rsplit(".", 1)[0] + ".part" not in names:
                    problems.append(f"{name} is left without its bytes")
        entries = gate.entries("--channel", "sftp", "--kind", "transfer", "--verdict", "accepted")
        withdrawn = {e["drop"]["id"] for e in entries if e["reason"] == "withdrawn"}
        last = {}
        for entry in entries:
            last[entry["drop"]["id"]] = entry
        receipts = {r["file"]: r for r in gate.receipts()}
        # What was accepted and not withdrawn lies somewhere, whether its sender heard of it or not.
        released = {receipt["drop"] for receipt in receipts.values()}
        for drop, entry in last.items():
            if drop not in withdrawn | released | set(small) and not any(os.path.exists(os.path.join(incoming, place)) for place in
                                                            (f"claimed/{drop}", f"parts/{drop}.part")):
                problems.append(f"{drop} was accepted and is nowhere: {entry}")
        problems += [f"the gate says that it lost a drop: {e}" for e in gate.entries("--channel", "sftp")
                     if "lost" in e.get("detail", {})]
        for name, receipt in receipts.items():
            # One that was released and has a temporary name now waits elsewhere.
            if not any(os.path.exists(p) for p in (os.path.join(gate.staging, name),
                                                   os.path.join(incoming, "claimed", receipt["drop"]))):
                problems.append(f"a receipt tells of {name}, which is not there")
        for content, places in [item for book in books for item in book.items() if item[0] != "heard"]:
            places = set(places)
            at = ready.pop(content, None), held.pop(content, None), kept.pop(content, [])
            if len([a for a in at[:2] if a]) + len(at[2]) > 1:
                problems.append(f"{content}: is more than once: {at}")
            if places == {"withdrawn"}:
                if not at[1] or at[1]["reason"] != "withdrawn":
                    problems.append(f"{content}: withdrawn, and {at}")
                elif at[1]["drop"] not in withdrawn:
                    problems.append(f"{content}: withdrawn without an entry")
            elif "nowhere" in places or "withdrawn" in places or len(places) > 1:
                # What must not be undecided is a problem already.
                if at[0] and at[0] not in places:
                    problems.append(f"{content}: may be {places}, and {at}")
            else:
                name, = places
                if name.endswith((".part", ".tmp")):
                    if len(at[2]) != 1:
                        problems.append(f"{content}: waits as {name}, and {at}")
                elif at[0] != name:
                    problems.append(f"{content}: its sender knows it as {name}, and {at}")
                else:
                    receipt = receipts.get("ready/sftp/vsee/" + name)
                    entry = last.get(receipt["drop"]) if receipt else None
                    if not receipt or receipt["name"] != name or not entry or (
                            entry["drop"]["name"] != "sftp/vsee/" + name):
                        problems.append(f"{content}: is {name}; receipt {receipt}, entry {entry}")
        for content, path in ready.items():
            problems.append(f"{path} was put there by nobody: {content}")
        # An upload that broke off is a prefix of what was to come.
        known = [c for book in books for c in book if c != "heard"]
        for content, paths in kept.items():
            if not any(k.startswith(content) for k in known):
                problems.append(f"{paths} is left: {content}")
        return problems


def sent(content):
    """What is sent of a content: a third of them are too large to wait in the ledger."""
    return content + bytes(300_000 if zlib.crc32(content) % 3 == 0 else 0)


def small_uploads(gate):
    """What the ledger keeps of uploads: their bytes by their drops."""
    with contextlib.closing(sqlite3.connect(f"file:{gate.home}/state/ledger.sqlite?mode=ro", uri=True)) as ledger:
        return dict(ledger.execute("SELECT id, body FROM drops JOIN bodies USING (seq) WHERE incoming IS NOT NULL"))


def pending(gate):
    """Names of accepted drops that are not released."""
    return [drop["name"] for drop in gate.drops("--state", "pending")]


if __name__ == "__main__":
    unittest.main()
