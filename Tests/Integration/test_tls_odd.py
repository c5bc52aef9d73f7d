"""The webhook listener's TLS against clients that no good library would be: each ends with the alert that it should
get, with one entry in the ledger, and leaves a gate that serves the next caller."""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from tlspeer import (  # noqa: E402
    ALERT, CCS, CLOSE_NOTIFY, CLOSED, DATA, FATAL, HANDSHAKE, HEARTBEAT, TLS10, TLS11, TLS12, TLS13, USER_CANCELED,
    WARNING, Authority, Client, Message, TLSCase, alerts, connect, everything, handshake, hello, record, request, reset,
    send_all)
from tlslite.api import X509CertChain, parsePEMKey  # noqa: E402
from tlslite.extensions import TLSExtension  # noqa: E402

EARLY_DATA = 42
KEY_UPDATE = 24


def at(name, act):
    """A change of the message of this class: `act` returns what goes out in its place."""
    return lambda peer, message: act(message) if type(message).__name__ == name else [message]


def with_extension(kind, size):
    def act(message):
        message.extensions.insert(0, TLSExtension(extType=kind).create(bytearray(size)))
        return [message]
    return at("ClientHello", act)


def spoilt(message):
    message.verify_data[3] ^= 1
    return [message]


def compressing(*methods):
    def act(message):
        message.compression_methods = list(methods)
        return [message]
    return at("ClientHello", act)


def put(kind, body, times=1):
    def act(peer):
        for _ in range(times):
            if not peer.put(kind, body):
                return
    return act


def update(request_one, times=1):
    def act(peer):
        for _ in range(times):
            for _ in peer.send_keyupdate_request(request_one):
                pass
    return act


class Versions(TLSCase):
    def test_versions_before_1_2_are_refused(self):
        self.gate_with()
        for version in (TLS10, TLS11):
            with self.subTest(version=version):
                entry = self.refused(version, "protocol_version")
                self.assertIn("newer than TLS 1.1", entry["detail"]["hint"])
        with self.subTest(version="SSL 3.0"):
            hello3 = bytearray(hello(TLS12))
            hello3[4:6] = b"\3\0"
            told = alerts(self.bare(record(HANDSHAKE, hello3, (3, 0)), finish=False))
            self.assertIn(told, (["protocol_version"], ["handshake_failure"]))
            self.expect("tls_failed")
        self.finish()

    def test_ssl_2_hello(self):
        self.gate_with()
        for version in (b"\0\2", b"\3\1", b"\3\3"):
            with self.subTest(version=version):
                # RFC 6101, E: one suite of SSL 2, one of TLS, a challenge.
                body = b"\1" + version + b"\0\6\0\0\0\x10" + b"\1\0\x80" + b"\0\0\x2f" + bytes(16)
                answer = self.bare((0x8000 | len(body)).to_bytes(2, "big") + body)
                self.assertNotIn(b"HTTP/", answer)
                self.expect("tls_failed")
        self.finish()

    def test_what_is_no_tls_at_all(self):
        self.gate_with()
        for text in (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
                     b"SSH-2.0-OpenSSH_9.2\r\n", b"EHLO vsee\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(text=text):
                # The gate ends it, not the caller. What comes back is an alert, or a 400 in clear text.
                answer = self.bare(text, finish=False)
                self.assertTrue(not answer or answer[0] == ALERT or answer.startswith(b"HTTP/1.1 400"), answer)
                self.assertEqual(self.expect("tls_failed")["detail"]["hint"], "the caller did not speak TLS")
        for text in (bytes(64), b"\xff" * 64, b"\r\n\r\n\r\n\r\n", b"CONNECT vsee:443 HTTP/1.1\r\n\r\n"):
            with self.subTest(text=text):
                self.bare(text, finish=False)
                self.expect("tls_failed")
        self.finish()

    def test_nothing_or_half_a_hello_and_the_end(self):
        self.gate_with()
        whole = record(HANDSHAKE, hello())
        for text in (b"", whole[:1], whole[:5], whole[:-1]):
            with self.subTest(bytes=len(text)):
                self.bare(text)
                self.expect("tls_failed")
        with self.subTest("reset"):
            client = connect(self.gate)
            client.sendall(whole)
            self.assertEqual(client.recv(1), bytes([HANDSHAKE]))
            reset(client)
            self.expect("tls_failed")
        self.finish()

    def test_compression_is_never_agreed(self):
        self.gate_with()
        self.served(TLS12, compressing(1, 0))  # tlslite takes no other choice than 0
        self.refused(TLS12, "illegal_parameter", "decode_error", "handshake_failure", change=compressing(1))
        self.refused(TLS13, "illegal_parameter", "decode_error", change=compressing(1, 0))
        self.finish()

    def test_nothing_in_common(self):
        self.gate_with()
        entry = self.refused(TLS12, "handshake_failure", cipherNames=["3des"])
        self.assertIn("cipher", entry["detail"]["hint"])

        def groups(message):  # a group that nobody has
            message.extensions = [e for e in message.extensions if e.extType not in (10, 51)]
            message.extensions += [TLSExtension(extType=10).create(bytearray(b"\0\2\x7f\x7f")),
                                   TLSExtension(extType=51).create(bytearray(b"\0\0"))]
            return [message]
        self.refused(TLS13, "handshake_failure", "illegal_parameter", change=at("ClientHello", groups))
        self.finish()


class Records(TLSCase):
    def test_in_segments_of_one_byte(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            with self.subTest(version=version), Client(self.gate, version=version) as client:
                client.send = lambda data, to=client.socket: [to.sendall(bytes([byte])) for byte in data]
                self.assertIn(b'"stored"', client.shake().write(request(self.event())).answer())
                self.expect("listed")
        self.finish()

    def test_messages_in_pieces_and_data_of_no_bytes(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            self.served(version, act=put(DATA, b"", 5))
            for size in (1, 5, 100):
                with self.subTest(version=version, size=size):
                    self.served(version, setup=lambda peer, size=size: setattr(peer, "recordSize", size))
        self.finish()

    def test_messages_together_in_one_record(self):
        gate = self.gate_with(start=False)
        authority = Authority(gate.root)
        certificate, key = authority.issue("client")
        gate.environment["DROPGATE_WEBHOOK_TLS_CLIENT_AUTHORITIES"] = authority.path("ca")
        gate.start()
        chain = X509CertChain()
        with open(certificate) as text, open(key) as secret:
            chain.parsePemList(text.read())
            pair = chain, parsePEMKey(secret.read(), private=True)
        for version, last in ((TLS12, "CertificateVerify"), (TLS13, "Finished")):
            with self.subTest(version=version):
                held, sizes = bytearray(), []

                def change(peer, message):
                    name = type(message).__name__
                    if message.contentType != HANDSHAKE or name == "ClientHello" or peer.version == TLS12 and (
                            name == "Finished"):
                        return [message]
                    peer._handshake_hash.update(message.write())
                    held.extend(message.write())
                    if name == last:
                        peer.put(HANDSHAKE, held)
                        sizes.append(len(held))
                    return []
                self.served(version, change, chain=pair)
                self.assertEqual(len(sizes), 1)
        self.finish((certificate, key))

    def test_large_hellos(self):
        self.gate_with()
        before = self.memory()
        for version in (TLS12, TLS13):
            self.served(version, with_extension(0x7a7a, 12 << 10))
        with self.subTest("of two records: taken or refused, never anything else"):
            peer = self.peer(with_extension(0x7a7a, 40 << 10))
            outcome = peer.outcome(lambda: peer.shake(TLS13).write(request(self.event())))
            peer.client.close()
            reason = self.expect("listed", "tls_failed")["reason"]
            self.assertEqual(b'"stored"' in peer.received, reason == "listed", outcome)
        # More than any hello can have (RFC 8446, 4.1.2): refused by its head, and what follows is not kept.
        for length in (200 << 10, 0xffffff):
            with self.subTest(length=length):
                with connect(self.gate) as client:
                    piece = b"\1" + length.to_bytes(3, "big") + hello()[4:]
                    for _ in range(length // 16000 + 1):
                        if not send_all(client, record(HANDSHAKE, piece)):
                            break
                        piece = bytes(16000)
                    everything(client)
                self.expect("tls_failed")
        self.assertLess(self.memory() - before, 32 << 10)
        self.finish()

    def test_records_that_are_too_long(self):
        self.gate_with()
        with self.subTest("the first"):
            answer = self.bare(bytes([HANDSHAKE, 3, 1, 0xff, 0xff]) + bytes(100), finish=False)
            self.assertLessEqual(set(alerts(answer)), {"record_overflow"})
            self.expect("tls_failed")
        for version in (TLS12, TLS13):
            with self.subTest("encrypted", version=version):
                self.refused(version, "record_overflow", act=lambda peer: send_all(
                    peer.client, bytes([DATA, 3, 3, 0x48, 1]) + os.urandom(0x4801)))
            with self.subTest("decrypted", version=version):
                self.refused(version, "record_overflow", act=put(DATA, bytes((1 << 14) + 2)))
        self.finish()

    def test_records_that_nobody_wrote(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            kind = DATA if version == TLS13 else HANDSHAKE
            with self.subTest("in place of Finished", version=version):
                self.refused(version, "bad_record_mac", "decrypt_error", change=at(
                    "Finished", lambda message, kind=kind: [record(kind, os.urandom(40), TLS12)]))
            with self.subTest("later", version=version):
                self.refused(version, "bad_record_mac", act=lambda peer: peer.client.sendall(
                    record(DATA, os.urandom(60), TLS12)))
            with self.subTest("shorter than any tag", version=version):
                self.refused(version, "bad_record_mac", "decode_error", "internal_error", act=lambda peer: send_all(
                    peer.client, record(DATA, b"short", TLS12)))
            with self.subTest("a Finished that is wrong", version=version):
                self.refused(version, "decrypt_error", "handshake_failure", change=at("Finished", spoilt))
        self.finish()

    def test_a_bad_record_in_mid_body_ends_the_request(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            with self.subTest(version=version):
                peer = self.peer().shake(version)
                head, body = request("x" * 100).split(b"x", 1)
                peer.write(head.replace(b"content-length", b"expect: 100-continue\r\ncontent-length"))
                peer.until(b" 100 ")
                peer.write(body[:50])
                peer.client.sendall(record(DATA, os.urandom(60), TLS12))
                outcome = peer.outcome()
                self.assertEqual(self.expect("incomplete")["kind"], "request")
                self.assertIn(outcome, ("bad_record_mac",))
        self.assertEqual(self.gate.ready(), [])
        self.finish()


class Messages(TLSCase):
    def test_types_that_do_not_belong_there(self):
        self.gate_with()
        for name, first in (("ServerHello", handshake(2, hello()[4:])), ("Finished", handshake(20, bytes(12))),
                            ("KeyUpdate", handshake(KEY_UPDATE, b"\0")), ("HelloRequest", handshake(0, b""))):
            with self.subTest(first=name):
                self.assertEqual(alerts(self.bare(record(HANDSHAKE, first), finish=False)), ["unexpected_message"])
                self.expect("tls_failed")
        for kind in (DATA, HEARTBEAT, 99):
            with self.subTest(first=kind):
                self.assertLessEqual(set(alerts(self.bare(record(kind, bytes(20)), finish=False))),
                                     {"unexpected_message", "protocol_version"})
                self.expect("tls_failed")
        self.finish()

    def test_types_that_do_not_belong_later(self):
        self.gate_with()
        with self.subTest("data before Finished"):
            self.refused(TLS12, "unexpected_message", change=at(
                "ChangeCipherSpec", lambda message: [record(DATA, b"GET / HTTP/1.1\r\n\r\n", TLS12)]))
            self.refused(TLS13, "unexpected_message", "bad_record_mac", change=at(
                "Finished", lambda message: [Message(DATA, bytearray(b"GET / HTTP/1.1\r\n\r\n"))]))
        with self.subTest("no ClientKeyExchange"):
            self.refused(TLS12, "unexpected_message", change=at("ClientKeyExchange", lambda message: []))
        for version in (TLS12, TLS13):
            with self.subTest("Finished once more", version=version):
                self.refused(version, "unexpected_message", act=put(HANDSHAKE, handshake(20, bytes(12))))
            with self.subTest("a type that does not exist", version=version):
                self.refused(version, "unexpected_message", act=put(99, bytes(20)))
        with self.subTest("KeyUpdate in TLS 1.2"):
            self.refused(TLS12, "unexpected_message", act=put(HANDSHAKE, handshake(KEY_UPDATE, b"\0")))
        self.finish()

    def test_change_cipher_spec(self):
        self.gate_with()
        with self.subTest("early (CVE-2014-0224)"):
            self.refused(TLS12, "unexpected_message", change=at(
                "ClientKeyExchange", lambda message: [record(CCS, b"\1", TLS12), message]))
        with self.subTest("of another value"):
            self.refused(TLS12, "illegal_parameter", "unexpected_message", "decode_error", change=at(
                "ChangeCipherSpec", lambda message: [record(CCS, b"\2", TLS12)]))
            self.refused(TLS13, "illegal_parameter", "unexpected_message", "bad_record_mac", change=at(
                "Finished", lambda message: [record(CCS, b"\2", TLS12), message]))
        with self.subTest("twice"):
            # OpenSSL says internal_error of what is shorter than a tag.
            self.refused(TLS12, "unexpected_message", "bad_record_mac", "internal_error", change=at(
                "ChangeCipherSpec", lambda message: [record(CCS, b"\1", TLS12), message]))
        with self.subTest("first of all"):
            self.bare(record(CCS, b"\1"), record(HANDSHAKE, hello()))
            self.expect("tls_failed")
        with self.subTest("after the handshake"):
            self.refused(TLS12, "unexpected_message", act=put(CCS, b"\1"))
            self.refused(TLS13, "unexpected_message", act=put(CCS, b"\1"))
        self.finish()

    def test_heartbeat_is_not_spoken(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            with self.subTest(version=version):
                # More is asked back than was sent (CVE-2014-0160): nothing comes but the alert.
                self.refused(version, "unexpected_message", act=put(HEARTBEAT, b"\1\x40\0" + bytes(20)))
                self.assertFalse(self.served(version).heartbeat_can_send)
        self.finish()

    def test_renegotiation(self):
        self.gate_with()
        peer = self.peer().shake(TLS12)
        peer.put(HANDSHAKE, hello(TLS12))
        # Refused by a warning, and the connection goes on, or by its end.
        self.assertIn(peer.outcome(), ("no_renegotiation",))
        peer.client.close()
        self.expect(*self.ended)
        with self.subTest("between two requests"):
            peer = self.peer().shake(TLS12)
            peer.write(request(self.event(), close=False))
            peer.until(b'"stored"')
            self.expect("listed")
            peer.put(HANDSHAKE, hello(TLS12))
            self.assertIn(peer.outcome(), ("no_renegotiation", CLOSED))
            peer.client.close()
        self.finish()

    def test_key_updates(self):
        self.gate_with()
        for asks in (0, 1):
            self.served(TLS13, act=update(asks))
            self.served(TLS13, act=update(asks, times=20))
        self.refused(TLS13, "illegal_parameter", "decode_error", act=put(HANDSHAKE, handshake(KEY_UPDATE, b"\2")))
        self.refused(TLS13, "illegal_parameter", "decode_error", act=put(HANDSHAKE, handshake(KEY_UPDATE, b"\0\0")))
        with self.subTest("together with another message"):
            self.refused(TLS13, "unexpected_message", act=put(HANDSHAKE, handshake(KEY_UPDATE, b"\0") * 2))
        self.finish()

    def test_early_data_is_not_taken(self):
        self.gate_with()

        def early(message):
            message.extensions.insert(-1, TLSExtension(extType=EARLY_DATA).create(bytearray()))
            return [message, *[record(DATA, os.urandom(400), TLS12)] * 3]

        def only_first(message):  # the second one must not have it (RFC 8446, 4.2.10)
            if EARLY_DATA not in [extension.extType for extension in message.extensions]:
                return early(message)
            message.extensions = [e for e in message.extensions if e.extType != EARLY_DATA]
            return [message]
        nobody = [(b"nobody", bytes(32))]
        peer = self.served(TLS13, at("ClientHello", early), pskConfigs=nobody)
        self.assertTrue(peer.tickets)
        for ticket in peer.tickets:
            self.assertNotIn(EARLY_DATA, [extension.extType for extension in ticket.extensions])
        with self.subTest("more than anybody would throw away"):
            self.refused(TLS13, change=at("ClientHello", lambda message: [
                *early(message), *[record(DATA, os.urandom(1 << 14), TLS12)] * 64]), pskConfigs=nobody)
        with self.subTest("no share for a group: the hello is asked for once more"):
            self.served(TLS13, keyShares=[])
            self.served(TLS13, at("ClientHello", only_first), pskConfigs=nobody, keyShares=[])
        self.finish()


class Alerts(TLSCase):
    def test_in_mid_handshake(self):
        self.gate_with()
        for version, step in ((TLS12, "ClientKeyExchange"), (TLS13, "Finished")):
            with self.subTest("closed in order", version=version):
                self.refused(version, CLOSED, "close_notify", "user_canceled", change=at(
                    step, lambda message: [Message(ALERT, bytearray([WARNING, CLOSE_NOTIFY]))]))
            with self.subTest("fatal", version=version):
                entry = self.refused(version, CLOSED, change=at(
                    step, lambda message: [Message(ALERT, bytearray([FATAL, 48]))]))
                self.assertIn("does not trust the gate's certificate", entry["detail"]["hint"])
            with self.subTest("changed its mind, and goes on", version=version):
                self.served(version, at(step, lambda message: [
                    Message(ALERT, bytearray([WARNING, USER_CANCELED])), message]))
            with self.subTest("that is none", version=version):
                self.refused(version, change=at(step, lambda message: [Message(ALERT, bytearray([7]))]))
        self.finish()

    def test_after_the_handshake(self):
        self.gate_with()
        for version in (TLS12, TLS13):
            with self.subTest("fatal", version=version):
                self.refused(version, CLOSED, act=put(ALERT, [FATAL, 80]))
            with self.subTest("that is none", version=version):
                self.refused(version, "decode_error", "unexpected_message", "illegal_parameter", act=put(ALERT, [1]))
        self.finish()


class Floods(TLSCase):
    """What costs a client nothing must not keep a connection, nor fill the gate."""
    patience = 3.0

    def run_all(self, *floods):
        self.gate_with(header_timeout="3s")
        before, seconds, took = self.memory(), {}, []

        def one(flood):
            began = time.monotonic()
            try:
                flood()
            finally:
                seconds[flood.__name__] = time.monotonic() - began
                took.append(flood.__name__)
        threads = [threading.Thread(target=one, args=(flood,)) for flood in floods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(took), len(floods), f"no end but of {took}")
        self.assertLess(max(seconds.values()), 3 + self.patience, seconds)
        self.assertLess(self.memory() - before, 64 << 10)
        self.expected = [("timeout", *self.ended)] * (len(floods) - 1)
        self.expect("timeout", *self.ended)
        self.finish()

    def plain(self, piece, first=b""):
        with connect(self.gate) as client:
            client.sendall(first)
            while send_all(client, piece * 100):
                pass

    def encrypted(self, version, kind, body):
        peer = self.peer().shake(version)
        while peer.put(kind, body):
            pass

    def test_in_the_handshake(self):
        part = record(HANDSHAKE, hello())[:5 + 40]
        half = record(HANDSHAKE, part[5:])

        def empty_records():
            self.plain(record(HANDSHAKE, b""))

        def empty_records_in_mid_hello():
            self.plain(record(HANDSHAKE, b""), half)

        def warnings():
            self.plain(record(ALERT, [WARNING, USER_CANCELED]))

        def warnings_in_mid_handshake():
            self.plain(record(ALERT, [WARNING, USER_CANCELED], TLS12), record(HANDSHAKE, hello()))

        def change_cipher_specs():
            self.plain(record(CCS, b"\1", TLS12), record(HANDSHAKE, hello(TLS13)))

        self.run_all(empty_records, empty_records_in_mid_hello, warnings, warnings_in_mid_handshake,
                     change_cipher_specs)

    def test_after_the_handshake(self):
        def empty_data_1_2():
            self.encrypted(TLS12, DATA, b"")

        def empty_data_1_3():
            self.encrypted(TLS13, DATA, b"")

        def warnings_1_2():
            self.encrypted(TLS12, ALERT, [WARNING, USER_CANCELED])

        def warnings_1_3():
            self.encrypted(TLS13, ALERT, [WARNING, USER_CANCELED])

        def hellos():
            self.encrypted(TLS12, HANDSHAKE, hello(TLS12))

        def key_updates():
            peer = self.peer().shake(TLS13)
            peer.outcome(lambda: update(1, times=1 << 30)(peer))

        self.run_all(empty_data_1_2, empty_data_1_3, warnings_1_2, warnings_1_3, hellos, key_updates)


if __name__ == "__main__":
    unittest.main()
