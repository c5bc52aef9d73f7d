"""The clients of the matrix, with what each of them cannot do by design.

The drivers lie in clients/, one program a client, in the client's own language. A driver takes words and does them
one after the other, in one session where the client has sessions:

    put LOCAL REMOTE                  one file
    many FOLDER                       every file of a folder, into the login directory
    tree FOLDER                       the folder with all below it, into the login directory
    deliver LOCAL TEMPORARY FINAL     an upload under a temporary name, then the rename
    resume LOCAL REMOTE               goes on with an upload that was interrupted
    check LOCAL REMOTE                compares, with what the client has for it; not 0 when they differ

GATE_HOST, GATE_PORT, GATE_USER and GATE_KEY (a private key file) or GATE_PASSWORD are in the environment, and for
the host's keys GATE_KNOWN_HOSTS (a file) and GATE_HOST_KEYS (fingerprints).
"""
# Needs: lftp rclone putty-tools sshfs python3-paramiko python3-asyncssh php-cli php-phpseclib3 libnet-sftp-foreign-perl
# Needs: libio-pty-perl ruby ruby-net-sftp gcc libssh-dev default-jdk-headless libjsch-java
import glob
import os
import shutil
from dataclasses import dataclass, field

DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
JSCH = "/usr/share/java/jsch.jar"


@dataclass
class Client:
    name: str
    command: list
    needs: tuple
    """Programs on PATH, and patterns of files."""
    lacks: dict = field(default_factory=dict)
    """Case: why this client cannot do it, by design."""
    mirrors: bool = False
    """A second run of a tree sends nothing. All others send everything again."""
    key: str = "ed25519"


DEBIAN_PYTHON, DEBIAN_MODULES = "/usr/bin/python3", "/usr/lib/python3/dist-packages/"
NO_RENAME = "it cannot rename"
NO_RESUME = "it cannot resume: the whole file again, which is judged"
NO_CHECK = "it can look at nothing on the other side"
ONE_WAY = {"known": NO_RENAME, "unknown": NO_RENAME, "resume": NO_RESUME, "check": NO_CHECK}


def script(name):
    return os.path.join(DRIVERS, name)


CLIENTS = [
    Client("sftp", [script("openssh-sftp.sh")], ("sftp",)),
    Client("scp", [script("openssh-scp.sh")], ("scp",), ONE_WAY),
    Client("psftp", [script("psftp.sh")], ("psftp", "puttygen")),
    Client("pscp", [script("pscp.sh")], ("pscp", "puttygen"), ONE_WAY),
    Client("lftp", [script("lftp.sh")], ("lftp",), mirrors=True),
    Client("rclone", [script("rclone.sh")], ("rclone",), {"resume": NO_RESUME}, mirrors=True),
    Client("curl", [script("curl.sh")], ("curl",)),
    Client("sshfs", [script("sshfs.sh")], ("sshfs", "fusermount3")),
    Client("paramiko", [DEBIAN_PYTHON, script("paramiko-client.py")], (DEBIAN_PYTHON, DEBIAN_MODULES + "paramiko")),
    Client("asyncssh", [DEBIAN_PYTHON, script("asyncssh-client.py")], (DEBIAN_PYTHON, DEBIAN_MODULES + "asyncssh")),
    Client("phpseclib", ["php", script("phpseclib.php")], ("php", "/usr/share/php/phpseclib3")),
    Client("net-sftp-foreign", ["perl", script("net-sftp-foreign.pl")],
           ("perl", "/usr/share/perl5/Net/SFTP/Foreign.pm", "/usr/lib/*/perl5/*/IO/Pty.pm")),
    Client("ruby-net-sftp", ["ruby", script("net-sftp.rb")],
           ("ruby", "/usr/share/rubygems-integration/*/gems/net-sftp-*"), {"resume": NO_RESUME}),
    Client("libssh2", [DEBIAN_PYTHON, script("libssh2-client.py")], (DEBIAN_PYTHON,)),
    Client("libssh", ["libssh-client"], ("gcc", "/usr/include/libssh/sftp.h")),
    Client("jsch", ["java", "-cp", JSCH + ":.", "JSchClient"], ("java", "javac", JSCH), key="ecdsa"),
]


def missing(client):
    """What of a client is not installed, or None."""
    for need in client.needs:
        if not (glob.glob(need) if need.startswith("/") else shutil.which(need)):
            return need
