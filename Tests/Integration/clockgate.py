"""A gate whose clock the test sets: only the wall clock, and only the gate's own (setclock.c)."""
# Needs: gcc libc6-dev
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate  # noqa: E402


class ClockGate(Gate):
    """`set_clock` takes seconds from the true time, before a start and while it runs."""

    def __init__(self, **options):
        super().__init__(**options)
        library, self.offset = os.path.join(self.root, "setclock.so"), os.path.join(self.root, "offset")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "setclock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source], check=True)
        self.set_clock(0)
        self.environment.update(LD_PRELOAD=library, SETCLOCK_FILE=self.offset)

    def set_clock(self, seconds):
        # The running gate has the file mapped: it stays the same one, and changes in one step.
        file = os.open(self.offset, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(file, struct.pack("=q", seconds), 0)
        os.close(file)
