"""The start, and what a large ledger changes: nothing, is the aim."""
import contextlib
import os
import shutil

from bench import Case
from load import Events
from peers import Failed, run
from peers.gate import Gate
from report import Aim, Row

NEW = "dropgate, new ledger"


def generate(bench, directory):
    """A ledger of so many entries, made by the program ledger-bench that is built beside the gate."""
    program = os.path.join(os.path.dirname(bench.options.gate), "ledger-bench")
    if not os.access(program, os.X_OK):
        raise Failed(f"{program} is not there. Build it: swift build -c release --product ledger-bench")
    run(program, directory, bench.options.ledger_entries, seconds=7200)
    return directory / "ledger.sqlite"


@contextlib.contextmanager
def homes(bench):
    """Directories for a gate with a new ledger and for one with a large one, in which each goes on from turn to turn."""
    with bench.place(roomy=True) as place:
        new, large, made = (place / name for name in ("new", "large", "made"))
        new.mkdir()
        large.mkdir()
        Gate(large, bench.installation, ledger=generate(bench, made)).stop()
        shutil.rmtree(made)
        yield new, large


def aged(which):
    def turn(bench, homes):
        with Gate(homes[which], bench.installation) as gate:
            idle = gate.memory()
            events = Events(bench, gate)
            events.warm_up(64)
            found = events.wrk(64, bench.amounts.seconds)
            events.check()
        return {"start": gate.start_time * 1e3, "idle": idle, **found}
    return turn


def started(bench):
    with bench.place() as place, Gate(place, bench.installation) as gate:
        return {"start": gate.start_time * 1e3}


def cases(options):
    found = [Case("start", {NEW: started}, [
        Row("ms from start to the first accepted request, new ledger", (NEW, "start"), aim=Aim(within=200))])]
    if options.ledger_entries:
        entries = f"{options.ledger_entries:,} entries"
        large = f"dropgate, {entries}"
        found.append(Case("ledger", {NEW: aged(0), large: aged(1)}, [
            Row(f"ms from start to the first accepted request, {entries}", (large, "start"), (NEW, "start"), Aim(within=200)),
            Row(f"resident MB, idle, {entries}", (large, "idle"), (NEW, "idle"), Aim(most=1.1), 1),
            Row(f"events answered a second, {entries}", (large, "rate"), (NEW, "rate"), Aim(least=0.9)),
            Row(f"events staged a second, {entries}", (large, "staged"), (NEW, "staged"), Aim(least=0.9)),
            Row(f"server CPU µs an event, {entries}", (large, "cpu"), (NEW, "cpu"), Aim(most=1 / 0.9)),
        ], homes))
    return found
