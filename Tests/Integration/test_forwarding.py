"""Live forwarding to a real rsyslog, over TCP and TLS, through outages; and to a file that is rotated."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from gate import Gate, free_port, read, wait_until

LONG = os.environ.get("LONG_TESTS") == "1"
# Entries that are committed while the receiver is away; the long form takes more than a minute for them.
OUTAGE = 75000 if LONG else 1500
ROUNDS = 2


class Rsyslog:
    """An rsyslogd of its own on loopback that writes the seq of each message to a file."""

    def __init__(self, root, tls=False):
        self.root, self.port, self.process = root, free_port(), None
        self.output = os.path.join(root, "received")
        self.config = os.path.join(root, "rsyslog.conf")
        self.pid = os.path.join(root, "rsyslog.pid")
        files, stream = "", ""
        if tls:
            self.certificate()
            files = (f'global(defaultNetstreamDriverCAFile="{root}/ca.pem" '
                     f'defaultNetstreamDriverCertFile="{root}/logs.pem" defaultNetstreamDriverKeyFile="{root}/logs.key")\n')
            stream = ' StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
        with open(self.config, "w") as file:
            file.write(
                f'global(workDirectory="{root}" maxMessageSize="64k")\n{files}'
                f'module(load="imtcp"{stream})\n'
                'template(name="raw" type="string" string="%msg%\\n")\n'
                # Direct: what was read is written, and not lost from a queue in memory at the end.
                f'ruleset(name="all" queue.type="Direct") {{ action(type="omfile" file="{self.output}" template="raw") }}\n'
                f'input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="all")\n')

    def certificate(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.root, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem",
                "-addext", "basicConstraints=critical,CA:true")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                "-keyout", "logs.key", "-out", "logs.csr")
        with open(os.path.join(self.root, "names"), "w") as file:
            file.write("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", "logs.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", "logs.pem")

    def start(self):
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", self.config, "-i", self.pid],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, what="rsyslogd's port")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def seqs(self):
        """In the order in which they were written."""
        if not os.path.exists(self.output):
            return []
        found = (re.search(r'"seq":(\d+),', line) for line in read(self.output).splitlines())
        return [int(match.group(1)) for match in found if match]


class ForwardingTest(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.load = None

    def start_load(self):
        """Strangers knock: each refused connection is an entry."""
        self.stopping = threading.Event()

        def knock(number):
            source = f"127.0.{number + 1}.{{}}"
            count = 0
            while not self.stopping.is_set():
                count += 1
                with socket.socket() as stranger:
                    stranger.bind((source.format(count % 250 + 1), 0))
                    try:
                        stranger.connect(("127.0.0.1", self.gate.ports["webhook"]))
                        stranger.recv(1)
                    except OSError:
                        pass
        self.load = [threading.Thread(target=knock, args=(number,)) for number in range(4)]
        for thread in self.load:
            thread.start()
        self.addCleanup(self.end_load)

    def end_load(self):
        self.stopping.set()
        for thread in self.load:
            thread.join()

    def newest(self):
        answer = self.gate.run("attempts", "--limit", "1", "--format", "jsonl", "--config", self.gate.config)
        return json.loads(answer.stdout)["seq"]

    def grow(self, count):
        goal = self.newest() + count
        wait_until(lambda: self.newest() >= goal, 300, f"{count} entries")

    def outages(self, syslog, how):
        syslog.start()
        self.addCleanup(syslog.stop)
        self.gate.start()
        wait_until(lambda: os.path.exists(os.path.join(self.gate.home, "state/forward/syslog.json")),
                   what="the forwarder's position")
        self.start_load()
        wait_until(lambda: len(syslog.seqs()) > 100, what="the first messages")
        away = []
        for _ in range(ROUNDS):
            syslog.stop(how)
            began = time.monotonic()
            self.grow(OUTAGE)
            away.append(round(time.monotonic() - began))
            syslog.start()
            wait_until(lambda: (syslog.seqs() or [0])[-1] >= self.newest() - 300, 120, "what was waiting")
        self.end_load()
        # What reads the ledger is recorded in it, so that the newest entry moves while it is asked for.
        newest = self.newest()
        wait_until(lambda: (syslog.seqs() or [0])[-1] >= newest, 60, "the last message")
        seqs = syslog.seqs()
        # TCP tells what a receiver has read when it ends with nothing unread; otherwise what is in doubt comes again,
        # in order, once for an outage.
        steps = [(before, after) for before, after in zip(seqs, seqs[1:]) if after != before + 1]
        print(f"{how.name}, outages of {away} s: {len(seqs)} messages of entries {seqs[0]} to {seqs[-1]}, "
              f"{len(seqs) - len(set(seqs))} of them repeats")
        gaps = [after - before - 1 for before, after in steps if after > before]
        if how == signal.SIGKILL:
            # A receiver that is killed loses what it has read and not written, and plain syslog cannot tell.
            self.assertLess(max(gaps, default=0), 100, "no more than one read of the receiver is lost")
        else:
            self.assertEqual(gaps, [], "no gap")
        self.assertLessEqual(len(steps), ROUNDS, "no reorder but the repeats of an outage")

    def forward(self, address, **more):
        self.gate.environment["DROPGATE_FORWARD_SYSLOG_ADDRESS"] = address
        for name, value in more.items():
            self.gate.environment[f"DROPGATE_FORWARD_SYSLOG_{name.upper()}"] = value

    def test_a_receiver_that_stops_and_starts_again_holds_every_entry_in_order(self):
        syslog = Rsyslog(self.gate.root)
        self.forward(f"tcp://127.0.0.1:{syslog.port}")
        self.outages(syslog, signal.SIGTERM)

    def test_a_receiver_that_is_killed_gets_what_was_in_doubt_again(self):
        syslog = Rsyslog(self.gate.root)
        self.forward(f"tcp://127.0.0.1:{syslog.port}")
        self.outages(syslog, signal.SIGKILL)

    def test_the_same_over_tls(self):
        syslog = Rsyslog(self.gate.root, tls=True)
        self.forward(f"tls://localhost:{syslog.port}", authorities=os.path.join(self.gate.root, "ca.pem"))
        self.outages(syslog, signal.SIGTERM)

    def test_a_receiver_whose_certificate_is_of_another_authority_gets_nothing(self):
        syslog = Rsyslog(self.gate.root, tls=True)
        self.forward(f"tls://localhost:{syslog.port}")
        syslog.start()
        self.addCleanup(syslog.stop)
        self.gate.start()
        self.gate.post("{}", source="127.0.0.9")
        wait_until(lambda: "forwarding to tls://localhost" in self.gate.log(), what="the warning")
        self.assertEqual(syslog.seqs(), [])

    def test_checkpoints_are_witnessed_by_a_syslog_receiver(self):
        syslog = Rsyslog(self.gate.root)
        self.forward(f"tcp://127.0.0.1:{syslog.port}")
        self.gate.environment["DROPGATE_LEDGER_WITNESSES"] = "[syslog]"
        self.gate.environment["DROPGATE_LEDGER_CHECKPOINT_EVERY"] = "1s"
        syslog.start()
        self.addCleanup(syslog.stop)
        self.gate.start()

        def checkpoints():
            if not os.path.exists(syslog.output):
                return []
            lines = (line[line.index("{"):] for line in read(syslog.output).splitlines() if '"checkpoint":' in line)
            return [json.loads(line)["checkpoint"] for line in lines]
        wait_until(checkpoints, what="a checkpoint in the receiver's log")
        self.gate.stop()
        anchor = os.path.join(self.gate.root, "anchor")
        with open(anchor, "w") as file:
            file.write(wait_until(checkpoints)[-1])
        verdict = self.gate.run("ledger", "verify", "--checkpoint", anchor, "--config", self.gate.config,
                                env={**os.environ, **self.gate.environment})
        self.assertRegex(verdict.stdout, r"verified 0…\d+; \d+ entries not yet witnessed")
        self.assertIn(f"witness syslog tcp://127.0.0.1:{syslog.port}", verdict.stdout)

    def test_a_file_is_followed_through_a_rotation_and_a_crash(self):
        path = os.path.join(self.gate.root, "entries.jsonl")
        self.gate.environment["DROPGATE_FORWARD_FILE_PATH"] = path
        self.gate.start()
        wait_until(lambda: os.path.exists(path), what="the file")
        self.start_load()

        def lines(name=path):
            return [json.loads(line)["seq"] for line in read(name).splitlines()] if os.path.exists(name) else []
        wait_until(lambda: len(lines()) > 100, what="lines")
        os.rename(path, path + ".1")
        wait_until(lambda: len(lines()) > 100, what="lines in the new file")
        self.gate.kill()
        self.end_load()
        with open(path, "a") as file:
            file.write('{"torn":')
        self.gate.start()
        newest = self.newest()
        wait_until(lambda: lines()[-1] >= newest, what="the newest entry")
        seqs = lines(path + ".1") + lines()
        self.assertEqual(seqs, list(range(seqs[0], seqs[-1] + 1)))
        print(f"file: {len(seqs)} entries over a rotation and a crash")


if __name__ == "__main__":
    unittest.main()
