"""`drops verify` beside a gate that is busy: nothing of what it, its senders and its consumers do meanwhile is told as wrong."""
import contextlib
import json
import os
import random
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import Gate, wait_until  # noqa: E402
from rawsftp import Refused  # noqa: E402
from test_crash import Load, Sender  # noqa: E402

LOOKS = 60 if os.environ.get("LONG_TESTS") else 10


class Dating(Sender):
    """Sets the time of what it has sent, too, and goes on where a consumer was faster."""

    def told(self, changes, call, *arguments):
        with contextlib.suppress(Refused):
            super().told(changes, call, *arguments)

    def put(self, content, name):
        super().put(content, name)
        if self.random.random() < 0.5:
            with contextlib.suppress(Refused):
                self.client.setstat(name, mtime=self.random.randrange(1 << 31))


class Consumer(threading.Thread):
    """Takes what lies in ready/, a part of it at a time, and some whole batches."""

    def __init__(self, gate, stop, random):
        super().__init__()
        self.gate, self.stop, self.random, self.taken = gate, stop, random, 0

    def run(self):
        while not self.stop.wait(0.05):
            for path in self.gate.ready():
                if self.random.random() < 0.1:
                    with contextlib.suppress(FileNotFoundError):
                        os.remove(os.path.join(self.gate.staging, "ready", path))
                        self.taken += 1


class Beside(unittest.TestCase):
    def look(self, layout):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "0s", "DROPGATE_STAGING_LAYOUT": layout}).plain()
        self.addCleanup(gate.close)
        gate.start()
        chance = random.Random(os.environ.get("SEED") or 7)
        stop, answered = threading.Event(), {}
        load = [Load(gate.ports["webhook"], str(number), answered) for number in range(4)]
        senders = [Dating(gate, str(number), {}, random.Random(chance.random()), stop) for number in range(2)]
        consumer = Consumer(gate, stop, random.Random(chance.random()))
        for thread in [*load, *senders, consumer]:
            thread.start()
        wait_until(lambda: consumer.taken > 10, what="the first drops that are taken")
        seen = {}
        try:
            for _ in range(LOOKS):
                before = len(answered)
                result = gate.run("drops", "verify", "--format", "json", "--config", gate.config, check=False)
                self.assertEqual(result.returncode, 0, result.stdout[-3000:] + result.stderr[-3000:])
                for finding, count in json.loads(result.stdout.splitlines()[-1]).items():
                    seen[finding] = seen.get(finding, 0) + count
                wait_until(lambda: len(answered) > before, what="more events")
        finally:
            stop.set()
            gate.kill()
            for thread in [*load, *senders, consumer]:
                thread.join()
            for sender in senders:
                if sender.client:
                    sender.client.kill()
        self.assertEqual([sender.problem for sender in senders], [None, None])
        self.assertTrue(seen.keys() >= {"intact", "taken"}, seen)
        self.assertFalse(seen.keys() & {"foreign", "altered", "receipt differs", "unreadable"}, seen)
        print(f"\n  {layout}: {LOOKS} looks at {seen}, {len(answered)} events, {consumer.taken} taken", file=sys.stderr)

    def test_of_files_nothing_is_wrong(self):
        self.look("file")

    def test_of_batches_of_lines_nothing_is_wrong(self):
        self.look("ndjson")
