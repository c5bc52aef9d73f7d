"""Live forwarding to a real rsyslog, over TCP and TLS, through outages; and to a file that is rotated."""
# Needs: rsyslog-gnutls
import http.client
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

import rsyslog
from gate import Gate, free_port, read, wait_until

LONG = os.environ.get("LONG_TESTS") == "1"
# Entries that are committed while the receiver is away; the long form takes more than a minute for them.
OUTAGE = 75000 if LONG else 1500
ROUNDS = 2


def whole_lines(path):
    """Of a file that is being written, perhaps in the middle of a line."""
    return read(path).split("\n")[:-1] if os.path.exists(path) else []


class Rsyslog:
    """An rsyslogd of its own on loopback that writes the seq of each message to a file."""

    def __init__(self, root, tls=False, port=None):
        self.root, self.port, self.process = root, port or free_port(), None
        self.output = os.path.join(root, "received")
        self.config = os.path.join(root, "rsyslog.conf")
        options, stream = "", ""
        if tls:
            self.certificate()
            options = (f' defaultNetstreamDriverCAFile="{root}/ca.pem" defaultNetstreamDriverCertFile="{root}/logs.pem"'
                       f' defaultNetstreamDriverKeyFile="{root}/logs.key"')
            stream = ' StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
        with open(self.config, "w") as file:
            file.write('template(name="raw" type="string" string="%msg%\\n")\n' + rsyslog.settings(
                root, self.port, f'action(type="omfile" file="{self.output}" template="raw")', options, stream=stream))

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
        self.process = subprocess.Popen(rsyslog.command(self.root, self.config),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"rsyslogd ended with {self.process.returncode}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, what="rsyslogd's port")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def seqs(self):
        """In the order in which they were written."""
        found = (re.search(r'"seq":(\d+),', line) for line in whole_lines(self.output))
        return [int(match.group(1)) for match in found if match]


class Silent:
    """Accepts connections, by the kernel alone, and never says or reads anything."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(100)
        self.port = self.socket.getsockname()[1]


class SilenceTest(unittest.TestCase):
    """Who never answers holds up neither a start nor a stop, shows where somebody looks, and gets all afterwards."""

    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def silent(self):
        silent = Silent()
        self.addCleanup(silent.socket.close)
        return silent.port

    def timed(self, action):
        began = time.monotonic()
        action()
        return time.monotonic() - began

    def console(self, page):
        token = read(os.path.join(self.gate.home, "state/console.token")).strip()
        return subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{self.gate.ports['console']}{page}"],
            check=True, capture_output=True, text=True).stdout

    def test_silent_witnesses_and_receivers_delay_start_and_stop_by_one_short_bound(self):
        urls = [f"https://127.0.0.1:{self.silent()}/{n}?token=s3cret" for n in range(3)]
        quoted = ", ".join(f'"{url}"' for url in urls)
        self.gate.environment.update({
            "DROPGATE_LEDGER_WITNESSES": f"[{quoted}, syslog]", "DROPGATE_LEDGER_CHECKPOINT_EVERY": "1s",
            "DROPGATE_FORWARD_SYSLOG_ADDRESS": f"tls://127.0.0.1:{self.silent()}"})
        start = self.timed(self.gate.start)
        stop = self.timed(self.gate.stop)
        print(f"three silent witnesses and a silent receiver: start {start:.1f} s, stop {stop:.1f} s")
        self.assertEqual(self.gate.process.returncode, 0)
        self.assertLess(start, 9, "5 s for all of them")
        self.assertLess(stop, 5, "2 s for all of them")
        log = self.gate.log()
        for url in urls:
            name = url.split("?")[0]
            self.assertRegex(log, f"witness {name} cannot be asked .*: it did not answer within 5 s; see ")
            self.assertIn(f"witness {name} has not taken the last checkpoint before the stop", log)
        self.assertRegex(log, r"forwarding to tls://\S+: \d+ entr(y|ies) had not got through for certain")
        self.assertNotIn("s3cret", log)
        self.assertNotIn("NIO", log)

    def test_so_do_those_whose_packets_are_lost_and_a_file_that_never_opens(self):
        """A queue of connections that is full has the kernel drop what else comes; a pipe opens once somebody writes."""
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.addCleanup(full.close)
        address = full.getsockname()
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(address)
            self.addCleanup(caller.close)
        pipe = os.path.join(self.gate.root, "notes")
        os.mkfifo(pipe)
        self.gate.environment.update({
            "DROPGATE_LEDGER_WITNESSES": f'[{pipe}, "http://127.0.0.1:{address[1]}/", syslog]',
            "DROPGATE_LEDGER_CHECKPOINT_EVERY": "1s",
            "DROPGATE_FORWARD_SYSLOG_ADDRESS": f"tcp://127.0.0.1:{address[1]}"})
        start = self.timed(self.gate.start)
        stop = self.timed(self.gate.stop)
        print(f"lost packets and a file that never opens: start {start:.1f} s, stop {stop:.1f} s")
        self.assertEqual(self.gate.process.returncode, 0)
        self.assertLess(start, 9)
        self.assertLess(stop, 5)
        self.assertIn(f"witness {pipe} cannot be asked", self.gate.log())

    def test_what_did_not_get_through_before_the_stop_follows_after_the_next_start(self):
        port = free_port()
        self.gate.environment["DROPGATE_FORWARD_SYSLOG_ADDRESS"] = f"tcp://127.0.0.1:{port}"
        self.gate.start()
        wait_until(lambda: os.path.exists(os.path.join(self.gate.home, "state/forward/syslog.json")),
                   what="the forwarder's position")
        for number in range(5):
            self.gate.post(f"{{}} {number}")
        self.gate.stop()
        syslog = Rsyslog(self.gate.root, port=port)
        syslog.start()
        self.addCleanup(syslog.stop)
        self.gate.start()
        newest = max(entry["seq"] for entry in self.gate.entries())
        wait_until(lambda: (syslog.seqs() or [0])[-1] >= newest, what="the newest entry")
        seqs = syslog.seqs()
        self.assertEqual(seqs, list(range(seqs[0], seqs[-1] + 1)), "none is missing, none comes twice")
        self.assertEqual(seqs[0], 0, "from the first entry on")
        # And what a receiver that is there has not been given before the stop, is given to it at the stop.
        self.gate.post("{} last")
        self.gate.stop()
        wait_until(lambda: "stopped" in whole_lines(syslog.output)[-1], what="the entry of the stop")
        self.assertNotIn("had not got through", self.gate.log().split("\nready\n")[-1])

    def test_what_fails_shows_in_readiness_figures_and_doctor_until_it_works(self):
        witness, receiver = free_port(), free_port()
        self.gate.environment.update({
            "DROPGATE_LEDGER_WITNESSES": f'["http://127.0.0.1:{witness}/gate?token=s3cret"]',
            "DROPGATE_LEDGER_CHECKPOINT_EVERY": "1s",
            "DROPGATE_FORWARD_SYSLOG_ADDRESS": f"tcp://127.0.0.1:{receiver}"})
        self.gate.start()

        def problems():
            body, status = self.console("/readyz").rsplit("\n", 1)
            self.assertEqual(status, "200", "the gate goes on accepting")
            return json.loads(body).get("problems", {})
        found = wait_until(lambda: {"witness", "forwarding"} <= problems().keys() and problems(), what="both problems")
        self.assertIn(f"witness http://127.0.0.1:{witness}/gate fails", found["witness"])
        self.assertIn("nobody listens there; see", found["witness"])
        self.assertIn(f"forwarding to tcp://127.0.0.1:{receiver} has stopped", found["forwarding"])
        self.gate.post("{}")
        figures = self.console("/metrics")
        self.assertRegex(figures, r'dropgate_forward_waiting_entries\{forwarder="syslog"\} [1-9]')
        self.assertRegex(figures, r'dropgate_forward_waiting_seconds\{forwarder="syslog"\} \d')
        self.assertIn('dropgate_forward_failing{forwarder="syslog"} 1\n', figures)
        self.assertRegex(figures, r'dropgate_forward_failure_timestamp_seconds\{forwarder="syslog"\} [1-9]')
        label = f'{{witness="http://127.0.0.1:{witness}/gate"}}'
        self.assertRegex(figures, re.escape(f"dropgate_ledger_witness_failure_timestamp_seconds{label}") + " [1-9]")
        self.assertIn(f"dropgate_ledger_witness_success_timestamp_seconds{label} 0\n", figures)
        doctor = self.gate.run("doctor", "--config", self.gate.config, check=False,
                               env={**os.environ, **self.gate.environment}).stdout
        self.assertIn(f"syslog to tcp://127.0.0.1:{receiver} has not got through", doctor)
        self.assertIn("witness: witness http://", doctor)
        self.assertNotIn("s3cret", doctor + figures + self.gate.log())

        server = http.server.ThreadingHTTPServer(("127.0.0.1", witness), Taking)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        reading = socket.create_server(("127.0.0.1", receiver))
        self.addCleanup(reading.close)
        self.gate.post("{} again")
        wait_until(lambda: not problems(), 60, "the end of both problems")
        figures = self.console("/metrics")
        self.assertIn(f"dropgate_ledger_witness_success_timestamp_seconds{label} 1", figures)
        self.assertIn('dropgate_forward_failing{forwarder="syslog"} 0\n', figures)
        self.assertRegex(figures, r'dropgate_forward_success_timestamp_seconds\{forwarder="syslog"\} [1-9]')


class Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class ForwardingTest(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.load = None

    def start_load(self):
        """A listed source asks whether it can reach the gate: each time is an entry, whatever a flood would be counted
        into."""
        self.stopping = threading.Event()

        def knock(number):
            context = ssl._create_unverified_context()
            while not self.stopping.is_set():
                caller = http.client.HTTPSConnection(
                    "127.0.0.1", self.gate.ports["webhook"], context=context, timeout=20, source_address=("127.0.0.2", 0))
                try:
                    while not self.stopping.is_set():
                        caller.request("GET", "/reachability")
                        caller.getresponse().read()
                except (OSError, http.client.HTTPException):
                    pass
                finally:
                    caller.close()
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
            # It keeps up: what a receiver leaves unread for longer than the gate waits is its own loss.
            newest = self.newest()
            wait_until(lambda newest=newest: syslog.seqs()[-1] >= newest, 60, "what was in the ledger a moment ago")
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
            lines = (line[line.index("{"):] for line in whole_lines(syslog.output) if '"checkpoint":' in line)
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
            return [json.loads(line)["seq"] for line in whole_lines(name)]
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
