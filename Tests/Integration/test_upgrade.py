"""The package's programs replaced under a running gate: what its health, its log and doctor say, and that a restart ends it;
upgrade, downgrade and removal by the commands of the guide. On a machine of its own, without a network."""
# Needs: dpkg-dev chrpath openssh-server libnss-wrapper curl
import json
import os
import shutil
import unittest

from gate import V2, wait_until
from guides import matches, sections
from machine import Machine, can_be_had
from test_package import PackageTest, read, run, toolchain

OPERATING, TROUBLE = sections("operating.md"), sections("troubleshooting.md")
# A session of a release to come: it says so, and speaks messages that this gate does not know.
SESSION = '''#!/usr/bin/python3
import socket, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(print("dropgate-session 99.0, messages of version 99"))
daemon = socket.socket(socket.AF_UNIX)
daemon.connect(sys.argv[2])
daemon.sendall(b"hello\\t99\\twhat only version 99 knows\\n")
kind, *fields = daemon.makefile().readline().rstrip("\\n").split("\\t")
sys.exit("dropgate: " + fields[-1] if kind == "welcome" else "dropgate: no welcome")
'''


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Upgrade(PackageTest):
    def setUp(self):
        self.machine = Machine([toolchain()] if toolchain() else [])
        self.addCleanup(self.machine.close)

    def package_of(self, version, session=None):
        """The package as another release, with another session if one is given."""
        tree = os.path.join(self.folder, version)
        shutil.copytree(self.tree, tree, symlinks=True)
        control = os.path.join(tree, "DEBIAN/control")
        lines = [f"Version: {version}" if line.startswith("Version:") else line for line in read(control).splitlines()]
        with open(control, "w") as file:
            file.write("\n".join(lines) + "\n")
        if session:
            with open(os.path.join(tree, "usr/libexec/dropgate/dropgate-session"), "w") as file:
                file.write(session)
        package = os.path.join(self.folder, f"dropgate_{version}_all.deb")
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, package)
        return package

    def bring(self, package):
        """The one package that lies where the guide's commands look for it."""
        self.machine.run("rm -f dropgate_*.deb")
        shutil.copy(package, self.machine.path("/root"))

    def by_guide(self, title, check=True):
        return self.machine.run("set -e\n" + OPERATING[title].blocks[0], check=check, DEBIAN_FRONTEND="noninteractive").stdout

    def health(self):
        said = self.machine.run("curl -s -H \"Authorization: Bearer $(cat /var/lib/dropgate/console.token)\" "
                                "http://127.0.0.1:8080/readyz").stdout
        return json.loads(said)

    def set_format(self, number):
        """Returns the ledger's format until then."""
        return int(self.machine.run(f"""runuser -u dropgate -- python3 -c 'import sqlite3
ledger = sqlite3.connect("/var/lib/dropgate/ledger.sqlite", timeout=20)
print(ledger.execute("PRAGMA user_version").fetchone()[0])
ledger.execute("PRAGMA user_version = {number}")
ledger.close()'""").stdout)

    def doctor(self):
        return self.machine.run("sudo -u dropgate dropgate doctor", check=False).stdout

    def test_a_session_of_another_release_is_told_by_health_log_and_doctor_until_the_gate_is_restarted(self):
        machine = self.machine
        self.bring(self.package)
        machine.run("apt-get install -y ./dropgate_*.deb", DEBIAN_FRONTEND="noninteractive")
        machine.run("ssh-keygen -q -t ed25519 -N '' -f key && dropgate account add vsee --key key.pub")
        machine.start()
        machine.upload("a.csv", "a,b\n")
        self.assertEqual(self.health(), {"status": "ready"})

        # A release whose gate would not start: the one that runs goes on, with webhooks alone.
        self.bring(self.package_of("99.0", SESSION))
        said = self.by_guide("Upgrade", check=False)
        self.assertIn("the running gate is still the former version, and may accept no SFTP login with the new dropgate-session", said)
        self.assertIn('"stored"', machine.post(V2 % "1").stdout)
        self.assertEqual(self.health(), {"status": "ready"}, "nobody has tried yet")
        failed = machine.upload("b.csv", "b\n", check=False)
        self.assertNotEqual(failed.returncode, 0)
        wait_until(lambda: self.health().get("problems", {}).get("sftp.session"), what="the problem")
        health, doctor = self.health(), self.doctor()
        self.assertEqual(health["status"], "degraded")
        quotes = TROUBLE["After an upgrade the gate is still the former one"].quotes
        self.assertTrue(matches(quotes[0], doctor), doctor)
        self.assertTrue(matches(quotes[1], health["problems"]["sftp.session"]), health)
        self.assertTrue(matches(quotes[1], doctor), doctor)
        self.assertRegex(machine.log(), r"an SFTP session was not welcomed: it speaks version 99, the daemon \d+")
        self.assertIn("is not a session for this gate", doctor)

        # The right one comes and restarts the gate.
        before = len(machine.log())
        self.bring(self.package_of("99.1"))
        self.by_guide("Upgrade")
        machine.wait_ready(before)
        machine.upload("c.csv", "c\n")
        self.assertEqual(self.health(), {"status": "ready"})
        self.assertNotIn("upgrade has replaced", self.doctor())

        # And back to the older one, whose ledger is of the same format; then away with the programs alone.
        before = len(machine.log())
        self.bring(self.package)
        self.by_guide("Downgrade")
        machine.wait_ready(before)
        machine.upload("d.csv", "d\n")

        # A release that does not know the ledger's format is not put in the place of one that runs.
        former = self.set_format(99)
        self.bring(self.package_of("99.2"))
        said = self.by_guide("Upgrade", check=False)
        self.assertIn("the running gate is still the former version", said)
        self.assertTrue(matches(OPERATING["Downgrade"].quotes[0], said), said)
        self.assertIn('"stored"', machine.post(V2 % "2").stdout)
        self.assertEqual(self.set_format(former), 99)
        self.by_guide("Uninstall")
        self.assertNotEqual(machine.run("systemctl is-active dropgate", check=False).returncode, 0)
        self.assertFalse(machine.exists("/usr/bin/dropgate"))
        for path in ("/var/lib/dropgate/ledger.sqlite", "/etc/dropgate/accounts/vsee.yaml"):
            self.assertTrue(machine.exists(path), path)

        # A ledger that was closed is evidence, too, where nothing else is left.
        machine.run("cd /var/lib/dropgate && mkdir ledger-until-2026-11-26 && mv ledger.sqlite* ledger-until-2026-11-26 && "
                    "rm -r staging segments forward", check=False)
        machine.run("apt-get purge -y dropgate", DEBIAN_FRONTEND="noninteractive")
        self.assertTrue(machine.exists("/var/lib/dropgate/ledger-until-2026-11-26/ledger.sqlite"))
        self.assertTrue(machine.exists("/var/lib/dropgate/keys/ledger.key.pub"))
        self.assertFalse(machine.exists("/etc/dropgate") or machine.exists("/var/lib/dropgate/keys/ssh_host_rsa_key"))


if __name__ == "__main__":
    unittest.main()
