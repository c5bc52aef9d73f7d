"""The source address really is VSee's: in a network namespace whose loopback carries 20.21.208.105, under the
shipped source list and nothing else."""
# Needs: iproute2
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import V2, Gate, wait_until  # noqa: E402

VSEE, STRANGER = "20.21.208.105", "20.21.208.106"
INSIDE = "GATE_TEST_NAMESPACE"
UNSHARE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
PREPARE = f"ip link set lo up && ip addr add {VSEE}/32 dev lo && ip addr add {STRANGER}/32 dev lo"


@unittest.skipIf(os.environ.get(INSIDE), "this is the namespace")
class SourceAddress(unittest.TestCase):
    def test_in_a_namespace_of_its_own(self):
        permitted = subprocess.run([*UNSHARE, "sh", "-c", PREPARE], capture_output=True, text=True)
        if permitted.returncode != 0:
            self.skipTest("network namespaces are not permitted here: " + permitted.stderr.strip())
        result = subprocess.run(
            [*UNSHARE, "sh", "-c", PREPARE + f" && exec {sys.executable} -m unittest -v test_source_address"],
            cwd=os.path.dirname(os.path.abspath(__file__)), env={**os.environ, INSIDE: "1"}, capture_output=True,
            text=True, timeout=180)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("test_vsee_is_let_in_and_a_neighbour_is_not", result.stderr)


@unittest.skipUnless(os.environ.get(INSIDE), "runs inside the namespace, started by SourceAddress")
class Inside(unittest.TestCase):
    def test_vsee_is_let_in_and_a_neighbour_is_not(self):
        with Gate(sources=None) as gate:
            encounter = gate.file("encounter.hl7", b"PID|1\n")
            self.assertIn('"stored"', gate.post(V2 % "e-1", VSEE).stdout)
            upload = gate.sftp(f"put {encounter} /\n", VSEE)
            self.assertEqual(upload.returncode, 0, upload.stderr)
            self.assertNotEqual(gate.post(V2 % "e-2", STRANGER).returncode, 0)
            self.assertNotEqual(gate.sftp(f"put {encounter} /stranger\n", STRANGER).returncode, 0)
            wait_until(lambda: len(gate.ready()) == 2, what="two drops in ready/")
            gate.stop()
            listed = gate.entries("--source", VSEE)
            self.assertEqual([(e["kind"], e["verdict"]) for e in listed],
                             [("request", "accepted"), ("login", "accepted"), ("transfer", "accepted")])
            for entry in listed:
                self.assertEqual(entry["entries"], ["vsee-qatar/clinic", "vsee-qatar/messenger"])
            refused = gate.entries("--source", STRANGER)
            self.assertEqual([(e["channel"], e["verdict"], e["reason"]) for e in refused],
                             [("webhook", "rejected", "not_listed"), ("sftp", "rejected", "not_listed")])


if __name__ == "__main__":
    unittest.main()
