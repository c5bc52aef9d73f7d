"""Rows of the table: a figure of the gate beside one of a peer, their ratio turn by turn, and the aim."""
import statistics
from dataclasses import dataclass

GATE = "dropgate"
HEADS = ("", "dropgate", "beside", "", "ratio", "(spread)", "aim", "")
WIDTHS = (58, 11, 30, 11, 7, 15, 16, 7)


@dataclass(frozen=True)
class Aim:
    """`least` and `most` are of the ratio, `within` is of the gate's own figure, in the row's unit."""
    least: float | None = None
    most: float | None = None
    within: float | None = None

    def __str__(self):
        if self.within is not None:
            return f"at most {self.within:.3g}"
        return f"at least {self.least:.3g} ×" if self.most is None else f"at most {self.most:.3g} ×"

    def met(self, ours, ratio):
        if self.within is not None:
            return ours <= self.within
        return ratio >= self.least if self.most is None else ratio <= self.most


@dataclass(frozen=True)
class Row:
    """`ours` and `beside` each name a contender of the case and its figure."""
    measure: str
    ours: tuple
    beside: tuple | None = None
    aim: Aim | None = None
    digits: int = 0


class Result:
    """The turns of one case: {contender: [{figure: value}]}, or why there is no figure."""

    def __init__(self, case, rows, turns, problem=None):
        self.case, self.rows, self.turns, self.problem = case, rows, turns, problem

    def values(self, of):
        return [turn[of[1]] for turn in self.turns[of[0]]]

    def ratios(self, row):
        return [ours / theirs for ours, theirs in zip(self.values(row.ours), self.values(row.beside))]

    def met(self, row):
        """None where no aim is set."""
        if not row.aim:
            return None
        ratio = statistics.median(self.ratios(row)) if row.beside else None
        return row.aim.met(statistics.median(self.values(row.ours)), ratio)

    def lines(self, judged):
        if self.problem:
            return [cells(f"{self.case}: NO FIGURE: {self.problem.splitlines()[0]}")]
        return [self.line(row, judged) for row in self.rows]

    def line(self, row, judged):
        def median(of):
            return f"{statistics.median(self.values(of)):,.{row.digits}f}"
        beside, theirs, ratio, spread = "–", "", "", ""
        if row.beside:
            ratios = self.ratios(row)
            beside, theirs, ratio = row.beside[0], median(row.beside), f"{statistics.median(ratios):.2f}"
            spread = f"({min(ratios):.2f}–{max(ratios):.2f})"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met(row) if judged else None]
        return cells(row.measure, median(row.ours), beside, theirs, ratio, spread, str(row.aim or ""), verdict)

    def missed(self):
        return [] if self.problem else [row.measure + (f", beside {row.beside[0]}" if row.beside else "")
                                        for row in self.rows if self.met(row) is False]

    def json(self):
        return {"case": self.case, "turns": self.turns, "problem": self.problem,
                "rows": [] if self.problem else [
                    {"measure": row.measure, "beside": row.beside, "aim": str(row.aim or ""), "met": self.met(row),
                     "ratios": self.ratios(row) if row.beside else []} for row in self.rows]}


def cells(*texts):
    line = ""
    for number, (text, width) in enumerate(zip(texts, WIDTHS)):
        line += f"{text:<{width}}" if number in (0, 2) else f"{text:>{width}}  "
    return line.rstrip()


def table(results, judged):
    return "\n".join([cells(*HEADS), *(line for result in results for line in result.lines(judged))])
