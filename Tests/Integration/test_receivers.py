"""What two syslog receivers make of the gate's messages: every entry from the first on, and its JSON with all its values."""
# Needs: beside:syslog-ng-core
import glob
import os
import signal
import socket
import subprocess
import unittest

import rsyslog
from gate import Gate, V2, free_port, read, wait_until

# Debian has one system-log-daemon at a time; Tests/run.sh unpacks the other one there.
SYSLOG_NG = os.environ.get("SYSLOG_NG_ROOT") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "../../.build/beside/syslog-ng-core"))
NAME = "Ärzte 日本 \U0001d11e.xml"


class Receiver:
    """A daemon of its own on loopback. It writes what it has read out of the JSON of each message as a line:
    seq, name of the drop, the seq of the structured data, and the note of a checkpoint, between bars."""

    def __init__(self, root):
        self.root, self.port, self.process = root, free_port(), None
        self.output, self.config = os.path.join(root, "received"), os.path.join(root, "receiver.conf")
        with open(self.config, "w") as file:
            file.write(self.text())

    def start(self):
        self.process = subprocess.Popen(self.command(), env={**os.environ, **self.environment()},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.command()[0]} ended with {self.process.returncode}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, what="the receiver's port")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def environment(self):
        return {}

    def rows(self):
        text = read(self.output) if os.path.exists(self.output) else ""
        return [line.split("|") for line in text.split("\n")[:-1]]

    def entries(self):
        return [row for row in self.rows() if row[0]]


class Rsyslog(Receiver):
    def text(self):
        return ('template(name="row" type="string" '
                'string="%$!seq%|%$!drop!name%|%$!rfc5424-sd!dropgate@0!seq%|%$!checkpoint:::space-cc%\\n")\n'
                + rsyslog.settings(
                    self.root, self.port,
                    '  action(type="mmjsonparse" cookie="")\n  action(type="mmpstrucdata")\n'
                    f'  action(type="omfile" file="{self.output}" template="row")',
                    ' parser.permitSlashInProgramname="on"',
                    'module(load="mmjsonparse")\nmodule(load="mmpstrucdata")\n'))

    def command(self):
        return rsyslog.command(self.root, self.config)


class SyslogNG(Receiver):
    def modules(self):
        """The directory of its modules, which has the name of its version."""
        return glob.glob(os.path.join(SYSLOG_NG, "usr/lib/syslog-ng/[0-9]*"))[0]

    def text(self):
        return (f'@version: {os.path.basename(self.modules())}\n'
                'options { use-dns(no); dns-cache(no); keep-hostname(yes); };\n'
                f'source s {{ syslog(ip("127.0.0.1") port({self.port}) transport("tcp") log-msg-size(65536)); }};\n'
                'parser j { json-parser(prefix(".j.")); };\n'
                f'destination d {{ file("{self.output}" flush-lines(1) template('
                '"${.j.seq}|${.j.drop.name}|${.SDATA.dropgate@0.seq}|$(replace-delimiter \'\\n\' \' \' ${.j.checkpoint})\\n")); };\n'
                'log { source(s); parser(j); destination(d); flags(flow-control); };\n')

    def environment(self):
        return {"LD_LIBRARY_PATH": os.path.join(SYSLOG_NG, "usr/lib/syslog-ng")}

    def command(self):
        state = {name: os.path.join(self.root, "receiver." + name) for name in ("persist", "control", "pid")}
        return [os.path.join(SYSLOG_NG, "usr/sbin/syslog-ng"), "-F", "-f", self.config, "-R", state["persist"],
                "-c", state["control"], "-p", state["pid"], "--no-caps",
                "--module-path", self.modules()]


class Receivers(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def receive(self, kind):
        receiver = kind(self.gate.root)
        self.addCleanup(receiver.stop)
        receiver.start()
        self.gate.environment.update({
            "DROPGATE_FORWARD_SYSLOG_ADDRESS": f"tcp://127.0.0.1:{receiver.port}",
            "DROPGATE_LEDGER_WITNESSES": "[syslog]", "DROPGATE_LEDGER_CHECKPOINT_EVERY": "1s"})
        self.gate.start()
        sent = self.gate.sftp(f'put {self.gate.file("x", b"some bytes")} "{NAME}"\n')
        self.assertEqual(sent.returncode, 0, sent.stderr)
        wait_until(lambda: any(NAME in row[1] for row in receiver.entries()), what="the upload's message")
        # While the receiver is away the ledger keeps what comes.
        receiver.stop()
        for number in range(20):
            self.gate.post(V2 % f"event-{number}")
        receiver.start()
        newest = max(entry["seq"] for entry in self.gate.entries())
        # Asking is an entry, too, which may come by now.
        wait_until(lambda: int(receiver.entries()[-1][0]) >= newest, what="the newest entry")
        rows = receiver.entries()
        seqs = [int(row[0]) for row in rows]
        self.assertEqual(sorted(set(seqs)), list(range(max(seqs) + 1)), "from the first entry on, none is missing")
        self.assertEqual([row[2] for row in rows], [row[0] for row in rows], "structured data is read, too")
        names = {row[1] for row in rows if row[1].startswith("sftp/")}
        self.assertEqual(names, {f"sftp/vsee/{NAME}"})
        notes = wait_until(lambda: [row[3] for row in receiver.rows() if row[3]], what="a checkpoint")
        self.assertIn("\u2014 ", notes[0], "the signature's line of the note")

    def test_rsyslog(self):
        self.receive(Rsyslog)

    @unittest.skipUnless(os.path.exists(os.path.join(SYSLOG_NG, "usr/sbin/syslog-ng")),
                         f"syslog-ng is not unpacked at {SYSLOG_NG}: Tests/run.sh does that")
    def test_syslog_ng(self):
        self.receive(SyslogNG)


if __name__ == "__main__":
    unittest.main()
