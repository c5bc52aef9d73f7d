"""What tests run is gone when they say so, whatever it started: also what left its session, and what it starts meanwhile."""
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from gate import wait_until
from machine import can_be_had
from processes import Run, adopt_orphans, own_children

HERE = os.path.dirname(os.path.abspath(__file__))
# Each starts the next in a session of its own, and says who it is; the last one starts others as long as it lives.
CHAIN = """
import os, subprocess, sys, time
depth = int(sys.argv[1])
with open(f"up-{depth}-{os.getpid()}", "w"): pass
while depth < 4:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], str(depth + 1), sys.argv[2]], start_new_session=True)
    if depth == 3: time.sleep(0.1)
    else: time.sleep(60)
time.sleep(60)
"""


class Runs(unittest.TestCase):
    def setUp(self):
        adopt_orphans()
        self.addCleanup(adopt_orphans, False)
        self.others = own_children()
        self.folder = tempfile.mkdtemp(prefix="processes-")
        self.addCleanup(shutil.rmtree, self.folder)

    def names(self, depth):
        return [name for name in os.listdir(self.folder) if name.startswith(f"up-{depth}-")]

    def test_a_killed_one_leaves_nothing_of_what_it_started(self):
        run = Run([sys.executable, "-c", CHAIN, "0", CHAIN], dict(os.environ), self.folder)
        wait_until(lambda: len(self.names(4)) > 3, what="the last of the chain")
        run.kill()
        running = [name for name in os.listdir(self.folder) if os.path.exists("/proc/" + name.rpartition("-")[2])]
        self.assertEqual(running, [])
        wait_until(lambda: run.reap() or not own_children() - self.others, what="the last of the orphans")

    def test_what_a_finished_one_left_running_is_ended(self):
        run = Run([sys.executable, "-c", "import subprocess\nsubprocess.Popen(['sleep', '60'], start_new_session=True)"],
                  dict(os.environ), self.folder)
        self.assertIsNone(run.finish())
        wait_until(lambda: run.reap() or not own_children() - self.others, what="the end of the orphan")

    def test_what_others_started_meanwhile_is_left_alone(self):
        run = Run([sys.executable, "-c", CHAIN, "0", CHAIN], dict(os.environ), self.folder)
        wait_until(lambda: self.names(4), what="the last of the chain")
        # An orphan, as the gate's processes are when the one that started them ends.
        subprocess.run([sys.executable, "-c", "import subprocess\nsubprocess.Popen(['sleep', '60'])"], check=True)
        orphan, = wait_until(lambda: [pid for pid in own_children() - self.others - {run.process.pid}], what="the orphan")
        run.kill()
        wait_until(lambda: run.reap() or own_children() - self.others == {orphan}, what="the end of all others")
        os.kill(orphan, signal.SIGKILL)
        self.assertEqual(os.waitpid(orphan, 0)[1], signal.SIGKILL, "it ran until now")


class Runner(unittest.TestCase):
    """What is left is ended, and told."""

    def start(self, script):
        return subprocess.Popen([sys.executable, "-c", script], cwd=HERE, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ended(self, *pids):
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), what=f"the end of {pids}")

    def test_a_test_that_leaves_a_process_behind_fails(self):
        runner = self.start("import processes, subprocess, sys\n"
                            "def action(): print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid)\n"
                            "sys.exit(processes.alone(action, patience=0.2))")
        out, said = runner.communicate(timeout=30)
        self.assertEqual((runner.returncode, said), (1, f"left behind: {out.strip()} sleep 60 \n"))
        self.ended(int(out))

    def test_a_test_that_leaves_nothing_has_its_own_status(self):
        for status in (0, 3):
            runner = self.start(f"import processes, sys\nsys.exit(processes.alone(lambda: {status}))")
            self.assertEqual((runner.communicate(timeout=30), runner.returncode), (("", ""), status))

    def test_what_tests_started_ends_with_the_runner(self):
        runner = self.start("import processes, subprocess, sys, time\n"
                            "def action():\n"
                            "    print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True)\n"
                            "    time.sleep(60)\n"
                            "sys.exit(processes.alone(action))")
        sleeper = int(runner.stdout.readline())
        runner.terminate()
        runner.communicate(timeout=30)
        self.assertNotEqual(runner.returncode, 0)
        self.ended(sleeper)

    @unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
    def test_a_machine_ends_with_its_test_process_however_that_ends(self):
        tester = self.start("import machine\nm = machine.Machine()\nprint(m.base, m.process.pid, m.first, flush=True)\ninput()")
        self.addCleanup(tester.communicate)
        base, *pids = tester.stdout.readline().split()
        self.addCleanup(os.rmdir, base)
        tester.kill()
        self.ended(*pids)

    def test_a_skip_is_excused_by_its_reason_alone(self):
        specification = importlib.util.spec_from_file_location("runner", os.path.join(HERE, "__main__.py"))
        runner = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(runner)
        for number, reason in ((0, "needs other users"), (0, "LONG_TESTS=1, as root"),
                               (0, "network namespaces are not permitted here: unshare: Operation not permitted"),
                               (1, "network namespaces are not permitted here: sh: 1: ip: not found"),
                               (1, "lftp is not installed"), (1, "no lintian here")):
            lists = runner.skips([(self, reason)])
            self.assertEqual(lists[number], [f"{self.id()}: {reason}"])
            self.assertEqual(lists[1 - number], [])
        self.assertEqual(runner.skips([(self, "runs inside the namespace, started by Rules")]), ([], []))


if __name__ == "__main__":
    unittest.main()
