#!/usr/bin/env python3
"""What a gate needs of disk and memory: prints the figures of .github/guides/operating.md, "Sizing".

    Tests/Performance/sizing.py [EVENTS] [UPLOADS]      20000 and 1000 when not given; a minute or two

GATE_BIN names the program (default .build/release/dropgate), its dropgate-session beside it. Bytes on disk hardly differ
between machines; times do.
"""
import http.client
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("GATE_BIN", os.path.abspath(os.path.join(HERE, "../../.build/release/dropgate")))
sys.path.insert(0, os.path.join(HERE, "../Integration"))
from gate import V2, Gate, descendants, wait_until  # noqa: E402

THREADS = 8
# Connections of strangers that are each given an entry; more are counted in entries of many.
REFUSED = 90


def allocated(path):
    """Bytes on disk below a path, whatever their files say."""
    if os.path.isfile(path):
        return os.stat(path).st_blocks * 512
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512
               for folder, folders, files in os.walk(path) for name in folders + files)


def memory(pid, *names):
    """Kilobytes that a process has of its own; or these fields of smaps_rollup (proc(5)): Pss shares out what several have."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in names or ("Private_Clean", "Private_Dirty"))


def shared_out(pids):
    """Kilobytes of these processes, together. One that has ended, and is not waited for yet, has none."""
    total = 0
    for pid in pids:
        try:
            total += memory(pid, "Pss")
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def post(gate, first, count):
    context = ssl.create_default_context(cafile=os.path.join(gate.home, "state/tls/certificate.pem"))
    caller = http.client.HTTPSConnection("127.0.0.1", gate.ports["webhook"], context=context,
                                         source_address=("127.0.0.2", 0), timeout=60)
    for number in range(first, first + count):
        caller.request("POST", "/webhooks/vsee", V2 % f"sizing-{number}", {"Content-Type": "application/json"})
        answer = caller.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {body}")
    caller.close()


def entries_size(gate):
    """Bytes of the ledger that are in use: bodies on their way to staging leave room behind, which is used again."""
    ledger = sqlite3.connect(f"file:{gate.home}/state/ledger.sqlite?mode=ro", uri=True)
    pages, free, size = (ledger.execute(f"PRAGMA {name}").fetchone()[0]
                         for name in ("page_count", "freelist_count", "page_size"))
    ledger.close()
    return (pages - free) * size


def figure(what, value):
    print(f"{what:64}{value:>16}")


def main(events=20000, uploads=1000):
    gate = Gate()
    try:
        measure(gate, events, uploads)
    finally:
        gate.close()


def measure(gate, events, uploads):
    gate.start()
    figure("memory of a gate that has just started, MB", f"{memory(gate.process.pid) / 1024:.0f}")
    before, staging = entries_size(gate), allocated(gate.staging)
    threads = [threading.Thread(target=post, args=(gate, number * (events // THREADS), events // THREADS))
               for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = events // THREADS * THREADS
    wait_until(lambda: len(gate.released()) == events, 300, "all events in ready/")
    figure(f"memory after {events} events, MB", f"{memory(gate.process.pid) / 1024:.0f}")
    figure("ledger, bytes an event", f"{(entries_size(gate) - before) / events:.0f}")
    figure("staging, bytes on disk an event (file and receipt)", f"{(allocated(gate.staging) - staging) / events:.0f}")

    before = entries_size(gate)
    path = gate.file("upload.csv", b"a,b\n" * 1000)
    sent = gate.sftp("".join(f"put {path} /upload-{number}.csv\n" for number in range(uploads)) + "ls\n")
    if sent.returncode != 0:
        raise SystemExit(sent.stderr)
    wait_until(lambda: len(gate.released()) == events + uploads, 300, "all uploads in ready/")
    session(gate)
    figure("ledger, bytes an upload", f"{(entries_size(gate) - before) / uploads:.0f}")

    before = entries_size(gate)
    for number in range(REFUSED):
        with socket.socket() as stranger:
            stranger.bind((f"127.9.0.{number + 1}", 0))
            stranger.connect(("127.0.0.1", gate.ports["webhook"]))
            stranger.recv(1)
    wait_until(lambda: len(gate.entries("--reason", "not_listed")) == REFUSED, what="the refusals")
    figure("ledger, bytes a refused connection", f"{(entries_size(gate) - before) / REFUSED:.0f}")

    backup = os.path.join(gate.root, "backup")
    began = time.monotonic()
    said = json.loads(gate.run("ledger", "backup", backup, "--format", "json", "--config", gate.config).stdout)
    figure(f"backup of {said['entries']} entries beside the running gate, seconds", f"{time.monotonic() - began:.1f}")
    figure("that backup, MB", f"{said['bytes'] / 1e6:.1f}")
    began = time.monotonic()
    gate.run("ledger", "verify", "--config", gate.config)
    figure("its verification, entries a second", f"{said['entries'] / (time.monotonic() - began):.0f}")
    gate.stop()


def session(gate):
    """What one more open session takes: its sshd processes and its own, beside another, with which it shares its code."""
    clients, totals = [], []
    try:
        for number in (1, 2):
            clients.append(subprocess.Popen(
                ["sftp", "-b", "-", *gate.ssh_options(), "-P", str(gate.ports["sftp"]), "vsee@127.0.0.1"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_until(lambda number=number: len(gate.sessions()) == number, what="the session")
            totals.append(shared_out(descendants(gate.process.pid)))
        figure("memory of one more SFTP session, with its sshd, MB", f"{(totals[1] - totals[0]) / 1024:.1f}")
    finally:
        for client in clients:
            client.stdin.close()
            client.wait(30)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
