"""The guide to operating a gate, by its own commands: backup under a running gate, restore on another machine and against
a witness that has seen more, downgrade, uninstallation. Upgrades of the package: test_upgrade.py."""
# Needs: openssh-server libnss-wrapper curl
import json
import os
import shutil
import subprocess
import sys
import unittest

from gate import BIN, V2, wait_until
from guides import matches, sections
from machine import Machine, can_be_had

GUIDE = sections("operating.md")
WITNESS = "/mnt/worm/gate-1.notes"
STATE = "/var/lib/dropgate"


def block(title, number=0):
    return GUIDE[title].blocks[number]


class Sizing(unittest.TestCase):
    def test_the_program_that_prints_the_sizes_of_the_guide_works(self):
        program = os.path.join(os.path.dirname(__file__), "../Performance/sizing.py")
        result = subprocess.run([sys.executable, program, "80", "5"], capture_output=True, text=True, timeout=240,
                                env={**os.environ, "GATE_BIN": BIN})
        self.assertEqual(result.returncode, 0, result.stderr)
        figures = dict(line.rsplit(None, 1) for line in result.stdout.splitlines())
        self.assertEqual(len(figures), 10, result.stdout)
        sizes = {what: float(figure) for what, figure in figures.items() if not what.endswith("seconds")}
        self.assertGreater(min(sizes.values()), 0, result.stdout)


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Operating(unittest.TestCase):
    def machine(self):
        machine = Machine()
        self.addCleanup(machine.close)
        return machine

    def gate(self, before=""):
        """A machine with a gate whose checkpoints go to a witness on another mount."""
        machine = self.machine()
        if before:
            machine.run(before)
        machine.install()
        machine.run("install -d -o dropgate -m 700 /mnt/worm")
        self.set_witness(machine, WITNESS)
        return machine

    def set_witness(self, machine, path):
        machine.run(f"""sed -i '/^ledger:/,$ {{ /^  witnesses:/d }}; s|^ledger:.*|&\\n  witnesses: [{path}]|' \
            /etc/dropgate/dropgate.yaml""")

    def deliver(self, machine, names):
        for name in names:
            self.assertIn("stored", machine.post(V2 % name).stdout)
            machine.upload(f"{name}.csv", f"{name}\n")
        ready = [f"{STATE}/staging/ready/sftp/vsee/{name}.csv" for name in names]
        wait_until(lambda: all(map(machine.exists, ready)), what="the uploads in ready/")

    def verify(self, machine):
        said = machine.run("sudo -u dropgate dropgate ledger verify --format json", check=False)
        return said.returncode, json.loads(said.stdout)

    def ready(self, machine):
        return sorted(machine.run(f"cd {STATE}/staging/ready && find . -type f -exec sha256sum {{}} +").stdout.splitlines())

    def test_a_backup_of_a_running_gate_restores_on_another_machine_with_all_that_it_had(self):
        machine = self.gate()
        machine.start()
        self.deliver(machine, ["a1", "a2"])
        said = machine.run(block("Backup"))
        self.assertIn("it holds the key that signs the ledger", said.stdout)
        modes = machine.run("stat -c '%a %U' /var/backups/dropgate/*/ledger /var/backups/dropgate/*/ledger/ledger.sqlite "
                            "/var/backups/dropgate/*/rest.tar.gz").stdout
        self.assertEqual(modes.splitlines(), ["700 dropgate", "600 dropgate", "600 root"])
        sizes = machine.run(block("Sizing")).stdout.splitlines()
        self.assertTrue(int(sizes[1]) > 5 and int(sizes[-1]) > 1000, sizes)
        # The gate went on, and its backup is good.
        self.deliver(machine, ["a3"])
        self.assertIn("verified 0…", machine.run(block("Backup", 1)).stdout)
        machine.run("tar -C /var/backups -cpf /tmp/backup.tar dropgate")

        # There the gate's user has another number.
        other = self.gate(before="useradd --system somebody-else")
        shutil.copy(machine.path("/tmp/backup.tar"), other.path("/tmp/backup.tar"))
        for name in ("key", "key.pub"):
            shutil.copy(machine.path(f"/root/{name}"), other.path(f"/root/{name}"))
        other.run("tar -C /var/backups -xpf /tmp/backup.tar")
        host_key = machine.read(f"{STATE}/keys/ssh_host_ed25519_key.pub")
        self.assertNotEqual(other.read(f"{STATE}/keys/ssh_host_ed25519_key.pub"), host_key)
        other.run("set -e\n" + block("Restore"))
        self.assertEqual(other.read(f"{STATE}/keys/ssh_host_ed25519_key.pub"), host_key)
        # The witness's filesystem is not that of the other machine.
        said = other.run(block("Restore", 1), check=False)
        self.assertEqual(said.returncode, 31, said.stdout)
        self.assertRegex(said.stdout, f"witness {WITNESS} has no checkpoint of [0-9]+ entries or more, but it took one")
        before = self.ready(other)
        self.assertEqual({line.split()[-1].rsplit("/", 1)[-1] for line in before if "/sftp/" in line},
                         {"a1.csv", "a2.csv"})
        self.assertEqual(len(before), 4)
        before_start = len(other.log())
        other.run(block("Restore", 2).splitlines()[0])
        other.wait_ready(before_start)
        other.run(block("Restore", 2).splitlines()[1])
        other.run("sudo -u dropgate dropgate drops verify")
        self.assertIn('"duplicate"', other.post(V2 % "a2").stdout)
        self.assertIn('"stored"', other.post(V2 % "a3").stdout)
        other.upload("b.csv", "b\n")
        other.run("sudo systemctl stop dropgate")
        self.assertEqual(self.verify(other)[0], 0)
        # Nothing of what was there is lost.
        self.assertTrue(other.run("ls -d /etc/dropgate.aside-* /var/lib/dropgate.aside-*").stdout)

    def test_an_older_backup_is_refused_by_a_witness_and_the_way_out_works(self):
        machine = self.gate()
        machine.start()
        self.deliver(machine, ["a1"])
        machine.run(block("Backup"))
        self.deliver(machine, ["a2"])
        machine.run("sudo systemctl stop dropgate")
        checked = machine.run("set -e\n" + block("Restore"), check=False)
        self.assertEqual(checked.returncode, 78, checked.stdout)
        quoted = GUIDE["When a witness has seen more than the backup"].quotes
        self.assertTrue(all(matches(quote, checked.stdout) for quote in quoted), checked.stdout)
        said = machine.run(block("Restore", 1), check=False)
        self.assertEqual(said.returncode, 23, said.stdout)
        machine.run("sudo systemctl start dropgate")
        wait_until(lambda: machine.run("systemctl is-active dropgate", check=False).returncode, what="the gate's end")
        self.assertTrue(all(matches(quote, machine.log()) for quote in quoted), machine.log()[-2000:])

        seen = machine.read(WITNESS)
        out = "When a witness has seen more than the backup"
        machine.run("set -e\n" + block(out, 0))
        self.set_witness(machine, "/mnt/worm/gate-1-second.notes")
        before = len(machine.log())
        machine.run("set -e\n" + block(out, 1).replace("sudo -u dropgate dropgate doctor", ""))
        machine.wait_ready(before)
        machine.run(block(out, 1).splitlines()[-1])
        self.assertIn('"stored"', machine.post(V2 % "a3").stdout)
        machine.run("sudo systemctl stop dropgate")
        status, verification = self.verify(machine)
        self.assertEqual((status, verification["anchored"]), (0, True))
        old = machine.run("set -e\n" + block(out, 2)).stdout
        self.assertIn("verified 0…", old)
        self.assertIn("vsee", old)
        self.assertEqual(machine.read(WITNESS), seen, "the witness of the old ledger is left alone")

    def test_a_ledger_of_a_newer_release_is_not_touched_by_an_older_one(self):
        machine = self.gate()
        machine.start()
        self.deliver(machine, ["a1"])
        machine.run("sudo systemctl stop dropgate")
        dump = f"""runuser -u dropgate -- python3 -c 'import sqlite3
ledger = sqlite3.connect("{STATE}/ledger.sqlite")
ledger.execute("PRAGMA user_version = 99")
print(list(ledger.iterdump()))'"""
        before = machine.run(dump).stdout
        checked = machine.run("sudo -u dropgate dropgate serve --check", check=False)
        self.assertEqual(checked.returncode, 78, checked.stdout)
        machine.run("sudo systemctl start dropgate")
        wait_until(lambda: machine.run("systemctl is-active dropgate", check=False).returncode, what="the gate's end")
        for quote in GUIDE["Downgrade"].quotes:
            for said in (checked.stdout, machine.log()):
                self.assertTrue(matches(quote, said), said[-2000:])
        self.assertIn("INSERT INTO", before)
        self.assertEqual(machine.run(dump).stdout, before)

    def test_uninstallation_leaves_ledger_and_staging_until_they_are_removed_by_name(self):
        machine = self.gate()
        machine.start()
        self.deliver(machine, ["a1"])
        machine.run("set -e\n" + block("Uninstall", 1))
        self.assertEqual(machine.run("systemctl is-active dropgate", check=False).stdout, "inactive\n")
        self.assertEqual(machine.run("find /usr/local /etc/systemd/system -name '*dropgate*'").stdout, "")
        self.assertIn("a1.csv", machine.run(block("Uninstall", 2)).stdout)
        for path in (f"{STATE}/ledger.sqlite", f"{STATE}/keys/ledger.key", "/etc/dropgate/accounts/vsee.yaml"):
            self.assertTrue(machine.exists(path), path)
        machine.run(block("Uninstall", 3))
        self.assertFalse(machine.exists(STATE) or machine.exists("/etc/dropgate"))
        self.assertNotEqual(machine.run("getent passwd dropgate", check=False).returncode, 0)

    def test_every_block_of_the_guide_is_run_by_a_test(self):
        # By title: how many of them are run above, or in test_upgrade.py.
        run = {"Sizing": 1, "Backup": 2, "Restore": 3, "When a witness has seen more than the backup": 3, "Upgrade": 1,
               "Downgrade": 1, "Uninstall": 4}
        self.assertEqual({title: len(section.blocks) for title, section in GUIDE.items() if section.blocks}, run)


if __name__ == "__main__":
    unittest.main()
