"""VSee's network rules where they count: firewalls take the exports, a loaded export lets VSee in and keeps others
out, and a check tries real servers and blames exactly the rule that is blocked. All in namespaces of its own."""
# Needs: iproute2 nftables iptables firewalld ufw coturn nginx-light squid
import contextlib
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, read, wait_until  # noqa: E402

VSEE, STRANGER, HERE, HERE_TOO = "20.21.208.105", "20.21.208.106", "10.77.0.1", "10.77.0.2"
INSIDE = "RULES_TEST_NAMESPACE"
# With mounts of its own: squid leaves shared memory of fixed names behind.
UNSHARE = ["unshare", "--net", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net", "--mount"]
PREPARE = "ip link set lo up && mount -t tmpfs tmpfs /dev/shm"


def addresses(names):
    for address in names:
        subprocess.run(["ip", "addr", "replace", f"{address}/32", "dev", "lo"], check=True)


def dropgate(*arguments, status=0, environment=None):
    result = subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=120,
                            env={**os.environ, **(environment or {})})
    if result.returncode != status:
        raise AssertionError(f"dropgate {arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result


@unittest.skipIf(os.environ.get(INSIDE), "this is the namespace")
class Rules(unittest.TestCase):
    def test_in_a_namespace_of_its_own(self):
        permitted = subprocess.run([*UNSHARE, "sh", "-c", PREPARE], capture_output=True, text=True)
        if permitted.returncode != 0:
            self.skipTest("network namespaces are not permitted here: " + permitted.stderr.strip())
        for name in ("Exports", "Loaded", "Checks"):
            with self.subTest(name):
                if name == "Checks" and os.getuid() != 0:
                    self.skipTest("squid gives up root for a user that only root's namespaces have")
                result = subprocess.run(
                    [*UNSHARE, "sh", "-c", PREPARE + f" && exec {sys.executable} -m unittest -v test_rules.{name}"],
                    cwd=os.path.dirname(os.path.abspath(__file__)), env={**os.environ, INSIDE: "1"},
                    capture_output=True, text=True, timeout=300)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertRegex(result.stderr, r"Ran [1-9]")
                self.assertNotIn("skipped", result.stderr)


class Inside(unittest.TestCase):
    def setUp(self):
        if not os.environ.get(INSIDE):
            self.skipTest("runs inside the namespace, started by Rules")
        self.root = tempfile.mkdtemp(prefix="rules-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        os.chmod(self.root, 0o755)
        self.config = self.path("gate/dropgate.yaml")
        dropgate("init", self.path("gate"))

    def path(self, name):
        return os.path.join(self.root, name)

    def file(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def add_ipv6(self):
        self.file("gate/sources/six.yaml",
                  "name: six\nentries:\n  - {cidr: '2001:db8:1::/48', service: vsee, channels: [webhook, sftp]}\n")

    def ingress(self, format, *more, status=0):
        return dropgate("rules", "export", "--direction", "ingress", "--format", format, "--config", self.config,
                        *more, status=status)

    def egress(self, format, *more, status=0):
        return dropgate("rules", "export", "--direction", "egress", "--format", format, "--config", self.config,
                        *more, status=status)

    def accepted(self, command, text=None):
        result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, f"{command}\n{text}\n{result.stdout}{result.stderr}")
        return result


class Exports(Inside):
    EGRESS = ("--rules", "detailed", "--optional", "--resolve", "--host", "*.vsee.qa=192.0.2.10",
              "--host", "region.vsee.qa=192.0.2.11", "--host", "s3.amazonaws.com=2001:db8::12")

    def test_nft_takes_both_directions(self):
        self.add_ipv6()
        for text in (self.ingress("nftables").stdout, self.egress("nftables", *self.EGRESS).stdout):
            path = self.file("rules.nft", text)
            self.accepted(["nft", "-c", "-f", path])
            self.accepted(["nft", "-f", path])
            self.accepted(["nft", "-f", path])
        listed = self.accepted(["nft", "list", "tables"]).stdout.splitlines()
        self.assertLessEqual({"table inet dropgate", "table inet dropgate_egress"}, set(listed))

    def test_listeners_that_share_a_port_of_two_addresses(self):
        settings = read(self.config)
        for old, new in (("0.0.0.0:8443", "10.77.0.1:443"), ("0.0.0.0:2222", "10.77.0.2:443")):
            self.assertIn(old, settings)
            settings = settings.replace(old, new)
        self.file("gate/dropgate.yaml", settings)
        self.file("gate/sources/more.yaml",
                  "name: more\nentries:\n  - {cidr: 192.0.2.77, service: s, channels: [sftp]}\n")
        self.accepted(["nft", "-c", "-f", self.file("rules.nft", self.ingress("nftables").stdout)])
        self.accepted(["iptables-restore", "--test", "--noflush"], self.ingress("iptables").stdout)
        for line in self.ingress("ufw").stdout.splitlines():
            if line.startswith("ufw "):
                self.accepted(["sh", "-c", "ufw --dry-run " + line.removeprefix("ufw ")])
        system = self.path("firewalld")
        os.makedirs(system)
        result = subprocess.run(
            ["sh", self.file("rules.sh", self.ingress("firewalld").stdout)], capture_output=True, text=True,
            timeout=300, env={**os.environ, "FIREWALL_CMD": f"firewall-offline-cmd --system-config {system}"})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.accepted(["firewall-offline-cmd", "--system-config", system, "--check-config"])
        for format in ("edl", "aws-sg", "terraform-aws"):
            self.assertIn("webhook and sftp", self.ingress(format, status=1).stderr)

    def test_iptables_restore_takes_both_families(self):
        self.add_ipv6()
        for family, tool in (("v4", "iptables-restore"), ("v6", "ip6tables-restore")):
            for text in (self.ingress("iptables", "--family", family).stdout,
                         self.egress("iptables", "--family", family, *self.EGRESS).stdout):
                self.accepted([tool, "--test", "--noflush"], text)
                self.accepted([tool, "--noflush"], text)
                self.accepted([tool, "--noflush"], text)
        saved = self.accepted(["iptables-save"]).stdout
        self.assertIn("-A DROPGATE_IN -s 20.21.208.105/32 -p tcp -m tcp --dport 8443 -j ACCEPT", saved)

    def test_firewalld_takes_both_directions(self):
        self.add_ipv6()
        system = self.path("firewalld")
        os.makedirs(system)
        out = self.egress("firewalld", "--resolve", "--host", "*.vsee.qa=192.0.2.10").stdout
        for text in (self.ingress("firewalld").stdout, out, self.ingress("firewalld").stdout):
            script = self.file("rules.sh", text)
            result = subprocess.run(
                ["sh", script], capture_output=True, text=True, timeout=300,
                env={**os.environ, "FIREWALL_CMD": f"firewall-offline-cmd --system-config {system}"})
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        policy = read(os.path.join(system, "policies/dropgate-in.xml"))
        self.assertIn('<source ipset="dg-in-1-4"/>', policy)
        self.assertIn("20.21.208.105/32", read(os.path.join(system, "ipsets/dg-in-2-4.xml")))
        self.accepted(["firewall-offline-cmd", "--system-config", system, "--check-config"])

    def test_ufw_takes_every_command(self):
        self.add_ipv6()
        for text in (self.ingress("ufw").stdout, self.egress("ufw", *self.EGRESS).stdout):
            lines = [line for line in text.splitlines() if line.startswith("ufw ")]
            self.assertGreaterEqual(len(lines), 4)
            for line in lines:
                self.accepted(["sh", "-c", "ufw --dry-run " + line.removeprefix("ufw ")])

    def test_lists_and_clouds(self):
        self.add_ipv6()
        lines = [line for line in self.ingress("edl").stdout.splitlines() if not line.startswith("#")]
        self.assertEqual([str(ipaddress.ip_network(line)) for line in lines], [VSEE + "/32", "2001:db8:1::/48"])
        names = [line for line in self.egress("edl").stdout.splitlines() if not line.startswith("#")]
        self.assertEqual(names, ["*.vsee.qa"])
        permissions = json.loads(self.ingress("aws-sg").stdout)
        self.assertEqual([p["FromPort"] for p in permissions], [8443, 2222])
        for range_ in permissions[0]["IpRanges"]:
            self.assertRegex(range_["Description"], r"^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$")
        rules = json.loads(self.ingress("azure-nsg").stdout)["resources"]
        self.assertEqual(len({rule["properties"]["priority"] for rule in rules}), len(rules))
        for text in (self.ingress("terraform-aws").stdout, self.egress("terraform-aws", *self.EGRESS).stdout):
            blocks = re.findall(r'^resource "(\w+)" "(\w+)" \{\n((?:  \w+ += .+\n)+)\}$', text, re.M)
            self.assertEqual(len(blocks), text.count("resource "))
            self.assertEqual(len({name for _, name, _ in blocks}), len(blocks))
        self.assertEqual(self.ingress("json").stdout, self.ingress("json").stdout)

    def test_names_are_looked_up_when_asked(self):
        text = self.egress("nftables", "--resolve", "--host", "*.vsee.qa=localhost").stdout
        self.assertIn("127.0.0.1/32, # localhost\n", text)
        unknown = self.egress("nftables", "--resolve", "--host", "*.vsee.qa=nobody.invalid", status=1)
        self.assertIn("nobody.invalid could not be looked up, no name server gave an answer: ", unknown.stderr)

    def test_what_cannot_be_exported_is_refused_with_a_reason(self):
        self.assertIn("--resolve", self.egress("nftables", status=1).stderr)
        self.assertIn("*.vsee.qa is a wildcard", self.egress("nftables", "--resolve", status=1).stderr)
        shut = self.ingress("iptables", "--family", "v6").stdout
        self.assertIn("-A DROPGATE_IN -p tcp -m tcp --dport 8443 -j DROP", shut)
        self.assertNotIn("ACCEPT", shut)
        self.file("gate/sources/vsee-qatar.yaml",
                  "name: old\nexpires: 2026-01-01\nentries:\n  - {cidr: 20.21.208.105, service: s, channels: [sftp]}\n")
        refused = self.ingress("nftables", "--output", self.path("out.nft"), status=1)
        self.assertIn("webhook: no entry opens it", refused.stderr)
        self.assertIn("expired", self.ingress("nftables", "--channel", "sftp", status=1).stderr)
        self.assertFalse(os.path.exists(self.path("out.nft")))


class Loaded(Inside):
    """VSee and the stranger call from a second namespace, for what a machine sends to itself goes over lo."""

    CONNECT = ("import socket, sys\nwith socket.socket() as client:\n    client.settimeout(2)\n"
               "    client.bind((sys.argv[1], 0))\n    client.connect((sys.argv[2], int(sys.argv[3])))\n")

    def setUp(self):
        super().setUp()
        other = subprocess.Popen(["unshare", "--net", "sleep", "300"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.outside = ["nsenter", f"--net=/proc/{other.pid}/ns/net"]
        here = os.stat("/proc/self/ns/net").st_ino
        wait_until(lambda: os.stat(f"/proc/{other.pid}/ns/net").st_ino != here, 30, "a second namespace")
        self.accepted(["ip", "link", "add", "gate0", "type", "veth", "peer", "name", "vsee0", "netns", str(other.pid)])
        self.accepted(["ip", "link", "set", "gate0", "up"])
        self.accepted([*self.outside, "ip", "link", "set", "vsee0", "up"])
        for address in (HERE, HERE_TOO):
            self.accepted(["ip", "addr", "add", f"{address}/32", "dev", "gate0"])
            self.accepted([*self.outside, "ip", "route", "add", f"{address}/32", "dev", "vsee0"])
        for address in (VSEE, STRANGER):
            self.accepted([*self.outside, "ip", "addr", "add", f"{address}/32", "dev", "vsee0"])
            self.accepted(["ip", "route", "add", f"{address}/32", "dev", "gate0"])

    def connects(self, source, port, target=HERE, outside=True):
        result = subprocess.run([*(self.outside if outside else []), sys.executable, "-c", self.CONNECT, source, target,
                                 str(port)], capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            self.assertIn("TimeoutError", result.stderr)
        return result.returncode == 0

    def listen(self, *places):
        for place in places:
            self.addCleanup(socket.create_server(place).close)

    def expect(self, let_in, target=HERE):
        """`let_in`: whether VSee and the stranger get in, by port."""
        for port, (vsee, stranger) in let_in.items():
            self.assertEqual(self.connects(VSEE, port, target), vsee, (target, port))
            self.assertEqual(self.connects(STRANGER, port, target), stranger, (target, port))

    def test_the_loaded_rules_let_vsee_in_and_keep_a_neighbour_out(self):
        self.listen((HERE, 8443), (HERE, 2222), (HERE, 22))
        self.expect({8443: (True, True), 2222: (True, True), 22: (True, True)})
        # The administrator's own port is not touched.
        guarded = {8443: (True, False), 2222: (True, False), 22: (True, True)}
        self.ingress("nftables", "--output", self.path("dropgate.nft"))
        self.accepted(["nft", "-f", self.path("dropgate.nft")])
        self.expect(guarded)
        self.assertTrue(self.connects(HERE, 8443, outside=False), "the machine to its own address")
        self.accepted(["nft", "delete", "table", "inet", "dropgate"])
        self.assertTrue(self.connects(STRANGER, 8443))
        self.accepted(["iptables-restore", "--noflush"], self.ingress("iptables").stdout)
        self.expect(guarded)
        self.assertTrue(self.connects(HERE, 8443, outside=False), "the machine to its own address")

    def test_one_port_of_two_addresses_lets_each_source_to_its_own(self):
        settings = read(self.config)
        settings = settings.replace("0.0.0.0:8443", f"{HERE}:443").replace("0.0.0.0:2222", f"{HERE_TOO}:443")
        self.file("gate/dropgate.yaml", settings)
        self.file("gate/sources/more.yaml",
                  f"name: more\nentries:\n  - {{cidr: {STRANGER}, service: s, channels: [sftp]}}\n")
        self.listen((HERE, 443), (HERE_TOO, 443))
        self.accepted(["nft", "-f", self.file("rules.nft", self.ingress("nftables").stdout)])
        self.expect({443: (True, False)})
        self.expect({443: (True, True)}, HERE_TOO)
        self.accepted(["nft", "delete", "table", "inet", "dropgate"])
        self.accepted(["iptables-restore", "--noflush"], self.ingress("iptables").stdout)
        self.expect({443: (True, False)})
        self.expect({443: (True, True)}, HERE_TOO)


class Checks(Inside):
    WEB, REGION, STORE, PROXY = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4"

    def setUp(self):
        super().setUp()
        addresses([self.WEB, self.REGION, self.STORE, self.PROXY])
        # UDP that nobody answers, but for which no ICMP message comes either.
        for port in (1853, 6000, 6001, 6256, 10000):
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sink.bind((self.WEB, port))
            self.addCleanup(sink.close)
        self.certificates()
        self.nginx()
        self.coturn()
        self.squid()

    def serve(self, command, port, address):
        log = open(self.path("servers.log"), "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.root)
        log.close()

        def stop():
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
        self.addCleanup(stop)

        def listens():
            self.assertIsNone(process.poll(), f"{command}\n" + read(self.path("servers.log")))
            with socket.socket() as client:
                return client.connect_ex((address, port)) == 0
        wait_until(listens, 30, command[0])

    def certificates(self):
        run = lambda *command: self.accepted(["openssl", *command])  # noqa: E731
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test authority", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=vsee",
            "-keyout", self.path("server.key"), "-out", self.path("server.csr"))
        names = self.file("names", "subjectAltName=DNS:region.vsee.qa,DNS:s3.amazonaws.com,IP:" + self.WEB + "\n")
        run("x509", "-req", "-in", self.path("server.csr"), "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", names, "-out", self.path("server.pem"))

    def nginx(self):
        listen = "".join(f"listen {a}:443 ssl;" for a in (self.WEB, self.REGION, self.STORE))
        listen += f"listen {self.WEB}:80; listen {self.WEB}:5222;"
        config = self.file("nginx.conf", f"""
            daemon off; master_process off; pid {self.path('nginx.pid')}; error_log {self.path('nginx.log')};
            events {{}}
            http {{ access_log {self.path('access.log')}; client_body_temp_path {self.path('b')};
                proxy_temp_path {self.path('p')}; fastcgi_temp_path {self.path('f')};
                uwsgi_temp_path {self.path('u')}; scgi_temp_path {self.path('s')};
                server {{ {listen} ssl_certificate {self.path('server.pem')};
                    ssl_certificate_key {self.path('server.key')}; return 204; }} }}""")
        self.serve(["nginx", "-c", config, "-e", self.path("nginx.log")], 443, self.WEB)

    def coturn(self):
        self.serve(["turnserver", "-n", "-L", self.WEB, "-p", "3478", "--no-tls", "--no-dtls", "--no-cli", "--no-auth",
                    "--log-file", "stdout", "--pidfile", self.path("turn.pid"), "--userdb", self.path("turn.db")],
                   3478, self.WEB)

    def squid(self):
        # It gives up root by itself.
        os.mkdir(self.path("squid"))
        os.chmod(self.path("squid"), 0o777)
        config = self.file("squid.conf", f"""
            http_port {self.PROXY}:3128
            acl tls port 443
            http_access allow CONNECT tls
            http_access deny all
            pid_filename none
            cache_log {self.path('squid/log')}
            access_log none
            cache deny all
            cache_mem 8 MB
            coredump_dir {self.path('squid')}
            shutdown_lifetime 1 seconds
            pinger_enable off
            """.replace("\n            ", "\n"))
        self.serve(["squid", "-N", "-f", config], 3128, self.PROXY)

    def check(self, *more, status=0):
        result = dropgate(
            "rules", "check", "--config", self.config, "--timeout", "2s", "--ca", self.path("ca.pem"),
            "--proxy", f"http://{self.PROXY}:3128", "--format", "json", "--host", f"*.vsee.qa={self.WEB}",
            "--host", f"region.vsee.qa={self.REGION}", "--host", f"s3.amazonaws.com={self.STORE}", *more,
            status=status)
        return json.loads(result.stdout)

    def outcomes(self, answer):
        return {row["id"]: row["result"] for row in answer["rows"]}

    @contextlib.contextmanager
    def blocked(self, rule):
        self.accepted(["nft", "-f", "-"], "table inet block {\nchain out {\n"
                      f"type filter hook output priority 0; policy accept;\n{rule} drop\n}}\n}}\n")
        try:
            yield
        finally:
            self.accepted(["nft", "delete", "table", "inet", "block"])

    def test_every_row_against_real_servers_and_one_blocked_at_a_time(self):
        answer = self.check()
        good = self.outcomes(answer)
        self.assertEqual(good, {
            "simplified-core": "ok", "simplified-presence": "ok", "simplified-recording": "ok",
            "messenger-directory": "ok", "messenger-turn": "ok", "messenger-region": "ok",
            "messenger-video-bridge": "no_proof", "messenger-update": "ok", "messenger-profile": "ok",
            "messenger-diagnostics": "ok", "clinic-web": "ok", "clinic-presence": "ok", "optional-sso": "skipped",
            "optional-recording": "ok", "proxy-bypass": "skipped", "proxy-persistent-tcp": "ok",
            "proxy-turn-direct": "ok", "proxy-video-bridge-direct": "no_proof", "outbound-messenger": "skipped",
            "outbound-clinic": "skipped"}, answer)
        turn = next(row for row in answer["rows"] if row["id"] == "messenger-turn")
        self.assertIn(f"it saw {self.WEB}", turn["detail"])
        # The proxy, another user, still comes through where this machine itself does not.
        for rule, failing in (
                (f"meta skuid 0 ip daddr {self.REGION} tcp dport 443", ["messenger-region"]),
                (f"ip daddr {self.PROXY} tcp dport 3128", ["proxy-persistent-tcp"])):
            with self.blocked(rule):
                bad = self.check(status=1)
            self.assertEqual(bad["failed"], failing)
            self.assertEqual({**good, failing[0]: "blocked"}, self.outcomes(bad))
        with self.blocked(f"ip daddr {self.STORE} tcp dport 443"):
            optional = self.check()
        self.assertEqual(self.outcomes(optional)["simplified-recording"], "blocked")
        self.assertEqual(optional["failed"], [])

    def test_a_name_without_an_address_is_not_called_blocked(self):
        arguments = ("rules", "check", "--config", self.config, "--timeout", "2s", "--row", "messenger-region")
        answer = json.loads(dropgate(*arguments, "--format", "json", status=1).stdout)
        self.assertEqual(self.outcomes(answer), {"messenger-region": "unresolved"})
        self.assertEqual(answer["failed"], ["messenger-region"])
        self.assertIn("region.vsee.qa could not be looked up, no name server", answer["rows"][0]["detail"])
        said = dropgate(*arguments, status=1).stdout
        self.assertIn("not tried, names do not resolve: messenger-region", said)
        self.assertNotIn("blocked", said)

    def test_stun_blocked_fails_turn_and_what_needs_it(self):
        with self.blocked(f"ip daddr {self.WEB} udp dport 3478"):
            turn = self.check("--row", "messenger-turn", status=1)
            self.assertEqual(turn["failed"], ["messenger-turn"])
            self.assertIn("no answer", turn["rows"][0]["detail"])
            self.assertEqual(self.check("--row", "simplified-presence")["failed"], [])

    def test_a_certificate_of_nobody_is_not_taken(self):
        other = self.path("other.pem")
        self.accepted(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-subj", "/CN=other", "-keyout", self.path("other.key"), "-out", other])
        refused = self.check("--row", "messenger-region", "--ca", other, status=1)
        self.assertIn("certificate verify failed", refused["rows"][0]["detail"])

    def test_a_proxy_that_refuses_is_told(self):
        listener = socket.create_server((self.PROXY, 3129))
        self.addCleanup(listener.close)

        def refuse():
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden")
        thread = threading.Thread(target=refuse)
        thread.start()
        answer = self.check("--row", "proxy-persistent-tcp", "--proxy", f"http://{self.PROXY}:3129", status=1)
        thread.join(30)
        self.assertRegex(answer["rows"][0]["detail"], "the proxy refuses CONNECT .*403 Forbidden")


if __name__ == "__main__":
    unittest.main()
