"""What somebody does to a running gate by hand: its ledger or the ledger's lock is removed, nobody reads its log, a caller does not say
how long its event is. Nothing is told to be stored that is lost, two gates never write one ledger, and health says so at once."""
import fcntl
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, V2, Gate, wait_until  # noqa: E402


class Intruded(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.ledger = os.path.join(self.gate.home, "state/ledger.sqlite")

    def ready(self):
        return self.gate.health()[0]

    def stored(self, name):
        self.assertIn('"stored"', self.gate.post(V2 % name).stdout)

    def verified(self):
        self.gate.run("ledger", "verify", "--config", self.gate.config)

    def test_a_second_start_beside_a_removed_lock_does_not_end_the_first_gate(self):
        self.gate.start()
        self.stored("1")
        os.unlink(self.ledger + ".lock")
        second = subprocess.run(
            [BIN, "serve", "--allow-root", "--config", self.gate.config], capture_output=True, text=True, timeout=60,
            env={**os.environ, **self.gate.environment,
                 "DROPGATE_WEBHOOK_LISTEN": f"127.0.0.1:{self.gate.ports['webhook']}"})
        self.assertNotEqual(second.returncode, 0, second.stderr)
        wait_until(lambda: self.gate.post(V2 % "2").returncode == 0, what="an event that is taken")
        self.stored("3")
        third = subprocess.run([BIN, "serve", "--allow-root", "--config", self.gate.config], capture_output=True, text=True,
                               timeout=60, env={**os.environ, **self.gate.environment})
        self.assertIn("another process writes this ledger", third.stderr)
        self.gate.stop()
        self.verified()
        self.assertEqual(len(self.gate.drops()), 3)

    def test_while_another_process_has_a_new_lock_nothing_is_taken_until_that_lets_go(self):
        self.gate.start()
        self.stored("1")
        # Locked before it has its name: the gate itself takes a lock that it finds free.
        other = os.open(self.ledger + ".other", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(other, fcntl.LOCK_EX)
            os.rename(self.ledger + ".other", self.ledger + ".lock")
            self.assertNotEqual(self.gate.post(V2 % "2").returncode, 0, "two processes write")
            self.assertEqual(self.ready(), "unavailable")
            self.assertIn("another process writes this ledger", self.gate.log())
        finally:
            os.close(other)
        wait_until(lambda: self.gate.post(V2 % "2").returncode == 0, what="an event that is taken")
        wait_until(lambda: self.ready() == "ready", what="health")
        self.gate.stop()
        self.verified()
        self.assertEqual(len(self.gate.drops()), 2)

    def test_a_gate_whose_ledger_another_process_has_written_ends_to_be_started_again(self):
        self.gate.start()
        self.stored("1")
        # A gate that answers keeps a second one from starting.
        self.gate.process.send_signal(signal.SIGSTOP)
        try:
            os.unlink(self.ledger + ".lock")
            other = subprocess.Popen(
                [BIN, "serve", "--allow-root", "--config", self.gate.config], stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True, env={**os.environ, **self.gate.environment})
            for line in other.stderr:
                if line == "ready\n":
                    break
            other.terminate()
            other.communicate(timeout=60)
        finally:
            self.gate.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.gate.process.wait(60), 75)
        self.assertIn("another process has written the ledger", self.gate.log())
        self.gate.start()
        self.stored("2")
        self.gate.stop()
        self.verified()

    def test_a_ledger_that_is_moved_away_is_told_before_anybody_calls_and_nothing_is_taken_until_it_is_back(self):
        self.gate.start()
        self.stored("1")
        for suffix in ("", "-wal", "-shm"):
            os.rename(self.ledger + suffix, self.ledger + ".away")
            wait_until(lambda: self.ready() == "unavailable", what="health")
            self.assertNotEqual(self.gate.post(V2 % "2").returncode, 0)
            self.assertIn("is not the file that the gate has open", self.gate.log())
            os.rename(self.ledger + ".away", self.ledger + suffix)
            wait_until(lambda: self.ready() == "ready", what="health")
        self.stored("2")
        self.gate.stop()
        self.verified()
        self.assertEqual(len(self.gate.drops()), 2)

    def test_beside_a_gate_whose_log_is_gone_readers_say_so_and_do_not_show_an_older_ledger(self):
        self.gate.start()
        self.stored("1")
        self.stored("2")
        for suffix in ("", "-wal", "-shm"):
            os.rename(self.ledger + suffix, self.ledger + ".away")
            for command in (["attempts"], ["drops", "list"], ["ledger", "verify"], ["report"],
                            ["ledger", "backup", os.path.join(self.gate.home, "copy")]):
                ended = subprocess.run(
                    [BIN, *command, "--config", self.gate.config], capture_output=True, text=True, timeout=60,
                    env={**os.environ, **self.gate.environment})
                self.assertEqual(ended.returncode, 75, f"{command}: {ended.stdout}{ended.stderr}")
                self.assertIn(self.ledger + suffix, ended.stderr)
            self.assertFalse(os.path.exists(self.ledger + suffix))
            # As another program makes it that opens the ledger meanwhile.
            open(self.ledger + suffix, "x").close()
            for command in (["attempts"], ["ledger", "verify"]):
                ended = self.gate.run(*command, "--config", self.gate.config, check=False)
                self.assertEqual(ended.returncode, 75, ended.stderr)
                self.assertIn(self.ledger + suffix, ended.stderr)
            os.unlink(self.ledger + suffix)
            os.rename(self.ledger + ".away", self.ledger + suffix)
        wait_until(lambda: self.ready() == "ready", what="health")
        self.gate.stop()
        self.verified()

    def test_a_log_that_nobody_reads_holds_up_neither_senders_nor_the_end(self):
        log, end = os.pipe()
        try:
            # Full but for a line or two.
            os.set_blocking(end, False)
            while True:
                try:
                    os.write(end, b"x" * 4096)
                except BlockingIOError:
                    break
            os.set_blocking(end, True)
            self.gate.level = "trace"
            ports = os.path.join(self.gate.home, "state/run/ports.json")
            self.gate.process = subprocess.Popen(
                [BIN, "serve", "--allow-root", "--config", self.gate.config, "--log-level", "trace"], stdout=end, stderr=end,
                env={**os.environ, **self.gate.environment})
            wait_until(lambda: os.path.exists(ports), 60, "the ports")
            self.gate.read_ports()
            for number in range(20):
                self.stored(str(number))
                self.gate.run("account", "add", f"a{number}", "--key", self.gate.key + ".pub", "--config", self.gate.config)
            self.assertEqual(self.gate.sftp(f'put "{self.gate.file("local", b"x")}" a\n').returncode, 0)
            self.assertEqual(self.gate.stop(), 0)
        finally:
            os.close(log)
            os.close(end)

    def test_an_event_of_which_nobody_knows_how_long_it_is_is_not_stored(self):
        self.gate.start()
        for options in (["--http1.0", "-H", "Content-Length:"], ["--http1.1", "-H", "Content-Length:", "-H", "Connection: close"]):
            said = subprocess.run(
                ["curl", "-sk", "--max-time", "20", "--interface", "127.0.0.2", *options, "-o", "/dev/null", "-w", "%{http_code}",
                 "--data-binary", V2 % "1", self.gate.url], capture_output=True, text=True, timeout=30)
            self.assertEqual(said.stdout, "411", said)
        self.assertEqual(self.gate.drops(), [])


if __name__ == "__main__":
    unittest.main()
