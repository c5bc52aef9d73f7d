"""A running gate for tests: a directory of its own, made by `dropgate init` but for one host key, and the real program.

Nothing here knows what is tested. Every process that a Gate starts is gone after `close`.
"""
# Needs: openssl openssh-client
import functools
import glob
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIN = os.environ.get("GATE_BIN") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "../../.build/debug/dropgate"))
SESSION = "dropgate-session"  # beside the program
STAND_IN = "name: test\nentries:\n  - {cidr: 127.0.0.2/32, service: vsee, channels: [webhook, sftp]}\n"
V2 = ('{"version":"2.0","id":"%s","type":"visit.ended","created":1546950556,"clinic_code":"xxx",'
      '"data":{"id":"28540","member_id":"60610","provider_id":null,"start":1546950546,"status":"cancelled"}}')


def wait_until(condition, seconds=30, what="the event", pause=0.02):
    """Polls a condition of the file system or of the ledger, with so many seconds between; fails loudly."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(pause)


def free_port():
    """A port of loopback that nobody has; its owner binds it soon."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def copy_program(folder):
    """The program with its session in a folder, for users who may not look into a build's directory; its new path."""
    paths = [shutil.copy(path, folder) for path in (BIN, os.path.join(os.path.dirname(BIN), SESSION))]
    for path in paths:
        os.chmod(path, 0o755)
    return paths[0]


def become(user, *groups):
    """A prefix that runs a command as a user with these groups alone."""
    extra = [f"--groups={','.join(groups)}"] if groups else ["--clear-groups"]
    return ["setpriv", f"--reuid={user}", f"--regid={grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name}", *extra]


def reachable(directory, right, prefix):
    """What somebody may read (r), write (w) or execute (x) below a directory, whatever it lies in, by its path there."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]
    script = f'for path; do if test -{right} "$path"; then echo "$path"; fi; done'
    said = subprocess.run([*prefix, "sh", "-c", script, "sh", *paths], capture_output=True, text=True, check=True)
    return sorted(os.path.relpath(path, directory) for path in said.stdout.splitlines())


def children(pid):
    """The processes whose parent is this one, by /proc; also those that have ended and are not waited for yet."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = read(path)
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(path.split("/")[2]))
    return found


def descendants(pid):
    """All processes below one: each of its children, and what is below that."""
    return [found for child in children(pid) for found in (child, *descendants(child))]


def make_expired(certificate, key, name):
    """A certificate for a name that ended years ago, signed by its own key. Its file is made, that of the key is there."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../expired.sh")
    subprocess.run([script, key, name, certificate], check=True, capture_output=True)


@functools.cache
def rsa_host_key():
    """Its private and its public file, each a suffix of their name, a mode and a text. To make one takes 0.2 to 2 s of processor
    time, and `init` makes what a gate lacks: so the gates of one process share this one. Tests that call `init` themselves, and
    HostKeysTests, show that it makes this kind, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-C", "dropgate", "-f", path], check=True)
        return ("", 0o600, read(path)), (".pub", 0o644, read(path + ".pub"))


class Gate:
    def __init__(self, sources=STAND_IN, environment=None, account="vsee", password="long enough s3cret",
                 level="info"):
        self.root = tempfile.mkdtemp(prefix="gate-")
        os.chmod(self.root, 0o700)
        self.home = os.path.join(self.root, "gate")
        self.config = os.path.join(self.home, "dropgate.yaml")
        self.staging = os.path.join(self.home, "state/staging")
        self.key = os.path.join(self.root, "key")
        self.account, self.password, self.level = account, password, level
        self.environment = {
            "DROPGATE_WEBHOOK_LISTEN": "127.0.0.1:0", "DROPGATE_SFTP_LISTEN": "127.0.0.1:0",
            "DROPGATE_CONSOLE_LISTEN": "127.0.0.1:0", "DROPGATE_STAGING_RESERVE": "16MiB", **(environment or {})}
        self.process = None
        # What the program is started by, and where it lies for those who may not look into a build's directory.
        self.wrapper, self.program = [], None
        for folder in ("", "state", "state/keys"):
            os.mkdir(os.path.join(self.home, folder), 0o700)
        for suffix, mode, text in rsa_host_key():
            path = os.path.join(self.home, "state/keys/ssh_host_rsa_key" + suffix)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
                file.write(text)
        self.run("init", self.home)
        if sources:
            with open(os.path.join(self.home, "sources/test.yaml"), "w") as file:
                file.write(sources)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.run("account", "add", account, "--key", self.key + ".pub", "--password-stdin",
                 "--config", self.config, input=password + "\n")

    def run(self, *arguments, check=True, **options):
        result = subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=60, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"dropgate {arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def plain(self):
        """Webhooks without TLS, from the next start on."""
        text = read(self.config)
        with open(self.config, "w") as file:
            file.write(re.sub(r"(?m)^  tls:.*\n(    .*\n)*", "  plaintext: true\n", text, count=1))
        return self

    def start(self):
        """Returns when the gate says that it is ready."""
        with open(os.path.join(self.root, "serve.log"), "ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                [*self.wrapper, self.program or BIN, "serve", "--allow-root", "--config", self.config,
                 "--log-level", self.level], stderr=log, stdout=log,
                env={**os.environ, **self.environment})

        def ready():
            if self.process.poll() is not None:
                raise AssertionError("the gate ended:\n" + self.log())
            return "\nready\n" in self.log()[before:]
        wait_until(ready, 60, "ready")
        self.read_ports()
        return self

    def read_ports(self):
        self.ports = json.loads(read(os.path.join(self.home, "state/run/ports.json")))
        with open(os.path.join(self.root, "known_hosts"), "w") as file:
            for key in glob.glob(os.path.join(self.home, "state/keys/ssh_host_*.pub")):
                file.write(f"[127.0.0.1]:{self.ports['sftp']} {read(key)}")

    def log(self):
        return read(os.path.join(self.root, "serve.log"))

    def kill(self):
        """As a crash would end it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            return self.process.wait(90)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log()[-4000:])
        self.close()

    # What the gate did

    def entries(self, *filters):
        lines = self.run("attempts", "--format", "jsonl", "--limit", "0", *filters, "--config", self.config).stdout
        # A name may hold what Python takes for the end of a line.
        return [json.loads(line) for line in lines.split("\n") if line]

    def ready(self, below=""):
        base = os.path.join(self.staging, "ready", below)
        return sorted(os.path.relpath(os.path.join(folder, name), base)
                      for folder, _, names in os.walk(base) for name in names)

    def contents(self, path):
        with open(os.path.join(self.staging, "ready", path), "rb") as file:
            return file.read()

    def receipts(self):
        """All that lie in receipts/: those of drops by themselves, and the lines of those of batches."""
        place = os.path.join(self.staging, "receipts")
        lines = [line for path in glob.glob(os.path.join(place, "webhook/*/*.ndjson")) for line in read(path).splitlines()]
        return [json.loads(text) for text in [*map(read, glob.glob(os.path.join(place, "*.json"))), *lines]]

    def drops(self, *options):
        """All that the ledger has, as `drops list` says it."""
        said = self.run("drops", "list", "--limit", "0", "--format", "json", *options, "--config", self.config).stdout
        return [json.loads(line) for line in said.split("\n") if line]

    def released(self):
        """Drops that the ledger has as released, whether acknowledged or not: the receipt of each is in receipts/, and its file has
        come into ready/ after that."""
        return [drop for drop in self.drops() if drop["state"] in ("released", "acknowledged")]

    def quarantined(self):
        """Receipts of what lies in quarantine/sftp, each with its bytes; a directory without either fails."""
        found = []
        for folder in glob.glob(os.path.join(self.staging, "quarantine/sftp/*/*")):
            receipt = json.loads(read(os.path.join(folder, "receipt.json")))
            assert receipt["file"].startswith(os.path.relpath(folder, self.staging)), receipt
            with open(os.path.join(self.staging, receipt["file"]), "rb") as file:
                found.append((receipt, file.read()))
        return found

    def sessions(self):
        """Process ids of the SFTP sessions that this gate has started."""
        found = []
        for pid in descendants(self.process.pid):
            try:
                if SESSION in read(f"/proc/{pid}/cmdline"):
                    found.append(pid)
            except OSError:
                pass
        return found

    def health(self):
        """What /readyz says: its status and, by their names, its problems."""
        token = read(os.path.join(self.home, "state/console.token")).strip()
        answer = json.loads(subprocess.run(
            ["curl", "-sS", "--max-time", "20", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{self.ports['console']}/readyz"],
            check=True, capture_output=True, text=True, timeout=30).stdout)
        return answer["status"], answer.get("problems", {})

    # Clients

    @property
    def url(self):
        return f"https://127.0.0.1:{self.ports['webhook']}/webhooks/vsee"

    def post(self, body, source="127.0.0.2", host="127.0.0.1"):
        url = self.url.replace("127.0.0.1", host)
        return subprocess.run(
            ["curl", "-sS", "--fail", "--max-time", "20", "--interface", source, "-k", "--data-binary", "@-", url],
            input=body, capture_output=True, text=isinstance(body, str), timeout=30)

    def ssh_options(self, source="127.0.0.2", password=False):
        options = ["-F", "none", "-o", f"BindAddress={source}", "-o", "StrictHostKeyChecking=yes",
                   "-o", f"UserKnownHostsFile={self.root}/known_hosts", "-o", "ConnectTimeout=20"]
        if password:
            return options + ["-o", "PreferredAuthentications=password", "-o", "BatchMode=no",
                              "-o", "NumberOfPasswordPrompts=1"]
        return options + ["-i", self.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]

    def askpass(self):
        """An environment in which OpenSSH's clients take the account's password without a terminal."""
        script = os.path.join(self.root, "askpass")
        with open(script, "w") as file:
            file.write(f"#!/bin/sh\necho '{self.password}'\n")
        os.chmod(script, 0o700)
        return {**os.environ, "SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force"}

    def sftp(self, commands, source="127.0.0.2", host="127.0.0.1", password=False, options=(), port=None):
        # `-b` would set BatchMode and forbid the password; commands come by standard input either way.
        batch = [] if password else ["-b", "-"]
        if port:  # of a balancer, behind which is the gate's own host key
            options = [*options, "-o", f"HostKeyAlias=[{host}]:{self.ports['sftp']}"]
        return subprocess.run(
            ["sftp", *batch, *options, *self.ssh_options(source, password), "-P",
             str(port or self.ports["sftp"]), f"{self.account}@{host}"],
            input=commands, capture_output=True, text=True, timeout=60,
            env=self.askpass() if password else None)

    def file(self, name, data):
        path = os.path.join(self.root, name)
        with open(path, "wb") as file:
            file.write(data)
        return path
