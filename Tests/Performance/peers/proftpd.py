"""ProFTPD with mod_sftp, which needs no process of its own for SSH."""
from peers import ACCOUNT, Server, answers, free_port, give, identity, run, where


class ProFTPD(Server):
    def __init__(self, place, key):
        super().__init__(place)
        self.sftp_port, self.files = free_port(), self.folder("home")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / "host_key")
        give(self.directory / "host_key")
        user, uid, group_name, gid = identity()
        keys = self.write("keys", run("ssh-keygen", "-e", "-f", f"{key}.pub"))
        passwd = self.write("passwd", f"{ACCOUNT}:x:{uid}:{gid}::{self.files}:/bin/sh\n")
        group = self.write("group", f"{ACCOUNT}:x:{gid}:\n")
        config = self.write("proftpd.conf", f"""
ModulePath /usr/lib/proftpd
LoadModule mod_sftp.c
ServerType standalone
ServerName performance
DefaultAddress 127.0.0.1
Port {self.sftp_port}
SocketBindTight on
UseIPv6 off
User {user}
Group {group_name}
UseReverseDNS off
WtmpLog off
TransferLog none
SystemLog {self.directory}/system.log
PidFile {self.directory}/proftpd.pid
ScoreboardFile {self.directory}/scoreboard
DelayEngine off
RequireValidShell off
AuthOrder mod_auth_file.c
AuthUserFile {passwd}
AuthGroupFile {group}
SFTPEngine on
SFTPHostKey {self.directory}/host_key
SFTPAuthMethods publickey
SFTPAuthorizedUserKeys file:{keys}
SFTPLog {self.directory}/sftp.log
""")
        self.start([where("proftpd"), "-n", "-q", "-c", config])
        self.ready(lambda: answers(self.sftp_port))

    def arrived(self, name):
        return self.files / name
