"""Real SFTP clients with their defaults, each against the real gate and the machine's sshd."""
# Needs: lftp rclone default-jdk-headless libjsch-java
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import libssh2  # noqa: E402
from gate import BIN, Gate, wait_until  # noqa: E402


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1s"})
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        cls.small = os.urandom(3000)
        cls.large = os.urandom(3 << 20)

    def released(self, path, data):
        """The file is in ready/ with these bytes, and its receipt and entry agree."""
        place = f"sftp/vsee/{path}"
        wait_until(lambda: place in self.gate.ready(), what=place)
        self.assertEqual(self.gate.contents(place), data)
        receipt = wait_until(lambda: [r for r in self.gate.receipts() if r["file"] == "ready/" + place])[0]
        self.assertEqual((receipt["bytes"], receipt["source"]), (len(data), "127.0.0.2"))
        # One accepts it; others tell how its sender has renamed it since.
        entries = [e for e in self.gate.entries("--channel", "sftp", "--kind", "transfer", "--verdict", "accepted")
                   if e.get("drop", {}).get("id") == receipt["drop"]]
        self.assertEqual([e["reason"] for e in entries if e["reason"] != "renamed"], ["listed"])
        self.assertEqual(entries[-1]["drop"]["name"], place)
        return receipt

    def check(self, result):
        self.assertEqual(result.returncode, 0, f"{result.args}\n{result.stdout}\n{result.stderr}")

    def url(self, path):
        return f"sftp://127.0.0.1:{self.gate.ports['sftp']}/{path}"

    # OpenSSH

    def test_openssh_sftp_by_key(self):
        local = self.gate.file("a", self.large)
        self.check(self.gate.sftp(f"mkdir k\nput -p {local} k/a.bin\nls -l k\nput {local} b.bin\n"))
        receipt = self.released("k/a.bin", self.large)
        self.assertTrue(receipt["credential"].startswith("SHA256:"))
        self.released("b.bin", self.large)

    def test_openssh_sftp_by_password(self):
        local = self.gate.file("p", self.small)
        self.check(self.gate.sftp(f"put {local} password.bin\n", password=True))
        self.assertEqual(self.released("password.bin", self.small)["credential"], "password")

    def test_openssh_scp(self):
        local = self.gate.file("s", self.large)
        target = "vsee@127.0.0.1:"
        for name, password in (("scp-key.bin", False), ("scp-password.bin", True)):
            self.check(subprocess.run(
                ["scp", *self.gate.ssh_options(password=password), "-P", str(self.gate.ports["sftp"]), local,
                 target + name], capture_output=True, text=True, timeout=60,
                env=self.gate.askpass() if password else None))
            self.released(name, self.large)

    def test_openssh_scp_again_with_less_makes_a_version_without_an_old_tail(self):
        for name, data in (("t1", self.large), ("t2", self.small)):
            self.check(subprocess.run(
                ["scp", *self.gate.ssh_options(), "-P", str(self.gate.ports["sftp"]), self.gate.file(name, data),
                 "vsee@127.0.0.1:tail.bin"], capture_output=True, text=True, timeout=60))
        self.released("tail.bin", self.large)
        self.released("tail~2.bin", self.small)

    def test_an_interrupted_upload_is_resumed_by_reput(self):
        data = os.urandom(6 << 20)
        local = self.gate.file("resume", data)
        slow = subprocess.Popen(
            ["sftp", "-b", "-", "-l", "16000", *self.gate.ssh_options(), "-P", str(self.gate.ports["sftp"]),
             "vsee@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        slow.stdin.write(f"put {local} resume.bin\n")
        slow.stdin.flush()
        parts = os.path.join(self.gate.staging, "incoming/sftp/vsee/parts")

        def arrived():
            return os.path.isdir(parts) and sum(
                os.path.getsize(os.path.join(parts, n)) for n in os.listdir(parts) if n.endswith(".part")) > 1 << 20
        wait_until(arrived, what="the first MiB")
        slow.kill()
        slow.communicate()
        self.assertNotIn("sftp/vsee/resume.bin", self.gate.ready())
        wait_until(lambda: [e for e in self.gate.entries("--reason", "incomplete")], what="the incomplete entry")
        listing = self.gate.sftp("ls -l\n").stdout
        self.assertIn("resume.bin", listing)
        self.check(self.gate.sftp(f"reput {local} resume.bin\n"))
        self.released("resume.bin", data)

    def test_a_provisional_name_is_released_on_rename(self):
        local = self.gate.file("r", self.small)
        self.check(self.gate.sftp(f"put {local} report.xml.part\n"))
        self.assertNotIn("sftp/vsee/report.xml.part", self.gate.ready())
        self.check(self.gate.sftp("rename report.xml.part report.xml\n"))
        self.released("report.xml", self.small)

    def test_reading_back_links_and_shells_are_refused(self):
        local = self.gate.file("x", self.small)
        self.assertNotEqual(self.gate.sftp(f"put {local} secret.bin\nget secret.bin {local}.back\n").returncode, 0)
        self.assertNotEqual(self.gate.sftp("symlink /etc/passwd l\n").returncode, 0)
        shell = subprocess.run(["ssh", *self.gate.ssh_options(), "-p", str(self.gate.ports["sftp"]),
                                "vsee@127.0.0.1", "id"], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(shell.returncode, 0)
        self.assertIn("SFTP only", shell.stderr)
        self.assertTrue(self.gate.entries("--reason", "forbidden_operation"))

    def test_names_stay_inside_the_account(self):
        local = self.gate.file("d", self.small)
        self.check(self.gate.sftp(f"put {local} ../../../../etc/dots.bin\n")) if self.gate.sftp(
            "mkdir etc\n").returncode == 0 else None
        dots = wait_until(lambda: [p for p in self.gate.ready() if "dots" in p], what="the file")
        self.assertEqual(dots, ["sftp/vsee/etc/dots.bin"])
        self.assertFalse(os.path.exists("/etc/dots.bin"))

    # Others

    def test_curl_by_key_and_by_password(self):
        local = self.gate.file("c", self.large)
        common = ["curl", "-sS", "--interface", "127.0.0.2", "--insecure", "--max-time", "60", "-T", local]
        self.check(subprocess.run(
            [*common, "-u", "vsee:", "--key", self.gate.key, "--pubkey", self.gate.key + ".pub",
             self.url("curl-key.bin")], capture_output=True, text=True))
        self.check(subprocess.run(
            [*common, "-u", "vsee:" + self.gate.password, "--ftp-create-dirs", self.url("made/curl-password.bin")],
            capture_output=True, text=True))
        self.released("curl-key.bin", self.large)
        self.released("made/curl-password.bin", self.large)

    @unittest.skipUnless(libssh2.library(), "libssh2 is not installed")
    def test_libssh2_by_key_and_by_password(self):
        for name, how in (("lib-key.bin", {"key": self.gate.key}), ("lib-pw.bin", {"password": self.gate.password})):
            client = libssh2.Client(self.gate.ports["sftp"], "vsee", "127.0.0.2", **how)
            client.put("/" + name + ".tmp", self.large)
            client.rename("/" + name + ".tmp", "/" + name)
            client.close()
            self.released(name, self.large)

    @needs("lftp")
    def test_lftp(self):
        local = self.gate.file("lftp.bin", self.large)
        ssh = "ssh -a -x " + " ".join(self.gate.ssh_options())
        self.check(subprocess.run(
            ["lftp", "-e", f"set sftp:connect-program '{ssh}'; set net:max-retries 2; set net:timeout 20; "
             f"put -O / {local}; bye", "-p", str(self.gate.ports["sftp"]), "-u", "vsee,", "sftp://127.0.0.1"],
            capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": self.gate.root}))
        self.released("lftp.bin", self.large)

    @needs("rclone")
    def test_rclone(self):
        local = self.gate.file("rclone.bin", os.urandom(12 << 20))
        remote = f":sftp,host=127.0.0.1,port={self.gate.ports['sftp']},user=vsee,key_file={self.gate.key}:"
        self.check(subprocess.run(
            ["rclone", "copyto", local, remote + "in/rclone.bin", "--bind", "127.0.0.2", "--retries", "1"],
            capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": self.gate.root}))
        with open(local, "rb") as file:
            self.released("in/rclone.bin", file.read())


JSCH = "/usr/share/java/jsch.jar"


@unittest.skipUnless(shutil.which("javac") and os.path.exists(JSCH), "JSch or a JDK is not installed")
class JSch(unittest.TestCase):
    """JSch (Mirth, Mule, Camel) as it is, and as 0.1 was: that knows neither Ed25519 host keys nor RSA with SHA-2. Debian 12 has it
    still, where both are one; Debian 13 has 0.2."""

    def client(self, gate, account, name, how, secret, *old):
        local = gate.file("jsch", b"by JSch")
        return subprocess.run(
            ["java", "-cp", JSCH, os.path.join(os.path.dirname(os.path.abspath(__file__)), "JSchClient.java"),
             str(gate.ports["sftp"]), "127.0.0.2", gate.root + "/known_hosts", account, how, secret, local, name, *old],
            capture_output=True, text=True, timeout=60)

    def test_jsch_0_1_gets_in_by_the_ecdsa_key_that_init_makes(self):
        gate = Gate(environment={"DROPGATE_SFTP_SETTLE": "1s"})
        self.addCleanup(gate.close)
        # As an earlier version left it.
        for file in ("ssh_host_ecdsa_key", "ssh_host_ecdsa_key.pub"):
            os.remove(os.path.join(gate.home, "state/keys", file))
        gate.start()
        refused = self.client(gate, "vsee", "no.bin", "password", gate.password, "old")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Algorithm negotiation fail", refused.stderr)
        wait_until(lambda: gate.entries("--reason", "handshake_failed"), what="the entry")
        gate.stop()
        made = gate.run("init", "--config", gate.config).stdout
        self.assertIn("(ecdsa-sha2-nistp256)", made)
        # JSch 0.1 signs with RSA and SHA-1 only, or with ECDSA; and reads PEM.
        key = gate.root + "/jsch-key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", key], check=True)
        gate.run("account", "add", "jsch", "--key", key + ".pub", "--config", gate.config)
        gate.start()
        for account, how, secret in (("vsee", "password", gate.password), ("jsch", "key", key)):
            result = self.client(gate, account, "old.bin", how, secret, "old")
            self.assertEqual((result.returncode, result.stdout), (0, "ecdsa-sha2-nistp256\n"), result.stderr)
            result = self.client(gate, account, "new.bin", how, secret)
            self.assertEqual(result.returncode, 0, result.stderr)
            for place in (f"sftp/{account}/old.bin", f"sftp/{account}/new.bin"):
                wait_until(lambda place=place: place in gate.ready(), what=place)
                self.assertEqual(gate.contents(place), b"by JSch")


class HostKeys(unittest.TestCase):
    def test_a_host_key_that_nobody_would_be_shown_is_a_configuration_error(self):
        gate = Gate()
        self.addCleanup(gate.close)

        def key(name, *arguments, phrase=""):
            path = os.path.join(gate.root, name)
            subprocess.run(["ssh-keygen", "-q", *arguments, "-N", phrase, "-f", path], check=True)
            return path

        good = key("good", "-t", "ed25519")
        cases = {
            key("short", "-t", "rsa", "-b", "1024"): "RSA keys of 1024 bits",
            key("locked", "-t", "ed25519", phrase="open sesame"): "has a passphrase",
            key("twin", "-t", "ed25519"): f"is of the same type as {good}",
        }
        if subprocess.run(["ssh-keygen", "-q", "-t", "dsa", "-N", "", "-f", gate.root + "/dsa"],
                          capture_output=True).returncode == 0:
            cases[gate.root + "/dsa"] = "DSA keys are not taken"
        for path, text in cases.items():
            environment = {**os.environ, **gate.environment, "DROPGATE_SFTP_HOST_KEYS": f"[{good}, {path}]"}
            for command in (["serve", "--check"], ["serve"], ["doctor", "--quiet"]):
                result = subprocess.run([BIN, *command, "--config", gate.config], env=environment,
                                        capture_output=True, text=True, timeout=60)
                said = result.stdout + result.stderr
                self.assertEqual(result.returncode, 1 if command[0] == "doctor" else 78, said)
                self.assertIn(path, said)
                self.assertIn(text, said)

    def test_every_host_key_that_may_be_named_is_shown(self):
        gate = Gate()
        self.addCleanup(gate.close)
        kinds = {"ssh-ed25519": ["ed25519"], "ecdsa-sha2-nistp256": ["ecdsa", "-b", "256"],
                 "ecdsa-sha2-nistp384": ["ecdsa", "-b", "384"], "ecdsa-sha2-nistp521": ["ecdsa", "-b", "521"],
                 "rsa-sha2-256": ["rsa", "-b", "2048"]}
        for name, kind in kinds.items():
            subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", f"{gate.root}/{name}", "-t", *kind], check=True)
        gate.environment["DROPGATE_SFTP_HOST_KEYS"] = "[" + ", ".join(f"{gate.root}/{name}" for name in kinds) + "]"
        gate.start()
        for name in kinds:
            with open(gate.root + "/known_hosts", "w") as file, open(f"{gate.root}/{name}.pub") as public:
                file.write(f"[127.0.0.1]:{gate.ports['sftp']} {public.read()}")
            result = gate.sftp("ls\n", options=["-o", f"HostKeyAlgorithms={name}"])
            self.assertEqual(result.returncode, 0, name + result.stderr)


class Channels(unittest.TestCase):
    def test_a_channel_beyond_the_limit_is_refused_and_is_an_entry(self):
        with Gate(environment={"DROPGATE_SFTP_MAX_SESSIONS": "2"}) as gate:
            shared = ["-o", f"ControlPath={gate.root}/control", *gate.ssh_options(), "-p", str(gate.ports["sftp"])]
            # Falling back to a connection of its own is what ssh does next; it must not.
            more = ["ssh", *shared, "-o", "ProxyCommand=false", "-s", "vsee@127.0.0.1", "sftp"]
            channels = []

            def channel(command):
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
                channels.append(process)
                process.stdin.write(b"\0\0\0\5\1\0\0\0\3")
                process.stdin.flush()
                return process.stdout.read(9)
            try:
                version = b"\2\0\0\0\3"
                self.assertEqual(channel(["ssh", "-M", *shared, "-s", "vsee@127.0.0.1", "sftp"])[4:], version)
                self.assertEqual(channel(more)[4:], version)
                self.assertEqual(gate.entries("--reason", "connection_limit"), [])
                refused = subprocess.run(more, input="", capture_output=True, text=True, timeout=30)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn("Session open refused by peer", refused.stderr)
                entry = wait_until(lambda: gate.entries("--reason", "connection_limit"), what="the entry")[0]
                login = gate.entries("--kind", "login")[0]
                # The others go on.
                self.assertEqual([c.poll() for c in channels], [None, None])
            finally:
                for process in channels:
                    process.kill()
                    process.communicate()
            self.assertEqual((entry["kind"], entry["verdict"], entry["account"]), ("connection", "rejected", "vsee"))
            self.assertEqual(entry["credential"], login["credential"])
            self.assertEqual(entry["source"], login["source"])
            self.assertEqual(entry["detail"]["limit"], 2)
            gate.stop()
            self.assertEqual(len(gate.entries("--reason", "connection_limit")), 1)


class EncryptAndMAC(unittest.TestCase):
    """Which clients know nothing but what `encrypt_and_mac: false` takes away: the reason for the default."""

    def test_without_it_new_clients_get_in_and_old_ones_do_not(self):
        for offered in ("true", "false"):
            with Gate(environment={"DROPGATE_SFTP_ENCRYPT_AND_MAC": offered}) as gate:
                local = gate.file("x", b"x")
                plain = ["-o", "MACs=hmac-sha2-256", "-o", "Ciphers=aes128-ctr"]
                self.assertEqual(gate.sftp("ls\n", options=plain).returncode == 0, offered == "true")
                self.assertEqual(gate.sftp(f"put {local} new\n").returncode, 0)
                upload = subprocess.run(
                    ["curl", "-sS", "--interface", "127.0.0.2", "--insecure", "--max-time", "20", "-T", local,
                     "-u", "vsee:" + gate.password, f"sftp://127.0.0.1:{gate.ports['sftp']}/old"],
                    capture_output=True, text=True)
                if "libssh2/1.10." in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout:
                    self.assertEqual(upload.returncode == 0, offered == "true", upload.stderr)
                if offered == "false":
                    message = wait_until(lambda: gate.entries("--reason", "handshake_failed"), what="the entry")[0]
                    self.assertRegex(message["detail"]["message"], "no matching MAC found.*hmac-sha2-256")


class Refusals(unittest.TestCase):
    def test_who_does_not_get_in_and_what_the_ledger_says(self):
        with Gate() as gate:
            local = gate.file("x", b"x")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", gate.root + "/other"], check=True)
            good, gate.key = gate.key, gate.root + "/other"
            self.assertNotEqual(gate.sftp(f"put {local} x\n").returncode, 0)
            gate.key, gate.account = good, "nobody"
            self.assertNotEqual(gate.sftp(f"put {local} x\n").returncode, 0)
            gate.account = "vsee"
            gate.run("account", "disable", "vsee", "--config", gate.config)
            disabled = gate.sftp(f"put {local} x\n")
            self.assertNotEqual(disabled.returncode, 0)
            self.assertIn("this account was disabled", disabled.stderr)
            gate.run("account", "enable", "vsee", "--config", gate.config)
            self.assertNotEqual(gate.sftp(f"put {local} x\n", source="127.0.0.66").returncode, 0)
            self.assertEqual(gate.sftp(f"put {local} x\n").returncode, 0)
            gate.stop()
            found = [(e["kind"], e["reason"]) for e in gate.entries("--channel", "sftp") if e["kind"] != "policy"]
            self.assertEqual(found, [
                ("login", "auth_failed"), ("login", "unknown_account"), ("login", "account_disabled"),
                ("connection", "not_listed"), ("login", "listed"), ("transfer", "listed")])

    def test_below_the_reserve_both_channels_refuse_before_they_start(self):
        with Gate(environment={"DROPGATE_STAGING_RESERVE": "900000GiB"}) as gate:
            refused = gate.post("{}")
            self.assertIn("503", refused.stderr)
            upload = gate.sftp(f"put {gate.file('x', b'x')} x\n")
            self.assertNotEqual(upload.returncode, 0)
            gate.stop()
            self.assertEqual(gate.ready(), [])
            self.assertEqual({e["channel"] for e in gate.entries("--reason", "staging_full")}, {"webhook", "sftp"})

    def test_a_wrong_configuration_says_where_and_exits_78(self):
        gate = Gate()
        self.addCleanup(gate.close)
        with open(gate.config, "a") as file:
            file.write("\nwebook: {listen: 1}\n")
        result = gate.run("serve", "--check", "--config", gate.config, check=False)
        self.assertEqual(result.returncode, 78)
        self.assertRegex(result.stderr, r"dropgate\.yaml:\d+:\d+: .*webook.*did you mean webhook")


if __name__ == "__main__":
    unittest.main()
