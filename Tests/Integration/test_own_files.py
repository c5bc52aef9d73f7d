"""The gate's own files: no setting and no option writes to them, and none that is named by mistake is quoted."""
# Needs: openssl openssh-client
import hashlib
import os
import shutil
import subprocess
import unittest

from gate import BIN, Gate, V2, read


class OwnFiles(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def path(self, *names):
        return os.path.join(self.gate.home, *names)

    def command(self, *arguments, config=None, **options):
        """Its exit status and all that it said."""
        environment = {**os.environ, **self.gate.environment, **options.pop("environment", {})}
        said = subprocess.run([BIN, *arguments, "--config", config or self.gate.config], capture_output=True,
                              timeout=60, env=environment, **options)
        return said.returncode, (said.stdout + said.stderr).decode(errors="replace")

    def digests(self):
        """Of the files that nothing but the gate's keeper changes."""
        names = ["dropgate.yaml", "sources/test.yaml", "state/keys/ledger.key", "state/tls/key.pem",
                 "state/console.token"]
        found = {}
        for name in names:
            with open(self.path(name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
        return found

    def test_settings_that_name_a_file_of_the_gate_start_no_gate(self):
        before = self.digests()
        for name in [*before, "state/ledger.sqlite", "state/run/x", "state/checkpoints/x", "accounts/x.yaml"]:
            for variable, value in (("DROPGATE_FORWARD_FILE_PATH", self.path(name)),
                                    ("DROPGATE_LEDGER_WITNESSES", f"[{self.path(name)}]")):
                for arguments in (["serve", "--check"], ["serve", "--allow-root"]):
                    status, said = self.command(*arguments, environment={variable: value})
                    self.assertEqual(status, 78, f"{variable} {name}: {said}")
                    self.assertIn(f"environment variable {variable}: ", said)
                    self.assertIn(f"{self.path(name)} ", said)
                    self.assertIn("name a file of its own", said)
        for name in ("state/keys", "sources"):
            status, said = self.command("serve", "--check", environment={"DROPGATE_STAGING_PATH": self.path(name)})
            self.assertEqual(status, 78, said)
            self.assertIn("name a directory of its own", said)
        self.assertEqual(self.digests(), before)

    def test_a_forwarded_file_in_the_state_directory_is_served(self):
        place = self.path("state/entries.jsonl")
        self.gate.environment["DROPGATE_FORWARD_FILE_PATH"] = place
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "one").stdout)
        self.assertEqual(self.gate.stop(), 0)
        self.assertIn('"seq"', read(place))

    def test_options_overwrite_no_file_of_the_gate_while_it_runs(self):
        self.gate.start()
        self.assertIn('"stored"', self.gate.post(V2 % "one").stdout)
        self.assertEqual(self.command("ledger", "checkpoint")[0], 0)
        before = self.digests()
        for arguments in (["ledger", "prove", "0", "--output"], ["ledger", "prove", "0", "--entry"], ["report", "-o"],
                          ["rules", "export", "--direction", "egress", "--format", "edl", "--output"]):
            for name in [*before, "state/ledger.sqlite", "state/run/ports.json", "state/staging/ready/x"]:
                status, said = self.command(*arguments, self.path(name))
                self.assertEqual(status, 1, f"{arguments} {name}: {said}")
                self.assertIn("name another file", said)
        self.assertEqual(self.digests(), before)
        self.assertEqual(self.gate.stop(), 0)
        self.assertEqual(self.command("ledger", "verify")[0], 0)

    def test_a_file_that_is_named_by_mistake_is_not_quoted(self):
        key, token = self.path("state/keys/ledger.key"), self.path("state/console.token")
        secrets = [read(token).strip(), read(key).strip().rpartition("+")[2]]
        for arguments, options in (
                (["attempts"], {"config": key}), (["attempts"], {"config": token}),
                (["serve", "--check"], {"environment": {"DROPGATE_SOURCES": "[state/console.token]"}}),
                (["source", "list"], {"environment": {"DROPGATE_SOURCES": "[state/keys/ledger.key]"}}),
                (["rules", "list"], {"environment": {"DROPGATE_RULES": "[state/console.token]"}}),
                (["account", "add", "q", "--key", token], {}), (["account", "add", "q", "--key", key], {}),
                (["ledger", "verify", "--key", token], {}), (["ledger", "verify", "--key", key], {}),
                (["ledger", "verify", "--checkpoint", token], {})):
            status, said = self.command(*arguments, **options)
            self.assertNotEqual(status, 0, f"{arguments}: {said}")
            for secret in secrets:
                self.assertNotIn(secret[:24], said, arguments)

    def test_a_secret_in_the_place_of_a_setting_is_not_quoted(self):
        secret = "Zk3vQ8p2Lm9xTg4rB1nW7cY5dA0sHq6u+J2eKfV8w="
        for name in ("WEBHOOK_PATH", "WEBHOOK_MAX_BODY", "WEBHOOK_SECRET_FILE", "WEBHOOK_TLS_KEY", "CONSOLE_TOKEN_FILE",
                     "SFTP_LISTEN", "SFTP_HOST_KEYS", "SOURCES"):
            value = f"['{secret}']" if name in ("SFTP_HOST_KEYS", "SOURCES") else secret
            for arguments in (["serve", "--check"], ["doctor"]):
                status, said = self.command(*arguments, environment={f"DROPGATE_{name}": value})
                self.assertNotEqual(status, 0, f"{arguments} {name}: {said}")
                self.assertIn(f"environment variable DROPGATE_{name}: ", said)
                self.assertNotIn(secret, said)

    def test_a_token_among_the_lists_of_a_running_gate_is_not_told(self):
        self.gate.start()
        token = read(self.path("state/console.token")).strip()
        shutil.copy(self.path("state/console.token"), self.path("sources/zz.yaml"))
        status, said = self.command("source", "list")
        self.assertIn("zz.yaml", said)
        self.assertNotIn(token, said)
        self.gate.stop()
        self.assertNotIn(token, self.gate.log())

    def test_a_key_as_putty_keeps_it_is_told_how_to_convert(self):
        with open(os.path.join(self.gate.root, "key.rfc"), "w") as file:
            subprocess.run(["ssh-keygen", "-e", "-f", self.gate.key + ".pub"], stdout=file, check=True)
        status, said = self.command("account", "add", "q", "--key", file.name)
        self.assertEqual(status, 64, said)
        self.assertIn("`ssh-keygen -i -f FILE` converts it", said)

    def test_a_password_is_utf_8_without_a_mark(self):
        for line in (b"s\xe9same ouvre toi\n", b"\xef\xbb\xbflong enough s3cret\n"):
            status, said = self.command("account", "add", "q", "--password-stdin", input=line)
            self.assertEqual(status, 64, said)
            self.assertIn("is not UTF-8, or begins with a byte order mark", said)
        status, said = self.command("account", "add", "q", "--password-stdin", input="sésame ouvre toi\r\n".encode())
        self.assertEqual(status, 0, said)

    def test_a_proof_and_its_entry_have_a_file_each(self):
        place = os.path.join(self.gate.root, "y")
        status, said = self.command("ledger", "prove", "0", "--output", place, "--entry", place)
        self.assertEqual(status, 64, said)
        self.assertFalse(os.path.exists(place))


if __name__ == "__main__":
    unittest.main()
