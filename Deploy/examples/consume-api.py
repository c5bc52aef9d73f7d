#!/usr/bin/env python3
"""A consumer of Dropgate's drops that needs neither the gate's user nor its files: it takes them from the gate's API with a token of
role consumer, stores what is in each in a database, and acknowledges it. Killed at any moment, it goes on where it was: no drop is
lost, and none is stored twice.

    consume-api.py [--once] [--interval SECONDS] URL TOKEN_FILE DATABASE

URL is the console's, http://127.0.0.1:8080 as a rule; TOKEN_FILE holds what `dropgate token add NAME --role consumer` printed;
DATABASE is an SQLite file that is made if it is not there. What makes it exact: the drop's id is the key of what is stored, and a
drop is acknowledged only after the transaction with it is durable. Put your own work into `store`, within that transaction; work
that cannot be part of one (a message to somebody) must bear to be done again, with the drop's id as its key. A drop is held in memory
as a whole, so one that is larger than LARGEST is left and told of.
"""
import argparse
import hashlib
import http.client
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request

LARGEST = 256 << 20  # bytes of one drop; a gate takes files of 10 GiB unless its settings say otherwise (sftp.max_file)


class Gate:
    def __init__(self, url, token):
        self.root, self.token = url.rstrip("/") + "/api/v1", token

    def ask(self, path, method="GET"):
        """The body of an answer. Raises urllib.error.HTTPError for a refusal, with the gate's words in it."""
        request = urllib.request.Request(self.root + path, method=method, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def released(self):
        """The drops that lie ready, newest first."""
        before = ""
        while True:
            page = json.loads(self.ask(f"/drops?state=released&limit=200{before}"))
            yield from page["items"]
            if "next" not in page:
                return
            before = f"&before={page['next']}"


def reason(error):
    """What the gate says of a refusal; what stands before the gate may say it in another way."""
    try:
        return json.load(error)["detail"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return error.reason


def store(database, drop, content):
    """Your work, within the transaction."""
    database.execute("INSERT INTO drops (id, channel, name, received, content) VALUES (?, ?, ?, ?, ?)",
                     (drop["id"], drop["channel"], drop["name"], drop["received"], content))


def take(gate, database, drop):
    """Stores a drop, unless it is stored, and says so to the gate."""
    if not database.execute("SELECT 1 FROM drops WHERE id = ?", (drop["id"],)).fetchone():
        if drop["bytes"] > LARGEST:
            raise ValueError(f"drop {drop['id']} has {drop['bytes']} bytes, more than LARGEST in this script; it is left")
        content = gate.ask(f"/drops/{drop['id']}/content")
        if hashlib.sha256(content).hexdigest() != drop["sha256"]:
            raise ValueError(f"drop {drop['id']} did not arrive as its receipt says; it is tried again")
        with database:
            store(database, drop, content)
    gate.ask(f"/drops/{drop['id']}/acknowledge", "POST")


def one_round(gate, database):
    """Takes what lies ready. Returns whether all of it could be taken."""
    is_whole = True
    # In the order in which they came.
    for drop in reversed(list(gate.released())):
        try:
            take(gate, database, drop)
        except urllib.error.HTTPError as error:
            # The token does not do any more, or the gate asks for patience: that is so for all of them.
            if error.code in (401, 403, 429, 503):
                raise
            # Its sender has withdrawn it, or somebody else has taken or acknowledged it. What else it is, the others are not to wait.
            is_whole = is_whole and error.code in (404, 409, 410)
            print(f"consume: {drop['id']}: {reason(error)}", file=sys.stderr)
        except (ValueError, sqlite3.Error, MemoryError, OverflowError) as error:
            print(f"consume: {error or type(error).__name__}", file=sys.stderr)
            is_whole = False
    return is_whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end when nothing is left")
    parser.add_argument("--interval", type=float, default=2, help="seconds between two looks")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("token_file", metavar="TOKEN_FILE")
    parser.add_argument("database", metavar="DATABASE")
    arguments = parser.parse_args()
    if not arguments.url.startswith(("http://", "https://")):
        sys.exit(f"consume: {arguments.url} is not a URL; write http://127.0.0.1:8080")
    try:
        with open(arguments.token_file) as file:
            gate = Gate(arguments.url, file.read().strip())
    except OSError as error:
        sys.exit(f"consume: the token cannot be read: {error.filename}: {error.strerror}")
    try:
        database = sqlite3.connect(arguments.database)
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS drops (id TEXT PRIMARY KEY, channel TEXT, name TEXT, received TEXT, content BLOB)")
    except sqlite3.Error as error:
        sys.exit(f"consume: {arguments.database}: {error}")
    while True:
        try:
            is_whole = one_round(gate, database)
            if arguments.once:
                return 0 if is_whole else 1
        except urllib.error.HTTPError as error:
            print(f"consume: the gate refuses: {error.code}: {reason(error)}", file=sys.stderr)
            if arguments.once:
                return 1
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            print(f"consume: the gate does not answer: {error}", file=sys.stderr)
            if arguments.once:
                return 1
        time.sleep(arguments.interval)


if __name__ == "__main__":
    sys.exit(main())
