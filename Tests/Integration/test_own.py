"""What the gate's own machine does to look after the gate is recorded as a probe, and counts as nobody's call."""
# Needs: openssl
import json
import os
import re
import subprocess
import unittest

from gate import Gate, read, wait_until


class Own(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(environment={"DROPGATE_WEBHOOK_LISTEN": "0.0.0.0:0", "DROPGATE_SFTP_LISTEN": "0.0.0.0:0"})
        self.addCleanup(self.gate.close)
        self.gate.start()
        self.environment = {**os.environ, **self.gate.environment}

    def command(self, *arguments, known=True):
        known = {"DROPGATE_CONFIG": self.gate.config} if known else {}
        return self.gate.run(*arguments, check=False, env={**self.environment, **known})

    def attempts(self):
        """Entries that stand for somebody, and probes."""
        kinds = ("--kind", "connection", "--kind", "request", "--kind", "login", "--kind", "transfer", "--kind", "probe")
        table = self.command("attempts", "--limit", "0", *kinds, "--config", self.gate.config).stdout.splitlines()[1:]
        return [line.split() for line in table]

    def figures(self):
        token = read(os.path.join(self.gate.home, "state/console.token")).strip()
        text = subprocess.run(
            ["curl", "-sS", "--fail", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{self.gate.ports['console']}/metrics"], check=True, capture_output=True, text=True).stdout
        return {name: int(value) for name, value in re.findall(r"^dropgate_attempts_total(\{.*\}) (\d+)$", text, re.M)}

    def report(self):
        return json.loads(self.command("report", "--since", "1h", "--format", "json", "--config", self.gate.config).stdout)

    def nothing_counted(self):
        self.assertEqual({name: value for name, value in self.figures().items() if value}, {})
        report = self.report()
        self.assertEqual(report["sources"], [], report)

    def test_doctors_look_at_the_listeners(self):
        said = self.command("doctor", "--config", self.gate.config).stdout
        self.assertRegex(said, r"webhook on 0\.0\.0\.0:0 (is reachable|answers)")
        self.assertRegex(said, r"sftp on 0\.0\.0\.0:0 (is reachable|answers)")
        entries = wait_until(lambda: len(self.attempts()) >= 2 and self.attempts(), what="both entries")
        self.assertEqual({(entry[3], entry[4]) for entry in entries}, {("webhook", "probe"), ("sftp", "probe")})
        self.assertIn("(this machine's own check)", " ".join(entries[0]))
        self.nothing_counted()

    def test_probes_from_the_gates_own_machine_whatever_is_decided(self):
        webhook, sftp = self.gate.ports["webhook"], self.gate.ports["sftp"]
        for source in ("127.0.0.1", "127.0.0.2"):
            self.command("probe", "webhook", f"https://127.0.0.1:{webhook}/webhooks/vsee", "--insecure", "--source", source)
            self.command("probe", "sftp", f"127.0.0.1:{sftp}", "--source", source)
        key = os.path.join(self.gate.root, "wrong")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        refused = self.command("probe", "sftp", f"vsee@127.0.0.1:{sftp}", "--source", "127.0.0.2", "--key", key)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        entries = wait_until(lambda: len(self.attempts()) >= 5 and self.attempts(), what="the entries")
        self.assertEqual({entry[4] for entry in entries}, {"probe"}, entries)
        self.assertIn("rejected", {entry[1] for entry in entries})
        self.nothing_counted()

    def test_who_is_not_announced_is_a_caller(self):
        self.gate.post("{}", source="127.0.0.9")
        self.command("probe", "webhook", f"https://127.0.0.1:{self.gate.ports['webhook']}/", "--insecure", "--source",
                     "127.0.0.8", known=False)
        wait_until(lambda: len(self.attempts()) >= 2, what="both entries")
        self.assertEqual({entry[4] for entry in self.attempts()}, {"connection"})
        self.assertEqual(self.figures()['{channel="webhook",verdict="rejected",reason="not_listed"}'], 2)
        self.assertEqual({source["ip"] for source in self.report()["sources"]}, {"127.0.0.8", "127.0.0.9"})


if __name__ == "__main__":
    unittest.main()
