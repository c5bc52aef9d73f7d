"""What goes away from under a running gate, or was never what a gate needs: sshd and its files, the gate's sockets, open files.
The gate tells it as its own failure and not as its caller's, mends what it can, and a start says the same as its rehearsal."""
# Needs: openssh-server openssh-client libnss-wrapper curl
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, Gate, wait_until  # noqa: E402

LIBRARY = next(iter(glob.glob("/usr/lib/*/libnss_wrapper.so")), None)


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def mounted(what, where):
    """A prefix that runs a command where one file lies in place of another."""
    return ["unshare", "-m", "sh", "-ec", f'mount --bind {what} {os.path.realpath(where)}; exec "$@"', "sh"]


class Failing(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def let_in(self):
        return self.gate.sftp("ls\n").returncode == 0

    def doctor(self, prefix=()):
        said = subprocess.run([*prefix, BIN, "doctor", "--format", "json", "--config", self.gate.config],
                              capture_output=True, text=True, timeout=60, env={**os.environ, **self.gate.environment})
        return [json.loads(line) for line in said.stdout.splitlines()]

    def findings(self, area, state, prefix=()):
        return [found["text"] for found in self.doctor(prefix) if (found["area"], found["state"]) == (area, state)]

    def refused(self, words):
        """A caller is refused, and entry, health, log and doctor tell that as sshd's failure."""
        self.assertFalse(self.let_in())
        entry = wait_until(lambda: self.gate.entries("--reason", "sshd_failed"), what="the entry")[-1]
        self.assertIn(words, entry["detail"]["message"])
        self.assertEqual(self.gate.entries("--reason", "handshake_failed"), [])
        status, problems = self.gate.health()
        self.assertNotEqual(status, "ready")
        self.assertIn(words, json.dumps(problems.get("sftp.sshd")))
        self.assertEqual(self.gate.log().count("no login by SFTP is possible"), 1)
        self.assertTrue([text for text in self.findings("gate", "fail") if text.startswith("sftp.sshd: ")])

    def test_what_is_removed_of_the_running_gates_files_is_made_anew(self):
        self.gate.start()
        state = os.path.join(self.gate.home, "state")
        for path in glob.glob(f"{state}/sshd/*"):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        shutil.rmtree(f"{state}/run")
        wait_until(lambda: os.path.exists(f"{state}/run/control.sock") and os.path.exists(f"{state}/sshd/link.sock")
                   and os.path.exists(f"{state}/run/ports.json"), what="sockets and ports")
        self.assertTrue(self.let_in())
        self.assertEqual(os.stat(f"{state}/run").st_mode & 0o777, 0o700)
        self.assertEqual(self.gate.health()[0], "ready")
        self.assertEqual(self.findings("gate", "fail") + self.findings("listeners", "fail"), [])
        self.assertIn("control.sock was removed or replaced, and is made anew", self.gate.log())
        self.assertIn("files of sshd were gone", self.gate.log())

    def test_a_login_that_comes_right_after_the_sessions_socket_was_removed_gets_in(self):
        self.gate.start()
        for _ in range(3):
            os.unlink(os.path.join(self.gate.home, "state/sshd/link.sock"))
            self.assertTrue(self.let_in())

    def test_a_directory_in_place_of_a_socket_is_named_by_start_check_and_health(self):
        for name in ("run/control.sock", "sshd/link.sock"):
            with self.subTest(name):
                place = os.path.join(self.gate.home, "state", name)
                os.makedirs(os.path.join(place, "content"))
                for arguments in (["serve", "--check"], ["serve", "--allow-root"]):
                    said = subprocess.run([BIN, *arguments, "--config", self.gate.config], capture_output=True, text=True,
                                          timeout=60, env={**os.environ, **self.gate.environment})
                    self.assertEqual(said.returncode, 78, said.stderr)
                    self.assertIn(place, said.stderr)
                shutil.rmtree(place)
                self.gate.start()
                os.unlink(place)
                os.makedirs(os.path.join(place, "content"))
                told = wait_until(lambda: self.gate.health()[1].get("sockets"), what="the problem")
                self.assertIn(place, json.dumps(told))
                shutil.rmtree(place)
                wait_until(lambda: self.gate.health()[0] == "ready", what="health")
                self.assertTrue(self.let_in())
                self.assertEqual(self.findings("gate", "fail"), [])
                self.assertEqual(self.gate.log().count(f"{place} was removed or replaced, and cannot be made anew"), 1)
                self.gate.stop()
                self.assertFalse(os.path.lexists(place))

    def test_a_socket_in_place_of_the_gates_is_left_to_its_process_and_told(self):
        self.gate.start()
        place = os.path.join(self.gate.home, "state/run/control.sock")
        os.unlink(place)
        with socket.socket(socket.AF_UNIX) as other:
            # It has its name when it listens.
            other.bind(place + ".other")
            other.listen()
            os.rename(place + ".other", place)
            told = wait_until(lambda: self.gate.health()[1].get("sockets"), what="the problem")
            self.assertIn(f"{place} leads to another process", json.dumps(told))
            self.gate.stop()
            self.assertTrue(os.path.lexists(place), "it is not the gate's to remove")
        self.gate.start()
        self.assertEqual(self.findings("gate", "fail"), [])

    def test_host_keys_that_sshd_cannot_use_any_more_are_no_fault_of_callers(self):
        self.gate.start()
        keys = glob.glob(os.path.join(self.gate.home, "state/keys/ssh_host_*_key"))
        for key in keys:
            os.chmod(key, 0o644)
        self.refused("are too open")
        for key in keys:
            os.chmod(key, 0o600)
        self.assertTrue(self.let_in())
        self.assertEqual(self.gate.health()[0], "ready")
        self.assertIn("logins by SFTP are possible again", self.gate.log())

    @unittest.skipUnless(can_mount() and LIBRARY, "as root, where namespaces can be made")
    def test_a_libnss_wrapper_that_cannot_be_loaded_is_told_from_the_start(self):
        self.gate.wrapper = mounted("/dev/null", LIBRARY)
        self.gate.start()
        self.assertIn("cannot be preloaded", json.dumps(self.gate.health()[1].get("sftp.sshd")))
        self.refused("cannot be preloaded")
        self.assertEqual(self.gate.entries("--reason", "unknown_account"), [])
        self.assertTrue([text for text in self.findings("openssh", "fail", self.gate.wrapper) if "cannot be preloaded" in text])

    @unittest.skipUnless(can_mount(), "as root, where namespaces can be made")
    def test_a_sshd_that_is_none_ends_a_rehearsal_as_a_start_and_doctor_says_so(self):
        prefix = mounted("/bin/false", "/usr/sbin/sshd")
        for arguments in (["--check"], ["--allow-root"]):
            said = subprocess.run([*prefix, BIN, "serve", *arguments, "--config", self.gate.config], capture_output=True,
                                  text=True, timeout=60, env={**os.environ, **self.gate.environment})
            self.assertEqual(said.returncode, 78, said)
            self.assertIn("ended with exit status 1 and said nothing", said.stderr)
        self.assertTrue(self.findings("openssh", "fail", prefix))
        self.assertIn("does not say which version", " ".join(self.findings("openssh", "warn", prefix)))

    @unittest.skipUnless(shutil.which("prlimit"), "prlimit is not here")
    def test_too_few_open_files_are_a_warning_of_the_start_and_of_doctor_by_the_gates_own_limit(self):
        self.gate.wrapper = ["prlimit", "--nofile=512:512"]
        self.gate.start()
        self.assertRegex(self.gate.log(), "machine: 512 open files are allowed, [0-9]+ are needed")
        found = [text for text in self.findings("machine", "warn") if "open files" in text]
        self.assertEqual([text.startswith("512 open files are allowed for the running gate") for text in found], [True])


if __name__ == "__main__":
    unittest.main()
