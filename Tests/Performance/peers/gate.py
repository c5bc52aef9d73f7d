"""Dropgate, every setting at its default but for the listeners and the limits on connections of one source (all callers are
127.0.0.x here).
"""
import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import ssl
import time
from pathlib import Path

from peers import ACCOUNT, Failed, Store, as_user, free_port, give, run, wait_until

SETTINGS = """
state: state
node: performance
webhook:
  listen: "127.0.0.1:%d"
  max_connections: 2048
  max_connections_per_source: 1024
  %s
sftp: {listen: "127.0.0.1:%d"}
sources: [sources/*.yaml]
accounts: accounts
staging: {layout: %s}
"""
TLS = "tls: {certificate: state/tls/certificate.pem, key: state/tls/key.pem}"
LISTED = ("name: loopback\nchannels: [webhook, sftp]\nentries:\n  - {cidr: 127.0.0.0/24, service: performance}\n")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("DROPGATE_")}
SESSION = "dropgate-session"


class Installation:
    """The program, where the servers' user may run it, and a new gate's directory, which each gate begins as a copy of."""

    def __init__(self, directory, program, key):
        self.program, self.home = directory / "dropgate", directory / "home"
        for name in ("dropgate", SESSION):
            shutil.copy(os.path.join(os.path.dirname(program), name) if name == SESSION else program, directory / name)
            (directory / name).chmod(0o755)
        (self.home / "sources").mkdir(parents=True)
        (self.home / "sources/loopback.yaml").write_text(LISTED)
        config = self.home / "dropgate.yaml"
        config.write_text(SETTINGS % (0, TLS, 0, "file"))
        give(self.home, self.home / "sources", self.home / "sources/loopback.yaml", config)
        self.run("init", config)
        self.run("account", config, "add", ACCOUNT, "--key", f"{key}.pub")
        self.tls = [self.home / "state/tls" / name for name in ("certificate.pem", "key.pem")]

    def run(self, command, config, *arguments):
        return run(self.program, command, *arguments, "--config", config, env=ENVIRONMENT, cwd=config.parent, **as_user())


class Gate(Store):
    put_process = SESSION  # that works for a session

    def __init__(self, place, installation, layout="file", tls=False, ledger=None):
        """`ledger`: one to begin with, a path; it is moved here."""
        self.directory, self.installation, self.layout = Path(place) / "gate", installation, layout
        self.port, self.sftp_port = free_port(), free_port()
        self.scheme = "https" if tls else "http"
        if not self.directory.exists():  # else one that goes on
            run("cp", "-a", installation.home, self.directory)
        self.config = self.write(
            "dropgate.yaml", SETTINGS % (self.port, TLS if tls else "plaintext: true", self.sftp_port, layout))
        self.state = self.directory / "state"
        if ledger:
            give(shutil.move(ledger, self.state / "ledger.sqlite"))
            # Its drops lie nowhere: any staging directory will do.
            (self.state / "staging-id").touch()
            give(self.state / "staging-id")
        self.files = self.state / "staging/ready/webhook"
        began = time.monotonic()
        self.start([installation.program, "serve", "--config", self.config], ENVIRONMENT)
        self.ready(self.accepts, seconds=120, pause=0.002)
        self.start_time = time.monotonic() - began
        self.ready(lambda: "\nready\n" in self.log.read_text(errors="replace"))

    def accepts(self):
        """Whether a listed caller gets a 200."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        caller = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
                  if self.scheme == "https" else http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))
        with contextlib.suppress(OSError), contextlib.closing(caller):
            caller.request("GET", "/healthz")
            return caller.getresponse().status == 200
        return False

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/ledger.sqlite?mode=ro", uri=True)) as ledger:
            return ledger.execute(sql).fetchall()

    def drain(self):
        # A partial index has these, and the first condition leads to it.
        wait_until(lambda: self.query("SELECT count(*) FROM drops WHERE state <> 1 AND state = 0")[0][0] == 0, 900,
                   "the staging of all events", pause=0.1)

    def bodies(self):
        if self.layout == "file":
            yield from super().bodies()
            return
        for path in self.files.rglob("*.ndjson"):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)["body"].encode()

    def count(self):
        return self.query("SELECT coalesce(max(seq), -1) FROM entries")[0][0]

    def recorded(self):
        """By the ledger, of all time; fails where it has requests of another kind."""
        entries = {f"{verdict} {reason}": count for verdict, reason, count in self.query(
            "SELECT verdict, reason, count(*) FROM entries WHERE kind = 'request' GROUP BY 1, 2")}
        if set(entries) - {"accepted listed"}:
            raise Failed(f"the ledger has {entries}")
        return entries.get("accepted listed", 0)

    def refused(self):
        """{channel: connections of unlisted sources}, by the ledger. After the end: what is counted together is written then."""
        found = {}
        for line in self.installation.run("attempts", self.config, "--format", "jsonl", "--limit", "0", "--reason",
                                          "not_listed").splitlines():
            entry = json.loads(line)
            found[entry["channel"]] = found.get(entry["channel"], 0) + entry.get("count", 1)
        return found

    def arrived(self, name):
        return self.state / "staging/ready/sftp" / ACCOUNT / name
