"""The guide for when something is wrong: each fault is made, its section's commands are run, and what the section quotes is
what they and the gate's log say. Upgrades: test_upgrade.py. What systemd forbids: test_systemd.py."""
# Needs: openssh-server libnss-wrapper curl
import glob
import os
import re
import unittest

from gate import V2, wait_until
from guides import fragments, matches, sections
from machine import CHECKOUT, Machine, can_be_had

GUIDE = sections("troubleshooting.md")
STATE, SETTINGS = "/var/lib/dropgate", "/etc/dropgate/dropgate.yaml"
READ_ONLY = "A directory elsewhere is read-only for the gate"
OVERVIEW = "When something is wrong"
# Exit statuses of the shell and the parser for commands that are not there or not understood.
MISTAKES = (2, 64, 126, 127)


class Quotes(unittest.TestCase):
    def test_what_guides_quote_is_in_the_source(self):
        text = ""
        for path in glob.glob(f"{CHECKOUT}/Sources/**/*.swift", recursive=True):
            with open(path, encoding="utf-8") as file:
                text += file.read() + "\n"
        # Literals that are joined by + are one; what is put in counts as nothing.
        text = re.sub(r'"\s*\+\s*"', "", text)
        text = re.sub(r"\s+", " ", text)
        found = 0
        for name in ("troubleshooting.md", "operating.md"):
            for section in sections(name).values():
                found += len(section.quotes)
                for quote in section.quotes:
                    for part in fragments(quote):
                        self.assertTrue(all(word in text for word in re.split(r"\s{2,}|(?<=rejected)\s", part)),
                                        f"{name}, {section.title}: {part!r}")
        self.assertGreater(found, 10)

    def test_the_guide_begins_with_what_names_most_causes(self):
        self.assertIn("dropgate doctor", GUIDE[OVERVIEW].blocks[0])


@unittest.skipUnless(can_be_had(), "as root, where namespaces can be made")
class Troubleshooting(unittest.TestCase):
    def setUp(self):
        # Upgrades: test_upgrade.py. Nothing here forbids what systemd does: test_systemd.py.
        self.seen = {OVERVIEW, "After an upgrade the gate is still the former one", READ_ONLY}
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        self.machine.install()
        self.settings = self.machine.read(SETTINGS)

    def look(self, title):
        """Runs a section's commands; what they and the log say has all that the section quotes."""
        section = GUIDE[title]
        self.seen.add(title)
        said = ""
        for block in section.blocks:
            # What is set in one line is used in the others.
            names = ""
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"\w+=", line):
                    names += line + "; "
                    continue
                line = names + line
                result = self.machine.run(line, check=False)
                self.assertNotIn(result.returncode, MISTAKES, f"{line}\n{result.stdout}")
                said += result.stdout
        said += self.machine.log()
        for quote in section.quotes:
            self.assertTrue(matches(quote, said), f"{title}\n{quote}\n{said[-4000:]}")
        return said

    def restart(self, change=None, ready=True):
        """With other settings: what `change` makes of those that were shipped."""
        self.machine.run("sudo systemctl stop dropgate")
        self.machine.run("rm -f /var/log/dropgate.log")
        with open(self.machine.path(SETTINGS), "w") as file:
            file.write(change(self.settings) if change else self.settings)
        if ready:
            self.machine.start()
        else:
            self.machine.run("sudo systemctl start dropgate")
            wait_until(lambda: self.machine.run("systemctl is-active dropgate", check=False).returncode, what="its end")

    def test_each_fault_says_what_the_guide_quotes(self):
        machine = self.machine
        self.restart()
        self.look("Nothing arrives")
        self.look("VSee does not trust the certificate")
        self.look("The host key has changed, says VSee")

        machine.run("ip address add 192.0.2.66/32 dev lo")
        reset = machine.run("curl -sS -k --interface 192.0.2.66 -d x https://127.0.0.1:8443/webhooks/vsee", check=False)
        self.assertEqual(reset.returncode, 35, reset.stdout)
        wait_until(lambda: "not_listed" in machine.run("sudo -u dropgate dropgate attempts").stdout, what="the entry")
        self.look("VSee's connection is reset, or closed before TLS or SSH")

        machine.run("ssh-keygen -q -t ed25519 -N '' -f other")
        self.assertNotEqual(machine.upload("a.csv", "a\n", key="/root/other", check=False).returncode, 0)
        nobody = machine.run("sftp -F none -o BatchMode=yes -o BindAddress=20.21.208.105 -o StrictHostKeyChecking=no -o "
                             "IdentitiesOnly=yes -i key -P 2222 nobody@127.0.0.1", check=False)
        self.assertNotEqual(nobody.returncode, 0)
        attempts = "sudo -u dropgate dropgate attempts --kind login --verdict rejected --format jsonl"
        wait_until(lambda: machine.run(attempts).stdout.count("\n") >= 2, what="both logins")
        self.look("A login fails")

        self.restart(lambda text: text.replace("  #settle: 5s", "  settle: 1m"))
        machine.upload("a.csv", "a\n")
        self.look("ready/ is empty")

        machine.write("/etc/dropgate/header", "a secret of some length\n", 0o600)
        machine.run("chown dropgate: /etc/dropgate/header")
        self.restart(lambda text: text.replace(
            "  #header: {name: X-Gate-Token, value_file: webhook-header}",
            "  header: {name: X-Gate-Token, value_file: header}"))
        self.assertIn("403", machine.post(V2 % "1", check=False).stdout)
        self.look("VSee gets 403")

        self.restart(lambda text: text.replace("  #reserve: 1GiB", "  reserve: 1000TiB"))
        self.assertIn("503", machine.post(V2 % "1", check=False).stdout)
        self.look("The disk is full")

        machine.run("mkdir -m 700 /mnt/worm")
        self.restart(lambda text: text.replace("ledger:\n", "ledger:\n  witnesses: [/mnt/worm/notes]\n"))
        doctor = "sudo -u dropgate dropgate doctor"
        wait_until(lambda: "/mnt/worm/notes" in machine.run(doctor, check=False).stdout, what="the problem")
        self.look("A witness or forwarding does not work")

        self.restart()
        self.assertEqual(machine.post(V2 % "4").returncode, 0)
        entries = "sudo -u dropgate dropgate attempts --limit 0 --format jsonl"
        before = machine.run(entries).stdout
        machine.run(f"rm {STATE}/ledger.sqlite")
        wait_until(lambda: "is not the file that the gate has open" in machine.log(), what="the problem")
        said = self.look("The ledger was removed while the gate runs")
        self.assertIn("verified", said)
        wait_until(lambda: machine.post(V2 % "5", check=False).returncode == 0, what="the gate")
        self.assertTrue(machine.run(entries).stdout.startswith(before))

        second = machine.run("sudo -u dropgate dropgate serve", check=False)
        machine.write("/var/log/dropgate.log", machine.log() + second.stdout)
        self.assertNotEqual(second.returncode, 0)
        self.look("The gate does not start: another process writes the ledger")

        machine.run("sudo systemctl stop dropgate")
        machine.run(f"mv {STATE}/staging {STATE}/aside && sudo -u dropgate mkdir -m 700 {STATE}/staging")
        self.restart(ready=False)
        self.look("The gate does not start: another staging directory")
        check = machine.run("sudo -u dropgate dropgate serve --check", check=False)
        self.assertEqual(check.returncode, 78, check.stdout)
        self.assertIn("is not the staging directory that belongs to this ledger", check.stdout)
        machine.run(f"rm -r {STATE}/staging && mv {STATE}/aside {STATE}/staging")

        self.restart(lambda text: text + "\nno_such_key: 1\n", ready=False)
        self.look("The gate does not start: settings")
        self.roll_back()
        self.look("The gate does not start: it was rolled back")
        self.assertEqual({title for title, section in GUIDE.items() if section.blocks}, self.seen)

    def roll_back(self):
        """The ledger is older than what a witness has seen."""
        self.machine.run("chown dropgate: /mnt/worm")
        witnessed = lambda text: text.replace("ledger:\n", "ledger:\n  witnesses: [/mnt/worm/notes]\n")  # noqa: E731
        self.restart(witnessed)
        self.machine.run(f"cp -a {STATE} /root/older && sudo -u dropgate dropgate ledger checkpoint")
        self.machine.post(V2 % "2")
        self.machine.run("sudo systemctl stop dropgate && sudo -u dropgate dropgate ledger checkpoint")
        self.machine.run(f"rm -r {STATE} && cp -a /root/older {STATE}")
        self.restart(witnessed, ready=False)


if __name__ == "__main__":
    unittest.main()
