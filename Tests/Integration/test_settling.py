"""What a sender may do with a drop until its consumer has it: RENAME, REMOVE, overwriting, resuming, over sessions and
restarts. What the sender hears, what the consumer gets and what the ledger says must be one story."""
# Needs: lftp rclone
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
import unittest
from datetime import datetime

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate, wait_until  # noqa: E402
from rawsftp import (ABSENT, APPEND, CREATE, DENIED, EXCLUSIVE, FAILURE, PUT, TRUNCATE, WRITE, Client,  # noqa: E402
                     Refused)

LONG = bool(os.environ.get("LONG_TESTS"))
NFC, NFD = (unicodedata.normalize(form, "Müller é.csv") for form in ("NFC", "NFD"))


class Box(unittest.TestCase):
    """One gate for the tests of a class; each test has names of its own."""
    environment = {}

    @classmethod
    def setUpClass(cls):
        if cls is Box:
            raise unittest.SkipTest("the base of the others")
        cls.gate = Gate(environment=cls.environment)
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        # Refusals that must be in the ledger, by reason.
        cls.expected = {}

    @classmethod
    def tearDownClass(cls):
        cls.gate.stop()
        for reason, count in cls.expected.items():
            entries = cls.gate.entries("--reason", reason, "--verdict", "rejected", "--kind", "transfer")
            assert sum(e["count"] for e in entries) >= count, f"{count} refusals {reason}: {entries}"

    def client(self):
        client = Client(self.gate)
        self.addCleanup(client.end)
        return client

    def tearDown(self):
        # Whatever a test did: no drop is anywhere twice, and receipts tell of what is there.
        receipts = {}
        for receipt in self.gate.receipts():
            self.assertNotIn(receipt["drop"], receipts)
            receipts[receipt["drop"]] = receipt
        held = {receipt["drop"] for receipt, _ in self.gate.quarantined()}
        self.assertEqual(held & set(receipts), set(), "in quarantine, and a receipt for its consumer")

    # What is so

    def place(self, path):
        return os.path.join(self.gate.staging, "ready/sftp/vsee", path)

    def released(self, path, data, **receipt):
        """Waits for the file; its receipt says what it must."""
        wait_until(lambda: os.path.isfile(self.place(path)), 10, f"{path} in ready/")
        self.assertEqual(self.gate.contents("sftp/vsee/" + path), data)
        own = [r for r in self.gate.receipts() if r["file"] == "ready/sftp/vsee/" + path
               and r["sha256"] == hashlib.sha256(data).hexdigest()]
        self.assertEqual(len(own), 1, f"receipts of {path}: {own}")
        for key, value in {"name": path, "bytes": len(data), **receipt}.items():
            self.assertEqual(own[0].get(key), value, f"{key} of {own[0]}")
        return own[0]

    def take(self, path):
        """As a consumer does."""
        os.remove(self.place(path))

    def below(self, folder):
        return self.gate.ready("sftp/vsee/" + folder)

    def entries(self, reason, text):
        """Entries of a reason that tell of `text` in their path, names or drop."""
        def tells(entry):
            detail = entry.get("detail", {})
            return any(text in str(value) for value in (
                detail.get("from"), detail.get("to"), detail.get("path"), detail.get("name_as_sent"),
                detail.get("message"), entry.get("drop", {}).get("name")))
        return [e for e in self.gate.entries("--reason", reason, "--kind", "transfer") if tells(e)]

    def withdrawn(self, path, data, count=1):
        """In quarantine with these bytes, with an entry of its own."""
        entries = self.entries("withdrawn", path)
        self.assertEqual(len(entries), count, f"entries of {path}: {entries}")
        kept = [(r, d) for r, d in self.gate.quarantined() if r["name"] == path and d == data]
        self.assertEqual(len(kept), 1, f"{path} in quarantine")
        receipt = kept[0][0]
        self.assertEqual(receipt["reason"], "withdrawn")
        self.assertIn(receipt["drop"], [e["drop"]["id"] for e in entries])
        self.assertTrue(all(e["verdict"] == "accepted" and e["account"] == "vsee" for e in entries), entries)
        return receipt

    def renamed(self, old, new):
        """The entry of a rename."""
        found = [e for e in self.entries("renamed", old) if (e["detail"]["from"], e["detail"]["to"]) == (old, new)]
        self.assertEqual(len(found), 1, f"entries of {old} to {new}: {self.entries('renamed', old)}")
        self.assertEqual((found[0]["verdict"], found[0]["account"], found[0]["kind"]), ("accepted", "vsee", "transfer"))
        return found[0]

    def refused(self, code, words, call, *arguments, entry=None, path=None):
        """The request fails with this code and a text of these words; the ledger says so too."""
        with self.assertRaises(Refused) as caught:
            call(*arguments)
        refused = caught.exception
        self.assertEqual(refused.code, code, refused.text)
        self.assertRegex(refused.text, words)
        if entry:
            path = path or arguments[0]
            self.expected[entry] = self.expected.get(entry, 0) + 1

            def written():
                entries = self.gate.entries("--reason", entry, "--verdict", "rejected", "--kind", "transfer")
                recent = [e for e in entries if time.time() - datetime.fromisoformat(e["time"]).timestamp() < 12]
                # After ten in ten seconds they are counted; the sum is looked at in the end.
                return len(recent) >= 10 or [
                    e for e in entries
                    if path.lstrip("/") in e["detail"].get("path", "") + e["detail"].get("message", "")]
            wait_until(written, 15, f"an entry {entry} of {path}")
        return refused.text

    def interrupted(self, path, data):
        """An upload that breaks off after these bytes."""
        client = Client(self.gate)
        handle = client.open(path)
        client.write(handle, 0, data)
        client.kill()
        look = self.client()
        wait_until(lambda: look.size(path) == len(data), what=f"the partial {path}")
        return look


class Settling(Box):
    environment = {"DROPGATE_SFTP_SETTLE": "1s"}

    def test_a_file_shows_at_once_and_is_released_after_it_has_settled(self):
        one, other = self.client(), self.client()
        began = time.monotonic()
        one.put("plain.csv", b"plain")
        self.assertEqual([c.size("plain.csv") for c in (one, other)], [5, 5])
        self.assertIn("plain.csv", other.list())
        self.assertFalse(os.path.exists(self.place("plain.csv")))
        receipt = self.released("plain.csv", b"plain", uploaded_as=None)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertLess(receipt["received"], receipt["released"])

    def test_a_rename_gives_the_final_name_from_any_session(self):
        one, other = self.client(), self.client()
        one.put("first.xfer", b"first")
        other.rename("first.xfer", "Zwischen Name.xfer")
        self.assertEqual(other.size("first.xfer"), None)
        one.rename("Zwischen Name.xfer", "last.hl7")
        self.assertEqual([c.size("last.hl7") for c in (one, other)], [5, 5])
        drop = self.released("last.hl7", b"first", uploaded_as="first.xfer")["drop"]
        for old, new in (("first.xfer", "Zwischen Name.xfer"), ("Zwischen Name.xfer", "last.hl7")):
            self.assertEqual(self.renamed(old, new)["drop"]["id"], drop)
        self.assertEqual([n for n in self.below("") if "xfer" in n], [])

    def test_a_directory_above_is_renamed_with_all_that_is_in_it(self):
        one, other = self.client(), self.client()
        for folder in ("box", "box/a", "box/a/b", "box/empty"):
            one.mkdir(folder)
        one.put("box/waits.csv", b"it was there")
        self.released("box/waits.csv", b"it was there")
        self.interrupted("box/a/broken.csv", b"half")
        one.put("box/a/whole.csv.part", b"provisional")
        one.put("box/a/b/settles.csv", b"settles")
        one.put("box/settles too.csv", b"settles too")
        other.rename("box", "chest")
        self.assertEqual({n: a.is_directory for n, a in one.list("chest").items()},
                         {"a": True, "empty": True, "waits.csv": False, "settles too.csv": False})
        self.refused(ABSENT, "no such", one.list, "box")
        self.assertEqual(other.size("box/a/b/settles.csv"), None)
        self.assertEqual(other.size("chest/a/broken.csv"), 4)
        # What was interrupted goes on under its new name, what was provisional gets its final one.
        handle = other.open("chest/a/broken.csv", WRITE | CREATE)
        other.write(handle, 4, b" and half")
        other.close(handle)
        one.rename("chest/a/whole.csv.part", "chest/a/whole.csv")
        self.released("chest/a/b/settles.csv", b"settles", uploaded_as="box/a/b/settles.csv")
        self.released("chest/settles too.csv", b"settles too", uploaded_as="box/settles too.csv")
        self.released("chest/waits.csv", b"it was there", uploaded_as="box/waits.csv")
        self.released("chest/a/broken.csv", b"half and half")
        self.released("chest/a/whole.csv", b"provisional")
        self.assertEqual(self.below("box"), [])
        self.renamed("box/a/b/settles.csv", "chest/a/b/settles.csv")
        self.renamed("box/waits.csv", "chest/waits.csv")

    def test_the_old_name_of_a_directory_is_free_for_a_file(self):
        one = self.client()
        one.mkdir("was a directory")
        one.put("was a directory/1.csv", b"1")
        self.released("was a directory/1.csv", b"1")
        one.rename("was a directory", "is a directory")
        self.released("is a directory/1.csv", b"1", uploaded_as="was a directory/1.csv")
        one.put("was a directory", b"a file now")
        one.put("clock of it.csv", b"c")
        self.released("clock of it.csv", b"c")
        self.assertEqual([n for n in self.below("") if n.startswith("was a directory")], ["was a directory"])

    def test_a_directory_of_temporary_name_holds_its_files_until_it_is_renamed(self):
        one, other = self.client(), self.client()
        one.mkdir("Batch.UPLOADING")
        one.mkdir("Batch.UPLOADING/sub")
        one.put("Batch.UPLOADING/1.csv", b"1")
        one.put("Batch.UPLOADING/sub/2.csv", b"2")
        one.put("marker.csv", b"m")
        self.released("marker.csv", b"m")
        self.assertEqual(self.below("Batch.UPLOADING"), [])
        other.rename("Batch.UPLOADING", "Batch")
        self.released("Batch/1.csv", b"1", uploaded_as="Batch.UPLOADING/1.csv")
        self.released("Batch/sub/2.csv", b"2", uploaded_as="Batch.UPLOADING/sub/2.csv")

    def test_remove_withdraws_to_quarantine(self):
        one, other = self.client(), self.client()
        one.put("wrong patient.hl7", b"secret of somebody")
        other.remove("wrong patient.hl7")
        self.assertEqual(other.size("wrong patient.hl7"), None)
        self.withdrawn("wrong patient.hl7", b"secret of somebody")
        # The name is free, and the next file of it is no later version.
        other.put("wrong patient.hl7", b"the right one")
        self.released("wrong patient.hl7", b"the right one")
        self.assertFalse(os.path.exists(self.place("wrong patient~2.hl7")))
        self.refused(ABSENT, "no such", one.remove, "never was.csv")

    def test_what_one_session_withdrew_or_renamed_shows_in_no_other(self):
        one, other = self.client(), self.client()
        one.mkdir("shared")
        one.put("shared/withdrawn.csv", b"w")
        one.put("shared/renamed.csv", b"r")
        other.remove("shared/withdrawn.csv")
        other.rename("shared/renamed.csv", "shared/better.csv")
        for client in (other, one):
            self.assertEqual(client.size("shared/better.csv"), 1)
            self.assertEqual([client.size("shared/withdrawn.csv"), client.size("shared/renamed.csv")], [None, None])
            self.assertEqual(list(client.list("shared")), ["better.csv"])
        one.remove("shared/better.csv")
        self.assertEqual(list(other.list("shared")), [])
        one.rmdir("shared")

    def test_rename_to_an_existing_name(self):
        one, other = self.client(), self.client()
        one.put("daily.csv", b"yesterday")
        one.put("daily.csv.upload7", b"today")
        self.refused(FAILURE, "/daily.csv: exists already", other.rename, "daily.csv.upload7", "daily.csv",
                     entry="forbidden_operation", path="daily.csv")
        self.assertEqual((one.size("daily.csv"), one.size("daily.csv.upload7")), (9, 5))
        other.posix_rename("daily.csv.upload7", "daily.csv")
        self.assertEqual((other.size("daily.csv"), other.size("daily.csv.upload7")), (5, None))
        self.released("daily.csv", b"today", uploaded_as="daily.csv.upload7")
        self.withdrawn("daily.csv", b"yesterday")
        self.assertFalse(os.path.exists(self.place("daily~2.csv")))
        one.mkdir("folder")
        one.put("file.csv", b"file")
        for call in (one.rename, one.posix_rename):
            self.refused(FAILURE, "/folder", call, "file.csv", "folder", entry="forbidden_operation", path="folder")
            self.refused(FAILURE, "/file.csv", call, "folder", "file.csv", entry="forbidden_operation", path="file.csv")
            self.refused(ABSENT, "/nowhere", call, "file.csv", "nowhere/file.csv", entry="bad_path", path="nowhere")
            self.refused(ABSENT, "/none.csv", call, "none.csv", "any.csv")
            call("file.csv", "file.csv")
        self.released("file.csv", b"file")

    def test_a_rename_that_fails_has_changed_nothing(self):
        one = self.client()
        one.put("keep me.csv", b"accepted")
        self.interrupted("keep me.csv.part", b"only ha")
        self.refused(FAILURE, "interrupted", one.posix_rename, "keep me.csv.part", "keep me.csv")
        self.assertEqual((one.size("keep me.csv"), one.size("keep me.csv.part")), (8, 7))
        self.released("keep me.csv", b"accepted")

    def test_temporary_names_in_any_case_and_component(self):
        one, other = self.client(), self.client()
        for folder in ("TMP", "TMP/deep", "In_Progress", "x.FilePart", ".hidden"):
            one.mkdir(folder)
        temporary = ["a.PART", "b.FilePart", "c.Tmp", "TMP/d.csv", "TMP/deep/e.csv", "In_Progress/f.csv",
                     "x.FilePart/g.csv", ".hidden/h.csv", ".i.csv", "j.csv~", "k.CRDOWNLOAD", "l.hl7.Writing"]
        final = ["parts.csv", "tmp.csv", "m.part.csv", "n~1.csv", "uploading.hl7", "attempt"]
        for path in temporary + final:
            one.put(path, path.encode())
        for path in final:
            self.released(path, path.encode(), uploaded_as=None)
        self.assertEqual([p for p in temporary if os.path.exists(self.place(p))], [])
        self.assertEqual([p for p in temporary if other.size(p) != len(p)], [])
        for number, path in enumerate(temporary):
            other.rename(path, f"was temporary {number}")
        for number, path in enumerate(temporary):
            self.released(f"was temporary {number}", path.encode(), uploaded_as=path)
        for path in temporary:
            self.renamed_or_accepted(path)

    def renamed_or_accepted(self, path):
        entries = [e for e in self.gate.entries("--kind", "transfer", "--verdict", "accepted")
                   if path in (e["detail"].get("from"), e["detail"].get("uploaded_as"))]
        self.assertEqual(len(entries), 1, f"which entry says that {path} became something else? {entries}")

    def test_a_temporary_name_sent_twice_becomes_one_file(self):
        one = self.client()
        one.put("twice.csv.part", b"first try")
        one.put("twice.csv.part", b"second try, longer")
        one.rename("twice.csv.part", "twice.csv")
        self.released("twice.csv", b"second try, longer")
        # Its CLOSE was answered with OK.
        self.withdrawn("twice.csv.part", b"first try")
        self.assertFalse(os.path.exists(self.place("twice~2.csv")))
        self.assertEqual(one.size("twice.csv.part"), None)

    def test_a_final_name_may_become_temporary_again(self):
        one, other = self.client(), self.client()
        one.put("to and fro.csv", b"to")
        one.rename("to and fro.csv", "to and fro.csv.tmp")
        one.put("clock.csv", b"c")
        self.released("clock.csv", b"c")
        self.assertFalse(os.path.exists(self.place("to and fro.csv.tmp")))
        self.assertEqual(other.size("to and fro.csv.tmp"), 2)
        other.rename("to and fro.csv.tmp", "to and fro.csv")
        self.released("to and fro.csv", b"to")

    def test_what_goes_on_being_renamed_settles_longer(self):
        one = self.client()
        one.put("waits with it.csv", b"w")
        one.put("on its way 0", b"o")
        end, number = time.monotonic() + 2.5, 0
        while time.monotonic() < end:
            one.rename(f"on its way {number}", f"on its way {number + 1}")
            number += 1
            self.assertFalse(os.path.exists(self.place("waits with it.csv")))
            wait_until(lambda: time.monotonic() > end - 2.5 + number * 0.25)
        one.rename(f"on its way {number}", "arrived")
        self.released("arrived", b"o", uploaded_as="on its way 0")
        self.released("waits with it.csv", b"w")
        self.assertEqual([n for n in self.below("") if "on its way" in n], [])

    def test_the_senders_time_reaches_the_receipt(self):
        one, other = self.client(), self.client()
        one.put("dated.csv.xfer", b"d")
        one.setstat("dated.csv.xfer", mtime=1_000_000_000)
        one.rename("dated.csv.xfer", "dated.csv")
        self.assertEqual(other.stat("dated.csv").mtime, 1_000_000_000)
        self.released("dated.csv", b"d", modified="2001-09-09T01:46:40.000000Z")
        other.setstat("dated.csv", mtime=1_100_000_000)
        wait_until(lambda: self.released("dated.csv", b"d", modified="2004-11-09T11:33:20.000000Z"))
        other.rename("dated.csv", "dated again.csv")
        other.setstat("dated again.csv", mtime=1_200_000_000)
        self.released("dated again.csv", b"d", modified="2008-01-10T21:20:00.000000Z")
        self.assertEqual(one.stat("dated again.csv").mtime, 1_200_000_000)

    def test_names_spelt_in_two_ways_are_two_names(self):
        one, other = self.client(), self.client()
        one.put(NFC, b"composed")
        one.put(NFD, b"decomposed")
        self.released(NFC, b"composed")
        self.released(NFD, b"decomposed")
        for client in (one, other):
            self.assertEqual((client.size(NFC), client.size(NFD)), (8, 10))
            self.assertEqual({n for n in client.list() if "ller" in n}, {NFC, NFD})
        other.remove(NFC)
        self.withdrawn(NFC, b"composed")
        self.assertEqual(self.gate.contents("sftp/vsee/" + NFD), b"decomposed")
        other.rename(NFD, NFC)
        self.released(NFC, b"decomposed", uploaded_as=NFD)

    def test_later_versions_keep_their_ending(self):
        one = self.client()
        names = {"v.csv": "v~2.csv", "v.tar.gz": "v~2.tar.gz", "v.2026.csv": "v.2026~2.csv", "noending": "noending~2",
                 "v.csv.gpg": "v~2.csv.gpg", "v.a long ending": "v.a long ending~2"}
        for data in (b"1", b"22"):
            for name in names:
                one.put(name, data)
        for name, later in names.items():
            self.released(name, b"1")
            self.released(later, b"22", name=name)
        # They are one name to the sender, and go together, the older first.
        one.rename("v.csv", "w.csv")
        self.released("w.csv", b"1", uploaded_as="v.csv")
        self.released("w~2.csv", b"22", name="w.csv", uploaded_as="v.csv")
        one.remove("w.csv")
        self.withdrawn("w.csv", b"1", count=2)
        self.withdrawn("w.csv", b"22", count=2)
        self.assertEqual(one.size("w.csv"), None)

    def test_the_longest_names(self):
        one = self.client()
        name = "n" * 251 + ".csv"
        wide = "ü" * 125 + ".csv"
        one.put(name, b"1")
        one.put(name, b"22")
        one.rename(name, "m" * 255)
        self.released("m" * 255, b"1", uploaded_as=name)
        self.released("m" * 253 + "~2", b"22", name="m" * 255)
        one.put(wide, b"1")
        one.put(wide, b"22")
        self.released(wide, b"1")
        self.released("ü" * 124 + "~2.csv", b"22", name=wide)
        one.remove(wide)
        self.withdrawn(wide, b"22", count=2)

    def test_no_rename_of_a_directory_makes_a_path_that_nobody_could_send(self):
        one = self.client()
        # A directory renamed so that what is in it would have a path that nobody could send any more.
        deep = "/".join(["d" * 200] * 4)
        for depth in range(4):
            one.mkdir(deep[:201 * depth + 200])
        one.mkdir("short")
        one.put("short/" + "f" * 250, b"f")
        self.refused(FAILURE, ".", one.rename, "short", deep + "/" + "g" * 150)
        self.assertEqual(one.size("short/" + "f" * 250), 1)

    def test_a_restart_changes_nothing_for_what_settles(self):
        one = self.client()
        one.mkdir("r")
        one.put("r/settles.csv", b"settles")
        one.put("r/settles.csv", b"version two")
        one.put("r/provisional.csv.part", b"provisional")
        one.put("r/removed.csv", b"removed")
        one.remove("r/removed.csv")
        self.gate.kill()
        one.kill()
        self.gate.start()
        other = self.client()
        self.assertEqual({n: a.size for n, a in other.list("r").items()},
                         {"settles.csv": 11, "provisional.csv.part": 11})
        other.rename("r/provisional.csv.part", "r/provisional.csv")
        self.released("r/settles.csv", b"settles")
        self.released("r/settles~2.csv", b"version two", name="r/settles.csv")
        self.released("r/provisional.csv", b"provisional", uploaded_as="r/provisional.csv.part")
        self.withdrawn("r/removed.csv", b"removed")
        other.rename("r", "s")
        other.end()
        self.gate.stop()
        self.gate.start()
        last = self.client()
        self.assertEqual({n: a.size for n, a in last.list("s").items()}, {"settles.csv": 11, "provisional.csv": 11})
        self.released("s/settles~2.csv", b"version two", name="s/settles.csv", uploaded_as="r/settles.csv")

    def test_a_whole_upload_under_its_temporary_name_outlives_a_crash_in_its_rename(self):
        one = self.client()
        one.put("sealed.csv.part", b"was answered OK")
        self.gate.kill()
        one.kill()
        # As it lies between the two steps of RENAME: sealed, and not in the ledger.
        parts = os.path.join(self.gate.staging, "incoming/sftp/vsee/parts")
        sidecar = [n for n in os.listdir(parts) if n.endswith(".json")
                   and b"sealed.csv.part" in open(os.path.join(parts, n), "rb").read()]
        self.assertEqual(len(sidecar), 1)
        os.rename(os.path.join(parts, sidecar[0]), os.path.join(parts, sidecar[0].replace(".json", ".sealed")))
        self.gate.start()
        other = self.client()
        self.assertEqual(other.size("sealed.csv.part"), 15)
        other.rename("sealed.csv.part", "sealed.csv")
        self.released("sealed.csv", b"was answered OK")

    def test_a_directory_of_which_only_its_files_are_known_can_be_used(self):
        one = self.client()
        one.mkdir("half renamed")
        one.put("half renamed/1.csv", b"1")
        self.gate.kill()
        one.kill()
        # As a crash in a rename of the directory leaves it: on disk it is gone, a file of it is still called so.
        os.rmdir(os.path.join(self.gate.staging, "incoming/sftp/vsee/tree/half renamed"))
        self.gate.start()
        other = self.client()
        self.assertEqual(list(other.list("half renamed")), ["1.csv"])
        other.rename("half renamed", "whole renamed")
        self.released("whole renamed/1.csv", b"1", uploaded_as="half renamed/1.csv")
        other.rename("whole renamed/1.csv", "1 of whole.csv")
        other.rmdir("whole renamed")

    def test_a_partial_of_a_killed_gates_session_hinders_nobody(self):
        one = self.client()
        one.mkdir("left")
        handle = one.open("left/open.csv")
        one.write(handle, 0, bytes(300_000))
        orphans = self.gate.sessions()
        self.gate.kill()
        self.gate.start()
        other = self.client()
        # Its box is in memory while the old session may still be there.
        other.list("/")
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/cwd") for pid in orphans), 30, "the session's end")
        other.rename("left", "right")
        self.assertEqual(other.size("right/open.csv"), 300_000)

    @unittest.skipUnless(shutil.which("lftp"), "lftp is not installed")
    def test_lftp_mirrors_once(self):
        source = os.path.join(self.gate.root, "mirror")
        os.makedirs(source + "/sub")
        for name in ("1.csv", "2.csv", "sub/3.csv", "sub/ü.csv"):
            with open(f"{source}/{name}", "wb") as file:
                file.write(name.encode())
        ssh = "ssh -a -x " + " ".join(self.gate.ssh_options())

        def mirror():
            result = subprocess.run(
                ["lftp", "-e", f"set sftp:auto-confirm yes; set sftp:connect-program '{ssh}'; set net:max-retries 2; "
                 f"mirror -R -v {source} mirrored; bye", "-p", str(self.gate.ports["sftp"]), "-u", "vsee,",
                 "sftp://127.0.0.1"], capture_output=True, text=True, timeout=60,
                env={**os.environ, "HOME": self.gate.root, "LC_ALL": "C.UTF-8"})
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout
        self.assertIn("1.csv", mirror())
        self.assertNotIn(".csv", mirror())
        self.released("mirrored/sub/ü.csv", "sub/ü.csv".encode())
        self.assertNotIn(".csv", mirror())
        self.assertEqual(self.below("mirrored"), ["1.csv", "2.csv", "sub/3.csv", "sub/ü.csv"])

    @unittest.skipUnless(shutil.which("rclone"), "rclone is not installed")
    def test_rclone_finds_nothing_to_do(self):
        source = os.path.join(self.gate.root, "rclone")
        os.makedirs(source + "/sub")
        for name in ("1.csv", "sub/2.csv", "sub/3.txt"):
            with open(f"{source}/{name}", "wb") as file:
                file.write(name.encode() * 1000)
            os.utime(f"{source}/{name}", (1_500_000_000, 1_500_000_000))
        remote = (f":sftp,host=127.0.0.1,port={self.gate.ports['sftp']},user=vsee,"
                  f"key_file={self.gate.key}:rcloned")

        def rclone(*command):
            result = subprocess.run(["rclone", *command, "--bind", "127.0.0.2", "--retries", "1", "-v"],
                                    capture_output=True, text=True, timeout=60,
                                    env={**os.environ, "HOME": self.gate.root})
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stderr
        self.assertIn("Copied (new)", rclone("sync", source, remote))
        self.assertIn("0 differences found", rclone("check", source, remote))
        self.assertNotIn("Copied", rclone("sync", source, remote))
        self.released("rcloned/sub/2.csv", b"sub/2.csv" * 1000, modified="2017-07-14T02:40:00.000000Z")
        self.assertNotIn("Copied", rclone("sync", source, remote))
        wait_until(lambda: self.below("rcloned") == ["1.csv", "sub/2.csv", "sub/3.txt"], what="all three")
        # Another content under the name: the consumer gets it in place of the first.
        with open(source + "/1.csv", "wb") as file:
            file.write(b"changed")
        self.assertIn("Copied", rclone("sync", source, remote))
        wait_until(lambda: b"changed" in [open(self.place("rcloned/" + n), "rb").read() for n in self.below("rcloned")],
                   what="the changed file")


class Released(Box):
    """Nothing settles here: every file is in ready/ when its CLOSE is answered."""
    environment = {"DROPGATE_SFTP_SETTLE": "0s"}

    def put(self, client, path, data=b"data"):
        client.put(path, data)
        return self.released(path, data)

    def acknowledge(self, drop):
        # The mark of its release comes a moment after the file.
        wait_until(lambda: self.gate.run("drops", "ack", drop, "--config", self.gate.config, check=False).returncode == 0,
                   what="the acknowledgement")

    def test_remove_withdraws_what_waits(self):
        one, other = self.client(), self.client()
        drop = self.put(one, "waits.csv", b"waits")["drop"]
        other.remove("waits.csv")
        self.assertFalse(os.path.exists(self.place("waits.csv")))
        self.assertEqual(self.withdrawn("waits.csv", b"waits")["drop"], drop)
        self.assertEqual([r for r in self.gate.receipts() if r["drop"] == drop], [])
        self.assertEqual(other.size("waits.csv"), None)
        self.refused(ABSENT, "no such file", other.remove, "waits.csv")
        self.put(other, "waits.csv", b"again")
        self.assertEqual(self.gate.run("drops", "verify", "--config", self.gate.config).returncode, 0)

    def test_rename_moves_what_waits(self):
        one, other = self.client(), self.client()
        one.mkdir("moved to")
        drop = self.put(one, "moves.csv", b"moves")["drop"]
        other.rename("moves.csv", "moved to/here.csv")
        self.assertFalse(os.path.exists(self.place("moves.csv")))
        receipt = self.released("moved to/here.csv", b"moves", uploaded_as="moves.csv")
        self.assertEqual(receipt["drop"], drop)
        self.assertEqual(self.renamed("moves.csv", "moved to/here.csv")["detail"]["was"], "released")
        shown = self.gate.run("drops", "show", drop, "--config", self.gate.config).stdout
        self.assertIn("moved to/here.csv", shown)
        self.assertEqual(self.gate.run("drops", "verify", "--config", self.gate.config).returncode, 0)

    def test_rename_to_a_temporary_name_takes_it_out_of_ready_until_the_next_one(self):
        one, other = self.client(), self.client()
        drop = self.put(one, "back.csv", b"back")["drop"]
        other.rename("back.csv", "back.csv.part")
        self.assertEqual([n for n in self.below("") if n.startswith("back")], [])
        self.assertEqual(one.size("back.csv.part"), 4)
        one.rename("back.csv.part", "back for good.csv")
        self.assertEqual(self.released("back for good.csv", b"back", uploaded_as="back.csv")["drop"], drop)

    def test_no_receipt_tells_of_a_file_that_its_sender_took_out_of_ready(self):
        one = self.client()
        drop = self.put(one, "receipt.csv", b"r")["drop"]
        one.rename("receipt.csv", "receipt.csv.part")
        self.assertEqual([r["file"] for r in self.gate.receipts() if r["drop"] == drop], [])

    def test_what_a_consumer_has_taken_is_refused_in_words(self):
        one, other = self.client(), self.client()
        for name in ("taken 1.csv", "taken 2.csv"):
            self.put(one, name)
            self.take(name)
        words = "its consumer has taken it"
        self.refused(FAILURE, words, one.rename, "taken 1.csv", "late.csv", entry="forbidden_operation")
        # To REMOVE it is absent, as clients must hear that overwrite by REMOVE and RENAME, and from then on to STAT.
        self.refused(ABSENT, words, one.remove, "taken 1.csv", entry="forbidden_operation")
        self.assertEqual(one.size("taken 1.csv"), None)
        # To who did not send it, it is as absent as it looks.
        self.refused(ABSENT, words, other.rename, "taken 2.csv", "late.csv", entry="forbidden_operation")
        self.refused(ABSENT, words, other.remove, "taken 2.csv", entry="forbidden_operation")
        self.assertEqual((one.size("taken 2.csv"), other.size("taken 2.csv")), (4, None))
        self.assertNotIn("taken 2.csv", other.list())
        self.assertEqual([n for n in self.below("") if "late" in n], [])
        if LONG:
            # Half a minute later it is as absent to who sent it, who overwrites it in the same session.
            wait_until(lambda: one.size("taken 2.csv") is None, 45, "the end of its time")
        # Who overwrites it in the same session can, from the first moment on.
        one.put("taken 2.csv.part", b"newer")
        self.refused(ABSENT, words, one.remove, "taken 2.csv", entry="forbidden_operation")
        self.assertEqual(one.size("taken 2.csv"), None)
        one.rename("taken 2.csv.part", "taken 2.csv")
        self.released("taken 2.csv", b"newer", uploaded_as="taken 2.csv.part")

    def test_what_a_consumer_takes_at_once_is_refused_in_the_same_words(self):
        one, other = self.client(), self.client()
        for number in range(20):
            name = f"at once {number}.csv"
            one.put(name, b"x")
            self.take(name)
            self.refused(ABSENT, "its consumer has taken it", other.rename, name, "too late.csv")

    def test_what_a_consumer_has_acknowledged_is_refused_in_words(self):
        one, other = self.client(), self.client()
        for number, client in enumerate((one, other)):
            name = f"acknowledged {number}.csv"
            drop = self.put(one, name)["drop"]
            self.acknowledge(drop)
            self.refused(FAILURE if client is one else ABSENT, "its consumer has taken it", client.rename, name,
                         "elsewhere.csv", entry="forbidden_operation")
            self.refused(ABSENT, "its consumer has taken it", client.remove, name, entry="forbidden_operation")
            self.assertEqual(self.gate.contents("sftp/vsee/" + name), b"data")
        self.assertFalse(os.path.exists(self.place("elsewhere.csv")))

    def test_what_one_session_has_closed_another_may_rename_at_once(self):
        one, other = self.client(), self.client()
        for number in range(100):
            one.put(f"handed over {number}.part", b"%d" % number)
            other.rename(f"handed over {number}.part", f"handed over {number}.csv")
        self.released("handed over 99.csv", b"99", uploaded_as="handed over 99.part")

    def test_a_daily_file_is_sent_again_after_its_consumer_acknowledged_the_last(self):
        one, two = self.client(), self.client()
        drop = self.put(one, "daily.csv", b"monday")["drop"]
        self.acknowledge(drop)
        two.put("daily.csv.filepart", b"tuesday")
        try:
            two.remove("daily.csv")
        except Refused as refused:
            self.assertEqual(refused.code, ABSENT, refused.text)
        two.rename("daily.csv.filepart", "daily.csv")
        wait_until(lambda: b"tuesday" in [self.gate.contents("sftp/vsee/" + n) for n in self.below("")
                                          if n.startswith("daily")], what="tuesday")

    def test_a_daily_file_is_sent_again_after_its_consumer_took_the_last(self):
        for replace in (False, True):
            for day in ("monday", "tuesday", "wednesday"):
                client = self.client()
                data = f"{day} {replace}".encode()
                client.put("day.csv.filepart", data)
                if replace:
                    client.posix_rename("day.csv.filepart", "day.csv")
                else:
                    with self.assertRaises(Refused) as caught:
                        client.remove("day.csv")
                    self.assertEqual(caught.exception.code, ABSENT)
                    client.rename("day.csv.filepart", "day.csv")
                self.released("day.csv", data, uploaded_as="day.csv.filepart")
                self.take("day.csv")

    def test_overwriting_what_waits(self):
        one, other = self.client(), self.client()
        self.put(one, "over.csv", b"old")
        # As WinSCP does.
        other.put("over.csv.filepart", b"new")
        other.remove("over.csv")
        other.rename("over.csv.filepart", "over.csv")
        other.setstat("over.csv", mtime=1_000_000_000)
        self.released("over.csv", b"new", uploaded_as="over.csv.filepart", modified="2001-09-09T01:46:40.000000Z")
        self.withdrawn("over.csv", b"old")
        # As rclone does.
        one.put("over.csv.abc.partial", b"newest")
        one.posix_rename("over.csv.abc.partial", "over.csv")
        self.released("over.csv", b"newest")
        self.withdrawn("over.csv", b"new", count=2)
        self.assertEqual([n for n in self.below("") if n.startswith("over")], ["over.csv"])

    def test_a_rename_that_fails_withdraws_nothing(self):
        one = self.client()
        self.put(one, "kept.csv", b"kept")
        self.put(one, "source.csv", b"source")
        self.take("source.csv")
        self.refused(FAILURE, "taken", one.posix_rename, "source.csv", "kept.csv", entry="forbidden_operation")
        self.assertEqual(self.gate.contents("sftp/vsee/kept.csv"), b"kept")
        self.interrupted("half.csv.part", b"ha")
        self.refused(FAILURE, "interrupted", one.posix_rename, "half.csv.part", "kept.csv", entry="incomplete",
                     path="half.csv.part")
        self.assertTrue(os.path.exists(self.place("kept.csv")), "the rename was refused, and its target is gone")
        self.assertEqual(self.gate.contents("sftp/vsee/kept.csv"), b"kept")

    def test_spellings_of_one_name_wait_side_by_side(self):
        one, other = self.client(), self.client()
        self.put(one, "x" + NFD, b"decomposed")
        self.put(one, "x" + NFC, b"composed")
        fresh = self.client()
        for client in (one, other, fresh):
            self.assertEqual((client.size("x" + NFD), client.size("x" + NFC)), (10, 8))
        other.remove("x" + NFC)
        self.withdrawn("x" + NFC, b"composed")
        self.assertEqual(self.gate.contents("sftp/vsee/x" + NFD), b"decomposed")

    def test_a_directory_goes_when_its_consumer_took_everything(self):
        one, other = self.client(), self.client()
        one.mkdir("emptied")
        one.mkdir("emptied/sub")
        self.put(one, "emptied/a.csv")
        self.put(one, "emptied/sub/b.csv")
        self.refused(FAILURE, "not empty", other.rmdir, "emptied")
        self.take("emptied/a.csv")
        self.take("emptied/sub/b.csv")
        self.assertEqual(list(other.list("emptied")), ["sub"])
        other.rmdir("emptied/sub")
        other.rmdir("emptied")
        self.refused(ABSENT, "no such", other.list, "emptied")
        self.put(other, "emptied", b"a file now")

    def test_a_directory_with_released_files_is_renamed(self):
        one, other = self.client(), self.client()
        for folder in ("old", "old/in", "old/in/ner"):
            one.mkdir(folder)
        self.put(one, "old/a.csv", b"a")
        self.put(one, "old/in/ner/b.csv", b"b")
        self.put(one, "old/in/taken.csv", b"t")
        self.take("old/in/taken.csv")
        one.put("old/c.csv.part", b"c")
        other.rename("old", "new one")
        self.released("new one/a.csv", b"a", uploaded_as="old/a.csv")
        self.released("new one/in/ner/b.csv", b"b", uploaded_as="old/in/ner/b.csv")
        self.assertEqual(self.below("old"), [])
        self.assertEqual(list(other.list("new one/in")), ["ner"])
        self.assertEqual(other.size("new one/c.csv.part"), 1)
        self.put(one, "a file", b"file")
        self.refused(FAILURE, "is a file", one.put, "a file/x.csv", b"x", entry="bad_path")
        # Back onto itself, into itself, to what is there.
        self.refused(FAILURE, ".", other.rename, "new one", "new one/in/itself")
        self.refused(FAILURE, ".", other.rename, "new one", "/")
        self.refused(FAILURE, "file of that name|exists", other.rename, "new one", "a file")

    def test_appending_to_what_was_delivered_is_refused_in_words(self):
        one, other = self.client(), self.client()
        self.put(one, "log.csv", b"head")
        for client in (one, other):
            self.refused(DENIED, "cannot? be appended|nothing can be appended", client.open, "log.csv", WRITE | APPEND,
                         entry="forbidden_operation")
            handle = client.open("log.csv", WRITE | CREATE)
            self.refused(FAILURE, "nothing can be appended", client.write, handle, 4, b"tail",
                         entry="forbidden_operation", path="log.csv")
            self.refused(FAILURE, ".", client.close, handle)
            # Nothing written: what is there stays what it is.
            client.close(client.open("log.csv", WRITE | CREATE))
        self.assertEqual([n for n in self.below("") if n.startswith("log")], ["log.csv"])
        # The whole file again is a later version.
        other.put("log.csv", b"head and tail", WRITE | CREATE)
        self.released("log~2.csv", b"head and tail", name="log.csv")
        self.take("log.csv")
        self.take("log~2.csv")
        # Nobody who did not send it sees it: there is nothing to append to, and what comes is another file.
        handle = self.client().open("log.csv", WRITE | APPEND | CREATE)
        self.assertTrue(handle)

    def test_a_consumer_that_is_faster_hinders_no_client(self):
        one = self.client()
        one.mkdir("fast")
        one.put("fast/1.csv.part", b"12345")
        one.rename("fast/1.csv.part", "fast/1.csv")
        self.take("fast/1.csv")
        self.assertEqual(one.size("fast/1.csv"), 5)
        self.assertEqual(one.size("fast/1.csv.part"), None)
        self.assertEqual(one.list("fast")["1.csv"].size, 5)
        one.setstat("fast/1.csv", mtime=1_000_000_000, mode=0o644)
        self.assertEqual(one.stat("fast/1.csv").mtime, 1_000_000_000)
        self.assertEqual(one.lstat("fast/1.csv").mtime, 1_000_000_000)
        # And the same once more.
        one.put("fast/1.csv", b"1234567")
        self.released("fast/1.csv", b"1234567")
        self.assertEqual(one.size("fast/1.csv"), 7)

    def test_a_consumer_at_the_worst_moment_gets_each_file_once(self):
        """Files are taken while they are renamed, withdrawn and replaced."""
        one, other = self.client(), self.client()
        one.mkdir("race")
        taken, stop = {}, threading.Event()
        folder, aside = self.place("race"), os.path.join(self.gate.root, "aside")
        os.mkdir(aside)

        def consume():
            while not stop.is_set():
                try:
                    names = os.listdir(folder)
                except FileNotFoundError:
                    continue
                for name in names[::3]:
                    target = os.path.join(aside, str(len(taken)))
                    try:
                        os.rename(os.path.join(folder, name), target)
                    except FileNotFoundError:
                        continue
                    with open(target, "rb") as file:
                        taken[len(taken)] = (name, file.read())
        consumer = threading.Thread(target=consume)
        consumer.start()
        heard = {}
        try:
            for number in range(400 if LONG else 120):
                data = b"file %d" % number
                one.put(f"race/{number}.csv", data)
                client = (one, other)[number % 2]
                try:
                    if number % 3 == 0:
                        client.remove(f"race/{number}.csv")
                        heard[data] = "withdrawn"
                    elif number % 3 == 1:
                        client.rename(f"race/{number}.csv", f"race/{number} renamed.csv")
                        heard[data] = f"{number} renamed.csv"
                    else:
                        client.put(f"race/{number}.part", b"new " + data)
                        client.posix_rename(f"race/{number}.part", f"race/{number}.csv")
                        heard[b"new " + data] = f"{number}.csv"
                except Refused as refused:
                    self.assertRegex(refused.text, "its consumer has taken it|no such file")
                    heard[data] = f"{number}.csv"
        finally:
            stop.set()
            consumer.join()
        waiting = [(n, self.gate.contents("sftp/vsee/race/" + n)) for n in self.below("race")]
        held = [d for r, d in self.gate.quarantined() if r["name"].startswith("race/")]
        everything = [d for _, d in list(taken.values()) + waiting] + held
        self.assertEqual(len(everything), len(set(everything)), "something is there twice")
        names = {d: n for n, d in list(taken.values()) + waiting}
        for data, name in heard.items():
            if name == "withdrawn":
                self.assertIn(data, held)
            else:
                self.assertEqual(names.get(data), name, data)
        self.assertGreater(len(taken), 0)
        self.assertEqual(os.listdir(os.path.join(self.gate.staging, "incoming/sftp/vsee/claimed")), [])
        self.assertEqual(self.gate.run("drops", "verify", "--config", self.gate.config).returncode, 0)


class Untouchable(Box):
    environment = {"DROPGATE_SFTP_SETTLE": "0s", "DROPGATE_SFTP_AFTER_RELEASE": "refuse"}

    def test_what_is_released_is_not_changed(self):
        one, other = self.client(), self.client()
        one.put("fixed.csv", b"fixed")
        self.released("fixed.csv", b"fixed")
        one.put("next.csv.part", b"next")
        one.put("provisional.csv.part", b"p")
        for client in (one, other):
            words = "has been released to its consumer"
            self.refused(DENIED, words, client.remove, "fixed.csv", entry="forbidden_operation")
            self.refused(DENIED, words, client.rename, "fixed.csv", "other.csv", entry="forbidden_operation")
            self.refused(DENIED, words, client.posix_rename, "next.csv.part", "fixed.csv", entry="forbidden_operation",
                         path="fixed.csv")
        self.assertEqual([n for n in self.below("") if "/" not in n], ["fixed.csv"])
        self.assertEqual(one.size("next.csv.part"), 4)
        # What is not released may be changed as ever; the next version of a name is one.
        one.remove("provisional.csv.part")
        other.put("fixed.csv", b"later")
        self.released("fixed~2.csv", b"later", name="fixed.csv")

    def test_a_directory_with_a_released_file_stays_as_it_is(self):
        one, other = self.client(), self.client()
        for folder in ("mixed", "mixed/sub"):
            one.mkdir(folder)
        one.put("mixed/a.csv.part", b"a")
        one.put("mixed/m.csv", b"m")
        one.put("mixed/z.csv.part", b"z")
        self.refused(DENIED, "released", other.rename, "mixed", "else", entry="forbidden_operation", path="mixed")
        self.assertEqual(sorted(other.list("mixed")), ["a.csv.part", "m.csv", "sub", "z.csv.part"])
        self.refused(ABSENT, "no such", other.list, "else")
        # And goes on being a directory.
        other.put("mixed/sub/n.csv", b"n")
        self.released("mixed/sub/n.csv", b"n")
        other.mkdir("mixed/more")
        other.rmdir("mixed/more")


class Resuming(Box):
    environment = {"DROPGATE_SFTP_SETTLE": "0s"}
    old = b"PID|1|JOHN\n" * 9000

    def test_a_first_write_at_0_starts_over(self):
        new = b"PID|1|MARY\n"
        for number, flags in enumerate((WRITE | CREATE, WRITE | CREATE | TRUNCATE, WRITE)):
            name = f"over {number}.hl7"
            client = self.interrupted(name, self.old)
            client.put(name, new, flags)
            self.released(name, new)
            self.assertEqual([n for n in self.below("") if n.startswith(f"over {number}")], [name])
            self.assertEqual(client.size(name), len(new))

    def test_a_first_write_at_the_old_end_goes_on(self):
        for number, flags in enumerate((WRITE | CREATE, WRITE, WRITE | APPEND, WRITE | APPEND | CREATE)):
            name = f"on {number}.hl7"
            client = self.interrupted(name, self.old)
            handle = client.open(name, flags)
            self.assertEqual(client.fstat(handle).size, len(self.old))
            # With APPEND offsets count for nothing.
            client.write(handle, len(self.old) if number < 2 else 0, b"rest")
            client.close(handle)
            self.released(name, self.old + b"rest")

    def test_a_client_that_read_the_size_may_find_that_it_was_all(self):
        client = self.interrupted("all.hl7", self.old)
        self.assertEqual(client.size("all.hl7"), len(self.old))
        client.close(client.open("all.hl7", WRITE))
        self.released("all.hl7", self.old)
        self.interrupted("unread.hl7", self.old)
        other = self.client()
        handle = other.open("unread.hl7", WRITE | CREATE)
        self.refused(FAILURE, "nothing was written", other.close, handle, entry="bad_path", path="unread.hl7")
        self.assertEqual(other.size("unread.hl7"), len(self.old))
        self.assertFalse(os.path.exists(self.place("unread.hl7")))

    def test_a_wrong_offset_delivers_nothing(self):
        for number, offset in enumerate((1, len(self.old) - 1, len(self.old) + 1, 1 << 20)):
            name = f"wrong {number}.hl7"
            client = self.interrupted(name, self.old)
            handle = client.open(name, WRITE | CREATE)
            client.write(handle, offset, b"rest")
            self.refused(FAILURE, "incomplete|missing", client.close, handle)
            self.assertFalse(os.path.exists(self.place(name)))
            # Sent whole it is whole.
            client.put(name, b"whole")
            self.released(name, b"whole")
            self.assertEqual([n for n in self.below("") if n.startswith(f"wrong {number}")], [name])

    def test_a_size_that_is_set_cuts_an_earlier_upload(self):
        client = self.interrupted("cut.hl7", self.old)
        handle = client.open("cut.hl7", WRITE | CREATE)
        client.fsetstat(handle, size=0)
        client.write(handle, 0, b"new")
        client.close(handle)
        self.released("cut.hl7", b"new")
        # As scp does: no TRUNCATE, and the size last.
        client = self.interrupted("scp.hl7", self.old)
        handle = client.open("scp.hl7", WRITE | CREATE)
        client.write(handle, 0, b"short")
        client.fsetstat(handle, size=5)
        client.close(handle)
        self.released("scp.hl7", b"short")

    def test_what_arrived_with_a_hole_goes_on_where_the_hole_is(self):
        breaker = Client(self.gate)
        handle = breaker.open("hole.bin")
        breaker.write(handle, 0, b"a" * 32768)
        breaker.write(handle, 65536, b"c" * 32768)
        breaker.kill()
        client = self.client()
        wait_until(lambda: client.size("hole.bin") == 32768, what="the partial")
        handle = client.open("hole.bin", WRITE)
        client.write(handle, 32768, b"b" * 32768)
        client.write(handle, 65536, b"C" * 10)
        client.close(handle)
        self.released("hole.bin", b"a" * 32768 + b"b" * 32768 + b"C" * 10)

    def test_two_sessions_that_write_one_name_write_two_files(self):
        one, other = self.client(), self.client()
        first = one.open("both.csv")
        one.write(first, 0, b"one")
        self.assertEqual(other.size("both.csv"), None)
        second = other.open("both.csv", WRITE | CREATE)
        other.write(second, 0, b"other")
        other.close(second)
        one.write(first, 3, b" and only")
        one.close(first)
        self.released("both.csv", b"other")
        self.released("both~2.csv", b"one and only", name="both.csv")

    def test_an_upload_that_another_session_goes_on_with_is_its_own(self):
        self.interrupted("mine.csv", b"half")
        one, other = self.client(), self.client()
        handle = one.open("mine.csv", WRITE)
        one.write(handle, 4, b" and")
        second = other.open("mine.csv", WRITE | CREATE)
        other.write(second, 0, b"all of it")
        other.close(second)
        one.write(handle, 8, b" half")
        one.close(handle)
        self.released("mine.csv", b"all of it")
        self.released("mine~2.csv", b"half and half", name="mine.csv")

    def test_what_a_session_leaves_after_a_newer_upload_was_whole_is_never_gone_on_with(self):
        # The first session is one whose network is gone: the gate hears of its end long after the sender began anew.
        dead, name = Client(self.gate), "again.csv.part"
        handle = dead.open(name)
        dead.write(handle, 0, self.old)
        one = self.client()
        one.put(name, b"new")
        one.rename(name, "again.csv")
        dead.kill()
        entry, = wait_until(lambda: self.entries("incomplete", "a newer upload of its name is whole"), 10, "the entry")
        self.assertEqual((entry["drop"]["name"], entry["drop"]["bytes"], entry["source"]["ip"]),
                         (name, len(self.old), "127.0.0.2"))
        other = self.client()
        self.assertIsNone(other.size(name))
        other.put(name, b"next", WRITE | CREATE)
        other.rename(name, "next.csv")
        self.released("again.csv", b"new", uploaded_as=name)
        self.released("next.csv", b"next", uploaded_as=name)

    def test_an_open_file_is_renamed_and_removed(self):
        one, other = self.client(), self.client()
        handle = one.open("open.csv")
        one.write(handle, 0, b"written ")
        one.rename("open.csv", "renamed while open.csv")
        one.write(handle, 8, b"on")
        one.close(handle)
        self.released("renamed while open.csv", b"written on")
        handle = one.open("gone.csv")
        one.write(handle, 0, b"gone")
        one.remove("gone.csv")
        one.close(handle)
        self.assertEqual((one.size("gone.csv"), other.size("gone.csv")), (None, None))
        self.assertFalse(os.path.exists(self.place("gone.csv")))
        # Another session's: refused, and it goes on.
        handle = one.open("theirs.csv")
        one.write(handle, 0, b"theirs")
        for call, arguments in ((other.remove, ["theirs.csv"]), (other.rename, ["theirs.csv", "mine now.csv"])):
            self.refused(FAILURE, "another session is writing it", call, *arguments, entry="forbidden_operation")
        one.close(handle)
        self.released("theirs.csv", b"theirs")

    def test_exclusive(self):
        one = self.client()
        one.put("only.csv", b"1", PUT | EXCLUSIVE)
        self.released("only.csv", b"1")
        self.refused(FAILURE, "exists already", one.open, "only.csv", PUT | EXCLUSIVE, entry="forbidden_operation")


if __name__ == "__main__":
    unittest.main()
