"""The service under systemd itself, booted as the first process of a machine of its own: as installed by the README it takes
a webhook and an upload, is started again when it dies, and is left alone when its settings are wrong."""
# Needs: openssh-server libnss-wrapper curl
import unittest

from booted import Booted, why_not
from gate import V2, wait_until
from guides import sections
from machine import can_be_had

SETTINGS = "/etc/dropgate/dropgate.yaml"
READ_ONLY = sections("troubleshooting.md")["A directory elsewhere is read-only for the gate"]


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Service(unittest.TestCase):
    def setUp(self):
        if reason := why_not():
            self.skipTest(reason)
        self.machine = Booted()
        self.addCleanup(self.machine.close)
        self.machine.install()

    def change_settings(self, old, new):
        text = self.machine.read(SETTINGS)
        self.assertIn(old, text)
        self.machine.write(SETTINGS, text.replace(old, new))

    def test_it_takes_webhooks_and_uploads_and_is_there_again_when_it_was_killed(self):
        machine = self.machine
        machine.run("sudo systemctl enable --now dropgate")
        machine.wait_ready()
        self.assertIn('"stored"', machine.post(V2 % "1").stdout)
        machine.upload("a.csv", "a,b\n")

        before = len(machine.log())
        machine.run("systemctl kill --signal=KILL --kill-whom=main dropgate")
        wait_until(lambda: machine.show("NRestarts") == "1", what="its restart")
        machine.wait_ready(before)
        self.assertIn('"stored"', machine.post(V2 % "2").stdout)
        machine.upload("b.csv", "a,b\n")
        accepted = machine.run("sudo -u dropgate dropgate drops list --format json").stdout
        self.assertEqual(accepted.count("\n"), 4, accepted)
        doctor = machine.run("sudo -u dropgate dropgate doctor", check=False).stdout
        self.assertNotIn("systemctl start dropgate", doctor)

        machine.run("printf 'name: more\\nentries:\\n  - {cidr: 192.0.2.77, service: s, channels: [sftp]}\\n' "
                    ">/etc/dropgate/sources/more.yaml && chgrp dropgate /etc/dropgate/sources/more.yaml")
        before = len(machine.log())
        machine.run("sudo systemctl reload dropgate")
        wait_until(lambda: "192.0.2.77" in machine.log()[before:], what="the list")

        # The reload comes long before the gate is ready.
        before = len(machine.log())
        machine.run("sudo systemctl restart dropgate && sudo systemctl reload dropgate")
        machine.wait_ready(before)
        self.assertEqual(machine.run("systemctl is-active dropgate", check=False).stdout, "active\n")

        machine.run("sudo systemctl stop dropgate")
        self.assertEqual([machine.show(name) for name in ("ActiveState", "Result", "ExecMainStatus")],
                         ["inactive", "success", "0"])
        self.assertFalse(machine.exists("/sys/fs/cgroup/system.slice/dropgate.service"), "a process of it is left")
        self.assertNotIn("Operation not permitted", machine.log())
        self.assertNotIn("Read-only file system", machine.log())
        # libdispatch's own thread for events asks for a priority at each start; no queue of ours does.
        self.assertLessEqual(machine.log().count("Failed to set thread priority"), machine.log().count("\nready\n"))

    def test_wrong_settings_end_it_and_it_is_not_started_again(self):
        machine = self.machine
        machine.write(SETTINGS, machine.read(SETTINGS) + "\nno_such_key: 1\n")
        machine.run("sudo systemctl start dropgate", check=False)
        wait_until(lambda: machine.show("ActiveState") == "failed", what="its end")
        self.assertEqual([machine.show(name) for name in ("SubState", "ExecMainStatus", "NRestarts")], ["failed", "78", "0"])
        self.assertIn("unknown key", machine.log())

    def test_a_directory_elsewhere_is_read_only_until_a_drop_in_names_it(self):
        machine = self.machine
        machine.run("mkdir -m 700 /srv/dropgate && chown dropgate: /srv/dropgate")
        self.change_settings("ledger:\n", "ledger:\n  witnesses: [/srv/dropgate/notes]\n")
        machine.start()
        wait_until(lambda: "Read-only file system" in machine.log(), what="the problem")
        self.assertEqual(machine.run("sudo -u dropgate dropgate serve --check", check=False).returncode, 0)

        before = len(machine.log())
        for block in READ_ONLY.blocks:
            machine.run(block)
        machine.wait_ready(before)
        machine.post(V2 % "1")
        machine.run("sudo -u dropgate dropgate ledger checkpoint")
        wait_until(lambda: machine.exists("/srv/dropgate/notes"), what="the note")
        self.assertNotIn("Read-only file system", machine.log()[before:])


if __name__ == "__main__":
    unittest.main()
