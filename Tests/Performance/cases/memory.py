"""Resident memory: idle, with idle TLS connections, and of a session during a large upload."""
import contextlib
import http.client
import ssl
import subprocess
import time

from bench import Case
from load import sftp_command
from peers import Failed
from peers.gate import Gate
from peers.nginx import Nginx
from peers.openssh import OpenSSH
from report import GATE, Aim, Row

NGINX, SFTP_SERVER = "nginx", "sftp-server"


def idle(start):
    """Before and while so many callers keep a TLS connection on which they have asked something."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def turn(bench):
        with bench.place() as place, start(bench, place) as server, contextlib.ExitStack() as callers:
            before = server.memory()
            for number in range(bench.amounts.idle):
                caller = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30,
                                                     source_address=(f"127.0.0.{10 + number % 10}", 0))
                callers.enter_context(contextlib.closing(caller))
                caller.request("GET", "/healthz")
                if caller.getresponse().read() is None or not caller.sock:
                    raise Failed(f"connection {number} was not kept")
            return {"idle": before, "connections": server.memory()}
    return turn


def uploading(start):
    """The most that the program of the session had at any moment of the upload of a sparse file."""
    def turn(bench):
        source = bench.root / "sparse"
        with open(source, "wb") as file:
            file.truncate(bench.amounts.upload << 20)
        most = 0
        with bench.place(roomy=True) as place, start(bench, place) as server:
            client = subprocess.Popen(sftp_command(bench, server), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True)
            try:
                client.stdin.write(f"put {source} large\n")
                client.stdin.close()
                while client.poll() is None:
                    most = max(most, server.memory(server.put_process))
                    time.sleep(0.02)
                if client.returncode:
                    raise Failed(f"sftp: status {client.returncode}: {client.stderr.read()}\n{server.said()}")
            finally:
                client.kill()
                client.wait()
        return {"session": most}
    return turn


CASES = [
    Case("memory", {GATE: idle(lambda bench, place: Gate(place, bench.installation, tls=True)),
                    NGINX: idle(lambda bench, place: Nginx(place, bench.installation.tls))}, [
        Row("resident MB, idle", (GATE, "idle"), (NGINX, "idle"), Aim(within=40), 1),
        Row("resident MB, 1,000 idle TLS connections", (GATE, "connections"), (NGINX, "connections"), Aim(within=80), 1)]),
    Case("upload-memory", {GATE: uploading(lambda bench, place: Gate(place, bench.installation)),
                           SFTP_SERVER: uploading(lambda bench, place: OpenSSH(place, bench.key))}, [
        Row("resident MB of a session in an upload of 10 GiB", (GATE, "session"), (SFTP_SERVER, "session"), Aim(within=16), 1)]),
]
