"""kill -9 of the gate under webhook load and of sessions in mid-upload, again and again: what was answered 200
or OK is in ready/ once, with its entry; nothing else is."""
import glob
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, wait_until  # noqa: E402

ROUNDS = 60 if os.environ.get("LONG_TESTS") else 20
CLIENTS = 8


def children(pid):
    """All processes below one, by /proc."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            child = int(text.split()[0])
            found += [child, *children(child)]
    return found


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
        gate = Gate()
        self.addCleanup(gate.close)
        with open(gate.config) as file:
            lines = file.read()
        begin = lines.index("  tls:")
        end = lines.index("  #path:")
        with open(gate.config, "w") as file:
            file.write(lines[:begin] + "  plaintext: true\n" + lines[end:])
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
                for pid in self.sessions(gate):
                    os.kill(pid, signal.SIGKILL)
            descendants = children(gate.process.pid)
            orphans = self.sessions(gate)
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
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/cwd") for pid in descendants), 30,
                       "the end of sshd and session")
        gate.start()

        def pending():
            return gate.run("drops", "list", "--state", "pending", "--format", "json", "--limit", "0",
                            "--config", gate.config).stdout.strip() not in ("", "[]")
        wait_until(lambda: not pending(), 120, "the release of all drops")
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

    def sessions(self, gate):
        found = []
        for pid in children(gate.process.pid):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    if "sftp-session" in file.read():
                        found.append(pid)
            except OSError:
                pass
        return found

    def check(self, gate, answered):
        bodies = {}
        for path in gate.ready("webhook"):
            body = gate.contents("webhook/" + path).decode()
            self.assertNotIn(body, bodies, f"{path} and {bodies.get(body)} are the same event")
            bodies[body] = path
        for body in answered:
            self.assertIn(body, bodies, "answered 200 and not in ready/")
        by_name = {e["drop"]["name"]: e for e in gate.entries() if e.get("drop") and e["verdict"] == "accepted"
                   and e["reason"] != "duplicate"}
        for path in gate.ready():
            self.assertIn(path, by_name, "in ready/ without an entry")
            self.assertEqual(hashlib.sha256(gate.contents(path)).hexdigest(), by_name[path]["drop"]["sha256"])
        for name in by_name:
            self.assertTrue(os.path.exists(os.path.join(gate.staging, "ready", name)), f"{name} has only an entry")
        for body, drop in answered.items():
            self.assertEqual(by_name[f"webhook/{bodies[body]}"]["drop"]["id"], drop)
        self.assertEqual([], [p for p in gate.ready("sftp") if os.path.getsize(
            os.path.join(gate.staging, "ready/sftp", p)) != 4 << 20], "a partial upload was released")


if __name__ == "__main__":
    unittest.main()
