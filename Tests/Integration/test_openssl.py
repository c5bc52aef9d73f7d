"""The system's OpenSSL under a gate: exchanged while it runs, and its policy (openssl.cnf)."""
import glob
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest

from gate import Gate

POLICY = """openssl_conf = all
[all]
ssl_conf = ssl
%s
[ssl]
system_default = policy
[policy]
%s
"""


def libraries():
    """The paths of libssl and libcrypto, as the linker finds them."""
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return [line.split("=> ")[1] for line in listed.splitlines()
            if line.split(" ")[0].strip() in ("libssl.so.3", "libcrypto.so.3") and "x86-64" in line]


class Exchange(unittest.TestCase):
    def test_doctor_says_that_the_running_gate_has_a_library_that_was_replaced(self):
        directory = tempfile.mkdtemp(prefix="openssl-")
        self.addCleanup(shutil.rmtree, directory)
        paths = libraries()
        self.assertEqual(len(paths), 2, paths)

        def put():
            """As dpkg does: a new file takes the name of the old one."""
            for path in paths:
                place = os.path.join(directory, os.path.basename(path))
                shutil.copy(path, place + ".dpkg-new")
                os.rename(place + ".dpkg-new", place)
        put()
        searched = ":".join([directory, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
        with Gate(environment={"LD_LIBRARY_PATH": searched}) as gate:
            def doctor():
                said = gate.run("doctor", "--config", gate.config, check=False,
                                env={**os.environ, "LD_LIBRARY_PATH": searched}).stdout
                return [line for line in said.splitlines() if " openssl " in line]
            before = doctor()
            self.assertEqual(len(before), 2, before)
            self.assertIn(ssl.OPENSSL_VERSION, before[0])
            self.assertIn("the running gate works with it", before[1])
            put()
            after = doctor()
            self.assertTrue(after[1].startswith("warn"), after)
            self.assertIn("whose files an upgrade has replaced", after[1])
            for name in ("libssl.so.3", "libcrypto.so.3"):
                self.assertIn(os.path.join(directory, name), after[1])
            gate.stop()
            gate.start()
            self.assertEqual(doctor(), before)


class Policy(unittest.TestCase):
    def policy(self, lines, more=""):
        directory = tempfile.mkdtemp(prefix="openssl-")
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "openssl.cnf")
        with open(path, "w") as file:
            file.write(POLICY % (more, lines))
        return {"OPENSSL_CONF": path}

    def handshake(self, gate, *options):
        """What `openssl s_client` agrees on: (version, cipher), or None."""
        run = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gate.ports['webhook']}", "-bind", "127.0.0.2", "-brief",
             *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        said = dict(line.split(": ", 1) for line in (run.stdout + run.stderr).splitlines() if ": " in line)
        return (said["Protocol version"], said["Ciphersuite"]) if "Protocol version" in said else None

    def test_without_a_policy_both_versions_and_ciphers_with_forward_secrecy(self):
        with Gate() as gate:
            self.assertEqual(self.handshake(gate, "-tls1_3")[0], "TLSv1.3")
            self.assertEqual(self.handshake(gate, "-tls1_2")[0], "TLSv1.2")
            for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                           "ECDHE-ECDSA-CHACHA20-POLY1305"):
                self.assertEqual(self.handshake(gate, "-tls1_2", "-cipher", cipher), ("TLSv1.2", cipher))
            for cipher in ("ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256",
                           "DHE-RSA-AES128-GCM-SHA256"):
                self.assertIsNone(self.handshake(gate, "-tls1_2", "-cipher", cipher), cipher)

    def test_a_policy_of_tls_1_3_alone_is_kept(self):
        with Gate(environment=self.policy("MinProtocol = TLSv1.3")) as gate:
            self.assertEqual(self.handshake(gate, "-tls1_3")[0], "TLSv1.3")
            self.assertIsNone(self.handshake(gate, "-tls1_2"))

    def test_a_policy_that_allows_old_versions_does_not_loosen_the_gate(self):
        lax = self.policy("MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0")
        with Gate(environment=lax) as gate:
            self.assertIsNone(self.handshake(gate, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"))
            self.assertIsNone(self.handshake(gate, "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"))
            self.assertEqual(self.handshake(gate, "-tls1_2")[0], "TLSv1.2")

    def test_a_policy_of_one_cipher_and_one_group_is_kept(self):
        strict = self.policy("CipherString = ECDHE-ECDSA-AES256-GCM-SHA384\nGroups = P-384")
        with Gate(environment=strict) as gate:
            self.assertEqual(self.handshake(gate, "-tls1_2"), ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"))
            self.assertIsNone(self.handshake(gate, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))
            self.assertIsNone(self.handshake(gate, "-tls1_3", "-groups", "X25519"))
            self.assertIsNotNone(self.handshake(gate, "-tls1_3", "-groups", "P-384"))

    def test_doctor_names_the_providers_of_the_policy(self):
        if not glob.glob("/usr/lib/*/ossl-modules/legacy.so"):
            self.skipTest("no second provider on this machine")
        both = self.policy("MinProtocol = TLSv1.2", "providers = p\n[p]\ndefault = on\nlegacy = on\n[on]\nactivate = 1")
        with Gate() as gate:
            said = gate.run("doctor", "--config", gate.config, check=False, env={**os.environ, **both}).stdout
            self.assertIn("providers: default, legacy", said)


if __name__ == "__main__":
    unittest.main()
