"""Sends mutated inputs to the listener of a real gate, and says what it did about them.

    python3 Tests/Fuzz/listener/fuzz.py                          1,000,000 inputs: all kinds, in ten minutes
    python3 Tests/Fuzz/listener/fuzz.py --kind http1 --inputs 250000 --seed 7
    python3 Tests/Fuzz/listener/fuzz.py --kind http2 --seed 7 --only 4711    that input and its group, with bytes and outcome

The gate is that of GATE_BIN, or the debug build. Kinds: http1, http2 (over TLS), proxy (PROXY headers), x-forwarded-for and
forwarded. An input depends on seed, kind and number alone; how it is cut into writes does too. Eight inputs that follow each
other share connections, and each connection that an input closes is followed by a new one.

For each kind it prints a few lines: how many inputs there were and how they ended, every status and how often it was answered,
memory, descriptors and threads of the gate after the first part and after all, and entries of the ledger. Then the findings:

    - the gate has ended, or its log has a line of a sanitizer or of a Swift trap
    - a connection was neither answered nor closed within the gate's time limits
    - an input that is legal by its making was not answered 2xx, or one that must be refused was
    - an answer of 5xx other than 503
    - a canary, a plain request from a listed source among every 5,000 inputs, was not answered 200 or took more than 5 s
    - after a quiet moment there were more descriptors or threads than after the first part, or much more memory
    - the ledger does not verify, or has more entries than there could be

The exit status is 0 without findings, 1 with some.
"""
import argparse
import collections
import multiprocessing
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../Integration")]
import forwarding  # noqa: E402
import http1  # noqa: E402
import http2  # noqa: E402
import proxy  # noqa: E402
from crowd import Crowd  # noqa: E402
from gate import wait_until  # noqa: E402
from inputs import GROUP, group  # noqa: E402
from subject import TROUBLE, Standing, gate_for  # noqa: E402

KINDS = {kind.NAME: kind for kind in (http1, http2, proxy, forwarding.ForwardedFor, forwarding.Forwarded)}
# Of a million; the two forwarding modes share theirs.
SHARES = {"http1": 4, "http2": 4, "proxy": 4, "x-forwarded-for": 8, "forwarded": 8}
BATCH = 5000
WORKERS = 2
# What may be more after all inputs than after the first part of them: MiB of memory, descriptors, threads.
MORE_MEMORY, MORE_DESCRIPTORS, MORE_THREADS = 64, 4, 4


class Fuzzer:
    """One gate, and all inputs of one kind."""

    def __init__(self, kind, inputs, seed, patient=True):
        """`patient`: some callers wait for the gate's time limits, some ten seconds each."""
        self.kind, self.inputs, self.seed, self.is_patient = kind, inputs, seed, patient
        self.crowd = {name: collections.Counter() for name in ("answers", "outcomes", "judged")}
        self.findings, self.canaries, self.suspects = [], [], set()

    def run(self):
        with gate_for(self.kind) as self.gate:
            self.idle = Standing.of(self.gate.process.pid)
            began = time.monotonic()
            first = max(GROUP, self.inputs // 20 // GROUP * GROUP)
            self.part(0, first)
            before = self.quiet()
            if self.gate.process.poll() is None:
                self.part(first, self.inputs)
            self.seconds = time.monotonic() - began
            after = self.quiet()
            self.compare(before, after)
            self.end()
        self.blame()
        self.report(before, after)
        return self.findings

    def part(self, start, end):
        """Sends the inputs of these numbers, by several processes."""
        pipes, workers = [], []
        for worker in range(WORKERS):
            ours, theirs = multiprocessing.Pipe(False)
            process = multiprocessing.get_context("fork").Process(
                target=self.work, args=(theirs, start, end, worker), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            workers.append(process)
        for pipe, process in zip(pipes, workers):
            try:
                crowd, findings, canaries, suspects = pipe.recv()
            except EOFError:
                self.findings.append(("worker", "", "a worker of the fuzzer ended", b""))
                continue
            for name, counted in crowd.items():
                # Not update, which is right with negative counts too.
                self.crowd[name].update(counted)
            self.findings += findings
            self.canaries += canaries
            self.suspects |= suspects
            process.join()

    def work(self, pipe, start, end, worker):
        crowd = Crowd(self.kind, self.gate.ports["webhook"])
        firsts = range(start + worker * GROUP, end, GROUP * WORKERS)
        crowd.is_patient = self.is_patient
        crowd.work((group(self.kind, self.seed, first)[:end - first] for first in firsts), BATCH // WORKERS)
        pipe.send(({"answers": crowd.answers, "outcomes": crowd.outcomes, "judged": crowd.judged}, crowd.findings, crowd.canaries,
                   {number // GROUP * GROUP for number in crowd.last} if crowd.is_lost else set()))

    def quiet(self):
        """When the gate has let go of all connections."""
        pid = self.gate.process.pid
        if self.gate.process.poll() is not None:
            return self.idle
        try:
            wait_until(lambda: Standing.of(pid).descriptors <= self.idle.descriptors + MORE_DESCRIPTORS, 30, "a quiet moment")
        except AssertionError:
            self.found("descriptors stay open behind their connections")
        except FileNotFoundError:
            return self.idle
        return Standing.of(pid)

    def found(self, why):
        self.findings.append(("gate", "", why, b""))

    def compare(self, before, after):
        for name, allowed in (("memory", MORE_MEMORY), ("descriptors", MORE_DESCRIPTORS), ("threads", MORE_THREADS)):
            if getattr(after, name) > getattr(before, name) + allowed:
                self.found(f"{name} grew from {getattr(before, name)} to {getattr(after, name)}")

    def end(self):
        if self.gate.process.poll() is not None:
            self.found(f"ended by itself with status {self.gate.process.returncode}")
        elif status := self.gate.stop():
            self.found(f"ended with status {status} when it was told to")
        if trouble := TROUBLE.search(self.gate.log()):
            self.found(self.gate.log()[max(0, trouble.start() - 200):][:3000])
        verdict = self.gate.run("ledger", "verify", "--config", self.gate.config, check=False)
        entries = re.search(r"verified 0…(\d+)", verdict.stdout)
        self.entries = int(entries[1]) + 1 if entries else 0
        self.verdict = "verified" if verdict.returncode == 0 else "not verified"
        if verdict.returncode or not entries:
            self.found(f"ledger verify: {verdict.returncode} {verdict.stdout}{verdict.stderr}")
        # Some inputs hold two requests, or many streams.
        if self.entries > 2 * self.inputs + 1000:
            self.found(f"{self.entries} entries of {self.inputs} inputs")

    def blame(self):
        """The gate has ended: which input did it? Each of those that came last goes to a gate of its own that stands so far."""
        gate = None
        for first in sorted(self.suspects):
            if not gate:
                gate = gate_for(self.kind)
                gate.environment["SWIFT_BACKTRACE"] = "enable=no"
                gate.start()
            Crowd(self.kind, gate.ports["webhook"]).work([group(self.kind, self.seed, first)], BATCH)
            # What has trapped writes its trace before it ends.
            crowd = Crowd(self.kind, gate.ports["webhook"])
            crowd.work([], BATCH)
            if crowd.is_lost or crowd.answers[200] == 0:
                wait_until(lambda: gate.process.poll() is not None, 60, "the gate's end")
                self.found(f"one of {first} to {first + GROUP - 1} ends the gate")
                gate.close()
                gate = None
        if gate:
            gate.close()

    def report(self, before, after):
        print("\n".join(self.lines(before, after)), flush=True)
        for number, what, why, data in sorted(self.findings, key=lambda found: found[0] != "gate")[:20]:
            print(f"  finding: {number} ({what}): {why}\n    {data!r}", flush=True)

    def answered(self):
        """The part of the inputs that was answered 2xx or 4xx."""
        outcomes = self.crowd["outcomes"]
        return sum(outcomes[how] for how in outcomes if how in range(200, 500)) / max(1, sum(outcomes.values()))

    def lines(self, before, after):
        name, outcomes = self.kind.NAME, self.crowd["outcomes"]
        words = {"closed": "closed without an answer", "read": "read without an answer", "left": "reset by the caller",
                 0: "stream reset", "late": "late"}
        ends = [f"{outcomes[how]} {words[how]}" for how in words if outcomes[how]]
        statuses = [f"{status} × {count}" for status, count in sorted(self.crowd["answers"].items()) if status]
        judged = self.crowd["judged"]
        return [
            f"{name}: {self.inputs} inputs, seed {self.seed}, {self.seconds:.0f} s, {self.inputs / self.seconds:.0f}/s: "
            f"{100 * self.answered():.0f} % answered 2xx or 4xx, {', '.join(ends)}",
            f"{name}: answers {', '.join(statuses)}",
            f"{name}: {judged['ok']} that had to be answered 2xx, {judged['refused']} that had to be refused; "
            f"{len(self.canaries)} canaries, the slowest {1000 * max(self.canaries, default=0):.0f} ms",
            f"{name}: memory {before.memory} → {after.memory} MiB, descriptors {before.descriptors} → {after.descriptors}, "
            f"threads {before.threads} → {after.threads}; {self.entries} entries, {self.verdict}",
            f"{name}: {len(self.findings) or 'no'} findings"]


def show(kind, seed, number):
    """The group of one input, and what became of each of it."""
    inputs = group(kind, seed, number // GROUP * GROUP)
    with gate_for(kind) as gate:
        for given in inputs:
            print(f"{given.number} {given.what}; {given.expect}, {given.end}, {len(given.pieces)} pieces\n    {given.data!r}")
        crowd = Crowd(kind, gate.ports["webhook"])
        crowd.tell = lambda given, outcome: print(f"{given.number}: {outcome}")
        crowd.work([inputs], BATCH)
        for found in crowd.findings:
            print("finding:", *found[:3])
        gate.stop()
        for entry in gate.entries():
            print(entry.get("verdict"), entry.get("reason"), entry.get("request"), entry.get("detail"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--inputs", type=int, help="how many of that kind; of all together with all kinds")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="the group of this input alone, in words")
    options = parser.parse_args()
    # Leaves no gate behind when it is ended early.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.only is not None:
        return show(KINDS[options.kind], options.seed, options.only)
    findings = []
    for name, kind in KINDS.items():
        if options.kind in (name, "all"):
            count = options.inputs or 1_000_000
            count = count if options.kind != "all" and options.inputs else count // SHARES[name]
            findings += Fuzzer(kind, count, options.seed).run()
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
