"""Floods of every kind, all at once, and a listed client beside them: it is answered, and the gate's memory is bounded.

How long it waits is measured elsewhere (Tests/Performance/floods.py), and judged there.
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Performance"))
from attacks import FLOODS, IdleGroup  # noqa: E402
from floods import KINDS, MEMORY, Standing  # noqa: E402
from load import compile_client  # noqa: E402

SECONDS = 2


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.strangers = compile_client("strangers", directory.name)
        cls.group = IdleGroup()
        cls.addClassCleanup(cls.group.close)

    def flood(self, unlisted):
        """All floods that are for a gate which treats unlisted sources so."""
        names = [name for name, flood in FLOODS.items() if flood.unlisted == unlisted]
        standing = Standing(unlisted, self.strangers, self.group)
        self.addCleanup(standing.gate.close)
        with standing.flooded(names, SECONDS) as made:
            during = standing.watch(SECONDS, KINDS)
        after = standing.watch(0.1, [*KINDS, "SFTP"])
        self.assertEqual(during.errors + after.errors, [])
        self.assertLessEqual(max(during.memory, after.memory), MEMORY)
        for name, attempts in zip(names, made, strict=True):
            self.assertGreater(attempts, 0, name)

    def test_a_listed_client_is_answered_while_strangers_are_closed_at_accept(self):
        self.flood("close")

    def test_every_refused_connection_is_counted(self):
        standing = Standing("close", self.strangers, self.group)
        self.addCleanup(standing.gate.close)
        names = ["refused at accept", "10,000 addresses", "SFTP refused at accept"]
        with standing.flooded(names, 1) as made:
            pass
        standing.gate.stop()  # what is counted together is written at the latest with the end
        counted = sum(entry.get("count", 1) for entry in standing.gate.entries("--reason", "not_listed"))
        self.assertEqual(counted, sum(made))

    def test_a_listed_client_is_answered_while_strangers_are_refused_in_http(self):
        self.flood("refuse")

    def test_a_listed_client_is_answered_while_bodies_are_held_open(self):
        self.flood("quarantine")


if __name__ == "__main__":
    unittest.main()
