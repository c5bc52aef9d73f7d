"""The PROXY header of the SFTP listener: a proxy's silent connections cost nobody else anything."""
import os
import resource
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, wait_until  # noqa: E402

PROXY, SILENT = "127.0.0.5", 200
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version2(source="127.0.0.2"):
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 4242, 22)
    return SIGNATURE + bytes([0x21, 0x11]) + struct.pack(">H", len(addresses)) + addresses


class ProxyHeader(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(environment={
            "DROPGATE_SFTP_ADDRESS": "proxy-protocol", "DROPGATE_SFTP_TRUSTED_PROXIES": f"[{PROXY}/32]",
            "DROPGATE_SFTP_MAX_CONNECTIONS": "400"})
        self.addCleanup(self.gate.close)
        self.gate.start()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.gate.ports["sftp"]), 20, source_address=(PROXY, 0))

    def banner(self, *pieces):
        began = time.monotonic()
        with self.connect() as caller:
            for piece in pieces:
                caller.sendall(piece)
            answer = caller.recv(8)
        return answer, time.monotonic() - began

    def test_silent_connections_delay_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        began = time.monotonic()
        silent = [self.connect() for _ in range(SILENT)]
        for caller in silent:
            self.addCleanup(caller.close)
        inside = f"/proc/{self.gate.process.pid}"
        wait_until(lambda: len(os.listdir(inside + "/fd")) > SILENT, what="the silent connections")
        for n in range(3):
            before = time.monotonic()
            self.assertIn('"stored"', self.gate.post(V2 % f"e-{n}").stdout)
            self.assertLess(time.monotonic() - before, 2)
        for header in (version2(), b"PROXY TCP4 127.0.0.2 192.0.2.1 4242 22\r\n"):
            answer, seconds = self.banner(header)
            self.assertEqual(answer, b"SSH-2.0-")
            self.assertLess(seconds, 2)
        # All of that while they were silent; each of them is told after three seconds, and written down.
        self.assertLess(time.monotonic() - began, 3)
        for caller in silent:
            try:
                self.assertEqual(caller.recv(1), b"")
            except ConnectionResetError:
                pass
        self.gate.stop()
        late = self.gate.entries("--channel", "sftp", "--kind", "connection")
        self.assertEqual({e["reason"] for e in late}, {"bad_proxy_header"})
        self.assertEqual(sum(e["count"] for e in late), SILENT)

    def test_a_header_in_pieces_and_what_follows_it(self):
        header = version2()
        for at in (1, 12, 16, len(header) - 1):
            answer, _ = self.banner(header[:at], header[at:] + b"SSH-2.0-x\r\n")
            self.assertEqual(answer, b"SSH-2.0-")


if __name__ == "__main__":
    unittest.main()
