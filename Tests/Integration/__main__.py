"""Runs the integration tests: all of them, or those that are named.

    python3 Tests/Integration [NAME …]               NAME is module, module.Class or module.Class.test
    python3 Tests/Integration --at-once N [NAME …]   N modules at a time; one that needs the machine for itself says so
    python3 Tests/Integration --needs [NAME …]       the packages that they need, a line each, and no test

GATE_BIN is the program that is tested, its dropgate-session beside it. A package of Debian is its name, `beside:NAME` where it
is unpacked and not installed; one of PyPI is `pypi` (requirements.txt). Each module says what it needs itself, in a line
`# Needs: …`; what it imports of this folder counts with it.

Tests that were skipped are named at the end. With NO_SKIPS=1 a skip is a failure unless it is for what no package brings: a
privilege or a feature of the kernel that this machine does not give, or the long form of a test. A process that a test left
behind is ended, and is a failure.
"""
import json
import os
import re
import sys
import time
import unittest

import modules
from processes import alone

HERE = os.path.dirname(os.path.abspath(__file__))
PERFORMANCE = os.path.join(HERE, "../Performance")
SLOWEST = 15
# Of test_x.Inside, which another test of the module starts in a namespace: nothing is skipped.
ELSEWHERE = r"this is the namespace|runs inside the namespace, started by \w+"
# Reasons that stand with NO_SKIPS=1: the machine lacks a privilege or a feature, or it is a long form.
EXCUSED = "|".join((
    "as root, where namespaces can be made", "as root", "needs other users", "asks what root may do",
    "only root mounts a file system", "namespaces of mounts and another user's rights: as root",
    "squid gives up root for a user that only root's namespaces have",
    # A tool that is missing is another matter than a permission.
    "(network )?namespaces( with nftables| or nftables)? (is|are) not permitted here: (?!.*not found).*",
    "this kernel keeps no login user, or this process has one", "no IPv6 here: .*", "no program may be traced here: .*",
    "no control group of its own can be made here: .*",
    "THIS MACHINE MOUNTS NOTHING: .*", "LONG_TESTS=1, as root"))


class TimedResult(unittest.TextTestResult):
    """Times count from the end of the test before: what a class sets up belongs to its first test."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.times, self.last = [], time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        now = time.monotonic()
        self.times.append((now - self.last, test.id()))
        self.last = now


def source(module):
    """Of a module of ours; None of any other."""
    for folder in (HERE, PERFORMANCE):
        path = os.path.join(folder, module + ".py")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return None


def needs(names):
    """The packages that these tests need; all tests without names. Sorted."""
    pending = [name.partition(".")[0] for name in names] or [
        name.removesuffix(".py") for name in os.listdir(HERE) if name.startswith("test_")]
    seen, found = set(), set()
    while pending:
        module = pending.pop()
        text = None if module in seen else source(module)
        seen.add(module)
        if text is None:
            continue
        for line in re.findall(r"(?m)^# Needs: (.*)$", text):
            found |= set(line.split())
        pending += re.findall(r"(?m)^ *(?:import|from) (\w+)", text)
    return sorted(found)


def skips(skipped):
    """Lines for skipped tests, in two lists: those that are excused, those that are not."""
    lists = [], []
    for test, reason in skipped:
        if not re.fullmatch(ELSEWHERE, reason):
            lists[not re.fullmatch(EXCUSED, reason, re.DOTALL)].append(f"{test.id()}: {reason}")
    return lists


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if arguments[:1] == ["--needs"]:
        unknown = [name for name in arguments[1:] if source(name.partition(".")[0]) is None]
        if unknown:
            print(f"there is no such test: {' '.join(unknown)}", file=sys.stderr)
            return 64
        for package in needs(arguments[1:]):
            print(package)
        return 0
    if arguments[:1] == ["--at-once"]:
        if len(arguments) < 2 or not re.fullmatch("[1-9][0-9]?", arguments[1]):
            print("--at-once takes a number from 1 to 99", file=sys.stderr)
            return 64
        return alone(lambda: run_at_once(arguments[2:], int(arguments[1])))
    if arguments[:1] == ["--summary"]:
        return alone(lambda: run(arguments[2:], arguments[1]))
    return alone(lambda: run(arguments))


def run(names, summary=None):
    """Returns the exit status: 0 only when tests ran and none failed. Says what came of them, or writes it into a file."""
    os.chdir(HERE)
    sys.path[0] = HERE
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names) if names else loader.discover(HERE)
    result = unittest.TextTestRunner(verbosity=2, resultclass=TimedResult).run(suite)
    excused, unexcused = skips(result.skipped)
    found = {"ran": result.testsRun, "times": result.times, "excused": excused, "unexcused": unexcused}
    if summary:
        with open(summary, "w", encoding="utf-8") as file:
            json.dump(found, file)
        return 0 if result.wasSuccessful() else 1
    return tell(found, 0 if result.wasSuccessful() else 1)


def run_at_once(names, count):
    """As `run`, so many modules at a time."""
    began = time.monotonic()
    status, found = modules.run(names, count)
    found = {"ran": 0, "times": [], "excused": [], "unexcused": []} | found
    print(f"\nRan {found['ran']} tests in {time.monotonic() - began:.0f} s, {count} modules at a time: "
          f"{'FAILED' if status else 'OK'}", file=sys.stderr)
    return tell(found, status)


def tell(found, status):
    """Prints what took longest and what was skipped. Returns the exit status for all of it."""
    print("\nWhat took longest, in seconds:", file=sys.stderr)
    for seconds, name in sorted(found["times"], reverse=True)[:SLOWEST]:
        print(f"{seconds:8.1f}  {name}", file=sys.stderr)
    for title, lines in (("Skipped", found["excused"]),
                         ("Skipped, though nothing of this machine forbids it", found["unexcused"])):
        if lines:
            print(f"\n{title}:", *lines, sep="\n  ", file=sys.stderr)
    if found["ran"] == 0:
        print("no integration test ran", file=sys.stderr)
        return 1
    if found["unexcused"] and os.environ.get("NO_SKIPS") == "1":
        print("\nNO_SKIPS=1: skipped tests are failures", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
