"""Real load balancers in front of the gate (balancers.py): listed senders get through in each mode, what a sender says of
itself decides nothing, strangers disturb nobody, and a balancer's checks keep the gate up and leave no entry."""
import contextlib
import itertools
import socket
import struct
import subprocess
import unittest
import uuid

from balancers import Caddy, Envoy, HAProxy, Nginx, Way
from gate import Gate, V2, wait_until

LISTED = "127.0.0.2"
# None of them is. One for each occasion: the ledger counts what comes from one address more often.
STRANGERS = (f"127.0.1.{number}" for number in itertools.count(1))

PLAIN, HTTP1, H2 = (Way("x-forwarded-for", upstream) for upstream in ("plain", "http/1.1", "h2"))
FORWARDED_HTTP1, FORWARDED_H2 = (Way("forwarded", upstream) for upstream in ("http/1.1", "h2"))
PROXY_V1, PROXY_V2, PROXY_V2_SSL = (Way("proxy-protocol", "tcp", version) for version in ("v1", "v2", "v2-ssl"))
# The balancer ends the sender's HTTP, and says by the PROXY header for whom its connection to the gate is.
HTTP1_V1, HTTP1_V2, H2_V2 = (
    Way("proxy-protocol", *way) for way in (("http/1.1", "v1"), ("http/1.1", "v2"), ("h2", "v2")))


class Behaviours:
    """What holds behind each balancer."""
    # Its class, and the ways in which it is set up.
    balancer, ways = None, ()

    @classmethod
    def setUpClass(cls):
        cls.gates = {}

    def gate(self, way):
        """One for all ways that need the same settings."""
        kind = way.mode, way.upstream == "plain"
        if kind not in self.gates:
            gate = Gate(environment={
                "DROPGATE_WEBHOOK_ADDRESS": way.mode,
                "DROPGATE_WEBHOOK_TRUSTED_PROXIES": f"[{self.balancer.address}/32]"})
            self.addClassCleanup(gate.close)
            if way.upstream == "plain":
                gate.plain()
            self.gates[kind] = gate.start()
        return self.gates[kind]

    def start(self, way, check=None):
        balancer = self.balancer(self.gate(way), way, check)
        self.addCleanup(balancer.close)
        return balancer

    @contextlib.contextmanager
    def noted(self, gate):
        """What the ledger gets within; complete at the end."""
        entries, before = [], len(gate.entries())
        yield entries
        entries += [e for e in gate.entries()[before:] if e["kind"] in ("connection", "request")]

    @staticmethod
    def verdicts(entries):
        """With the source and the proxy that are named."""
        return {(e["verdict"], e["reason"], e.get("source", {}).get("ip"), e["peer"]["ip"]) for e in entries}

    def test_senders_are_judged_by_their_own_address(self):
        for way, stranger in zip(self.ways, STRANGERS):
            with self.subTest(way=way), contextlib.closing(self.start(way)) as balancer:
                # By the gate; with TCP there is nobody to say it, and with HTTP in front it is the balancer that does.
                refusal = 403 if way.mode != "proxy-protocol" else 0 if way.upstream == "tcp" else 503
                name, value = ("Forwarded", "for=%s") if way.mode == "forwarded" else ("X-Forwarded-For", "%s")
                other = "X-Forwarded-For" if way.mode == "forwarded" else "Forwarded"
                with self.noted(balancer.gate) as entries:
                    for said in ([], [value % LISTED], [value % stranger], ["unknown, , \"garbage"],
                                 [value % balancer.address], [value % stranger, value % LISTED]):
                        fields = [f"{name}: {text}" for text in said] + [f"{other}: for={LISTED}"]
                        options = [option for field in fields for option in ("-H", field)]
                        self.assertEqual(balancer.post(LISTED, *options), 200, said)
                        self.assertEqual(balancer.post(stranger, *options), refusal, said)
                    # A PROXY header of its own.
                    with socket.create_connection(("127.0.0.1", balancer.port), 20, (stranger, 0)) as sender:
                        sender.sendall(b"PROXY TCP4 %s 127.0.0.1 4242 443\r\n" % LISTED.encode())
                        # The gate may have had it closed by now.
                        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                            sender.sendall(b"POST /webhooks/vsee HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
                            sender.recv(4096)
                self.assertEqual(self.verdicts(entries), {
                    ("accepted", "listed", LISTED, balancer.address),
                    ("rejected", "not_listed", stranger, balancer.address)})

    def test_senders_that_come_past_it_are_closed_at_once(self):
        for way in {way.mode: way for way in self.ways}.values():
            gate = self.gate(way)
            url = gate.url if way.upstream != "plain" else gate.url.replace("https", "http")
            with self.subTest(mode=way.mode):
                with self.noted(gate) as entries:
                    for options in ([], ["--haproxy-protocol"]):
                        past = subprocess.run(["curl", "-sk", "--max-time", "10", "--interface", LISTED, *options,
                                               "-H", f"X-Forwarded-For: {LISTED}", "-d", "{}", url], capture_output=True)
                        self.assertNotEqual(past.returncode, 0, past.stdout)
                reason = "bad_proxy_header" if way.mode == "proxy-protocol" else "address_undeterminable"
                self.assertEqual(self.verdicts(entries), {("rejected", reason, None, LISTED)})

    def test_strangers_do_not_disturb_an_upload(self):
        """They hang up, reset or send bad lengths in the middle of their own uploads: with HTTP/2 on the upload's
        connection, with HTTP/1.1 on one that listed senders had before."""
        for way, stranger in zip(self.ways, STRANGERS):
            with self.subTest(way=way), contextlib.closing(self.start(way)) as balancer, \
                    self.noted(balancer.gate) as entries:
                self.assertEqual(balancer.post(LISTED), 200)
                body = (V2 % uuid.uuid4()).encode()
                upload = balancer.begin(LISTED, b"content-length: %d" % len(body))
                self.addCleanup(upload.close)
                upload.sendall(body[:10])
                for field, sent, end in (
                        (b"content-length: 500", b"x", "close"), (b"content-length: 500", b"x", "reset"),
                        (b"content-length: 500", b"x" * 400, "shut"), (b"transfer-encoding: chunked", b"5\r\nab", "close"),
                        (b"transfer-encoding: chunked", b"zz\r\n", "shut"),
                        (b"transfer-encoding: chunked", b"1\r\nabc\r\n", "shut"),
                        (b"content-length: 0\r\nconnection: x-forwarded-for", b"", "shut"),
                        (b"content-length: 2\r\nte: gzip", b"{}", "shut")):
                    self.assertEqual(balancer.post(LISTED), 200)
                    self.break_off(balancer, stranger, field, sent, end)
                self.assertNotEqual(balancer.post(stranger), 200)
                upload.sendall(body[10:])
                self.assertIn(b" 200 ", upload.recv(4096))
                wait_until(lambda: body in map(balancer.gate.contents, balancer.gate.ready()), 20, "the upload")
            with self.subTest(way=way):
                of = {verdict: {e.get("source", {}).get("ip") for e in entries if e["verdict"] == verdict}
                      for verdict in ("accepted", "rejected")}
                self.assertEqual(of["accepted"], {LISTED})
                # HAProxy takes it literally that its own field is to go no further.
                self.assertEqual(of["rejected"] - {None}, {stranger})
                if way.mode != "proxy-protocol":
                    self.assertEqual({e["kind"] for e in entries}, {"request"})
                    self.assert_shared(way, entries)

    def break_off(self, balancer, source, field, sent, end):
        """A part of a request. The balancer may have refused it before it is at its end."""
        with contextlib.suppress(OSError), balancer.begin(source, field) as sender:
            sender.sendall(sent)
            if end == "reset":
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif end == "shut":
                sender.shutdown(socket.SHUT_WR)
                sender.recv(4096)

    def assert_shared(self, way, entries):
        """Requests went over connections that others had before; a request's id is its connection's and a number."""
        connections = {}
        for entry in entries:
            connections.setdefault(entry["request"]["id"].rpartition("-")[0], set()).add(entry["verdict"])
        self.assertIn({"accepted", "rejected"}, connections.values())
        if way.upstream == "h2":
            self.assertEqual(len(connections), 1)


class Checked(Behaviours):
    """The balancer has checks of its own: which of them, in which way."""
    checks = ()

    def test_its_checks_find_the_gate_up_and_leave_no_entry(self):
        with contextlib.ExitStack() as within:
            noted = [within.enter_context(self.noted(gate)) for gate in {self.gate(way) for way, _ in self.checks}]
            # All at once: it is the waiting that takes the time.
            cases = [(way, check, self.start(way, check)) for way, check in self.checks]

            def pending():
                return [case for case in cases if case[2].checks()[:2] < (True, 20)]
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not pending(), 30)
            self.assertEqual([(way, check) for way, check, _ in pending()], [])
            self.assertEqual([(way, check) for way, check, balancer in cases if balancer.checks()[2]], [], "failed checks")
        self.assertEqual([entry for entries in noted for entry in entries], [])


class BehindHAProxy(Checked, unittest.TestCase):
    balancer = HAProxy
    ways = (HTTP1, H2, FORWARDED_HTTP1, FORWARDED_H2, PROXY_V1, PROXY_V2, PROXY_V2_SSL)
    checks = (
        *((way, check) for way in (PROXY_V1, PROXY_V2) for check in ("tcp", "tls", "http", "options")),
        (PROXY_V2_SSL, "tls"),
        *((way, check) for way in (HTTP1, FORWARDED_HTTP1) for check in ("tcp", "tls", "http")),
        (H2, "http"), (FORWARDED_H2, "http"))


class BehindNginx(Behaviours, unittest.TestCase):
    balancer = Nginx
    ways = (PLAIN, HTTP1, PROXY_V1)


class BehindCaddy(Checked, unittest.TestCase):
    balancer = Caddy
    ways = (PLAIN, HTTP1, H2)
    checks = tuple((way, "http") for way in ways)


class BehindEnvoy(Checked, unittest.TestCase):
    balancer = Envoy
    ways = (PLAIN, HTTP1, H2, PROXY_V1, PROXY_V2, HTTP1_V1, HTTP1_V2, H2_V2)
    checks = (
        *((way, check) for way in (PLAIN, HTTP1, PROXY_V1, PROXY_V2) for check in ("tcp", "http")),
        (H2, "http"), (H2_V2, "http"))


class BeforeSFTP(unittest.TestCase):
    """Balancers of TCP that say by the PROXY header for whom they call."""
    cases = ((HAProxy, "v1", "tcp"), (HAProxy, "v2", "tcp"), (Nginx, "v1", None), (Envoy, "v1", "tcp"), (Envoy, "v2", "tcp"))

    @classmethod
    def setUpClass(cls):
        cls.gate = Gate(environment={
            "DROPGATE_SFTP_ADDRESS": "proxy-protocol",
            "DROPGATE_SFTP_TRUSTED_PROXIES": f"[{HAProxy.address}/32]"}).start()
        cls.addClassCleanup(cls.gate.close)

    def test_senders_are_judged_by_their_own_address_and_checks_leave_no_entry(self):
        for (balancer, version, check), stranger in zip(self.cases, STRANGERS):
            way = Way("proxy-protocol", "tcp", version, "sftp")
            with self.subTest(balancer=balancer.__name__, version=version), \
                    contextlib.closing(balancer(self.gate, way, check)) as between:
                before = len(self.gate.entries())
                sent = self.gate.sftp(f"put {self.gate.file('small', b'small')} /{uuid.uuid4()}.txt", port=between.port)
                self.assertEqual(sent.returncode, 0, sent.stderr)
                self.assertNotEqual(self.gate.sftp("ls", source=stranger, port=between.port).returncode, 0)
                if check:
                    wait_until(lambda: between.checks()[1] >= 20, 30, "checks")
                    self.assertEqual(between.checks()[::2], (True, 0))
                entries = [e for e in self.gate.entries()[before:] if e["kind"] in ("connection", "login")]
                self.assertEqual(
                    {(e["verdict"], e["reason"], e["source"]["ip"], e["peer"]["ip"]) for e in entries},
                    {("accepted", "listed", LISTED, between.address), ("rejected", "not_listed", stranger, between.address)})
        wait_until(lambda: len(self.gate.ready()) == len(self.cases), 20, "the uploads")


if __name__ == "__main__":
    unittest.main()
