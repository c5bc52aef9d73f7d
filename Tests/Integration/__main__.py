"""Runs the integration tests: all of them, or those that are named.

    python3 Tests/Integration [NAME …]             NAME is module, module.Class or module.Class.test
    python3 Tests/Integration --needs [NAME …]     the packages that they need, a line each, and no test

GATE_BIN is the program that is tested, its dropgate-session beside it. A package of Debian is its name, one of PyPI is
`pypi` (requirements.txt). Each module says what it needs itself, in a line `# Needs: …`; what it imports of this folder
counts with it.
"""
import os
import re
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PERFORMANCE = os.path.join(HERE, "../Performance")
SLOWEST = 15


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


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if arguments[:1] == ["--needs"]:
        print("\n".join(needs(arguments[1:])))
        return 0
    os.chdir(HERE)
    sys.path[0] = HERE
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(arguments) if arguments else loader.discover(HERE)
    result = unittest.TextTestRunner(verbosity=2, resultclass=TimedResult).run(suite)
    print("\nWhat took longest, in seconds:", file=sys.stderr)
    for seconds, name in sorted(result.times, reverse=True)[:SLOWEST]:
        print(f"{seconds:8.1f}  {name}", file=sys.stderr)
    if result.testsRun == 0:
        print("no integration test ran", file=sys.stderr)
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
