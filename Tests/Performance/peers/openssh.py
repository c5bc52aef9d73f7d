"""OpenSSH's sshd with its own sftp-server, run as the gate runs its sshd: unprivileged, the account by nss_wrapper, the same
ways to log in.
"""
import os
import shutil

from peers import ACCOUNT, Failed, Server, answers, free_port, give, identity, run, where

SUBSYSTEMS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")


class OpenSSH(Server):
    put_process = "sftp-server"  # that works for a session

    def __init__(self, place, key):
        super().__init__(place)
        self.sftp_port, home = free_port(), self.folder("home")
        self.files = home
        subsystem = next((path for path in SUBSYSTEMS if os.path.exists(path)), None)
        if subsystem is None:
            raise Failed("OpenSSH's sftp-server is not installed (Debian: openssh-sftp-server)")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / "host_key")
        give(self.directory / "host_key", shutil.copy(f"{key}.pub", self.directory / "authorized_keys"))
        _, uid, _, gid = identity()
        passwd = self.write("passwd", f"{ACCOUNT}:x:{uid}:{gid}::{home}:/bin/sh\n", 0o644)
        group = self.write("group", f"{ACCOUNT}:x:{gid}:\n", 0o644)
        config = self.write("sshd_config", f"""
ListenAddress 127.0.0.1:{self.sftp_port}
HostKey {self.directory}/host_key
PidFile none
AuthorizedKeysFile {self.directory}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 100
Subsystem sftp {subsystem}
""")
        self.start([where("sshd"), "-D", "-e", "-f", config],
                   {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)})
        self.ready(lambda: answers(self.sftp_port))

    def arrived(self, name):
        return self.files / name
