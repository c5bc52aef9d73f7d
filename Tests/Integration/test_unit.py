"""The systemd unit: what it allows is enough for a gate that takes webhooks and uploads, and little enough."""
# Needs: python3-seccomp systemd
import os
import pwd
import re
import shutil
import signal
import subprocess
import unittest

from gate import V2, Gate, become, copy_program, reachable, read, wait_until
from rawsftp import Client

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = os.path.abspath(os.path.join(HERE, "../../Deploy/systemd/dropgate.service"))
USER = "nobody"


class Unit(unittest.TestCase):
    def test_its_exposure_is_low(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True,
                              text=True, check=True).stdout
        level = re.search(r"Overall exposure level for dropgate.service: ([0-9.]+)", said)
        # 0.1 of it are fchown and fchownat, for groups that are let in, and 0.1 the files of /proc that are of no process, as the
        # boot id's is.
        self.assertLessEqual(float(level[1]), 1.7, said)

    @unittest.skipUnless(os.getuid() == 0, "as root")
    def test_what_its_filters_forbid_fails(self):
        """ptrace(2) is anybody's otherwise: without the filter the same program says 0."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        trace = ["/usr/bin/python3", "-c", "import ctypes; print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))"]
        confined = ["/usr/bin/python3", os.path.join(HERE, "confined.py"), UNIT, USER]
        said = [subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout.strip()
                for command in (trace, confined + trace)]
        self.assertEqual(said, ["0", "-1"])

    def gate(self, groups="", settings=lambda text: text, more=""):
        """A gate that runs as the unit confines it, and these lines in it."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        gate = Gate()
        self.addCleanup(gate.close)
        user = pwd.getpwnam(USER)
        # sshd starts the session by its path, as the user.
        gate.program = copy_program(gate.root)
        os.chmod(gate.root, 0o755)
        os.chmod(gate.home, 0o711)
        text = settings(read(gate.config))
        with open(gate.config, "w") as file:
            file.write(text)
        unit = os.path.join(gate.root, "dropgate.service")
        with open(unit, "w") as file:
            file.write(read(UNIT) + more)
        gate.wrapper = ["/usr/bin/python3", os.path.join(HERE, "confined.py"), unit, f"{USER}:{groups}"]
        for folder, _, names in os.walk(gate.home):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        return gate.start()

    def upload(self, gate):
        path = os.path.join(gate.root, "file.csv")
        with open(path, "w") as file:
            file.write("a,b\n" * 1000)
        sent = gate.sftp(f"put {path} /file.csv")
        self.assertEqual(sent.returncode, 0, sent.stderr + gate.log())

    @unittest.skipUnless(os.getuid() == 0, "namespaces of mounts and another user's rights: as root")
    def test_a_gate_under_its_filters_takes_a_webhook_and_an_upload(self):
        gate = self.gate()
        user = pwd.getpwnam(USER)
        with open(f"/proc/{gate.process.pid}/status") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"))
        self.assertEqual(status["Uid"].split()[0], str(user.pw_uid))
        self.assertIn('"stored"', gate.post(V2 % "1").stdout)
        self.upload(gate)
        entries = gate.entries()
        self.assertEqual([e["verdict"] for e in entries if e["kind"] in ("request", "transfer")], ["accepted"] * 2)
        self.assertEqual(gate.stop(), 0)
        self.assertNotIn("Operation not permitted", gate.log())

    @unittest.skipUnless(os.getuid() == 0, "namespaces of mounts and another user's rights: as root")
    def test_a_gate_under_its_filters_lets_its_groups_in_though_it_may_set_no_setgid_bit(self):
        gate = self.gate("games,audio", lambda text: text.replace("#group: dropgate-drops", "group: games").replace(
            "#read_group: dropgate-audit", "read_group: audio"))
        gate.post(V2 % "1")
        self.upload(gate)
        wait_until(lambda: len(gate.released()) == 2, what="the releases")
        state = os.path.join(gate.home, "state")
        consumer = reachable(state, "r", become("www-data", "games"))
        self.assertEqual(len(consumer), 4, consumer)
        self.assertIn("staging/ready/sftp/vsee/file.csv", consumer)
        self.assertIn("ledger.sqlite", reachable(state, "r", become("www-data", "audio")))
        take = f"mkdir {state}/staging/taken/x && mv {state}/staging/ready/sftp/vsee/file.csv {state}/staging/taken/x/"
        taken = subprocess.run([*become("www-data", "games"), "sh", "-c", take], capture_output=True, text=True)
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.assertEqual(gate.stop(), 0)
        self.assertNotIn("cannot be let", gate.log())

    def kill_session(self, gate, name, data):
        """As a crash ends it in the middle of an upload."""
        known = len(gate.entries("--reason", "incomplete"))
        client = Client(gate)
        self.addCleanup(client.end)
        client.write(client.open(name), 0, data)
        for pid in gate.sessions():
            os.kill(pid, signal.SIGKILL)
        client.kill()
        wait_until(lambda: len(gate.entries("--reason", "incomplete")) > known, what="the end of the session")

    @unittest.skipUnless(os.getuid() == 0, "namespaces of mounts and another user's rights: as root")
    def test_an_upload_whose_session_was_killed_is_resumed_also_after_a_restart_of_the_gate(self):
        gate = self.gate()
        data = os.urandom(2 << 20)
        local = gate.file("whole", data)
        for name in ("running.bin", "restarted.bin"):
            self.kill_session(gate, name, data[:1 << 20])
            if name == "restarted.bin":
                # It sweeps staging when it starts.
                gate.stop()
                gate.start()
            resumed = gate.sftp(f"ls -l {name}\nreput {local} {name}\n")
            self.assertEqual(resumed.returncode, 0, resumed.stderr + gate.log())
            self.assertRegex(resumed.stdout, rf" {1 << 20} .*{re.escape(name)}\n", "it goes on, and does not begin anew")
            wait_until(lambda: name in gate.ready("sftp/vsee"), what="the file")
            self.assertEqual(gate.contents(f"sftp/vsee/{name}"), data)
        self.assertEqual(gate.quarantined(), [])
        self.assertNotIn("boot_id cannot be read", gate.log())
        self.assertEqual(gate.stop(), 0)

    @unittest.skipUnless(os.getuid() == 0, "namespaces of mounts and another user's rights: as root")
    def test_a_gate_to_which_the_boot_id_is_hidden_says_so_and_blames_no_restart_of_the_machine(self):
        gate = self.gate(more="\n[Service]\nProcSubset=pid\n")
        self.assertIn("boot_id cannot be read", gate.log())
        self.kill_session(gate, "lost.bin", bytes(1 << 20))
        gate.stop()
        gate.start()

        def told():
            details = [entry.get("detail", {}) for entry in gate.entries("--kind", "transfer")]
            return [detail["quarantined"] for detail in details if "quarantined" in detail]
        why = wait_until(told, what="the sweep")
        self.assertEqual(len(why), 1, why)
        self.assertIn("whether the machine restarted while it was being written is not known", why[0])
        self.assertEqual(gate.stop(), 0)


if __name__ == "__main__":
    unittest.main()
