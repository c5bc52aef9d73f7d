"""The ledger's evidence as a whole program: witnesses, refusal after a rollback, and the independent verifier."""
import glob
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

from gate import Gate, read, wait_until

VERIFIER = os.path.join(os.path.dirname(__file__), "../../Deploy/verify-bundle.py")


class Witness(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted, and gives the newest back."""

    def do_POST(self):
        self.server.notes.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        self.send_response(200 if self.server.notes else 404)
        self.end_headers()
        if self.server.notes:
            self.wfile.write(self.server.notes[-1])

    def log_message(self, *_):
        pass


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness)
        self.server.notes = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.notes = os.path.join(self.gate.root, "witness.notes")
        url = f"http://127.0.0.1:{self.server.server_address[1]}/gate"
        self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = f"[{self.notes}, \"{url}\"]"
        self.gate.environment["DROPGATE_LEDGER_CHECKPOINT_EVERY"] = "1s"

    def dropgate(self, *arguments, check=True):
        return self.gate.run(*arguments, "--config", self.gate.config, check=check,
                             env={**os.environ, **self.gate.environment})

    def witnessed(self):
        return [int(note.split(b"\n")[1]) for note in self.server.notes]

    def run_gate(self, events):
        self.gate.start()
        for number in range(events):
            self.post(f"event {number} of {events} after {len(self.server.notes)}")
        self.gate.stop()

    def metrics(self):
        url = f"http://127.0.0.1:{self.gate.ports['console']}/metrics"
        token = read(self.state("console.token")).strip()

        def settled():
            """All of one checkpoint: what was signed is witnessed."""
            text = subprocess.run(["curl", "-sS", "--fail", "-H", f"Authorization: Bearer {token}", url],
                                  check=True, capture_output=True, text=True).stdout
            values = {name: float(value) for name, value in
                      (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}
            return values if values["dropgate_ledger_unwitnessed_entries"] == 0 else None
        refused = subprocess.run(["curl", "-sS", "--fail", url], capture_output=True, text=True)
        self.assertIn("401", refused.stderr)
        return wait_until(settled, what="a witnessed head")

    def post(self, body):
        self.assertEqual(self.gate.post(body).returncode, 0)

    def state(self, name):
        return os.path.join(self.gate.home, "state", name)

    def test_a_checkpoint_reaches_the_witnesses_soon_after_an_entry_and_when_the_gate_stops(self):
        self.gate.start()
        wait_until(lambda: self.server.notes, what="the first checkpoint")
        before = max(self.witnessed())
        self.post("one")
        wait_until(lambda: max(self.witnessed()) > before, what="the checkpoint of the event")
        metrics = self.metrics()
        self.assertEqual(metrics["dropgate_ledger_unwitnessed_seconds"], 0)
        self.assertEqual(metrics[f'dropgate_ledger_witness_entries{{witness="{self.notes}"}}'],
                         metrics["dropgate_ledger_signed_entries"])
        self.gate.stop()
        answer = json.loads(self.dropgate("ledger", "verify", "--format", "json").stdout)
        self.assertTrue(answer["verified"] and answer["anchored"])
        self.assertEqual(answer["unwitnessed"], 0)
        self.assertEqual(answer["entries"], max(self.witnessed()))
        self.assertIn(f"\n{answer['entries']}\n", read(self.notes))

    def test_a_gate_whose_ledger_is_older_than_what_a_witness_has_does_not_start(self):
        self.run_gate(3)
        for name in ("ledger.sqlite", "checkpoints"):
            path = self.state(name)
            (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, path + ".yesterday")
        self.run_gate(3)
        shutil.rmtree(self.state("checkpoints"))
        os.rename(self.state("checkpoints.yesterday"), self.state("checkpoints"))
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.state("ledger.sqlite") + suffix):
                os.remove(self.state("ledger.sqlite") + suffix)
        os.rename(self.state("ledger.sqlite.yesterday"), self.state("ledger.sqlite"))
        with self.assertRaisesRegex(AssertionError, "was cut or replaced by an older copy"):
            self.gate.start()
        self.assertEqual(self.gate.process.returncode, 23)
        verdict = self.dropgate("ledger", "verify", check=False)
        self.assertEqual(verdict.returncode, 23, verdict.stdout)
        self.assertIn("rolled_back", verdict.stdout)

    def test_keys_rotate_under_a_running_gate(self):
        self.gate.start()
        self.post("before")
        old = read(self.state("keys/ledger.key.pub"))
        new = self.dropgate("ledger", "rotate-key").stdout.split()[-1]
        self.post("after")
        note = self.dropgate("ledger", "checkpoint").stdout
        self.gate.stop()
        anchor = os.path.join(self.gate.root, "anchor")
        with open(anchor, "w") as file:
            file.write(note)
        for keys in (old, new):
            path = os.path.join(self.gate.root, "pub")
            with open(path, "w") as file:
                file.write(keys)
            verdict = self.dropgate("ledger", "verify", "--key", path, "--checkpoint", anchor)
            self.assertIn("verified 0", verdict.stdout)

    def test_a_rotation_that_was_cut_off_is_ended_by_the_next_start(self):
        self.run_gate(1)
        path = self.state("keys/ledger.key")
        old = read(path)
        self.dropgate("ledger", "rotate-key")
        # As after a crash between the entry and the new key's way to its place.
        os.rename(path, path + ".next")
        new = read(path + ".next")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(old)
        self.assertIn("a rotation of the key that signs it was interrupted", self.dropgate("doctor", check=False).stdout)
        self.gate.start()
        self.assertIn("was interrupted after its entry", self.gate.log())
        self.post("after")
        self.gate.stop()
        self.assertEqual(read(path), new)
        self.assertFalse(os.path.exists(path + ".next"))
        self.assertIn("verified 0", self.dropgate("ledger", "verify").stdout)

    # Damage of what was kept

    def damaged(self, note):
        """Variants of a note of one checkpoint, each with its name, of which none may pass for it."""
        lines = note.split("\n")
        self.assertEqual(lines[-1], "")
        for number, line in enumerate(lines[:-1]):
            for what, other in (("gone", None), ("longer", line + "x"), ("shorter", line[:-1]), ("other", "x" + line[1:])):
                if other != line:
                    some = lines[:number] + ([] if other is None else [other]) + lines[number + 1:]
                    yield f"line {number} {what}", "\n".join(some)
        for length in range(1, len(note), 23):
            yield f"the first {length} characters", note[:length]
            yield f"without the first {length} characters", note[length:]
        yield "another origin", note.replace("/dropgate", "/dropgat3")
        yield "another size", note.replace("\n" + lines[1] + "\n", f"\n{int(lines[1]) - 1}\n")
        yield "no size", note.replace("\n" + lines[1] + "\n", "\n0\n")

    def rolled_back(self):
        """A gate whose newest entries were cut off, with their checkpoints: notes of before and after, each of its time."""
        self.run_gate(2)
        before = self.dropgate("ledger", "checkpoint").stdout
        shutil.copy(self.state("ledger.sqlite"), self.state("ledger.sqlite") + ".yesterday")
        self.run_gate(2)
        after = self.dropgate("ledger", "checkpoint").stdout
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.state("ledger.sqlite") + suffix):
                os.remove(self.state("ledger.sqlite") + suffix)
        os.rename(self.state("ledger.sqlite.yesterday"), self.state("ledger.sqlite"))
        return before, after

    def test_a_kept_checkpoint_that_is_damaged_is_never_passed_over(self):
        before, after = self.rolled_back()
        self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = "[]"
        shutil.rmtree(self.state("checkpoints"))
        kept, number = os.path.join(self.gate.root, "kept.notes"), 0

        def verify(text, *options):
            with open(kept, "w", newline="") as file:
                file.write(text)
            return self.dropgate("ledger", "verify", "--checkpoint", kept, *options, check=False)
        self.assertEqual(verify(before).returncode, 0)
        self.assertEqual(verify(before.replace("\n", "\r\n")).returncode, 0, "as mail has it")
        for text in (after, before + "\n" + after, (before + "\n" + after).replace("\n", "\r\n")):
            self.assertEqual(verify(text).returncode, 23)
        for what, text in self.damaged(after):
            for file in (text, before + "\n" + text, text + "\n" + before):
                # A shorter file would pass for one with a whole note and nothing else.
                if file.strip("\n") == before.strip("\n"):
                    continue
                answer = verify(file)
                number += 1
                self.assertNotEqual(answer.returncode, 0, f"{what}: {file!r}\n{answer.stdout}")
        self.assertGreater(number, 100)
        for text in ("", "\n", "not a note\n"):
            self.assertNotEqual(verify(text).returncode, 0, text)
        damaged = verify(before + "\n" + after[:40])
        self.assertIn("checkpoint_damaged", damaged.stdout)
        self.assertIn(f"{kept}, line {len(before.splitlines()) + 2}: what is kept there is not a complete checkpoint", damaged.stdout)
        # Keys that are not there, or are none.
        key = os.path.join(self.gate.root, "key.pub")
        for text in (None, "", "x", read(self.state("keys/ledger.key.pub"))[:-9]):
            if text is not None:
                with open(key, "w") as file:
                    file.write(text)
            self.assertNotEqual(verify(before, "--key", key).returncode, 0, text)

    def test_a_witness_and_the_ledgers_own_copy_that_are_damaged_are_told(self):
        before, after = self.rolled_back()
        for place in (self.notes, os.path.join(self.state("checkpoints"), "2000-01.notes")):
            for name in os.listdir(self.state("checkpoints")):
                os.remove(os.path.join(self.state("checkpoints"), name))
            self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = "[]" if "checkpoints" in place else f"[{place}]"
            for what, text in self.damaged(after):
                if text.count("\n") < 2:
                    # Too little to tell of which checkpoint it is the beginning.
                    continue
                with open(place, "w") as file:
                    file.write(before + "\n" + text)
                answer = self.dropgate("ledger", "verify", check=False)
                self.assertNotEqual(answer.returncode, 0, f"{place}: {what}: {text!r}\n{answer.stdout}")
        # What a crash leaves is no damage.
        with open(place, "w") as file:
            file.write(before[:50] + "\n\n" + before)
        self.assertEqual(self.dropgate("ledger", "verify").returncode, 0)

    def test_kept_checkpoints_that_were_altered_are_told_though_the_ledger_has_them(self):
        self.run_gate(1)
        note = self.dropgate("ledger", "checkpoint").stdout
        url = f"http://127.0.0.1:{self.server.server_address[1]}/gate"

        def verify(place=None):
            """With its status, and where damage is found."""
            answer = self.dropgate("ledger", "verify", check=False)
            if place:
                self.assertIn("checkpoint_damaged", answer.stdout)
                self.assertIn(place, answer.stdout)
            return answer.returncode

        def altered(text, change):
            return "\n".join(map(change, text.split("\n")))

        def another_signature(line):
            return line[:-3] + "!!!" if line.startswith("\u2014") else line

        def another_fourth_line(line):
            return "dropgate this is not it" if line.startswith("dropgate ") else line
        self.server.notes = [note.encode()]
        self.assertEqual(verify(), 0)
        # An answer is no file that the gate appends to: nothing of it is what a crash left.
        for text in ("", note[:3], "<html>", note[:100], note[:-4], altered(note, another_signature),
                     altered(note, another_fourth_line)):
            self.server.notes = [text.encode()]
            self.assertEqual(verify(f"the answer of {url}"), 29, text)
        self.server.notes = [note.encode()]
        for place in (self.notes, *glob.glob(self.state("checkpoints/*.notes"))):
            whole = read(place)
            for change in (another_signature, another_fourth_line):
                with open(place, "w") as file:
                    file.write(altered(whole, change))
                self.assertEqual(verify(f"{place}, line "), 29, place)
            for length in range(1, len(note), 40):
                with open(place, "w") as file:
                    file.write(whole + "\n" + note[:length])
                self.assertEqual(verify(), 0, f"{place}: {length}")
            with open(place, "w") as file:
                file.write(whole)
        self.assertEqual(verify(), 0)

    def test_a_witness_that_cannot_be_compared_is_never_passed_over(self):
        self.run_gate(2)
        self.assertEqual(self.dropgate("ledger", "verify").returncode, 0)
        os.rename(self.notes, self.notes + ".aside")
        for place, words in ((self.notes, "entries or more, but it took one"),
                             (self.gate.root, "cannot be asked what it has, so the ledger is not compared with it"),
                             ("http://127.0.0.1:1/", "cannot be asked what it has, so the ledger is not compared with it")):
            self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = f'["{place}"]'
            answer = self.dropgate("ledger", "verify", "--format", "json", check=False)
            self.assertEqual(answer.returncode, 31, f"{place}: {answer.stdout}")
            found = json.loads(answer.stdout)
            self.assertFalse(found["verified"])
            self.assertEqual([finding["class"] for finding in found["findings"]], ["witness_not_compared"])
            self.assertIn(words, found["findings"][0]["message"])

    # The independent verifier

    def verify(self, *arguments):
        return subprocess.run([sys.executable, VERIFIER, "--key", self.state("keys/ledger.key.pub"), *arguments],
                              capture_output=True, text=True, timeout=60)

    def bundle(self, name, *options):
        path = os.path.join(self.gate.root, name)
        self.dropgate("ledger", "export", "--output", path, *options)
        return path

    def test_the_independent_verifier_accepts_honest_bundles_and_refuses_altered_ones(self):
        self.run_gate(300)
        for name, options in (("all", []), ("some", ["--first", "100", "--last", "277"]), ("one", ["--first", "5", "--last", "5"])):
            answer = self.verify(self.bundle(name, *options))
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertIn("verified", answer.stdout)
        honest = os.path.join(self.gate.root, "some")

        def refused(what, name, change):
            copy = honest + "-altered"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(honest, copy)
            path = os.path.join(copy, name)
            with open(path, newline="") as file:
                text = file.read()
            self.assertNotEqual(change(text), text, what)
            with open(path, "w", newline="") as file:
                file.write(change(text))
            answer = self.verify(copy)
            self.assertEqual(answer.returncode, 1, f"{what}: {answer.stdout}")
            self.assertIn("REFUSED", answer.stderr, what)

        def lines(text, change):
            return "".join(change(text.splitlines(keepends=True)))
        refused("one byte", "entries.jsonl", lambda text: text.replace("accepted", "accepteD", 1))
        refused("an entry deleted", "entries.jsonl", lambda text: lines(text, lambda all: all[:7] + all[8:]))
        refused("two swapped", "entries.jsonl", lambda text: lines(text, lambda all: [all[1], all[0]] + all[2:]))
        refused("the tail cut", "entries.jsonl", lambda text: lines(text, lambda all: all[:-1]))
        refused("another size", "checkpoint", lambda text: text.replace("\n3", "\n4", 1))
        refused("another root", "checkpoint", lambda text: lines(
            text, lambda all: all[:2] + ["A" * 43 + "=\n"] + all[3:]))
        refused("a proof node missing", "proof.txt", lambda text: lines(text, lambda all: all[1:]))
        refused("a proof node altered", "proof.txt", lambda text: lines(
            text, lambda all: [all[0].rsplit(" ", 1)[0] + " " + "A" * 43 + "=\n"] + all[1:]))
        refused("another first", "manifest.json", lambda text: text.replace('"first":100', '"first":101'))
        refused("another digest", "manifest.json", lambda text: text.replace('"entries_sha256":"', '"entries_sha256":"0'))

        kept, note = os.path.join(self.gate.root, "kept.note"), read(os.path.join(honest, "checkpoint"))
        for what, text in [("the same", note), ("as mail has it", note.replace("\n", "\r\n")), *self.damaged(note),
                           ("nothing", ""), ("two", note + "\n" + note)]:
            with open(kept, "w", newline="") as file:
                file.write(text)
            answer = self.verify("--checkpoint", kept, honest)
            self.assertEqual(answer.returncode, 0 if what in ("the same", "as mail has it") else 1, f"{what}: {text!r}")

        # Source lists.
        start = next(entry for entry in self.gate.entries("--kind", "service") if entry["reason"] == "started")
        self.assertIs(start["detail"]["lists_kept"], True)
        lists = f"policies/{start['policy'][7:]}.txt"
        refused("altered lists", lists, lambda text: text + " ")

        def without(name, *changes):
            copy = os.path.join(self.gate.root, name + "-without")
            shutil.copytree(os.path.join(self.gate.root, name), copy)
            os.remove(os.path.join(copy, lists))
            manifest = os.path.join(copy, "manifest.json")
            text = read(manifest)
            for old, new in changes:
                self.assertIn(old, text)
                text = text.replace(old, new)
            with open(manifest, "w") as file:
                file.write(text)
            answer = self.verify(copy)
            shutil.rmtree(copy)
            return answer
        whole = f'"policies":["{start["policy"]}"],"policies_damaged":[],"policies_missing":[]'
        gone = f'"policies":[],"policies_damaged":[],"policies_missing":["{start["policy"]}"]'
        answer = without("all", (whole, gone))
        self.assertEqual(answer.returncode, 1)
        self.assertIn("which entry", answer.stderr)
        answer = without("some", (whole, gone))
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("not in the bundle: the source lists sha256:", answer.stdout)
        answer = without("some", (whole, whole.replace(f'"policies":["{start["policy"]}"]', '"policies":[]')))
        self.assertEqual(answer.returncode, 1)
        self.assertIn("missing without a word", answer.stderr)
        answer = without("some", (whole, gone.replace('_damaged":[]', f'_damaged":["{start["policy"]}"]')))
        self.assertEqual(answer.returncode, 1)
        self.assertIn("has altered or lost source lists", answer.stderr)

        other = Gate()
        self.addCleanup(other.close)
        answer = subprocess.run(
            [sys.executable, VERIFIER, "--key", os.path.join(other.home, "state/keys/ledger.key.pub"), honest],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(answer.returncode, 1, "another key")

    def test_the_independent_verifier_checks_one_entry_offline(self):
        self.run_gate(20)
        proof, entry = (os.path.join(self.gate.root, name) for name in ("7.tlog-proof", "entry.json"))
        self.dropgate("ledger", "prove", "7", "--entry", entry, "--output", proof)
        answer = self.verify("--proof", proof, entry)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(json.loads(read(entry))["seq"], 7)
        with open(entry, "a") as file:
            file.write(" ")
        self.assertEqual(self.verify("--proof", proof, entry).returncode, 1)


if __name__ == "__main__":
    unittest.main()
