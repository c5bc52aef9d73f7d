"""Measures Dropgate beside its peers, interleaved, on loopback: the ratios are what counts on a noisy machine.

    webhooks   durable webhooks/s at 64 connections, beside nginx that writes bodies to files without any fsync
    upload     one large file by OpenSSH sftp, beside the same sshd with OpenSSH's sftp-server
    small      many files of 4 KiB in one batch, beside `put -f` (fsync) to sftp-server

Standard library only. Everything that it starts is stopped by its process id.
"""
import argparse
import glob
import json
import os
import pwd
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../Integration"))
import gate as testing  # noqa: E402

LISTED = "name: bench\nentries:\n  - {cidr: 127.0.0.1/32, service: bench, channels: [webhook, sftp]}\n"
LUA = """
local thread = 0
function setup(t) t:set("id", thread); thread = thread + 1 end
function init() n = 0; base = os.time() end
function request()
  n = n + 1
  local body = string.format('{"version":"2.0","id":"%08x-%04x-4a6c-8cd3-%012x","type":"visit.ended","created":1546950556,'
    .. '"clinic_code":"xxx","data":{"id":"28540","member_id":"60610","provider_id":null,"start":1546950546,'
    .. '"end":1546951446,"actual_start":1546950546,"actual_end":1546950555,"status":"cancelled",'
    .. '"status_updated_by":"60610"}}', base, id, n)
  return wrk.format("POST", "/webhooks/vsee", {["Content-Type"] = "application/json"}, body)
end
function done(summary, latency)
  print(string.format("RESULT %d %d %d %.0f %.0f", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    def connects():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    testing.wait_until(connects, 20, f"a listener on port {port}")


class Nginx:
    """Reads each body into a file of its own (no fsync) and answers 200."""

    def __init__(self, root):
        self.root = os.path.join(root, "nginx")
        os.makedirs(self.root + "/bodies")
        self.port, behind = free_port(), free_port()
        with open(self.root + "/nginx.conf", "w") as file:
            file.write(f"""
daemon off; worker_processes auto; pid {self.root}/pid; error_log {self.root}/error.log;
{'user root;' if os.getuid() == 0 else ''}
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {self.root}/bodies; keepalive_requests 100000000;
  upstream behind {{ server 127.0.0.1:{behind}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{self.port};
    location / {{ client_body_in_file_only on; proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://behind; }} }}
  server {{ listen 127.0.0.1:{behind}; return 200 'ok'; }}
}}""")
        self.process = subprocess.Popen(["nginx", "-p", self.root, "-c", self.root + "/nginx.conf"],
                                        stderr=subprocess.DEVNULL)
        listening(self.port)

    def bodies(self):
        return sum(1 for _, _, names in os.walk(self.root + "/bodies") for name in names)

    def clear(self):
        for folder, _, names in os.walk(self.root + "/bodies"):
            for name in names:
                os.remove(os.path.join(folder, name))

    def close(self):
        self.process.terminate()
        self.process.wait()


class Peer:
    """The same sshd with OpenSSH's sftp-server, started for each connection as Dropgate does it."""

    def __init__(self, root, key):
        self.root = os.path.join(root, "peer")
        os.makedirs(self.root + "/files")
        self.port = free_port()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.root + "/host"], check=True)
        shutil.copy(key + ".pub", self.root + "/authorized")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with open(self.root + "/config", "w") as file:
            file.write(f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.root}/host\nUsePAM no\nStrictModes no\n"
                       f"PidFile none\nAuthorizedKeysFile {self.root}/authorized\nPermitRootLogin yes\n"
                       "Subsystem sftp /usr/lib/openssh/sftp-server\n")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.root + "/config"],
                                        stderr=subprocess.DEVNULL)
        listening(self.port)
        self.user = pwd.getpwuid(os.getuid()).pw_name

    def close(self):
        self.process.terminate()
        self.process.wait()


def sftp(port, user, key, commands):
    """Seconds of one batch. Both sides get the same client with the same options."""
    began = time.monotonic()
    result = subprocess.run(
        ["sftp", "-q", "-b", "-", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
         "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "Ciphers=aes128-gcm@openssh.com",
         "-P", str(port), f"{user}@127.0.0.1"],
        input=commands, capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise SystemExit("sftp failed: " + result.stderr)
    return time.monotonic() - began


def wrk(port, seconds, script):
    output = subprocess.run(
        ["wrk", "-t", "2", "-c", "64", "-d", f"{seconds}s", "--latency", "-s", script, f"http://127.0.0.1:{port}"],
        capture_output=True, text=True, timeout=seconds + 60).stdout
    requests, micros, errors, p50, p99 = map(int, re.search(r"RESULT (.*)", output).group(1).split())
    if errors:
        raise SystemExit(f"{errors} requests were not answered 200:\n{output}")
    return {"rate": requests / (micros / 1e6), "requests": requests, "p50_ms": p50 / 1e3, "p99_ms": p99 / 1e3}


def webhooks(root, options):
    gate = testing.Gate(sources=LISTED)
    config = testing.read(gate.config)
    begin, end = config.index("  tls:"), config.index("  #path:")
    with open(gate.config, "w") as file:
        file.write(config[:begin] + "  plaintext: true\n" + config[end:])
    nginx = Nginx(root)
    ours, theirs = [], []
    try:
        gate.start()
        script = os.path.join(root, "post.lua")
        with open(script, "w") as file:
            file.write(LUA)
        for turn in range(options.rounds):
            before = count(gate)
            ours.append(wrk(gate.ports["webhook"], options.seconds, script))
            kept = count(gate) - before
            # wrk ends with up to 64 requests in flight, which the gate keeps and wrk does not count.
            if not 0 <= kept - ours[-1]["requests"] <= 64:
                raise SystemExit(f"{ours[-1]['requests']} answered 200, {kept} in the ledger")
            testing.wait_until(lambda: pending(gate) == 0, 600, "staging")
            theirs.append(wrk(nginx.port, options.seconds, script))
            if nginx.bodies() < theirs[-1]["requests"]:
                raise SystemExit("nginx did not write every body")
            nginx.clear()
            print(f"  round {turn + 1}: dropgate {ours[-1]['rate']:.0f}/s, nginx {theirs[-1]['rate']:.0f}/s",
                  file=sys.stderr)
    finally:
        nginx.close()
        gate.close()

    def middle(rows, name):
        return round_to(statistics.median(row[name] for row in rows))
    return {"dropgate": {n: middle(ours, n) for n in ("rate", "p50_ms", "p99_ms")},
            "nginx": {n: middle(theirs, n) for n in ("rate", "p50_ms", "p99_ms")},
            "ratio": round(statistics.median(a["rate"] / b["rate"] for a, b in zip(ours, theirs)), 2)}


def round_to(value):
    return round(value, 2)


def query(gate, sql):
    return int(subprocess.run(["sqlite3", "-readonly", os.path.join(gate.home, "state/ledger.sqlite"), sql],
                              capture_output=True, text=True, check=True).stdout)


def count(gate):
    return query(gate, "SELECT count(*) FROM entries WHERE kind = 'request'")


def pending(gate):
    return query(gate, "SELECT count(*) FROM drops WHERE state = 0")


def uploads(root, options, name, files, size, flag):
    gate = testing.Gate(sources=LISTED)
    local = os.path.join(root, "local-" + name)
    os.makedirs(local)
    for number in range(files):
        with open(f"{local}/{number:05}", "wb") as file:
            for _ in range(max(1, size >> 20)):
                file.write(os.urandom(min(size, 1 << 20)))
    peer = Peer(os.path.join(root, name), gate.key)
    ours, theirs = [], []
    try:
        gate.start()
        for turn in range(options.rounds):
            puts = "".join(f"put {path}\n" for path in sorted(glob.glob(local + "/*")))
            ours.append(sftp(gate.ports["sftp"], "vsee", gate.key, puts))
            released = gate.ready("sftp/vsee")
            if len(released) != files:
                raise SystemExit(f"{len(released)} files in ready/, {files} sent")
            testing.wait_until(lambda: pending(gate) == 0, 60, "staging")
            for path in released:
                os.remove(os.path.join(gate.staging, "ready/sftp/vsee", path))
            remote = "".join(f"put {flag} {path} {peer.root}/files/\n" for path in sorted(glob.glob(local + "/*")))
            theirs.append(sftp(peer.port, peer.user, gate.key, remote))
            for path in glob.glob(peer.root + "/files/*"):
                os.remove(path)
            print(f"  round {turn + 1}: dropgate {ours[-1]:.2f} s, sftp-server {theirs[-1]:.2f} s", file=sys.stderr)
    finally:
        peer.close()
        gate.close()
        shutil.rmtree(local)
    return {"dropgate_s": round_to(statistics.median(ours)), "sftp_server_s": round_to(statistics.median(theirs)),
            "ratio": round(statistics.median(b / a for a, b in zip(ours, theirs)), 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a look whether everything works: two small rounds")
    parser.add_argument("--only", choices=["webhooks", "upload", "small"], action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of one round of webhooks")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.seconds = 2, 2
    root = tempfile.mkdtemp(prefix="measure-")
    megabytes, files = (64, 100) if options.short else (1024, 1000)
    results = {}
    try:
        for name, run in (
                ("webhooks", lambda: webhooks(root, options)),
                ("upload", lambda: uploads(root, options, "upload", 1, megabytes << 20, "")),
                ("small", lambda: uploads(root, options, "small", files, 4096, "-f"))):
            if not options.only or name in options.only:
                print(name, file=sys.stderr)
                results[name] = run()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    for name, result in results.items():
        print(f"{name:9} ratio {result['ratio']:.2f}  {json.dumps({k: v for k, v in result.items() if k != 'ratio'})}")
    print(json.dumps({"rounds": options.rounds, "short": options.short, **results}))


if __name__ == "__main__":
    main()
