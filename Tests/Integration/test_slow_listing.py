"""`dropgate pull` behind a slow line: each answer of the other gate has --timeout to come, not all that waits there together."""
import json
import os
import pwd
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, Gate  # noqa: E402
from pagedsftp import drops  # noqa: E402
from test_probe_sftp import SSHD, fingerprint  # noqa: E402

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pagedsftp.py")


class SlowListing(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def pull(self, timeout, *served):
        """From an sshd with pagedsftp.py of these arguments."""
        user = pwd.getpwuid(os.getuid()).pw_name
        with SSHD(f"Subsystem sftp {sys.executable} -B {SERVER} {' '.join(map(str, served))}") as sshd:
            return subprocess.run(
                [BIN, "pull", f"sftp://{user}@127.0.0.1:{sshd.port}/", "--key", sshd.key, "--host-key",
                 fingerprint(os.path.join(sshd.root, "host.pub")), "--timeout", timeout, "--format", "json", "--config",
                 self.gate.config], capture_output=True, text=True, timeout=120, env={**os.environ, **self.gate.environment})

    def test_a_listing_may_take_longer_than_an_answer(self):
        # Six answers, the end among them.
        said = self.pull("3s", 5, 0.7)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        answer = json.loads(said.stdout)
        self.assertEqual((answer["taken"], answer["failed"]), (drops(5), []))

    def test_an_answer_that_does_not_come_is_told_before_anything_is_fetched(self):
        said = self.pull("3s", 2, 0, "silent")
        self.assertEqual((said.returncode, said.stdout), (1, ""), said.stderr)
        self.assertIn("the list of its drops did not come: ", said.stderr)
        self.assertTrue(said.stderr.endswith("; a longer --timeout may help\n"), said.stderr)


if __name__ == "__main__":
    unittest.main()
