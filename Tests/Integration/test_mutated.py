"""Mutated inputs through the live listener: some thousand of each kind from a fixed seed, and the whole run with LONG_TESTS=1.
What is sent and what counts as a finding says Tests/Fuzz/listener/fuzz.py."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Fuzz/listener"))
import fuzz  # noqa: E402

LONG = os.environ.get("LONG_TESTS") == "1"
SHORT = 3000


class Mutated(unittest.TestCase):
    def send(self, name, least_answered):
        """`least_answered`: the part of the inputs that has to reach what answers, so that the rest is worth something."""
        fuzzer = fuzz.Fuzzer(fuzz.KINDS[name], 1_000_000 // fuzz.SHARES[name] if LONG else SHORT, seed=1, patient=LONG)
        self.assertEqual(fuzzer.run(), [])
        self.assertGreater(fuzzer.answered(), least_answered)

    def test_bent_requests_are_answered_or_closed_and_harm_nobody(self):
        self.send("http1", 0.5)

    def test_bent_frames_are_answered_or_closed_and_harm_nobody(self):
        self.send("http2", 0.3)

    def test_a_bent_proxy_header_lets_nobody_in(self):
        self.send("proxy", 0.3)

    def test_a_bent_x_forwarded_for_lets_nobody_in(self):
        self.send("x-forwarded-for", 0.5)

    def test_a_bent_forwarded_lets_nobody_in(self):
        self.send("forwarded", 0.5)


if __name__ == "__main__":
    unittest.main()
