#!/usr/bin/python3
"""libssh2 through ctypes (../libssh2.py). The words of the command line are done in one session."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import libssh2  # noqa: E402

environment = os.environ
client = libssh2.Client(int(environment["GATE_PORT"]), environment["GATE_USER"], environment["GATE_HOST"],
                        password=environment["GATE_PASSWORD"] or None, key=environment["GATE_KEY"] or None)
words = iter(sys.argv[1:])


def put(local, remote, offset=0):
    with open(local, "rb") as file:
        file.seek(offset)
        client.put(remote, file.read(), offset)


def tree(folder):
    parent = os.path.dirname(folder)
    for place, _, names in os.walk(folder):
        remote = os.path.relpath(place, parent)
        if client.size(remote) is None:
            client.mkdir(remote)
        for name in names:
            put(os.path.join(place, name), f"{remote}/{name}")


for verb in words:
    if verb == "put":
        put(next(words), next(words))
    elif verb == "many":
        folder = next(words)
        for name in os.listdir(folder):
            put(os.path.join(folder, name), name)
    elif verb == "tree":
        tree(next(words))
    elif verb == "deliver":
        local, temporary, final = next(words), next(words), next(words)
        put(local, temporary)
        client.rename(temporary, final)
    elif verb == "resume":
        local, remote = next(words), next(words)
        put(local, remote, offset=client.size(remote))
    elif verb == "check":
        local, remote = next(words), next(words)
        if client.size(remote) != os.path.getsize(local):
            sys.exit(f"{remote} has another size")
client.close()
