"""The machine's clock is set under a running gate, and while it is stopped; and what people mean by local dates."""
import datetime
import glob
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from clockgate import ClockGate  # noqa: E402
from gate import V2, wait_until  # noqa: E402
from rawsftp import Client  # noqa: E402


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock(unittest.TestCase):
    def setUp(self):
        self.gate = ClockGate()
        self.addCleanup(self.gate.close)

    def dropgate(self, *arguments, check=True, **options):
        return self.gate.run(*arguments, "--config", self.gate.config, check=check, **options)

    def ready(self):
        """What /readyz says: its status, and the problem of the clock."""
        status, problems = self.gate.health()
        return status, problems.get("clock")

    def changes(self):
        found = [entry.get("detail", {}).get("clock_changed") for entry in self.gate.entries("--kind", "service")]
        return [(change["found"], change["seconds"]) for change in found if change]

    def doctor(self):
        found = json.loads("[" + ",".join(
            self.dropgate("doctor", "--format", "json", check=False).stdout.strip().splitlines()) + "]")
        findings = found[0]["findings"] if found and "findings" in found[0] else found
        return [finding for finding in findings if "clock" in json.dumps(finding)]

    def test_lists_in_force_that_are_gone_are_told_however_long_ago_the_gate_started(self):
        self.gate.set_clock(-31 * 86400)
        self.gate.start()
        self.gate.set_clock(0)
        lists, = glob.glob(os.path.join(self.gate.home, "state/policies/*.txt"))
        self.assertEqual(self.missing(), [])
        os.remove(lists)
        found, = self.missing()
        self.assertEqual((found["area"], found["state"]), ("ledger", "fail"))
        self.assertIn(f"{lists} is gone: the source lists that the running gate has in force", found["text"])

    def test_a_clock_that_is_years_ahead_removes_nothing_also_after_a_restart(self):
        gate = self.gate
        gate.environment["DROPGATE_SFTP_SETTLE"] = "0s"
        gate.start()
        with Client(gate) as client:
            for name in ("done.csv", "1.csv", "2.csv"):
                client.put(name, name.encode())
        wait_until(lambda: len(gate.ready("sftp/vsee")) == 3, 20, "the release")
        drops = {drop["name"]: drop["drop"] for drop in gate.receipts()}
        self.dropgate("drops", "ack", drops["done.csv"])
        gate.stop()
        gate.set_clock(10 * 365 * 86400)
        for name in ("1.csv", "2.csv"):
            # Its sweep finds what was taken, and comes to what is old afterwards.
            os.remove(os.path.join(gate.staging, "ready/sftp/vsee", name))
            gate.start()
            wait_until(lambda: json.loads(self.dropgate("drops", "show", drops[name], "--format", "json").stdout)["state"]
                       == "taken", 30, "the sweep")
            self.assertEqual(os.stat(os.path.join(gate.home, "state/clock-leap.json")).st_mode & 0o777, 0o600)
            gate.kill()  # a stop would wait by the system's clock, which nobody has set here
            self.assertIn("done.csv", gate.ready("sftp/vsee"))
        self.assertEqual(gate.log().count("days ahead of where it was last: nothing is removed for its age for a day"), 1)

    def missing(self):
        lines = self.dropgate("doctor", "--format", "json", check=False).stdout.splitlines()
        return [finding for finding in map(json.loads, lines) if "policies/" in finding["text"]]

    def test_a_clock_that_is_set_back_is_told_everywhere_and_loses_no_entry(self):
        self.gate.start()
        self.assertEqual(self.gate.post(V2 % "before").returncode, 0)
        self.assertEqual(self.ready(), ("ready", None))
        self.gate.set_clock(-3600)
        wait_until(lambda: self.changes(), what="the entry of the change")
        self.assertEqual(self.gate.post(V2 % "while").returncode, 0)
        found, seconds = self.changes()[0]
        self.assertEqual(found, "running")
        self.assertAlmostEqual(seconds, -3600, delta=2)
        status, problem = self.ready()
        self.assertEqual(status, "degraded")
        self.assertIn("behind the ledger's newest entry", problem)
        self.assertIn("set back by", self.gate.log())
        self.assertIn("behind the ledger's newest entry", json.dumps(self.doctor()))

        event = [entry for entry in self.gate.entries("--kind", "request")][-1]
        self.assertLess(event["clock"], event["time"])
        now = datetime.datetime.now(datetime.timezone.utc)
        since, until = text(now - datetime.timedelta(minutes=65)), text(now - datetime.timedelta(minutes=55))
        shown = self.dropgate("attempts", "--since", since, "--until", until, "--format", "jsonl", "--limit", "0")
        self.assertIn(event["seq"], [json.loads(line)["seq"] for line in shown.stdout.splitlines()])
        self.assertIn("the clock was set back; these entries are also found", shown.stderr)
        report = self.dropgate("report", "--since", since, "--until", until).stdout
        self.assertIn("The machine's clock was set", report)

        self.gate.set_clock(0)
        wait_until(lambda: len(self.changes()) == 2, what="the entry of the second change")
        self.assertAlmostEqual(self.changes()[1][1], 3600, delta=2)
        wait_until(lambda: self.ready() == ("ready", None), what="the end of the problem")

    def test_a_clock_that_is_behind_at_the_start_is_told(self):
        self.gate.start()
        self.assertEqual(self.gate.post(V2 % "before").returncode, 0)
        self.gate.stop()
        self.gate.set_clock(-86_400)
        self.gate.start()
        found, seconds = self.changes()[0]
        self.assertEqual(found, "at_start")
        self.assertAlmostEqual(seconds, -86_400, delta=60)
        self.assertEqual(self.ready()[0], "degraded")
        self.assertIn("behind the ledger's newest entry", self.gate.log())
        self.assertEqual(self.gate.post(V2 % "after").returncode, 0)
        wait_until(lambda: len(self.gate.ready("webhook")) == 2, what="the event's file")
        self.gate.stop()
        self.assertEqual(self.dropgate("ledger", "verify").returncode, 0)

    def test_today_is_of_the_zone_of_the_person_who_asks(self):
        self.gate.start()
        self.gate.stop()
        for zone, offset in [("Asia/Qatar", "+03:00"), ("<-0330>+3:30", "-03:30"), ("UTC", None)]:
            answer = self.dropgate("report", "--since", "today", "--format", "json", env={**os.environ, "TZ": zone})
            period = json.loads(answer.stdout)["period"]
            self.assertRegex(period["since"], r"T00:00:00\.000000" + (offset or "Z").replace("+", r"\+") + "$")
            heading = self.dropgate("report", "--since", "today", env={**os.environ, "TZ": zone}).stdout
            self.assertRegex(heading.splitlines()[0], r"\d 00:00 ?" + (offset or "Z").replace("+", r"\+") + " to ")
            notes = self.dropgate("attempts", "--since", "today", env={**os.environ, "TZ": zone}).stderr
            self.assertEqual(notes.count("--since today is"), 1 if offset else 0)

    def test_a_zone_that_is_not_known_is_said_wherever_a_date_was_local(self):
        environment = {**os.environ, "TZ": "Nowhere/Atall"}
        add = ["source", "add", "--list", "test", "--service", "lab", "--channel", "webhook"]
        for number, (option, *rest) in enumerate((("--read", "2026-01-01", "--document", "Mail"),
                                                  ("--expires", "2099-01-01"), ("--review-by", "2099-01-01"))):
            added = self.dropgate(*add, f"192.0.2.{number}", "--id", f"lab-{number}", option, *rest, env=environment)
            self.assertIn(f'warning: {option}: TZ is "Nowhere/Atall", a time zone that is not known', added.stderr)
            self.assertEqual(added.stderr.count("Nowhere/Atall"), 1)
        self.assertNotIn("TZ is", self.dropgate(*add, "192.0.2.9", "--id", "lab-9", env=environment).stderr)


if __name__ == "__main__":
    unittest.main()
