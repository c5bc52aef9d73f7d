"""`dropgate probe sftp` against the real thing: every diagnosis is shown where its cause is real."""
# Needs: iproute2 nftables
import http.server
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, Gate, free_port, wait_until  # noqa: E402

UNSHARE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
DROP = ("ip link set lo up && nft add table inet t && nft 'add chain inet t i { type filter hook input priority 0; }'"
        " && nft add rule inet t i tcp dport 2222 drop")


def probe(server, *arguments, form="json", environment=None):
    result = subprocess.run([BIN, "probe", "sftp", server, "--format", form, *arguments], capture_output=True,
                            text=True, timeout=60, env={**os.environ, **(environment or {})})
    if form == "json":
        if not result.stdout:
            raise AssertionError(result.stderr)
        result.report = json.loads(result.stdout)
    return result


def fingerprint(public):
    return subprocess.run(["ssh-keygen", "-lf", public], check=True, capture_output=True, text=True).stdout.split()[1]


class SSHD:
    """The machine's sshd with a configuration of the test's."""

    def __init__(self, *lines):
        self.root = tempfile.mkdtemp(prefix="sshd-")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.key, self.port = os.path.join(self.root, "key"), free_port()
        for name in ("key", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(self.root, name)],
                           check=True)
        shutil.copy(self.key + ".pub", os.path.join(self.root, "authorized"))
        config = os.path.join(self.root, "config")
        with open(config, "w") as file:
            file.write("\n".join([
                f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.root}/host", "StrictModes no",
                f"AuthorizedKeysFile {self.root}/authorized", "PidFile none", "UsePAM no", "PermitRootLogin yes",
                *(lines or [f"Subsystem sftp internal-sftp -d {self.root}"])]) + "\n")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=subprocess.DEVNULL)

        def listens():
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, what="sshd")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.root, ignore_errors=True)

    def probe(self, *arguments):
        return probe(f"127.0.0.1:{self.port}", *arguments)

    def log_in(self, directory="", *arguments):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        return probe(f"sftp://{user}@127.0.0.1:{self.port}/{directory}", "--key", self.key, "--host-key",
                     fingerprint(os.path.join(self.root, "host.pub")), *arguments)


class Probes(unittest.TestCase):
    def check(self, result, code, *words, status=1):
        """The diagnosis is the expected one, and both its sentences are there."""
        finding = result.report.get("diagnosis", {})
        self.assertEqual((finding.get("code"), result.returncode), (code, status), result.stdout)
        self.assertTrue(finding["means"] and finding["next"])
        for word in words:
            self.assertIn(word, finding["means"] + " " + finding["next"])

    def steps(self, result):
        return [(s["name"], s["outcome"]) for s in result.report["steps"]]


class AgainstAGate(Probes):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        cls.server = f"sftp://vsee@127.0.0.1:{cls.gate.ports['sftp']}/"
        cls.pin = ["--host-key", fingerprint(os.path.join(cls.gate.home, "state/keys/ssh_host_ed25519_key.pub"))]
        cls.secret = cls.gate.file("password", cls.gate.password.encode() + b"\n")
        os.chmod(cls.secret, 0o600)

    def probe(self, *arguments, source="127.0.0.2", **options):
        return probe(self.server, "--source", source, *arguments, **options)

    def test_by_key_a_marker_goes_and_nothing_stays(self):
        result = self.probe("--key", self.gate.key, *self.pin)
        self.assertEqual((result.returncode, result.report["verdict"]), (0, "ok"), result.stdout)
        self.assertEqual(self.steps(result), [(name, "ok") for name in (
            "resolve", "connect", "banner", "kex", "hostkey", "methods", "login", "sftp", "upload", "verify",
            "remove")])
        self.assertEqual(self.gate.ready(), [])
        self.assertEqual([name for _, _, names in os.walk(os.path.join(self.gate.staging, "incoming/sftp"))
                          for name in names if "probe" in name], [])
        wait_until(lambda: [e for e in self.gate.entries("--channel", "sftp") if e["kind"] == "probe"],
                   what="the probe's entry")

    def test_by_password_and_by_known_hosts(self):
        result = self.probe("--password-file", self.secret, "--known-hosts", f"{self.gate.root}/known_hosts")
        self.assertEqual(result.report["verdict"], "ok", result.stdout)

    def test_by_agent(self):
        agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
        told = dict(part.split("=", 1) for part in agent.replace("\n", ";").split(";") if "=" in part)
        environment = {name: told[name] for name in ("SSH_AUTH_SOCK", "SSH_AGENT_PID")}
        try:
            subprocess.run(["ssh-add", "-q", self.gate.key], check=True, env={**os.environ, **environment})
            result = self.probe("--agent", *self.pin, environment=environment)
            self.assertEqual(result.report["verdict"], "ok", result.stdout)
        finally:
            os.kill(int(told["SSH_AGENT_PID"]), 15)

    def test_without_credentials_it_ends_before_the_login(self):
        result = self.probe(*self.pin)
        self.assertEqual((result.returncode, result.report["verdict"]), (0, "ok"), result.stdout)
        self.assertEqual(result.report["summary"], "reachable, not logged in")
        offered = [f["value"] for s in result.report["steps"] if s["name"] == "methods" for f in s["facts"]]
        self.assertEqual(offered, ["publickey, password"])

    def test_without_a_pin_it_warns(self):
        self.check(self.probe(), "host_key_unknown", "ssh-keygen", self.pin[1], status=0)

    def test_a_password_goes_to_no_server_that_is_not_pinned(self):
        empty = self.gate.file("no_hosts", b"other.example ssh-ed25519 AAAA\n")
        for pins in ([], ["--known-hosts", empty]):
            result = self.probe("--password-file", self.secret, *pins)
            self.check(result, "host_key_unknown", "--host-key", "Nothing secret was sent")
            self.assertEqual(self.steps(result)[-1], ("hostkey", "fail"))
        self.check(self.probe("--key", self.gate.key, "--known-hosts", empty), "host_key_unknown", "no key of this host")
        self.check(self.probe("--key", self.gate.key), "host_key_unknown", status=0)

    def test_a_changed_host_key_ends_it_before_anything_secret(self):
        other = fingerprint(self.gate.key + ".pub")
        result = self.probe("--key", self.gate.key, "--host-key", other)
        self.check(result, "host_key_changed", other, self.pin[1], "Nothing secret was sent")
        self.assertEqual(self.steps(result)[-1], ("hostkey", "fail"))

    def test_a_source_that_is_not_listed(self):
        self.check(self.probe(source="127.0.0.3"), "closed_at_once", "dropgate source explain")

    def test_a_refused_key_and_a_refused_password(self):
        wrong = os.path.join(self.gate.root, "other")
        if not os.path.exists(wrong):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", wrong], check=True)
        self.check(self.probe("--key", wrong, *self.pin), "key_refused", fingerprint(wrong + ".pub"))
        secret = self.gate.file("wrong", b"not this one at all\n")
        os.chmod(secret, 0o600)
        self.check(self.probe("--password-file", secret, *self.pin), "password_refused", "account show")

    def test_a_locked_key_needs_its_passphrase(self):
        locked = os.path.join(self.gate.root, "locked")
        shutil.copy(self.gate.key, locked)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "pass phrase", "-f", locked], check=True,
                       capture_output=True)
        phrase = self.gate.file("phrase", b"pass phrase\n")
        os.chmod(phrase, 0o600)
        self.check(self.probe("--key", locked, *self.pin), "key_unusable", "--passphrase-file")
        result = self.probe("--key", locked, "--passphrase-file", phrase, *self.pin)
        self.assertEqual(result.report["verdict"], "ok", result.stdout)

    def test_a_disabled_account(self):
        config = ["--config", self.gate.config]
        self.gate.run("account", "add", "gone", "--key", self.gate.key + ".pub", *config)
        self.gate.run("account", "disable", "gone", *config)
        result = self.probe("--user", "gone", "--key", self.gate.key, *self.pin)
        self.check(result, "account_disabled", "account enable")

    def test_nagios_text_and_many(self):
        line = self.probe("--key", self.gate.key, *self.pin, form="nagios")
        self.assertEqual(line.returncode, 0, line.stdout)
        self.assertRegex(line.stdout, r"^SFTP OK - .* \| time=\S+s;;;0 resolve=\S+s;;;0 .*remove=\S+s;;;0\n$")
        self.assertEqual(self.probe(form="nagios").returncode, 1)
        self.assertEqual(self.probe(source="127.0.0.3", form="nagios").returncode, 2)
        missing = self.probe("--key", "/nowhere/key", form="nagios")
        self.assertEqual((missing.returncode, missing.stdout[:14]), (3, "SFTP UNKNOWN -"))
        text = self.probe("--count", "3", "--interval", "10ms", *self.pin, form="text")
        self.assertIn("3 probes, 0 failed", text.stdout)

    def test_the_secret_of_a_password_file_stays_its_owners(self):
        open_file = self.gate.file("open", b"secret\n")
        os.chmod(open_file, 0o644)
        result = self.probe("--password-file", open_file, form="text")
        self.assertEqual((result.returncode, "chmod 600" in result.stderr), (64, True), result.stderr)


class BehindAProxy(Probes):
    def test_the_header_is_taken_from_a_trusted_proxy_only(self):
        environment = {"DROPGATE_SFTP_ADDRESS": "proxy-protocol", "DROPGATE_SFTP_TRUSTED_PROXIES": "[127.0.0.2/32]"}
        sources = "name: test\nentries:\n  - {cidr: 198.51.100.7/32, service: vsee, channels: [sftp]}\n"
        with Gate(sources=sources, environment=environment) as gate:
            server = f"sftp://vsee@127.0.0.1:{gate.ports['sftp']}/"
            key = ["--key", gate.key, "--known-hosts", f"{gate.root}/known_hosts"]
            for version in ("v1", "v2"):
                common = ["--proxy-protocol", version, "--as", "198.51.100.7", *key]
                result = probe(server, "--source", "127.0.0.2", *common)
                self.assertEqual(result.report["verdict"], "ok", result.stdout)
                self.check(probe(server, "--source", "127.0.0.3", *common), "closed_after_proxy_header",
                           "trusted_proxies", "127.0.0.3")
            unlisted = ["--proxy-protocol", "v2", "--as", "198.51.100.8", *key]
            self.check(probe(server, "--source", "127.0.0.2", *unlisted), "closed_after_proxy_header")


class WithoutRoom(Probes):
    def test_an_upload_is_refused_for_lack_of_space(self):
        with Gate(environment={"DROPGATE_STAGING_RESERVE": "900TiB"}) as gate:
            result = probe(f"sftp://vsee@127.0.0.1:{gate.ports['sftp']}/", "--source", "127.0.0.2", "--key", gate.key,
                           "--known-hosts", f"{gate.root}/known_hosts")
            self.check(result, "upload_refused", "staging.reserve")
            self.assertEqual(self.steps(result)[-1], ("upload", "fail"))


class AgainstOthers(Probes):
    def test_a_name_that_does_not_resolve(self):
        result = probe("no-such-host.invalid:2222", "--timeout", "20s")
        self.check(result, "name_unresolved", "no-such-host.invalid")

    def test_nothing_listens(self):
        self.check(probe(f"127.0.0.1:{free_port()}"), "connect_refused", "nothing listens")

    def test_a_web_server_is_not_ssh(self):
        with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
            server.RequestHandlerClass.log_message = lambda *_: None
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                self.check(probe(f"127.0.0.1:{server.server_port}"), "not_ssh", "HTTP", "sftp.listen")
            finally:
                server.shutdown()
                thread.join()

    def test_silence_is_not_ssh_either(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            result = probe(f"127.0.0.1:{server.getsockname()[1]}", "--timeout", "500ms")
            self.check(result, "no_answer", "no SSH identification")

    def test_a_server_that_says_its_name_and_no_more(self):
        def answer(server, words, stays):
            with server.accept()[0] as client:
                client.sendall(words)
                # Until the other side goes; or gone at once, but in good order.
                while client.recv(4096) and stays:
                    pass

        for words, stays, code, part in ((b"SSH-2.0-x\r\n", True, "no_answer", "during the key exchange"),
                                         (b"SSH-2.0-x\r\n", False, "closed_early", "during the key exchange"),
                                         (b"Exceeded MaxStartups\r\n", False, "not_ssh", "Exceeded MaxStartups")):
            with socket.create_server(("127.0.0.1", 0)) as server:
                thread = threading.Thread(target=answer, args=(server, words, stays))
                thread.start()
                self.check(probe(f"127.0.0.1:{server.getsockname()[1]}", "--timeout", "700ms"), code, part)
                thread.join()

    def test_a_step_that_is_slow(self):
        def carry(server, port, pause):
            with server.accept()[0] as near:
                threading.Event().wait(pause)
                with socket.create_connection(("127.0.0.1", port)) as far:
                    while True:
                        for end in select.select([near, far], [], [])[0]:
                            data = end.recv(65536)
                            if not data:
                                return
                            (far if end is near else near).sendall(data)

        with SSHD() as sshd, socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=carry, args=(server, sshd.port, 1.2))
            thread.start()
            result = probe(f"127.0.0.1:{server.getsockname()[1]}", "--slow", "1s", "--host-key",
                           fingerprint(os.path.join(sshd.root, "host.pub")))
            thread.join()
            self.check(result, "slow", 'the step "banner"', status=0)
            self.assertEqual([name for name, outcome in self.steps(result) if outcome == "warn"], ["banner"])

    def test_no_common_algorithm(self):
        sftp = "Subsystem sftp internal-sftp"
        # No libssh2 has these. From 1.11 on it has every cipher that sshd has.
        with SSHD(sftp, "Ciphers aes256-ctr", "MACs umac-128-etm@openssh.com") as server:
            self.check(server.probe(), "ssh_no_common_algorithm", "server offers", "MAC",
                       "umac-128-etm@openssh.com", "hmac-sha2-256")
        with SSHD(sftp, "KexAlgorithms sntrup761x25519-sha512@openssh.com") as server:
            self.check(server.probe(), "ssh_no_common_algorithm", "key exchange",
                       "sntrup761x25519-sha512@openssh.com", "curve25519-sha256")

    def test_a_real_sshd_and_a_read_only_one(self):
        with SSHD() as server:
            result = server.log_in()
            self.assertEqual(result.report["verdict"], "ok", result.stdout)
            self.assertEqual([name for name in os.listdir(server.root) if "probe" in name], [])
            missing = server.log_in("no/such/directory")
            self.check(missing, "upload_refused", "make the directory")
        with SSHD("Subsystem sftp internal-sftp -R") as server:
            self.check(server.log_in(), "upload_refused", "Permission denied", "read-only")

    def test_no_sftp_and_no_password(self):
        with SSHD("PasswordAuthentication no") as server:
            self.check(server.log_in(), "sftp_refused")
            secret = os.path.join(server.root, "secret")
            with open(secret, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write("x\n")
            pin = ["--host-key", fingerprint(os.path.join(server.root, "host.pub"))]
            self.check(server.probe("--user", "root", "--password-file", secret, *pin), "method_not_offered", "publickey")

    def test_a_pin_of_another_of_the_servers_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", folder + "/ecdsa"], check=True)
            with SSHD("Subsystem sftp internal-sftp", f"HostKey {folder}/ecdsa") as server:
                result = server.probe("--host-key", fingerprint(folder + "/ecdsa.pub"))
                self.assertEqual(result.report["verdict"], "ok", result.stdout)
                self.assertIn("ecdsa-sha2-nistp256 " + fingerprint(folder + "/ecdsa.pub"), result.stdout)
                self.check(server.probe("--host-key", fingerprint(server.key + ".pub")), "host_key_changed",
                           "ssh-ed25519")


class Firewalled(Probes):
    def test_packets_that_are_dropped(self):
        permitted = subprocess.run([*UNSHARE, "sh", "-c", DROP], capture_output=True, text=True)
        if permitted.returncode != 0:
            self.skipTest("network namespaces with nftables are not permitted here: " + permitted.stderr.strip())
        command = f"{DROP} && exec {BIN} probe sftp 127.0.0.1:2222 --timeout 700ms --format json"
        result = subprocess.run([*UNSHARE, "sh", "-c", command], capture_output=True, text=True, timeout=60)
        result.report = json.loads(result.stdout)
        self.check(result, "connect_timeout", "firewall", "tcpdump")


if __name__ == "__main__":
    unittest.main()
