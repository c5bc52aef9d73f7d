"""Runs the cases, interleaved, and reports ratios; see README.md. Started by run.sh.

Judges nothing in the short form beyond that all worked. It never measures a server that did not do its work:
what was answered is counted again in the ledger and on disk, and uploads are compared byte by byte.
"""
import argparse
import contextlib
import filecmp
import json
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import Failed, Gate, Nginx, SSHD, run, wait_for

HERE = Path(__file__).parent
CONNECTIONS = 64
CIPHER = "aes128-gcm@openssh.com"  # the one that costs both sides least, so that the rest weighs most
GATE, KEPT, PLAIN = "dropgate", "nginx, kept upstream", "nginx, plain upstream"
SFTP, FSYNC = "sftp-server", "sftp-server, put -f"


def tell(text):
    print(text, file=sys.stderr, flush=True)


def spread_inodes(directory):
    """Lets ext4 put each directory made in this one into another block group.

    ext4 gives out the inode of a deleted file only minutes later, and while it steps over many of them making a
    file is 10 to 20 times slower. So no round makes its files where an earlier one's were deleted.
    """
    subprocess.run(["chattr", "+T", directory], capture_output=True, check=False)


# Webhooks ------------------------------------------------------------------------------------------------------

def wrk(server, bench, number):
    """One run of wrk; returns its figures and the server's CPU time."""
    cpu = server.cpu()
    output = run("wrk", f"-t{min(2, os.cpu_count())}", f"-c{CONNECTIONS}", f"-d{bench.seconds}s", "--timeout", "20s",
                 "-s", HERE / "events.lua", f"http://127.0.0.1:{server.port}{server.path}", "--", str(number),
                 str(bench.pause))
    cpu = server.cpu() - cpu
    lines = [line for line in output.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise Failed(f"wrk said nothing of its result:\n{output}")
    result = json.loads(lines[0].removeprefix("RESULT "))
    if result["bad_status"] or result["broken"] or not result["requests"]:
        raise Failed(f"not every request was answered 200: {result}")
    return {**result, "rate": result["requests"] / result["seconds"], "cpu_us": cpu / result["requests"] * 1e6}


def check_count(what, found, answered):
    # wrk stops at its time: what is under way then is received and not counted, at most one for a connection.
    if not answered <= found <= answered + CONNECTIONS:
        raise Failed(f"{answered} requests were answered 200, {what}: {found}")


def nginx_round(bench, keep, number):
    server = Nginx(bench.new_directory("nginx"), keep)
    try:
        result = wrk(server, bench, number)
    finally:
        server.stop()
    check_count("whole bodies on disk", server.accepted(result["body"]), result["requests"])
    if not bench.short:
        os.sync()  # the gate's fsync must not pay for these files
    return result


def gate_round(bench, number):
    gate = bench.gate
    after, staged = gate.last_entry(), gate.staged()
    began = time.monotonic()
    result = wrk(gate, bench, number)
    left = gate.pending()
    wait_for("staging of all events", lambda: gate.pending() == 0, 300, pause=0.1)
    entries = gate.requests(after)
    if set(entries) != {"accepted listed"}:
        raise Failed(f"the ledger has other entries than accepted ones: {entries}")
    count = entries["accepted listed"]
    check_count("new entries in the ledger", count, result["requests"])
    if gate.staged() - staged != count:
        raise Failed(f"{count} events in the ledger, {gate.staged() - staged} new files in ready/")
    return {**result, "left_to_stage": left, "staged_rate": count / (time.monotonic() - began)}


def webhooks(bench):
    def contender(keep):
        return lambda number: nginx_round(bench, keep, number)
    bench.case(
        "webhooks", f"durable webhooks, {CONNECTIONS} connections" + (", held back" if bench.short else ""), "rate", "requests/s",
        {GATE: lambda number: gate_round(bench, number),
         KEPT: contender(True), PLAIN: contender(False)},
        aims={KEPT: 2.0}, extras={"p50_ms": "p50 ms", "p99_ms": "p99 ms", "cpu_us": "server CPU µs each",
                                  "staged_rate": "staged/s"})


# SFTP ----------------------------------------------------------------------------------------------------------

def sftp(bench, server, port, commands):
    """Runs OpenSSH's sftp with these batch commands; returns the time of the whole command and the CPU times."""
    batch = bench.root / "batch"
    batch.write_text("\n".join(commands) + "\n")
    size = len(server.tree())
    cpu, used, began = server.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["sftp", "-q", "-b", batch, "-P", str(port), "-i", bench.key, "-F", "none", "-o", f"Ciphers={CIPHER}",
         "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", f"{server.user}@127.0.0.1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
    seconds, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Failed(f"sftp: status {done.returncode}: {done.stderr.strip()}\n{server.log.read_text()[-1500:]}")
    server.settle(size)
    return {"seconds": seconds, "server_cpu": server.cpu() - cpu,
            "client_cpu": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime}


def upload(bench, server, port, sources, put, number, clean):
    for source in sources:  # no two rounds send the same bytes: nothing is a duplicate
        with open(source, "r+b") as file:
            file.write(os.urandom(16))
    enter, arrived = server.folder(f"{bench.prefix}{number}")
    result = sftp(bench, server, port, enter + [f"{put} {source}" for source in sources])
    for source in sources:
        if not filecmp.cmp(source, arrived / source.name, shallow=False):
            raise Failed(f"{arrived / source.name} is not what was sent")
    if clean:
        shutil.rmtree(arrived)
    os.sync()  # so that nobody pays for what another left to write
    return result


def transfers(bench, name, title, sources, puts, aims, clean):
    bench.prefix = name

    def contender(who, put):
        def go(number):
            server = bench.gate if who == GATE else bench.sshd
            return upload(bench, server, getattr(server, "sftp_port", server.port), sources, put, number, clean)
        return go
    bench.case(name, title, "seconds", "s", {who: contender(who, put) for who, put in puts.items()}, aims=aims,
               extras={"client_cpu": "client CPU s", "server_cpu": "server CPU s"})


def make_files(directory, count, size):
    directory.mkdir()
    files = [directory / f"encounter-{number:04}.xml" for number in range(count)]
    for path in files:
        with open(path, "wb") as file:
            for _ in range(0, size, 1 << 20):
                file.write(os.urandom(min(size, 1 << 20)))
    os.sync()
    return files


def large(bench):
    mebibytes = 256 if bench.short else 1024
    files = make_files(bench.root / "large", 1, mebibytes << 20)
    puts = {GATE: "put", SFTP: "put"} if bench.short else {GATE: "put", SFTP: "put", FSYNC: "put -f"}
    transfers(bench, "large", f"SFTP upload of {mebibytes} MiB", files, puts, {SFTP: 0.95}, clean=True)


def small(bench):
    count = 100 if bench.short else 1000
    files = make_files(bench.root / "small", count, 4096)
    transfers(bench, "small", f"SFTP upload of {count} files of 4 KiB", files, {GATE: "put", FSYNC: "put -f"},
              {FSYNC: 0.9}, clean=False)


# Webhooks come last: their many small files would have to be written to the disk by the others' sync.
CASES = {"large": large, "small": small, "webhooks": webhooks}


# The bench -----------------------------------------------------------------------------------------------------

class Bench:
    def __init__(self, options, root):
        self.short, self.rounds = options.short, options.rounds or (2 if options.short else 5)
        # The short form holds back: where deleting a file takes milliseconds, thousands would take minutes.
        self.seconds, self.pause = (1, 50) if options.short else (5, 0)
        self.root, self.results, self.numbers, self.servers = root, [], 0, []
        self.peers_only = options.peers
        self.key = root / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self.tops = root / "servers"
        self.tops.mkdir()
        spread_inodes(self.tops)
        self.sshd, self.gate = None, None

    def start(self, program):
        self.sshd = SSHD(self.new_directory("sshd"), self.key)
        self.servers.append(self.sshd)
        if not self.peers_only:
            self.gate = Gate(self.new_directory("gate"), self.key, program)
            self.servers.append(self.gate)

    def new_directory(self, name):
        # A new name each time: ext4 chooses the block group by it.
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.tops))

    def case(self, name, title, figure, unit, contenders, aims, extras):
        """Measures the contenders in turn: A B C, A B C, … The first turn is a warm-up in the full form."""
        contenders = {who: go for who, go in contenders.items() if not (self.peers_only and who == GATE)}
        warm_up = 0 if self.short else 1
        samples = {who: [] for who in contenders}
        for turn in range(warm_up + self.rounds):
            for who, go in contenders.items():
                self.numbers += 1
                result = go(self.numbers)
                note = " (warm-up)" if turn < warm_up else ""
                tell(f"  {title}: {who}: {result[figure]:,.{2 if unit == 's' else 0}f} {unit}{note}")
                if turn >= warm_up:
                    samples[who].append(result)
        self.results.append(Result(name, title, figure, unit, samples, {} if self.short else aims, extras))


class Result:
    """The samples of one case. A ratio above 1 means that the gate was better; it is taken turn by turn."""

    def __init__(self, name, title, figure, unit, samples, aims, extras):
        self.name, self.title, self.figure, self.unit = name, title, figure, unit
        self.samples, self.aims, self.extras = samples, aims, extras
        self.ratios = {peer: [self.ratio(ours[figure], theirs[figure])
                              for ours, theirs in zip(samples[GATE], samples[peer])]
                       for peer in samples if peer != GATE and GATE in samples}

    def ratio(self, ours, theirs):
        return theirs / ours if self.unit == "s" else ours / theirs

    def medians(self, who):
        keys = [self.figure, *(key for key in self.extras if key in self.samples[who][0])]
        return {key: statistics.median(sample[key] for sample in self.samples[who]) for key in keys}

    def missed(self):
        return [peer for peer, aim in self.aims.items()
                if peer in self.ratios and statistics.median(self.ratios[peer]) < aim]

    def table(self):
        columns = {self.figure: self.unit, **self.extras}
        lines = [f"{self.title}, median of {len(next(iter(self.samples.values())))}",
                 f"  {'':24}" + "".join(f"{head:>20}" for head in columns.values())]
        for who in self.samples:
            medians = self.medians(who)
            lines.append(f"  {who:24}" + "".join(
                f"{medians[key]:>20,.{self.digits(key)}f}" if key in medians else f"{'':>20}" for key in columns))
        for peer, ratios in self.ratios.items():
            aim = f", aim {self.aims[peer]}" if peer in self.aims else ""
            lines.append(f"  ratio to {peer}: {statistics.median(ratios):.2f} "
                         f"({min(ratios):.2f} to {max(ratios):.2f}){aim}")
        return "\n".join(lines)

    @staticmethod
    def digits(key):
        return 0 if key.endswith(("rate", "_us")) else 2

    def json(self):
        return {"case": self.name, "title": self.title, "unit": self.unit, "aims": self.aims,
                "medians": {who: self.medians(who) for who in self.samples},
                "ratios": {peer: {"median": statistics.median(r), "all": r} for peer, r in self.ratios.items()},
                "samples": {who: [s[self.figure] for s in samples] for who, samples in self.samples.items()}}


def machine(root):
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return ((done.stdout + done.stderr).splitlines() or [""])[0]
    return {"cores": os.cpu_count(), "kernel": platform.release(), "nginx": first_line("nginx", "-v"),
            "ssh": first_line("ssh", "-V"), "load_before": os.getloadavg()[0],
            "filesystem": first_line("stat", "-f", "-c", "%T", root)}


@contextlib.contextmanager
def workplace(options):
    """A temporary directory; with --image, on an empty ext4 filesystem of its own (root only)."""
    outer = Path(tempfile.mkdtemp(prefix="dropgate-performance-", dir=options.directory))
    inner, image = outer / "mount", outer / "image"
    try:
        inner.mkdir()
        if options.image:
            run("truncate", "-s", "4G" if options.short else "32G", image)
            run("mkfs.ext4", "-q", "-i", "8192", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
            run("mount", "-o", "loop", image, inner)
            os.sync()
        yield inner
    finally:
        tell(f"removing {outer}")
        if os.path.ismount(inner):
            subprocess.run(["umount", inner], check=False)
        # Never across a mount that did not go.
        subprocess.run(["rm", "-rf", "--one-file-system", outer], check=False)


def parse():
    parser = argparse.ArgumentParser(description="Measures Dropgate beside its peers; see README.md.")
    parser.add_argument("--short", action="store_true", help="2 turns and small amounts; no figure is judged")
    parser.add_argument("--only", choices=CASES, action="append", help="this case; repeatable")
    parser.add_argument("--rounds", type=int, help="turns of each case (default 5, or 2 with --short)")
    parser.add_argument("--peers", action="store_true", help="measure the peers alone, without the gate")
    parser.add_argument("--directory", default="/var/tmp",
                        help="where the temporary directory is made: a disk, not memory (default /var/tmp)")
    parser.add_argument("--image", action="store_true",
                        help="in an empty ext4 image there, mounted and removed again; needs root")
    options = parser.parse_args()
    options.program = os.path.abspath(os.environ.get("DROPGATE_BIN", ".build/release/dropgate"))
    if not options.peers and not os.access(options.program, os.X_OK):
        tell(f"{options.program} is not there. Build it: Deploy/build.sh\n"
             "or name a built one: DROPGATE_BIN=/path/to/dropgate")
        sys.exit(69)
    return options


def out_of_time(*_):
    raise Failed("took longer than the whole run may take")


def stopped(*_):
    raise KeyboardInterrupt


def measure(options, root):
    """Runs the cases and prints what they gave; returns the exit status."""
    facts, bench = machine(root), None
    try:
        bench = Bench(options, root)
        bench.start(options.program)
        for name, case in CASES.items():
            if name in (options.only or CASES):
                case(bench)
    finally:
        signal.alarm(0)
        for server in bench.servers if bench else []:
            server.stop()
    command = os.environ.get("PERFORMANCE_COMMAND", " ".join(sys.argv))
    for result in bench.results:
        print(result.table() + "\n")
    print(json.dumps({"command": command, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                      "machine": facts, "cases": [result.json() for result in bench.results]}))
    print(f"printed by: {command}", flush=True)
    missed = [f"{result.title}: {peer}" for result in bench.results for peer in result.missed()]
    if not missed or options.short:
        return 0
    tell("aims missed: " + "; ".join(missed))
    return 1


def main():
    options = parse()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, stopped)
    signal.alarm(180 if options.short else 3600)
    try:
        with workplace(options) as root:
            return measure(options, root)
    except (Failed, subprocess.TimeoutExpired, OSError) as problem:
        tell(f"FAILED: {problem}")
        return 70
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
