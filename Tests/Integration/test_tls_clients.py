"""What good clients of the webhook listener count on from its TLS: protocols, names, sessions that go on, the ways in
which a connection ends, client certificates. And those that only read too little, or never."""
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import read, wait_until  # noqa: E402
from tlspeer import (  # noqa: E402
    TLS12, TLS13, UNLISTED, Authority, Client, TLSCase, connect, everything, hello, record, request, reset, trusting)

BOTH = (TLS12, TLS13)


def reason(error):
    return (error.reason or "").lower()


class Clients(TLSCase):
    def client(self, **options):
        client = Client(self.gate, **options)
        self.addCleanup(client.socket.close)
        return client

    def post(self, client, close=True):
        """One event over this client's connection, stored; its entry is there before the answer."""
        client.write(request(self.event(), close=close))
        answer = client.answer() if close else client.one()
        self.assertIn(b'"stored"', answer)
        self.expected.append(("listed",))


class Negotiation(Clients):
    def test_alpn(self):
        self.gate_with()
        for version in BOTH:
            for offered, chosen in ((["h2"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2"),
                                    (["h2", "http/1.1"], "h2"), (["spdy/3", "http/1.1"], "http/1.1"),
                                    (["ftp"], None), (["ftp", "http/1.0"], None), ([], None)):
                with self.subTest(version=version, offered=offered):
                    context = trusting(version)
                    if offered:
                        context.set_alpn_protocols(offered)
                    client = self.client(context=context).shake()
                    self.assertEqual(client.tls.selected_alpn_protocol(), chosen)
                    if chosen != "h2":
                        self.post(client)
                        continue
                    client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                    self.assertEqual(client.step(client.tls.read, 1 << 14)[3:5], b"\4\0")  # SETTINGS
                    client.step(client.tls.write, b"\0\0\x08\7\0\0\0\0\0" + bytes(8))  # GOAWAY
                    reset(client.socket)
                    self.expect("incomplete")
        self.finish()

    def test_names(self):
        self.gate_with()
        for version in BOTH:
            for name in (None, "localhost", "gate.example.net", "xn--nxasmq6b.example", "a" * 63 + ".example"):
                with self.subTest(version=version, name=name):
                    self.post(self.client(version=version, name=name).shake())
        self.finish()

    def test_suites(self):
        self.gate_with()
        for suites, chosen in (("ECDHE+AESGCM", "ECDHE-ECDSA-"), ("ECDHE+CHACHA20", "ECDHE-ECDSA-CHACHA20-POLY1305")):
            context = trusting(TLS12)
            context.set_ciphers(suites)
            client = self.client(context=context).shake()
            self.assertTrue(client.tls.cipher()[0].startswith(chosen), client.tls.cipher())
            self.post(client)
        for suites in ("kRSA", "aNULL:eNULL:@SECLEVEL=0", "ECDHE+AES+SHA1", "DHE"):
            with self.subTest(suites=suites):
                context = trusting(TLS12)
                context.set_ciphers(suites)
                client = self.client(context=context)
                with self.assertRaises(ssl.SSLError) as caught:
                    client.shake()
                self.assertIn("handshake_failure", reason(caught.exception))
                self.assertIn("cipher", self.expect("tls_failed")["detail"]["hint"])
        self.finish()

    def test_admission_comes_before_the_first_byte_of_tls(self):
        self.gate_with()
        for first in (b"", record(22, hello()), b"GET / HTTP/1.1\r\n\r\n"):
            with self.subTest(first=first[:3]), connect(self.gate, UNLISTED) as client:
                try:
                    client.sendall(first)
                except ConnectionError:
                    pass
                self.assertEqual(everything(client), b"")
        wait_until(lambda: len(self.webhook()) == 3, what="the entries")
        for entry in self.webhook():
            self.assertEqual((entry["reason"], entry["kind"], entry["source"]["ip"]),
                             ("not_listed", "connection", UNLISTED))


class Sessions(Clients):
    def session(self, context):
        client = self.client(context=context).shake()
        self.post(client)
        self.assertTrue(client.tls.session.has_ticket or client.tls.session.id)
        return client.tls.session

    def test_sessions_go_on(self):
        self.gate_with()
        for version in BOTH:
            with self.subTest(version=version):
                context = trusting(version)
                session = self.session(context)
                for _ in range(2):
                    client = self.client(context=context, session=session).shake()
                    self.assertTrue(client.tls.session_reused)
                    self.assertEqual(client.tls.version(), "TLSv1.2" if version == TLS12 else "TLSv1.3")
                    self.post(client)
        with self.subTest("without tickets: another handshake, if not a session id"):
            context = trusting(TLS12)
            context.options |= ssl.OP_NO_TICKET
            client = self.client(context=context).shake()
            self.post(client)
            self.post(self.client(context=context, session=client.tls.session).shake())
        self.finish()

    def test_sessions_of_another_protocol(self):
        """Asked for h2 before, now for http/1.1: what was agreed this time counts."""
        self.gate_with()
        for version in BOTH:
            with self.subTest(version=version):
                context = trusting(version)
                context.set_alpn_protocols(["http/1.1"])
                session = self.session(context)
                context.set_alpn_protocols(["h2"])
                client = self.client(context=context, session=session).shake()
                self.assertEqual(client.tls.selected_alpn_protocol(), "h2")
                client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                self.assertEqual(client.step(client.tls.read, 1 << 14)[3:5], b"\4\0")
                reset(client.socket)
                self.expect("incomplete")
        self.finish()

    def test_sessions_across_a_new_certificate_and_a_restart(self):
        self.gate_with()
        contexts = [trusting(version) for version in BOTH]
        sessions = [self.session(context) for context in contexts]
        kept = self.client(version=TLS13).shake()
        self.post(kept, close=False)
        folder = os.path.join(self.gate.home, "state/tls")
        fresh = Authority(self.gate.root).issue("fresh", extended="serverAuth")
        old = self.shown()
        for new, name in zip(fresh, ("certificate.pem", "key.pem")):
            os.rename(new, os.path.join(folder, name))
        wait_until(lambda: self.shown() != old, 20, "the new certificate")
        for context, session in zip(contexts, sessions):
            with self.subTest("reload"):
                self.post(self.client(context=context, session=session).shake())
        with self.subTest("a connection from before"):
            self.post(kept)
        self.gate.stop()
        self.gate.start()
        for context, session in zip(contexts, sessions):
            with self.subTest("restart"):
                self.post(self.client(context=context, session=session).shake())
        self.finish()

    def shown(self):
        """The listener's certificate. What only looks leaves an entry."""
        with connect(self.gate) as client, trusting().wrap_socket(client) as tls:
            tls.sendall(request(method="GET", path="/reachability"))
            while tls.recv(1 << 14):
                pass
            self.expected.append(("listed",))
            return tls.getpeercert(True)


class Ends(Clients):
    def close_notify(self, client):
        try:
            client.tls.unwrap()
        except ssl.SSLWantReadError:  # it would wait for the gate's
            client.flush()

    def test_the_answer_comes_after_close_notify(self):
        """RFC 8446, 6.1: who closes its direction may still read. With 1.2 too, though RFC 5246 asks for less."""
        self.gate_with()
        for version in BOTH:
            with self.subTest(version=version):
                client = self.client(version=version).shake()
                client.write(request(self.event(), close=False))
                self.close_notify(client)
                self.assertIn(b'"stored"', client.answer())
                self.expect("listed")
        self.finish()

    def test_the_answer_comes_after_a_half_close_of_the_socket(self):
        self.gate_with()
        for version in BOTH:
            with self.subTest(version=version):
                client = self.client(version=version).shake()
                client.write(request(self.event(), close=False))
                client.socket.shutdown(socket.SHUT_WR)
                self.assertIn(b'"stored"', client.one())
                self.expect("listed")
        self.finish()

    def test_the_gate_says_close_notify(self):
        """`answer` fails when the end comes without it."""
        self.gate_with(idle_timeout="1s")
        for version in BOTH:
            with self.subTest("asked to close", version=version):
                self.post(self.client(version=version).shake())
        idle = [self.client(version=version).shake() for version in BOTH]
        for client in idle:
            self.post(client, close=False)
        for client in idle:
            self.assertEqual(client.answer(), b"")
            self.expect("timeout")
        self.finish()

    def test_a_caller_that_is_gone_after_its_request_or_its_answer(self):
        self.gate_with()
        for version in BOTH:
            for end in (socket.socket.close, reset):
                with self.subTest(version=version, end=end):
                    client = self.client(version=version).shake()
                    client.write(request(self.event(), close=False))
                    end(client.socket)
                    # A reset takes with it what the gate has not read yet.
                    self.expect("listed", *(self.ended if end is reset else ()))
                with self.subTest("answered", version=version, end=end):
                    client = self.client(version=version).shake()
                    self.post(client, close=False)
                    end(client.socket)
        self.finish()

    def test_a_caller_that_is_gone_in_mid_body(self):
        self.gate_with()
        for version in BOTH:
            for end in (socket.socket.close, reset, None):
                with self.subTest(version=version, end=end):
                    client = self.client(version=version).shake()
                    head, body = request("y" * 3000).split(b"y", 1)
                    client.write(head.replace(b"content-length", b"expect: 100-continue\r\ncontent-length"))
                    self.assertIn(b" 100 ", client.step(client.tls.read, 1 << 14))
                    client.write(body[:1000])
                    if end:
                        end(client.socket)
                    else:
                        self.close_notify(client)
                        client.socket.close()
                    entry = self.expect("incomplete")
                    self.assertEqual(entry["kind"], "request")
                    if end is not reset:
                        self.assertEqual(entry["detail"]["bytes_received"], 1000)
        self.assertEqual(self.gate.ready(), [])
        self.finish()

    def test_a_caller_that_is_gone_before_its_request(self):
        self.gate_with()
        for version in BOTH:
            with self.subTest("nothing sent", version=version):
                self.client(version=version).shake().socket.close()
                self.expect("incomplete")
            with self.subTest("half a header", version=version):
                client = self.client(version=version).shake().write(b"POST /webhooks/vsee HT")
                client.socket.close()
                self.expect("incomplete", "malformed")
        self.finish()


class SlowReaders(Clients):
    patience = 20  # seconds

    def test_answers_that_nobody_reads(self):
        """Requests on end whose answers are not read: the gate keeps little, and ends the connection, be it for its time
        or for the number of its requests."""
        self.gate_with(header_timeout="3s", idle_timeout="3s", body_timeout="3s")
        before, sent = self.memory(), 0
        client = self.client(receive_buffer=4096).shake()
        client.socket.settimeout(2)
        one = request(path="/" + "n" * 8000, method="GET", close=False)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < 256 << 20:
                client.tls.write(one)
                data = client.outbound.read()
                client.socket.sendall(data)
                sent += len(data)
                self.assertLess(self.memory() - before, 32 << 10, f"KiB kept for {sent} bytes of requests")
            self.fail(f"the gate reads on while nobody reads its answers: {sent} bytes")
        wait_until(lambda: self.is_over(client), self.patience, "the end of the connection")
        self.assertIn('"stored"', self.gate.post(self.event()).stdout)
        self.assertEqual(self.gate.stop(), 0)

    def is_over(self, client):
        """Whether the kernel has seen the connection end, without reading a byte from it."""
        state = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state != 1  # TCP_ESTABLISHED


class ClientCertificates(Clients):
    def setUp(self):
        gate = self.gate_with(start=False)
        self.authority = authority = Authority(gate.root)
        self.good = authority.issue("good")
        gate.environment["DROPGATE_WEBHOOK_TLS_CLIENT_AUTHORITIES"] = authority.path("ca")
        gate.start()

    def taken(self, version, pair, certificate=None, **options):
        client = self.client(context=trusting(version, *pair), **options).shake()
        self.post(client)
        printed = subprocess.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate or pair[0]], check=True,
            capture_output=True, text=True).stdout
        digest = printed.split("=")[1].strip().replace(":", "").lower()
        self.assertEqual(self.webhook()[-1]["credential"], "SHA256:" + digest)
        return client

    def refused_with(self, version, pair, *hints):
        """The caller hears why in an alert, the ledger in words, and no byte of its request is looked at."""
        client = self.client(context=trusting(version, *(pair or ())))
        with self.assertRaises(ssl.SSLError) as caught:
            client.shake()
            client.write(request(self.event()))
            client.answer()
        self.assertIn("alert", reason(caught.exception))
        client.socket.close()
        entry = self.expect("tls_failed")
        self.assertTrue(entry["detail"]["error"], entry)
        self.assertTrue(any(hint in entry["detail"].get("hint", "") for hint in hints), entry)
        self.assertEqual((entry["verdict"], self.gate.ready("webhook")), ("rejected", []))
        return reason(caught.exception)

    def test_one_of_the_authority(self):
        for version in BOTH:
            self.taken(version, self.good)
        self.finish(self.good)

    def test_one_of_an_authority_below_it(self):
        below = Authority(self.gate.root, "below", self.authority)
        leaf, key = below.issue("leaf")
        chain = self.gate.file("chain.pem", (read(leaf) + read(below.path("below"))).encode())
        for version in BOTH:
            self.taken(version, (chain, key), certificate=leaf)
        for version in BOTH:
            with self.subTest("without what lies between", version=version), self.assertRaises(ssl.SSLError):
                self.client(context=trusting(version, leaf, key)).shake().write(b"x").answer()
            self.assertIn("authorities", self.expect("tls_failed")["detail"]["hint"])
        self.finish(self.good)

    def test_none(self):
        told = [self.refused_with(version, None, "no client certificate") for version in BOTH]
        self.assertIn("handshake_failure", told[0])
        self.assertIn("certificate_required", told[1])
        self.finish(self.good)

    def test_one_of_another_authority(self):
        os.mkdir(self.gate.root + "/other")
        stranger = Authority(self.gate.root + "/other").issue("stranger")
        for version in BOTH:
            told = self.refused_with(version, stranger, "not of the configured authorities")
            self.assertTrue("unknown_ca" in told or "certificate_unknown" in told or "bad_certificate" in told, told)
        self.finish(self.good)

    def test_one_that_has_expired(self):
        pair = self.authority.issue("late")
        self.authority.ending("late", int(time.time()) - 60)
        for version in BOTH:
            told = self.refused_with(version, pair, "the caller's certificate has expired")
            self.assertIn("certificate", told)
        self.finish(self.good)

    def test_one_for_servers(self):
        pair = self.authority.issue("server", extended="serverAuth")
        for version in BOTH:
            self.refused_with(version, pair, "the caller's certificate is not good for this: unsuitable certificate purpose")
        self.finish(self.good)

    def test_sessions_keep_the_certificate(self):
        """A session that goes on is of the same caller, and the ledger says so."""
        for version in BOTH:
            with self.subTest(version=version):
                client = self.taken(version, self.good)
                context, session = client.context, client.tls.session
                again = self.client(context=context, session=session).shake()
                self.assertTrue(again.tls.session_reused)
                self.post(again)
                entry = self.webhook()[-1]
                self.assertTrue(entry.get("credential", "").startswith("SHA256:"), entry)
        self.finish(self.good)

    def test_a_session_ends_with_its_certificate(self):
        """Verified once, a session could be taken up again for ever: its certificate's end is looked at each time."""
        for version in BOTH:
            with self.subTest(version=version):
                pair, end = self.authority.issue("brief"), int(time.time()) + 3
                self.authority.ending("brief", end)
                client = self.taken(version, pair)
                context, session = client.context, client.tls.session
                # X.509 counts whole seconds, and the last one is good.
                wait_until(lambda: time.time() >= end + 1, 10, "the certificate's end")
                again = self.client(context=context, session=session)
                answer, reused = b"", None
                try:
                    again.shake()
                    reused = again.tls.session_reused
                    again.write(request(self.event()))
                    answer = again.answer()
                except (ssl.SSLError, ConnectionError, ValueError, IndexError):
                    pass
                again.socket.close()
                self.assertTrue(reused)
                self.assertNotIn(b"HTTP/", answer)
                entry = self.expect("tls_failed")
                self.assertIn("has expired", entry["detail"]["hint"])
        self.finish(self.good)


if __name__ == "__main__":
    unittest.main()
