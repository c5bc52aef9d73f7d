"""An answer or a file that cannot be written is an error, of every command there is.

The commands are those that the program itself names: a new one fails here until it says what it writes.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from gate import BIN, Gate, V2, free_port, wait_until

FULL = "No space left on device"
ADVICE = "; make room on that filesystem"
# What stands although it could not be told.
CHANGE = "the change is made; "
DONE = {
    ("init",): "the gate is made; ", ("source", "add"): CHANGE, ("source", "remove"): CHANGE,
    ("source", "review"): CHANGE, ("source", "expire"): CHANGE, ("account", "add"): CHANGE,
    ("account", "disable"): CHANGE, ("account", "enable"): CHANGE, ("account", "remove"): CHANGE, ("drops", "ack"): CHANGE,
    ("ledger", "rotate-key"): CHANGE, ("token", "add"): CHANGE, ("token", "revoke"): CHANGE,
    ("ledger", "checkpoint"): "the checkpoint is signed; ",
    ("ledger", "export"): "the bundle is made; ", ("ledger", "backup"): "the backup is made; ",
}
# Leaves fewer bytes than any answer has; everything else of the tmpfs is taken.
SIZE = 96 << 10


def command_tree():
    """Every command that does something itself, by its words."""
    text = subprocess.run([BIN, "--experimental-dump-help"], capture_output=True, check=True, timeout=60).stdout

    def leaves(command, words):
        below = [child for child in command.get("subcommands", []) if child["commandName"] != "help"]
        if not below:
            yield words
        for child in below:
            yield from leaves(child, (*words, child["commandName"]))
    return sorted(leaves(json.loads(text)["command"], ()))


def can_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


class Place:
    """A 96 KiB tmpfs that only the commands run in it see."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="full-")

    def run(self, script, *arguments, **options):
        """A shell script with $@ in a tmpfs of its own, which is its working directory."""
        mount = 'mount -t tmpfs -o size=96k,mode=700 full "$0" && cd "$0" && ' + script
        return subprocess.run(["unshare", "-m", "sh", "-c", mount, self.folder, *arguments],
                              capture_output=True, text=True, timeout=120, **options)

    def close(self):
        shutil.rmtree(self.folder)


class Output(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate().start()
        for number in range(60):
            cls.gate.post(V2 % number)
        wait_until(lambda: len(cls.gate.released()) == 60, 60, "the drops")
        cls.gate.run("ledger", "checkpoint", "--config", cls.gate.config)
        cls.place = Place()

    @classmethod
    def tearDownClass(cls):
        cls.place.close()
        cls.gate.close()

    def answers(self):
        """What each command is asked here, so that it prints something; {n} is the number of the run."""
        gate, ids = self.gate, [receipt["drop"] for receipt in self.gate.receipts()]
        here = ["--config", gate.config]
        server = f"127.0.0.1:{gate.ports['sftp']}"
        login = ["--user", "vsee", "--key", gate.key, "--known-hosts", os.path.join(gate.root, "known_hosts"),
                 "--source", "127.0.0.2"]
        return {
            ("init",): [*here],
            ("serve",): ["--check", *here],
            ("source", "list"): here,
            ("source", "explain"): ["127.0.0.2", *here],
            ("source", "add"): ["192.0.2.{n}", "--service", "lab{n}", "--channel", "sftp", "--list", "test", *here],
            ("source", "remove"): ["198.51.100.{n}", "--list", "test", *here],
            ("source", "review"): ["vsee-qatar/clinic", "--by", "2031-01-31T08:00:00.{n}Z", *here],
            ("source", "expire"): ["vsee-qatar/messenger", "--at", "2031-01-31T08:00:00.{n}Z", *here],
            ("account", "add"): ["new{n}", "--key", gate.key + ".pub", *here],
            ("account", "list"): here,
            ("account", "show"): ["vsee", *here],
            ("account", "disable"): ["spare", *here],
            ("account", "enable"): ["spare", *here],
            ("account", "remove"): ["old{n}", *here],
            ("attempts",): ["--limit", "0", "--format", "jsonl", *here],
            ("drops", "list"): here,
            ("drops", "show"): [ids[0], *here],
            ("drops", "ack"): ["{id}", *here],
            ("drops", "release"): None,
            ("drops", "withdraw"): None,
            ("drops", "verify"): here,
            ("ledger", "verify"): here,
            ("ledger", "prove"): ["0", *here],
            ("ledger", "export"): ["--output", os.path.join(gate.root, "bundle{n}"), *here],
            ("ledger", "backup"): [os.path.join(gate.root, "backup{n}"), *here],
            ("ledger", "checkpoint"): here,
            ("ledger", "rotate-key"): here,
            ("report",): here,
            ("probe", "webhook"): [gate.url, "--insecure", "--source", "127.0.0.2"],
            ("probe", "sftp"): [server, *login],
            ("rules", "list"): here,
            ("rules", "export"): ["--direction", "egress", "--format", "edl", *here],
            ("rules", "check"): ["--row", "{row}", "--timeout", "1s", *here],
            ("pull",): None,
            ("doctor",): here,
            ("token", "add"): ["new{n}", "--role", "viewer", *here],
            ("token", "list"): here,
            ("token", "revoke"): ["old{n}", *here],
        }

    def arguments(self, words, number):
        values = {"n": number, "id": self.gate.receipts()[number]["drop"], "row": self.row()}
        return [*words, *(part.format(**values) for part in self.answers()[words])]

    def row(self):
        books = json.loads(self.gate.run("rules", "list", "--format", "json", "--config", self.gate.config).stdout)
        return books["books"][0]["tables"][0]["rows"][0]["id"]

    def prepare(self, words, number):
        here = ["--config", self.gate.config]
        if words == ("source", "remove"):
            self.gate.run("source", "add", f"198.51.100.{number}", "--service", "old", "--channel", "sftp",
                          "--list", "test", *here)
        if words == ("account", "remove"):
            self.gate.run("account", "add", f"old{number}", "--key", self.gate.key + ".pub", *here)
        if words == ("token", "revoke"):
            self.gate.run("token", "add", f"old{number}", "--role", "viewer", *here)
        if words[0] == "account" and words[1] in ("disable", "enable"):
            self.gate.run("account", "add", "spare", "--key", self.gate.key + ".pub", *here, check=False)

    def test_every_command_is_here(self):
        self.assertEqual(command_tree(), sorted(self.answers()))

    # drops release, withdraw and pull need a held event, an upload and a second gate: test_operations and test_pull write to a full device.
    def commands(self):
        return [words for words, rest in self.answers().items() if rest is not None]

    def check(self, words, result):
        with self.subTest(command=" ".join(words)):
            self.assertIn(f"{DONE.get(words, '')}write error: {FULL}", result.stderr, result)
            self.assertNotEqual(result.returncode, 0, result)
            # What only prints, and says yes, has the status of coreutils.
            if words not in {("probe", "webhook"), ("doctor",), ("rules", "check")}:
                self.assertEqual(result.returncode, 1, result)

    def test_no_command_ends_well_when_its_answer_goes_to_a_full_device(self):
        with open("/dev/full", "w") as full:
            for number, words in enumerate(self.commands()):
                self.prepare(words, number)
                self.check(words, subprocess.run(
                    [BIN, *self.arguments(words, number)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
                    env={**os.environ, **self.gate.environment}))

    def test_no_command_ends_well_when_its_help_goes_to_a_full_device(self):
        with open("/dev/full", "w") as full:
            for words in [(), *command_tree(), ("--version",), ("--generate-completion-script=bash",)]:
                help_option = [] if words and words[0].startswith("--") else ["--help"]
                self.check(words[:0], subprocess.run(
                    [BIN, *words, *help_option], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60))

    @unittest.skipUnless(can_mount(), "THIS MACHINE MOUNTS NOTHING: a full filesystem is not tried")
    def test_no_command_ends_well_when_its_answer_goes_to_a_full_filesystem(self):
        # One page is all that a file of the tmpfs has left, and the answer begins in its middle.
        script = f"head -c {SIZE - 4096} /dev/zero >fill; head -c 4090 /dev/zero >out; \"$@\" >>out; exit $?"
        for number, words in enumerate(self.commands(), 30):
            self.prepare(words, number)
            if words == ("ledger", "rotate-key"):
                continue
            self.check(words, self.place.run(script, BIN, *self.arguments(words, number),
                                             env={**os.environ, **self.gate.environment}))

    @unittest.skipUnless(can_mount(), "THIS MACHINE MOUNTS NOTHING: a full filesystem is not tried")
    def test_a_file_that_cannot_be_written_to_its_end_is_not_there(self):
        here = ["--config", self.gate.config]
        writers = [
            ["ledger", "export", "--output", "result", *here],
            ["ledger", "backup", "result", *here],
            ["ledger", "prove", "0", "--output", "result", *here],
            ["ledger", "prove", "0", "--entry", "result", *here],
            ["report", "--format", "html", "--output", "result", *here],
            ["rules", "export", "--direction", "egress", "--format", "edl", "--output", "result", *here],
        ]
        script = f"head -c {SIZE} /dev/zero >fill 2>/dev/null; \"$@\"; status=$?; rm fill; ls -A >&2; exit $status"
        for arguments in writers:
            with self.subTest(command=arguments):
                result = self.place.run(script, BIN, *arguments)
                self.assertEqual(result.returncode, 75, result)
                said, _, left = result.stderr.rpartition(FULL)
                self.assertTrue(said, result)
                self.assertEqual(left.strip(), ADVICE, result)

    @unittest.skipUnless(can_mount(), "THIS MACHINE MOUNTS NOTHING: a full filesystem is not tried")
    def test_a_gate_made_on_a_full_filesystem_can_be_made_again_when_there_is_room(self):
        script = (f"mkdir room; head -c {SIZE - 12288} /dev/zero >fill; \"$@\"; status=$?; rm fill; "
                  "find . -type f -size 0 >&2; \"$@\" >/dev/null || exit 99; exit $status")
        result = self.place.run(script, BIN, "init", "gate")
        self.assertEqual(result.returncode, 75, result)
        self.assertIn(FULL, result.stderr)
        self.assertNotIn("./gate", result.stderr.partition(FULL)[2], result)

    @unittest.skipUnless(can_mount(), "THIS MACHINE MOUNTS NOTHING: a full filesystem is not tried")
    def test_a_list_or_an_account_that_cannot_be_written_stays_as_it_is(self):
        script = ('"$1" init gate >/dev/null 2>&1 || exit 98; before=$(cat gate/sources/* | sha256sum); '
                  f'head -c {SIZE} /dev/zero >fill 2>/dev/null; "$@"; status=$?; rm fill; ls -A gate/accounts >&2; '
                  'test "$before" = "$(cat gate/sources/* | sha256sum)" || echo "another list" >&2; exit $status')
        here = ["--config", "gate/dropgate.yaml"]
        for arguments in (["source", "add", "192.0.2.7", "--service", "lab", "--channel", "sftp", *here],
                          ["source", "remove", "20.21.208.105", "--service", "messenger", *here],
                          ["account", "add", "new", "--key", self.gate.key + ".pub", *here]):
            with self.subTest(command=arguments):
                result = self.place.run(script, BIN, *arguments)
                self.assertEqual(result.returncode, 75, result)
                said, _, left = result.stderr.rpartition(FULL)
                self.assertTrue(said, result)
                self.assertNotIn("another list", left)
                self.assertNotIn("new", left)

    def test_a_stream_that_is_closed_is_an_error_and_harms_no_file(self):
        before = self.gate.run("ledger", "verify", "--config", self.gate.config).stdout
        result = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", BIN, "attempts", "--format", "jsonl", "--config", self.gate.config],
            capture_output=True, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (1, "dropgate: write error: Bad file descriptor\n"))
        self.assertIn("verified", before)
        self.gate.run("ledger", "verify", "--config", self.gate.config)

    def test_a_reader_that_leaves_ends_a_command_quietly_and_the_ledger_knows_it(self):
        script = '{ "$@"; echo $? >&2; } | head -c 1 >/dev/null'
        result = subprocess.run(
            ["bash", "-c", script, "bash", BIN, "attempts", "--format", "jsonl", "--limit", "0",
             "--config", self.gate.config], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.stderr, "0\n")

    def test_a_no_is_a_no_also_when_its_reader_has_left(self):
        probe = ["probe", "webhook", f"https://127.0.0.1:{free_port()}/"]
        for arguments in (probe, [*probe, "--format", "json"], [*probe, "--count", "2", "--interval", "1ms"],
                          ["source", "explain", "192.0.2.99", "--config", self.gate.config]):
            with self.subTest(command=arguments):
                reader, writer = os.pipe()
                os.close(reader)
                with open(writer, "w") as stdout:
                    result = subprocess.run([BIN, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(result.returncode, 1, result)
                self.assertNotIn("write error", result.stderr)

    def test_following_into_a_full_device_ends_with_an_error_and_an_entry(self):
        result = subprocess.run(
            ["sh", "-c", '"$@" >/dev/full', "sh", BIN, "attempts", "--follow", "--format", "jsonl",
             "--config", self.gate.config], capture_output=True, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (1, f"dropgate: write error: {FULL}\n"))
        last = self.gate.entries("--reason", "exported_in_part")[-1]
        self.assertEqual(last["detail"]["entries"], 0)
        whole = self.gate.entries("--kind", "access", "--after", str(last["detail"]["part_of"] - 1), "--limit", "1")
        self.assertEqual((whole[0]["seq"], whole[0]["reason"]), (last["detail"]["part_of"], "exported"))

    @unittest.skipUnless(can_mount(), "THIS MACHINE MOUNTS NOTHING: a full filesystem is not tried")
    def test_following_until_the_filesystem_is_full_ends_with_what_was_written(self):
        before = len(self.gate.entries("--reason", "exported_in_part"))
        script = f"head -c {SIZE - 8192} /dev/zero >fill; \"$@\" >out; status=$?; cat out; exit $status"
        follower = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=96k full "$0" && cd "$0" && ' + script,
             self.place.folder, BIN, "attempts", "--follow", "--format", "jsonl", "--after",
             str(self.gate.entries()[-1]["seq"]), "--config", self.gate.config],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        number = 1000
        while follower.poll() is None:
            self.gate.post(V2 % number)
            number += 1
            self.assertLess(number, 1200, "it never ended")
        out, error = follower.communicate(timeout=30)
        self.assertEqual((follower.returncode, error), (1, f"dropgate: write error: {FULL}\n"))
        parts = self.gate.entries("--reason", "exported_in_part")
        self.assertEqual(len(parts), before + 1)
        whole = [json.loads(line) for line in out.split("\n")[:-1]]
        detail = parts[-1]["detail"]
        self.assertEqual((detail["entries"], detail["last"], detail["bytes"]),
                         (len(whole), whole[-1]["seq"], len(out)))


if __name__ == "__main__":
    unittest.main()
