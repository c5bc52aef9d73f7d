"""Measures the gate beside its peers, case by case, in turn, and prints one table; see README.md. Started by run.sh."""
import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Bench, tell
from cases import all_cases
from peers import Failed
from report import table

LIMIT = {True: 300, False: 7200}  # seconds of one case, short or not


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse():
    parser = argparse.ArgumentParser(description="Measures Dropgate beside its peers; see README.md.")
    parser.add_argument("--short", action="store_true",
                        help="one turn and small amounts: shows that every case gives a figure, judges none")
    parser.add_argument("--only", action="append", metavar="CASE", help="this case; repeatable")
    parser.add_argument("--rounds", type=positive, help="turns of each case (default 5, with --short 1)")
    parser.add_argument("--ledger-entries", type=positive, metavar="N",
                        help="measure with a ledger of N entries, too (10000000), made by ledger-bench beside the program")
    parser.add_argument("--gate", default=os.environ.get("DROPGATE_BIN", ".build/release/dropgate"), metavar="PROGRAM",
                        help="dropgate, its dropgate-session beside it (default $DROPGATE_BIN or .build/release/dropgate)")
    parser.add_argument("--directory", default="/var/tmp",
                        help="where the temporary directory is made: a disk, not memory (default /var/tmp)")
    parser.add_argument("--no-image", dest="image", action="store_false",
                        help="not on an empty ext4 image for each turn, which only root can mount")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 5)
    options.gate = os.path.abspath(options.gate)
    options.image = options.image and os.getuid() == 0
    names = [case.name for case in all_cases(options)]
    if unknown := set(options.only or []) - set(names):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if not os.access(options.gate, os.X_OK):
        tell(f"{options.gate} is not there. Build it: Deploy/build.sh\nor name a built one: --gate PROGRAM")
        sys.exit(69)
    return options


def out_of_time(*_):
    raise Failed("took longer than a case may take")


def stopped(*_):
    raise KeyboardInterrupt


@contextlib.contextmanager
def workplace(options):
    """A temporary directory into which the servers' user may look."""
    root = Path(tempfile.mkdtemp(prefix="dropgate-performance-", dir=options.directory))
    root.chmod(0o711)
    try:
        yield root
    finally:
        # Never across a mount that did not go.
        subprocess.run(["rm", "-rf", "--one-file-system", root], check=False)


def machine(options):
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return ((done.stdout + done.stderr).splitlines() or [""])[0]
    return {"cores": os.cpu_count(), "kernel": platform.release(), "load before": os.getloadavg()[0],
            "image": options.image, "nginx": first_line("/usr/sbin/nginx", "-v"), "ssh": first_line("ssh", "-V")}


def measure(options, root):
    facts, bench, results, stopped_in = machine(options), Bench(options, root), [], None
    for case in all_cases(options):
        if case.name in (options.only or [case.name]):
            signal.alarm(LIMIT[options.short and not options.ledger_entries])
            try:
                results.append(bench.measure(case))
            except KeyboardInterrupt:  # an hour's figures are not lost
                stopped_in = case.name
            signal.alarm(0)
            if stopped_in:
                break
    if stopped_in:
        tell(f"stopped in {stopped_in}" + ("; the table has the cases before it" if results else ""))
        if not results:
            return 130
    command = os.environ.get("PERFORMANCE_COMMAND", " ".join(sys.argv))
    print(f"{platform.node()}, {facts['cores']} cores, load before {facts['load before']:.1f}, medians of {options.rounds}"
          + ("" if options.image else ", in a plain directory") + (", small amounts: no figure counts" if options.short else ""))
    print(table(results, judged=not options.short))
    if not options.ledger_entries:
        print("\nNot measured: what a large ledger changes (--ledger-entries 10000000).")
    print("\n" + json.dumps({"command": command, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                             "machine": facts, "cases": [result.json() for result in results]}))
    print(f"printed by: {command}", flush=True)
    if stopped_in:
        return 130
    if any(result.problem for result in results):
        return 70
    missed = [measure for result in results for measure in result.missed()]
    if not missed or options.short:
        return 0
    tell("aims missed:\n  " + "\n  ".join(missed))
    return 1


def main():
    options = parse()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, stopped)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand connections on both sides
    try:
        with workplace(options) as root:
            return measure(options, root)
    except (Failed, subprocess.SubprocessError, OSError) as problem:
        tell(f"FAILED: {problem}")
        return 70
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
