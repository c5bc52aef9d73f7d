#!/usr/bin/env python3
"""How long a caller of the console waits, for its API and for its pages, with a large ledger: the median and the longest of seven calls
of each kind, in ms.

    Tests/Performance/api.py [--gate PROGRAM] [--most MS] [--sealed AGE] [LEDGER]

LEDGER is a ledger.sqlite that nothing has open, as `ledger-bench DIRECTORY ENTRIES` leaves one; a copy of it is used. Without it, a new
gate with a few events. With --sealed, entries older than AGE (200d) are sealed first, in a copy, and some calls ask for them. Exit status 1
if a call took longer than `--most`.
"""
import argparse
import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "Integration"))
import gate as gates  # noqa: E402

NO_DROP = "0" * 26


def calls(entries, source, drop):
    """Those that find what they ask for at once, and those that look in vain."""
    middle = entries // 2
    return [
        "status", "attempts", "attempts?limit=500", "attempts?reason=pulled", "attempts?verdict=observed", "attempts?kind=policy",
        "attempts?text=nothing-of-this-kind", f"attempts?drop={NO_DROP}", f"attempts?source={source}",
        f"attempts?source={source}&before={middle}", f"attempts/{middle}", f"attempts/{middle}/proof", "ledger/checkpoint",
        "attempts?since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z&verdict=rejected",
        "drops", "drops?limit=200", "drops?state=released", "drops?state=acknowledged", "drops?state=taken", f"drops/{drop}",
        f"drops/{NO_DROP}", "sources", f"sources/explain?ip={source}", "reachability", "ledger", "accounts", "rules", "openapi.json",
        "/metrics", "/readyz"]


def pages(entries, source, drop):
    """As a browser that has signed in asks for them."""
    return [
        "/", "/?period=30d", "/attempts", "/attempts?text=nothing-of-this-kind", f"/attempts?source={source}", "/attempts?reason=pulled",
        f"/attempts/{entries // 2}", f"/attempts/{entries - 1}", "/sources", f"/sources/explain?ip={source}", "/drops", "/drops?state=taken",
        f"/drops/{drop}", "/reachability", "/reachability/rules?direction=ingress&format=nftables", "/ledger", "/report"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", metavar="PROGRAM", help="its dropgate-session beside it; default: the release build")
    parser.add_argument("--most", metavar="MS", type=float, default=100)
    parser.add_argument("--sealed", metavar="AGE", help="as ledger.seal_after, in days: 200d")
    parser.add_argument("ledger", metavar="LEDGER", nargs="?")
    arguments = parser.parse_args()
    gates.BIN = os.path.abspath(arguments.gate or Path(__file__).parent / "../../.build/release/dropgate")
    # Ledgers are large, and /tmp is memory on some machines.
    tempfile.tempdir = "/var/tmp"
    gate = gates.Gate(environment={"DROPGATE_LEDGER_SEAL_AFTER": arguments.sealed} if arguments.sealed else None)
    try:
        if arguments.ledger:
            shutil.copy(arguments.ledger, os.path.join(gate.home, "state/ledger.sqlite"))
            os.chmod(os.path.join(gate.home, "state/ledger.sqlite"), 0o600)
        try:
            gate.start()
        except AssertionError as error:
            sys.exit(f"api: {error}")
        if not arguments.ledger:
            for number in range(20):
                gate.post(gates.V2 % f"e-{number}")
        sealed = seal(gate, arguments.sealed) if arguments.sealed else None
        return measure(gate, arguments.most, sealed)
    finally:
        gate.stop()
        gate.close()


def seal(gate, age):
    """Waits until nothing more is sealed; the first and the last entry of the last sealed file."""
    path = os.path.join(gate.home, "state/ledger.sqlite")
    oldest = (time.time() - int(age.removesuffix("d")) * 86400) * 1e6

    def last():
        """The last segment, once its entries have left the database and the next one is not old enough."""
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            segment = ledger.execute("SELECT first, last FROM segments ORDER BY number DESC LIMIT 1").fetchone()
            if not segment or ledger.execute("SELECT min(seq) FROM entries").fetchone()[0] <= segment[1]:
                return None
            width = segment[1] - segment[0] + 1
            end = ledger.execute("SELECT time FROM entries WHERE seq = ?", (segment[1] + width,)).fetchone()
            return segment if end is None or end[0] > oldest else None

    return gates.wait_until(last, 3600, "the end of sealing", pause=1)


def sealed_calls(first, last, ask):
    """Those that ask for entries of one sealed file."""
    middle = (first + last) // 2
    times = [json.loads(ask(f"attempts/{seq}")[2])["time"] for seq in (middle, middle + 1000)]
    return [f"attempts/{last}", f"attempts/{middle}", f"attempts/{middle}/proof", f"/attempts/{last}",
            *(f"{path}?{question}" for path in ("attempts", "/attempts") for question in (
                f"before={last}", f"before={middle}", f"before={last}&text=nothing-of-this-kind", f"before={last}&reason=pulled",
                f"before={last}&source=192.0.2.1", f"since={times[0]}&until={times[1]}"))]


def measure(gate, most, sealed):
    token = gate.run("token", "add", "measure", "--role", "operator", "--config", gate.config).stdout.strip()
    port = gate.ports["console"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/login", f"token={token}", {"Content-Type": "application/x-www-form-urlencoded"})
    cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
    connection.close()

    def ask(path):
        """ms, status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", gate.ports["console"], timeout=120)
        began = time.perf_counter()
        is_page = path[0] == "/" and path not in ("/metrics", "/readyz")
        connection.request("GET", path if path[0] == "/" else f"/api/v1/{path}",
                           headers={"Cookie": cookie} if is_page else {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        connection.close()
        return took, answer.status, body

    entries = json.loads(ask("status")[2])["entries"]
    source = json.loads(ask("attempts?limit=1&channel=webhook")[2])["items"][0]["source"]["ip"]
    drop = json.loads(ask("drops?limit=1")[2])["items"][0]["id"]
    print(f"{entries} entries\n\n| call | median ms | longest ms | bytes |\n|---|---|---|---|")
    slow = []
    # The first look has what takes longer counted beside.
    for path in calls(entries, source, drop) + pages(entries, source, drop) + (sealed_calls(*sealed, ask) if sealed else []):
        answers = [ask(path) for _ in range(7)]
        if any(status not in (200, 404, 409) for _, status, _ in answers):
            sys.exit(f"api: {path}: {answers[0][1]} {answers[0][2][:500]}")
        times = [took for took, _, _ in answers]
        print(f"| {path} | {statistics.median(times):.1f} | {max(times):.1f} | {len(answers[0][2])} |", flush=True)
        if max(times) > most:
            slow.append(path)
    for path in slow:
        print(f"api: {path} took longer than {most:g} ms", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
