#!/usr/bin/env python3
"""How long a caller of the console waits, for its API and for its pages, with a large ledger: the median and the longest of seven requests
of each kind, in ms.

    Tests/Performance/api.py [--gate PROGRAM] [--most MS] [--sealed AGE] [LEDGER]

LEDGER is a ledger.sqlite that nothing has open, as `ledger-bench DIRECTORY ENTRIES` leaves one; a copy of it is used. Without it, a new
gate with a few events. With --sealed, entries older than AGE (200d) are sealed first, in a copy, and some requests ask for them. Each
operation of the served description (openapi.json) is asked for, but those that go on as long as their caller likes; so is each page. Exit
status 1 if a request took longer than `--most`, or if an operation was left out.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "Integration"))
import gate as gates  # noqa: E402

NO_DROP = "0" * 26
TIMES = 7
# An answer of its own length: streams and the export of all attempts.
ENDLESS = {("get", "/attempts/stream"), ("get", "/attempts/export"), ("get", "/drops/stream")}
JOBS = {"ledger/verify": None, "reports": {"since": "2026-06-01", "until": "2026-06-02"},
        "probes": {"kind": "webhook", "target": "https://127.0.0.1:9/"}, "rules/check": None}
# What is answered with another status than 200.
STATUS = {f"drops/{NO_DROP}": 404, "POST drops/{id}/release": 409, "POST drops/{id}/withdraw": 409, "POST /drops/{id}/acknowledge": 303,
          **{f"POST {path}": 202 for path in JOBS}}


def calls(entries, source, drop, path):
    """Those that find what they ask for at once, and those that look in vain. A drop of the ledger, and the path of one that is stored."""
    middle = entries // 2
    return [
        "status", "attempts", "attempts?limit=500", "attempts?reason=pulled", "attempts?verdict=observed", "attempts?kind=policy",
        "attempts?text=nothing-of-this-kind", f"attempts?drop={NO_DROP}", f"attempts?source={source}",
        f"attempts?source={source}&before={middle}", f"attempts/{middle}", f"attempts/{middle}/proof", "ledger/checkpoint",
        "attempts?since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z&verdict=rejected", "ledger", "ledger/keys",
        "drops", "drops?limit=200", "drops?state=released", "drops?state=acknowledged", "drops?state=taken", f"drops/{drop}",
        f"drops/{NO_DROP}", f"drops/at?path={urllib.parse.quote(path)}", "drops/at?path=webhook/nothing", "sources",
        f"sources/explain?ip={source}", "reachability", "accounts", "accounts/vsee", "rules",
        "rules/export?direction=egress&format=edl", "openapi.json", "/metrics", "/healthz",
        "/readyz"]


def pages(entries, source, drop):
    """As a browser that has signed in asks for them."""
    return [
        "/", "/?period=24h", "/?period=30d", "/attempts", "/attempts?text=nothing-of-this-kind", f"/attempts?source={source}",
        "/attempts?reason=pulled", f"/attempts/{entries // 2}", f"/attempts/{entries - 1}", "/sources",
        "/sources/entry?id=test/vsee", f"/sources/explain?ip={source}", "/drops", "/drops?state=taken", f"/drops/{drop}", "/reachability",
        "/reachability/rules?direction=egress&format=edl", "/ledger", "/report", "/reference"]


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
            # Else the gate's commits wait for gigabytes that are still on their way to the disk.
            os.sync()
        try:
            gate.start()
        except AssertionError as error:
            sys.exit(f"api: {error}")
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
    times = [ask.json(f"attempts/{seq}")["time"] for seq in (middle, middle + 1000)]
    return [f"attempts/{last}", f"attempts/{middle}", f"attempts/{middle}/proof", f"/attempts/{last}",
            *(f"{path}?{question}" for path in ("attempts", "/attempts") for question in (
                f"before={last}", f"before={middle}", f"before={last}&text=nothing-of-this-kind", f"before={last}&reason=pulled",
                f"before={last}&source=192.0.2.1", f"since={times[0]}&until={times[1]}"))]


class Asking:
    """Asks the console as an operator, and for contents as a consumer, over a connection of its own each time."""

    def __init__(self, gate):
        self.port = gate.ports["console"]
        self.operator, self.consumer = (
            gate.run("token", "add", role, "--role", role, "--config", gate.config).stdout.strip() for role in ("operator", "consumer"))
        # What was asked of the API: method and path.
        self.asked = set()
        self.cookie = None
        _, headers, _, _ = self.request("POST", "/login", {"token": self.operator})
        self.cookie = headers["Set-Cookie"].partition(";")[0]

    def request(self, method, path, body=None):
        """Status, headers, body and ms. A page's path begins with a slash, and its body is a form; an operation's does not."""
        is_page = path[0] == "/" and path not in ("/metrics", "/healthz", "/readyz")
        token = self.consumer if path.endswith("/content") else self.operator
        headers = {"Cookie": self.cookie or ""} if is_page else {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if is_page else "application/json"
            body = urllib.parse.urlencode(body) if is_page else json.dumps(body)
        if path[0] != "/":
            self.asked.add((method.lower(), "/" + path.partition("?")[0]))
            path = f"/api/v1/{path}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        began = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        took = (time.perf_counter() - began) * 1000
        connection.close()
        return answer.status, answer.headers, data, took

    def json(self, path):
        return json.loads(self.request("GET", path)[2])

    def form_key(self):
        return re.search(r'name="form_key" value="([^"]+)"', self.request("GET", "/sources")[2].decode())[1]


def left_out(ask):
    """The operations of the description that nothing asked for."""
    operations = {(method, path) for path, methods in ask.json("openapi.json")["paths"].items() for method in methods
                  if method in ("get", "post")}
    return sorted((method, path) for method, path in operations - ENDLESS
                  if not any(method == asked and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), where) for asked, where in ask.asked))


def measure(gate, most, sealed):
    ask = Asking(gate)
    sent = [json.loads(gate.post(gates.V2 % f"sent-{number}").stdout)["id"] for number in range(2 * TIMES)]
    stored = [gates.wait_until(lambda: (found := ask.json(f"drops/{drop}"))["state"] == "released" and found, what="the release")
              for drop in sent]
    entries = ask.json("status")["entries"]
    source = ask.json("attempts?limit=1&channel=webhook")["items"][0]["source"]["ip"]
    seq = entries // 2
    drop = next(iter(ask.json(f"drops?limit=1&before={seq}")["items"]), stored[0])["id"]
    gate.run("ledger", "checkpoint", "--config", gate.config)
    print(f"{entries} entries\n\n| request | median ms | longest ms | bytes |\n|---|---|---|---|")
    slow = []

    def show(name, answers):
        for status, _, data, _ in answers:
            if status != STATUS.get(name, 200):
                sys.exit(f"api: {name}: {status} {data[:500]}")
        times = [took for *_, took in answers]
        print(f"| {name} | {statistics.median(times):.1f} | {max(times):.1f} | {len(answers[0][2])} |", flush=True)
        if max(times) > most:
            slow.append(name)

    # The first look has what takes longer counted beside.
    questions = calls(entries, source, drop, stored[0]["file"]) + pages(entries, source, drop)
    for path in questions + (sealed_calls(*sealed, ask) if sealed else []):
        show(path, [ask.request("GET", path) for _ in range(TIMES)])
    show("drops/{id}/content", [ask.request("GET", f"drops/{item['id']}/content") for item in stored[:TIMES]])

    with open(os.path.join(gate.home, "sources/test.yaml"), encoding="utf-8") as file:
        changed = {"list": "test", "text": file.read().replace("127.0.0.2/32", "127.0.0.9/32")}
    show("POST sources/preview", [ask.request("POST", "sources/preview", changed) for _ in range(TIMES)])
    key = {"form_key": ask.form_key()}
    expiry = {"id": "test/vsee", "action": "expire", **key}
    show("POST /sources/change, looked at first", [ask.request("POST", "/sources/change", expiry) for _ in range(TIMES)])
    for change in ("acknowledge", "release", "withdraw"):
        show(f"POST drops/{{id}}/{change}", [ask.request("POST", f"drops/{item['id']}/{change}") for item in stored[:TIMES]])
    show("POST /drops/{id}/acknowledge", [ask.request("POST", f"/drops/{item['id']}/acknowledge", key) for item in stored[TIMES:]])

    for path, body in JOBS.items():
        begun = ask.request("POST", path, body)
        show(f"POST {path}", [begun])
        job = f"jobs/{json.loads(begun[2])['id']}"
        looks = []
        while not looks or json.loads(looks[-1][2])["state"] == "running":
            looks.append(ask.request("GET", job))
            time.sleep(0.2)
        if json.loads(looks[-1][2])["state"] != "done":
            sys.exit(f"api: {path}: {looks[-1][2][:500]}")
        show(f"jobs/{{id}} of {path}", looks)

    for name in slow:
        print(f"api: {name} took longer than {most:g} ms", file=sys.stderr)
    for method, path in (missing := left_out(ask)):
        print(f"api: {method.upper()} {path} was not asked for", file=sys.stderr)
    return 1 if slow or missing else 0


if __name__ == "__main__":
    sys.exit(main())
