"""The console's API: what each role may do, pages and streams of attempts, and consumers that take drops by it alone."""
# Needs: openssl pypi curl python3-cryptography iproute2
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

from gate import BIN, V2, Gate, free_port, read, wait_until

LONG = os.environ.get("LONG_TESTS") == "1"
ROLES = ("viewer", "auditor", "operator", "consumer")
NO_DROP = "0" * 26


class API:
    """One caller of a gate's API."""

    def __init__(self, gate, token=None):
        self.gate, self.token = gate, token

    def ask(self, path, method="GET", body=None, headers=None):
        """Status, headers and body of an answer; JSON is decoded."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=20)
        try:
            own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, "/api/v1" + path, body=body, headers={**own, **(headers or {})})
            answer = connection.getresponse()
            data = answer.read()
            if "json" in (answer.headers["content-type"] or "") and data:
                data = json.loads(data)
            return answer.status, answer.headers, data
        finally:
            connection.close()

    def get(self, path, **headers):
        status, _, data = self.ask(path, headers=headers)
        assert status == 200, (path, status, data)
        return data

    def all(self, path, key="seq", limit=7):
        """The items of all pages."""
        items, before = [], ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{before}")
            assert len(page["items"]) <= limit
            items += page["items"]
            if "next" not in page:
                return items
            before = f"&before={page['next']}"

    def events(self, path, headers=None):
        return Events(self, path, headers or {})


class Events:
    """A stream of server-sent events, read as it comes."""

    def __init__(self, api, path, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", api.gate.ports["console"], timeout=20)
        self.connection.request("GET", "/api/v1" + path, headers={"Authorization": f"Bearer {api.token}", **headers})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["content-type"] == "text/event-stream"

    def __iter__(self):
        """(id, entry) of each, the id as a number if it is one; ends with the stream."""
        fields = {}
        while line := self.answer.readline():
            line = line.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield int(fields["id"]) if fields["id"].isdigit() else fields["id"], json.loads(fields["data"])
                fields = {}
            else:
                fields = {}

    def close(self):
        self.connection.close()


def token(gate, name, role, *more):
    """A new token."""
    made = gate.run("token", "add", name, "--role", role, *more, "--config", gate.config)
    assert made.stdout.startswith("dgt_") and len(made.stdout) == 69, made.stdout
    return made.stdout.strip()


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        cls.callers = {role: API(cls.gate, token(cls.gate, role, role)) for role in ROLES}
        cls.gate.post(V2 % "e-1")
        cls.gate.sftp(f'put {cls.gate.file("labs.csv", b"some bytes")} labs.csv\n')
        wait_until(lambda: len(cls.gate.released()) == 2, what="the releases")
        cls.drop = cls.callers["viewer"].all("/drops")[0]["id"]
        wait_until(lambda: cls.callers["viewer"].ask("/attempts/0/proof")[0] == 200, what="a checkpoint")

    def refused(self, reason, **members):
        """The newest entry of a refusal by the console."""
        entries = [entry for entry in self.gate.entries("--channel", "console", "--reason", reason)]
        self.assertTrue(entries, reason)
        for name, value in members.items():
            self.assertEqual(entries[-1]["request"][name], value)
        return entries[-1]

    def test_each_role_may_do_its_part_and_no_more(self):
        """By what is asked: the status for viewer, auditor, operator and consumer."""
        drop = self.drop
        for method, path, statuses in (
                ("GET", "/status", (200, 200, 200, 403)),
                ("GET", "/attempts", (200, 200, 200, 403)),
                ("GET", "/attempts/0", (200, 200, 200, 403)),
                ("GET", "/attempts/0/proof", (200, 200, 200, 403)),
                ("GET", "/ledger/checkpoint", (200, 200, 200, 403)),
                ("GET", "/ledger/keys", (200, 200, 200, 403)),
                ("GET", "/sources", (200, 200, 200, 403)),
                ("GET", "/sources/explain?ip=20.21.208.105", (200, 200, 200, 403)),
                ("GET", "/accounts", (200, 200, 200, 403)),
                ("GET", "/accounts/vsee", (200, 200, 200, 403)),
                ("GET", "/reachability", (200, 200, 200, 403)),
                ("GET", "/ledger", (200, 200, 200, 403)),
                ("GET", "/rules", (200, 200, 200, 403)),
                ("GET", "/rules/export?direction=egress&format=edl", (200, 200, 200, 403)),
                ("GET", "/attempts/export?verdict=rejected", (403, 200, 200, 403)),
                ("POST", "/reports", (403, 400, 400, 403)),
                ("POST", "/probes", (403, 403, 400, 403)),
                ("POST", "/sources/preview", (400, 400, 400, 403)),
                ("GET", "/jobs/0123456789abcdef", (404, 404, 404, 403)),
                ("GET", "/drops", (200, 200, 200, 200)),
                ("GET", f"/drops/{drop}", (200, 200, 200, 200)),
                ("GET", f"/drops/{drop}/content", (403, 403, 403, 200)),
                ("POST", f"/drops/{NO_DROP}/acknowledge", (403, 403, 404, 404)),
                ("POST", f"/drops/{NO_DROP}/release", (403, 403, 404, 403)),
                ("POST", f"/drops/{NO_DROP}/withdraw", (403, 403, 404, 403)),
                ("GET", "/drops/at?path=ready/sftp/x", (200, 200, 200, 200))):
            for role, status in zip(ROLES, statuses):
                got, _, data = self.callers[role].ask(path, method)
                self.assertEqual(got, status, (role, method, path, data))
                if status >= 400:
                    self.assertEqual(data["status"], status)
                    self.assertTrue(data["detail"] and data["code"])
        refusal = self.refused("forbidden_operation")
        self.assertEqual((refusal["kind"], refusal["verdict"]), ("request", "rejected"))

    def test_without_a_good_token_nothing_is_told_and_the_ledger_knows(self):
        good = self.callers["viewer"].token
        for offered in (None, "", "dgt_" + "0" * 64, good[:-1], good + "0", good.upper()):
            status, headers, data = API(self.gate, offered).ask("/attempts")
            self.assertEqual((status, headers["www-authenticate"], data["code"]), (401, "Bearer", "unauthorized"))
        # Not even which paths there are.
        self.assertEqual(API(self.gate).ask("/nothing")[0], 401)
        self.assertEqual(self.refused("auth_failed")["detail"]["message"], "unauthorized")
        for value in (f"Basic {good}", f"Bearer {good} x", good):
            self.assertEqual(API(self.gate).ask("/attempts", headers={"Authorization": value})[0], 401, value)
        for line in self.gate.run("attempts", "--format", "jsonl", "--limit", "0", "--config", self.gate.config).stdout, \
                self.gate.log():
            self.assertNotIn(good[4:], line)

    def test_a_page_of_another_site_is_not_answered(self):
        viewer = self.callers["viewer"]
        host = f"127.0.0.1:{self.gate.ports['console']}"
        self.assertEqual(viewer.ask("/attempts", headers={"Origin": f"http://{host}"})[0], 200)
        for origin in ("https://evil.example", "null", f"http://{host}.evil.example", "http://127.0.0.1:1"):
            status, headers, data = viewer.ask("/attempts", headers={"Origin": origin})
            self.assertEqual((status, data["code"]), (403, "cross_origin"), origin)
            self.assertNotIn("access-control-allow-origin", headers)

    def test_what_is_not_understood_is_refused(self):
        viewer = self.callers["viewer"]
        for query in ("nothing=1", "limit=0", "limit=501", "limit=1&limit=2", "limit=%zz", "limit=01", "before=-1",
                      "verdict=maybe", "since=yesterday", "source=1.2.3", "source=0.0.0.0/0", "text=", "kind=%ff",
                      "limit=1" + "&reason=listed" * 300):
            status, _, data = viewer.ask("/attempts?" + query)
            self.assertEqual((status, data["code"]), (400, "bad_parameter"), query)
        self.assertEqual(viewer.ask("/attempts/one")[0], 404)
        self.assertEqual(viewer.ask("/attempts/99999999")[0], 404)
        self.assertEqual(viewer.ask("/drops/..%2f..%2fetc")[0], 404)
        status, headers, _ = viewer.ask("/attempts", "DELETE")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))

    def test_answers_are_not_kept_by_others_and_can_be_asked_for_again(self):
        viewer = self.callers["viewer"]
        status, headers, data = viewer.ask("/attempts/0")
        self.assertEqual((status, headers["cache-control"], headers["x-content-type-options"]), (200, "no-store", "nosniff"))
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        again, _, body = viewer.ask("/attempts/0", headers={"If-None-Match": f'"other", {headers["etag"]}'})
        self.assertEqual((again, body), (304, b""))
        status, head, body = viewer.ask("/attempts/0", "HEAD")
        self.assertEqual((status, head["etag"], body), (200, headers["etag"], b""))

    def test_an_answer_to_head_has_no_body_not_even_a_refusal(self):
        viewer = f"Authorization: Bearer {self.callers['viewer'].token}\r\n"
        for path, more, status in (
                ("/api/v1/status", "", 401), ("/api/v1/status", viewer, 200), ("/api/v1/nothing", viewer, 404),
                ("/api/v1/attempts?limit=0", viewer, 400), (f"/api/v1/drops/{NO_DROP}", viewer, 404),
                (f"/api/v1/drops/{self.drop}/acknowledge", viewer, 405), ("/metrics", "", 401), ("/nothing", "", 404),
                ("/login", "", 200), ("/attempts/stream/x", "", 404)):
            with socket.create_connection(("127.0.0.1", self.gate.ports["console"]), timeout=20) as caller:
                caller.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n"
                               "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                said = b"".join(iter(lambda: caller.recv(1 << 16), b""))
            head, _, rest = said.partition(b"\r\n\r\n")
            self.assertRegex(head, rf"^HTTP/1.1 {status} ".encode(), path)
            self.assertRegex(head.lower(), rb"content-length: [1-9]", path)
            self.assertTrue(rest.startswith(b"HTTP/1.1 200"), (path, rest))

    def test_asking_for_the_head_of_a_stream_begins_none(self):
        viewer = API(self.gate, token(self.gate, "curious", "viewer"))
        for _ in range(20):
            status, headers, body = viewer.ask("/attempts/stream", "HEAD")
            self.assertEqual((status, headers["content-type"], body), (200, "text/event-stream", b""))
        self.assertEqual(self.gate.entries("--kind", "access", "--text", "curious"), [])

    def test_figures_are_for_those_who_may_look(self):
        for role in ROLES:
            connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=20)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.callers[role].token}"})
                answer = connection.getresponse()
                body = answer.read().decode()
            self.assertEqual(answer.status, 403 if role == "consumer" else 200, role)
            self.assertEqual("dropgate_build_info" in body, role != "consumer", role)

    def health(self, gate, path, authorization=None):
        """The status and the body of a health page."""
        connection = http.client.HTTPConnection("127.0.0.1", gate.ports["console"], timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def test_guessing_tokens_at_the_health_pages_is_in_the_ledger_and_polling_is_not(self):
        with Gate() as gate:
            # Balancers poll, and show nothing.
            self.assertEqual(self.health(gate, "/readyz")[0], 200)
            self.assertEqual(self.health(gate, "/metrics")[0], 401)
            small = f"Bearer {token(gate, 'small', 'consumer')}"
            for path, wrong, few in (("/metrics", 401, 403), ("/readyz", 200, 200)):
                for authorization, status in ((f"Bearer dgt_{'0' * 64}", wrong), ("Basic dDp0", wrong), (small, few)):
                    answer, body = self.health(gate, path, authorization)
                    self.assertEqual(answer, status, (path, authorization))
                    self.assertNotIn("dropgate_", body)
            gate.stop()
            told = [(entry["reason"], entry["request"]["path"], entry["request"]["status"], entry["verdict"])
                    for entry in gate.entries("--channel", "console", "--kind", "request")]
        self.assertEqual(told, [
            ("auth_failed", "/metrics", 401, "rejected"), ("auth_failed", "/metrics", 401, "rejected"),
            ("forbidden_operation", "/metrics", 403, "rejected"), ("auth_failed", "/readyz", 200, "rejected"),
            ("auth_failed", "/readyz", 200, "rejected"), ("forbidden_operation", "/readyz", 200, "rejected")])

    def test_the_ingress_does_not_know_the_api(self):
        for path in ("/api/v1/attempts", "/api/v1/openapi.json", "/metrics", "/readyz"):
            code = self.gate_curl(path)
            self.assertEqual(code, "404", path)

    def gate_curl(self, path):
        return subprocess.run(
            ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--interface", "127.0.0.2", "-H",
             f"Authorization: Bearer {self.callers['operator'].token}",
             f"https://127.0.0.1:{self.gate.ports['webhook']}{path}"], capture_output=True, text=True, timeout=30).stdout

    def test_a_path_that_names_no_line_of_a_batch_has_no_drops(self):
        for line in ("-9223372036854775808", "9223372036854775807", "99999999999999999999", "-1", "0", "1", "", "x"):
            for batch in ("webhook/2026-11-23/081530Z-x.ndjson", "receipts/webhook/2026-11-23/081530Z-x.ndjson"):
                told = self.callers["viewer"].get(f"/drops/at?path={batch}:{line}")
                self.assertEqual(told["items"], [], (batch, line))

    def test_callers_who_say_nothing_take_a_bounded_part_of_the_gates_descriptors(self):
        with Gate() as gate:
            caller, silent = API(gate, token(gate, "viewer", "viewer")), []
            try:
                for _ in range(600):
                    silent.append(socket.create_connection(("127.0.0.1", gate.ports["console"]), timeout=20))
                # More wait, and the receivers have their descriptors.
                self.assertEqual(gate.post(V2 % "e-1").returncode, 0)
                descriptors = len(os.listdir(f"/proc/{gate.process.pid}/fd"))
                self.assertLess(descriptors, 512 + 100)
            finally:
                for connection in silent:
                    connection.close()
            self.assertEqual(caller.get("/drops")["items"][0]["event_id"], "e-1")

    def test_a_token_has_a_hundred_accesses_recorded_and_then_waits(self):
        """Signing in, streams and exports: an entry each, and whoever may look must not be able to fill the disk."""
        with Gate() as gate:
            secret = token(gate, "auditor", "auditor")
            caller, port = API(gate, secret), gate.ports["console"]

            def export():
                return caller.ask("/attempts/export?verdict=observed")

            def sign_in(secret):
                form = urllib.parse.urlencode({"token": secret})
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                    connection.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
                    answer = connection.getresponse()
                    return answer.status, answer.getheader("set-cookie"), answer.getheader("retry-after")

            status, cookie, _ = sign_in(secret)
            self.assertEqual(status, 303)
            self.assertEqual([export()[0] for _ in range(99)], [200] * 99)
            status, headers, data = export()
            self.assertEqual((status, data["code"]), (429, "too_many_entries"))
            self.assertIn(int(headers["retry-after"]), range(1, 12))
            self.assertEqual(caller.ask("/attempts/stream")[0], 429)
            self.assertEqual(sign_in(secret)[:2], (429, None))
            # What it has goes on, and other tokens are not kept waiting.
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request("GET", "/attempts", headers={"Cookie": cookie.split(";")[0]})
                self.assertEqual(connection.getresponse().status, 200)
            self.assertEqual(API(gate, token(gate, "other", "auditor")).ask("/attempts/export?verdict=observed")[0], 200)
            self.assertEqual(len([e for e in gate.entries("--kind", "access") if e["detail"].get("token") == "auditor"]), 100)

    def test_what_a_drop_holds_is_not_given_where_the_disk_has_no_room_for_the_entry(self):
        with Gate() as gate:
            gate.post(V2 % "e-1")
            drop = wait_until(lambda: gate.released(), what="the release")[0]["id"]
            secret = token(gate, "ehr", "consumer")
            gate.stop()
            gate.environment["DROPGATE_STAGING_RESERVE"] = "1000TiB"
            gate.start()
            status, headers, data = API(gate, secret).ask(f"/drops/{drop}/content")
            self.assertEqual((status, data["code"]), (503, "no_space"))
            self.assertTrue(headers["retry-after"])
            self.assertEqual([e for e in gate.entries("--kind", "access") if e["detail"].get("command") == "drops content"], [])

    def test_a_body_that_breaks_off_is_not_called_too_large(self):
        with Gate() as gate:
            for path, kind in (("/login", "application/x-www-form-urlencoded"), ("/api/v1/sources/preview", "application/json")):
                with socket.create_connection(("127.0.0.1", gate.ports["console"]), timeout=20) as one:
                    one.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token(gate, 'v' + kind[-4:], 'viewer')}\r\n"
                                f"content-type: {kind}\r\ncontent-length: 100\r\n\r\nshort".encode())
                    one.shutdown(socket.SHUT_WR)
                    while one.recv(4096):
                        pass
            gate.stop()
            self.assertEqual(gate.entries("--reason", "too_large"), [])

    def test_one_source_leaves_connections_to_the_others(self):
        # Sources on the gate's own machine are not told apart, so this needs a network with others.
        network = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        here = os.path.dirname(os.path.abspath(__file__))
        tried = subprocess.run(
            [*network, "sh", "-ec", "ip link set lo up; ip address add 192.0.2.1/24 dev lo; "
             'exec "$0" -B -c "import sys; sys.path.insert(0, sys.argv[1]); import test_api; test_api.hold_connections()" "$1"',
             sys.executable, here], capture_output=True, text=True, timeout=120)
        self.assertEqual((tried.returncode, tried.stdout.splitlines()[-1:]), (0, ["held"]), tried.stderr)

    def test_a_request_that_is_too_long_is_refused(self):
        status, _, data = self.callers["consumer"].ask(
            f"/drops/{self.drop}/acknowledge", "POST", body=b"x" * 5000, headers={"Content-Type": "application/json"})
        self.assertEqual((status, data["code"]), (413, "too_large"))
        self.refused("too_large", status=413)
        with socket.create_connection(("127.0.0.1", self.gate.ports["console"]), timeout=20) as slow:
            slow.sendall(b"GET /api/v1/attempts HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 40_000 + b"\r\n\r\n")
            self.assertNotIn(b" 200 ", slow.recv(4096)[:20])

    def test_the_lists_and_what_they_decide_are_those_of_the_commands(self):
        viewer, here = self.callers["viewer"], ("--format", "json", "--config", self.gate.config)
        self.assertEqual(viewer.get("/sources"), json.loads(self.gate.run("source", "list", *here).stdout))
        for ip, verdict in (("127.0.0.2", "accepted"), ("127.0.0.9", "rejected")):
            told = viewer.get(f"/sources/explain?ip={ip}&channel=webhook")["items"]
            said = json.loads(self.gate.run("source", "explain", ip, "--channel", "webhook", *here, check=False).stdout)
            self.assertEqual([item | {"at": ""} for item in told], [item | {"at": ""} for item in said])
            self.assertEqual(told[0]["verdict"], verdict)
        self.assertEqual([item["channel"] for item in viewer.get("/sources/explain?ip=127.0.0.2")["items"]], ["webhook", "sftp"])
        for query in ("", "?ip=x", "?ip=127.0.0.2&channel=console", "?ip=127.0.0.2/32", "?ip=127.0.0.2&at=now"):
            self.assertEqual(viewer.ask("/sources/explain" + query)[0], 400, query)
        past = viewer.get("/sources/explain?ip=127.0.0.2&at=2020-01-01T00:00:00Z")["items"]
        self.assertEqual([item["known"] for item in past], [False, False])

    def test_the_status_is_that_of_readyz(self):
        status = self.callers["viewer"].get("/status")
        self.assertEqual((status["status"], status["node"]), ("ready", status["node"]))
        self.assertGreater(status["entries"], 3)


class Attempts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        cls.viewer = API(cls.gate, token(cls.gate, "viewer", "viewer"))
        for number in range(20):
            cls.gate.post(V2 % f"e-{number % 15}")
        cls.gate.post("{}", source="127.0.0.9")

    def test_pages_give_each_entry_once_as_it_is_stored(self):
        stored = self.gate.entries()
        given = [item for item in self.viewer.all("/attempts") if item["seq"] <= stored[-1]["seq"]]
        self.assertEqual(given[::-1], stored)

    def test_filters_are_those_of_the_command(self):
        for query, options in (
                ("verdict=rejected", ("--verdict", "rejected")), ("reason=duplicate", ("--reason", "duplicate")),
                ("channel=webhook&kind=request", ("--channel", "webhook", "--kind", "request")),
                ("source=127.0.0.0%2F29", ("--source", "127.0.0.0/29")), ("text=E-7", ("--text", "E-7")),
                ("reason=listed&reason=duplicate", ("--reason", "listed", "--reason", "duplicate")),
                ("entry=test%2Fvsee", ("--entry", "test/vsee")), ("reason=pulled", ("--reason", "pulled"))):
            self.assertEqual(self.viewer.all("/attempts?" + query)[::-1], self.gate.entries(*options), query)

    def test_times_bound_what_is_given(self):
        stored = self.gate.entries()
        since, until = stored[5]["time"], stored[12]["time"]
        self.assertEqual(self.viewer.all(f"/attempts?since={since}&until={until}", limit=3)[::-1], stored[5:12])

    def test_one_entry_is_given_byte_for_byte(self):
        seq = self.gate.entries()[3]["seq"]
        line = self.gate.run("attempts", "--format", "jsonl", "--after", str(seq - 1), "--limit", "1", "--config",
                             self.gate.config).stdout
        status, headers, _ = self.viewer.ask(f"/attempts/{seq}")
        digest = hashlib.sha256(line.rstrip("\n").encode()).hexdigest()
        self.assertEqual(headers["etag"], f'"{digest[:32]}"')

    def test_an_entry_is_proven_without_the_gate(self):
        seq = self.gate.entries("--reason", "duplicate")[0]["seq"]
        path = f"/attempts/{seq}/proof"
        proof = wait_until(lambda: self.viewer.ask(path)[2] if self.viewer.ask(path)[0] == 200 else None, what="a checkpoint")
        self.assertIn(self.viewer.get("/ledger/checkpoint").decode().split("\n")[0], proof.decode())
        files = {"entry.json": self.raw(f"/attempts/{seq}"), "proof": proof, "key.pub": self.viewer.get("/ledger/keys")}
        with tempfile.TemporaryDirectory() as root:
            for name, data in files.items():
                with open(os.path.join(root, name), "wb") as file:
                    file.write(data)
            program = os.path.join(os.path.dirname(__file__), "../../Deploy/verify-bundle.py")

            def verified():
                return subprocess.run(
                    ["/usr/bin/python3", program, "--key", f"{root}/key.pub", "--proof", f"{root}/proof", f"{root}/entry.json"],
                    capture_output=True, text=True, timeout=60)
            self.assertEqual(verified().returncode, 0, verified().stderr)
            with open(os.path.join(root, "entry.json"), "wb") as file:
                file.write(files["entry.json"].replace(b"duplicate", b"listed"))
            self.assertNotEqual(verified().returncode, 0)
        newest = self.viewer.all("/attempts")[0]["seq"]
        self.assertEqual(self.viewer.ask(f"/attempts/{newest + 1000}/proof")[0], 404)

    def raw(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/api/v1" + path, headers={"Authorization": f"Bearer {self.viewer.token}"})
            return connection.getresponse().read()

    def test_a_stream_gives_what_comes_and_goes_on_where_it_was(self):
        events = self.viewer.events("/attempts/stream?channel=webhook")
        self.addCleanup(events.close)
        self.gate.post(V2 % "live-1")
        seen, entry = next(iter(events))
        self.assertEqual(entry["drop"]["event_id"], "live-1")
        events.close()
        for name in ("live-2", "live-3"):
            self.gate.post(V2 % name)
        again = self.viewer.events("/attempts/stream?channel=webhook", {"Last-Event-ID": str(seen)})
        self.addCleanup(again.close)
        stream = iter(again)
        self.assertEqual([next(stream)[1]["drop"]["event_id"] for _ in range(2)], ["live-2", "live-3"])
        opened = self.gate.entries("--kind", "access", "--text", "attempts stream")
        self.assertEqual(opened[-1]["detail"] | {"token": "viewer", "role": "viewer", "after": seen}, opened[-1]["detail"])

    def test_a_stream_from_the_beginning_gives_everything(self):
        stored = self.gate.entries()
        events = self.viewer.events("/attempts/stream?after=-1")
        self.addCleanup(events.close)
        stream = iter(events)
        self.assertEqual([next(stream)[1] for _ in stored], stored)

    def test_a_revoked_token_ends_its_streams(self):
        api = API(self.gate, token(self.gate, "leaver", "viewer"))
        events = api.events("/attempts/stream?kind=login")
        self.addCleanup(events.close)
        self.gate.run("token", "revoke", "leaver", "--config", self.gate.config)
        self.assertEqual(list(events), [])
        self.assertEqual(api.ask("/attempts")[0], 401)
        changes = self.gate.entries("--kind", "policy", "--text", "leaver")
        self.assertEqual([change["detail"]["diff"] for change in changes], [["+ leaver (viewer)"], ["- leaver"]])
        self.assertIn("uid", changes[0]["detail"])
        report = self.gate.run("report", "--since", "1h", "--config", self.gate.config).stdout
        self.assertRegex(report, r"in force +\+ leaver \(viewer\)|in force +token add")

    def test_a_token_that_has_expired_is_good_for_nothing(self):
        late = self.gate.run("token", "add", "late", "--role", "viewer", "--expires", "2020-01-01T00:00:00Z", "--config",
                             self.gate.config, check=False)
        self.assertEqual(late.returncode, 64, late.stderr)
        kept = token(self.gate, "short", "viewer", "--expires", "2999-01-01T00:00:00Z")
        self.assertEqual(API(self.gate, kept).ask("/attempts")[0], 200)
        path = os.path.join(self.gate.home, "state/tokens/short.json")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        text = read(path)
        self.assertNotIn(kept[4:], text)
        with open(path, "w") as file:
            file.write(text.replace("2999", "2021"))
        wait_until(lambda: API(self.gate, kept).ask("/attempts")[0] == 401, what="the end of the token")
        listed = json.loads(self.gate.run("token", "list", "--format", "json", "--config", self.gate.config).stdout)
        self.assertIs({item["name"]: item for item in listed}["short"]["expired"], True)

    def test_a_damaged_token_is_none_and_is_told_of(self):
        path = os.path.join(self.gate.home, "state/tokens/damaged.json")
        with open(path, "w") as file:
            file.write('{"name":"damaged","role":"operator"}')
        os.chmod(path, 0o600)
        self.addCleanup(self.viewer.ask, "/status")
        self.addCleanup(os.unlink, path)
        self.assertIn("console.tokens", self.viewer.get("/status")["problems"])
        # Reasons are for those who may look.
        consumer = token(self.gate, "reader", "consumer")
        for secret, told in ((self.viewer.token, True), (consumer, False), ("dgt_nobody", False)):
            connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=20)
            with contextlib.closing(connection):
                connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {secret}"})
                answer = json.loads(connection.getresponse().read())
            self.assertEqual((answer["status"], "problems" in answer), ("degraded", told))
        listed = self.gate.run("token", "list", "--config", self.gate.config, check=False)
        self.assertEqual(listed.returncode, 78)
        self.assertIn("damaged.json", listed.stderr)

    def test_streams_end_when_the_gate_stops_and_nothing_holds_the_ledger_open(self):
        with Gate() as gate:
            viewer = API(gate, token(gate, "viewer", "viewer"))
            gate.post(V2 % "e-1")
            viewer.all("/attempts")
            viewer.get("/status")
            readers = []
            for path in ("/attempts/stream", "/drops/stream"):
                events = viewer.events(path)
                self.addCleanup(events.close)
                readers.append(threading.Thread(target=lambda events=events: list(events)))
                readers[-1].start()
            self.assertEqual(gate.stop(), 0)
            for reader in readers:
                reader.join(20)
                self.assertFalse(reader.is_alive())
            # The last one that closes the ledger takes its log in.
            self.assertEqual([name for name in os.listdir(os.path.join(gate.home, "state")) if name.endswith("-wal")], [])


class Work(unittest.TestCase):
    """What takes longer, what leaves in bulk, and what a change would come to."""

    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        cls.operator = API(cls.gate, token(cls.gate, "boss", "operator"))
        cls.auditor = API(cls.gate, token(cls.gate, "auditor", "auditor"))
        for number in range(30):
            cls.gate.post(V2 % f"e-{number}")
        cls.gate.post("{}", source="127.0.0.9")

    def begun(self, path, body, caller=None):
        """The job of a request, when it has ended."""
        caller = caller or self.auditor
        status, headers, job = caller.ask(path, "POST", body=json.dumps(body), headers={"Content-Type": "application/json"})
        self.assertEqual((status, headers["location"]), (202, f"/api/v1/jobs/{job['id']}"), job)
        return wait_until(lambda: (found := caller.get(f"/jobs/{job['id']}"))["state"] != "running" and found, what="the end of a job")

    def test_an_export_is_what_the_command_gives_and_names_who_took_it(self):
        for name, query, options in (("jsonl", "", ()), ("csv", "&verdict=rejected", ("--verdict", "rejected")),
                                     ("syslog", "&channel=webhook", ("--channel", "webhook"))):
            status, headers, data = self.auditor.ask(f"/attempts/export?format={name}{query}")
            self.assertEqual((status, headers["content-disposition"]), (200, f'attachment; filename="attempts.{name}"'))
            own = self.gate.entries("--reason", "exported", "--text", "auditor")[-1]
            self.assertEqual((own["detail"]["token"], own["detail"]["format"]), ("auditor", name))
            told = self.gate.run("attempts", "--format", name, "--limit", "0", *options, "--before", str(own["seq"]), "--config",
                                 self.gate.config).stdout
            self.assertEqual(data.decode().replace("\r\n", "\n"), told)

    def test_an_export_that_is_broken_off_is_another_entry(self):
        gate = Gate()
        self.addCleanup(gate.close)
        gate.start()
        caller = API(gate, token(gate, "auditor", "auditor"))
        # More than the sockets between take.
        sender = http.client.HTTPSConnection("127.0.0.1", gate.ports["webhook"], timeout=20, source_address=("127.0.0.2", 0),
                                             context=ssl._create_unverified_context())
        with contextlib.closing(sender):
            for number in range(4000):
                sender.request("POST", "/webhooks/vsee", V2 % f"e-{number}")
                self.assertEqual(sender.getresponse().read()[:1], b"{")
        with socket.socket() as leaver:
            leaver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            leaver.connect(("127.0.0.1", gate.ports["console"]))
            leaver.sendall(f"GET /api/v1/attempts/export?format=ocsf HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.token}\r\n\r\n".encode())
            self.assertIn(b"200 OK", leaver.recv(1000))
            # It goes without having read the rest.
            leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        whole = wait_until(lambda: gate.entries("--reason", "exported", "--text", "auditor"), what="the export")[0]
        part = wait_until(lambda: gate.entries("--reason", "exported_in_part"), what="the end of it")[0]
        self.assertEqual((part["detail"]["part_of"], part["detail"]["token"]), (whole["seq"], "auditor"))
        self.assertLess(part["detail"]["entries"], 4000)
        self.assertEqual(caller.ask("/status")[0], 200)

    def test_the_ledger_is_verified_with_progress(self):
        job = self.begun("/ledger/verify", {"comment": "each month"})
        self.assertEqual((job["state"], job["good"], job["kind"]), ("done", True, "verify"))
        self.assertTrue(job["result"]["verified"] and job["result"]["entries"] > 30)
        self.assertIn("token auditor at 127.0.0.1", job["by"])
        entry = self.gate.entries("--kind", "access", "--text", "each month")[-1]
        self.assertEqual((entry["detail"]["command"], entry["detail"]["token"]), ("ledger verify", "auditor"))

    def test_a_report_is_that_of_the_command(self):
        period = {"since": "2020-01-01T00:00:00Z", "until": "2035-01-01T00:00:00Z"}
        job = self.begun("/reports", period)
        told = json.loads(self.gate.run("report", "--format", "json", "--since", period["since"], "--until", period["until"],
                                        "--config", self.gate.config).stdout)
        self.assertEqual(job["result"]["sources"], told["sources"])
        self.assertIn(" 30 accepted, ", job["summary"])
        for body in ({"since": "yesterday", "until": "2035-01-01T00:00:00Z"}, {"since": period["since"]}, {**period, "more": "x"}):
            self.assertEqual(self.auditor.ask("/reports", "POST", body=json.dumps(body), headers={"Content-Type": "application/json"})[0], 400)
        swapped = {"since": period["until"], "until": period["since"]}
        self.assertEqual(self.auditor.ask("/reports", "POST", body=json.dumps(swapped), headers={"Content-Type": "application/json"})[0], 422)

    def test_nothing_that_goes_on_beside_holds_the_ledger_when_the_gate_stops(self):
        with Gate() as gate:
            caller = API(gate, token(gate, "boss", "operator"))
            for number in range(20):
                gate.post(V2 % f"e-{number}")
            # Checks, contacts and a verification are under way.
            caller.get("/reachability")
            self.assertEqual(caller.ask("/ledger/verify", "POST")[0], 202)
            gate.stop()
            self.assertFalse(os.path.exists(os.path.join(gate.home, "state/ledger.sqlite-wal")))

    def test_a_probe_is_made_and_its_job_is_for_who_may_probe(self):
        job = self.begun("/probes", {"kind": "webhook", "target": self.gate.url}, self.operator)
        self.assertEqual([step["name"] for step in job["result"]["steps"]][:3], ["resolve", "connect", "tls"])
        self.assertEqual(self.auditor.ask(f"/jobs/{job['id']}")[0], 404)
        self.assertEqual(self.gate.entries("--kind", "access", "--text", "probe webhook")[-1]["detail"]["target"], self.gate.url)

    def test_a_changed_list_is_looked_at_and_nothing_changes(self):
        file = os.path.join(self.gate.home, "sources/test.yaml")
        before = read(file)
        changed = before.replace("127.0.0.2/32", "127.0.0.9/32")
        status, _, data = self.operator.ask("/sources/preview", "POST", body=json.dumps({"list": "test", "text": changed}),
                                            headers={"Content-Type": "application/json"})
        self.assertEqual((status, data["complete"], data["file"]), (200, True, file))
        self.assertEqual({(change["source"], change["let_in"]) for change in data["decided_otherwise"]},
                         {("127.0.0.2", False), ("127.0.0.9", True)})
        self.assertEqual(read(file), before)
        for body, status in (({"list": "test", "text": "nonsense: 1"}, 422), ({"list": "none", "text": changed}, 422), ({"list": "test"}, 400)):
            self.assertEqual(self.operator.ask("/sources/preview", "POST", body=json.dumps(body),
                                               headers={"Content-Type": "application/json"})[0], status, body)

    def test_accounts_are_told_without_what_they_log_in_with(self):
        told = self.auditor.get("/accounts")
        self.assertEqual([account["name"] for account in told["items"]], ["vsee"])
        self.assertTrue(told["items"][0]["password"])
        self.assertNotIn("$", json.dumps(told))
        self.assertEqual(self.auditor.get("/accounts/vsee"), told["items"][0])
        for name in ("nobody", "..", "%2e%2e%2fledger"):
            self.assertEqual(self.auditor.ask(f"/accounts/{name}")[0], 404, name)

    def test_who_was_heard_from_and_what_the_checks_find_is_told(self):
        told = wait_until(lambda: (found := self.auditor.get("/reachability")).keys() == {"contacts", "findings"} and found, what="both")
        heard = {(contact["entry"], contact["channel"]): contact for contact in told["contacts"]}
        self.assertIn("last", heard["test/vsee", "webhook"])
        self.assertNotIn("last", heard["vsee-qatar/clinic", "sftp"])
        self.assertIn("refusals", {finding["area"] for finding in told["findings"]})
        # Nobody called the gate for it.
        self.assertEqual(self.gate.entries("--kind", "probe"), [])

    def test_firewall_rules_are_those_of_the_command(self):
        told = self.auditor.get("/rules/export?direction=egress&format=edl").decode()
        said = self.gate.run("rules", "export", "--direction", "egress", "--format", "edl", "--config", self.gate.config).stdout
        self.assertEqual(told, said)
        # Without names being looked up; and of a gate whose port is another one at every start.
        for query in ("direction=egress&format=nftables", "direction=ingress&format=nftables"):
            self.assertEqual(self.auditor.ask(f"/rules/export?{query}")[0], 409)
        self.assertEqual(self.auditor.ask("/rules/export?direction=up&format=nftables")[0], 400)


class Consumer(unittest.TestCase):
    """A program that has a token of role consumer, and neither the gate's user nor its files."""

    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.gate.start()
        self.consumer = API(self.gate, token(self.gate, "ehr", "consumer"))

    def deliver(self, count):
        sent = {}
        for number in range(count):
            body = V2 % f"e-{number}"
            self.gate.post(body)
            sent[hashlib.sha256(body.encode()).hexdigest()] = body.encode()
        data = os.urandom(700_000)
        self.gate.sftp(f'put {self.gate.file("large.bin", data)} large.bin\n')
        sent[hashlib.sha256(data).hexdigest()] = data
        wait_until(lambda: len(self.gate.released()) == count + 1, what="the releases")
        return sent

    def take(self, drop):
        status, headers, data = self.consumer.ask(f"/drops/{drop['id']}/content")
        self.assertEqual(status, 200)
        self.assertEqual(headers["etag"], f'"{drop["sha256"]}"')
        self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (drop["bytes"], drop["sha256"]))
        return data

    def test_each_drop_is_taken_once_as_it_was_sent(self):
        sent, taken = self.deliver(9), {}
        while waiting := self.consumer.all("/drops?state=released", limit=4):
            for drop in waiting:
                self.assertNotIn(drop["id"], taken)
                taken[drop["id"]] = self.take(drop)
                status, _, data = self.consumer.ask(
                    f"/drops/{drop['id']}/acknowledge", "POST", body=json.dumps({"comment": "imported"}),
                    headers={"Content-Type": "application/json"})
                self.assertEqual((status, data["state"]), (200, "acknowledged"))
        self.assertEqual(sorted(taken.values()), sorted(sent.values()))
        # Who took what is in the ledger.
        for command, count in (("drops content", 10), ("drops ack", 10)):
            entries = self.gate.entries("--kind", "access", "--text", command)
            self.assertEqual({entry["detail"]["drop"] for entry in entries}, set(taken))
            self.assertEqual({(entry["detail"]["token"], entry["detail"]["role"]) for entry in entries}, {("ehr", "consumer")})
            self.assertEqual(len(entries), count)
            self.assertEqual({entry["reason"] for entry in entries}, {"read"}, "the ledger was not exported")
        self.assertIn("token ehr at 127.0.0.1", self.gate.run("attempts", "--kind", "access", "--config", self.gate.config).stdout)
        drop = next(iter(taken))
        status, _, data = self.consumer.ask(f"/drops/{drop}/acknowledge", "POST")
        self.assertEqual((status, data["code"]), (409, "refused"))
        self.assertIn("acknowledged already", data["detail"])

    def test_a_stream_gives_each_released_drop_once_in_order_and_goes_on_where_it_was(self):
        self.deliver(5)
        events = self.consumer.events("/drops/stream")
        self.addCleanup(events.close)
        stream = iter(events)
        first = [next(stream) for _ in range(6)]
        waiting = self.consumer.all("/drops?state=released")[::-1]
        self.assertEqual([(drop["seq"], drop["id"]) for drop in waiting], [(seq, drop["id"]) for seq, drop in first])
        events.close()
        # What is done with is not given again, and what came meanwhile is.
        self.consumer.ask(f"/drops/{waiting[4]['id']}/acknowledge", "POST")
        self.gate.post(V2 % "meanwhile")
        again = self.consumer.events("/drops/stream", {"Last-Event-ID": str(first[3][0])})
        self.addCleanup(again.close)
        stream = iter(again)
        self.assertEqual(next(stream)[1]["id"], waiting[5]["id"])
        self.assertEqual(next(stream)[1]["event_id"], "meanwhile")
        self.gate.post(V2 % "live")
        self.assertEqual(next(stream)[1]["event_id"], "live")

    def test_the_command_follows_as_the_stream_does(self):
        self.deliver(2)
        waiting = self.consumer.all("/drops?state=released")[::-1]
        command = subprocess.Popen(
            [BIN, "drops", "list", "--follow", "--after", str(waiting[0]["seq"]), "--format", "json", "--config",
             self.gate.config], stdout=subprocess.PIPE, text=True)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        self.addCleanup(command.stdout.close)
        self.assertEqual([json.loads(command.stdout.readline()) for _ in range(2)],
                         [drop | {"position": str(drop["seq"])} for drop in waiting[1:]])
        self.gate.post(V2 % "live")
        self.assertEqual(json.loads(command.stdout.readline())["event_id"], "live")

    def test_a_drop_that_settles_holds_up_none_behind_it_and_is_given_to_who_goes_on(self):
        self.gate.stop()
        self.gate.environment["DROPGATE_SFTP_SETTLE"] = "5s"
        self.gate.start()
        events = self.consumer.events("/drops/stream")
        self.addCleanup(events.close)
        self.gate.sftp(f'put {self.gate.file("x", b"bytes")} settles.txt\n')
        self.gate.post(V2 % "quick")
        place, drop = next(iter(events))
        self.assertEqual(drop["event_id"], "quick")
        settling = next(drop for drop in self.gate.drops() if drop["channel"] == "sftp")
        self.assertEqual(place, f"{drop['seq']}-{settling['seq']}")
        events.close()
        # Who goes on from there, by the stream or the command, gets it once; who had it goes on without.
        again = self.consumer.events("/drops/stream", {"Last-Event-ID": place})
        self.addCleanup(again.close)
        stream = iter(again)
        place, late = next(stream)
        self.assertEqual((place, late["id"]), (drop["seq"], settling["id"]))
        self.gate.post(V2 % "after")
        self.assertEqual(next(stream)[1]["event_id"], "after")
        for after, first in ((f"{drop['seq']}-{settling['seq']}", settling["id"]), (str(place), "after")):
            command = subprocess.Popen(
                [BIN, "drops", "list", "--follow", "--after", after, "--format", "json", "--config", self.gate.config],
                stdout=subprocess.PIPE, text=True)
            with command:
                shown = json.loads(command.stdout.readline())
                command.kill()
            self.assertIn(first, (shown["id"], shown.get("event_id")))
        for bad in ("1-2", "-5", "x", "1-"):
            self.assertEqual(self.consumer.ask(f"/drops/stream?after={bad}")[0], 400, bad)

    def test_a_release_that_fails_holds_up_no_other_drop(self):
        # Where the file is to be released there is a file in place of the directory.
        self.gate.sftp(f'-mkdir day\nput {self.gate.file("x", b"1")} day/first\n')
        wait_until(lambda: [drop["state"] for drop in self.gate.drops()] == ["released"], what="the first")
        events = self.consumer.events("/drops/stream")
        self.addCleanup(events.close)
        stream = iter(events)
        next(stream)
        self.gate.stop()
        self.gate.environment["DROPGATE_SFTP_SETTLE"] = "2s"
        self.gate.start()
        self.gate.sftp(f'put {self.gate.file("y", b"2")} day/second\n')
        folder = os.path.join(self.gate.staging, "ready/sftp/vsee/day")
        os.rename(folder, folder + ".away")
        with open(folder, "w"):
            pass
        wait_until(lambda: "release" in self.gate.log() and "second" in str(self.gate.drops()), what="the failure")
        again = self.consumer.events("/drops/stream", {"Last-Event-ID": "0"})
        self.addCleanup(again.close)
        stream = iter(again)
        for name in ("other", "one more"):
            self.gate.post(V2 % name)
            self.assertEqual(next(stream)[1]["event_id"], name)
        os.remove(folder)
        os.rename(folder + ".away", folder)
        wait_until(lambda: {drop["state"] for drop in self.gate.drops()} == {"released"}, 90, what="the release")
        # The first one was away when this stream began, and is back.
        self.assertEqual({next(stream)[1]["name"] for _ in range(2)}, {"day/first", "day/second"})

    def test_events_of_batches_are_given_one_by_one(self):
        self.gate.stop()
        self.gate.environment["DROPGATE_STAGING_LAYOUT"] = "ndjson"
        self.gate.start()
        sent = self.deliver(3)
        drops = self.consumer.all("/drops?state=released")
        self.assertEqual({drop["id"] for drop in drops if "line" in drop}, {drop["id"] for drop in drops} - {drops[0]["id"]})
        self.assertEqual(sorted(self.take(drop) for drop in drops), sorted(sent.values()))

    def test_what_is_no_file_in_the_place_of_a_batch_is_not_given(self):
        self.gate.stop()
        self.gate.environment["DROPGATE_STAGING_LAYOUT"] = "ndjson"
        self.gate.start()
        self.deliver(3)
        drop = [drop for drop in self.consumer.all("/drops?state=released") if "line" in drop][0]
        path = os.path.join(self.gate.staging, drop["file"])
        for put in (os.mkdir, os.mkfifo, lambda place: os.symlink("/etc/hostname", place)):
            os.rename(path, os.path.join(self.gate.root, "aside"))
            put(path)
            for ask in (f"/drops/{drop['id']}/content", f"/drops/at?path={drop['file']}"):
                status, _, data = self.consumer.ask(ask)
                self.assertEqual(status, 409 if ask.endswith("content") else 200)
                self.assertNotIn(self.gate.root, data.get("detail", ""))
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
            os.rename(os.path.join(self.gate.root, "aside"), path)
        self.assertEqual(self.consumer.ask(f"/drops/{drop['id']}/content")[0], 200)

    def test_what_a_change_has_come_to_is_said_whatever_the_caller_has(self):
        self.deliver(1)
        drop = self.consumer.all("/drops?state=released")[0]["id"]
        body = json.dumps({"id": drop, "state": "acknowledged"}, separators=(",", ":")) + "\n"
        tag = hashlib.sha256(body.encode()).hexdigest()[:32]
        status, headers, data = self.consumer.ask(
            f"/drops/{drop}/acknowledge", "POST", headers={"If-None-Match": f'"{tag}"'})
        self.assertEqual((status, data["state"], headers["etag"]), (200, "acknowledged", None))

    def test_a_file_that_was_cut_is_not_given_under_the_digest_of_the_whole_one(self):
        self.deliver(1)
        drop = self.consumer.all("/drops?state=released")[0]
        os.truncate(os.path.join(self.gate.staging, drop["file"]), drop["bytes"] - 1)
        status, _, data = self.consumer.ask(f"/drops/{drop['id']}/content")
        self.assertEqual((status, data["code"]), (409, "altered"))
        self.assertEqual(self.consumer.ask(f"/drops/{drop['id']}/acknowledge", "POST")[0], 200)

    def test_a_caller_who_does_not_read_holds_up_no_stop(self):
        self.gate.sftp(f'put {self.gate.file("large.bin", os.urandom(60_000_000))} large.bin\n')
        wait_until(lambda: len(self.gate.released()) == 1, what="the release")
        drop = self.consumer.all("/drops?state=released")[0]["id"]
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", self.gate.ports["console"]))
            stuck.sendall(f"GET /api/v1/drops/{drop}/content HTTP/1.1\r\nHost: x\r\n"
                          f"Authorization: Bearer {self.consumer.token}\r\n\r\n".encode())
            stuck.recv(100)
            began = time.monotonic()
            self.assertEqual(self.gate.stop(), 0)
            self.assertLess(time.monotonic() - began, 20)

    def test_what_somebody_else_took_is_gone(self):
        self.deliver(1)
        drop = self.consumer.all("/drops?state=released")[0]
        os.rename(os.path.join(self.gate.staging, drop["file"]), os.path.join(self.gate.root, "mine"))
        status, _, data = self.consumer.ask(f"/drops/{drop['id']}/content")
        self.assertEqual((status, data["code"]), (410, "gone"))
        self.assertNotIn(drop["id"], [other["id"] for other in self.consumer.all("/drops?state=released")])
        self.assertEqual([other["id"] for other in self.consumer.all("/drops?state=taken")], [drop["id"]])

    def test_what_settles_is_not_given_yet(self):
        self.gate.stop()
        self.gate.environment["DROPGATE_SFTP_SETTLE"] = "60s"
        self.gate.start()
        self.gate.sftp(f'put {self.gate.file("x", b"bytes")} x\n')
        drop = self.consumer.all("/drops?state=pending")[0]
        status, _, data = self.consumer.ask(f"/drops/{drop['id']}/content")
        self.assertEqual((status, data["code"]), (409, "not_released"))

    def test_a_link_in_ready_is_not_followed(self):
        self.deliver(1)
        drop = self.consumer.all("/drops?state=released")[0]
        path = os.path.join(self.gate.staging, drop["file"])
        os.unlink(path)
        os.symlink(os.path.join(self.gate.home, "state/console.token"), path)
        status, _, data = self.consumer.ask(f"/drops/{drop['id']}/content")
        self.assertEqual((status, data["code"]), (409, "altered"))
        self.assertNotIn(read(os.path.join(self.gate.home, "state/console.token")).strip(), str(data))


class Example(unittest.TestCase):
    """Deploy/examples/consume-api.py, as a user that may see none of the gate's files."""

    EXAMPLE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../Deploy/examples/consume-api.py"))

    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.gate.start()
        root = tempfile.TemporaryDirectory(prefix="consumer-")
        self.addCleanup(root.cleanup)
        self.database = os.path.join(root.name, "drops.sqlite")
        self.example, secret = os.path.join(root.name, "consume-api.py"), os.path.join(root.name, "token")
        shutil.copy(self.EXAMPLE, self.example)
        with open(secret, "w") as file:
            file.write(token(self.gate, "ehr", "consumer") + "\n")
        os.chmod(secret, 0o400)
        self.user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            for path in (root.name, secret):
                os.chown(path, 65534, 65534)
        self.command = ["/usr/bin/python3", self.example, "--interval", "0.05", f"http://127.0.0.1:{self.gate.ports['console']}",
                        secret, self.database]

    def start(self, *options):
        process = subprocess.Popen([*self.command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   cwd="/", **self.user)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        return process

    def stored(self):
        if not os.path.exists(self.database):
            return []
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            try:
                return database.execute("SELECT id, content FROM drops").fetchall()
            except sqlite3.OperationalError:
                return []

    def test_killed_again_and_again_it_loses_nothing_and_stores_nothing_twice(self):
        sent = [V2 % f"e-{number}" for number in range(24)]
        for body in sent:
            self.gate.post(body)
        wait_until(lambda: len(self.gate.released()) == len(sent), what="the releases")
        for count in (1, 4, 5, 9, 14, 20):
            process = self.start()
            wait_until(lambda count=count: len(self.stored()) >= count, what=f"{count} stored drops", pause=0.001)
            process.kill()
            process.wait()
        last = self.start("--once")
        self.assertEqual((last.wait(60), last.stdout.read()), (0, ""))
        stored = self.stored()
        self.assertEqual(sorted(content.decode() for _, content in stored), sorted(sent))
        acknowledged = [entry["detail"]["drop"] for entry in self.gate.entries("--kind", "access", "--text", "drops ack")]
        self.assertEqual(sorted(acknowledged), sorted(drop for drop, _ in stored))
        if self.user:
            for place in ("state/ledger.sqlite", "state/staging", "state/keys", "state/tokens"):
                with self.assertRaises(subprocess.CalledProcessError):
                    subprocess.run(["ls", os.path.join(self.gate.home, place)], check=True, capture_output=True, **self.user)

    def test_what_it_cannot_begin_with_is_said_in_a_line(self):
        for place, value, said in ((3, "127.0.0.1", "not a URL"), (4, "/nothing", "/nothing"), (5, "/nothing/drops", "/nothing/drops")):
            command = [*self.command, "--once"]
            command[place + 1] = value
            failed = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60, **self.user)
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn(said, failed.stderr)
            self.assertNotIn("Traceback", failed.stderr)

    def test_it_says_what_is_wrong(self):
        self.gate.run("token", "revoke", "ehr", "--config", self.gate.config)
        process = self.start("--once")
        self.assertEqual(process.wait(60), 1)
        self.assertIn("a valid token of the console is needed", process.stdout.read())
        self.gate.stop()
        process = self.start("--once")
        self.assertEqual(process.wait(60), 1)
        self.assertIn("does not answer", process.stdout.read())


class Lists(unittest.TestCase):
    """Lists as the files have them while a gate runs: what it lets in by them, and what it says of them, is the same."""

    def test_a_list_that_comes_or_goes_while_the_gate_runs_is_one_for_the_api_too(self):
        # A firewall wants ports that stay.
        listeners = {f"DROPGATE_{name}_LISTEN": f"127.0.0.1:{free_port()}" for name in ("WEBHOOK", "SFTP")}
        with Gate(environment=listeners) as gate:
            viewer, late = API(gate, token(gate, "viewer", "viewer")), "127.0.0.77"
            file = os.path.join(gate.home, "sources/second.yaml")

            def told():
                verdict = viewer.get(f"/sources/explain?ip={late}&channel=webhook")["items"][0]["verdict"]
                return verdict, f"{late}/32" in viewer.get("/rules/export?direction=ingress&format=edl").decode().splitlines()

            self.assertEqual(told(), ("rejected", False))
            with open(file, "w") as second:
                second.write(f"entries:\n  - {{cidr: {late}/32, service: late, channels: [webhook, sftp]}}\n")
            wait_until(lambda: gate.post(V2 % "late", source=late).returncode == 0, what="the list", pause=0.3)
            self.assertEqual(told(), ("accepted", True))
            self.assertEqual({entry["list"] for entry in viewer.get("/sources")["entries"]}, {"test", "vsee-qatar", "second"})
            os.remove(file)
            self.assertEqual(told(), ("rejected", False))
            wait_until(lambda: gate.post(V2 % "gone", source=late).returncode != 0, what="the end of the list", pause=0.3)
            # What is left can be changed.
            changed = read(os.path.join(gate.home, "sources/test.yaml")).replace("127.0.0.2/32", "127.0.0.9/32")
            status, _, data = viewer.ask("/sources/preview", "POST", body=json.dumps({"list": "test", "text": changed}),
                                         headers={"Content-Type": "application/json"})
            self.assertEqual(status, 200, data)

    def test_a_text_of_aliases_of_aliases_is_refused_at_once(self):
        names = "abcdefghijkl"
        lines = [f"a: &a [{','.join(['x'] * 10)}]"]
        lines += [f"{name}: &{name} [{','.join(['*' + before] * 10)}]" for before, name in zip(names, names[1:])]
        bomb = "\n".join([*lines, "? *l", ": 1", ""])
        with Gate() as gate:
            viewer = API(gate, token(gate, "viewer", "viewer"))
            for text, said in ((bomb, "test.yaml:1:4: & and * at the beginning"), ("? " * 900 + "a", "deep, which nothing needs here")):
                status, _, data = viewer.ask("/sources/preview", "POST", body=json.dumps({"list": "test", "text": text}),
                                             headers={"Content-Type": "application/json"})
                self.assertEqual((status, data["code"]), (422, "unprocessable"), data)
                self.assertIn(said, data["detail"])
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gate.ports["console"], timeout=20)) as connection:
                connection.request("GET", "/healthz")
                self.assertEqual(connection.getresponse().status, 200)


class Held(unittest.TestCase):
    def test_an_operator_releases_what_is_held_once_its_source_is_listed(self):
        with Gate() as gate:
            gate.stop()
            secret = gate.file("secret", b"s3cret-part-of-the-path")
            os.chmod(secret, 0o600)
            gate.environment.update(DROPGATE_WEBHOOK_UNLISTED="quarantine", DROPGATE_WEBHOOK_SECRET_FILE=secret)
            gate.start()
            operator = API(gate, token(gate, "boss", "operator"))
            self.assertEqual(operator.ask(f"/drops/{NO_DROP}/release", "POST")[0], 404)
            subprocess.run(
                ["curl", "-sk", "--interface", "127.0.0.9", "--data-binary", V2 % "held",
                 f"{gate.url}/s3cret-part-of-the-path"], capture_output=True, timeout=30)
            held = wait_until(lambda: gate.drops("--held"), what="the held event")[0]["drop"]
            self.assertEqual(operator.get(f"/drops/{held}")["state"], "held")
            receipt = os.path.join(gate.staging, "quarantine/webhook", held, "receipt.json")
            with open(receipt, "r+b") as file:
                whole = file.read()
                file.truncate(20)
            for change in ("release", "withdraw"):
                status, _, data = operator.ask(f"/drops/{held}/{change}", "POST")
                self.assertEqual(status, 409)
                self.assertIn("cannot be read", data["detail"])
            with open(receipt, "wb") as file:
                file.write(whole)
            status, _, data = operator.ask(f"/drops/{held}/release", "POST")
            self.assertEqual(status, 409)
            self.assertIn("still refused", data["detail"])
            with open(os.path.join(gate.home, "sources/test.yaml"), "a") as file:
                file.write("  - {cidr: 127.0.0.9/32, service: moved, channels: [webhook]}\n")
            wait_until(lambda: operator.ask(f"/drops/{held}/release", "POST", body='{"comment": "VSee has moved"}',
                                            headers={"Content-Type": "application/json"})[0] == 200, what="the release")
            entry = gate.entries("--drop", held)[-1]
            self.assertEqual((entry["detail"]["token"], entry["detail"]["comment"]), ("boss", "VSee has moved"))
            self.assertEqual(operator.ask(f"/drops/{held}/withdraw", "POST")[0], 409)
            wait_until(lambda: operator.get(f"/drops/{held}")["state"] == "released", what="the file")


class Withdrawn(unittest.TestCase):
    """What a person takes back before a consumer has it."""

    def gate(self, **environment):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s", **environment})
        self.addCleanup(gate.close)
        gate.start()
        self.operator = API(gate, token(gate, "boss", "operator"))
        return gate

    def withdraw(self, gate, drop, *more):
        return gate.run("drops", "withdraw", drop, *more, "--config", gate.config, check=False)

    def upload(self, gate, name, data):
        self.assertEqual(gate.sftp(f'put {gate.file("x", data)} {name}\n').returncode, 0)
        return next(drop for drop in gate.drops() if drop["name"] == name)

    def test_an_upload_that_settles_or_is_released_goes_to_quarantine_and_its_sender_sees_it_no_more(self):
        for settle, rule in (("0s", "change"), ("0s", "refuse"), ("60s", "change")):
            with self.subTest(settle=settle, rule=rule):
                gate = self.gate(DROPGATE_SFTP_SETTLE=settle, DROPGATE_SFTP_AFTER_RELEASE=rule)
                size = {"0s": 1000, "60s": 100}[settle]
                drop = self.upload(gate, "wrong.csv", b"x" * size)
                if settle == "0s":
                    wait_until(lambda gate=gate: gate.drops()[0]["state"] == "released", what="the release")
                done = self.withdraw(gate, drop["id"], "--comment", "of another clinic")
                self.assertEqual((done.returncode, done.stdout), (0, f"withdrew {drop['id']}: it is in quarantine\n"), done.stderr)
                shown = wait_until(lambda gate=gate: gate.drops()[0] if gate.drops()[0]["state"] == "withdrawn" else None,
                                   what="the state")
                with open(os.path.join(gate.staging, shown["file"]), "rb") as file:
                    self.assertEqual(file.read(), b"x" * size)
                self.assertEqual((len(gate.ready()), len(gate.receipts())), (0, 0))
                self.assertNotIn("wrong.csv", gate.sftp("ls -1\n").stdout.replace("sftp> ls -1", ""))
                entry = gate.entries("--drop", drop["id"], "--reason", "withdrawn")[-1]
                self.assertEqual((entry["kind"], entry["verdict"], entry["detail"]["comment"], entry["detail"]["accepted_by"]),
                                 ("access", "accepted", "of another clinic", drop["seq"]))
                self.assertEqual(entry["detail"]["uid"], os.getuid())
                again = self.withdraw(gate, drop["id"])
                self.assertEqual(again.returncode, 1)
                self.assertIn("it is withdrawn", again.stderr)
                # The name is free.
                self.upload(gate, "wrong.csv", b"right")
                gate.stop()
                # Without a running gate too.
                if settle == "0s":
                    last = next(drop for drop in gate.drops() if drop["state"] == "released")
                    self.assertEqual(self.withdraw(gate, last["id"]).returncode, 0)
                    self.assertEqual(gate.ready(), [])
                verified = gate.run("ledger", "verify", "--config", gate.config, check=False)
                self.assertEqual(verified.returncode, 0, verified.stdout)

    def test_what_a_consumer_has_and_what_is_an_event_stays(self):
        gate = self.gate()
        taken, done = self.upload(gate, "taken", b"1"), self.upload(gate, "done", b"2")
        gate.post(V2 % "1")
        wait_until(lambda: {drop["state"] for drop in gate.drops()} == {"released"}, what="the releases")
        os.rename(os.path.join(gate.staging, "ready/sftp/vsee/taken"), os.path.join(gate.root, "mine"))
        gate.run("drops", "ack", done["id"], "--config", gate.config)
        event = next(drop for drop in gate.drops() if drop["channel"] == "webhook")
        for drop, words in ((taken["id"], "a consumer has it"), (done["id"], "it is acknowledged"), (event["id"], "is an event"),
                            (NO_DROP, "there is no drop"), ("not/an/id", "is not a drop id")):
            said = self.withdraw(gate, drop)
            self.assertEqual((said.returncode, said.stdout), (1, ""))
            self.assertIn(words, said.stderr)
            if "/" not in drop:
                status, _, data = self.operator.ask(f"/drops/{drop}/withdraw", "POST")
                self.assertEqual(status, 404 if drop == NO_DROP else 409)
                self.assertIn(words, data["detail"])
        self.assertEqual([entry for entry in gate.entries() if entry["reason"] == "withdrawn"], [])
        self.assertEqual(len(gate.ready()), 2)

    def test_a_held_event_is_removed_for_good(self):
        gate = self.gate()
        gate.stop()
        secret = gate.file("secret", b"s3cret-part-of-the-path")
        os.chmod(secret, 0o600)
        gate.environment.update(DROPGATE_WEBHOOK_UNLISTED="quarantine", DROPGATE_WEBHOOK_SECRET_FILE=secret)
        gate.start()
        subprocess.run(["curl", "-sk", "--interface", "127.0.0.9", "--data-binary", V2 % "held",
                        f"{gate.url}/s3cret-part-of-the-path"], capture_output=True, timeout=30)
        held = wait_until(lambda: gate.drops("--held"), what="the held event")[0]
        status, _, data = self.operator.ask(f"/drops/{held['drop']}/withdraw", "POST", body='{"comment": "a scanner"}',
                                            headers={"Content-Type": "application/json"})
        self.assertEqual((status, data["outcome"]), (200, "removed"))
        self.assertEqual(gate.drops("--held"), [])
        self.assertEqual(os.listdir(os.path.join(gate.staging, "quarantine/webhook")), [])
        entry = gate.entries("--drop", held["drop"])[-1]
        self.assertEqual((entry["reason"], entry["detail"]["was"], entry["detail"]["token"], entry["drop"]["sha256"]),
                         ("withdrawn", "held", "boss", held["sha256"]))
        self.assertEqual(self.operator.ask(f"/drops/{held['drop']}/withdraw", "POST")[0], 404)


def hold_connections():
    """In a network of its own, where 192.0.2.0/24 is this machine's: what one source may hold of the console."""
    with Gate(environment={"DROPGATE_CONSOLE_LISTEN": "0.0.0.0:0"}) as gate:
        silent = []

        def connect(source):
            silent.append(socket.create_connection(("192.0.2.1", gate.ports["console"]), timeout=20, source_address=(source, 0)))
            return silent[-1]

        def is_served(connection):
            """A connection that was closed may be reset while it is written to."""
            try:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
            except ConnectionError:
                return False

        try:
            for _ in range(256):
                connect("192.0.2.5")
            # They are accepted in their order.
            assert not is_served(connect("192.0.2.5"))
            assert is_served(connect("192.0.2.6")) and is_served(connect("192.0.2.1")) and is_served(silent[0])
            silent[0].close()
            wait_until(lambda: is_served(connect("192.0.2.5")), what="the place of a connection that has ended")
        finally:
            for connection in silent:
                connection.close()
        refused = wait_until(lambda: [e for e in gate.entries() if e["reason"] == "connection_limit"], what="the refusal")[0]
        assert (refused["channel"], refused["source"]["ip"]) == ("console", "192.0.2.5"), refused
        assert refused["detail"]["limit_per_source"] == 256, refused
    print("held")


class Description(unittest.TestCase):
    """The API is what its description says: schemathesis makes requests of it, good ones and bad ones."""

    def test_it_is_served_to_everybody_and_names_each_word(self):
        with Gate() as gate:
            status, headers, document = API(gate).ask("/openapi.json")
            self.assertEqual((status, document["openapi"], headers["content-type"]), (200, "3.1.0", "application/json"))
            schema = json.loads(read(os.path.join(os.path.dirname(__file__), "../../Config/schemas/ledger-entry.schema.json")))
            parameters = {given["name"]: given for given in document["paths"]["/attempts"]["get"]["parameters"]}
            for name in ("verdict", "reason", "channel", "kind"):
                self.assertEqual(parameters[name]["schema"]["items"]["enum"], schema["properties"][name]["enum"], name)
            # What roles may do is told as it is.
            content = document["paths"]["/drops/{id}/content"]["get"]
            self.assertTrue(content["description"].endswith(" Roles: consumer."), content["description"])

    def test_it_holds(self):
        with Gate() as gate:
            for number in range(12):
                gate.post(V2 % f"e-{number}")
            wait_until(lambda: len(gate.released()) == 12, what="the releases")
            # What an address or a block of them is, no schema of this description says.
            with open(os.path.join(gate.root, "schemathesis.toml"), "w") as file:
                file.write('[parameters]\n"query.source" = "127.0.0.0/29"\n"query.ip" = "127.0.0.2"\n')
                # No schema says which text is a list, or that a period begins before it ends.
                file.write('[checks.positive_data_acceptance]\nexpected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]\n')
            for role in ("operator", "consumer"):
                with self.subTest(role):
                    self.tried(gate, token(gate, role, role))

    def tried(self, gate, secret):
        place = f"http://127.0.0.1:{gate.ports['console']}/api/v1"
        # A stream has no end.
        tried = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{place}/openapi.json", "--url", place, "--checks", "all",
             "--header", f"Authorization: Bearer {secret}", "--exclude-operation-id", "attemptStream", "--exclude-operation-id", "dropStream",
             # It calls out.
             "--exclude-operation-id", "checkRules", "--no-color",
             "--max-examples", "200" if LONG else "25", "--seed", str(random.randrange(1 << 30))],
            cwd=gate.root, capture_output=True, text=True, timeout=600)
        self.assertEqual(tried.returncode, 0, tried.stdout[-8000:] + tried.stderr)
        self.assertRegex(tried.stdout, r"\d{3,} generated")


if __name__ == "__main__":
    unittest.main()
