"""The summary of the selected comparison below the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import values as formats
from tui.format.evaluation import human_votes
from tui.format.evaluation.win_rates import DECISION_LOOKS, decision_words, order_effects
from tui.format.text import visible
from tui.screens.win_rates import matrix
from tui.screens.win_rates.metrics import comparison_metrics

if TYPE_CHECKING:
    from core.api import Job, PredictionPoweredWinRate, WinRate


def summary(
    rate: WinRate, job: Job | None, judge: Content, with_votes: PredictionPoweredWinRate | None = None
) -> Content:
    """The result, its interval and test, people's votes, caveats, and the judge's agreement with people."""
    lines = [Content.styled(f"{visible(rate.b)} vs. {visible(rate.a)}", "bold")]
    if rate.n is None:
        lines.append(Content.styled("The win rate is shown once all verdicts are complete.", "$text-muted"))
    else:
        invalid = f"{rate.invalid} invalid, left out" if rate.invalid else "none invalid"
        interval = f"Interval: {rate.interval}" if rate.interval else "No valid verdict, so no win rate"
        lines.append(
            Content(
                f"{formats.counted(rate.n, 'test dialogue')}: B wins {rate.wins_b}, A wins {rate.wins_a}, "
                f"{formats.counted(rate.ties, 'tie')}, {invalid}. {visible(interval)}."
            )
        )
        decision = decision_words(rate)
        if decision:
            _, colour = DECISION_LOOKS[rate.decision or "undecided"]
            lines.append(
                Content.assemble("B ", (f"{decision}", f"${colour}"), f" against {visible(rate.a)}.")
            )
        if rate.p is not None:
            lines.append(Content(matrix.tested(rate)))
        if with_votes is not None:
            lines.append(Content(human_votes.sentence(with_votes)))
            warning = human_votes.warning(with_votes)
            if warning is not None:
                lines.append(Content.styled(f"! {warning}", "$text-warning"))
        effects = order_effects(rate)
        if effects is not None:
            lines.append(Content(effects))
        lines += [
            Content.styled(f"! {visible(text)}", "$text-warning")
            for text in comparison_metrics.warnings(rate)
        ]
    if job is not None and job.error is not None:
        lines.append(Content.styled(visible(job.error), "$text-error"))
    elif job is not None and job.reason is not None:
        lines.append(Content.styled(visible(job.reason), "$text-muted"))
    return Content("\n").join([*lines, judge])
