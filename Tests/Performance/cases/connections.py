"""Connections: refused before a byte is read, and over TLS."""
import load
from bench import Case
from load import Events
from peers import Failed
from peers.gate import Gate
from peers.haproxy import HAProxy
from peers.nginx import Nginx
from report import GATE, Aim, Row

HAPROXY, NGINX = "HAProxy, reject", "nginx, the same certificate"


def refused(bench):
    """In both channels, and each connection counted in the ledger."""
    figures, made = {}, {}
    with bench.place() as place:
        with Gate(place, bench.installation) as gate:
            for channel, port in (("webhook", gate.port), ("sftp", gate.sftp_port)):
                made[channel], figures[channel] = load.refused(bench, port, bench.amounts.refusals)
        if gate.refused() != made:
            raise Failed(f"{made} connections were refused, the ledger counts {gate.refused()}")
    return figures


def rejected(bench):
    with bench.place() as place, HAProxy(place) as peer:
        return {"rate": load.refused(bench, peer.port, bench.amounts.refusals)[1]}


def tls(start):
    def turn(bench):
        with bench.place() as place, start(bench, place) as server:
            events = Events(bench, server)
            handshakes = load.handshakes(server.port, bench.amounts.seconds)
            events.warm_up(64)
            found = events.wrk(64, bench.amounts.seconds)
            events.check()
        return {"handshakes": handshakes, "rate": found["rate"], "cpu": found["cpu"]}
    return turn


CASES = [
    Case("refusals", {GATE: refused, HAPROXY: rejected}, [
        Row(f"refused connections a second, {channel}, each counted", (GATE, channel), (HAPROXY, "rate"), Aim(least=0.7))
        for channel in ("webhook", "sftp")]),
    Case("tls", {GATE: tls(lambda bench, place: Gate(place, bench.installation, tls=True)),
                 NGINX: tls(lambda bench, place: Nginx(place, bench.installation.tls))}, [
        Row("new TLS connections a second", (GATE, "handshakes"), (NGINX, "handshakes"), Aim(least=0.9)),
        Row("events answered a second over TLS, 64 connections", (GATE, "rate"), (NGINX, "rate"), Aim(least=0.9))]),
]
