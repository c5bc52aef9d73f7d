"""A machine (machine.py) whose first process is systemd: units, their limits and the journal are the real ones.

It starts nothing of this machine's own but the journal. Its control groups lie in a group of their own. As root, where a
hierarchy of control groups of version 2 is mounted that can be written to.
"""
# Needs: systemd iproute2
import os
import tempfile

from gate import wait_until
from machine import DISK, Machine

BOOT = DISK + r"""
PATH=$PATH:/usr/sbin:/sbin
for folder in "$@"; do mount -o remount,bind,ro "$root$folder"; done
mkdir -p "$root/sys" "$root/run" "$root/.former"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
umount -l "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# What this machine starts, mounts and cleans is its own matter.
rm -rf "$root"/lib/systemd/system/*.wants "$root"/etc/systemd/system/*.wants "$root"/lib/systemd/system-generators
rm -f "$root/etc/fstab"
cat >"$root/etc/systemd/system/machine.target" <<UNIT
[Unit]
Requires=basic.target
Wants=systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service
After=basic.target systemd-journald.service
UNIT
echo 0 >"$GROUP/cgroup.procs"
export root
exec unshare --cgroup bash -ec '
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
cd "$root"
pivot_root . .former
umount -l /.former
echo up
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot . /lib/systemd/systemd --unit=machine.target --show-status=no'
"""


def hierarchy():
    """Where control groups of version 2 are mounted; None if they are not."""
    with open("/proc/self/mounts") as file:
        return next((line.split()[1] for line in file if line.split()[2] == "cgroup2"), None)


def make_group():
    """A control group of its own. Throws OSError."""
    place = hierarchy()
    if place is None:
        raise OSError("no hierarchy of version 2 is mounted")
    return tempfile.mkdtemp(prefix="dropgate-", dir=place)


def remove_group(group):
    """With those that systemd made in it, when the last process is gone."""
    def gone():
        try:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False
        return not os.path.exists(group)
    wait_until(gone, what="the end of a machine's control groups")


def why_not():
    """Why no machine can be booted here; None when one can be."""
    try:
        remove_group(make_group())
    except OSError as problem:
        return f"no control group of its own can be made here: {problem}"
    return None


class Booted(Machine):
    namespaces = ("--mount", "--pid", "--net", "--uts", "--ipc")
    start_script, first_program = BOOT, "systemd"

    def __init__(self, folders=()):
        self.group = make_group()
        try:
            super().__init__(folders)
        except BaseException:
            remove_group(self.group)
            raise

    def environment(self):
        return {**os.environ, "GROUP": self.group}

    def furnish(self):
        wait_until(lambda: self.run("systemctl is-active machine.target", check=False).stdout == "active\n", what="systemd")

    def log(self):
        return self.run("journalctl --no-pager --output=cat --unit=dropgate", check=False).stdout

    def is_running(self):
        return self.show("ActiveState") in ("active", "activating")

    def ended(self):
        return self.run("systemctl --no-pager status dropgate", check=False).stdout

    def show(self, name):
        """A property of the service."""
        return self.run(f"systemctl show --property={name} --value dropgate").stdout.strip()

    def close(self):
        super().close()
        remove_group(self.group)
