"""Where a run takes place: how much it does, empty filesystems, clients, and the turns of each case."""
import contextlib
import fcntl
import math
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from load import compile_client
from peers import Failed, give, run, wait_until
from peers.gate import Installation
from report import Result


@dataclass(frozen=True)
class Amounts:
    warm_up: int  # seconds
    seconds: int  # of a rate
    sustained: int  # seconds
    latency: float  # seconds
    refusals: float  # seconds
    large: int  # MiB of a large upload
    files: int  # of a small-file session
    sessions: int  # of each of four callers
    idle: int  # TLS connections
    upload: int  # MiB of the upload during which memory is looked at
    disk: int  # MiB of a turn's filesystem; a gate keeps one GiB of it free


FULL = Amounts(warm_up=1, seconds=10, sustained=60, latency=10, refusals=5, large=1024, files=1000,
               sessions=50, idle=1000, upload=10240, disk=12288)
SHORT = Amounts(warm_up=0, seconds=1, sustained=1, latency=0.5, refusals=0.3, large=16, files=20,
                sessions=2, idle=40, upload=64, disk=3072)


@dataclass(frozen=True)
class Case:
    """`contenders`: {name: function(bench) that gives its figures of one turn}, measured in turn. `prepare` is entered before
    the first turn, and its value is handed to each contender after the bench."""
    name: str
    contenders: dict
    rows: list
    prepare: object = None


# ioctl_ext4(2): EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, _IOR('X', 125, __u32).
EXT4_SHUTDOWN, WITHOUT_JOURNAL = 0x8004587D, 2


def throw_away(mount):
    """What a filesystem has not written yet is not written any more, so that its unmounting waits for no gigabytes that nobody
    will read."""
    folder = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(folder, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
    finally:
        os.close(folder)


def tell(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, root):
        self.options, self.root, self.short = options, root, options.short
        self.amounts, self.number, self.clients, self.files = SHORT if options.short else FULL, 0, {}, {}
        self.key = root / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        (root / "installation").mkdir()
        self.installation = Installation(root / "installation", options.gate, self.key)

    def next_number(self):
        self.number += 1
        return self.number

    def client(self, name):
        """A program of clients/, compiled when it is first asked for."""
        if name not in self.clients:
            self.clients[name] = compile_client(name, self.root)
        return self.clients[name]

    def make_files(self, count, size):
        """Random files to upload, kept for the next turn; a size in bytes."""
        if (count, size) not in self.files:
            folder = Path(tempfile.mkdtemp(prefix="files-", dir=self.root))
            self.files[count, size] = [folder / f"encounter-{number:04}.xml" for number in range(count)]
            for path in self.files[count, size]:
                with open(path, "wb") as file:
                    for _ in range(0, size, 1 << 20):
                        file.write(os.urandom(min(size, 1 << 20)))
            os.sync()
        return self.files[count, size]

    def write_image(self, image):
        """Each block of it has its place on the disk then: else each sync in a turn would wait for the outer filesystem to give it
        one, which takes several times as long as the sync."""
        tell(f"writing an image of {self.amounts.disk} MiB")
        new = image.with_suffix(".new")  # until it is whole
        run("dd", "if=/dev/zero", f"of={new}", "bs=4M", f"count={self.amounts.disk // 4}", "oflag=direct", "conv=fsync",
            seconds=1800)
        new.rename(image)

    @contextlib.contextmanager
    def place(self, roomy=False):
        """An empty directory that is gone afterwards: an ext4 filesystem of its own in a file, where root may mount one. A roomy
        one has 40 GiB, of which none has its place on the disk yet: its syncs are slow.

        ext4 gives out the inode of a deleted file only minutes later, and while it steps over many of them making a file is
        10 to 20 times slower. So no turn may make its files where an earlier one's were deleted.
        """
        outer = Path(tempfile.mkdtemp(prefix="place-", dir=self.root))
        outer.chmod(0o711)
        inner, image, spare = outer / "mount", outer / "image", self.root / "image"
        inner.mkdir()
        try:
            if self.options.image:
                if roomy:
                    run("truncate", "-s", "4G" if self.short else "40G", image)
                elif spare.exists():
                    spare.rename(image)
                else:
                    self.write_image(image)
                run("mkfs.ext4", "-q", "-F", "-i", "4096", "-m", "0", "-E",
                    "nodiscard,lazy_itable_init=1,lazy_journal_init=1", image)
                # What this filesystem writes goes to the disk, as it would without the file between them, and not into a second
                # page cache, out of which a sync would have to bring all of it.
                device = run("losetup", "--direct-io=on", "--find", "--show", image).strip()
                try:
                    # The kernel zeroes nothing during a turn.
                    run("mount", "-o", "noatime,noinit_itable", device, inner)
                finally:
                    run("losetup", "--detach", device)  # when it is unmounted
            inner.chmod(0o755)
            give(inner)
            yield inner
        finally:
            if os.path.ismount(inner):
                throw_away(inner)
                wait_until(lambda: subprocess.run(["umount", inner], capture_output=True).returncode == 0, 120, "umount", 0.5)
            if image.exists() and not roomy:
                image.rename(spare)  # for the next turn
            # Never across a mount that did not go.
            run("rm", "-rf", "--one-file-system", outer, seconds=1800)

    def measure(self, case):
        """All turns: A B C, C B A, …"""
        turns = {name: [] for name in case.contenders}
        try:
            with case.prepare(self) if case.prepare else contextlib.nullcontext() as prepared:
                for number in range(self.options.rounds):
                    for name in list(turns)[::-1 if number % 2 else 1]:
                        began = time.monotonic()
                        found = case.contenders[name](self, *([prepared] if case.prepare else []))
                        turns[name].append(found)
                        tell(f"  {case.name}: {name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in found.items())
                             + f"  ({time.monotonic() - began:.1f} s)")
            for row in case.rows:
                for name, figure in filter(None, (row.ours, row.beside)):
                    if not all(math.isfinite(value) and value > 0 for value in (turn.get(figure, 0) for turn in turns[name])):
                        raise Failed(f"{name} has no {figure}")
            return Result(case.name, case.rows, turns)
        except Exception as problem:  # whatever it is: the figures of the other cases are not lost
            tell(f"{case.name}: FAILED: {traceback.format_exc()}")
            return Result(case.name, case.rows, turns, str(problem) or type(problem).__name__)
