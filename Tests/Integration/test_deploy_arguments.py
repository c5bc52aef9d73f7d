"""What the scripts in Deploy say of arguments that they do not take and of a GATE_BIN that is none, before they do or
install anything; and what no script may do."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

DEPLOY = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../Deploy"))
SCRIPTS = ["try.sh", "build.sh", "deb.sh", "install.sh", "container/build.sh", "packages.sh", "gate-bin.sh"]
# Readers that end before their input does.
LEAVING = re.compile(r"\|\s*(sed [^|]*\bq\b|sed [0-9]+q|head\b|grep -\w*[qm]|awk [^|]*\bexit\b)")


def run(script, *arguments, **environment):
    # Without a PATH to sudo, apt-get or swift, going on would fail in other words.
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment}
    return subprocess.run([os.path.join(DEPLOY, script), *arguments], env=environment, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, cwd="/")


class Pipes(unittest.TestCase):
    def test_no_script_fails_because_a_reader_left_early(self):
        # With pipefail, the SIGPIPE of the command before it is the status of all (141), now and then.
        root = os.path.dirname(DEPLOY)
        scripts = [os.path.join(root, ".ci/run"), *glob.glob(f"{root}/Tests/*.sh"), *glob.glob(f"{root}/Tests/*/*.sh"),
                   *glob.glob(f"{DEPLOY}/**/*.sh", recursive=True)]
        self.assertGreater(len(scripts), 10)
        for script in scripts:
            with open(script, encoding="utf-8") as lines:
                found = [line for line in lines if LEAVING.search(line) and "||" not in line]
            self.assertEqual(found, [], script)


class Arguments(unittest.TestCase):
    def test_help_is_the_answer_and_usage_the_error(self):
        for script in SCRIPTS:
            for option in ("--help", "-h"):
                with self.subTest(script=script, option=option):
                    answer = run(script, option)
                    self.assertEqual((answer.returncode, answer.stderr), (0, ""))
                    self.assertIn(f"Deploy/{script}", answer.stdout)
            with self.subTest(script=script):
                answer = run(script, "--bogus")
                self.assertEqual((answer.returncode, answer.stdout), (64, ""))
                self.assertIn(f"Deploy/{script}", answer.stderr)

    def test_what_is_too_much_is_misuse(self):
        for script, *arguments in (("try.sh", "--once", "more"), ("try.sh", "more"), ("build.sh", "--path", "more"),
                                   ("build.sh", "more"), ("deb.sh", "one", "two"), ("install.sh", "more"),
                                   ("install.sh", "--binary"), ("install.sh", "--binary", ""),
                                   ("install.sh", "--binary", "one", "two"), ("packages.sh", "--run", "more"),
                                   ("container/build.sh", "one.deb", "two.deb"), ("deb.sh", "--version"),
                                   ("deb.sh", "--version", ""), ("deb.sh", "--version", "one"), ("deb.sh", "")):
            with self.subTest(script=script, arguments=arguments):
                answer = run(script, *arguments)
                self.assertEqual((answer.returncode, answer.stdout), (64, ""), answer.stderr)
                self.assertIn(f"Deploy/{script}", answer.stderr)
                self.assertNotRegex(answer.stderr, "line [0-9]")

    def test_a_binary_to_install_that_is_none_is_said_in_one_line(self):
        answer = run("install.sh", "--binary", "/etc/passwd")
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr.count("\n")), (1, "", 1))
        self.assertIn("/etc/passwd is not executable", answer.stderr)

    def test_a_package_that_is_none_is_said_in_one_line(self):
        answer = run("container/build.sh", "/etc/passwd")
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr.count("\n")), (1, "", 1))
        self.assertIn("/etc/passwd is not a Debian package of dropgate", answer.stderr)


class Tests(unittest.TestCase):
    """The scripts that run tests and measurements."""

    def test_a_test_that_is_none_is_said_before_anything_is_built_or_installed(self):
        said = "there is no such test: nonsense\n"
        answer = run("../Tests/run.sh", "--integration", "test_pull", "nonsense", PATH=os.environ["PATH"])
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (64, "", said))
        for names, status, words in ((["nonsense"], 64, said), (["test_pull.Pull", "nonsense"], 64, said),
                                     (["test_deploy_arguments"], 0, "")):
            answer = subprocess.run([sys.executable, os.path.dirname(__file__), "--needs", *names], capture_output=True,
                                    text=True, timeout=60)
            self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (status, "", words), names)

    def test_a_ledger_to_measure_is_given_by_a_number(self):
        for arguments in (["many"], ["0"], ["-1"], ["1000", "directory", "more"], ["--bogus"]):
            answer = run("../Tests/Performance/ledger.sh", *arguments)
            self.assertEqual((answer.returncode, answer.stdout), (64, ""), arguments)
            self.assertIn("Tests/Performance/ledger.sh 10000000", answer.stderr)
        answer = run("../Tests/Performance/ledger.sh", "--help")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertIn("Tests/Performance/ledger.sh 10000000", answer.stdout)


class GateBin(unittest.TestCase):
    def test_what_is_no_program_of_ours_is_said_in_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            plain, liar = os.path.join(folder, "plain"), os.path.join(folder, "liar")
            alone, mixed, stale = (os.path.join(folder, name, "dropgate") for name in ("alone", "mixed", "stale"))
            for path, mode, says in ((plain, 0o600, "dropgate of another kind"), (liar, 0o700, "dropgate of another kind"),
                                     (alone, 0o700, "dropgate 1.0"), (mixed, 0o700, "dropgate 1.0"),
                                     (f"{mixed}-session", 0o700, "dropgate 1.0"), (stale, 0o700, "dropgate 1.0"),
                                     (f"{stale}-session", 0o700, "dropgate-session 100, messages of version 3")):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write(f"#!/bin/sh\necho {says}\n")
                os.chmod(path, mode)
            for path, words in (("/nonexistent", "there is no file"), (folder, "is not a file"),
                                (plain, "is not executable"), ("/bin/true", "is not dropgate"),
                                ("/bin/false", "is not dropgate"), (liar, "is not dropgate"),
                                (alone, f"there is no file {alone}-session"),
                                (mixed, "is not dropgate-session of that release, or cannot run here"),
                                (stale, "is not dropgate-session of that release, or cannot run here")):
                for script in ("try.sh", "deb.sh", "install.sh", "container/build.sh", "gate-bin.sh"):
                    with self.subTest(path=path, script=script):
                        answer = run(script, GATE_BIN=path)
                        self.assertEqual((answer.returncode, answer.stdout, answer.stderr.count("\n")), (1, "", 1),
                                         answer.stderr)
                        self.assertIn(path, answer.stderr)
                        self.assertIn(words, answer.stderr)


if __name__ == "__main__":
    unittest.main()
