#!/usr/bin/env python3
"""A consumer of Dropgate's drops: takes each file from ready/ by one rename, stores what is in it in a database, acknowledges
it, and goes on. Killed at any moment, it goes on where it was: no drop is lost, and none is stored twice.

    consume.py [--once] [--dropgate PROGRAM] [--config FILE] STAGING WORK DATABASE
    consume.py [--once] --api URL --token-file FILE STAGING WORK DATABASE

STAGING is the gate's staging directory, WORK a directory of this consumer's own on the same filesystem, DATABASE an SQLite
file that is made if it is not there. What makes it exact: the drop's id is the key of what is stored, and a drop is
acknowledged only after the transaction with it is durable. Put your own work into `store`, within that transaction; work that
cannot be part of one (a message to somebody) must bear to be done again, with the drop's id as its key. A file is held in memory as a
whole, so one that is larger than LARGEST is left in ready/ and told of.

Takes `staging.layout: file` and `ndjson`, and SFTP's files. It runs as the gate's user and asks the gate's program; or, with --api,
as a user of the group in `staging.group`, and asks the gate's API with a token of role consumer. WORK is then STAGING/taken/NAME.
"""
import argparse
import base64
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

LARGEST = 256 << 20  # bytes of one file; a gate takes uploads of 10 GiB unless its settings say otherwise (sftp.max_file)


class Later(Exception):
    """Not now; the drop stays where it is and is tried again."""


def words(error):
    """An error as people read it: the file, and what is wrong with it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


class Gate:
    """What the gate says of drops, and is told of them. `show` and `acknowledge` are what another way of asking has to have."""

    def state(self, drop):
        return next((shown["state"] for shown in self.show(drop)), None)


class Program(Gate):
    """The gate's program, run as its user."""

    def __init__(self, arguments):
        self.program, self.config = arguments.dropgate, arguments.config

    def run(self, *arguments):
        try:
            return subprocess.run([self.program, "drops", *arguments, "--config", self.config], capture_output=True, text=True,
                                  close_fds=False)
        except OSError as error:
            raise Later(f"the gate's program cannot be run: {words(error)}; name it with --dropgate") from error

    def show(self, what):
        """The drops of an id or a path, as `drops show` tells them; none where the gate knows none."""
        answer = self.run("show", what, "--format", "json")
        if answer.returncode != 0:
            print(f"consume: {answer.stderr.strip()}", file=sys.stderr)
            return []
        try:
            # A name may hold what Python takes for the end of a line.
            return [json.loads(line) for line in answer.stdout.split("\n") if line]
        except ValueError as error:
            raise Later(f"the gate's answer about {what!r} is not JSON: {error}") from error

    def acknowledge(self, drops):
        answer = self.run("ack", *drops)
        # Of some it may have been said before a crash; what counts is what the gate says of them now.
        if answer.returncode != 0 and not all(self.state(drop) in ("acknowledged", "forgotten") for drop in drops):
            raise Later(answer.stderr.strip())


class API(Gate):
    """The gate's API: its user is not needed."""

    def __init__(self, arguments):
        self.root = arguments.api.rstrip("/") + "/api/v1/drops"
        with open(arguments.token_file, encoding="ascii") as file:
            self.token = file.read().strip()

    def ask(self, path, method="GET"):
        request = urllib.request.Request(self.root + path, method=method, headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409, 410):
                return None
            raise Later(f"the gate refuses: {reason(error)}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Later(f"the gate does not answer: {error}") from error

    def show(self, what):
        if "/" not in what:
            drop = self.ask("/" + what)
            return [drop] if drop else []
        drops, after = [], ""
        while True:
            page = self.ask("/at?" + urllib.parse.urlencode({"path": what, "limit": 200}) + after)
            if page is None:
                raise Later(f"{self.root} is not the gate's API")
            drops += page["items"]
            if "next" not in page:
                return drops
            after = f"&after={page['next']}"

    def acknowledge(self, drops):
        for drop in drops:
            # Of some it may have been said before a crash.
            if not self.ask(f"/{drop}/acknowledge", "POST") and self.state(drop) not in ("acknowledged", "forgotten"):
                raise Later(f"drop {drop} is not acknowledged yet")


def reason(error):
    """What the gate says of a refusal; what stands before the gate may say it in another way."""
    try:
        return json.load(error)["detail"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return f"{error.code} {error.reason}"


class Consumer:
    def __init__(self, arguments):
        self.gate = API(arguments) if arguments.api else Program(arguments)
        self.ready = os.path.join(arguments.staging, "ready")
        self.receipts = os.path.join(arguments.staging, "receipts")
        # Also where it may not be read: a consumer that sees nothing must not say that nothing is there.
        os.scandir(self.ready).close()
        self.work = arguments.work
        os.makedirs(self.work, mode=0o700, exist_ok=True)
        if os.stat(self.work).st_dev != os.stat(self.ready).st_dev:
            sys.exit(f"consume: {self.work} is on another filesystem than {self.ready}")
        # Two of them would each go on with what the other has in hand.
        self.lock = os.open(os.path.join(self.work, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.database = sqlite3.connect(arguments.database, isolation_level=None)
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS drops (id TEXT PRIMARY KEY, receipt TEXT NOT NULL, data BLOB NOT NULL)")

    def store(self, receipt, data):
        """Your work, in the transaction that makes it so once."""
        self.database.execute("INSERT INTO drops VALUES (?, ?, ?)", (receipt["drop"], json.dumps(receipt), data))

    # One file, from ready/ to the end

    def receipt(self, path, drop):
        """Where the receipt of a drop lies; events that were released together have one file of receipts."""
        below = os.path.relpath(path, self.ready)
        if below.startswith("webhook" + os.sep) and (below.count(os.sep) == 3 or holds_lines(path)):
            batch = below if holds_lines(path) else os.path.dirname(below) + ".ndjson"
            # Batches of earlier versions have a receipt for each line.
            if os.path.exists(os.path.join(self.receipts, batch)):
                return os.path.join(self.receipts, batch)
        return os.path.join(self.receipts, drop["drop"] + ".json")

    def take(self, path):
        """Moves a file to a directory of its own in WORK, named by the first of its drops."""
        size = os.stat(path).st_size
        if size > LARGEST:
            raise Later(f"{path!r} has {size} bytes, more than LARGEST in this script; it is left there")
        shown = self.gate.show(path)
        if not shown:
            raise Later(f"no drop is known at {path!r}; it is left there")
        for drop in shown:
            # Without it the gate cannot tell a file that was taken from a staging directory that is not mounted.
            if not os.path.exists(self.receipt(path, drop)):
                raise Later(f"the receipt of drop {drop['drop']} is gone; its file is left at {path!r}")
        place = os.path.join(self.work, shown[0]["drop"])
        if os.path.exists(os.path.join(place, "data")):
            raise Later(f"{place} is not done yet")
        os.makedirs(place, mode=0o700, exist_ok=True)
        write(os.path.join(place, "drops.json"), {"path": path, "drops": shown})
        try:
            os.rename(path, os.path.join(place, "data"))
        except FileNotFoundError:
            # Its sender was quicker, and has renamed it or taken it back.
            return shutil.rmtree(place)
        sync(place)
        self.finish(place)

    def finish(self, place):
        """Goes on with a file that was taken, wherever it was left."""
        file = os.path.join(place, "data")
        if not os.path.exists(file):
            return shutil.rmtree(place)
        with open(os.path.join(place, "drops.json"), encoding="utf-8") as record:
            try:
                taken = json.load(record)
            except ValueError as error:
                raise Later(f"{record.name} is broken: {error}; the file beside it is left for somebody to look at") from error
        ids = [drop["drop"] for drop in taken["drops"]]
        state = self.settled(ids[0])
        if state in ("released", "withdrawn"):
            # Between the look and the rename its sender has renamed or removed it, and sent another file under this name.
            put_back(file, taken["path"])
            return shutil.rmtree(place)
        if state not in ("taken", "acknowledged", "forgotten"):
            raise Later(f"the gate does not say what became of drop {ids[0]}")
        with open(file, "rb") as data:
            for receipt, body in contents(taken["path"], taken["drops"], data.read()):
                self.once(receipt, body)
        self.gate.acknowledge(ids)
        shutil.rmtree(place)

    def settled(self, drop):
        """The state of a drop; the ledger's mark of a release comes a moment after the file."""
        for _ in range(100):
            state = self.gate.state(drop)
            if state != "pending":
                return state
            time.sleep(0.1)
        return "pending"

    def once(self, receipt, data):
        if "sha256" not in receipt:
            raise Later(f"the gate does not say the SHA-256 of drop {receipt['drop']}; its data are left in {self.work}")
        if hashlib.sha256(data).hexdigest() != receipt["sha256"]:
            raise Later(f"the data of drop {receipt['drop']} is not what its receipt says; it is left in {self.work}")
        self.database.execute("BEGIN IMMEDIATE")
        try:
            known = self.database.execute("SELECT 1 FROM drops WHERE id = ?", (receipt["drop"],)).fetchone()
            if not known:
                self.store(receipt, data)
            self.database.execute("COMMIT")
        except BaseException:
            self.database.execute("ROLLBACK")
            raise

    # All of them

    def round(self):
        """What was left in WORK, then what lies in ready/. False: something is to be tried again."""
        is_whole = True
        left = [os.path.join(self.work, name) for name in sorted(os.listdir(self.work))]
        unread = []
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.ready, onerror=unread.append)
                 for name in names]
        for error in unread:
            # Directories of ready/ come and go.
            if not isinstance(error, FileNotFoundError) or error.filename == self.ready:
                is_whole = False
                print(f"consume: {words(error)}", file=sys.stderr)
        for step, paths in ((self.finish, filter(os.path.isdir, left)), (self.take, sorted(found))):
            for path in paths:
                try:
                    step(path)
                except (Later, OSError, sqlite3.Error, MemoryError, OverflowError) as problem:
                    is_whole = False
                    print(f"consume: {words(problem) or type(problem).__name__}", file=sys.stderr)
        return is_whole


def holds_lines(path):
    """Whether a file under ready/ holds many events, a line each."""
    return path.endswith(".ndjson") and os.sep + os.path.join("ready", "webhook") + os.sep in path


def contents(path, drops, data):
    """Each receipt with its bytes: those of the file, or of its line in a batch."""
    if not holds_lines(path):
        return [(drops[0], data)]
    pairs = []
    for line in data.split(b"\n"):
        if line:
            try:
                event = json.loads(line)
                body = event["body"].encode() if "body" in event else base64.b64decode(event["body_base64"])
                pairs.append((event["receipt"], body))
            except (ValueError, KeyError, TypeError) as error:
                raise Later("a line of a batch is not an event with its receipt") from error
    if {receipt["drop"] for receipt, _ in pairs} != {drop["drop"] for drop in drops}:
        raise Later("the lines of a batch are not the events that the gate knows")
    return pairs


def put_back(file, path):
    """A rename that replaces nothing (renameat2(2)); FileExistsError where something has the name."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, no_replace = -100, 1
    if libc.renameat2(here, os.fsencode(file), here, os.fsencode(path), no_replace) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)


def write(path, value):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--once", action="store_true", help="end when nothing is left in ready/")
    parser.add_argument("--dropgate", default="dropgate", help="the program")
    parser.add_argument("--config", default="/etc/dropgate/dropgate.yaml", help="its settings")
    parser.add_argument("--api", metavar="URL", help="ask the gate's API in place of its program, http://127.0.0.1:8080")
    parser.add_argument("--token-file", metavar="FILE", help="what `dropgate token add NAME --role consumer` printed")
    for name in ("staging", "work", "database"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    if bool(arguments.api) != bool(arguments.token_file):
        parser.error("--api and --token-file go together")
    if arguments.api and not arguments.api.startswith(("http://", "https://")):
        parser.error(f"{arguments.api} is not a URL; write http://127.0.0.1:8080")
    os.umask(0o077)
    try:
        consumer = Consumer(arguments)
    except OSError as error:
        sys.exit(f"consume: {words(error)}")
    except sqlite3.Error as error:
        sys.exit(f"consume: {arguments.database}: {error}")
    if arguments.once:
        sys.exit(0 if consumer.round() else 1)
    while True:
        consumer.round()
        time.sleep(2)


if __name__ == "__main__":
    main()
