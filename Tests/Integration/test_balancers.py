"""A real HAProxy in front of the gate: its checks keep the gate up and leave no entry, listed senders get through in each
mode, and what a sender says of itself decides nothing."""
import contextlib
import os
import socket
import struct
import subprocess
import unittest
import uuid

from gate import Gate, V2, free_port, wait_until

# 127.0.0.2 is listed; HAProxy calls the gate from 127.0.0.5, which is its trusted proxy.
PROXY, LISTED, STRANGER = "127.0.0.5", "127.0.0.2", "127.0.0.66"


class HAProxy:
    """One frontend and one server; `lines` are of both."""

    def __init__(self, gate, mode, server, lines=""):
        self.port = free_port()
        self.control = os.path.join(gate.root, f"haproxy-{self.port}.socket")
        path = self.control + ".cfg"
        with open(path, "w") as file:
            file.write(f"""global
 nbthread 1
 stats socket {self.control} level admin
defaults
 timeout connect 5s
 timeout client 20s
 timeout server 20s
listen gate
 mode {mode}
 bind 127.0.0.1:{self.port}
{lines}
 server one 127.0.0.1:{gate.ports['webhook']} source {PROXY} {server} inter 200 fastinter 200 downinter 200 rise 1 fall 2
""")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(self.answers, 20, "HAProxy")

    def answers(self):
        try:
            return self.stat()
        except OSError:
            return None

    def row(self):
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(self.control)
            asked.sendall(b"show stat\n")
            text = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
        head, *rows = [line.split(",") for line in text.splitlines() if line]
        return dict(zip((name.lstrip("# ") for name in head), next(r for r in rows if r[1] == "one")))

    def stat(self):
        """(status, last check) of the server, after some checks."""
        row = self.row()
        return row["status"], row["check_status"], int(row["chkfail"] or 0)

    def connections(self):
        """Connections to the server so far, and requests that went over one that there was."""
        row = self.row()
        return int(row["connect"]), int(row["reuse"])

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def begin(self, source, length, field=None):
        """A request whose body is for the caller to send."""
        sender = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        sender.sendall(b"POST /webhooks/vsee HTTP/1.1\r\nhost: gate.example\r\nconnection: close\r\n%s\r\n\r\n"
                       % (field or b"content-length: %d" % length))
        return sender

    def post(self, source, *options, scheme="http"):
        """The status that a sender gets; 0 for none."""
        run = subprocess.run(
            ["curl", "-sk", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", "--interface", source, *options,
             "--data-binary", "@-", f"{scheme}://127.0.0.1:{self.port}/webhooks/vsee"], input=V2 % uuid.uuid4(),
            capture_output=True, text=True, timeout=30)
        return int(run.stdout)


class Balancers(unittest.TestCase):
    def gate(self, mode, **more):
        gate = Gate(environment={"DROPGATE_WEBHOOK_ADDRESS": mode, "DROPGATE_WEBHOOK_TRUSTED_PROXIES": f"[{PROXY}/32]",
                                 **more}).start()
        self.addCleanup(gate.close)
        return gate

    def behind(self, gate, mode, server, lines=""):
        haproxy = HAProxy(gate, mode, server, lines)
        self.addCleanup(haproxy.stop)
        return haproxy

    def stays_up(self, gate, haproxy, *wanted):
        """HAProxy has checked for some time, found the gate up each time, and the ledger has nothing of it. (Checks that
        only connect end with a reset before anything is read, and whose they were cannot be told then.)"""
        checks = {"count": 0}

        def seen():
            status, check, _ = haproxy.stat()
            checks["count"] += check in wanted
            return status == "UP" and checks["count"] > 50
        wait_until(seen, 30, f"checks that find the gate up; last {haproxy.stat()}")
        self.assertEqual(haproxy.stat()[2], 0, "failed checks")
        if "L4OK" not in wanted:
            self.assertEqual([e for e in gate.entries() if e["kind"] in ("connection", "request")], [])

    def test_checks_in_proxy_mode(self):
        """v1, v2; the handshake; and httpchk with its defaults and at the health path, over TLS."""
        gate = self.gate("proxy-protocol")
        cases = (
            ("send-proxy-v2 check check-ssl ssl verify none", "", "L6OK"),
            ("send-proxy check check-ssl ssl verify none", "", "L6OK"),
            ("send-proxy-v2-ssl check check-ssl ssl verify none", "", "L6OK"),
            ("send-proxy-v2 check check-ssl ssl verify none", " option httpchk", "L7OK"),
            ("send-proxy check check-ssl ssl verify none", " option httpchk GET /healthz", "L7OK"),
            ("send-proxy check", "", "L4OK"), ("send-proxy-v2 check", "", "L4OK"))
        for server, lines, wanted in cases:
            with self.subTest(server=server, lines=lines):
                haproxy = self.behind(gate, "tcp", server, lines)
                self.stays_up(gate, haproxy, wanted)
                haproxy.stop()

    def test_checks_in_forwarded_modes(self):
        for mode in ("x-forwarded-for", "forwarded"):
            gate = self.gate(mode)
            for server, lines, wanted in (
                    ("check check-ssl ssl verify none", "", "L6OK"),
                    ("check check-ssl ssl verify none", " option httpchk GET /healthz", "L7OK"),
                    ("check check-ssl check-alpn h2 ssl verify none", " option httpchk GET /healthz", "L7OK"),
                    ("check", "", "L4OK")):
                with self.subTest(mode=mode, server=server, lines=lines):
                    haproxy = self.behind(gate, "http", server, lines)
                    self.stays_up(gate, haproxy, wanted)
                    haproxy.stop()

    def test_senders_by_the_proxy_protocol(self):
        gate = self.gate("proxy-protocol")
        for version in ("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"):
            with self.subTest(version=version):
                haproxy = self.behind(gate, "tcp", version)
                self.assertEqual(haproxy.post(LISTED, scheme="https"), 200)
                self.assertEqual(haproxy.post(STRANGER, scheme="https"), 0)
                # Past the proxy, with a header of one's own making.
                spoofed = subprocess.run(
                    ["curl", "-sk", "--max-time", "10", "--interface", LISTED, "--haproxy-protocol", "-d", "{}",
                     gate.url], capture_output=True)
                self.assertNotEqual(spoofed.returncode, 0)
                haproxy.stop()
        found = {(e["verdict"], e["reason"], e.get("source", {}).get("ip")) for e in gate.entries()
                 if e["kind"] in ("connection", "request")}
        self.assertEqual(found, {("accepted", "listed", LISTED), ("rejected", "not_listed", STRANGER),
                                 ("rejected", "bad_proxy_header", None)})

    def test_senders_by_headers_over_both_versions_of_http(self):
        """`alpn h2` to the gate: HAProxy's requests have no :authority then."""
        for mode, lines in (("x-forwarded-for", " option forwardfor"), ("forwarded", " option forwarded")):
            if mode == "forwarded" and subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split(
                    )[2].split(".")[:2] < ["2", "8"]:
                lines = " http-request add-header Forwarded for=%[src]"
            gate = self.gate(mode)
            for server in ("ssl verify none alpn h2", "ssl verify none alpn http/1.1"):
                with self.subTest(mode=mode, server=server):
                    haproxy = self.behind(gate, "http", server, lines)
                    name, value = ("X-Forwarded-For", "%s") if mode != "forwarded" else ("Forwarded", "for=%s")
                    for said in ([], [value % LISTED], [value % STRANGER], ["unknown, , \"garbage"], [value % PROXY]):
                        options = [option for text in said for option in ("-H", f"{name}: {text}")]
                        options += ["-H", "Forwarded: for=6.6.6.6" if mode != "forwarded" else "X-Forwarded-For: x"]
                        self.assertEqual(haproxy.post(LISTED, *options), 200, said)
                        self.assertEqual(haproxy.post(STRANGER, *options), 403, said)
                    # A sender that knows the gate's own address is closed before TLS.
                    straight = gate.post("{}", source=LISTED)
                    self.assertEqual(straight.returncode, 35, straight.stderr)
                    haproxy.stop()
            found = {(e["verdict"], e["reason"], e.get("source", {}).get("ip")) for e in gate.entries()
                     if e["kind"] in ("connection", "request")}
            self.assertEqual(found, {
                ("accepted", "listed", LISTED), ("rejected", "not_listed", STRANGER),
                ("rejected", "address_undeterminable", None)})

    def test_strangers_do_not_disturb_an_upload_on_the_same_connection(self):
        """`http-reuse always` over HTTP/2: all requests go to the gate on one connection. Strangers that hang up, reset or
        send bad lengths end their own streams and no other."""
        gate = self.gate("x-forwarded-for")
        haproxy = self.behind(gate, "http", "ssl verify none alpn h2", " http-reuse always\n option forwardfor")
        # The connection is there, with its handshake over, before anybody is to share it.
        self.assertEqual(haproxy.post(STRANGER), 403)
        body = (V2 % uuid.uuid4()).encode()
        upload = haproxy.begin(LISTED, len(body))
        self.addCleanup(upload.close)
        upload.sendall(body[:10])
        wait_until(lambda: haproxy.connections() == (1, 1), 20, "the upload on the connection that there is")
        strangers = (
            (b"content-length: 500", b"x", "close"), (b"content-length: 500", b"x", "reset"),
            (b"content-length: 500", b"x" * 400, "shut"), (b"transfer-encoding: chunked", b"5\r\nab", "close"),
            (b"transfer-encoding: chunked", b"zz\r\n", "shut"), (b"transfer-encoding: chunked", b"1\r\nabc\r\n", "shut"),
            (b"content-length: 0\r\nconnection: x-forwarded-for", b"", "shut"),
            (b"content-length: 2\r\nte: gzip", b"{}", "shut"), (b"content-length: 2\r\nhost: other", b"{}", "shut"))
        for number in range(3):
            for field, sent, end in strangers:
                stranger = haproxy.begin(STRANGER, None, field)
                answer = b""
                # HAProxy may have refused it and closed before it is at its end.
                with stranger, contextlib.suppress(OSError):
                    stranger.sendall(sent)
                    if end == "reset":
                        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    elif end == "shut":
                        stranger.shutdown(socket.SHUT_WR)
                        answer = stranger.recv(4096)
                self.assertNotIn(b" 200 ", answer, (field, sent))
            self.assertEqual(haproxy.post(STRANGER), 403, number)
        upload.sendall(body[10:])
        self.assertIn(b" 200 ", upload.recv(4096))
        opened, reused = haproxy.connections()
        self.assertEqual(opened, 1, "connections to the gate")
        self.assertGreater(reused, 10, "requests on it")
        wait_until(gate.ready, 20, "the upload")
        self.assertEqual([gate.contents(name) for name in gate.ready()], [body])
        rejected = [e for e in gate.entries() if e["verdict"] == "rejected"]
        self.assertEqual({e["kind"] for e in rejected}, {"request"})


if __name__ == "__main__":
    unittest.main()
