"""What the demo says at its end: what the student learned, and what that is not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console

from core.api import RunName, WinRate
from tui.cli.output.tables import print_line
from tui.format.values import count, percent, span

EMBEDDED_JUDGE = (
    "Caveat: this is not a judgement by people or by a large language model. The judge is small and runs on "
    "this machine: a ridge regression from sentence embeddings to ratings. It was trained on the ratings of "
    "the train dialogues alone, never on a test dialogue; but the student learned from the same train "
    "dialogues; the demo's settings were chosen by win rates on these test dialogues, so new ones may show "
    "less; and the judge does not penalise an answer that repeats itself or makes no sense. A win means "
    "that an answer sounds more like the well-rated ones, not that it would help anybody. Read the answers: "
    "`empathy-tui pairs A B`, or the app's screen 6."
)


def print_learned(console: Console, rates: Sequence[WinRate], embedded: Collection[str]) -> None:
    """A sentence for each comparison of a run that has a result; then what kind of judge said so.

    `embedded` are the names of the judges that are embedded ones.
    """
    found = [rate for rate in rates if RunName.parse(rate.b) is not None and rate.win_rate_b is not None]
    if not found:
        return
    print_line(console, "What the student learned, on test dialogues that it was not trained on:", "bold")
    for rate in found:
        print_line(console, f"- {learned(rate)}")
    if any(rate.judge in embedded for rate in found):
        print_line(console, EMBEDDED_JUDGE, "yellow")


def learned(rate: WinRate) -> str:
    """What a comparison's interval shows, with its numbers."""
    low, high = rate.ci_low, rate.ci_high
    if low is not None and low > 0.5:
        said = "is judged better than"
    elif high is not None and high < 0.5:
        said = "is judged worse than"
    else:
        said = "is not shown to differ from"
    rates = f"{percent(rate.win_rate_b, 1)} (95 % interval {span(low, high)} %)"
    return f"{rate.b} {said} {rate.a}: it wins {rates} of {count(rate.n)} dialogues"
