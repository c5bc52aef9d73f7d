"""Which lists were in force when: a real gate whose lists change while it runs, and while it does not."""
import concurrent.futures
import json
import os
import subprocess
import sys
import unittest
from datetime import datetime, timezone

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate, read, wait_until  # noqa: E402

VERIFIER = os.path.join(os.path.dirname(__file__), "../../Deploy/verify-bundle.py")
FIRST = """name: test
owner: integration team
document: {title: Diagram, page: Outbound, read: 2026-11-23}
review_by: 2096-02-23
entries:
  - {cidr: 127.0.0.2/32, service: vsee, channels: [webhook, sftp]}
  - {cidr: 192.0.2.1/32, service: other, channels: [webhook]}
"""
SECOND = FIRST.replace("127.0.0.2/32", "127.0.0.3/32")


class History(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(sources=FIRST)
        self.addCleanup(self.gate.close)
        self.list = os.path.join(self.gate.home, "sources/test.yaml")

    def write(self, text):
        with open(self.list + ".new", "w") as file:
            file.write(text)
        os.rename(self.list + ".new", self.list)

    def run_gate(self, *arguments, check=False):
        return self.gate.run(*arguments, "--config", self.gate.config, check=check)

    def explain(self, ip, at=None):
        said = self.run_gate("source", "explain", ip, "--channel", "webhook", "--format", "json",
                             *(["--at", at] if at else []))
        return said.returncode, json.loads(said.stdout)[0]

    def test_the_past_is_answered_by_the_lists_of_then_across_changes_and_restarts(self):
        self.gate.start()
        self.assertEqual(self.gate.post("{}").returncode, 0)
        self.write(SECOND)
        wait_until(lambda: "+ test/vsee 127.0.0.3/32" in self.gate.log(), what="the changed list")
        self.assertNotEqual(self.gate.post("{}").returncode, 0)
        self.gate.stop()
        self.write(FIRST + "  - {cidr: 127.0.0.9/32, service: third, channels: [webhook]}\n")
        self.gate.start()
        entries = self.gate.entries()
        started = [e for e in entries if e["reason"] == "started"]
        change = [e for e in entries if e["kind"] == "policy" and "policy" in e][0]
        stopped = [e for e in entries if e["reason"] == "stopped"][0]
        taken = [e for e in entries if e["kind"] == "request" and e["verdict"] == "accepted"][0]
        self.assertEqual(len({e["policy"] for e in started + [change]}), 3)

        # Whom the change refuses who was let in a moment ago.
        refused = change["detail"]["refuses"]
        self.assertEqual([(r["source"], r["channel"], r["reason"]) for r in refused],
                         [("127.0.0.2", "webhook", "not_listed")])
        self.assertIn("127.0.0.2 on webhook was let in by test/vsee", self.gate.log())
        # A change while no gate ran stands in the entry of the start.
        self.assertEqual(started[1]["detail"]["from"], change["policy"])
        self.assertTrue(any("test/third" in line for line in started[1]["detail"]["diff"]))

        status, answer = self.explain("127.0.0.2", at=taken["time"])
        self.assertEqual((status, answer["verdict"], answer["policy"]), (0, "accepted", started[0]["policy"]))
        self.assertEqual(answer["lists"]["entry"], started[0]["seq"])
        status, answer = self.explain("127.0.0.2", at=change["time"])
        self.assertEqual((status, answer["reason"], answer["policy"]), (1, "not_listed", change["policy"]))
        status, answer = self.explain("127.0.0.3", at=stopped["time"])
        self.assertEqual((status, answer["lists"]["stopped"]), (0, stopped["time"]))
        status, answer = self.explain("127.0.0.2", at="2020-01-01")
        self.assertEqual((status, answer["known"]), (1, False))
        self.assertNotIn("verdict", answer)
        self.assertEqual(self.explain("127.0.0.9")[0], 0)

        # Who answers for what was let in.
        for words in (["--entry", str(taken["seq"])], ["--drop", taken["drop"]["id"]]):
            said = json.loads(self.run_gate("source", "explain", *words, "--format", "json", check=True).stdout)
            self.assertEqual([(e["id"], e["owner"], e["document"]["title"], e["review_by"][:10])
                              for e in said["list_entries"]],
                             [("test/vsee", "integration team", "Diagram", "2096-02-23")])

        # Kept for the gate's user alone, under their digests.
        archive = os.path.join(self.gate.home, "state/policies")
        self.assertEqual(os.stat(archive).st_mode & 0o777, 0o700)
        files = sorted(os.listdir(archive))
        self.assertEqual(files, sorted(e["policy"][7:] + ".txt" for e in started + [change]))
        for name in files:
            self.assertEqual(os.stat(f"{archive}/{name}").st_mode & 0o777, 0o600)
            digest = subprocess.run(["sha256sum", f"{archive}/{name}"], capture_output=True, text=True).stdout
            self.assertEqual(digest.split()[0] + ".txt", name)

        # A bundle takes them along, and the independent verifier looks at them.
        self.run_gate("ledger", "checkpoint", check=True)
        bundle = os.path.join(self.gate.root, "bundle")
        self.run_gate("ledger", "export", "--output", bundle, check=True)
        self.assertEqual(sorted(os.listdir(bundle + "/policies")), files)
        manifest = json.loads(read(bundle + "/manifest.json"))
        self.assertEqual((len(manifest["policies"]), manifest["policies_missing"]), (3, []))
        key = os.path.join(self.gate.home, "state/keys/ledger.key.pub")
        verify = [sys.executable, VERIFIER, "--key", key, bundle]
        self.assertEqual(subprocess.run(verify, capture_output=True).returncode, 0)
        with open(f"{bundle}/policies/{files[0]}", "a") as file:
            file.write("list=planted\n")
        said = subprocess.run(verify, capture_output=True, text=True)
        self.assertEqual(said.returncode, 1)
        self.assertIn("is not the source lists of that version", said.stderr)

        # What was changed or removed is not believed, and today's lists do not stand in for it.
        kept = f"{archive}/{started[0]['policy'][7:]}.txt"
        text = read(kept)
        with open(kept, "w") as file:
            file.write(text.replace("127.0.0.2/32", "127.0.0.7/32"))
        status, answer = self.explain("127.0.0.2", at=taken["time"])
        self.assertEqual((status, answer["known"]), (1, False))
        self.assertIn("cannot be trusted", answer["lists"]["unknown"])
        os.unlink(kept)
        status, answer = self.explain("127.0.0.2", at=taken["time"])
        self.assertEqual((status, answer["known"]), (1, False))
        self.assertIn("are not kept", answer["lists"]["unknown"])

    def test_a_bad_file_is_out_of_force_and_the_lists_in_force_are_shown(self):
        self.gate.start()
        self.write(FIRST + "bogus: 1\n")
        wait_until(lambda: "bogus: unknown key" in self.gate.log(), what="the refusal of the list")
        listed = self.run_gate("source", "list")
        self.assertEqual(listed.returncode, 78)
        self.assertIn("127.0.0.2/32", listed.stdout)
        self.assertIn("NOT in force", listed.stderr)
        self.assertIn("bogus: unknown key", listed.stderr)
        explained = self.run_gate("source", "explain", "127.0.0.2", "--channel", "webhook")
        self.assertEqual(explained.returncode, 0)
        self.assertIn("NOT in force", explained.stderr)
        self.assertEqual(self.gate.post("{}").returncode, 0)

    def test_sources_that_are_added_at_once_are_in_the_list_and_in_the_ledger_as_often_as_it_was_said(self):
        self.gate.start()

        def add(number):
            return self.run_gate("source", "add", f"198.51.100.{number}", "--service", f"lab{number}", "--channel", "webhook",
                                 "--list", "test")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            said = list(pool.map(add, range(1, 9)))
        done = [answer.stdout.split()[1] for answer in said if answer.returncode == 0]
        self.assertEqual(len(done), 8, [answer.stderr for answer in said])
        listed = json.loads(self.run_gate("source", "list", "--format", "json", check=True).stdout)["entries"]
        self.assertEqual(sorted(entry["id"] for entry in listed if "/lab" in entry["id"]), sorted(done))
        recorded = [e for e in self.gate.entries("--kind", "policy") if e["detail"].get("command") == "source add"]
        self.assertEqual(sorted(line.split()[1] for e in recorded for line in e["detail"]["diff"]), sorted(done))
        # No file is left beside the list.
        self.assertEqual([name for name in os.listdir(os.path.dirname(self.list)) if not name.endswith(".yaml")], [])

    def test_two_entries_of_one_id_are_no_list(self):
        self.write(FIRST.replace("service: other", "service: vsee"))
        checked = self.run_gate("serve", "--check", "--allow-root")
        self.assertEqual(checked.returncode, 78)
        self.assertIn("test.yaml:7:5: entries[1]: test/vsee is also the entry at", checked.stderr)

    def test_a_crash_between_leaves_the_time_that_is_not_known(self):
        self.gate.start()
        self.gate.kill()
        # Commands write entries meanwhile, as this one.
        last = [e for e in self.gate.entries() if e["kind"] != "access"][-1]["time"]
        wait_until(lambda: datetime.now(timezone.utc).isoformat()[:19] > last[:19], what="the next second")
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        added = self.run_gate("source", "add", "127.0.0.77", "--service", "lab", "--channel", "webhook", "--list", "test")
        self.assertEqual(added.returncode, 0, added.stderr)
        self.gate.start()
        # What lies less than a second back is now.
        wait_until(lambda: self.explain("127.0.0.2", at=moment)[1]["lists"]["from"] == "history", what="a second")
        answer = self.explain("127.0.0.2", at=moment)[1]
        self.assertTrue(any(f"ended without a stop after {last}" in note for note in answer["lists"]["notes"]), answer)
        self.assertEqual(answer["verdict"], "accepted")


if __name__ == "__main__":
    unittest.main()
