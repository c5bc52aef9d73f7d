"""Deploy/install.sh for real, on a machine of its own: the first time, again, and a newer build under a running gate."""
# Needs: openssh-server libnss-wrapper curl
import os
import shutil
import tempfile
import unittest

from gate import BIN, SESSION, V2, wait_until
from machine import CHECKOUT, Machine, can_be_had

# A machine without Swift, a compiler or apt: whatever asks for one of them fails.
LACKING = ["swift", "swiftc", "clang", "gcc", "cc", "apt-get"]


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Install(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="built-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        for name in (BIN, os.path.join(os.path.dirname(BIN), SESSION)):
            shutil.copy(name, self.folder)
        self.built = os.path.join(self.folder, os.path.basename(BIN))
        self.machine = Machine([self.folder])
        self.addCleanup(self.machine.close)
        for name in LACKING:
            self.machine.write(f"/usr/local/sbin/{name}", "#!/bin/sh\necho called $0 >&2\nexit 99\n", 0o755)

    def install(self, arguments=None, **environment):
        arguments = f"--binary {self.built}" if arguments is None else arguments
        return self.machine.run(f"{CHECKOUT}/Deploy/install.sh {arguments}", **environment).stdout

    def owners(self):
        return self.machine.run(
            "find /etc/dropgate /var/lib/dropgate /usr/local/bin /usr/local/libexec /etc/systemd/system/dropgate.service "
            "-printf '%m %u:%g %p %T@ %i\\n' | sort").stdout

    def test_it_needs_no_swift_makes_what_is_missing_and_changes_nothing_the_second_time(self):
        said = self.install()
        self.assertNotIn("called", said)
        for path in ("/usr/local/bin/dropgate", f"/usr/local/libexec/dropgate/{SESSION}",
                     "/etc/systemd/system/dropgate.service", "/etc/dropgate/dropgate.yaml"):
            self.assertIn(f"installed {path}\n", said)
        self.assertIn("Installed: dropgate ", said)
        self.assertIn("sudo systemctl enable --now dropgate", said)
        owners = self.machine.run("stat -c '%a %U:%G %n' /etc/dropgate /etc/dropgate/dropgate.yaml /var/lib/dropgate "
                                  "/var/lib/dropgate/console.token /etc/dropgate/sources/vsee-qatar.yaml").stdout
        self.assertEqual(owners.splitlines(), [
            "750 root:dropgate /etc/dropgate", "640 root:dropgate /etc/dropgate/dropgate.yaml",
            "700 dropgate:dropgate /var/lib/dropgate", "600 dropgate:dropgate /var/lib/dropgate/console.token",
            "640 root:dropgate /etc/dropgate/sources/vsee-qatar.yaml"])
        before = self.owners()
        again = self.install()
        self.assertIn("Nothing to change: dropgate ", again)
        self.assertNotIn("installed /", again)
        self.assertEqual(self.owners(), before)
        self.assertNotIn("restart", again)

    def test_a_strict_umask_keeps_nobody_from_the_programs(self):
        said = self.machine.run(f"umask 077; {CHECKOUT}/Deploy/install.sh --binary {self.built}").stdout
        self.assertIn("Installed: dropgate ", said)
        self.machine.run(f"runuser -u dropgate -- /usr/local/libexec/dropgate/{SESSION} --version && "
                         "runuser -u dropgate -- /usr/local/bin/dropgate --version")
        # As a version before this one left it.
        self.machine.run("chmod 700 /usr/local/libexec/dropgate")
        self.assertIn("made /usr/local/libexec/dropgate", self.install())
        self.machine.run(f"runuser -u dropgate -- /usr/local/libexec/dropgate/{SESSION} --version")

    def test_groups_that_settings_let_in_stay_in(self):
        self.install()
        machine = self.machine
        machine.run("groupadd consumers && groupadd auditors")
        machine.run("sed -i -e 's/^staging:$/staging:\\n  group: consumers/' -e 's/^ledger:$/ledger:\\n  read_group: auditors/' "
                    "/etc/dropgate/dropgate.yaml && dropgate init")
        state = machine.path("/var/lib/dropgate")

        def look():
            found = os.stat(state)
            return found.st_mode, found.st_uid, found.st_gid, os.getxattr(state, "system.posix_acl_access")

        before = look()
        self.assertNotEqual(before[0] & 0o7777, 0o700)
        self.assertIn("Nothing to change", self.install())
        self.assertEqual(look(), before)
        # Settings that the new program refuses shut nobody out of the gate that runs.
        machine.run("echo 'nonsense: 1' >> /etc/dropgate/dropgate.yaml")
        refused = machine.run(f"{CHECKOUT}/Deploy/install.sh --binary {self.built}", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(look(), before)

    def test_settings_accounts_and_state_stay_and_what_earlier_versions_left_is_mended(self):
        self.install(arguments="", GATE_BIN=self.built)
        machine = self.machine
        machine.run("ssh-keygen -q -t ed25519 -N '' -f key && dropgate account add vsee --key key.pub && "
                    "echo '# by hand' >> /etc/dropgate/dropgate.yaml && echo secret > /etc/dropgate/secret && "
                    "chmod 600 /etc/dropgate/secret && chown dropgate: /etc/dropgate/secret && "
                    "chown -R dropgate: /etc/dropgate/sources")
        said = self.install()
        self.assertIn("gave /etc/dropgate/sources to root:dropgate (750)", said)
        self.assertIn("# by hand", machine.read("/etc/dropgate/dropgate.yaml"))
        self.assertEqual(machine.run("stat -c '%a %U' /etc/dropgate/secret").stdout, "600 dropgate\n")
        self.assertTrue(machine.exists("/etc/dropgate/accounts/vsee.yaml"))
        self.assertIn("Nothing to change", self.install())

    def test_a_newer_build_under_a_running_gate_is_told_until_the_gate_is_restarted(self):
        self.install()
        machine = self.machine
        machine.run("ssh-keygen -q -t ed25519 -N '' -f key && dropgate account add vsee --key key.pub")
        machine.start()
        self.assertIn("stored", machine.post(V2 % "1").stdout)
        self.assertNotIn("former one", self.install())
        # Another build: the same program with a byte behind its end.
        with open(self.built, "ab") as file:
            file.write(b"\n")
        said = self.install()
        self.assertIn("installed /usr/local/bin/dropgate\n", said)
        self.assertNotIn(f"installed /usr/local/libexec/dropgate/{SESSION}", said)
        restart = "The gate that runs is still the former one. To use this one: sudo systemctl restart dropgate\n"
        self.assertIn(restart, said)
        # Nothing is left to install, and the gate that runs is still the former one.
        said = self.install()
        self.assertIn("Nothing to change", said)
        self.assertIn(restart, said)
        doctor = machine.run("sudo -u dropgate dropgate doctor", check=False).stdout
        self.assertIn("the running gate is still the program that an upgrade has replaced", doctor)
        # It goes on with both channels: its session is of the same release.
        self.assertIn("stored", machine.post(V2 % "2").stdout)
        machine.upload("a.csv", "a,b\n")
        before = len(machine.log())
        machine.run("sudo systemctl restart dropgate")
        machine.wait_ready(before)
        self.assertNotIn("former one", self.install())
        self.assertNotIn("upgrade has replaced", machine.run("sudo -u dropgate dropgate doctor", check=False).stdout)

    def test_init_lists_what_is_left_until_nothing_is(self):
        machine = self.machine
        said = self.install()
        self.assertIn("account add vsee", said)
        self.assertIn("systemctl enable --now dropgate", said)
        steps = self.steps()
        self.assertEqual(len(steps), 5, steps)
        machine.run("ssh-keygen -q -t ed25519 -N '' -f key && dropgate account add vsee --key key.pub && "
                    "dropgate account add inner --role collector --collects-webhooks --key key.pub")
        # A certificate of an authority, for a name and an IPv6 address.
        machine.run("""
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=ca -keyout ca.key \
              -out ca.pem 2>&1 &&
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=gate -keyout k.pem -out r.pem 2>&1 &&
            printf 'subjectAltName=IP:2001:db8::5\\n' > names &&
            openssl x509 -req -in r.pem -CA ca.pem -CAkey ca.key -days 9 -extfile names -out c.pem 2>&1 &&
            sudo install -o dropgate -m 644 c.pem /var/lib/dropgate/tls/certificate.pem &&
            sudo install -o dropgate -m 600 k.pem /var/lib/dropgate/tls/key.pem""")
        machine.run("sed -i 's/0.0.0.0:8443/\"[::]:8443\"/; s/0.0.0.0:2222/\"[::]:2222\"/' /etc/dropgate/dropgate.yaml")
        text = self.init()
        self.assertIn("https://[2001:db8::5]:8443/webhooks/vsee\n", text)
        self.assertIn("2001:db8::5, port 2222\n", text)
        self.assertIn("SFTP user     vsee\n", text)
        self.assertNotIn("inner", text)
        self.assertIn("SFTP user     vsee\n", machine.run("dropgate init").stdout, "as root")
        self.assertEqual(len(self.steps()), 3, "firewall, check, start")
        machine.start()
        self.assertEqual(len(self.steps()), 1, "the firewall")
        machine.post(V2 % "1")
        machine.upload("a.csv", "a,b\n")
        wait_until(lambda: self.steps() == [], what="both channels heard")
        self.assertIn("NEXT  nothing", self.init())

    def init(self):
        return self.machine.run("sudo -u dropgate dropgate init").stdout

    def steps(self):
        text = self.init()
        return [line for line in text.partition("\nNEXT")[2].splitlines() if line[:4].strip().rstrip(".").isdigit()]


if __name__ == "__main__":
    unittest.main()
