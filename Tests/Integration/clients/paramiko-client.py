#!/usr/bin/python3
"""paramiko. The words of the command line are done in one session."""
import os
import sys

import paramiko

environment = os.environ
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect(environment["GATE_HOST"], int(environment["GATE_PORT"]), environment["GATE_USER"],
               password=environment["GATE_PASSWORD"] or None, key_filename=environment["GATE_KEY"] or None,
               allow_agent=False, look_for_keys=False)
sftp = client.open_sftp()
words = iter(sys.argv[1:])


def word():
    return next(words)


def resume(local, remote):
    with sftp.open(remote, "ab") as there, open(local, "rb") as here:
        here.seek(there.stat().st_size)
        while data := here.read(1 << 20):
            there.write(data)


def tree(folder):
    parent = os.path.dirname(folder)
    for place, _, names in os.walk(folder):
        remote = os.path.relpath(place, parent)
        try:
            sftp.stat(remote)
        except FileNotFoundError:
            sftp.mkdir(remote)
        for name in names:
            sftp.put(os.path.join(place, name), f"{remote}/{name}")


for verb in words:
    if verb == "put":
        sftp.put(word(), word())  # confirms by STAT
    elif verb == "many":
        folder = word()
        for name in os.listdir(folder):
            sftp.put(os.path.join(folder, name), name)
    elif verb == "tree":
        tree(word())
    elif verb == "deliver":
        local, temporary, final = word(), word(), word()
        sftp.put(local, temporary)
        sftp.rename(temporary, final)
    elif verb == "resume":
        resume(word(), word())
    elif verb == "check":
        local, remote = word(), word()
        if sftp.stat(remote).st_size != os.path.getsize(local):
            sys.exit(f"{remote} has another size")
client.close()
