"""All pairs of responders under one judge: direct comparisons, and paired tests over a common baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import ALPHA, PairedTest, difference_interval
from tui.format import values as formats
from tui.format.evaluation.win_rates import win_rate_of

if TYPE_CHECKING:
    from core.api import WinRate

#: Marks of a difference that is significant after Holm's correction, and of a paired difference.
SIGNIFICANT, PAIRED = "*", "Δ"


@dataclass(frozen=True)
class MatrixCell:
    """Two responders' direct comparisons, and their paired tests over a common baseline."""

    direct: tuple[WinRate, ...] = ()
    paired: tuple[PairedTest, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """`cells` has each pair of responders once, with names in alphabetic order."""

    judge: str
    responders: tuple[str, ...]
    cells: Mapping[tuple[str, str], MatrixCell]

    def cell(self, row: str, column: str) -> MatrixCell:
        return self.cells.get(_sides(row, column), MatrixCell())


def matrix(rates: Iterable[WinRate], tests: Iterable[PairedTest], judge: str) -> Matrix:
    """All responders of `judge`'s comparisons, also unfinished ones."""
    own = [rate for rate in rates if rate.judge == judge]
    direct: dict[tuple[str, str], list[WinRate]] = defaultdict(list)
    paired: dict[tuple[str, str], list[PairedTest]] = defaultdict(list)
    for rate in own:
        direct[_sides(rate.a, rate.b)].append(rate)
    for test in tests:
        if test.judge == judge:
            paired[_sides(test.a, test.b)].append(test)
    return Matrix(
        judge,
        tuple(dict.fromkeys(name for rate in own for name in (rate.a, rate.b))),
        {
            sides: MatrixCell(
                tuple(direct.get(sides, ())),
                # Show the one with the most dialogues.
                tuple(sorted(paired.get(sides, ()), key=lambda test: -test.n)),
            )
            for sides in {*direct, *paired}
        },
    )


def mark(cell: MatrixCell, row: str) -> str:
    """A cell of at most seven characters: the row's win rate, or Δ and the difference in points.

    `—` if their comparison is not finished, `·` if they have none.
    """
    if cell.direct:
        rate = cell.direct[0]
        share = win_rate_of(rate, row)
        return formats.UNKNOWN if share is None else f"{share * 100:.1f}{_star(rate.p_holm)}"
    if cell.paired:
        test = cell.paired[0]
        points = lead(test, row) * 100
        digits = 0 if abs(points) >= 99.95 else 1
        return f"{PAIRED}{points:+z.{digits}f}{_star(test.p_holm)}"
    return "·"


def lead(test: PairedTest, responder: str) -> float:
    """The difference of the win rates, positive if `responder`'s is higher."""
    return test.difference if responder == test.b else -test.difference


def sentences(cell: MatrixCell, row: str, column: str) -> list[str]:
    """The content of a cell in sentences."""
    if row == column:
        return ["A responder is not compared with itself."]
    found = [_direct(rate, row, column) for rate in cell.direct]
    found += [_paired(test, row, column) for test in cell.paired]
    return found or ["No comparison, and no common baseline."]


def significance(p_holm: float | None) -> str:
    if p_holm is None:
        return "not tested"
    return "significant at 5 %" if p_holm < ALPHA else "not significant at 5 %"


def tested(what: WinRate | PairedTest) -> str:
    """The test of a comparison, or of two responders over a common baseline."""
    name = "sign-flip permutation test" if isinstance(what, PairedTest) else what.test or "test"
    return (
        f"{name.capitalize()}: {formats.p_words(what.p)}, after Holm {formats.p_words(what.p_holm)}, "
        f"{significance(what.p_holm)}."
    )


def _direct(rate: WinRate, row: str, column: str) -> str:
    share = win_rate_of(rate, row)
    if share is None:
        return f"No win rate yet: the comparison is {rate.state}."
    wins, losses = (rate.wins_b, rate.wins_a) if row == rate.b else (rate.wins_a, rate.wins_b)
    invalid = f", {rate.invalid} invalid" if rate.invalid else ""
    return (
        f"Direct: win rate of {row} {formats.percent(share, 1)} against {column}. "
        f"{formats.counted(wins, 'win')}, {formats.counted(losses, 'loss', 'losses')}, "
        f"{formats.counted(rate.ties, 'tie')}{invalid} of {rate.n} dialogues; interval of {rate.b}'s rate "
        f"{formats.span(rate.ci_low, rate.ci_high)} %. {tested(rate)}"
    )


def _paired(test: PairedTest, row: str, column: str) -> str:
    better, worse = (test.better_b, test.better_a) if row == test.b else (test.better_a, test.better_b)
    points = lead(test, row) * 100
    low, high = (test.low, test.high) if row == test.b else (-test.high, -test.low)
    return (
        f"Paired over the common baseline {test.baseline}: {row}'s win rate is {abs(points):.1f} points "
        f"{'above' if points >= 0 else 'below'} {column}'s "
        f"({difference_interval(low, high)}), better on {better} and worse on {worse} "
        f"of {test.n} dialogues. {tested(test)}"
    )


def _star(p_holm: float | None) -> str:
    return SIGNIFICANT if p_holm is not None and p_holm < ALPHA else " "


def _sides(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)
