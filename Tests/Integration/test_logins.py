"""Logins that fail, are slowed down or come too late: real clients, and what the ledger says of them."""
# Needs: python3-paramiko
import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import libssh2  # noqa: E402
from gate import STAND_IN, Gate, read, wait_until  # noqa: E402

DEBIAN_PYTHON = "/usr/bin/python3"  # has Debian's modules

# A caller of before RFC 8308. It does not hear which signatures sshd takes, and signs with RSA as it always did.
OLD_CALLER = """
import socket, sys, paramiko

class Old(paramiko.Transport):
    server_extensions = property(lambda self: {}, lambda self, told: None)

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30, source_address=("127.0.0.2", 0))
caller = Old(connection, disabled_algorithms={"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]})
caller.start_client(timeout=30)
try:
    caller.auth_publickey("vsee", paramiko.RSAKey.from_private_key_file(sys.argv[2]))
except paramiko.AuthenticationException:
    print("refused")
caller.close()
"""
TWO = STAND_IN + "  - {cidr: 127.0.0.3/32, service: other, channels: [webhook, sftp]}\n"


def logins(gate):
    return [e for e in gate.entries("--channel", "sftp", "--kind", "login")]


def ssh(gate, *options, user="vsee", source="127.0.0.2", password=None, prompts=1, start=False):
    """`ssh -s sftp` to its end; with `start` the process itself."""
    arguments = ["ssh", "-F", "none", "-o", f"BindAddress={source}", "-o", "StrictHostKeyChecking=yes",
                 "-o", f"UserKnownHostsFile={gate.root}/known_hosts", "-o", "IdentitiesOnly=yes",
                 "-p", str(gate.ports["sftp"])]
    environment = None
    if password is None:
        arguments += ["-o", "BatchMode=yes"]
    else:
        arguments += ["-o", "PreferredAuthentications=password", "-o", f"NumberOfPasswordPrompts={prompts}"]
        # One of its own: callers come from several threads.
        handle, script = tempfile.mkstemp(prefix="ask-", dir=gate.root)
        with os.fdopen(handle, "w") as file:
            file.write(f"#!/bin/sh\necho '{password}'\n")
        os.chmod(script, 0o700)
        environment = {**os.environ, "SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force"}
    arguments += [*options, "-l", user, "-s", "127.0.0.1", "sftp"]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment, start_new_session=True)
    if start:
        return process
    process.output, process.errors = process.communicate(timeout=60)
    return process


def key(gate, name, kind="ed25519", *more):
    path = os.path.join(gate.root, name)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-m", "PEM", *more, "-f", path], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", path + ".pub"], check=True, capture_output=True, text=True).stdout
    return path, shown.split()[1]


class Raw(libssh2.Client):
    """libssh2 up to the end of the key exchange; what is asked for is the test's."""

    def __init__(self, port, source="127.0.0.2"):
        self.lib = libssh2.library()
        self.lib.libssh2_session_init_ex.restype = ctypes.c_void_p
        self.lib.libssh2_userauth_list.restype = ctypes.c_char_p
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
        self.socket.settimeout(None)
        self.session = ctypes.c_void_p(self.lib.libssh2_session_init_ex(None, None, None, None))
        self.check(self.lib.libssh2_session_handshake(self.session, self.socket.fileno()), "handshake")

    def methods(self, user):
        return self.lib.libssh2_userauth_list(self.session, user, len(user))

    def password(self, user, password):
        return self.lib.libssh2_userauth_password_ex(
            self.session, user, len(user), password, len(password), None)

    def keyboard(self, user):
        callback = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 8)(lambda *_: None)
        return self.lib.libssh2_userauth_keyboard_interactive_ex(self.session, user, len(user), callback)

    def close(self):
        self.lib.libssh2_session_disconnect_ex(self.session, 11, b"done", b"", b"")
        self.lib.libssh2_session_free(self.session)
        self.socket.close()


class Causes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate(level="debug")
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()

    def one_more(self, act):
        """The entry that `act` leaves."""
        before = len(logins(self.gate))
        act()
        entries = wait_until(lambda: logins(self.gate)[before:], what="the entry")
        self.assertEqual(len(entries), 1, entries)
        self.assertEqual(entries[0]["verdict"], "rejected")
        return entries[0], entries[0]["detail"]

    def test_every_key_that_was_offered_is_named(self):
        keys = [key(self.gate, f"agent{n}") for n in range(3)]
        options = [word for path, _ in keys for word in ("-i", path)]
        entry, detail = self.one_more(lambda: ssh(self.gate, *options))
        self.assertEqual((entry["reason"], detail["causes"], detail["methods"]),
                         ("auth_failed", ["wrong_key"], ["publickey"]))
        self.assertEqual(detail["refused_keys"], [fingerprint for _, fingerprint in keys])
        self.assertIn("none of the 3 keys", detail["message"])

    def test_a_signature_algorithm_that_is_not_accepted_is_named(self):
        path, _ = key(self.gate, "rsa", "rsa", "-b", "3072")

        def act():
            # ssh itself does not try what sshd has said that it does not take; sshd says so since OpenSSH 9.5 or so.
            said = subprocess.run([DEBIAN_PYTHON, "-c", OLD_CALLER, str(self.gate.ports["sftp"]), path],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(said.stdout, "refused\n", said.stderr)
        entry, detail = self.one_more(act)
        self.assertEqual((entry["reason"], detail["causes"], detail["refused_algorithms"]),
                         ("auth_failed", ["signature_algorithm_not_accepted"], ["ssh-rsa"]))
        self.assertIn("update its SSH library", detail["message"])

    def test_an_rsa_key_that_is_too_short(self):
        path, _ = key(self.gate, "short", "rsa", "-b", "1024")
        _, detail = self.one_more(lambda: ssh(self.gate, "-i", path, "-o", "RequiredRSASize=1024"))
        self.assertEqual(detail["causes"], ["key_too_short"])

    def test_a_key_of_the_account_that_the_caller_cannot_use(self):
        # The public key is there and the private one is another's.
        path, _ = key(self.gate, "torn")
        with open(path + ".pub", "w") as file:
            file.write(read(self.gate.key + ".pub"))
        _, detail = self.one_more(lambda: ssh(self.gate, "-i", path))
        self.assertEqual(detail["causes"], ["key_not_proven"])
        self.assertEqual(len(detail["unproven_keys"]), 1)

    def test_wrong_passwords(self):
        _, detail = self.one_more(lambda: ssh(self.gate, password="wrong", prompts=2))
        self.assertEqual((detail["causes"], detail["failed_tries"]), (["wrong_password"], 2))

    def test_no_method_was_tried(self):
        entry, detail = self.one_more(lambda: ssh(
            self.gate, "-o", "PubkeyAuthentication=no", "-o", "PasswordAuthentication=no"))
        self.assertEqual((entry["account"], detail["causes"], detail["methods"]), ("vsee", ["method_never_tried"], []))

    @unittest.skipUnless(libssh2.library(), "libssh2 is not installed")
    def test_keyboard_interactive_only(self):
        def act():
            client = Raw(self.gate.ports["sftp"])
            self.assertNotEqual(client.keyboard(b"vsee"), 0)
            client.close()
        _, detail = self.one_more(act)
        self.assertEqual((detail["causes"], detail["methods"]),
                         (["keyboard_interactive_only"], ["keyboard-interactive"]))

    @unittest.skipUnless(libssh2.library(), "libssh2 is not installed")
    def test_what_is_typed_as_a_user_name_is_nowhere_on_disk(self):
        names = [b"Tr0ub4dor&3", b"Tr0ub4dor&3 from 127.0.0.2 port 5", "p\xe4ss Tr0ub4dor\\\n".encode(),
                 b"Tr0ub4dor" * 20, b"Tr0ub4dor" * 200]

        def act(name, second=None):
            client = Raw(self.gate.ports["sftp"])
            client.methods(name)
            client.password(name, b"x")
            if second:
                client.password(second, b"x")
            client.close()
        digests = set()
        for name in names:
            entry, detail = self.one_more(lambda: act(name))
            self.assertEqual(entry["reason"], "unknown_account")
            self.assertNotIn("account", entry)
            # sshd's messages end at 1 KiB.
            length = detail["user_name"]["length"]
            self.assertTrue(length == len(name) if len(name) < 900 else length > 900, (name, length))
            digests.add(detail["user_name"]["hmac_sha256"])
        self.assertEqual(len(digests), len(names))
        again, detail = self.one_more(lambda: act(names[0]))
        self.assertIn(detail["user_name"]["hmac_sha256"], digests)
        # A name that follows one of an account.
        entry, _ = self.one_more(lambda: act(b"vsee", names[0]))
        self.assertEqual(entry["account"], "vsee")
        found = subprocess.run(["grep", "-rlaiE", "Tr0ub4dor", self.gate.home, self.gate.root + "/serve.log"],
                               capture_output=True, text=True).stdout
        self.assertEqual(found, "")
        self.assertIn("withheld", self.gate.log())


class Flood(unittest.TestCase):
    @unittest.skipUnless(libssh2.library(), "libssh2 is not installed")
    def test_names_in_a_flood_are_counted_exactly_and_kept_as_little(self):
        with Gate() as gate:
            for n in range(25):
                client = Raw(gate.ports["sftp"])
                client.methods(b"Tr0ub4dor%d" % n)
                client.close()
            # An account is counted by itself, whatever else the source sends.
            ssh(gate, "-o", "PubkeyAuthentication=no")
            wait_until(lambda: gate.entries("--reason", "auth_failed"), what="the account's entry")
            gate.stop()
            unknown = gate.entries("--reason", "unknown_account")
            self.assertEqual(sum(e["count"] for e in unknown), 25)
            self.assertLess(len(unknown), 25)
            self.assertFalse([e for e in unknown if "account" in e])
            for entry in unknown:
                self.assertEqual("user_name" in entry["detail"], entry["count"] == 1 and
                                 "coalesced" not in entry["detail"])
            self.assertEqual([(e["account"], e["count"]) for e in gate.entries("--reason", "auth_failed")], [("vsee", 1)])


class Slow(unittest.TestCase):
    def test_wrong_passwords_slow_a_source_down_and_leave_its_keys_alone(self):
        with Gate(sources=TWO) as gate:
            # Nobody waits for what a person mistypes.
            ssh(gate, password="wrong", prompts=3)
            self.assertEqual(ssh(gate, "-i", gate.key).returncode, 0)
            ssh(gate, password="wrong", prompts=2)
            began = time.monotonic()
            self.assertEqual(ssh(gate, "-i", gate.key).returncode, 0)
            self.assertGreater(time.monotonic() - began, 1)
            accepted = [e["detail"].get("held_ms") for e in logins(gate) if e["verdict"] == "accepted"]
            self.assertEqual(accepted, [None, 1000])

    def test_many_at_once_are_bounded_and_the_password_is_taken_away(self):
        with Gate(sources=TWO) as gate:
            began = time.monotonic()

            def attack():
                while time.monotonic() - began < 12:
                    ssh(gate, password="wrong", prompts=6)
            threads = [threading.Thread(target=attack) for _ in range(8)]
            for thread in threads:
                thread.start()

            def tries():
                return sum(e["detail"].get("failed_tries", 0) for e in logins(gate))
            wait_until(lambda: gate.entries("--reason", "rate_limited"), what="rate_limited")
            # While it goes on: the right key at once, another address with its password too.
            began_key = time.monotonic()
            self.assertEqual(ssh(gate, "-i", gate.key).returncode, 0)
            self.assertLess(time.monotonic() - began_key, 5)
            self.assertEqual(ssh(gate, source="127.0.0.3", password=gate.password).returncode, 0)
            self.assertNotEqual(ssh(gate, password=gate.password).returncode, 0)
            for thread in threads:
                thread.join()
            gate.stop()
            # 20, one more in each connection that was under way, and what was forgotten meanwhile.
            self.assertLessEqual(tries(), 20 + 8 + 4)
            limited = [e["detail"] for e in logins(gate) if e["reason"] == "rate_limited"]
            self.assertTrue([d for d in limited if "by key only" in d.get("message", "")])
            self.assertTrue([d for d in limited if d.get("failed_tries", 0) > 0], "none was cut off at its tries")

    def test_a_gate_that_stops_does_not_wait_for_those_that_it_holds(self):
        with Gate(sources=TWO) as gate:
            for _ in range(3):
                ssh(gate, password="wrong", prompts=3)
            held = [ssh(gate, "-i", gate.key, start=True) for _ in range(2)]
            inside = f"/proc/{gate.process.pid}/fd"
            before = len(os.listdir(inside))
            more = [ssh(gate, "-i", gate.key, start=True)]
            wait_until(lambda: len(os.listdir(inside)) > before, what="the connection")
            began = time.monotonic()
            self.assertEqual(gate.stop(), 0)
            self.assertLess(time.monotonic() - began, 8)
            for process in held + more:
                process.communicate(timeout=20)
            self.assertTrue([e for e in logins(gate) if e["reason"] == "stopped"])


class Relay:
    """One connection to the gate that is made now and used later, behind a port of its own."""

    def __init__(self, gate, source="127.0.0.2"):
        self.gate = socket.create_connection(("127.0.0.1", gate.ports["sftp"]), timeout=30, source_address=(source, 0))
        self.banner = self.gate.recv(255)
        self.gate.settimeout(None)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        client, _ = self.listener.accept()
        client.sendall(self.banner)

        def pump(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        back = threading.Thread(target=pump, args=(self.gate, client))
        back.start()
        pump(client, self.gate)
        back.join()
        client.close()

    def close(self):
        self.gate.close()
        self.listener.close()


class Policy(unittest.TestCase):
    def login(self, gate, relay, path):
        thread = threading.Thread(target=relay.run)
        thread.start()
        result = subprocess.run(
            ["sftp", "-F", "none", "-b", "-", "-i", path, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
             "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
             "-P", str(relay.port), "vsee@127.0.0.1"], input="ls\n", capture_output=True, text=True, timeout=60)
        thread.join()
        return result

    def test_a_login_is_decided_by_the_lists_of_its_moment(self):
        with Gate(sources=TWO) as gate:
            other, _ = key(gate, "other")
            early, wrong, kept = Relay(gate), Relay(gate), Relay(gate, "127.0.0.3")
            for relay in (early, wrong, kept):
                self.addCleanup(relay.close)
            # 127.0.0.2 goes, 127.0.0.3 stays and is another entry's.
            before = len(gate.entries("--kind", "policy"))
            with open(os.path.join(gate.home, "sources/new.yaml"), "w") as file:
                file.write("name: new\nentries:\n  - {cidr: 127.0.0.3/32, service: late, channels: [sftp]}\n")
            os.remove(os.path.join(gate.home, "sources/test.yaml"))
            wait_until(lambda: len([e for e in gate.entries("--kind", "policy")][before:]) >= 1, what="the new policy")
            policy = wait_until(lambda: self.settled(gate), what="the last of the changes")
            refused = self.login(gate, early, gate.key)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("the gate does not let this address in any more", refused.stderr)
            self.assertNotEqual(self.login(gate, wrong, other).returncode, 0)
            self.assertEqual(self.login(gate, kept, gate.key).returncode, 0)
            gate.stop()
            entries = [e for e in logins(gate) if e.get("account")]
            self.assertEqual([(e["verdict"], e["reason"], e.get("entries")) for e in entries],
                             [("rejected", "not_listed", None), ("rejected", "not_listed", None),
                              ("accepted", "listed", ["new/late"])])
            self.assertEqual({e["policy"] for e in entries}, {policy})
            self.assertEqual(entries[0]["account"], "vsee")
            self.assertTrue(entries[0]["credential"].startswith("SHA256:"))
            self.assertEqual(entries[1]["detail"]["ended_by"], "auth_failed")

    @unittest.skipUnless(libssh2.library(), "libssh2 is not installed")
    def test_a_refused_login_is_written_down_while_its_caller_stays(self):
        with Gate(sources=TWO) as gate:
            client = Raw(gate.ports["sftp"])
            with open(os.path.join(gate.home, "sources/test.yaml"), "w") as file:
                file.write(TWO.replace("127.0.0.2", "127.0.0.4"))
            policy = wait_until(lambda: self.settled(gate), what="the new policy")
            self.assertEqual(client.password(b"vsee", gate.password.encode()), 0)

            def named():
                # Those of the probes above name no account.
                return [e for e in logins(gate) if e.get("account")]
            entry = wait_until(named, what="the entry")[0]
            self.assertEqual((entry["verdict"], entry["reason"], entry["policy"], entry["credential"]),
                             ("rejected", "not_listed", policy, "password"))
            client.close()
            gate.stop()
            self.assertEqual(len(named()), 1)

    def settled(self, gate):
        """The policy by which 127.0.0.2 is refused and 127.0.0.3 is late's, once it is that."""
        with socket.create_connection(("127.0.0.1", gate.ports["sftp"]), source_address=("127.0.0.2", 0)) as probe:
            probe.settimeout(20)
            try:
                if probe.recv(10):
                    return None
            except ConnectionResetError:
                pass
        return gate.entries("--reason", "not_listed")[-1]["policy"]


if __name__ == "__main__":
    unittest.main()
