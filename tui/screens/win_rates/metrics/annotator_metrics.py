"""The alternative annotator tests of judges as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tui.format import values as formats
from tui.screens.win_rates.metrics.metric_row import MetricRow, heading, share

if TYPE_CHECKING:
    from core.api import AnnotatorTest


def rows(tests: Sequence[AnnotatorTest]) -> Iterator[MetricRow]:
    """Whether each judge does as well as a person, and how it does in the place of each voter."""
    if not tests:
        return
    yield heading(
        "As good as a person?",
        f"alternative annotator test; a judge may be worse than a voter by {tests[0].epsilon:g}",
    )
    for test in tests:
        yield from _of_judge(test)


def _of_judge(test: AnnotatorTest) -> Iterator[MetricRow]:
    if test.passed is None:
        yield MetricRow(test.judge, formats.UNKNOWN, note=test.missing or "")
        return
    verdict = "passed" if test.passed else "not passed"
    yield MetricRow(
        test.judge,
        verdict,
        n=len(test.voters),
        note=f"as good as {formats.percent(test.winning_rate)} of the voters, where half are needed; agrees "
        f"with the others at least as well as a voter on {formats.percent(test.advantage)} of the pairs",
        warns=not test.passed,
    )
    for one in test.voters:
        yield share(
            f"  in place of {one.voter}",
            one.judge,
            n=one.pairs,
            note=f"agrees with the others at least as well as {one.voter}, who does so on "
            f"{formats.percent(one.voter_share)}; {formats.p_words(one.p)}: "
            f"{'as good' if one.is_as_good else 'not shown to be as good'}",
        )
