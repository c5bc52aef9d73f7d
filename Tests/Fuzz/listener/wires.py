"""Connections to the gate that never block: plain ones and TLS ones, with the bytes that could not be sent yet."""
import socket
import ssl
import struct

BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen on connect, so that one address has all ports again and again.
GONE = (ConnectionError, ssl.SSLError)


class Plain:
    # Bytes may be sent; the gate has said that none will come behind those that were received.
    is_ready, is_at_end = True, False

    def __init__(self, source, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unsent = b""
        try:
            self.socket.bind((source, 0))
            # Loopback answers at once or not at all.
            self.socket.settimeout(10)
            self.socket.connect(("127.0.0.1", port))
            self.socket.setblocking(False)
        except OSError:
            self.socket.close()
            raise

    def send(self, data):
        """Sends what it can; the rest is `unsent`."""
        data = self.unsent + data
        while data:
            try:
                data = data[self.socket.send(data):]
            except BlockingIOError:
                break
        self.unsent = data

    def receive(self):
        """Bytes; none at the end; None when nothing has come."""
        try:
            return self.socket.recv(1 << 16)
        except BlockingIOError:
            return None

    def half_close(self, politely):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def context():
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.set_alpn_protocols(["h2"])
    return found


class TLS(Plain):
    CONTEXT = context()
    # Of an earlier connection: what is fuzzed is behind the handshake, which costs most of all without it.
    session = None

    def __init__(self, source, port):
        super().__init__(source, port)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.CONTEXT.wrap_bio(self.incoming, self.outgoing, session=TLS.session)
        self.is_ready = False
        self.shake()

    def shake(self):
        try:
            self.tls.do_handshake()
            self.is_ready = True
        except ssl.SSLWantReadError:
            pass
        super().send(self.outgoing.read())

    def send(self, data):
        if data:
            self.tls.write(data)
        super().send(self.outgoing.read())

    def receive(self):
        raw = super().receive()
        if not raw:
            return raw
        self.incoming.write(raw)
        if not self.is_ready:
            self.shake()
            if not self.is_ready:
                return None
        found = b""
        try:
            while data := self.tls.read(1 << 16):
                found += data
        except ssl.SSLWantReadError:
            # The gate sends its ticket with its first answer (TLS 1.3).
            TLS.session = TLS.session or (self.tls.session if found else None)
            return found or None
        except ssl.SSLZeroReturnError:
            pass
        self.is_at_end = True
        return found

    def half_close(self, politely):
        if politely:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            try:
                super().send(self.outgoing.read())
            except ConnectionError:
                pass
        super().half_close(politely)
