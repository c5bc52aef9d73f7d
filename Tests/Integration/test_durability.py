"""What survives a loss of power, by the order of the gate's system calls: a machine cannot be cut off in a test. And what
becomes of bytes that a disk fails to store: strace has fsync(2) say so once, as the system does."""
# Needs: openssh-client strace
import os
import re
import shutil
import signal
import subprocess
import unittest

from gate import Gate, descendants, read, wait_until
from rawsftp import Client, Refused, string

CALLS = "openat,fsync,fdatasync,syncfs,renameat,renameat2"


class Trace:
    """The calls of a process and its threads from here on. `refusal`: why there are none."""

    def __init__(self, pid, path, *options):
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-y", "-o", path, "-e", f"trace={CALLS}", *options, "-p", str(pid)], stderr=subprocess.PIPE,
            text=True)
        # What it says once it has all threads.
        said = self.process.stderr.readline()
        self.refusal = None if "attached" in said else said.strip()

    def lines(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return file.read().splitlines()

    def first(self, pattern, after=-1):
        """The place of the first call after another one that looks so; None: there is none."""
        return next((n for n, line in enumerate(self.lines()) if n > after and re.search(pattern, line)), None)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)  # it goes on telling of processes


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Durability(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1s"})
        self.addCleanup(self.gate.close)
        self.gate.start()
        self.trace = Trace(self.gate.process.pid, os.path.join(self.gate.root, "calls"))
        self.addCleanup(self.trace.end)
        if self.trace.refusal:
            self.skipTest(f"no program may be traced here: {self.trace.refusal}")

    def place(self, pattern, after=-1):
        found = self.trace.first(pattern, after)
        self.assertIsNotNone(found, f"no {pattern} after {after} in:\n" + "\n".join(self.trace.lines()[-80:]))
        return found

    def test_a_small_upload_is_a_synced_file_before_anybody_sees_it(self):
        client = Client(self.gate)
        self.addCleanup(client.end)
        client.put("a.csv", b"patient")
        accepted = self.place(r"fdatasync\(\d+<[^>]*ledger\.sqlite-wal>")
        wait_until(lambda: "a.csv" in self.gate.ready("sftp/vsee"), 20, "the release")
        wait_until(lambda: [d for d in self.gate.receipts() if d["name"] == "a.csv"], 20, "its receipt")
        made = self.place(r"openat\(\d+<[^>]*/small>, \"[0-9a-z]{26}\", .*O_CREAT", accepted)
        synced = self.place(r"syncfs\(", made)
        told = self.place(r"renameat2?\(.*<[^>]*/receipts>", made)
        shown = self.place(r"renameat2?\(\d+<[^>]*/small>, .*<[^>]*/ready/sftp/vsee>, \"a\.csv\"", made)
        self.assertLess(synced, told, "its receipt tells of bytes that a loss of power takes")
        self.assertLess(told, shown, "a consumer finds no receipt")
        # Only then may its bytes leave the ledger.
        wait_until(lambda: self.trace.first(r"syncfs\(", shown) is not None, 20, "the sync of its name")

    def test_the_directories_of_a_new_account_are_synced_with_its_first_upload(self):
        client = Client(self.gate)
        self.addCleanup(client.end)
        client.put("a.csv", bytes(300_000))
        wait_until(lambda: self.trace.first(r"fsync\(\d+<[^>]*/incoming/sftp/vsee>") is not None, 20,
                   "the sync of the names in its directory")
        self.place(r"fsync\(\d+<[^>]*/incoming/sftp>")


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class FailingDisk(unittest.TestCase):
    LARGE = b"patient " * 100_000

    def setUp(self):
        self.gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"})
        self.addCleanup(self.gate.close)
        self.gate.start()

    def client(self):
        client = Client(self.gate)
        self.addCleanup(client.end)
        return client

    def failing_once(self):
        """The next fsync of the only session fails, and those after it succeed."""
        [session] = [pid for pid in descendants(self.gate.process.pid)
                     if read(f"/proc/{pid}/comm").startswith("dropgate-sessio")]
        trace = Trace(session, os.path.join(self.gate.root, "calls"), "-e", "inject=fsync:error=EIO:when=1")
        self.addCleanup(trace.end)
        if trace.refusal:
            self.skipTest(f"no program may be traced here: {trace.refusal}")

    def nothing_is_left(self):
        other = self.client()
        with self.assertRaises(Refused, msg="there is something that could be gone on with"):
            other.stat("/big.csv")
        self.assertEqual(self.gate.ready("sftp/vsee"), [])
        wait_until(lambda: self.gate.entries("--reason", "incomplete"), 20, "the entry of what was lost")
        other.put("/big.csv", self.LARGE)
        wait_until(lambda: self.gate.ready("sftp/vsee") == ["big.csv"], 20, "the file that was sent again")
        self.assertEqual(self.gate.contents("sftp/vsee/big.csv"), self.LARGE)

    def written(self):
        """A client and the handle of a file that it has written and whose next fsync fails."""
        client = self.client()
        handle = client.open("/big.csv")
        client.write(handle, 0, self.LARGE)
        self.failing_once()
        return client, handle

    def refused_fsync(self):
        client, handle = self.written()
        with self.assertRaises(Refused):
            client.ask(200, string("fsync@openssh.com") + string(handle))
        return client, handle

    def test_what_could_not_be_stored_at_its_end_is_not_there_for_another_try(self):
        client, handle = self.written()
        with self.assertRaises(Refused):
            client.close(handle)
        self.nothing_is_left()

    def test_an_fsync_that_failed_is_not_forgotten_at_the_end(self):
        client, handle = self.refused_fsync()
        with self.assertRaises(Refused):
            client.close(handle)
        self.nothing_is_left()

    def test_an_fsync_that_failed_is_not_forgotten_when_the_connection_breaks(self):
        client, _ = self.refused_fsync()
        client.kill()
        wait_until(lambda: self.gate.entries("--reason", "incomplete"), 20, "the end of the session")
        self.nothing_is_left()


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class FailingClaim(unittest.TestCase):
    def test_a_released_file_whose_way_back_could_not_be_stored_lies_in_ready_again(self):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"})
        self.addCleanup(gate.close)
        gate.start()
        client = Client(gate)
        self.addCleanup(client.end)
        client.put("/a.csv", b"patient")
        wait_until(lambda: [d for d in gate.drops("--waiting") if d["name"] == "a.csv"], 20, "the mark of its release")
        claimed = os.path.join(gate.staging, "incoming/sftp/vsee/claimed")
        trace = Trace(gate.process.pid, os.path.join(gate.root, "calls"), "-P", claimed, "-e", "inject=fsync:error=EIO:when=1")
        self.addCleanup(trace.end)
        if trace.refusal:
            self.skipTest(f"no program may be traced here: {trace.refusal}")
        with self.assertRaises(Refused):
            client.rename("/a.csv", "/b.csv")
        self.assertIsNotNone(trace.first(r"fsync\(\d+<[^>]*/claimed>\) = -1 EIO .*INJECTED"), "\n".join(trace.lines()))
        self.assertEqual((gate.ready("sftp/vsee"), os.listdir(claimed)), (["a.csv"], []))
        # Nothing was changed, and it can be done again: without the injection, which counts in each thread by itself.
        trace.end()
        self.assertEqual(client.size("/a.csv"), len(b"patient"))
        client.rename("/a.csv", "/b.csv")
        wait_until(lambda: gate.ready("sftp/vsee") == ["b.csv"], 20, "its release under the other name")
        self.assertEqual(gate.contents("sftp/vsee/b.csv"), b"patient")


if __name__ == "__main__":
    unittest.main()
