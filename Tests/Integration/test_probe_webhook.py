"""`dropgate probe webhook` against real things that fail in each way: gates, openssl s_server, nginx, firewalls."""
# Needs: iproute2 nftables nginx-light
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, Gate, read, wait_until  # noqa: E402

INSIDE = "PROBE_TEST_NAMESPACE"
UNSHARE = ["unshare", "--net", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
LISTED, UNLISTED = "127.0.0.2", "127.0.0.3"


def run(url, *options, form="json"):
    return subprocess.run([BIN, "probe", "webhook", url, "--format", form, *options],
                          capture_output=True, text=True, timeout=60)


class Probing(unittest.TestCase):
    def probe(self, url, *options, code=None, verdict=None):
        """One probe as JSON, with its diagnosis' code and its exit status checked."""
        result = run(url, *options)
        self.assertTrue(result.stdout, result.stderr)
        report = json.loads(result.stdout)
        shown = json.dumps(report, indent=1)
        self.assertEqual(report.get("diagnosis", {}).get("code"), code, shown)
        verdict = verdict or ("critical" if code else "ok")
        self.assertEqual(report["verdict"], verdict, shown)
        self.assertEqual(result.returncode, 1 if verdict == "critical" else 0, shown)
        for finding in report["findings"]:
            self.assertTrue(finding["means"] and finding["next"], shown)
        return report

    def facts(self, report, step):
        found = [s for s in report["steps"] if s["name"] == step]
        self.assertEqual(len(found), 1, report)
        return {fact["name"]: fact["value"] for fact in found[0]["facts"]}


def outcomes(report):
    return [(step["name"], step["outcome"]) for step in report["steps"]]


class Server:
    """Serves connections with `handle` on a thread, until the end of the block."""

    def __init__(self, handle, host="127.0.0.1"):
        self.handle, self.end = handle, threading.Event()
        self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.settimeout(0.1)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while not self.end.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(20)
                try:
                    self.handle(connection, self.end)
                except OSError:
                    pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        self.listener.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"


def answering(text, delay=0.0):
    def handle(connection, end):
        connection.recv(65536)
        end.wait(delay)
        connection.sendall(text.encode())
    return handle


class Networks(Probing):
    def test_a_name_that_does_not_resolve(self):
        report = self.probe("https://gate.invalid/", "--timeout", "20s", code="name_unresolved")
        self.assertEqual(outcomes(report), [("resolve", "fail")])

    def test_nothing_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        report = self.probe(f"https://127.0.0.1:{port}/", code="connect_refused")
        self.assertEqual(outcomes(report), [("resolve", "ok"), ("connect", "fail")])

    def test_every_address_of_a_name_is_tried(self):
        # localhost may be one address or two; what listens is the IPv4 one.
        with Server(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
            result = run(f"http://localhost:{server.port}/")
            report = json.loads(result.stdout)
            self.assertEqual(result.returncode, 0, result.stdout)
            tried = [f["value"] for s in report["steps"] if s["name"] == "connect" for f in s["facts"]
                     if f["name"] == "to"]
            addresses = [f["value"] for f in report["steps"][0]["facts"]]
            self.assertEqual(len(tried), len(addresses))
            if "::1" in addresses:
                self.assertEqual(report["diagnosis"]["code"], "address_failed")

    def test_over_ipv6_with_a_proxy_header(self):
        seen = []

        def handle(connection, end):
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        try:
            server = Server(handle, "::1")
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        with server:
            url = f"http://[::1]:{server.port}/"
            self.probe(url, "--proxy-protocol", "v1", "--as", "20.21.208.105", "--source", "::1")
            self.assertTrue(seen[0].startswith(b"PROXY TCP6 ::ffff:20.21.208.105 ::1 "), seen)

    def test_a_source_that_this_machine_does_not_have(self):
        self.probe("https://127.0.0.1:9/", "--source", "192.0.2.1", code="source_unavailable")
        self.probe("https://127.0.0.1:9/", "--source", "::1", code="source_unavailable")

    def test_in_a_namespace_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/hosts", "w") as file:
                file.write("127.0.0.1 half.test\n127.0.0.9 half.test\n")
            prepare = ("ip link set lo up && nft add table inet t && "
                       "nft add chain inet t in '{ type filter hook input priority 0; }' && "
                       "nft add rule inet t in tcp dport 8443 drop && "
                       "nft add rule inet t in ip daddr 127.0.0.9 drop && "
                       f"mount --bind {folder}/hosts /etc/hosts")
            permitted = subprocess.run([*UNSHARE, "sh", "-c", prepare], capture_output=True, text=True)
            if permitted.returncode != 0:
                self.skipTest("namespaces or nftables are not permitted here: " + permitted.stderr.strip())
            result = subprocess.run(
                [*UNSHARE, "sh", "-c", f"{prepare} && exec {sys.executable} -m unittest -v test_probe_webhook.Inside"],
                cwd=os.path.dirname(os.path.abspath(__file__)), env={**os.environ, INSIDE: "1"},
                capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertIn("Ran 2 tests", result.stderr)


@unittest.skipUnless(os.environ.get(INSIDE), "runs inside the namespace, started by Networks")
class Inside(Probing):
    def test_a_firewall_that_drops(self):
        report = self.probe("https://127.0.0.1:8443/", "--timeout", "1s", code="connect_timeout")
        self.assertEqual(outcomes(report), [("resolve", "ok"), ("connect", "fail")])
        self.probe("https://192.0.2.1/", "--timeout", "5s", code="unreachable")

    def test_one_address_of_two(self):
        with Server(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
            report = self.probe(f"http://half.test:{server.port}/", code="address_failed", verdict="warning")
            self.assertEqual(outcomes(report)[1:], [("connect", "warn"), ("request", "ok"), ("answer", "ok")])
            self.assertIn("127.0.0.9", report["diagnosis"]["means"])


class Answers(Probing):
    def test_another_receiver_is_well_and_said_to_be_another(self):
        with Server(answering("HTTP/1.1 204 No Content\r\n\r\n")) as server:
            report = self.probe(server.url)
            self.assertIn("did not identify itself as Dropgate", report["summary"])
            self.assertIn("probably stored", report["summary"])
            self.assertFalse(report["answer"]["is_dropgate"])
            self.assertNotIn("stored", self.probe(server.url, "--reachability")["summary"])

    def test_no_answer_in_time(self):
        with Server(lambda connection, end: end.wait(20)) as server:
            report = self.probe(server.url, "--timeout", "1s", code="no_answer")
            self.assertEqual(outcomes(report)[-1], ("answer", "fail"))
            self.probe(server.url.replace("http", "https"), "--timeout", "1s", code="no_answer")

    def test_a_slow_answer(self):
        text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        with Server(answering(text, delay=0.6)) as server:
            report = self.probe(server.url, "--slow", "300ms", code="slow", verdict="warning")
            self.assertIn('"answer"', report["diagnosis"]["means"])
            self.assertEqual(outcomes(report)[-1], ("answer", "warn"))
            line = run(server.url, "--slow", "300ms", form="nagios")
            self.assertEqual(line.returncode, 1)
            self.assertRegex(line.stdout, r"\AWEBHOOK WARNING - ")
            self.probe(server.url)

    def test_statuses_of_other_servers(self):
        for status, code in [("301 Moved", "redirected"), ("400 Bad", "bad_request"), ("429 Slow", "rate_limited"),
                             ("500 Oops", "server_error"), ("502 Bad Gateway", "server_error")]:
            text = f"HTTP/1.1 {status}\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n"
            with self.subTest(status), Server(answering(text)) as server:
                self.probe(server.url, code=code)

    def test_what_is_no_http(self):
        with Server(answering("SSH-2.0-OpenSSH_9.6\r\n")) as server:
            self.assertIn("probe sftp", self.probe(server.url, code="not_http")["diagnosis"]["next"])
        with Server(answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as server:
            self.probe(server.url, code="closed_early")
        with Server(lambda connection, end: None) as server:
            self.probe(server.url, code="closed_at_once")

    def test_plain_http_where_tls_is_expected(self):
        with Server(answering("HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
            self.probe(server.url.replace("http", "https"), code="tls_on_plain")

    def test_the_request_is_what_a_caller_sends(self):
        seen = []

        def handle(connection, end):
            seen.append(connection.recv(65536).decode())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        with Server(handle) as server, tempfile.TemporaryDirectory() as folder:
            for name, text in [("password", "pass word\n"), ("secret", "s3cret-part\n")]:
                path = os.path.join(folder, name)
                with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                    file.write(text)
            options = ["--event", "v1", "--header", "X-Token: t", "--basic-user", "u", "--password-file",
                       folder + "/password", "--secret-file", folder + "/secret"]
            refused = self.probe(server.url, *options, code="secret_in_clear")
            self.assertEqual(outcomes(refused)[-1], ("request", "fail"))
            wait_until(lambda: seen, what="the end of the connection")
            self.assertEqual(seen, [""], "the connection carried nothing")
            seen.clear()
            result = run(server.url + "?a=b", *options, "--insecure")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertNotIn("s3cret", result.stdout + result.stderr)
            head, body = seen[0].split("\r\n\r\n", 1)
            self.assertTrue(head.startswith("POST /hook/s3cret-part?a=b HTTP/1.1\r\nHost: 127.0.0.1:"), head)
            self.assertIn("\r\nX-Token: t\r\n", head)
            self.assertIn("\r\nAuthorization: Basic dTpwYXNzIHdvcmQ=\r\n", head)
            self.assertEqual(json.loads(body)["account_code"], "dropgate-probe")
            os.chmod(folder + "/secret", 0o644)
            for form, status in [("text", 64), ("nagios", 3)]:
                result = run(server.url, "--secret-file", folder + "/secret", form=form)
                self.assertEqual(result.returncode, status)
                self.assertIn("can be read by others", result.stdout + result.stderr)

    def test_what_a_server_echoes_is_not_printed(self):
        def handle(connection, end):
            head = connection.recv(65536).split(b"\r\n\r\n")[0]
            path = head.split(b" ")[1]
            body = json.dumps({"path": path.decode(), "head": head.decode(), "error": head.decode()}).encode()
            connection.sendall(b"HTTP/1.1 308 Echo\r\nLocation: https://other.example" + path + b"\r\nServer: x" + path
                               + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        def echo(connection, end):
            connection.sendall(connection.recv(65536))
        with tempfile.TemporaryDirectory() as folder:
            for name in ["pass-w0rd", "s3cret-part"]:
                with open(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                    file.write(name)
            for serving, code in [(handle, "redirected"), (echo, "not_http")]:
                with self.subTest(code), Server(serving) as server:
                    for form in ["json", "text", "nagios"]:
                        result = run(server.url, "--insecure", "--secret-file", folder + "/s3cret-part",
                                     "--basic-user", "u", "--password-file", folder + "/pass-w0rd",
                                     "--header", "X-Token: t0ken-value", form=form)
                        self.assertIn(code, result.stdout)
                        for secret in ["s3cret", "pass-w0rd", "dTpwYXNz", "t0ken"]:
                            self.assertNotIn(secret, result.stdout + result.stderr)
                        if form == "json":
                            self.assertNotIn("gate", json.loads(result.stdout).get("answer", {}))

    def test_forms_and_counts(self):
        with Server(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
            lines = run(server.url, "--count", "3", "--interval", "0s").stdout.splitlines()
            self.assertEqual([json.loads(line)["verdict"] for line in lines], ["ok"] * 3)
            nagios = run(server.url, "--count", "2", "--interval", "0s", form="nagios")
            self.assertEqual(nagios.returncode, 0)
            self.assertRegex(nagios.stdout,
                             r"\AWEBHOOK OK - [^|\n]+ \| time=\d+\.\d{6}s;;;0( \w+=\d+\.\d{6}s;;;0)+\n\Z")
            text = run(server.url, "--count", "2", "--interval", "0s", form="text")
            self.assertRegex(text.stdout, r"(?m)^2 probes, 0 failed; fastest ")
            self.assertRegex(text.stdout, r"(?m)^answer +ok +\d+\.\d ms  status 200$")
            self.assertEqual(text.stderr, "")
        nagios = run(server.url, form="nagios")
        self.assertEqual(nagios.returncode, 2)
        self.assertRegex(nagios.stdout, r"\AWEBHOOK CRITICAL - .*connect_refused: [^\n]*\n\Z")


class Gates(Probing):
    def test_a_gate_answers_probes_and_stores_nothing(self):
        with Gate() as gate:
            for event in ["v1", "v2"]:
                report = self.probe(gate.url, "--source", LISTED, "--insecure", "--event", event,
                                    code="tls_self_signed", verdict="warning")
                self.assertTrue(report["answer"]["is_dropgate"], report)
                self.assertEqual(report["answer"]["gate"]["status"], "probe")
                facts = self.facts(report, "answer")
                self.assertTrue(facts["source"].startswith(LISTED + ":"), facts)
                self.assertEqual(facts["verdict"], "accepted")
                self.assertEqual(facts["entries"], "test/vsee")
            report = self.probe(gate.url, "--source", LISTED, "--insecure", "--reachability",
                                code="tls_self_signed", verdict="warning")
            self.assertTrue(report["answer"]["is_dropgate"], report)
            seq = report["answer"]["gate"]["seq"]
            self.probe(gate.url, "--source", UNLISTED, code="closed_at_once")
            self.probe(gate.url.replace("https", "http"), "--source", LISTED, code="plain_on_tls")
            gate.stop()
            probes = [e for e in gate.entries() if e["kind"] == "probe"]
            self.assertEqual(len(probes), 3)
            self.assertIn(seq, [e["seq"] for e in probes])
            self.assertEqual(gate.ready(), [], "nothing of a probe is kept")

    def test_a_certificate_that_is_not_trusted_ends_it_before_a_secret_is_sent(self):
        with Gate() as gate:
            report = self.probe(gate.url, "--source", LISTED, code="tls_self_signed")
            self.assertEqual(outcomes(report)[-2:], [("tls", "fail"), ("request", "skipped")])
            self.assertNotIn("answer", report)

    def test_a_gate_without_tls_and_the_ssh_port(self):
        with Gate().plain() as gate:
            self.probe(gate.url, "--source", LISTED, code="tls_on_plain")
            report = self.probe(gate.url.replace("https", "http"), "--source", LISTED)
            self.assertIn("accepted by test/vsee", report["summary"])
            for scheme in ["https", "http"]:
                report = self.probe(f"{scheme}://127.0.0.1:{gate.ports['sftp']}/", "--source", LISTED, code="not_http")
                self.assertIn("probe sftp", report["diagnosis"]["next"])

    def test_behind_the_proxy_protocol(self):
        environment = {"DROPGATE_WEBHOOK_ADDRESS": "proxy-protocol",
                       "DROPGATE_WEBHOOK_TRUSTED_PROXIES": "[127.0.0.1/32]"}
        with Gate(environment=environment) as gate:
            for version in ["v1", "v2"]:
                header = ["--insecure", "--proxy-protocol", version]
                report = self.probe(gate.url, *header, "--as", LISTED, code="tls_self_signed", verdict="warning")
                self.assertTrue(self.facts(report, "answer")["source"].startswith(LISTED + ":"))
                self.probe(gate.url, *header, "--as", UNLISTED, code="closed_after_proxy_header")
                self.probe(gate.url, *header, "--as", "2001:db8::1", code="closed_after_proxy_header")
                # From a peer that is no trusted proxy.
                self.probe(gate.url, *header, "--as", LISTED, "--source", UNLISTED,
                           code="closed_after_proxy_header")

    def refused(self, code, *options, environment=None, path=None, setup=None):
        gate = Gate(environment=environment)
        if setup:
            setup(gate)
        with gate:
            url = gate.url if path is None else gate.url.replace("/webhooks/vsee", path)
            options = [o.replace("ROOT", gate.root) for o in options]
            report = self.probe(url, "--source", LISTED, "--insecure", *options, code=code)
            self.assertTrue(report["answer"]["gate"]["id"], report)
            self.assertIn(report["answer"]["gate"]["id"], report["diagnosis"]["means"])
            return report

    def test_a_source_that_is_refused_in_words(self):
        report = self.refused("forbidden", "--source", UNLISTED, environment={"DROPGATE_WEBHOOK_UNLISTED": "refuse"})
        self.assertEqual(report["answer"]["status"], 403)

    def test_wrong_paths_and_methods(self):
        self.refused("wrong_path", path="/elsewhere")
        self.refused("wrong_method", path="/reachability")

    def test_a_gate_without_space(self):
        report = self.refused("unavailable", environment={"DROPGATE_STAGING_RESERVE": "900TiB"})
        self.assertTrue(report["answer"]["retry_after"])

    def test_credentials_that_are_missing_or_wrong(self):
        def secrets(gate):
            for name, text in [("path", "the-right-secret-part"), ("wrong", "the-wrong-secret-part"),
                               ("password", "right-password")]:
                path = gate.file(name, text.encode())
                os.chmod(path, 0o600)
            gate.environment.update({"DROPGATE_WEBHOOK_SECRET_FILE": gate.root + "/path"})

        def basic(gate):
            secrets(gate)
            del gate.environment["DROPGATE_WEBHOOK_SECRET_FILE"]
            gate.environment.update({"DROPGATE_WEBHOOK_BASIC_USER": "vsee",
                                     "DROPGATE_WEBHOOK_BASIC_PASSWORD_FILE": gate.root + "/password"})
        self.refused("wrong_path", setup=secrets)
        self.refused("wrong_path", "--secret-file", "ROOT/wrong", setup=secrets)
        self.refused("unauthorized", setup=basic)
        self.refused("unauthorized", "--basic-user", "vsee", "--password-file", "ROOT/path", setup=basic)
        gate = Gate()
        basic(gate)
        gate.environment["DROPGATE_WEBHOOK_SECRET_FILE"] = gate.root + "/path"
        with gate:
            report = self.probe(gate.url, "--source", LISTED, "--insecure", "--basic-user", "vsee",
                                "--password-file", gate.root + "/password", "--secret-file", gate.root + "/path",
                                code="tls_self_signed", verdict="warning")
            self.assertTrue(report["answer"]["is_dropgate"])
            self.assertNotIn("the-right-secret", json.dumps(report))


CA_CONFIG = """
[ca]
default_ca = it
[it]
dir = .
database = ./index.txt
serial = ./serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
email_in_dn = no
rand_serial = yes
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
extendedKeyUsage = serverAuth
authorityInfoAccess = caIssuers;URI:http://ca.example/intermediate.crt
subjectAltName = $ENV::NAMES
"""


class Certificates:
    """A root, an intermediate and server certificates, made by the openssl command."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name
        with open(self.path + "/ca.cnf", "w") as file:
            file.write(CA_CONFIG)
        open(self.path + "/index.txt", "w").close()
        self.make("root", None, "authority")
        self.make("intermediate", "root", "authority")

    def openssl(self, *arguments, names="DNS:localhost"):
        subprocess.run(["openssl", *arguments], cwd=self.path, check=True, capture_output=True,
                       env={**os.environ, "NAMES": names})

    def make(self, name, issuer, extensions, names="DNS:localhost,IP:127.0.0.1", start="20200101000000Z",
             end="20450101000000Z"):
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signer = ["-selfsign", "-keyfile", f"{name}.key"] if issuer is None else [
            "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key"]
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", *signer, "-in", f"{name}.csr", "-out",
                     f"{name}.pem", "-extensions", extensions, "-startdate", start, "-enddate", end, names=names)
        return name

    def server(self, name, *options, chain=True):
        more = ["-cert_chain", "intermediate.pem"] if chain else []
        return OpenSSLServer(self.path, ["-cert", f"{name}.pem", "-key", f"{name}.key", *more, *options])


class OpenSSLServer:
    def __init__(self, folder, options):
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", *options], cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        said = ""
        for line in self.process.stdout:
            said += line
            found = re.search(r"ACCEPT .*:(\d+)", line)
            if found:
                self.url = f"https://127.0.0.1:{found.group(1)}/"
                return self
        raise AssertionError("s_server ended: " + said)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class TLS(Probing):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.root = cls.certificates.path + "/root.pem"

    @classmethod
    def tearDownClass(cls):
        cls.certificates.folder.cleanup()

    def ask(self, server, *options, code=None, verdict=None):
        return self.probe(server.url, "--reachability", *options, code=code, verdict=verdict)

    def test_a_whole_chain(self):
        name = self.certificates.make("good", "intermediate", "server")
        with self.certificates.server(name) as server:
            facts = self.facts(self.ask(server, "--ca", self.root), "tls")
            self.assertEqual(facts["version"], "TLSv1.3")
            self.assertTrue(facts["cipher"].startswith("TLS_"))
            self.assertTrue(facts["group"])
            self.assertEqual(facts["certificate 0"], "CN=good, issued by CN=intermediate, until "
                             "2045-01-01T00:00:00.000000Z")
            self.assertTrue(facts["certificate 1"].startswith("CN=intermediate, issued by CN=root"))
            self.assertIn("DNS:localhost", facts["names"])
            report = self.ask(server, code="tls_untrusted")
            self.assertIn("CN=root", report["diagnosis"]["means"])
            self.assertEqual(outcomes(report)[-1], ("request", "skipped"))
            report = self.ask(server, "--insecure", code="tls_untrusted", verdict="warning")
            self.assertEqual(outcomes(report)[-1], ("answer", "ok"))
        with self.certificates.server(name, "-tls1_2") as server:
            self.assertEqual(self.facts(self.ask(server, "--ca", self.root), "tls")["version"], "TLSv1.2")

    def test_a_missing_intermediate(self):
        name = self.certificates.make("lonely", "intermediate", "server")
        with self.certificates.server(name, chain=False) as server:
            report = self.ask(server, "--ca", self.root, code="tls_chain")
            self.assertIn("incomplete", report["diagnosis"]["means"])
            self.assertIn("http://ca.example/intermediate.crt", report["diagnosis"]["next"])

    def test_another_name(self):
        name = self.certificates.make("other", "intermediate", "server", names="DNS:other.example")
        with self.certificates.server(name) as server:
            report = self.ask(server, "--ca", self.root, code="tls_name")
            self.assertIn("DNS:other.example", report["diagnosis"]["means"])
            server.url = server.url.replace("127.0.0.1", "localhost")
            findings = self.ask(server, "--ca", self.root, code="tls_name")["findings"]
            self.assertIn("tls_name", [finding["code"] for finding in findings])

    def test_times(self):
        old = self.certificates.make("old", "intermediate", "server", end="20200201000000Z")
        with self.certificates.server(old) as server:
            report = self.ask(server, "--ca", self.root, code="tls_expired")
            self.assertIn("2020-02-01", report["diagnosis"]["means"])
        new = self.certificates.make("new", "intermediate", "server", start="20440101000000Z")
        with self.certificates.server(new) as server:
            self.ask(server, "--ca", self.root, code="tls_not_yet_valid")
        end = subprocess.run(["date", "-u", "-d", "+10 days", "+%Y%m%d%H%M%SZ"], capture_output=True,
                             text=True, check=True).stdout.strip()
        soon = self.certificates.make("soon", "intermediate", "server", end=end)
        with self.certificates.server(soon) as server:
            report = self.ask(server, "--ca", self.root, code="tls_expiring", verdict="warning")
            self.assertEqual(outcomes(report)[-1], ("answer", "ok"))

    def test_all_faults_are_told_at_once(self):
        name = self.certificates.make("bad", None, "server", names="DNS:other.example", end="20200201000000Z")
        with self.certificates.server(name, chain=False) as server:
            result = run(server.url, "--reachability")
            codes = {finding["code"] for finding in json.loads(result.stdout)["findings"]}
            self.assertEqual(codes, {"tls_self_signed", "tls_name", "tls_expired"})

    def test_old_versions(self):
        name = self.certificates.make("ancient", "intermediate", "server")
        for version in ["-tls1", "-tls1_1"]:
            with self.certificates.server(name, version, "-cipher", "DEFAULT@SECLEVEL=0") as server:
                report = self.ask(server, "--ca", self.root, code="tls_version")
                self.assertEqual(outcomes(report)[-1], ("tls", "fail"))

    def test_a_server_that_wants_a_client_certificate(self):
        name = self.certificates.make("mutual", "intermediate", "server")
        for version in ["-tls1_2", "-tls1_3"]:
            with self.certificates.server(name, version, "-Verify", "1") as server:
                report = self.ask(server, "--ca", self.root, code="tls_failed")
                self.assertIn("client certificate", report["diagnosis"]["means"])

    def test_nginx_with_the_wrong_protocol_and_a_small_limit(self):
        name = self.certificates.make("web", "intermediate", "server")
        path = self.certificates.path
        with open(path + "/both.pem", "w") as file:
            file.write(read(f"{path}/{name}.pem") + read(path + "/intermediate.pem"))
        with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
            tls, plain = first.getsockname()[1], second.getsockname()[1]
        with open(path + "/nginx.conf", "w") as file:
            file.write(f"""daemon off; master_process off; pid {path}/nginx.pid; error_log {path}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;
uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate both.pem; ssl_certificate_key {name}.key;
location / {{ return 200 'fine'; }} }}
server {{ listen 127.0.0.1:{plain}; location / {{ return 200 'fine'; }}
location /small {{ client_max_body_size 100; return 200 'fine'; }} }} }}""")
        nginx = subprocess.Popen(["nginx", "-p", path, "-c", path + "/nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: run(f"http://127.0.0.1:{plain}/").returncode == 0, what="nginx")
            self.probe(f"https://127.0.0.1:{tls}/", "--ca", self.root)
            self.probe(f"http://127.0.0.1:{tls}/", code="plain_on_tls")
            self.probe(f"https://127.0.0.1:{plain}/", "--ca", self.root, code="tls_on_plain")
            self.probe(f"http://127.0.0.1:{plain}/small", code="too_large")
        finally:
            nginx.terminate()
            nginx.wait()


class Usage(unittest.TestCase):
    def test_what_cannot_be_asked(self):
        for options in [["ftp://gate.example/"], ["https://u:p@gate.example/"],
                        ["https://gate.example/", "--as", "1.2.3.4"],
                        ["https://gate.example/", "--source", "127.1"], ["https://gate.example/", "--count", "0"],
                        ["https://gate.example/", "--basic-user", "u"],
                        ["https://gate.example/", "--header", "no colon"],
                        ["https://gate.example/", "--ca", "/nonexistent"],
                        ["https://gate.example/", "--timeout", "10"]]:
            with self.subTest(options):
                result = subprocess.run([BIN, "probe", "webhook", *options], capture_output=True, text=True,
                                        timeout=60)
                self.assertEqual(result.returncode, 64, result.stderr)


if __name__ == "__main__":
    unittest.main()
