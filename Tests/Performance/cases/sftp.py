"""SFTP: a large upload in one stream and in four, many small files, many sessions."""
import filecmp
import os

import load
from bench import Case
from peers import Failed, wait_until
from peers.gate import Gate
from peers.openssh import OpenSSH
from peers.proftpd import ProFTPD
from report import GATE, Aim, Row

PUT, FSYNC = "OpenSSH, put", "OpenSSH, put -f"
# What client, ssh and sshd take by themselves: no server that also stores the bytes can be faster.
NOWHERE = "OpenSSH, put to /dev/null"
SSHD, PROFTPD = "sshd and sftp-server", "ProFTPD mod_sftp"
START = {
    GATE: lambda bench, place: Gate(place, bench.installation),
    PUT: lambda bench, place: OpenSSH(place, bench.key),
    FSYNC: lambda bench, place: OpenSSH(place, bench.key),
    NOWHERE: lambda bench, place: OpenSSH(place, bench.key),
    SSHD: lambda bench, place: OpenSSH(place, bench.key),
    PROFTPD: lambda bench, place: ProFTPD(place, bench.key),
}
STREAMS = 4


def upload(bench, contender, server, streams):
    """Sends each list of files in a session of its own, and compares what arrived; figures of load.sftp."""
    put = "put -f" if contender == FSYNC else "put"
    for source in (source for sources in streams for source in sources):
        with open(source, "r+b") as file:  # no two uploads are the same bytes: nothing is a duplicate
            file.write(os.urandom(16))
    names = {source: "/dev/null" if contender == NOWHERE else f"{bench.next_number()}-{source.name}"
             for sources in streams for source in sources}
    found = load.sftp(bench, server, [[f"{put} {source} {names[source]}" for source in sources] for sources in streams])
    for source, name in names.items() if contender != NOWHERE else ():
        arrived = server.arrived(name)
        wait_until(arrived.exists, 60, f"{arrived}")
        if not filecmp.cmp(source, arrived, shallow=False):
            raise Failed(f"{arrived} is not what was sent")
    return found


def large(contender):
    def turn(bench):
        size = bench.amounts.large
        [whole], parts = bench.make_files(1, size << 20), bench.make_files(STREAMS, (size << 20) // STREAMS)
        with bench.place() as place, START[contender](bench, place) as server:
            one = upload(bench, contender, server, [[whole]])
            four = upload(bench, contender, server, [[part] for part in parts])
        return {"one": size / one["seconds"], "four": size / four["seconds"], "one, server CPU s": one["server cpu"]}
    return turn


def small(contender):
    def turn(bench):
        sources = bench.make_files(bench.amounts.files, 4096)
        with bench.place() as place, START[contender](bench, place) as server:
            found = upload(bench, contender, server, [sources])
        return {"rate": len(sources) / found["seconds"], "server CPU s": found["server cpu"]}
    return turn


def sessions(contender):
    def turn(bench):
        with bench.place() as place, START[contender](bench, place) as server:
            if bench.amounts.warm_up:
                load.sessions(bench, server, STREAMS, 1)
            found, names = load.sessions(bench, server, STREAMS, bench.amounts.sessions)
            for name in names:
                path = server.arrived(name)
                wait_until(path.exists, 60, f"{path}")
                if path.read_bytes() != b"small\n":
                    raise Failed(f"{path} is not what was sent")
        return {"rate": found["rate"], "server CPU ms each": found["cpu"]}
    return turn


CASES = [
    Case("large", {who: large(who) for who in (GATE, PUT, FSYNC, NOWHERE)}, [
        Row(f"MiB a second by SFTP, {streams}", (GATE, figure), (peer, figure), aim)
        for streams, figure in (("1 GiB in one stream", "one"), ("1 GiB in four streams", "four"))
        for peer, aim in ((PUT, Aim(least=0.95)), (FSYNC, Aim(least=1.4)), (NOWHERE, None))]),
    Case("small", {who: small(who) for who in (GATE, FSYNC, PUT, NOWHERE)}, [
        Row("files of 4 KiB a second in one session", (GATE, "rate"), (peer, "rate"), aim)
        for peer, aim in ((FSYNC, Aim(least=1.2)), (PUT, None), (NOWHERE, None))]),
    Case("sessions", {who: sessions(who) for who in (GATE, SSHD, PROFTPD)}, [
        Row("sessions a second: log in, one small file, quit", (GATE, "rate"), (peer, "rate"), Aim(least=0.9), 1)
        for peer in (SSHD, PROFTPD)]),
]
