"""An integrator collects over SFTP with the clients it has: receipts and files of its accounts, and nothing else."""
# Needs: rclone
import hashlib
import json
import os
import shutil
import subprocess
import unittest

from gate import V2, Gate, read, wait_until


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class Collector(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = gate = Gate()
        cls.addClassCleanup(gate.close)
        for name, options in [("lab", []), ("files", ["--role", "collector", "--collects", "vsee"]),
                              ("events", ["--role", "collector", "--collects-webhooks"])]:
            gate.run("account", "add", name, "--key", gate.key + ".pub", *options, "--config", gate.config)
        gate.start()
        cls.large = os.urandom(24 << 20)

    def as_account(self, name, commands):
        gate = self.gate
        before, gate.account = gate.account, name
        try:
            return gate.sftp(commands)
        finally:
            gate.account = before

    def deliver(self, account, name, data):
        local = self.gate.file("upload", data)
        folder = os.path.dirname(name)
        made = f"-mkdir {folder}\n" if folder else ""
        result = self.as_account(account, f'{made}put {local} "{name}"\n')
        self.assertEqual(result.returncode, 0, result.stderr)

        def released():
            return [r for r in self.gate.receipts() if r.get("account") == account and r["name"] == name]
        return wait_until(released, what=name)[0]

    def collect(self, commands, account="files"):
        result = self.as_account(account, commands)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def state(self, drop):
        shown = self.gate.run("drops", "show", drop, "--format", "json", "--config", self.gate.config)
        return json.loads(shown.stdout)["state"]

    def test_receipts_and_files_are_fetched_whole_and_collected_once(self):
        receipt = self.deliver("vsee", "dir/a b.bin", self.large)
        target = os.path.join(self.gate.root, "fetched")
        wait_until(lambda: self.state(receipt["drop"]) == "released")
        name = f"/receipts/{receipt['drop']}.json"
        self.collect(f'get {name} {target}.json\nget "/{receipt["file"]}" {target}\n')
        self.assertEqual(json.loads(read(target + ".json")), receipt)
        with open(target, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).hexdigest(), receipt["sha256"])
        self.assertIn(receipt["drop"], self.collect("ls -1 /receipts\n"))
        self.collect(f"rm {name}\n")
        self.assertEqual(self.state(receipt["drop"]), "acknowledged")
        self.assertNotIn(receipt["drop"], self.collect("ls -1 /receipts\n"))
        self.assertNotEqual(self.as_account("files", f"rm {name}\n").returncode, 0)
        self.assertNotEqual(self.as_account("files", f'get "/{receipt["file"]}" {target}\n').returncode, 0)
        accesses = [e for e in self.gate.entries("--reason", "read") if e.get("detail", {}).get("drop") == receipt["drop"]]
        self.assertEqual({(e["kind"], e["account"], e["detail"]["file"]) for e in accesses},
                         {("access", "files", receipt["file"].removeprefix("ready/"))})
        self.assertEqual(sorted("acknowledged" in e["detail"] for e in accesses), [False, True])

    def test_a_whole_tree_comes_with_one_command(self):
        receipts = [self.deliver("vsee", f"tree/{number}.xml", b"x" * number) for number in range(1, 6)]
        target = os.path.join(self.gate.root, "tree")
        wait_until(lambda: all(self.state(r["drop"]) == "released" for r in receipts))
        self.collect(f"get -r /ready/sftp/vsee/tree {target}\n")
        self.assertEqual({name: os.path.getsize(os.path.join(target, name)) for name in os.listdir(target)},
                         {f"{number}.xml": number for number in range(1, 6)})

    def test_what_is_not_its_own_is_not_there(self):
        other = self.deliver("lab", "lab.xml", b"lab")
        wait_until(lambda: self.state(other["drop"]) == "released")
        self.assertNotIn("lab", self.collect("ls -1 /ready/sftp\n"))
        self.assertNotIn(other["drop"], self.collect("ls -1 /receipts\n"))
        for command in [f"get /{other['file']} /dev/null", f"get /receipts/{other['drop']}.json /dev/null",
                        f"rm /receipts/{other['drop']}.json", "get /ready/../../ledger.sqlite /dev/null"]:
            self.assertNotEqual(self.as_account("files", command + "\n").returncode, 0, command)
        self.assertEqual(self.state(other["drop"]), "released")

    def test_it_writes_nothing_and_senders_read_nothing(self):
        receipt = self.deliver("vsee", "own.xml", b"own")
        local = self.gate.file("x", b"x")
        for command in [f"put {local} x", f"put {local} /ready/x", "mkdir /ready/d", f"rm /{receipt['file']}",
                        f"rename /{receipt['file']} /ready/y", f"chmod 777 /{receipt['file']}"]:
            self.assertNotEqual(self.as_account("files", command + "\n").returncode, 0, command)
        self.assertNotEqual(self.as_account("vsee", "get own.xml /dev/null\n").returncode, 0)
        self.assertNotEqual(self.as_account("vsee", f"get /receipts/{receipt['drop']}.json /dev/null\n").returncode, 0)
        self.assertEqual(self.gate.contents("sftp/vsee/own.xml"), b"own")
        refused = {e["detail"]["operation"] for e in self.gate.entries("--reason", "forbidden_operation")
                   if e.get("account") == "files"}
        self.assertLessEqual({"OPEN", "MKDIR", "REMOVE", "SETSTAT"}, refused)

    def test_webhooks_are_collected_by_who_may(self):
        self.assertEqual(self.gate.post(V2 % "collected-1").returncode, 0)
        receipt = wait_until(lambda: [r for r in self.gate.receipts() if r.get("event_id") == "collected-1"])[0]
        wait_until(lambda: self.state(receipt["drop"]) == "released")
        target = os.path.join(self.gate.root, "event")
        self.collect(f"get /{receipt['file']} {target}\nrm /receipts/{receipt['drop']}.json\n", "events")
        self.assertEqual(read(target), V2 % "collected-1")
        self.assertEqual(self.state(receipt["drop"]), "acknowledged")
        self.assertNotIn("webhook", self.collect("ls -1 /ready\n"))

    def test_a_probe_leaves_an_entry_and_no_drop(self):
        local = self.gate.file("marker", b"0123456789abcdef")
        before = self.gate.ready()
        self.collect(f"put {local} .dropgate-probe-7\nrm .dropgate-probe-7\n", "vsee")
        probe = wait_until(lambda: [e for e in self.gate.entries() if e["kind"] == "probe"])[0]
        self.assertEqual((probe["verdict"], probe["reason"], probe["detail"]["bytes"]), ("accepted", "listed", 16))
        self.assertEqual(self.gate.ready(), before)

    def other_client(self, name, command):
        receipt = self.deliver("vsee", f"{name}.bin", self.large)
        wait_until(lambda: self.state(receipt["drop"]) == "released")
        target = os.path.join(self.gate.root, f"{name}.bin")
        result = subprocess.run(command(receipt, target), capture_output=True, text=True, timeout=60,
                                env={**os.environ, "HOME": self.gate.root})
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(target, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).hexdigest(), receipt["sha256"])

    @needs("sftp")
    def test_openssh_reads(self):
        gate = self.gate
        self.other_client("openssh", lambda receipt, target: [
            "sftp", *gate.ssh_options(), "-P", str(gate.ports["sftp"]),
            f"files@127.0.0.1:/{receipt['file']}", target])

    @needs("rclone")
    def test_rclone_reads(self):
        gate = self.gate
        remote = f":sftp,host=127.0.0.1,port={gate.ports['sftp']},user=files,key_file={gate.key}:"
        self.other_client("rclone", lambda receipt, target: [
            "rclone", "copyto", f"{remote}/{receipt['file']}", target, "--bind", "127.0.0.2", "--retries", "1"])

    @needs("curl")
    def test_curl_reads(self):
        gate = self.gate
        if "sftp" not in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout:
            self.skipTest("curl without SFTP")
        self.other_client("curl", lambda receipt, target: [
            "curl", "-sS", "--max-time", "50", "--interface", "127.0.0.2", "-k", "--key", gate.key, "--pubkey",
            gate.key + ".pub", "-u", "files:", "-o", target,
            f"sftp://127.0.0.1:{gate.ports['sftp']}/{receipt['file']}"])


if __name__ == "__main__":
    unittest.main()
