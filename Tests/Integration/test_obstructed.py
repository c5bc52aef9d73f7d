"""Directories of staging that are closed to the gate, or are links: one name, or one account, has no place. It alone waits, its sender
hears a true reason, the ledger and the log tell of it, and all is well once a person has mended it."""
import contextlib
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, become, copy_program, wait_until  # noqa: E402

KEEPER = "www-data"
LATER = "the gate cannot store anything now; try again later"


@unittest.skipUnless(os.geteuid() == 0, "needs other users")
class Obstructed(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s"})
        self.addCleanup(self.gate.close)
        os.chmod(self.gate.root, 0o755)
        subprocess.run(["chown", "-R", f"{KEEPER}:", self.gate.home], check=True)
        self.gate.program, self.gate.wrapper = copy_program(self.gate.root), become(KEEPER)
        self.gate.start()
        self.local = self.gate.file("local", b"data")

    def place(self, path):
        return os.path.normpath(os.path.join(self.gate.staging, path))

    def put(self, *names):
        return self.gate.sftp("".join(f'put "{self.local}" "{name}"\n' for name in names))

    def stored(self, *names):
        result = self.put(*names)
        self.assertEqual(result.returncode, 0, result.stderr)
        wait_until(lambda: {f"sftp/vsee/{name}" for name in names} <= set(self.gate.ready()), what=f"the release of {names}")

    def refused(self, name, text):
        result = self.put(name)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(text, result.stderr)
        self.assertNotIn("daemon does not answer", result.stderr)

    def transfers(self, reason):
        return len(self.gate.entries("--reason", reason, "--channel", "sftp", "--kind", "transfer"))

    def mended(self):
        wait_until(lambda: "what vsee sends can be stored again" in self.gate.log(), what="the end of the problem")

    @contextlib.contextmanager
    def closed(self, path):
        """Root's alone."""
        place = self.place(path)
        before = os.stat(place)
        os.chown(place, 0, 0)
        os.chmod(place, 0o700)
        try:
            yield
        finally:
            os.chown(place, before.st_uid, before.st_gid)
            os.chmod(place, before.st_mode & 0o7777)

    @contextlib.contextmanager
    def linked(self, path):
        place, away = self.place(path), os.path.join(self.gate.home, "away")
        os.rename(place, away)
        os.symlink(away, place)
        try:
            yield
        finally:
            os.unlink(place)
            os.rename(away, place)

    def test_a_closed_subdirectory_of_a_consumers_keeps_no_other_name_from_its_place(self):
        self.assertEqual(self.gate.sftp("mkdir closed\n").returncode, 0)
        self.stored("closed/a.csv")
        with self.closed("ready/sftp/vsee/closed"):
            for name in ("closed/b.csv", "closed/c.csv"):
                # OpenSSH's client keeps the words of an answer to CLOSE to itself.
                self.refused(name, "Failure")
            self.stored("other.csv")
            entries = wait_until(lambda: self.gate.entries("--reason", "bad_path"), what="the entries")
            for entry in entries:
                self.assertIn("no place for a file of this name now", entry["detail"]["message"])
            self.assertEqual((len(entries), self.transfers("staging_full")), (2, 0))
            # A gate that has to look at all that the account has takes what it sends, too.
            self.gate.stop()
            self.gate.start()
            self.stored("more.csv")
        self.assertNotIn("nothing of what vsee sends", self.gate.log())
        self.stored("closed/b.csv")

    def test_one_accounts_directory_keeps_no_gate_from_its_start(self):
        self.stored("a.csv")
        self.gate.stop()
        with self.closed("incoming/sftp/vsee"):
            self.gate.start()
            self.assertIn("nothing of what vsee sends can be stored", self.gate.log())
            self.assertIn('"stored"', self.gate.post(V2 % "1").stdout)
            for count in (1, 2):
                self.refused("b.csv", LATER)
                wait_until(lambda: self.transfers("staging_full") == count, what="an entry for each session")
        self.mended()
        self.stored("b.csv")

    def test_a_running_gate_whose_sessions_can_store_nothing_says_so(self):
        self.stored("a.csv")
        cases = [(self.closed, "."), (self.closed, "incoming"), (self.closed, "incoming/sftp/vsee"),
                 (self.closed, "incoming/sftp/vsee/parts"), (self.linked, "incoming/sftp"),
                 (self.linked, "incoming/sftp/vsee"), (self.linked, "incoming/sftp/vsee/parts")]
        for number, (obstruct, path) in enumerate(cases, 1):
            with self.subTest(obstruct.__name__, path=path):
                with obstruct(path):
                    self.refused(f"{number}.csv", LATER)
                    wait_until(lambda: self.transfers("staging_full") == number, what="the entry")
                    told = self.gate.log().count("nothing of what vsee sends can be stored")
                    self.assertEqual(told, number, "once, and an end of each before")
                # At once: the session that gets in looks again.
                self.stored(f"{number}.csv")
                self.assertEqual(self.gate.log().count("what vsee sends can be stored again"), number)


if __name__ == "__main__":
    unittest.main()
