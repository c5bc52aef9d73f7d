#!/usr/bin/env python3
"""Refused connections a second, beside HAProxy's `tcp-request connection reject`: in turn, medians, and the gate's count of
them in its ledger, which must be exact.

    Tests/Performance/refusals.py [--rounds N] [--seconds N]

DROPGATE_BIN names the program. Needs haproxy and gcc. Exit status: 1 an aim is missed.
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../Integration"))
import gate as gate_module  # noqa: E402
from floods import compile_strangers  # noqa: E402
from servers import TICKS, answers  # noqa: E402

AIM = 0.7
PEER = "haproxy"


@contextlib.contextmanager
def haproxy(directory):
    """Gives its process and its port."""
    port, path = gate_module.free_port(), os.path.join(directory, "haproxy.cfg")
    with open(path, "w") as config:
        config.write(f"global\n  nbthread {os.cpu_count()}\n  maxconn 4000\n"
                     "defaults\n  mode tcp\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n"
                     f"frontend refusing\n  bind 127.0.0.1:{port}\n  tcp-request connection reject\n")
    process = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        gate_module.wait_until(lambda: answers(port), 10, "haproxy")
        yield process, port
    finally:
        process.terminate()
        process.wait()


def cpu(process):
    with open(f"/proc/{process.pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / TICKS


def turn(strangers, process, port, seconds):
    """Connections, connections a second, and the server's processor time for each in µs."""
    before = cpu(process)
    made, rate = subprocess.run([strangers, "refused", str(port), str(seconds), "4", "127.0.1.1", "1"],
                                capture_output=True, text=True, check=True, timeout=seconds + 60).stdout.split()
    return int(made), int(rate), (cpu(process) - before) / int(made) * 1e6


def counted(gate, channel):
    return sum(entry.get("count", 1) for entry in gate.entries("--reason", "not_listed", "--channel", channel))


def measure(strangers, directory, rounds, seconds):
    """{server: its turns}, and what the ledger counted in each channel."""
    found = {}
    with haproxy(directory) as peer, gate_module.Gate(level="error") as gate:
        servers = {PEER: peer, **{channel: (gate.process, gate.ports[channel]) for channel in ("webhook", "sftp")}}
        for number in range(rounds):
            for name in list(servers)[::1 if number % 2 else -1]:
                found.setdefault(name, []).append(turn(strangers, *servers[name], seconds))
        gate.stop()  # what is counted together is written at the latest with the end
        return found, {channel: counted(gate, channel) for channel in ("webhook", "sftp")}


def report(found, ledger):
    """Prints; returns what is missed."""
    missed, rates = [], {name: statistics.median(rate for _, rate, _ in turns) for name, turns in found.items()}
    print(f"{'':10}{'refused/s':>12}{'ratio':>8}{'(spread)':>16}{'CPU µs each':>14}{'made':>12}{'in the ledger':>15}")
    for name in (PEER, "webhook", "sftp"):
        turns = found[name]
        ratios = [ours[1] / theirs[1] for ours, theirs in zip(turns, found[PEER])]
        made, ratio = sum(made for made, _, _ in turns), statistics.median(ratios)
        spread = f"({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"{name:10}{rates[name]:>12,.0f}{ratio:>8.2f}{spread:>16}{statistics.median(each for *_, each in turns):>14.1f}"
              f"{made:>12,}{f'{ledger[name]:,}' if name in ledger else '':>15}")
        if name in ledger and ledger[name] != made:
            missed.append(f"{name}: {ledger[name]:,} of {made:,} refused connections are counted")
        if name in ledger and ratio < AIM:
            missed.append(f"{name}: {ratio:.2f} of {PEER}, aim {AIM}")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each turn (default 3)")
    options = parser.parse_args()
    gate_module.BIN = os.path.abspath(os.environ.pop("DROPGATE_BIN", ".build/release/dropgate"))
    with tempfile.TemporaryDirectory() as directory:
        missed = report(*measure(compile_strangers(directory), directory, options.rounds, options.seconds))
    print("\n".join(["", "aims missed:", *missed] if missed else ["", "every aim was met"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
