"""The performance run's own judgement: a case that gives no figure fails, and an aim is held against medians of turns."""
# Needs: gcc openssl curl
import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Performance"))
import bench  # noqa: E402
import gate  # noqa: E402
import load  # noqa: E402
import measure  # noqa: E402
import peers  # noqa: E402
from report import Aim, Row, table  # noqa: E402

ROW = Row("answers a second", ("gate", "rate"), ("peer", "rate"), Aim(least=0.9))


def bench_of(rounds):
    """One that has nothing to measure with."""
    made = bench.Bench.__new__(bench.Bench)
    made.options = argparse.Namespace(rounds=rounds, image=False, short=False, ledger_entries=None)
    return made


def run(contenders, rounds=1, rows=(ROW,)):
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        return bench_of(rounds).measure(bench.Case("case", contenders, list(rows)))


class Results(unittest.TestCase):
    def test_an_aim_is_held_against_the_median_of_the_ratios_of_turns(self):
        ours, theirs = iter([1, 90, 300]), iter([1, 100, 100])
        result = run({"gate": lambda _: {"rate": next(ours)}, "peer": lambda _: {"rate": next(theirs)}}, rounds=3)
        self.assertEqual(sorted(result.ratios(ROW)), [0.9, 1, 3])
        self.assertEqual(result.missed(), [])

    def test_an_aim_that_is_missed_is_told(self):
        result = run({"gate": lambda _: {"rate": 89}, "peer": lambda _: {"rate": 100}})
        self.assertEqual(result.missed(), ["answers a second, beside peer"])
        self.assertIn("MISSED", table([result], judged=True))
        self.assertNotIn("MISSED", table([result], judged=False))

    def test_limits_are_met_up_to_and_with_their_value(self):
        self.assertTrue(Aim(within=40).met(40, None))
        self.assertFalse(Aim(within=40).met(40.1, None))
        self.assertTrue(Aim(most=1.5).met(None, 1.5))
        self.assertFalse(Aim(most=1.5).met(None, 1.6))

    def test_turns_alternate(self):
        order = []
        run({name: lambda _, name=name: order.append(name) or {"rate": 1} for name in ("gate", "peer")}, rounds=3)
        self.assertEqual(order, ["gate", "peer", "peer", "gate", "gate", "peer"])

    def test_a_case_without_a_figure_is_a_failure_and_others_go_on(self):
        def fails(_):
            raise peers.Failed("the server ended")
        for broken in (fails, lambda _: {"rate": 0}, lambda _: {"rate": float("nan")}, lambda _: {}):
            result = run({"gate": broken, "peer": lambda _: {"rate": 1}})
            self.assertIsNotNone(result.problem)
            self.assertIn("NO FIGURE", table([result], judged=True))

    def test_the_run_ends_with_70_when_a_case_gave_no_figure(self):
        cases = [bench.Case("good", {"gate": lambda _: {"rate": 1}, "peer": lambda _: {"rate": 1}}, [ROW]),
                 bench.Case("bad", {"gate": lambda _: {"rate": 0}, "peer": lambda _: {"rate": 1}}, [ROW])]
        options = argparse.Namespace(rounds=1, image=False, short=True, only=None, ledger_entries=None)
        with mock.patch.multiple(measure, Bench=lambda *_: bench_of(1), all_cases=lambda _: cases), \
                open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            self.assertEqual(measure.measure(options, None), 70)
            cases.pop()
            self.assertEqual(measure.measure(options, None), 0)


    def test_a_run_that_is_stopped_prints_the_cases_before(self):
        def stopped(_):
            raise KeyboardInterrupt
        good = bench.Case("good", {"gate": lambda _: {"rate": 1}, "peer": lambda _: {"rate": 1}}, [ROW])
        late = bench.Case("late", {"gate": stopped, "peer": stopped}, [Row("never", ("gate", "rate"))])
        options = argparse.Namespace(rounds=1, image=False, short=False, only=None, ledger_entries=None)
        for cases, shown in (([good, late, good], 1), ([late, good], 0)):
            with mock.patch.multiple(measure, Bench=lambda *_: bench_of(1), all_cases=lambda _, cases=cases: cases), \
                    contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as told:
                self.assertEqual(measure.measure(options, None), 130)
            self.assertIn("stopped in late", told.getvalue())
            self.assertEqual(out.getvalue().count("\n" + ROW.measure), shown, out.getvalue())
            self.assertNotIn("never", out.getvalue())


class Options(unittest.TestCase):
    def test_figures_of_nothing_are_refused(self):
        for option in ("--rounds", "--ledger-entries"):
            for number in ("0", "-1", "x"):
                said = io.StringIO()
                with self.subTest(option=option, number=number), contextlib.redirect_stderr(said), \
                        mock.patch.object(sys, "argv", ["measure.py", f"{option}={number}"]):
                    with self.assertRaises(SystemExit) as ended:
                        measure.parse()
                    self.assertEqual(ended.exception.code, 2)
                    self.assertIn(f"argument {option}: invalid", said.getvalue())


class Counting(unittest.TestCase):
    """What was answered must lie there, whole."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.store = peers.Store.__new__(peers.Store)
        self.store.files = Path(directory.name)
        self.events = load.Events(None, self.store)

    def file(self, name, id, cut=0):
        body = load.BEFORE + id * 36 + load.AFTER
        (self.store.files / name).write_bytes(body[cut:])

    def test_answered_events_that_are_missing_or_in_part_fail_the_case(self):
        self.events.answered = 2
        self.file("one", b"1")
        self.file("half", b"2", cut=1)
        self.file("again", b"1")
        self.file(".unfinished", b"2")
        self.assertRaises(peers.Failed, self.events.check)
        self.file("two", b"2")
        self.events.check()

    def test_more_events_than_could_be_under_way_fail_the_case(self):
        self.events.answered, self.events.uncounted = 1, 1
        for id in (b"1", b"2"):
            self.file(id.decode(), id)
        self.events.check()
        self.file("3", b"3")
        self.assertRaises(peers.Failed, self.events.check)

    def test_a_server_whose_record_differs_fails_the_case(self):
        self.events.answered = 1
        self.file("one", b"1")
        self.events.recorded_before = 0
        self.store.recorded = lambda: 2
        self.assertRaises(peers.Failed, self.events.check)


class Patience(unittest.TestCase):
    """A disk that stalls answers nothing in a short time."""

    def load(self, *answered):
        self.asked = []
        self.events = load.Events.__new__(load.Events)
        self.events.server = mock.Mock(**{"cpu.return_value": 0, "count.side_effect": range(99), "said.return_value": ""})
        left = iter(answered)

        def call(_, seconds):
            self.asked.append(seconds)
            return {"requests": next(left), "seconds": seconds, "p99_ms": 1}
        self.events.call = call
        return self.events.wrk(64, 1)

    def test_a_load_of_which_nothing_was_answered_is_made_again_for_longer(self):
        self.assertEqual(self.load(0, 20)["rate"], 5)
        self.assertEqual(self.asked, [1, 4])

    def test_an_answer_ends_it(self):
        self.assertEqual(self.load(3)["rate"], 3)

    def test_a_server_that_never_answers_has_no_figure(self):
        with self.assertRaisesRegex(peers.Failed, "nothing was answered"):
            self.load(0, 0, 0)
        self.assertEqual(self.asked, [1, 4, 16])


class Calls(unittest.TestCase):
    """api.py, with a new gate: that it works, and no time but one that is always kept."""

    def run_it(self, *options):
        return subprocess.run([sys.executable, os.path.join(os.path.dirname(bench.__file__), "api.py"), "--gate", gate.BIN, *options],
                              capture_output=True, text=True, timeout=120)

    def test_each_call_of_the_api_is_timed(self):
        timed = self.run_it("--most", "60000")
        self.assertEqual((timed.returncode, timed.stderr), (0, ""))
        self.assertRegex(timed.stdout, r"\| attempts\?limit=500 \| \d+\.\d \| \d+\.\d \| \d+ \|\n")
        self.assertGreater(timed.stdout.count("\n"), 20)

    def test_a_call_that_takes_too_long_is_told(self):
        timed = self.run_it("--most", "0")
        self.assertEqual(timed.returncode, 1)
        self.assertIn("api: status took longer than 0 ms", timed.stderr)


class Clients(unittest.TestCase):
    def test_clients_are_compiled_without_warnings(self):
        with tempfile.TemporaryDirectory() as directory:
            for source in (load.HERE / "clients").glob("*.c"):
                subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o",
                                os.path.join(directory, source.stem), source], check=True)


if __name__ == "__main__":
    unittest.main()
