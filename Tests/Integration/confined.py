#!/usr/bin/python3
"""Runs a program as Deploy/systemd/dropgate.service confines it, on a machine without systemd as its first process:

    confined.py UNIT USER[:GROUP,…] PROGRAM ARGUMENT…

With ProcSubset=pid a /proc of processes alone; no new privileges, no core dumps, the very filter of system calls that systemd
would make of the unit's lines, and of RestrictSUIDSGID what concerns modes that are set. The groups are those that the user is a
member of. Debian's python3-seccomp, hence its interpreter. As root."""
import ctypes
import errno
import grp
import os
import pwd
import resource
import subprocess
import sys

import seccomp

CLONE_NEWNS, PR_SET_NO_NEW_PRIVS = 0x20000, 38
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def calls(name):
    """The system calls of a set, or the one."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in listed.splitlines()[1:]]
    return set().union(*(calls(line) for line in lines if line and not line.startswith("#")))


def allowed(unit):
    found = set()
    with open(unit) as file:
        lines = [line.strip().partition("=")[2] for line in file if line.startswith("SystemCallFilter=")]
    for line in lines:
        without = line.startswith("~")
        for name in line.lstrip("~").split():
            found = found - calls(name) if without else found | calls(name)
    return found


# Which argument of a system call is a mode.
MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "mkdir": 1, "mkdirat": 2}


def has(unit, line):
    with open(unit) as file:
        return line + "\n" in file


def install(names, restricted):
    refuse = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sorted(names):
        plain = [seccomp.Arg(MODES[name], seccomp.MASKED_EQ, 0o6000, 0)] if restricted and name in MODES else []
        try:
            refuse.add_rule(seccomp.ALLOW, name, *plain)
        except (RuntimeError, ValueError, OSError):
            continue  # not one of this architecture
    refuse.load()


def main():
    unit, who, *command = sys.argv[1:]
    name, _, groups = who.partition(":")
    user = pwd.getpwnam(name)
    names, restricted = allowed(unit), has(unit, "RestrictSUIDSGID=yes")
    check(libc.unshare(CLONE_NEWNS))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if has(unit, "ProcSubset=pid"):
        subprocess.run(["mount", "-t", "proc", "-o", "subset=pid", "proc", "/proc"], check=True)
    os.setgroups([grp.getgrnam(group).gr_gid for group in groups.split(",") if group])
    os.setresgid(*[user.pw_gid] * 3)
    os.setresuid(*[user.pw_uid] * 3)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    install(names, restricted)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
