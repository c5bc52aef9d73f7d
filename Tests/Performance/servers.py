"""The servers that are measured: nginx, sshd with OpenSSH's sftp-server, and the gate.

Each runs on loopback, on a free port, in a directory of its own, and is stopped by its own process id.
"""
import contextlib
import getpass
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """Something did not work; the figures would mean nothing."""


def wait_for(what, condition, seconds, pause=0.05):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Server:
    """A process tree of ours: started, asked for its CPU time, stopped."""

    def start(self, command, log, environment=None):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=environment)

    def ready(self, condition, seconds=20):
        def check():
            if self.process.poll() is not None:
                raise Failed(f"ended at its start:\n{self.log.read_text(errors='replace')[-2000:]}")
            return condition()
        try:
            return wait_for(f"start of {self.process.args[0]}", check, seconds)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tree(self):
        """(pid, own CPU seconds and those of reaped children) of the process and its descendants."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found.append((pid, sum(map(int, fields[11:15])) / TICKS))
                for task in Path(f"/proc/{pid}/task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
        return found

    def settle(self, size):
        """Waits until the processes of the last session are gone, so that their CPU time is counted."""
        wait_for("end of a session's processes", lambda: len(self.tree()) <= size, 10)

    def cpu(self):
        return sum(seconds for _, seconds in self.tree())


class Nginx(Server):
    """Writes each body to a file, without any fsync, and answers 200 after that.

    `return 200` alone would not read the body, so an upstream answers: a second server in the same nginx. With
    `keep`, over kept-alive Unix sockets and without sending it the body: the quickest of the arrangements
    tried. Without, as `proxy_pass` does by default: a new TCP connection for each request.
    """

    path = "/webhooks/vsee"

    def __init__(self, directory, keep):
        self.bodies = directory / "bodies"
        self.bodies.mkdir(parents=True)
        self.port, answer = free_port(), f"unix:{directory}/answer.sock"
        pass_on = "proxy_pass http://answer;"
        if keep:
            pass_on += (' proxy_http_version 1.1; proxy_set_header Connection "";'
                        ' proxy_pass_request_body off; proxy_set_header Content-Length "";')
        else:
            answer = f"127.0.0.1:{free_port()}"
        config = directory / "nginx.conf"
        config.write_text(f"""
user {getpass.getuser()};
worker_processes auto;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_in_file_only on;
  client_body_temp_path {self.bodies} 1 2;
  keepalive_requests 1000000000;
  upstream answer {{ server {answer}; {'keepalive 64; keepalive_requests 1000000000;' if keep else ''} }}
  server {{ listen 127.0.0.1:{self.port}; location / {{ {pass_on} }} }}
  server {{ listen {answer}; return 200; }}
}}
""")
        self.start(["nginx", "-e", directory / "nginx.log", "-p", directory, "-c", config, "-g", "daemon off;"],
                   directory / "output.log")
        self.ready(lambda: answers(self.port))

    def accepted(self, body):
        """How many bodies lie there whole."""
        return sum(1 for folder, _, names in os.walk(self.bodies) for name in names
                   if os.stat(os.path.join(folder, name)).st_size == body)


class SSHD(Server):
    """The same sshd as the gate's, with OpenSSH's own sftp-server. Logs in the user who runs this."""

    def __init__(self, directory, key):
        self.user, self.files, self.port = getpass.getuser(), directory / "files", free_port()
        self.files.mkdir(parents=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "host_key")
        shutil.copy(f"{key}.pub", directory / "authorized_keys")
        subsystem = next((path for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server",
                                            "/usr/lib/ssh/sftp-server") if os.path.exists(path)), None)
        if subsystem is None:
            raise Failed("OpenSSH's sftp-server is not installed (Debian: openssh-sftp-server)")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = directory / "sshd_config"
        config.write_text(f"""
ListenAddress 127.0.0.1:{self.port}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
Subsystem sftp {subsystem}
""")
        self.start([shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin"), "-D", "-e", "-f", config],
                   directory / "sshd.log")
        self.ready(lambda: answers(self.port))

    def folder(self, name):
        """What the client changes to, and where the files then lie."""
        (self.files / name).mkdir()
        return [f"cd {self.files / name}"], self.files / name


class Gate(Server):
    """Dropgate with plain HTTP and SFTP; 127.0.0.1 is the listed source; everything else by default."""

    path = "/webhooks/vsee"
    user = "performance"

    def __init__(self, directory, key, program):
        (directory / "sources").mkdir(parents=True)
        (directory / "sources/loopback.yaml").write_text(
            "name: loopback\nchannels: [webhook, sftp]\nentries:\n"
            "  - {cidr: 127.0.0.1/32, service: performance}\n")
        config = directory / "dropgate.yaml"
        config.write_text(
            "state: state\nnode: performance\n"
            "webhook: {listen: \"127.0.0.1:0\", plaintext: true}\nsftp: {listen: \"127.0.0.1:0\", settle: 0s}\n"
            "sources: [sources/*.yaml]\naccounts: accounts\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DROPGATE_")}
        self.state = directory / "state"
        run(program, "init", "--config", config, env=environment)
        run(program, "account", "add", self.user, "--key", f"{key}.pub", "--config", config, env=environment)
        self.start([program, "serve", "--allow-root", "--config", config], directory / "gate.log", environment)
        ports_file = self.state / "run/ports.json"
        ports = json.loads(self.ready(lambda: ports_file.exists() and ports_file.read_text()))
        self.port, self.sftp_port = ports["webhook"], ports["sftp"]

    def query(self, sql, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/ledger.sqlite?mode=ro", uri=True)) as ledger:
            return ledger.execute(sql, values).fetchall()

    def last_entry(self):
        return self.query("SELECT coalesce(max(seq), -1) FROM entries")[0][0]

    def requests(self, after):
        """{verdict and reason: number} of the webhook requests above this entry."""
        return {f"{verdict} {reason}": count for verdict, reason, count in self.query(
            "SELECT verdict, reason, count(*) FROM entries WHERE seq > ? AND kind = 'request' GROUP BY 1, 2", after)}

    def pending(self):
        return self.query("SELECT count(*) FROM drops WHERE state <> 1 AND state = 0")[0][0]

    def staged(self):
        ready = self.state / "staging/ready/webhook"
        return sum(len(names) for _, _, names in os.walk(ready))

    def folder(self, name):
        return [f"mkdir {name}", f"cd {name}"], self.state / "staging/ready/sftp" / self.user / name
