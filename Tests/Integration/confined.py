#!/usr/bin/python3
"""Runs a program as Deploy/systemd/dropgate.service confines it, on a machine without systemd as its first process:

    confined.py UNIT USER PROGRAM ARGUMENT…

A /proc of processes alone, none of other users (ProcSubset, ProtectProc); a user namespace that knows root and the user
only (PrivateUsers); no new privileges, no core dumps, and the very filter of system calls that systemd would make of the
unit's lines. Debian's python3-seccomp, hence its interpreter. As root."""
import ctypes
import errno
import os
import pwd
import resource
import subprocess
import sys

import seccomp

CLONE_NEWNS, CLONE_NEWUSER, PR_SET_NO_NEW_PRIVS = 0x20000, 0x10000000, 38
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


def install(names):
    refuse = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sorted(names):
        try:
            refuse.add_rule(seccomp.ALLOW, name)
        except (RuntimeError, ValueError, OSError):
            continue  # not one of this architecture
    refuse.load()


def map_users(user):
    """A user namespace with root and the user: its maps are written from outside."""
    ready, (done, go) = os.pipe(), os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.read(ready[0], 1)
        for kind, number in (("uid", user.pw_uid), ("gid", user.pw_gid)):
            with open(f"/proc/{parent}/{kind}_map", "w") as file:
                file.write(f"0 0 1\n{number} {number} 1\n")
        os.write(go, b"1")
        os._exit(0)
    check(libc.unshare(CLONE_NEWUSER))
    os.write(ready[1], b"1")
    os.read(done, 1)
    os.waitpid(child, 0)


def main():
    unit, name, *command = sys.argv[1:]
    user = pwd.getpwnam(name)
    names = allowed(unit)
    check(libc.unshare(CLONE_NEWNS))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc"], check=True)
    map_users(user)
    os.setgroups([])
    os.setresgid(*[user.pw_gid] * 3)
    os.setresuid(*[user.pw_uid] * 3)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    install(names)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
