"""Webhooks: answered a second, staged a second for a minute, and how long one waits."""
import contextlib
import json

import disk
from bench import Case
from load import SIZE, Events
from peers import run
from peers.gate import Gate
from peers.gunicorn import Gunicorn
from peers.nginx import Nginx
from peers.webhook import Webhook
from report import GATE, Aim, Row

NDJSON, NGINX, FLASK, ADNANH = "dropgate, ndjson", "nginx, no fsync", "gunicorn and Flask, fsync", "webhook (adnanh), script"
DISK = "one fdatasync of 4 KiB"
DURABLE = "made durable by a C program"
START = {
    GATE: lambda bench, place: Gate(place, bench.installation),
    NDJSON: lambda bench, place: Gate(place, bench.installation, layout="ndjson"),
    NGINX: lambda bench, place: Nginx(place),
    FLASK: lambda bench, place: Gunicorn(place),
    ADNANH: lambda bench, place: Webhook(place),
}
BUSY, BUSIER = 64, 256  # connections


def answered(contender):
    def turn(bench):
        figures = {}
        with bench.place() as place, START[contender](bench, place) as server:
            events = Events(bench, server)
            events.warm_up(BUSY)
            for connections in (BUSY, BUSIER):
                found = events.wrk(connections, bench.amounts.seconds)
                figures |= {f"{connections}, {figure}": found[figure] for figure in ("rate", "cpu", "p99")}
            events.check()
        return figures
    return turn


def answered_rows(who, layout, least):
    rows = []
    for connections in (BUSY, BUSIER):
        for what, figure, aim in ((f"events answered a second, {connections} connections", "rate", Aim(least=least)),
                                  (f"server CPU µs an event, {connections} connections", "cpu", Aim(most=1 / least))):
            figure = f"{connections}, {figure}"
            rows.append(Row(f"{what}, {layout}", (who, figure), (NGINX, figure), aim))
    return rows


def sustained(contender):
    def turn(bench):
        with bench.place() as place, START[contender](bench, place) as server:
            events = Events(bench, server)
            found = events.wrk(BUSY, bench.amounts.sustained)
            events.check()
        return {"staged": found["staged"], "answered": found["rate"]}
    return turn


def sustained_row(who, layout, peer, least):
    return Row(f"events staged a second, for a minute, {layout}", (who, "staged"), (peer, "staged"), Aim(least=least))


@contextlib.contextmanager
def shared(_):
    """What the turns of a case tell each other."""
    yield {}


def waiting(bench, rates):
    """At half of the highest rate, which is looked for in the same turn; then one event after the other, alone."""
    with bench.place() as place, Gate(place, bench.installation) as gate:
        events = Events(bench, gate)
        highest = events.wrk(BUSY, max(1, int(bench.amounts.latency / 3)))["rate"]
        rates["gate"] = highest / 2  # its turn is the first
        busy = events.paced(BUSY, bench.amounts.latency, rates["gate"])
        gate.drain()
        alone = events.paced(1, bench.amounts.latency)
        events.check()
    return {"p99": busy["p99_ms"], "p50 alone": alone["p50_ms"], "rate": busy["requests"] / busy["seconds"]}


def syncing(bench, _):
    with bench.place() as place:
        return disk.fdatasync(place, bench.amounts.latency)


def durable(bench, rates):
    """clients/durable.c: as many events as the gate has just got, durable and a file each, and nothing else."""
    with bench.place() as place:
        found = json.loads(run(bench.client("durable"), place, bench.amounts.latency, rates["gate"], SIZE,
                               seconds=bench.amounts.latency + 120))
    return {"p99": found["p99_ms"], "p50": found["p50_ms"], "cpu": found["cpu_us"]}


CASES = [
    Case("answered", {who: answered(who) for who in (GATE, NDJSON, NGINX)},
         answered_rows(GATE, "file", 1.0) + answered_rows(NDJSON, "ndjson", 1.3)),
    Case("sustained", {who: sustained(who) for who in START}, [
        sustained_row(GATE, "file", NGINX, 0.6), sustained_row(NDJSON, "ndjson", NGINX, 1.2),
        sustained_row(GATE, "file", FLASK, 8), sustained_row(GATE, "file", ADNANH, 8)]),
    Case("latency", {GATE: waiting, DISK: syncing, DURABLE: durable}, [
        Row(f"p99 of {BUSY} connections at half of the highest rate, ms", (GATE, "p99"), (DISK, "p99"), Aim(most=3), 2),
        Row("the same, beside what is durable and in files and not more, ms", (GATE, "p99"), (DURABLE, "p99"), None, 2),
        Row("p50 of one event alone, connection kept alive, ms", (GATE, "p50 alone"), (DISK, "p50"), Aim(most=1.5), 2)], prepare=shared),
]
