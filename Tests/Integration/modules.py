"""Modules of tests, some at a time: each runs in a process of its own, and what it said is shown when it has ended."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def size(module):
    """In bytes: longer ones tend to take longer. 0 of what is no module of tests."""
    try:
        return os.path.getsize(os.path.join(HERE, module + ".py"))
    except OSError:
        return 0


def needs_all(module):
    """Whether a module says that nothing may run beside it, in a line `# Alone: …` with the reason."""
    with open(os.path.join(HERE, module + ".py"), encoding="utf-8") as file:
        return re.search(r"(?m)^# Alone: ", file.read()) is not None


def grouped(names):
    """{module: names of it}, what may take longest first; all modules without names."""
    found = {}
    for name in names or [file[:-3] for file in os.listdir(HERE) if re.fullmatch(r"test_\w+\.py", file)]:
        found.setdefault(name.partition(".")[0], []).append(name)
    return dict(sorted(found.items(), key=lambda item: -size(item[0])))


def run_module(names):
    """Returns (exit status, what it printed, its summary or {})."""
    with tempfile.TemporaryDirectory() as folder:
        summary = os.path.join(folder, "summary")
        child = subprocess.run([sys.executable, HERE, "--summary", summary, *names], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        try:
            with open(summary, encoding="utf-8") as file:
                return child.returncode, child.stdout, json.load(file)
        except FileNotFoundError:  # it did not come to its end
            return child.returncode, child.stdout, {}


def run(names, count):
    """Runs them `count` at a time, then those that need the machine for themselves. Returns (status, summary of all)."""
    status, whole = 0, {}
    modules = grouped(names)
    last = [module for module in modules if size(module) and needs_all(module)]
    for together, workers in (([m for m in modules if m not in last], count), (last, 1)):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            ends = {pool.submit(run_module, modules[module]): module for module in together}
            for end in concurrent.futures.as_completed(ends):
                failed, output, summary = end.result()
                print(f"\n== {ends[end]}: exit status {failed}\n{output.rstrip()}", file=sys.stderr, flush=True)
                status = status or failed
                for key, value in summary.items():
                    whole[key] = whole[key] + value if key in whole else value
    return status, whole
