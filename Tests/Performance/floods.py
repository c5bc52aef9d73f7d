#!/usr/bin/env python3
"""The gate's memory and a listed client's waiting time under each flood, beside the same client while all is quiet and
while the same attackers call a bare listener that closes at once; README.md says why.

    Tests/Performance/floods.py [--only NAME …] [--without NAME …] [--seconds N] [--minutes N]

`mix` is all floods at once. DROPGATE_BIN names the program. Exit status: 1 an aim is missed.
"""
# Needs: gcc
import argparse
import contextlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../Integration"))
import gate as gate_module  # noqa: E402
from attacks import FLOODS, LISTED, OTHER, IdleGroup, start  # noqa: E402
from listed import watch  # noqa: E402
from load import compile_client  # noqa: E402

SOURCES = ("name: test\nchannels: [webhook, sftp]\nentries:\n"
           f"  - {{cidr: {LISTED}/32, service: vsee}}\n  - {{cidr: {OTHER}/32, service: other}}\n")
SECRET = "s" * 32
MIX = "mix"
# What is aimed at: the factor of the 99th percentile, and MiB: all bodies may take 256.
SLOWER, MEMORY = 2.0, 400
KINDS = ["kept alive", "new TLS"]


class Standing:
    """A gate that treats unlisted sources so, and what is needed to flood it."""

    def __init__(self, unlisted, strangers, group):
        self.unlisted, self.strangers, self.group, self.path = unlisted, strangers, group, "/webhooks/vsee"
        self.gate = gate_module.Gate(
            sources=SOURCES, level="error", environment={"DROPGATE_WEBHOOK_UNLISTED": unlisted})
        if unlisted == "quarantine":
            secret = self.gate.file("secret", SECRET.encode())
            os.chmod(secret, 0o600)
            self.gate.environment["DROPGATE_WEBHOOK_SECRET_FILE"] = secret
            self.path += "/" + SECRET
        try:
            self.gate.start()
        except AssertionError:
            self.gate.close()
            raise

    @contextlib.contextmanager
    def flooded(self, names, seconds, ports=None):
        """While these floods go on. Gives a list that has their numbers of attempts afterwards."""
        made = []
        floods = [start(name, ports or self.gate.ports, seconds, self.strangers, self.group) for name in names]
        try:
            yield made
            made += [int((flood.communicate(timeout=60)[0].split() or ["0"])[0]) for flood in floods]
        finally:
            for flood in floods:
                flood.kill()
                flood.wait()

    def watch(self, seconds, kinds):
        return watch(self.gate, self.path, seconds, kinds)

    def last(self):
        return max((entry["seq"] for entry in self.gate.entries("--kind", "access", "--kind", "service")), default=0)

    def rejected(self, after):
        """Entries, and the attempts that they count."""
        entries = self.gate.entries("--verdict", "rejected", "--after", str(after))
        return len(entries), sum(entry.get("count", 1) for entry in entries)


@contextlib.contextmanager
def bare_listener(strangers):
    """Accepts and closes: what the attackers cost on this machine when nothing is done for them."""
    sink = subprocess.Popen([strangers, "sink"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(sink.stdout.readline())
        yield {"webhook": port, "sftp": port}
    finally:
        sink.kill()
        sink.wait()


class Row:
    """One flood's line of the table, and what is missed in it."""

    def __init__(self, name, kinds, quiet, flooded, control):
        self.name, self.kinds, self.quiet, self.flooded, self.control = name, kinds, quiet, flooded, control
        self.problems = []

    def ratio(self, kind, base):
        return self.flooded.percentile(kind, 0.99) / base.percentile(kind, 0.99)

    def print(self, made, entries, counted):
        for number, kind in enumerate(self.kinds):
            first = f"{self.name:26}{made:>10,}{self.flooded.memory:>6.0f}" if number == 0 else " " * 42
            last = f"{len(self.flooded.errors):>7}{entries:>9,}{counted:>11,}" if number == 0 else ""
            print(f"{first}  {kind:11}" + "".join(
                f"{figures.percentile(kind, part):>8.1f}"
                for figures in (self.quiet, self.control, self.flooded) for part in (0.5, 0.99))
                + f"{self.ratio(kind, self.quiet):>8.2f}{self.ratio(kind, self.control):>8.2f}{last}", flush=True)

    def missed(self):
        found = self.problems + [f"{self.name}: {error}" for error in self.flooded.errors[:3]]
        if self.flooded.memory > MEMORY:
            found.append(f"{self.name}: {self.flooded.memory:.0f} MiB")
        for kind in self.kinds:
            # Where the attackers alone, who attack nothing, make the client as slow, it is not the gate.
            factor = min(self.ratio(kind, self.quiet), self.ratio(kind, self.control))
            if not factor <= SLOWER:
                found.append(f"{self.name}: {kind}: p99 {factor:.2f} times the quiet one")
        return found


def measure(standing, name, options):
    names, seconds, longest = [name], options.seconds, options.seconds
    if name == MIX:
        names, longest = [each for each in FLOODS if each not in options.without], options.minutes * 60
    # OpenSSH's client is no small load itself.
    kinds = KINDS + (["SFTP"] if name == MIX or FLOODS[name].channel == "sftp" else [])
    if is_exact(name):
        # What is counted together of the floods before is written with the end.
        standing.gate.stop()
        standing.gate.start()
    quiet = standing.watch(seconds, kinds)
    last = standing.last()
    with standing.flooded(names, longest) as made:
        flooded = standing.watch(longest, kinds)
    with bare_listener(standing.strangers) as ports, standing.flooded(names, seconds, ports):
        control = standing.watch(seconds, kinds)
    row = Row(name, kinds, quiet, flooded, control)
    with contextlib.suppress(AssertionError):
        # What is counted together is written when its ten seconds are over.
        gate_module.wait_until(lambda: not is_exact(name) or standing.rejected(last)[1] == sum(made), 12)
    entries, counted = standing.rejected(last)
    row.print(sum(made), entries, counted)
    if is_exact(name) and counted != sum(made):
        row.problems.append(f"{name}: {counted:,} of {sum(made):,} attempts are counted in the ledger")
    return row.missed()


def is_exact(name):
    """Each attempt waits for its end, and leaves one entry or is counted in one."""
    return name != MIX and FLOODS[name].unlisted == "close" and "refused" in str(FLOODS[name].attack)


def run(options, strangers, group):
    """One gate after the other, each with the floods that are for it."""
    missed, chosen = [], options.only or [*FLOODS, MIX]
    print(f"{'':26}{'':>10}{'':>6}  {'':11}{'quiet, ms':>16}{'control, ms':>16}{'flooded, ms':>16}{'p99 to':>16}\n"
          f"{'flood':26}{'attempts':>10}{'MiB':>6}  {'client':11}" + f"{'p50':>8}{'p99':>8}" * 3
          + f"{'quiet':>8}{'control':>8}{'errors':>7}{'entries':>9}{'counted':>11}", flush=True)
    for unlisted in ("close", "refuse", "quarantine"):
        names = [name for name in chosen if (FLOODS[name].unlisted if name != MIX else "quarantine") == unlisted]
        if names:
            standing = Standing(unlisted, strangers, group)
            try:
                standing.watch(2, KINDS)  # a warm-up
                for name in names:
                    missed += measure(standing, name, options)
            finally:
                standing.gate.close()
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[*FLOODS, MIX], metavar="NAME", help="this flood; repeatable")
    parser.add_argument("--without", action="append", default=[], choices=FLOODS, metavar="NAME",
                        help="a mix without this flood; repeatable")
    parser.add_argument("--seconds", type=float, default=10, help="of each flood (default 10)")
    parser.add_argument("--minutes", type=float, default=1, help="of the mix (default 1)")
    options = parser.parse_args()
    gate_module.BIN = os.path.abspath(os.environ.pop("DROPGATE_BIN", ".build/release/dropgate"))
    group = IdleGroup()
    with contextlib.closing(group), tempfile.TemporaryDirectory() as directory:
        print("Attackers run where the processor is idle " + (
            "(a control group with cpu.idle)." if group.is_whole else
            "(SCHED_IDLE alone, of which many together still weigh: no control group could be made).") +
            "\nControl: the same attackers, calling a listener that closes.\n"
            "Times are from when a request was due. Times of SFTP are few: their p99 is the slowest.\n")
        missed = run(options, compile_client("strangers", directory), group)
    print("\n".join(["", "aims missed:", *missed] if missed else ["", "every aim was met"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
