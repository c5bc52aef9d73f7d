"""A machine of its own for tests that install, upgrade and restore: mounts, processes and network apart from this one's.

Its disk is this machine's, and what is written there lies in memory and is gone with it. It has no systemd: a `systemctl`
of a few lines starts, stops and asks for the one service (booted.py has the real one). 20.21.208.105 is an address of its
loopback, so that VSee's own can call. As root, on a kernel with overlayfs.
"""
# Needs: iproute2
import os
import subprocess
import tempfile

from gate import BIN, children, wait_until

CHECKOUT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
VSEE = "20.21.208.105"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Its disk, to be followed by what becomes the first process.
DISK = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
root=$1/root
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=700 tmpfs "$root/root"
for folder in "$@"; do mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; done
ip link set lo up
ip address add 20.21.208.105/32 dev lo
"""
START = DISK + r"""
echo up
exec chroot "$root" /usr/bin/python3 -c 'import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what loses its parent is reaped
while True: signal.pause()'
"""

# What the scripts and guides ask of systemd, for one service.
SYSTEMCTL = r"""#!/bin/bash
# A stand-in: starts and stops dropgate.service by its ExecStart, and knows whether it runs.
quiet='' now='' property='' words=()
while [ $# -gt 0 ]; do
    case $1 in
    --quiet) quiet=yes ;;
    --now) now=yes ;;
    --property) property=$2; shift ;;
    --property=*) property=${1#*=} ;;
    -p) property=$2; shift ;;
    --*) ;;
    *) words+=("$1") ;;
    esac
    shift
done
pid=$(cat /run/dropgate.pid 2>/dev/null)
is_active() { [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
unit() {
    for folder in /etc/systemd/system /usr/lib/systemd/system; do
        if [ -e $folder/dropgate.service ]; then echo $folder/dropgate.service; return; fi
    done
}
start() {
    if is_active; then return 0; fi
    local command
    command=$(sed -n 's/^ExecStart=//p' "$(unit)")
    [ -n "$command" ] || { echo "Unit dropgate.service not found." >&2; exit 5; }
    rm -f /run/dropgate.pid
    {
        setsid setpriv --reuid=dropgate --regid=dropgate --clear-groups $command >>/var/log/dropgate.log 2>&1 &
        echo $! >/run/dropgate.pid.new
        mv /run/dropgate.pid.new /run/dropgate.pid
        wait $!
        echo "dropgate.service: exit status $?" >>/var/log/systemctl.log
    } </dev/null >/dev/null 2>&1 &
    until [ -e /run/dropgate.pid ]; do sleep 0.01; done
    pid=$(cat /run/dropgate.pid)
}
stop() {
    if is_active; then
        kill "$pid"
        for _ in $(seq 900); do is_active || break; sleep 0.1; done
    fi
    rm -f /run/dropgate.pid
    pid=''
}
echo "${words[*]}${now:+ --now}" >>/var/log/systemctl.log
case ${words[0]} in
is-active) if is_active; then [ -n "$quiet" ] || echo active; else [ -n "$quiet" ] || echo inactive; exit 3; fi ;;
show) if [ "$property" = MainPID ]; then if is_active; then echo "$pid"; else echo 0; fi; fi ;;
start) start ;;
stop) stop ;;
restart) stop; start ;;
enable) if [ -n "$now" ]; then start; fi ;;
disable) if [ -n "$now" ]; then stop; fi ;;
esac
exit 0
"""

SUDO = r"""#!/bin/sh
# A stand-in for root's own use: sudo [-u USER] COMMAND…
if [ "$1" = -u ]; then user=$2; shift 2; exec runuser -u "$user" -- "$@"; fi
exec "$@"
"""


def can_be_had():
    """Whether this machine lets a test have one."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode == 0


class Machine:
    namespaces = ("--mount", "--pid", "--net")
    start_script, first_program = START, "python3"

    def __init__(self, folders=()):
        self.base = tempfile.mkdtemp(prefix="machine-", dir="/var/tmp")
        binds = {CHECKOUT, os.path.dirname(os.path.realpath(BIN)), *folders}
        self.process = subprocess.Popen(
            # With the test's process it ends, however that ends, and with it all that runs in it.
            ["setpriv", "--pdeathsig", "KILL", "unshare", *self.namespaces, "--fork", "--kill-child",
             "bash", "-c", self.start_script, "machine", self.base, *sorted(binds)], env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = self.process.stdout.readline()
        if said != "up\n":
            said += self.process.stdout.read()
            self.close()
            raise AssertionError(f"no machine: {said}")
        self.first = wait_until(lambda: children(self.process.pid), what="its first process")[0]
        self.root = f"/proc/{self.first}/root"
        wait_until(lambda: self.first_program in os.readlink(f"/proc/{self.first}/exe"), what="its disk")
        self.write("/usr/local/sbin/sudo", SUDO, 0o755)
        self.furnish()
        self.run("rm -rf /etc/dropgate /var/lib/dropgate /usr/local/bin/dropgate /usr/local/libexec/dropgate; "
                 "mkdir -p /run/systemd/system /var/log /var/backups; chmod 1777 /tmp")

    def environment(self):
        """Of what starts it."""
        return dict(os.environ)

    def furnish(self):
        # In place of the true ones: apt gives a package's scripts a PATH of its own.
        self.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
        self.write("/usr/bin/deb-systemd-invoke", '#!/bin/sh\nexec systemctl "$@"\n', 0o755)
        self.write("/usr/bin/journalctl", "#!/bin/sh\ncat /var/log/dropgate.log\n", 0o755)

    def path(self, path):
        return self.root + path

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as file:
            file.write(text)
        os.chmod(target, mode)

    def read(self, path):
        with open(self.path(path), errors="replace") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def run(self, command, check=True, input=None, **environment):
        """A shell's command, in a plain environment, from /root. Its output has both streams."""
        words = [f"{name}={value}" for name, value in
                 {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **environment}.items()]
        result = subprocess.run(
            ["nsenter", "--target", str(self.first), *self.namespaces, "--root", "env", "--chdir=/root", "-i",
             *words, "bash", "-c", command], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            input=input, stdin=None if input is not None else subprocess.DEVNULL, timeout=300)
        if check and result.returncode != 0:
            raise AssertionError(f"{command}\n→ {result.returncode}\n{result.stdout[-6000:]}\n{self.log()[-3000:]}")
        return result

    # The gate

    def log(self):
        return self.read("/var/log/dropgate.log") if self.exists("/var/log/dropgate.log") else ""

    def is_running(self):
        return self.run("systemctl --quiet is-active dropgate", check=False).returncode == 0

    def ended(self):
        """What is known of the service's end."""
        return self.read("/var/log/systemctl.log")[-500:]

    def start(self):
        """Starts the service; returns when the gate says that it is ready."""
        before = len(self.log())
        self.run("systemctl start dropgate")
        self.wait_ready(before)

    def wait_ready(self, before=0):
        def ready():
            if "\nready\n" in self.log()[before:]:
                return True
            if not self.is_running():
                # Read now: its last words may be younger than the look before.
                raise AssertionError(f"the gate ended:\n{self.log()[before:][-4000:]}\n{self.ended()}")
            return False
        wait_until(ready, 60, "ready")

    def install(self):
        """Deploy/install.sh with the program that is tested, and an account with the key /root/key."""
        self.run(f"{CHECKOUT}/Deploy/install.sh --binary {BIN}")
        self.run("ssh-keygen -q -t ed25519 -N '' -f key && dropgate account add vsee --key key.pub")

    def post(self, body, check=True):
        return self.run("curl -sS --fail -k --max-time 20 --interface 20.21.208.105 --data-binary @- "
                        "https://127.0.0.1:8443/webhooks/vsee", input=body, check=check)

    def upload(self, name, text, key="/root/key", check=True):
        self.write(f"/root/{name}", text)
        return self.run(
            f"echo 'put /root/{name}' | sftp -b - -F none -o BindAddress=20.21.208.105 -o StrictHostKeyChecking=no "
            f"-o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i {key} -P 2222 vsee@127.0.0.1", check=check)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.rmdir(self.base)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
