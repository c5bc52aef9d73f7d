"""What an SFTP sender is refused and what it may use: reasons in the ledger, texts without the server's paths, the end of
sessions that are not welcome any more, space as one account, and what a session costs."""
import os
import shutil
import statistics
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import STAND_IN, Gate, read, wait_until  # noqa: E402
from rawsftp import (ABSENT, APPEND, CREATE, DENIED, EXCLUSIVE, FAILURE, PUT, READ, WRITE, Attributes,  # noqa: E402
                     Client, Gone, Refused, string)

LONG = bool(os.environ.get("LONG_TESTS"))


def refused(test, code, words, call, *arguments):
    with test.assertRaises(Refused) as caught:
        call(*arguments)
    test.assertEqual(caught.exception.code, code, caught.exception.text)
    test.assertRegex(caught.exception.text, words)
    return caught.exception.text


def texts(value):
    """Every text in an entry, as it is: str() would escape what must not be there."""
    if isinstance(value, str):
        yield value
    for inner in [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from texts(inner)


class Refusals(unittest.TestCase):
    """Every refusal: its code, its words, its entry."""

    @classmethod
    def setUpClass(cls):
        cls.gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"})
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()

    def client(self):
        client = Client(self.gate)
        self.addCleanup(client.end)
        return client

    def entry(self, reason, operation, path):
        """One entry of its own, of this operation and path."""
        def found():
            return [e for e in self.gate.entries("--reason", reason, "--verdict", "rejected")
                    if e["detail"].get("operation") == operation and e["detail"].get("path", "").lstrip("/") == path]
        entries = wait_until(found, 15, f"the entry {reason} of {operation} {path}")
        self.assertEqual(len(entries), 1, entries)
        entry = entries[0]
        self.assertEqual((entry["kind"], entry["account"], entry["source"]["ip"], entry["count"]),
                         ("transfer", "vsee", "127.0.0.2", 1))
        self.assertTrue(entry["detail"]["message"])
        self.assertNotIn(self.gate.root, str(entry))
        return entry

    def setUp(self):
        # Ten of one reason in ten seconds have entries of their own: each test has a gate that has forgotten.
        self.gate.stop()
        self.gate.start()

    def test_missing_directories_and_wrong_kinds(self):
        one = self.client()
        one.mkdir("dir")
        one.put("file", b"f")
        for code, words, operation, path, call, *arguments in (
                (ABSENT, "/inbox/hl7: no such directory", "OPEN", "inbox/hl7/a.hl7", one.open, "inbox/hl7/a.hl7"),
                (FAILURE, "/dir: is a directory", "OPEN", "dir", one.open, "dir"),
                (FAILURE, "/file: is a file", "OPEN", "file/x.hl7", one.open, "file/x.hl7"),
                (ABSENT, "/none.hl7: no such file", "OPEN", "none.hl7", one.open, "none.hl7", WRITE),
                (ABSENT, "/a/b: no such directory", "MKDIR", "a/b/c", one.mkdir, "a/b/c"),
                (FAILURE, "/file: is a file", "MKDIR", "file/sub", one.mkdir, "file/sub"),
                (FAILURE, "/file: there is a file", "MKDIR", "file", one.mkdir, "file"),
                (FAILURE, "/dir: is a directory", "REMOVE", "dir", one.remove, "dir")):
            with self.subTest(operation=operation, path=path):
                refused(self, code, words, call, *arguments)
        for operation, path in (("OPEN", "inbox/hl7/a.hl7"), ("OPEN", "dir"), ("OPEN", "file/x.hl7"),
                                ("OPEN", "none.hl7"), ("MKDIR", "a/b/c"), ("MKDIR", "file/sub"), ("MKDIR", "file"),
                                ("REMOVE", "dir")):
            with self.subTest(operation=operation, path=path):
                self.entry("bad_path", operation, path)
        # An ordinary answer: clients make directories that are there.
        refused(self, FAILURE, "there is a directory of that name already", one.mkdir, "dir")
        self.assertEqual([e for e in self.gate.entries("--verdict", "rejected")
                          if "of that name already" in e["detail"].get("message", "")], [])

    def test_what_a_drop_box_forbids(self):
        one = self.client()
        one.put("sent.csv", b"sent")
        one.mkdir("full")
        one.put("full/x.csv", b"x")
        one.put("other.csv", b"other")
        cases = (
            (DENIED, "not read back", "OPEN", "sent.csv", one.open, "sent.csv", READ),
            (FAILURE, "exists already", "OPEN", "other.csv", one.open, "other.csv", PUT | EXCLUSIVE),
            (FAILURE, "not empty", "RMDIR", "full", one.rmdir, "full"),
            (FAILURE, "exists already", "RENAME", "sent.csv", one.rename, "sent.csv", "other.csv"),
            (FAILURE, "directory of that name", "RENAME", "other.csv", one.posix_rename, "other.csv", "full"))
        for code, words, operation, path, call, *arguments in cases:
            with self.subTest(operation=operation, path=path):
                refused(self, code, words, call, *arguments)
        for _, words, operation, path, *_ in cases:
            with self.subTest(operation=operation, path=path):
                self.assertIn(words, self.entry("forbidden_operation", operation, path)["detail"]["message"])

    def test_appending_to_a_delivered_file_is_an_entry(self):
        one = self.client()
        one.put("delivered.csv", b"d")
        text = refused(self, DENIED, "nothing can be appended", one.open, "delivered.csv", WRITE | APPEND | CREATE)
        self.assertIn("/delivered.csv", text)
        self.entry("forbidden_operation", "OPEN", "delivered.csv")
        handle = one.open("delivered.csv", WRITE | CREATE)
        refused(self, FAILURE, "nothing can be appended", one.write, handle, 1, b"x")
        self.entry("forbidden_operation", "WRITE", "delivered.csv")

    def test_too_many_handles_is_an_entry_and_the_session_goes_on(self):
        one = self.client()
        handles = [one.open(f"handle {n}.csv") for n in range(127)] + [one.opendir("/")]
        refused(self, FAILURE, "128|too many", one.open, "one more.csv")
        refused(self, FAILURE, "128|too many", one.opendir, "/")
        self.entry("connection_limit", "OPEN", "one more.csv")
        one.close(handles.pop())
        handle = one.open("one more.csv")
        one.write(handle, 0, b"more")
        one.close(handle)
        self.assertEqual(self.gate.contents("sftp/vsee/one more.csv"), b"more")
        self.client().put("another session.csv", b"a")

    def test_names_that_deceive_are_refused(self):
        one = self.client()
        one.put("good.csv", b"g")
        names = ["\u202egpj.exe", "a\u2066b.csv", "line\u2028break", "next\u0085line", "nul\0byte", "new\nline",
                 "esc\x1b[2J.csv"]
        for name in names:
            for call in (one.open, one.mkdir):
                text = refused(self, FAILURE, "path", call, "x/" + name)
                self.assertNotIn(name, text)
            refused(self, FAILURE, "path", one.rename, "good.csv", name)
        refused(self, FAILURE, "UTF-8", one.open, b"\xff\xfe.csv")
        refused(self, FAILURE, "255 bytes", one.open, "n" * 256)
        # Each name three times, and two more.
        entries = wait_until(lambda: sum(e.get("count", 1) for e in self.gate.entries("--reason", "bad_path")) >= 23
                             and self.gate.entries("--reason", "bad_path"), what="entries")
        self.assertEqual([(n, e) for e in entries for text in texts(e) for n in names if n in text], [])
        self.assertEqual(self.gate.contents("sftp/vsee/good.csv"), b"g")
        # What only looks strange is a name.
        for name in ("שלום.csv", "a\u200db.csv", "-rf", "a:b", "*", "~", "$(id)", "%2e%2e", " ", "..csv"):
            one.put(name + "x", b"1")
            self.assertEqual(one.size(name + "x"), 1)

    def test_a_flood_of_refusals_is_counted_and_not_written_one_by_one(self):
        one = self.client()
        total, before = 2000, len(self.gate.entries("--reason", "bad_path"))
        ahead = [one.send(3, string(f"missing/{n}.csv") + struct.pack(">I", PUT) + Attributes().encoded())
                 for n in range(total)]
        for number in ahead:
            with self.assertRaises(Refused):
                one.wait(number)

        # What is counted is written when the gate stops, at the latest.
        one.end()
        self.gate.stop()
        own = self.gate.entries("--reason", "bad_path")[before:]
        self.gate.start()
        self.assertEqual(sum(e["count"] for e in own), total)
        self.assertEqual(len([e for e in own if e["count"] == 1]), 10)
        self.assertLess(len(own), 15)

    def test_nothing_outside_the_account_can_be_named(self):
        one = self.client()
        one.mkdir("etc")
        one.put("etc/source.csv", b"s")
        one.rename("../../etc/source.csv", "/../../../etc/target.csv")
        self.assertEqual(self.gate.contents("sftp/vsee/etc/target.csv"), b"s")
        one.put("..//./etc/../up.csv", b"u")
        self.assertEqual(self.gate.contents("sftp/vsee/up.csv"), b"u")
        refused(self, FAILURE, ".", one.rename, "etc", "..")
        refused(self, FAILURE, ".", one.rename, "..", "etc2")
        refused(self, FAILURE, ".", one.rename, "etc", "etc/below/itself")
        refused(self, DENIED, "root", one.rmdir, "/")
        self.assertFalse(os.path.exists("/etc/target.csv"))


class Full(unittest.TestCase):
    def test_staging_full_names_the_path_and_comes_at_once(self):
        with Gate(environment={"DROPGATE_STAGING_RESERVE": "900000GiB"}) as gate:
            with Client(gate) as one:
                for number in range(15):
                    text = refused(self, FAILURE, "full", one.open, f"no room {number}.csv")
                    self.assertIn(f"/no room {number}.csv", text)
                began = time.monotonic()

                def written():
                    return {e["detail"].get("path") for e in gate.entries("--reason", "staging_full")}
                # The first ten have entries of their own, and do not wait for a flood to end.
                wait_until(lambda: {f"/no room {n}.csv" for n in range(10)} <= written(), 5, "the entries")
                self.assertLess(time.monotonic() - began, 5)
                # Looking goes on, ending too. A directory needs room as a file does.
                self.assertEqual(one.list(), {})
                self.assertIn("/no room", refused(self, FAILURE, "full", one.mkdir, "no room"))

    @unittest.skipUnless(os.geteuid() == 0, "only root mounts a file system")
    def test_parallel_sessions_together_keep_the_reserve(self):
        reserve = 200 << 20
        gate = Gate(environment={"DROPGATE_STAGING_RESERVE": "200MiB", "DROPGATE_SFTP_SETTLE": "1s"})
        self.addCleanup(gate.close)
        os.makedirs(gate.staging, mode=0o700, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=700", "tmpfs", gate.staging], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", gate.staging], check=True)
        gate.start()
        free, stop, texts, ok = [], threading.Event(), [], []

        def watch():
            while not stop.is_set():
                space = os.statvfs(gate.staging)
                free.append(space.f_bavail * space.f_frsize)
                stop.wait(0.002)

        def upload(number):
            client = Client(gate)
            try:
                data, step = bytes(1 << 20), 1 << 20
                handle = client.open(f"big {number}.bin")
                for at in range(0, 40 << 20, step):
                    client.write(handle, at, data)
                client.close(handle)
                ok.append(number)
            except Refused as caught:
                texts.append((number, caught.text))
            except Gone:
                texts.append((number, "gone"))
            finally:
                client.end()
        watcher = threading.Thread(target=watch)
        watcher.start()
        senders = [threading.Thread(target=upload, args=(n,)) for n in range(8)]
        try:
            for thread in senders:
                thread.start()
            for thread in senders:
                thread.join()
        finally:
            stop.set()
            watcher.join()
        self.assertGreaterEqual(min(free), reserve, "the reserve was used")
        # Eight files of 40 MiB do not fit into 87 MiB; what is there is used, and each refusal names its own file.
        self.assertTrue(texts)
        for number, text in texts:
            self.assertIn(f"/big {number}.bin", text)
            self.assertIn("full", text)
        self.assertLess(min(free), reserve + (48 << 20), f"most of the room was refused: {texts}, {ok}")
        # Small ones are still taken by the other channel.
        self.assertEqual(gate.post('{"x": 1}').returncode, 0)
        for number in ok:
            wait_until(lambda: f"sftp/vsee/big {number}.bin" in gate.ready(), what=f"big {number}.bin")


class Pending(unittest.TestCase):
    def test_names_of_an_account_are_bounded(self):
        with Gate(environment={"DROPGATE_SFTP_MAX_PENDING_NAMES": "10", "DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            gate.run("account", "add", "second", "--key", gate.key + ".pub", "--config", gate.config)
            with Client(gate) as one:
                one.mkdir("d")
                for number in range(9):
                    one.put(f"{number}.csv", b"x")
                for call, path in ((one.open, "one more.csv"), (one.mkdir, "one more")):
                    text = refused(self, FAILURE, "10 names.*sftp.max_pending_names", call, path)
                    self.assertIn("/" + path, text)
                wait_until(lambda: gate.entries("--reason", "staging_full"), 5, "the entry")
                # A version is a file too. What is there may be renamed and taken back; others are not concerned.
                refused(self, FAILURE, "10 names", one.open, "0.csv")
                one.rename("1.csv", "d/1.csv")
                gate.account = "second"
                with Client(gate) as other:
                    other.put("of another.csv", b"o")
                gate.account = "vsee"
                one.remove("2.csv")
                one.put("one more.csv", b"x")
                refused(self, FAILURE, "10 names", one.open, "and more.csv")
                os.remove(os.path.join(gate.staging, "ready/sftp/vsee/3.csv"))
                one.put("and more.csv", b"x")
                # A directory is a name, too; one that was in use a moment ago goes only when its sender removes it.
                one.rename("d/1.csv", "1.csv")
                refused(self, FAILURE, "10 names.*remove files or directories", one.open, "for a directory.csv")
                one.rmdir("d")
                one.put("for a directory.csv", b"x")

    def test_bytes_of_an_account_are_bounded_and_all_of_them_usable(self):
        with Gate(environment={"DROPGATE_SFTP_MAX_PENDING_BYTES": "8MiB", "DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            with Client(gate) as one:
                one.put("six.bin", bytes(6 << 20))
                one.put("one and a half.bin", bytes(3 << 19))
                with self.assertRaises((Refused, Gone)) as caught:
                    one.put("too much.bin", bytes(1 << 20))
                self.assertIn("sftp.max_pending_bytes", str(caught.exception))
            with Client(gate) as one:
                os.remove(os.path.join(gate.staging, "ready/sftp/vsee/six.bin"))
                one.put("five.bin", bytes(5 << 20))
            self.assertEqual(len(gate.contents("sftp/vsee/five.bin")), 5 << 20)


    def sftp(self, gate, *commands):
        """OpenSSH's own client, which says nothing of a file's size before it sends it."""
        return subprocess.run(
            ["sftp", "-F", "none", "-b", "-", "-i", gate.key, "-o", "IdentitiesOnly=yes", "-o", "BindAddress=127.0.0.2",
             "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={gate.root}/known_hosts",
             "-P", str(gate.ports["sftp"]), f"{gate.account}@127.0.0.1"],
            input="\n".join(commands), capture_output=True, text=True, timeout=60)

    def file(self, gate, name, size):
        path, data = os.path.join(gate.root, name), os.urandom(size)
        with open(path, "wb") as file:
            file.write(data)
        return path, data

    def parts(self, gate):
        return [n for n in os.listdir(os.path.join(gate.staging, "incoming/sftp/vsee/parts")) if n.endswith(".part")]

    def test_an_upload_that_alone_is_more_than_its_account_may_have_does_not_lock_it_out(self):
        with Gate(environment={"DROPGATE_SFTP_MAX_PENDING_BYTES": "2MiB", "DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            (large, _), (small, data) = self.file(gate, "large.bin", 5 << 20), self.file(gate, "small.bin", 2 << 20)
            refused = self.sftp(gate, f"put {large} /large.bin")
            self.assertNotEqual(refused.returncode, 0)
            entry, = wait_until(lambda: gate.entries("--reason", "too_large"), 10, "the entry")
            self.assertEqual((entry["account"], entry["detail"]["operation"]), ("vsee", "WRITE"))
            self.assertRegex(entry["detail"]["message"], "/large.bin: larger than the 2097152 bytes .* given up")
            self.assertEqual(self.parts(gate), [])
            # All of the bound is free again, also for a session that goes on where the other one ended.
            accepted = self.sftp(gate, f"put {small} /small.bin")
            self.assertEqual(accepted.returncode, 0, accepted.stderr)
            self.assertEqual(gate.contents("sftp/vsee/small.bin"), data)

    def test_an_upload_that_is_refused_beside_others_does_not_lock_its_account_out(self):
        with Gate(environment={"DROPGATE_SFTP_MAX_PENDING_BYTES": "2MiB", "DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            (first, _), (large, _) = self.file(gate, "first.bin", 1000), self.file(gate, "large.bin", 2 << 20)
            next_one, data = self.file(gate, "next.bin", 1 << 20)
            self.assertEqual(self.sftp(gate, f"put {first} /first.bin").returncode, 0)
            self.assertNotEqual(self.sftp(gate, f"put {large} /large.bin").returncode, 0)
            accepted = self.sftp(gate, f"put {next_one} /next.bin")
            self.assertEqual(accepted.returncode, 0, accepted.stderr)
            self.assertEqual(gate.contents("sftp/vsee/next.bin"), data)
            self.assertEqual(self.parts(gate), [])
            given_up = wait_until(lambda: [e for e in gate.entries("--reason", "incomplete")
                                           if "given up" in e["detail"]["message"]], 10, "the entry")
            self.assertEqual(given_up[0]["account"], "vsee")

    def test_a_bound_of_a_file_that_could_never_apply_is_refused(self):
        gate = Gate(environment={})
        self.addCleanup(gate.close)
        check = gate.run("serve", "--check", "--config", gate.config, check=False, env={
            **os.environ, "DROPGATE_SFTP_MAX_FILE": "3MiB", "DROPGATE_SFTP_MAX_PENDING_BYTES": "2MiB"})
        self.assertEqual(check.returncode, 78, check)
        self.assertIn("sftp.max_file: 3MiB is more than sftp.max_pending_bytes, 2MiB; it would never apply", check.stderr)


class Interrupted(unittest.TestCase):
    def test_of_many_uploads_that_break_off_at_once_each_has_an_entry(self):
        with Gate() as gate:
            client, names = Client(gate), [f"broken {number}.csv" for number in range(25)]
            for name in names:
                client.write(client.open(name), 0, b"half")
            client.kill()

            def written():
                entries = gate.entries("--reason", "incomplete")
                return len(entries) >= len(names) and entries
            entries = wait_until(written, 20, "the entries")
            self.assertEqual(sorted(e["drop"]["name"] for e in entries), sorted(names))
            self.assertEqual({(e["count"], e["drop"]["bytes"]) for e in entries}, {(1, 4)})


class Unwelcome(unittest.TestCase):
    """What becomes of sessions that are open when their source or account goes."""

    def go(self, gate, end, words, reason, back):
        one, idle = Client(gate), Client(gate)
        try:
            one.mkdir("before")
            handle = one.open("before/broken.bin")
            one.write(handle, 0, b"x" * 100_000)
            whole = one.open("before/whole.bin")
            one.write(whole, 0, b"w")
            one.put("before/provisional.csv.part", b"p")
            end()
            ended = wait_until(lambda: both if len(both := [
                e for e in gate.entries("--verdict", "rejected") if e["detail"].get("session_ended")]) == 2 else None,
                20, "an entry of each session")
            for call, *arguments in ((one.write, handle, 100_000, b"y"), (one.close, whole), (one.mkdir, "after"),
                                     (one.list, "/"), (one.remove, "before/provisional.csv.part"),
                                     (one.rename, "before/provisional.csv.part", "x.csv")):
                try:
                    call(*arguments)
                except Refused as caught:
                    self.assertRegex(caught.text, words)
                except Gone:
                    continue
                else:
                    self.fail(f"{call.__name__} is still served")
            self.assertTrue(one.ended(15) and idle.ended(15), "a session is still open")
        finally:
            one.kill()
            idle.kill()
        wait_until(lambda: not gate.sessions(), 20, "the end of the session processes")
        self.assertEqual({e["reason"] for e in ended}, {reason})
        self.assertEqual(gate.ready("sftp"), [])
        back()

        def welcome():
            client = None
            try:
                client = Client(gate)
                client.list("before")
                return client
            except (Refused, Gone):
                if client:
                    client.kill()
                return None
        again = wait_until(welcome, 20, "a welcome")
        self.assertEqual({n: a.size for n, a in again.list("before").items()},
                         {"broken.bin": 100_000, "whole.bin": 1, "provisional.csv.part": 1})
        rest = again.open("before/broken.bin", WRITE)
        again.write(rest, 100_000, b"y")
        again.close(rest)
        again.rename("before/provisional.csv.part", "provisional.csv")
        again.end()
        self.assertEqual(gate.contents("sftp/vsee/before/broken.bin"), b"x" * 100_000 + b"y")
        self.assertEqual(gate.contents("sftp/vsee/provisional.csv"), b"p")

    def test_a_source_that_is_removed(self):
        with Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            path = os.path.join(gate.home, "sources/test.yaml")

            def use(text):
                with open(path + ".new", "w") as file:
                    file.write(text)
                os.rename(path + ".new", path)
            self.go(gate, lambda: use(STAND_IN.replace("127.0.0.2", "127.0.0.9")), "this address", "not_listed",
                    lambda: use(STAND_IN))

    def test_an_account_that_is_disabled(self):
        with Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            self.go(gate, lambda: gate.run("account", "disable", "vsee", "--config", gate.config), "disabled",
                    "account_disabled", lambda: gate.run("account", "enable", "vsee", "--config", gate.config))

    def test_an_account_that_is_removed(self):
        with Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"}) as gate:
            key = ["--key", gate.key + ".pub", "--config", gate.config]
            self.go(gate, lambda: gate.run("account", "remove", "vsee", "--config", gate.config), "account",
                    "unknown_account", lambda: gate.run("account", "add", "vsee", *key))


class Costs(unittest.TestCase):
    """Many names: of a listing, of kept partials."""

    def test_listing_costs_bounded_memory(self):
        names = 20_000
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1h"})
        self.addCleanup(gate.close)
        tree = os.path.join(gate.staging, "incoming/sftp/vsee/tree/many")
        os.makedirs(tree, mode=0o700)
        for number in range(names):
            os.mkdir(os.path.join(tree, f"a directory with quite a long name {number:05}"), 0o700)
        gate.start()
        with Client(gate) as one:
            handles = [one.opendir("many") for _ in range(128)]
            first = [one.readdir(handle) for handle in handles]
            self.assertTrue(all(first))
            found, page = [], first[0]
            while page:
                found += [name for name, _ in page if name not in (".", "..")]
                page = one.readdir(handles[0])
            self.assertEqual((len(found), len(set(found))), (names, names))
            for handle in handles[1:]:
                one.readdir(handle)
            pid, = gate.sessions()
            peak = int(next(line for line in read(f"/proc/{pid}/status").splitlines()
                            if line.startswith("VmHWM")).split()[1])
            print(f"\n  a session with 128 listings of {names} names: {peak // 1024} MiB at most", file=sys.stderr)
            self.assertLess(peak, 64 << 10, "KiB")

    def test_work_for_an_upload_does_not_grow_with_kept_partials(self):
        def measure(what):
            """Of five rounds the fastest: the others say what else the machine did."""
            def median(round):
                times = []
                for number in range(50):
                    began = time.perf_counter()
                    one.put(f"timed {what} {round} {number}.csv", b"t")
                    times.append(time.perf_counter() - began)
                return statistics.median(times)
            with Client(gate) as one:
                one.list()
                return min(median(round) for round in range(5))
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1h"})
        self.addCleanup(gate.close)
        gate.start()
        with Client(gate) as one:
            for number in range(10):
                one.put(f"kept {number}.part", b"k")
        measure("warm")
        few = measure("few")
        gate.stop()
        # The rest as the first one lies there, which takes less time than sending them.
        parts = os.path.join(gate.staging, "incoming/sftp/vsee/parts")
        sidecar = next(n for n in os.listdir(parts) if n.endswith(".json")
                       and "kept 0.part" in read(os.path.join(parts, n)))
        drop, text = sidecar[:-len(".json")], read(os.path.join(parts, sidecar))
        # None of them is the first one again.
        stem = drop[:-5] + ("1" if drop[-5] == "0" else "0")
        for number in range(10, 3000):
            other = stem + "".join("0123456789abcdef"[number >> shift & 15] for shift in (12, 8, 4, 0))
            shutil.copy2(os.path.join(parts, drop + ".part"), os.path.join(parts, other + ".part"))
            with open(os.path.join(parts, other + ".json"), "w") as file:
                file.write(text.replace(drop, other).replace("kept 0.part", f"kept {number}.part"))
            os.chmod(os.path.join(parts, other + ".json"), 0o600)
        gate.start()
        with Client(gate) as one:
            self.assertEqual(len([n for n in one.list() if n.startswith("kept")]), 3000)
        many = measure("many")
        print(f"\n  OPEN+WRITE+CLOSE with 10 kept partials {few * 1000:.2f} ms, with 3000 {many * 1000:.2f} ms",
              file=sys.stderr)
        self.assertLess(many, 2 * few)


if __name__ == "__main__":
    unittest.main()
