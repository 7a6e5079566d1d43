"""The stages as an indented tree, each below the one that it depends on: state, progress, ETA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import values as formats
from tui.format.jobs import job_counts
from tui.format.text import visible
from tui.screens.home.stages import StageSummary
from tui.screens.home.work_lines import opening

if TYPE_CHECKING:
    from core.api import Forecast, SlotUse
    from tui.format.text import TextPart

#: The longest bar, and the shortest one.
_BAR, _BRIEF_BAR = 24, 4


@dataclass(frozen=True)
class _Widths:
    """The widths of a line's parts: a step of the tree, the bar, the name behind its stair, the count."""

    step: int
    bar: int
    name: int
    count: int


def stage_graph(
    stages: Sequence[StageSummary], forecast: Forecast | None, slots: Mapping[str, SlotUse], width: int
) -> Content:
    """A line per stage, in at most `width` cells; `slots` are the slots of the jobs by the stage's name."""
    briefest: list[Content] = []
    # The numbers and the ETA are more important than the bars, which are all as long.
    for widths in _possible_widths(stages, width):
        briefest = [_line(stage, forecast, {}, widths, brief=True) for stage in stages]
        if all(line.cell_length <= width for line in briefest):
            break
    lines = []
    for stage, briefer in zip(stages, briefest, strict=True):
        # What is blocked or not started is on the pipeline screen too, and the slot needs room.
        full = (_line(stage, forecast, shown, widths) for shown in (slots, {}))
        fitting = next((line for line in full if line.cell_length <= width), briefer)
        lines.append(fitting.truncate(width, ellipsis=True).stylize(opening(stage=stage.name)))
    return Content("\n").join(lines)


def _possible_widths(stages: Sequence[StageSummary], width: int) -> Iterator[_Widths]:
    """The widths of lines, the roomiest first; the last one is for where none fits."""
    roomy = _widths_of(stages, 2, 0)
    rest = width - roomy.name - roomy.count - 4
    # Beside the bar are how many run, and on what, and the ETA; or those without the slot.
    for bar in (min(_BAR, rest - 33), min(_BAR, rest - 24), _BRIEF_BAR):
        if bar >= _BRIEF_BAR:
            yield replace(roomy, bar=bar)
    yield _widths_of(stages, 1, _BRIEF_BAR)
    yield roomy


def _widths_of(stages: Sequence[StageSummary], step: int, bar: int) -> _Widths:
    names = [len(_stair(stage, step)) + len(stage.name) for stage in stages]
    counts = [len(_count(stage)) for stage in stages]
    return _Widths(step, bar, max(names, default=0), 2 + max(counts, default=0))


def _stair(stage: StageSummary, step: int) -> str:
    return " " * (step * (stage.depth - 1)) + "└ " if stage.depth else ""


def _count(stage: StageSummary) -> str:
    return f"{stage.counts.done} of {stage.counts.total}"


def _line(
    stage: StageSummary,
    forecast: Forecast | None,
    slots: Mapping[str, SlotUse],
    widths: _Widths,
    *,
    brief: bool = False,
) -> Content:
    """A stage's line; a `brief` one shows no jobs that are blocked or not started."""
    look = stage.look
    stair = _stair(stage, widths.step)
    counts = stage.counts
    muted = not counts.requested
    parts: list[TextPart] = [
        (stair, "$border"),
        (f"{look.glyph} ", f"${look.colour}"),
        (visible(stage.name).ljust(widths.name - len(stair)), "$text-muted" if muted else "$foreground"),
        "  ",
        (formats.bar(stage.share, widths.bar), f"${look.colour}"),
        (f"{_count(stage):>{widths.count}}", "$foreground" if counts.done else "$text-muted"),
    ]
    slot = slots.get(stage.name)
    for text, colour in job_counts.others(counts):
        if not text.endswith(("waiting", "blocked", "not started") if brief else "waiting"):
            used = f" on {slot.name}" if slot is not None and text.endswith("running") else ""
            parts.append((f"  {text}{used}", f"${colour}"))
    seconds = None if forecast is None else forecast.stages.get(stage.name)
    if forecast is not None and seconds is not None:
        words = eta_in_words(seconds, is_lower_bound=stage.name in forecast.lower_bounds)
        parts.append((f"  {words}", "$text-muted"))
    return Content.assemble(*parts)


def eta_in_words(seconds: float, *, is_lower_bound: bool) -> str:
    """`ETA ~2h 10m`, or a lower bound, `ETA > 2h 10m`, if the duration of some jobs is unknown."""
    if is_lower_bound:
        # "More than under a minute" would say nothing.
        return "ETA unknown" if seconds < 60 else f"ETA > {formats.roughly(seconds)}"
    return "ETA < 1m" if seconds < 60 else f"ETA ~{formats.roughly(seconds)}"
