"""TLS clients that do what no good client does: tlslite-ng with its messages changed on their way, and bare records.

It judges nothing. What the gate answers is returned as the name of its alert, its bytes, or the end.
"""
# Needs: python3-cryptography pypi
import datetime
import os
import socket
import ssl
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../.build/python"))
from gate import V2, Gate, wait_until  # noqa: E402
from tlslite.api import HandshakeSettings, TLSConnection  # noqa: E402  (see requirements.txt)
from tlslite.constants import AlertDescription, ContentType  # noqa: E402
from tlslite.errors import TLSAbruptCloseError, TLSClosedConnectionError, TLSRemoteAlert  # noqa: E402
from tlslite.messages import Message  # noqa: E402

LISTED, UNLISTED = "127.0.0.2", "127.0.0.3"
TLS10, TLS11, TLS12, TLS13 = (3, 1), (3, 2), (3, 3), (3, 4)
CLOSED = "closed"
KINDS = (ContentType.change_cipher_spec, ContentType.alert, ContentType.handshake, ContentType.application_data)
CCS, ALERT, HANDSHAKE, DATA = KINDS
HEARTBEAT = 24
WARNING, FATAL, CLOSE_NOTIFY, USER_CANCELED = 1, 2, 0, 90


def connect(gate, source=LISTED, receive_buffer=None):
    client = socket.socket()
    client.settimeout(20)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.bind((source, 0))
    client.connect(("127.0.0.1", gate.ports["webhook"]))
    return client


def record(kind, body, version=TLS10):
    return bytes([kind, *version]) + struct.pack(">H", len(body)) + bytes(body)


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + bytes(body)


def reset(client):
    """Ends a connection as a crashed machine does: RST, not FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def everything(client):
    """All bytes until the end, or until the connection is reset."""
    received = b""
    try:
        while data := client.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass
    return received


def send_all(client, data):
    """As much as the gate takes: it may have closed before the end. True: it took all of it."""
    try:
        client.sendall(data)
        return True
    except (ConnectionResetError, BrokenPipeError):
        return False


def alerts(received):
    """Names of the alerts among unencrypted records."""
    found = []
    while len(received) >= 5:
        length = struct.unpack(">H", received[3:5])[0]
        if received[0] == ALERT and length == 2:
            found.append(AlertDescription.toRepr(received[6]))
        received = received[5 + length:]
    return found


def request(body="", path="/webhooks/vsee", method="POST", close=True):
    return (f"{method} {path} HTTP/1.1\r\nhost: gate\r\n" + ("connection: close\r\n" if close else "")
            + f"content-length: {len(body)}\r\n\r\n{body}").encode()


class Peer(TLSConnection):
    """`change` gets each message before it is sent and returns what goes out in its place: messages, or records as
    bytes, which are sent as they are."""

    def __init__(self, client, change=None):
        super().__init__(client)
        self.client, self.change = client, change

    def _sendMsg(self, message, *arguments, **options):
        for part in self.change(self, message) if self.change else [message]:
            if isinstance(part, bytes):
                self.sock.flush()
                self.client.sendall(part)
            else:
                yield from super()._sendMsg(part, *arguments, **options)

    def shake(self, version, session=None, alpn=None, chain=(None, None), **settings):
        wanted = HandshakeSettings()
        wanted.minVersion, wanted.maxVersion, wanted.versions = version, version, [version]
        wanted.eccCurves, wanted.keyShares = ["secp256r1", "secp384r1", "x25519"], ["secp256r1"]
        # It would compress its certificate unasked.
        wanted.certificate_compression_send = wanted.certificate_compression_receive = []
        for name, value in settings.items():
            setattr(wanted, name, value)
        if version < TLS12:
            wanted.versions = [TLS11, TLS10]
        self.handshakeClientCert(*chain, session=session, settings=wanted, alpn=alpn)
        return self

    def put(self, kind, body):
        """One record, encrypted as the connection's state asks. False: the gate no longer takes it."""
        try:
            for _ in self._recordLayer.sendRecord(Message(kind, bytearray(body))):
                pass
            self.sock.flush()
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    def until(self, text):
        """Reads until this has come, without what comes behind its record."""
        received = b""
        while text not in received:
            received += bytes(self.read(max=1 << 14))
        return received

    def outcome(self, action=None):
        """What the gate ends this with: the name of an alert, or CLOSED. Data before it is kept in `received`."""
        self.received = b""
        try:
            if action:
                action()
            while data := self.read(max=1 << 14):
                self.received += bytes(data)
            return CLOSED
        except TLSRemoteAlert as alert:
            return AlertDescription.toRepr(alert.description)
        except (TLSAbruptCloseError, TLSClosedConnectionError, ConnectionResetError, BrokenPipeError):
            return CLOSED


def hello(version=TLS12, change=None, **settings):
    """A ClientHello of tlslite as a handshake message."""
    class Enough(Exception):
        pass
    made = []

    def take(peer, message):
        made.append(bytes((change(message) if change else message).write()))
        raise Enough
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            Peer(ours, take).shake(version, **settings)
        except Enough:
            pass
    return made[0]


class Client:
    """A good client (OpenSSL) whose bytes pass through the test's hands."""

    def __init__(self, gate, context=None, version=TLS13, source=LISTED, session=None, name=None, **options):
        self.context = context or trusting(version)
        self.socket = connect(gate, source, **options)
        self.inbound, self.outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.inbound, self.outbound, server_hostname=name, session=session)
        self.send = self.socket.sendall

    def step(self, action, *arguments):
        """Calls until it needs nothing more from the gate."""
        while True:
            try:
                result = action(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()
            except ssl.SSLError:
                self.flush()
                raise

    def flush(self):
        if self.outbound.pending:
            self.send(self.outbound.read())

    def feed(self):
        if data := self.socket.recv(1 << 16):
            self.inbound.write(data)
        else:
            self.inbound.write_eof()

    def shake(self):
        self.step(self.tls.do_handshake)
        return self

    def write(self, data):
        self.step(self.tls.write, data)
        return self

    def answer(self):
        """All that comes up to the gate's close_notify; without one that is an error."""
        received = b""
        try:
            while data := self.step(self.tls.read, 1 << 16):
                received += data
        except ssl.SSLZeroReturnError:  # the same, where this side has said it before
            pass
        return received

    def one(self):
        """The answer to one request, on a connection that stays."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.step(self.tls.read, 1 << 16)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += self.step(self.tls.read, 1 << 16)
        return head + b"\r\n\r\n" + body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def trusting(version=None, certificate=None, key=None):
    """Takes any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        number = ssl.TLSVersion.TLSv1_3 if version == TLS13 else ssl.TLSVersion.TLSv1_2
        context.minimum_version = context.maximum_version = number
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Authority:
    """An authority below a directory, and certificates that it issues (openssl)."""

    def __init__(self, folder, name="ca", above=None):
        self.folder, self.name = folder, name
        self.issue(name, "keyCertSign", None, by=above, constraints="CA:TRUE")

    def path(self, name, suffix=".pem"):
        return os.path.join(self.folder, name + suffix)

    def issue(self, name, usage="digitalSignature", extended="clientAuth", by=None, constraints="CA:FALSE"):
        issuer = by.name if by else None if constraints == "CA:TRUE" else self.name
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN={name}", "-days", "2", "-keyout", self.path(name, ".key"), "-out", self.path(name),
             "-addext", f"basicConstraints=critical,{constraints}", "-addext", f"keyUsage=critical,{usage}",
             *(["-addext", f"extendedKeyUsage={extended}"] if extended else []),
             *(["-CA", self.path(issuer), "-CAkey", self.path(issuer, ".key")] if issuer else [])],
            check=True, capture_output=True)
        return self.path(name), self.path(name, ".key")

    def ending(self, name, end):
        """Issues the certificate of `name` once more, for the same key, good until then (seconds since the epoch)."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        def load(reader, path, *more):
            with open(path, "rb") as file:
                return reader(file.read(), *more)
        authority = load(x509.load_pem_x509_certificate, self.path(self.name))
        key = load(serialization.load_pem_private_key, self.path(self.name, ".key"), None)
        old = load(x509.load_pem_x509_certificate, self.path(name))
        moment = lambda seconds: datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(  # noqa: E731
            tzinfo=None)
        made = x509.CertificateBuilder(
            issuer_name=authority.subject, subject_name=old.subject, public_key=old.public_key(),
            serial_number=x509.random_serial_number(), not_valid_before=moment(end - 3600), not_valid_after=moment(end),
            extensions=list(old.extensions)).sign(key, hashes.SHA256())
        with open(self.path(name), "wb") as file:
            file.write(made.public_bytes(serialization.Encoding.PEM))


class TLSCase(unittest.TestCase):
    """One gate for each test. It must serve afterwards, and its ledger must hold the expected entries and no other."""
    # How a connection may end in the ledger that had a handshake and no whole request.
    ended = ("tls_failed", "incomplete", "malformed")

    def gate_with(self, start=True, **environment):
        environment = {"DROPGATE_WEBHOOK_" + name.upper(): value for name, value in environment.items()}
        self.gate, self.expected, self.events = Gate(environment=environment), [], 0
        self.addCleanup(self.gate.close)
        return self.gate.start() if start else self.gate

    def peer(self, change=None):
        client = connect(self.gate)
        self.addCleanup(client.close)
        return Peer(client, change)

    def event(self):
        self.events += 1
        return V2 % f"e-{self.events}"

    def webhook(self):
        return self.gate.entries("--channel", "webhook")

    def expect(self, *reasons):
        """One more entry, for one of these reasons. Returns it; two would be found by `finish`."""
        self.expected.append(reasons)
        found = []

        def come():
            found[:] = self.webhook()
            return len(found) >= len(self.expected)
        wait_until(come, 15, f"an entry {reasons}")
        self.assertIn(found[-1]["reason"], reasons, found[-1])
        return found[-1]

    def refused(self, version, *alerts, change=None, act=None, chain=(None, None), **settings):
        """The connection ends with one of these alerts (none: with any, or with none): in the handshake, or after it
        by what `act` does. Returns its one entry."""
        peer = self.peer(change)

        def all_of_it():
            peer.shake(version, chain=chain, **settings)
            if act:
                act(peer)
        outcome = peer.outcome(all_of_it)
        self.assertEqual(peer.received, b"")
        if alerts:
            self.assertIn(outcome, alerts)
        peer.client.close()
        # A TLS 1.3 client is done before its gate is.
        reasons = ("tls_failed",) if not act else self.ended
        return self.expect(*reasons)

    def served(self, version, change=None, act=None, setup=None, chain=(None, None), **settings):
        """The handshake comes to its end, and after what `act` does a request is answered. Returns the peer."""
        peer = self.peer(change)
        if setup:
            setup(peer)
        peer.shake(version, chain=chain, **settings)
        if act:
            act(peer)
        peer.write(request(self.event()))
        outcome = peer.outcome()
        self.assertIn(b'"stored"', peer.received, outcome)
        self.assertEqual(outcome, CLOSED)
        peer.client.close()
        self.expected.append(("listed",))  # before it was answered
        return peer

    def bare(self, *pieces, finish=True):
        """Bytes without a handshake. Returns what comes back until the end; nothing is expected yet."""
        with connect(self.gate) as client:
            for piece in pieces:
                send_all(client, piece)
            if finish:
                try:
                    client.shutdown(socket.SHUT_WR)
                except OSError:  # the gate has reset it
                    pass
            return everything(client)

    def finish(self, certificate=None):
        """A normal client is served, the gate stops in order, its ledger has the expected entries. Returns them."""
        options = [] if not certificate else ["--cert", certificate[0], "--key", certificate[1]]
        good = subprocess.run(
            ["curl", "-sS", "--fail", "--max-time", "20", "--interface", LISTED, "-k", *options, "--data-binary", "@-",
             self.gate.url], input=V2 % "after", capture_output=True, text=True, timeout=30)
        self.assertIn('"stored"', good.stdout, good.stderr)
        self.assertEqual(self.gate.stop(), 0)
        entries = self.webhook()
        allowed = [*self.expected, ("listed",)]
        told = "\n".join(f"{e['kind']} {e['reason']} {e['count']} {e.get('detail')}" for e in entries)
        self.assertEqual(len(entries), len(allowed), told)
        for entry, reasons in zip(entries, allowed):
            self.assertIn(entry["reason"], reasons, told)
            self.assertEqual(entry["source"]["ip"], LISTED, entry)
            if entry["kind"] == "connection" and entry["reason"] in self.ended:
                self.assertTrue(entry["detail"].get("error"), entry)
        return entries

    def memory(self):
        """KiB that the gate has resident."""
        with open(f"/proc/{self.gate.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
