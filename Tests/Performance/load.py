"""What calls the servers: wrk, OpenSSH's sftp, libssh2, openssl, and the programs of clients/. What was answered is counted
here, and looked for on the server's disk at the end of a turn.
"""
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

from peers import ACCOUNT, Failed, run  # first: it says where libssh2 lies
from libssh2 import Client

HERE = Path(__file__).parent

EVENT = HERE / "clients/event.json"
BEFORE, AFTER = EVENT.read_bytes().strip().split(b"@")
SIZE = len(BEFORE) + 36 + len(AFTER)
# Times what was asked for: a disk that stalls for a second lets nothing through that is durable, and a short run lasts no longer.
LONGER = 1, 4, 16
CIPHER = "aes128-gcm@openssh.com"  # the one that costs both sides least, so that the rest weighs most


def compile_client(name, directory):
    program = Path(directory) / name
    run("gcc", "-O2", "-pthread", "-o", program, HERE / f"clients/{name}.c")
    return program


class Events:
    """The webhooks that one server gets in one turn."""

    def __init__(self, bench, server):
        self.bench, self.server, self.answered, self.uncounted = bench, server, 0, 0
        self.before, self.recorded_before = self.ids(), server.recorded()

    def wrk(self, connections, seconds):
        """Requests answered a second; and until all are where they belong: how many a second, processor time in µs for each.
        wrk stops at its time: what is under way then is received and not answered, at most one for each connection."""
        for patience in LONGER:
            self.server.drain()
            count, cpu, began = self.server.count(), self.server.cpu(), time.monotonic()
            result = self.call(connections, seconds * patience)
            if result["requests"]:
                break
        else:
            raise Failed(f"nothing was answered: {result}\n{self.server.said()}")
        self.server.drain()
        seconds, cpu, count = time.monotonic() - began, self.server.cpu() - cpu, self.server.count() - count
        return {"rate": result["requests"] / result["seconds"], "p99": result["p99_ms"], "staged": count / seconds,
                "cpu": cpu / count * 1e6}

    def call(self, connections, seconds):
        """What wrk has counted. Fails when an answer was not 200, or did not come while it waited."""
        output = run("wrk", f"-t{min(2, os.cpu_count())}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
                     "-s", HERE / "clients/events.lua", f"{self.server.scheme}://127.0.0.1:{self.server.port}{self.server.path}",
                     "--", EVENT, self.bench.next_number(), seconds=seconds + 120)
        lines = [line for line in output.splitlines() if line.startswith("RESULT ")]
        if not lines:
            raise Failed(f"wrk said nothing of its result:\n{output}")
        result = json.loads(lines[0].removeprefix("RESULT "))
        if result["bad_status"] or result["broken"]:
            raise Failed(f"not every request was answered 200: {result}\n{self.server.said()}")
        self.answered += result["requests"]
        self.uncounted += connections
        return result

    def warm_up(self, connections):
        if self.bench.amounts.warm_up:
            self.wrk(connections, self.bench.amounts.warm_up)

    def paced(self, connections, seconds, rate=0):
        """clients/paced.c: times of answers in ms."""
        result = json.loads(run(self.bench.client("paced"), EVENT, self.server.port, connections, seconds, rate,
                                self.bench.next_number(), seconds=seconds + 120))
        self.answered += result["requests"]
        return result

    def check(self):
        """Fails unless every answered event lies on the server's disk, whole, and its own record says the same."""
        self.server.drain()
        found, recorded = len(self.ids() - self.before), self.server.recorded()
        if recorded is not None:
            recorded -= self.recorded_before
        if not self.answered <= found <= self.answered + self.uncounted or recorded not in (None, found):
            raise Failed(f"{type(self.server).__name__}: {self.answered} requests were answered 200, {found} whole events are "
                         "there" + ("" if recorded is None else f", {recorded} are recorded"))

    def ids(self):
        """Of the whole events on the server's disk."""
        return {event_id(body) for body in self.server.bodies()} - {None}


def event_id(body):
    """None of a body that is not an event as it was sent."""
    if len(body) != SIZE or not body.startswith(BEFORE) or not body.endswith(AFTER):
        return None
    return body[len(BEFORE):len(BEFORE) + 36]


def sftp_command(bench, server):
    return ["sftp", "-q", "-P", str(server.sftp_port), "-i", str(bench.key), "-F", "none", "-o", f"Ciphers={CIPHER}",
            "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-b", "-", f"{ACCOUNT}@127.0.0.1"]


def sftp(bench, server, batches):
    """OpenSSH's client, once for each list of commands, all at the same time. Seconds until the last has ended, and processor
    seconds of clients and server."""
    size = len(server.tree())
    cpu, used, began = server.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    running = [subprocess.Popen(sftp_command(bench, server), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for _ in batches]
    try:
        for client, commands in zip(running, batches):
            client.stdin.write("\n".join(commands) + "\n")
            client.stdin.close()
            client.stdin = None
        for client in running:
            said = client.communicate(timeout=900)[1]
            if client.returncode:
                raise Failed(f"sftp: status {client.returncode}: {said.strip()}\n{server.said()}")
    finally:
        for client in running:
            client.kill()
            client.wait()
    seconds, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    server.settle(size)
    return {"seconds": seconds, "server cpu": server.cpu() - cpu,
            "client cpu": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime}


def log_in(port, key, name, count):
    for number in range(count):
        client = Client(port, ACCOUNT, "127.0.0.1", key=str(key))
        client.put(f"{name}-{number}.txt", b"small\n")
        client.close()


def sessions(bench, server, callers, count):
    """Sessions a second of so many callers, each `count`: connect, log in, store one small file, quit (libssh2, in which no
    process is started for a session); and the names of the files."""
    names = [f"session-{bench.next_number()}" for _ in range(callers)]
    size, cpu = len(server.tree()), server.cpu()
    with multiprocessing.get_context("fork").Pool(callers, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
        began = time.monotonic()
        pool.starmap(log_in, [(server.sftp_port, bench.key, name, count) for name in names])
        seconds = time.monotonic() - began
    server.settle(size)
    return ({"rate": callers * count / seconds, "cpu": (server.cpu() - cpu) / (callers * count) * 1e3},
            [f"{name}-{number}.txt" for name in names for number in range(count)])


def handshakes(port, seconds):
    """New TLS 1.3 connections a second of four callers, which keep the processors of a small machine busy."""
    began = time.monotonic()
    running = [subprocess.Popen(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-tls1_3", "-time", str(seconds)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(4)]
    said = [caller.communicate(timeout=seconds + 60)[0] for caller in running]
    passed = time.monotonic() - began  # of the whole seconds that it says itself, one more or less would be a third
    found = [re.search(r"(\d+) connections in \d+ real seconds", text) for text in said]
    if not all(found):
        raise Failed(f"openssl s_time: {said}")
    return sum(int(match[1]) for match in found) / passed


def refused(bench, port, seconds):
    """Connections that waited for their end: how many, and how many a second."""
    made, rate = run(bench.client("strangers"), "refused", port, seconds, 4, "127.0.1.1", 1, seconds=seconds + 60).split()
    if not int(made):
        raise Failed("no connection was refused")
    return int(made), int(rate)
