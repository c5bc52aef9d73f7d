#!/usr/bin/env python3
"""Two builds of Dropgate against each other: TLS handshakes, kept-alive requests, SHA-256. Turns are interleaved, and
the median of each is printed with the ratio of the second build to the first.

    Tests/Performance/compare.py BEFORE AFTER [--rounds N] [--only WORDS]

Needs openssl, h2load (nghttp2-client) and an idle machine. Everything runs on loopback, in directories of its own.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Integration"))
import gate as gate_module  # noqa: E402

SOURCES = "name: test\nentries:\n  - {cidr: 127.0.0.1/32, service: vsee, channels: [webhook, sftp]}\n"
LARGE = 512  # MiB
REQUESTS = 20_000  # of one turn
HASHING = "SHA-256 of files, MiB/s"


def gate_of(program):
    """A running gate of this program: the helper of the integration tests looks for its program when it starts one."""
    gate_module.BIN = program
    return gate_module.Gate(sources=SOURCES, level="error").start()


def handshakes(gate, callers, *options):
    """New connections a second of so many callers at once: one alone measures how long each takes, for it waits; four
    keep the processors of a small machine busy."""
    began = time.monotonic()
    running = [subprocess.Popen(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{gate.ports['webhook']}", "-new", "-time", "3", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(callers)]
    # Of the whole seconds that it says itself, one more or less would be a third.
    said = [caller.communicate(timeout=60)[0] for caller in running]
    seconds = time.monotonic() - began
    return sum(int(re.search(r"(\d+) connections in \d+ real seconds", text)[1]) for text in said) / seconds


def requests(gate, *options):
    """POSTs of one event, which is stored once: what TLS and HTTP cost, beside a commit of many entries."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(b'{"n":1}')
        body.flush()
        said = subprocess.run(
            ["h2load", "-n", str(REQUESTS), "-c", "16", "-t", "1", "-d", body.name, *options,
             f"https://127.0.0.1:{gate.ports['webhook']}/webhooks/vsee"],
            capture_output=True, text=True, timeout=120).stdout
    good = int(re.search(r"status codes: (\d+) 2xx", said)[1])
    if good != REQUESTS:
        raise SystemExit(f"{good} of {REQUESTS} requests were answered with 2xx:\n{said}")
    return float(re.search(r"([\d.]+) req/s", said)[1])


def verify(program, gate):
    """MiB of released files a second that `drops verify` reads and hashes."""
    began = time.monotonic()
    subprocess.run([program, "drops", "verify", "--config", gate.config], check=True, capture_output=True, timeout=120)
    return LARGE / (time.monotonic() - began)


def hashing(programs, holder, rounds):
    """MiB of released files a second, of one ledger and one file for all programs; lists by program."""
    found = {name: [] for name in programs}
    large = os.path.join(holder.root, "large")
    subprocess.run(["openssl", "rand", "-out", large, str(LARGE << 20)], check=True)
    sent = holder.sftp(f"put {large} /large", source="127.0.0.1", options=("-q",))
    if sent.returncode:
        raise SystemExit(sent.stderr)
    gate_module.wait_until(
        lambda: "large" in holder.run("drops", "list", "--state", "released", "--config", holder.config).stdout,
        60, "the released drop")
    for round in range(rounds + 1):
        for name, program in programs.items():
            rate = verify(program, holder)
            if round > 0:  # the first fills the page cache
                found[name].append(rate)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORDS", help="the cases whose names contain this")
    options = parser.parse_args()
    programs = {"before": os.path.abspath(options.before), "after": os.path.abspath(options.after)}
    gates = {name: gate_of(program) for name, program in programs.items()}
    found = {}
    try:
        cases = {
            "handshakes/s, TLS 1.3": lambda g, p: handshakes(g, 4, "-tls1_3"),
            "handshakes/s, TLS 1.2": lambda g, p: handshakes(g, 4, "-tls1_2"),
            "the same of one caller, TLS 1.3": lambda g, p: handshakes(g, 1, "-tls1_3"),
            "the same of one caller, TLS 1.2": lambda g, p: handshakes(g, 1, "-tls1_2"),
            "HTTP/1.1 requests/s, kept alive": lambda g, p: requests(g, "--h1"),
            "HTTP/2 requests/s": lambda g, p: requests(g, "-m", "8"),
        }
        cases = {case: measure for case, measure in cases.items() if options.only in case}
        for round in range(options.rounds):
            for case, measure in cases.items():
                for name in (list(gates) if round % 2 == 0 else list(gates)[::-1]):
                    found.setdefault(case, {}).setdefault(name, []).append(measure(gates[name], programs[name]))
            print(f"round {round + 1} of {options.rounds}", file=sys.stderr)
        if options.only in HASHING:
            found[HASHING] = hashing(programs, gates["after"], options.rounds)
    finally:
        for gate in gates.values():
            gate.close()
    print(f"{'':34}{'before':>12}{'after':>12}{'ratio':>8}")
    for case, values in found.items():
        before, after = (statistics.median(values[name]) for name in ("before", "after"))
        print(f"{case:34}{before:12.2f}{after:12.2f}{after / before:8.2f}")


if __name__ == "__main__":
    main()
