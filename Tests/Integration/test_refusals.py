"""What the table of attempts says of real refusals, and that programs get the same columns as ever."""
# Needs: openssl
import os
import ssl
import subprocess
import socket
import unittest

from gate import Gate, STAND_IN, V2, make_expired, wait_until


class Refusals(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.gate.start()

    def rows(self, *filters):
        return self.gate.run("attempts", "--limit", "0", "--verdict", "rejected", *filters, "--config",
                             self.gate.config).stdout.splitlines()[1:]

    def row(self, words, *filters):
        found = wait_until(lambda: [row for row in self.rows(*filters) if words in row], what=words)
        return found[-1]

    def test_a_sender_that_does_not_trust_the_certificate_says_why(self):
        address = ("127.0.0.1", self.gate.ports["webhook"])
        context = ssl.create_default_context()
        with socket.create_connection(address, timeout=20, source_address=("127.0.0.2", 0)) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                context.wrap_socket(plain, server_hostname="localhost")
        row = self.row("the sender's TLS alert: unknown_ca", "--reason", "tls_failed")
        self.assertIn("the caller does not trust the gate's certificate", row)

    def test_an_expired_certificate_is_what_the_sender_says(self):
        self.gate.stop()
        folder = os.path.join(self.gate.root, "old")
        os.mkdir(folder, 0o700)
        certificate, key = os.path.join(folder, "old.pem"), os.path.join(folder, "old.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                       check=True, capture_output=True)
        os.chmod(key, 0o600)
        make_expired(certificate, key, "localhost")
        self.gate.environment.update({"DROPGATE_WEBHOOK_TLS_CERTIFICATE": certificate, "DROPGATE_WEBHOOK_TLS_KEY": key})
        self.gate.start()
        context = ssl.create_default_context(cafile=certificate)
        address = ("127.0.0.1", self.gate.ports["webhook"])
        with socket.create_connection(address, timeout=20, source_address=("127.0.0.2", 0)) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                context.wrap_socket(plain, server_hostname="localhost")
        self.row("the sender's TLS alert: certificate_expired", "--reason", "tls_failed")

    def test_logins_have_account_and_method(self):
        wrong = os.path.join(self.gate.root, "wrong")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", wrong], check=True)
        self.gate.key = wrong
        self.gate.sftp("ls\n")
        row = self.row("account vsee by ", "--kind", "login")
        self.assertRegex(row, r"account vsee by publickey SHA256:\S+")
        self.gate.password = "wrong"
        self.gate.sftp("ls\n", password=True)
        self.row("account vsee by password", "--kind", "login")

    def test_a_source_that_was_listed_before_and_an_address_that_hides_one(self):
        self.gate.post(V2 % "e-1")
        path = os.path.join(self.gate.home, "sources/test.yaml")
        with open(path, "w") as file:
            file.write(STAND_IN.replace("127.0.0.2", "127.0.0.3"))
        changed = wait_until(lambda: self.gate.run(
            "attempts", "--kind", "policy", "--text", "127.0.0.3/32", "--config", self.gate.config
        ).stdout.splitlines()[1:], what="the change")
        self.gate.post(V2 % "e-2")
        row = self.row("127.0.0.2", "--reason", "not_listed")
        self.assertIn(f"(was listed until the source lists changed at {changed[0].split()[0]} (entry ", row)
        self.assertIn("(a private address: a NAT or balancer may hide who called)", row)
        self.gate.post(V2 % "e-3", source="127.0.0.9")
        self.assertNotIn("was listed", self.row("127.0.0.9", "--reason", "not_listed"))

    def test_programs_get_what_the_ledger_has(self):
        self.gate.post("{}", source="127.0.0.9")
        self.row("127.0.0.9")
        csv = self.gate.run("attempts", "--format", "csv", "--verdict", "rejected", "--config", self.gate.config).stdout
        self.assertEqual(csv.splitlines()[0].split(",")[:7],
                         ["seq", "time", "node", "kind", "channel", "verdict", "reason"])
        self.assertNotIn("a private address: a NAT or balancer may hide", csv)


if __name__ == "__main__":
    unittest.main()
