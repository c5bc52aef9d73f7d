"""Deploy/packages.sh with apt and packages made for the test: what comes is not started, what is there is not removed."""
# Needs: dpkg-dev
import os
import shutil
import subprocess
import tempfile
import unittest

from machine import CHECKOUT, Machine, can_be_had

SERVICE = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
POSTINST = "#!/bin/sh\nupdate-rc.d gate-test-server defaults\ninvoke-rc.d gate-test-server start\n"
RC = """#!/bin/sh
### BEGIN INIT INFO
# Provides: gate-test-server
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo $1 >>/var/log/started
"""
# A unit of the package is enabled, one of the machine is; `static` cannot be, and asking for it succeeds.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/var/log/systemctl.log
case $* in *is-enabled*static*) echo static ;; *is-enabled*) echo enabled ;; esac
"""


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="repository-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        units = {f"lib/systemd/system/gate-test-{name}.service": SERVICE for name in ("server", "static")}
        self.package("gate-test-server", {**units, "etc/init.d/gate-test-server": RC}, POSTINST)
        self.package("gate-test-client", {}, depends="gate-test-server")
        self.package("gate-test-rival", {}, conflicts="gate-test-server")
        self.package("gate-test-library-t64", {}, provides="gate-test-library (= 1)")
        listed = subprocess.run(["dpkg-scanpackages", "."], cwd=self.folder, check=True, capture_output=True).stdout
        with open(os.path.join(self.folder, "Packages"), "wb") as file:
            file.write(listed)
        self.machine = machine = Machine([self.folder])
        self.addCleanup(machine.close)
        # Without /run/systemd/system invoke-rc.d(8) starts by /etc/init.d, for a run level.
        machine.run("rm -rf /usr/sbin/runlevel /run/systemd /usr/sbin/policy-rc.d /etc/apt/sources.list*")
        machine.write("/etc/apt/sources.list", f"deb [trusted=yes] file:{self.folder} ./\n")
        machine.run("mkdir /etc/apt/sources.list.d")
        machine.write("/usr/local/bin/swift", "#!/bin/sh\necho Swift version 6.2\n", 0o755)
        machine.write("/usr/sbin/runlevel", "#!/bin/sh\necho N 5\n", 0o755)
        machine.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)

    def package(self, name, files, postinst=None, depends="", conflicts="", provides=""):
        root = os.path.join(self.folder, "root")
        control = {"Package": name, "Version": "1", "Architecture": "all", "Maintainer": "Test <test@example.org>",
                   "Description": "for a test", "Depends": depends, "Conflicts": conflicts, "Provides": provides}
        texts = {**files, "DEBIAN/control": "".join(f"{key}: {value}\n" for key, value in control.items() if value)}
        if postinst:
            texts["DEBIAN/postinst"] = postinst
        for path, text in texts.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as file:
                file.write(text)
            os.chmod(file.name, 0o755)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, self.folder], check=True, capture_output=True)
        shutil.rmtree(root)

    def install(self, *names, check=True):
        return self.machine.run(f"{CHECKOUT}/Deploy/packages.sh {' '.join(names)}", check=check)

    def is_installed(self, name):
        return self.machine.run(f"dpkg-query -W -f '${{db:Status-Status}}' {name}", check=False).stdout == "installed"

    def test_a_server_that_comes_as_a_dependency_is_neither_started_nor_enabled(self):
        said = self.install("gate-test-client").stdout
        self.assertTrue(self.is_installed("gate-test-server"))
        self.assertIn("gate-test-server.service is left disabled", said)
        self.assertFalse(self.machine.exists("/var/log/started"))
        self.assertFalse(self.machine.exists("/usr/sbin/policy-rc.d"), "other packages' servers are started again")
        calls = self.machine.read("/var/log/systemctl.log").splitlines()
        self.assertEqual([call for call in calls if "disable" in call], ["--quiet disable gate-test-server.service"])

    def test_a_server_that_was_there_stays_enabled_and_is_not_removed_for_another(self):
        said = self.machine.run("apt-get update && apt-get install -y gate-test-server", DEBIAN_FRONTEND="noninteractive").stdout
        self.assertTrue(self.machine.exists("/var/log/started"), f"it starts where nothing forbids it\n{said}")
        self.machine.run("rm /var/log/systemctl.log", check=False)
        refused = self.install("gate-test-rival", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("packages: apt-get failed", refused.stdout)
        self.assertTrue(self.is_installed("gate-test-server"))
        self.assertFalse(self.is_installed("gate-test-rival"))
        self.install("gate-test-client")
        self.assertTrue(self.is_installed("gate-test-client"))
        self.assertFalse(self.machine.exists("/var/log/systemctl.log"), "no unit came")
        self.assertEqual(self.install("gate-test-client").stdout, "", "nothing is missing")

    def test_what_another_package_provides_is_not_missing(self):
        self.assertIn("installing gate-test-library\n", self.install("gate-test-library").stdout)
        self.assertTrue(self.is_installed("gate-test-library-t64"))
        self.assertEqual(self.install("gate-test-library").stdout, "")
        # Part of a name is none.
        self.assertNotEqual(self.install("gate-test-lib", check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
