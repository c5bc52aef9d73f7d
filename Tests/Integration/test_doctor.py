"""What `dropgate doctor`, `serve --check` and `serve` find: a real gate, broken on purpose in each way that they know."""
# Needs: curl openssl openssh-client
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, V2, Gate, free_port, read, wait_until  # noqa: E402
from test_probe_webhook import Certificates as Authorities  # noqa: E402

LISTED = "name: test\nentries:\n  - {cidr: %s, service: vsee, channels: [webhook, sftp]}\n"


class GateTest(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def state(self, name):
        return os.path.join(self.gate.home, "state", name)

    def run_gate(self, *arguments):
        """The command with the environment of the gate: the listeners and the reserve are set there."""
        return subprocess.run([BIN, *arguments, "--config", self.gate.config], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **self.gate.environment})

    def doctor(self):
        result = self.run_gate("doctor", "--format", "json")
        return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]

    def found(self, findings, area, state, *words):
        matches = [f for f in findings if f["area"] == area and f["state"] == state
                   and all(word in f["text"] for word in words)]
        self.assertTrue(matches, f"no {state} of {area} with {words!r} in {findings}")
        if state != "ok":
            self.assertTrue(matches[0]["fix"], matches)
        return matches[0]

    def lists(self, cidr):
        with open(os.path.join(self.gate.home, "sources/test.yaml"), "w") as file:
            file.write(cidr if "\n" in cidr else LISTED % cidr)

    def starts(self):
        return [entry for entry in self.gate.entries() if entry["reason"] == "started"]

    def readiness(self):
        token = read(self.state("console.token")).strip()
        answer = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{self.gate.ports['console']}/readyz"], check=True, capture_output=True, text=True)
        body, status = answer.stdout.rsplit("\n", 1)
        return int(status), json.loads(body)


class Stopped(GateTest):
    def test_a_gate_that_does_not_run_fails_with_since_when(self):
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        self.found(findings, "gate", "fail", "no gate runs with these settings, and none ever has")
        # Whoever looks makes nothing: as root it would be what the gate's user cannot write to.
        self.assertEqual(self.run_gate("drops", "list", "--held").returncode, 0)
        self.assertEqual(os.listdir(self.gate.staging), [])
        self.gate.start()
        self.assertEqual(self.doctor()[0], 0)
        self.gate.stop()
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        fix = self.found(findings, "gate", "fail", "it was stopped at 20", " s ago)")["fix"]
        self.assertIn("systemctl start dropgate", fix)
        self.gate.start().kill()
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        last = [e for e in self.gate.entries() if e["kind"] != "access"][-1]["time"]
        self.found(findings, "gate", "fail", f"it was not stopped, but ended or hangs; its last entry was at {last}")
        # What a command writes is no sign of a running gate.
        added = self.run_gate("source", "add", "127.0.0.77", "--service", "lab", "--channel", "webhook", "--list", "test")
        self.assertEqual(added.returncode, 0, added.stderr)
        self.assertEqual(self.gate.entries("--kind", "policy")[-1]["detail"]["command"], "source add")
        self.found(self.doctor()[1], "gate", "fail", f"its last entry was at {last}")
        self.assertIn("no gate runs", self.run_gate("doctor").stdout, "as text too")

    def test_whoever_writes_the_ledger_and_does_not_listen_may_be_a_gate_that_starts(self):
        self.gate.start().stop()
        with open(self.state("ledger.sqlite.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            status, findings = self.doctor()
            acknowledged = self.run_gate("drops", "ack", "01k0000000000000000000000a")
        self.assertEqual(status, 1)
        found = self.found(findings, "gate", "fail", "whether a gate runs is not known", "another process writes this ledger")
        self.assertIn("a gate is starting or stopping", found["fix"])
        self.found(findings, "listeners", "warn", "it is not known whether a gate runs")
        for wrong in ("no gate runs", "none ever has", "is not bound"):
            self.assertNotIn(wrong, json.dumps(findings))
        self.assertEqual(acknowledged.returncode, 75)
        self.assertIn("another process writes this ledger", acknowledged.stderr)
        self.found(self.doctor()[1], "gate", "fail", "it was stopped at 20")

    def test_a_ledger_that_cannot_be_read_does_not_say_that_no_gate_has_run(self):
        self.gate.start().stop()
        path = self.state("ledger.sqlite")
        with sqlite3.connect(path) as ledger:
            ledger.execute("PRAGMA user_version = 3")
        ledger.close()
        findings = self.doctor()[1]
        self.found(findings, "gate", "fail", "no gate runs with these settings; since when cannot be read")
        old = self.found(findings, "ledger", "fail", "has ledger format 3")
        self.assertIn("start the gate, or restart it: it brings an older ledger up to date", old["fix"])
        self.assertEqual(self.run_gate("serve", "--check").returncode, 0)
        with sqlite3.connect(path) as ledger:
            ledger.execute("PRAGMA user_version = 5")
        ledger.close()
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (os.path.getsize(path) - 4096))
        self.found(self.doctor()[1], "gate", "fail", "since when cannot be read")

    def test_the_exit_statuses_are_told_by_help(self):
        for command, statuses in (("doctor", ("0", "1", "64", "78")), ("serve", ("0", "78", "23", "75", "70"))):
            said = subprocess.run([BIN, command, "--help"], capture_output=True, text=True, timeout=60).stdout
            part = said[said.index("EXIT STATUS"):]
            for status in statuses:
                self.assertRegex(part, rf"\b{status}\b")


class Ledger(GateTest):
    def refused(self, *words):
        for command, status in ((["serve", "--check"], 78), (["serve", "--allow-root"], 78), (["doctor"], 1)):
            with self.subTest(words, command=command):
                said = self.run_gate(*command)
                self.assertEqual(said.returncode, status, said.stdout + said.stderr)
                for word in words:
                    self.assertIn(word, said.stdout + said.stderr)

    def test_a_ledger_that_was_moved_away_is_not_begun_anew_and_serves_again_once_it_is_back(self):
        self.gate.start().stop()
        path = self.state("ledger.sqlite")
        os.rename(path, path + ".elsewhere")
        self.refused("the ledger", path, "is gone: it was moved or removed", self.state("checkpoints"),
                     "put it back from where it was moved")
        self.assertFalse(os.path.exists(path))
        verdict = self.run_gate("ledger", "verify")
        self.assertEqual(verdict.returncode, 23, verdict.stderr)
        self.assertIn("put it back", verdict.stderr)
        os.rename(path + ".elsewhere", path)
        self.gate.start()
        self.assertEqual(len(self.starts()), 2, "it goes on")

    def test_what_is_no_ledger_is_named_and_left_as_it_is(self):
        self.gate.start().stop()
        path = self.state("ledger.sqlite")
        os.remove(path)
        shutil.rmtree(self.state("checkpoints"))

        def database():
            with sqlite3.connect(path) as other:
                other.execute("CREATE TABLE patients (id INTEGER)")
            other.close()
        for make, words in ((lambda: open(path, "w").close(), "is empty"),
                            (lambda: shutil.copy(self.gate.config, path), "is not an SQLite database"),
                            (database, "is another SQLite database")):
            make()
            os.chmod(path, 0o600)
            with open(path, "rb") as file:
                before = file.read()
            self.refused(path, words, "not a ledger of Dropgate", "move this file away")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), before)
            os.remove(path)
        self.gate.start()

    def test_a_ledger_that_is_moved_from_under_a_running_gate_is_told(self):
        self.gate.start()
        path = self.state("ledger.sqlite")
        wait_until(lambda: os.path.exists(self.state("checkpoints")) and os.listdir(self.state("checkpoints")),
                   what="a checkpoint")
        os.rename(path, path + ".elsewhere")
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        found = self.found(findings, "ledger", "fail", path, "a running gate accepts nothing until")
        self.assertIn("move it back", found["fix"])
        os.rename(path + ".elsewhere", path)
        wait_until(lambda: self.doctor()[0] == 0, what="the end of the problem")


class Certificates(GateTest):
    def use(self, name, **options):
        self.authority.make(name, "root", "server", **options)
        for suffix, place in (("pem", "tls/certificate.pem"), ("key", "tls/key.pem")):
            shutil.copy(os.path.join(self.authority.path, f"{name}.{suffix}"), self.state(place))
            os.chmod(self.state(place), 0o600)

    def setUp(self):
        super().setUp()
        self.authority = Authorities()
        self.addCleanup(self.authority.folder.cleanup)

    def test_a_certificate_near_its_end_is_a_warning_everywhere(self):
        soon = subprocess.run(["date", "-u", "-d", "+9 days +1 hour", "+%Y%m%d%H%M%SZ"], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.use("soon", end=soon)
        checked = self.run_gate("serve", "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertRegex(checked.stderr, r"warning: certificates: .*certificate.pem expires on .*, in 9 days")
        self.gate.start()
        self.assertRegex(self.gate.log(), r"warning .*certificate.pem expires on .*, in 9 days")
        status, findings = self.doctor()
        self.assertEqual(status, 0, findings)
        self.found(findings, "certificates", "warn", "certificate.pem expires on", "in 9 days: then callers refuse it")

    def test_expired_certificates_fail_in_doctor_and_warn_at_the_start_those_of_callers_authorities_too(self):
        self.use("old", end="20240131000000Z")
        self.authority.make("past", None, "authority", end="20230131000000Z")
        path = self.gate.file("callers.pem", b"")
        with open(path, "w") as file:
            file.write(read(os.path.join(self.authority.path, "root.pem"))
                       + read(os.path.join(self.authority.path, "past.pem")))
        self.gate.environment["DROPGATE_WEBHOOK_TLS_CLIENT_AUTHORITIES"] = path
        checked = self.run_gate("serve", "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.gate.start()
        self.assertIn("certificate.pem has expired (on 2024-01-31", checked.stderr)
        wait_until(lambda: "certificate.pem has expired" in self.gate.log(), what="the warning")
        for said in (checked.stderr, self.gate.log()):
            self.assertIn("callers.pem: the certificate of CN=past has expired (on 2023-01-31", said)
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        self.found(findings, "certificates", "fail", "certificate.pem has expired (on 2024-01-31", "days ago): callers refuse")
        self.found(findings, "certificates", "fail", "CN=past has expired (on 2023-01-31", "whose certificates it signed")
        self.assertFalse([f for f in findings if "CN=root" in f["text"]], "only the one that has")


class HostKeys(GateTest):
    def test_a_changed_host_key_is_a_warning_to_tell_the_sender_and_the_start_has_it_in_its_entry(self):
        self.gate.start().stop()
        before = self.starts()[0]["detail"]
        self.assertEqual(len(before["host_keys"]), 3)
        self.assertNotIn("host_keys_before", before)
        path = self.state("keys/ssh_host_ed25519_key")
        old = next(key for key in before["host_keys"] if "ed25519" in key)
        for suffix in ("", ".pub"):
            os.remove(path + suffix)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        checked = self.run_gate("serve", "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("warning: host keys: the SFTP host keys differ from those of the last start", checked.stderr)
        self.assertIn(f"gone: {old}", checked.stderr)
        self.found(self.doctor()[1], "host keys", "warn", f"gone: {old}", "tell VSee", "the last start was at 20")

        self.gate.start()
        self.assertIn("tell VSee", self.gate.log())
        entry = self.starts()[1]
        self.assertEqual(entry["detail"]["host_keys_before"], before["host_keys"])
        self.assertNotEqual(entry["detail"]["host_keys"], before["host_keys"])
        self.assertIn("tell VSee", entry["detail"]["message"])
        status, findings = self.doctor()
        self.assertEqual(status, 0)
        found = self.found(findings, "host keys", "warn", f"gone: {old}", f"entry {entry['seq']}")
        self.assertIn("tell VSee the new fingerprints", found["fix"])

        self.gate.stop()
        self.gate.start()
        self.assertNotIn("host_keys_before", self.starts()[2]["detail"])
        self.assertFalse([f for f in self.doctor()[1] if f["area"] == "host keys" and f["state"] != "ok"])


class Sealed(GateTest):
    """What the last start said is sealed. Sealing takes 65,536 entries; here they are only taken out of the database."""

    def fill(self):
        """The hashes of 256 entries are kept by themselves: a ledger is opened without those entries."""
        subprocess.run(
            ["curl", "-sSk", "--fail-early", "--interface", "127.0.0.2", "--data-binary", V2 % "1", *[self.gate.url] * 300],
            check=True, capture_output=True, timeout=60)

    def seal(self, before):
        with sqlite3.connect(self.state("ledger.sqlite")) as ledger:
            ledger.execute("DELETE FROM entries WHERE seq < ?", (before,))
        ledger.close()

    def change(self):
        """The source lists and a host key."""
        self.lists("127.0.0.3/32")
        path = self.state("keys/ssh_host_ed25519_key")
        for suffix in ("", ".pub"):
            os.remove(path + suffix)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    def test_a_start_compares_with_what_the_stop_before_says(self):
        self.gate.start()
        self.fill()
        self.gate.stop()
        stop = self.gate.entries()[-1]
        self.assertEqual(stop["reason"], "stopped")
        self.assertEqual(stop["detail"]["host_keys"], self.starts()[0]["detail"]["host_keys"])
        self.seal(before=256)
        self.change()
        self.gate.start()
        start = self.starts()[-1]["detail"]
        self.assertEqual(start["from"], stop["policy"])
        self.assertIn("127.0.0.2/32", json.dumps(start["diff"]))
        self.assertEqual(start["refuses"][0]["source"], "127.0.0.2")
        self.assertEqual(start["host_keys_before"], stop["detail"]["host_keys"])
        self.assertIn("tell VSee", self.gate.log())

    def test_a_start_that_only_sealed_entries_tell_of_is_said_to_be_unknown(self):
        self.gate.start()
        self.fill()
        self.gate.kill()
        self.seal(before=256)
        self.change()
        self.gate.start()
        for what in ("what changed in the source lists since the gate ran last is not known: ",
                     "whether the host keys are those of the last start is not known: "):
            self.assertIn(what, self.gate.log())
        self.assertNotIn("from", self.starts()[-1]["detail"])


class Forwarding(GateTest):
    def test_what_does_not_get_through_is_told_with_its_lag_and_its_last_error(self):
        port = free_port()
        self.gate.environment["DROPGATE_FORWARD_SYSLOG_ADDRESS"] = f"tcp://127.0.0.1:{port}"
        self.gate.start()
        self.gate.post("{}")
        status, ready = wait_until(
            lambda: [answer for answer in [self.readiness()] if "problems" in answer[1]], what="the problem")[0]
        self.assertEqual((status, ready["status"]), (200, "degraded"))
        self.assertIn("check that the receiver is up", ready["details"]["forwarding"]["fix"])
        self.assertRegex(ready["details"]["forwarding"]["since"], r"^20\d\d-.*Z$")
        forwarder, = ready["forwarding"]
        self.assertEqual((forwarder["forwarder"], forwarder["failing"]), ("syslog", True))
        self.assertGreater(forwarder["waiting_entries"], 0)
        self.assertIn("connection refused; see whether it runs", forwarder["last_error"])
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        found = self.found(findings, "forwarding", "fail", f"syslog to tcp://127.0.0.1:{port} has not got through",
                           "the oldest for", "connection refused; see")
        self.assertIn("resumes by itself", found["fix"])
        self.assertEqual(len([f for f in findings if f["state"] == "fail"]), 1, "it is told once")


class Callers(GateTest):
    def test_refusals_are_told_nearest_first_with_the_command_to_look_further(self):
        self.lists("127.0.3.2/32")
        self.gate.start()
        for source in ("127.0.3.3", "127.0.3.3", "127.64.0.1"):
            self.gate.post("{}", source=source)
        wait_until(lambda: len([e for e in self.gate.entries() if e["reason"] == "not_listed"]) >= 3, what="the refusals")
        _, findings = self.doctor()
        found = self.found(findings, "refusals", "warn", "127.0.3.3 was refused 2 times in the last 24 hours",
                           "webhook not_listed 2", "its first 31 of 32 bits are those of test/vsee 127.0.3.2/32")
        command = re.search(r"dropgate (attempts --source \S+ --verdict rejected --since 1d)", found["fix"]).group(1)
        self.assertEqual(self.run_gate(*command.split()).stdout.count("127.0.3.3"), 2)
        sources = [f["text"].split()[0] for f in findings if f["area"] == "refusals"]
        self.assertLess(sources.index("127.0.3.3"), sources.index("127.64.0.1"))

    def test_a_source_that_was_let_in_before_a_change_of_the_lists_is_told(self):
        self.lists("127.0.0.2/32")
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "1").stdout)
        self.lists("127.0.0.9/32")
        wait_until(lambda: [e for e in self.gate.entries() if "diff" in e.get("detail", {})], 15, "the new list")
        self.gate.post(V2 % "2")
        wait_until(lambda: [e for e in self.gate.entries() if e.get("source", {}).get("ip") == "127.0.0.2"
                            and e["reason"] == "not_listed"], what="the refusal")
        change = next(e for e in self.gate.entries() if "diff" in e.get("detail", {}))
        status, findings = self.doctor()
        self.assertEqual(status, 0, "a source may be taken off the lists")
        found = self.found(findings, "sources", "warn", "127.0.0.2 was let in on webhook until", "as test/vsee",
                           "refused since once (not_listed)", f"(entry {change['seq']})")
        self.assertIn("dropgate source explain 127.0.0.2", found["fix"])
        self.lists("127.0.0.2/32")
        wait_until(lambda: len([e for e in self.gate.entries() if "diff" in e.get("detail", {})]) == 2, 15, "the old list")
        self.assertFalse([f for f in self.doctor()[1] if "was let in" in f["text"]])

    def test_private_addresses_in_place_of_callers_are_told_after_one_request(self):
        self.lists("192.0.2.7/32")
        self.gate.environment["DROPGATE_WEBHOOK_UNLISTED"] = "refuse"
        self.gate.start()
        self.gate.post("{}", source="127.0.0.5")
        wait_until(lambda: [e for e in self.gate.entries() if e["kind"] == "request"], what="the refusal")
        found = self.found(self.doctor()[1], "sources", "warn", "127.0.0.5 (", "none from outside: a NAT")
        self.assertIn("PROXY protocol", found["fix"])


class Lists(GateTest):
    def test_with_a_bad_list_doctor_says_that_the_old_policy_is_in_force_and_readiness_what_to_do(self):
        self.gate.start()
        before = self.starts()[0]
        self.lists("name: test\nentries:\n  - {cidr: 127.0.0.300, service: vsee, channels: [webhook]}\n")
        wait_until(lambda: [e for e in self.gate.entries() if e["reason"] == "malformed"], 15, "the refusal of the list")
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        self.found(findings, "sources", "fail", "test.yaml:3:", "127.0.0.300")
        self.found(findings, "sources", "warn", "the policy in force is the old one", before["policy"],
                   f"entry {before['seq']}")
        status, ready = self.readiness()
        self.assertEqual((status, ready["status"]), (200, "degraded"))
        self.assertIn("the old ones stay in force", ready["problems"]["sources"])
        self.assertIn("fix the source list", ready["details"]["sources"]["fix"])
        self.assertIn('"stored"', self.gate.post(V2 % "still").stdout)
        self.gate.stop()
        found = self.found(self.doctor()[1], "sources", "fail", "127.0.0.300")
        self.assertIn("no gate starts with it", found["fix"])


class Listeners(GateTest):
    def test_each_loopback_listener_is_advised_the_wildcard_of_its_family(self):
        self.gate.environment.update(DROPGATE_WEBHOOK_LISTEN="[::1]:0", DROPGATE_SFTP_LISTEN="127.0.0.1:0")
        self.gate.start()
        _, findings = self.doctor()
        for name, wildcard in (("webhook on [::1]", "listen on [::]:"), ("sftp on 127.0.0.1", "listen on 0.0.0.0:")):
            self.assertIn(wildcard, self.found(findings, "listeners", "warn", name, "on loopback only")["fix"])

    def test_an_address_that_this_machine_does_not_have_is_told_before_the_start(self):
        self.gate.environment["DROPGATE_WEBHOOK_LISTEN"] = "192.0.2.77:8443"
        status, findings = self.doctor()
        self.assertEqual(status, 1)
        found = self.found(findings, "listeners", "fail", "webhook on 192.0.2.77:8443 cannot be bound")
        self.assertIn("this machine has no such address", found["fix"])


if __name__ == "__main__":
    unittest.main()
