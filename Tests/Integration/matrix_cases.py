"""The cases of the matrix: what a client is told in each, and what the consumer must find in ready/ afterwards.

LONG_TESTS=1 makes files larger and interruptions more.
"""
import os
import time
import unicodedata

LONG = bool(os.environ.get("LONG_TESTS"))
LARGE, MANY, POINTS = (20 << 20, 50, (0.1, 0.5, 0.95)) if LONG else (2 << 20, 8, (0.5,))
# Long enough that the gate has more of it at each point than a session keeps in memory (256 KiB): only files are gone on with.
INTERRUPTED = LARGE


def version(name, number=2):
    """The name of a later version: report~2.csv."""
    stem, extension = os.path.splitext(name)
    return f"{stem}~{number}{extension}"


class Cell:
    """One client in one case: what it is told, in two rounds, and what the consumer must find."""

    def __init__(self, client, case, folder, alone=False):
        self.client, self.case = client, case
        self.prefix = f"{client.name}_{case}_" + ("alone_" if alone else "")
        self.folder = os.path.join(folder, self.prefix)
        os.mkdir(self.folder)
        self.first, self.second, self.expected = [], [], {}
        self.dash, self.failures = client.lacks.get(case), []
        # What a client cannot do is not tried, but for the file that is sent whole again.
        if not self.dash or case == "resume":
            CASES[case][1](self)

    def name(self, rest):
        return self.prefix + rest

    def file(self, name, size, below=""):
        """A local file of random bytes, an hour old. Returns its path and content."""
        path = os.path.join(self.folder, below, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = os.urandom(size)
        with open(path, "wb") as file:
            file.write(data)
        hour_ago = time.time() - 3600
        os.utime(path, (hour_ago, hour_ago))
        return path, data

    def put(self, name, size):
        path, data = self.file(name, size)
        self.first += ["put", path, name]
        self.expected[name] = data


def small(cell):
    cell.put(cell.name("a.bin"), 3000)


def empty(cell):
    cell.put(cell.name("a.bin"), 0)


def large(cell):
    cell.put(cell.name("a.bin"), LARGE)


def many(cell):
    for number in range(MANY):
        name = cell.name(f"{number:02}.bin")
        _, cell.expected[name] = cell.file(name, 100 + number, below="many")
    cell.first = ["many", os.path.join(cell.folder, "many")]


def tree(cell):
    top = cell.name("tree")
    for name in ("top.csv", "a/one.csv", "a/b/c/deep.csv", "a/b/c/deeper.csv", "z/last.csv"):
        _, data = cell.file(name, 500, below=top)
        cell.expected[f"{top}/{name}"] = data
        if not cell.client.mirrors:
            cell.expected[version(f"{top}/{name}")] = data
    cell.first = cell.second = ["tree", os.path.join(cell.folder, top)]


def unicode_names(cell):
    cell.put(cell.name("Entlassbrief Müller – Ωμέγα 患者 🩺.txt").replace(" ", "_"), 700)
    cell.put(unicodedata.normalize("NFD", cell.name("décomposé.txt")), 700)


def spaces(cell):
    cell.put(cell.name("visit report  of today.txt"), 700)
    cell.put(cell.name("all's well (1) & more.txt"), 700)


def overwrite(cell):
    """None of these clients removes what is there or renames over it: the consumer gets both contents."""
    name = cell.name("report.csv")
    old, cell.expected[name] = cell.file(name, 4000, below="old")
    new, cell.expected[version(name)] = cell.file(name, 900, below="new")
    cell.first, cell.second = ["put", old, name], ["put", new, name]


def temporary(ending):
    def case(cell):
        name = cell.name("report.csv")
        path, cell.expected[name] = cell.file(name, 5000)
        cell.first = ["deliver", path, name + ending, name]
    return case


def resume(cell):
    for number in range(len(POINTS)):
        name = cell.name(f"{number}.bin")
        _, cell.expected[name] = cell.file(name, INTERRUPTED)


def check(cell):
    cell.put(cell.name("a.bin"), 6000)
    cell.second = ["check", os.path.join(cell.folder, cell.name("a.bin")), cell.name("a.bin")]
    cell.first += cell.second


CASES = {
    "key": ("key", small), "password": ("password", small), "empty": ("empty", empty), "large": ("large", large),
    "many": ("many", many), "tree": ("tree twice", tree), "unicode": ("Unicode", unicode_names),
    "spaces": ("spaces", spaces), "overwrite": ("again", overwrite), "known": (".part", temporary(".part")),
    "unknown": (".b4send", temporary(".b4send")), "resume": ("resume", resume), "check": ("check", check),
}
BY_THEMSELVES = ("password", "resume")
