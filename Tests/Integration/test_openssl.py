"""The system's OpenSSL under a gate: exchanged while it runs, and its policy (openssl.cnf)."""
import glob
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest

from gate import Gate, make_expired, wait_until

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


class Files(unittest.TestCase):
    """What is wrong with certificate, key or authorities is said with its place in the settings, before all else."""

    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.keys = os.path.join(self.gate.home, "tls")
        os.mkdir(self.keys, 0o700)
        self.make("good", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")

    def make(self, name, *key, days="1"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-days", days, "-keyout",
             f"{name}.key", "-out", f"{name}.pem"], cwd=self.keys, check=True, capture_output=True)
        os.chmod(os.path.join(self.keys, f"{name}.key"), 0o600)

    def settings(self, certificate, key, authorities=None):
        tls = {"CERTIFICATE": certificate, "KEY": key, "CLIENT_AUTHORITIES": authorities}
        return {**os.environ, **self.gate.environment,
                **{f"DROPGATE_WEBHOOK_TLS_{name}": os.path.join(self.keys, file) for name, file in tls.items() if file}}

    def check(self, *files, command=("serve", "--check")):
        return self.gate.run(*command, "--config", self.gate.config, check=False, env=self.settings(*files))

    def test_bad_files_are_refused(self):
        self.make("other", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.make("small", "rsa:1024")
        subprocess.run(["openssl", "x509", "-in", "good.pem", "-outform", "der", "-out", "good.der"], cwd=self.keys,
                       check=True)
        for name, files, words in (
                ("another's key", ("good.pem", "other.key"), ["good.pem", "other.key", "do not belong together"]),
                ("a small key", ("small.pem", "small.key"), ["small.pem", "policy refuses", "CN=small"]),
                ("DER", ("good.der", "good.key"), ["good.der", "openssl x509 -inform der"]),
                ("files changed round", ("good.key", "good.pem"), ["good.key: no PEM certificate",
                                                                   "good.pem can be read by others"]),
                ("no authorities", ("good.pem", "good.key", "good.key"), ["good.key: no PEM certificate"]),
        ):
            with self.subTest(name):
                for command in (("serve", "--check"), ("serve",)):
                    said = self.check(*files, command=command)
                    self.assertEqual(said.returncode, 78, said.stderr)
                    for word in words:
                        self.assertIn(word, said.stderr)
                doctor = self.check(*files, command=("doctor",))
                self.assertEqual(doctor.returncode, 1)
                self.assertIn(words[-1], doctor.stdout)
        self.assertFalse(os.path.exists(os.path.join(self.gate.home, "state/ledger.sqlite")), "nothing was begun")

    def test_an_expired_certificate_is_a_warning_of_the_check_and_of_the_log(self):
        make_expired(os.path.join(self.keys, "old.pem"), os.path.join(self.keys, "good.key"), "old")
        said = self.check("old.pem", "good.key")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("has expired", said.stderr)
        self.gate.environment.update({
            "DROPGATE_WEBHOOK_TLS_CERTIFICATE": os.path.join(self.keys, "old.pem"),
            "DROPGATE_WEBHOOK_TLS_KEY": os.path.join(self.keys, "good.key")})
        self.gate.start()
        wait_until(lambda: "has expired" in self.gate.log(), 10, "the warning")
        self.assertEqual(self.gate.stop(), 0)
        self.assertEqual(self.gate.log().count("has expired"), 1)


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

    def test_a_policy_without_a_good_cipher_leaves_tls_1_3_alone(self):
        with Gate(environment=self.policy("CipherString = AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0")) as gate:
            self.assertEqual(self.handshake(gate, "-tls1_3")[0], "TLSv1.3")
            for options in ([], ["-cipher", "AES128-SHA:@SECLEVEL=0"], ["-cipher", "AES128-GCM-SHA256"]):
                self.assertIsNone(self.handshake(gate, "-tls1_2", *options), options)

    def test_a_policy_that_lets_no_caller_through_is_said_before_anything_starts(self):
        gate = Gate()
        self.addCleanup(gate.close)
        for policy in ("CipherString = AES128-SHA:@SECLEVEL=0\nMaxProtocol = TLSv1.2", "MaxProtocol = TLSv1.1",
                       "MinProtocol = TLSv1.3\nMaxProtocol = TLSv1.2", "CipherString = AES128-SHA\nCiphersuites ="):
            with self.subTest(policy):
                self.refused(gate, self.policy(policy), "no caller could connect", "openssl.cnf")

    def test_a_configuration_that_cannot_be_read_or_understood_is_said(self):
        gate = Gate()
        self.addCleanup(gate.close)
        good = "openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = policy\n[policy]\n"
        for name, text, words in (
                ("no value", good + "MinProtocol = TLSv9\n", ["system_default"]),
                ("no command", good + "MinimalProtocol = TLSv1.3\n", ["system_default"]),
                ("no bracket", good.replace("[policy]", "[policy"), [":6: "]),
                ("no section", "openssl_conf = all\n[all]\nssl_conf = nothing\n", ["nothing"]),
                ("absent", None, ["cannot read", "No such file"]),
        ):
            with self.subTest(name):
                path = os.path.join(gate.root, "bad.cnf")
                if text is None:
                    os.remove(path)
                else:
                    with open(path, "w") as file:
                        file.write(text)
                self.refused(gate, {"OPENSSL_CONF": path}, path, *words)

    def test_an_openssl_without_digests_is_said_in_one_line(self):
        gate = Gate()
        self.addCleanup(gate.close)
        path = os.path.join(gate.root, "fips.cnf")
        with open(path, "w") as file:
            file.write("openssl_conf = all\n[all]\nalg_section = a\n[a]\ndefault_properties = fips=yes\n")
        self.refused(gate, {"OPENSSL_CONF": path}, "SHA2-256", "default_properties", path)
        said = gate.run("attempts", "--config", gate.config, check=False,
                        env={**os.environ, "OPENSSL_CONF": path})
        self.assertEqual((said.returncode, said.stderr.count("\n")), (78, 1))

    def refused(self, gate, environment, *words):
        """By `serve`, by `serve --check` and by `doctor`, in so many words and without a trace."""
        environment = {**os.environ, **gate.environment, **environment}
        for arguments, status in ((["serve"], 78), (["serve", "--check"], 78), (["doctor"], 1)):
            said = gate.run(*arguments, "--config", gate.config, check=False, env=environment)
            everything = said.stdout + said.stderr
            self.assertEqual(said.returncode, status, everything)
            for word in words:
                self.assertIn(word, everything, arguments)
            if arguments[0] == "serve":
                self.assertEqual(said.stderr.count("\n"), 1, said.stderr)

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
