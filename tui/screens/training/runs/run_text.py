"""Pages about runs beside their charts: metrics, settings, sample responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content

from core.api import result_values
from tui.format import values as formats
from tui.format.jobs import job_states
from tui.format.text import visible
from tui.screens.training.charts import curve_view, ticks
from tui.screens.training.charts.curve_view import COUNTERS, EVAL
from tui.screens.training.charts.run_marks import MAX_MARKS

if TYPE_CHECKING:
    from core.api import Curves, Job, LogPage, RunSetting, SampleAnswer
    from tui.screens.training.charts.curve_view import Drawing
    from tui.screens.training.charts.run_marks import DrawnRun

_GROUPS = {"training": "training", "lora": "LoRA", "student": "student", "libraries": "libraries"}
_NAME, _VALUE = 14, 9
#: Warnings that fit below the charts.
_MAX_WARNINGS = 3


@dataclass(frozen=True)
class SettingsOfRun:
    """A run that is drawn, with its settings."""

    run: DrawnRun
    name: str
    """Its name without what all drawn runs share."""
    settings: tuple[RunSetting, ...]
    """Its settings; empty where they are unknown."""


def place(curves: Curves, drawing: Drawing, x: float | None) -> int | None:
    """The index of a run's point at x on the drawing's axis, the last for None; None if there is none."""
    return curve_view.standing(curves.positions(drawing.request.view.axis), x)


def when(curves: Curves, at: int | None) -> str:
    """A point of a run: step, elapsed time, epoch."""
    if at is None:
        return formats.UNKNOWN
    parts = [f"step {int(curves.steps[at]):,}", formats.duration(float(curves.positions("time")[at]))]
    epoch = float(curves.positions("epoch")[at])
    if epoch == epoch:
        parts.append(f"epoch {epoch:.2f}")
    return "  ".join(parts)


def place_line(drawing: Drawing, curves: Curves, x: float | None, job: Job | None) -> Content:
    """The position of x in a run, the ETA, and the view's settings."""
    view = drawing.request.view
    eta = job.eta_s if job is not None and job.state == "running" else None
    how = [
        "" if drawing.is_complete else "reading …",
        "" if view.axis == "step" else f"over {view.axis}",
        "log" if view.log else "",
        f"smoothed {view.smoothing:g}" if view.smoothing else "",
        "" if view.span is None else curve_view.span(view.axis, drawing.window),
        f"page {drawing.page[0] + 1}/{drawing.page[1]}" if drawing.page[1] > 1 else "",
        "" if eta is None else f"ETA {formats.duration(eta)}",
    ]
    return Content.assemble(
        ("› " if x is None else "│ ", "$text-accent"),
        (when(curves, place(curves, drawing, x)), "$text-muted" if x is None else "$foreground"),
        *((f"  ·  {part}", "$text-muted") for part in how if part),
    )


def legend(
    drawing: Drawing, shown: Sequence[DrawnRun], names: Mapping[str, str], x: float | None
) -> list[Content]:
    """The runs by number, each with its name and its value at x in the chart."""
    readings = {reading.run.job: reading for tile in drawing.tiles for reading in tile.readings}
    lines = []
    for run in sorted(shown, key=lambda run: run.number):
        found = readings[run.job].at(x) if run.job in readings else None
        value = formats.UNKNOWN if found is None else ticks.number(found[0])
        lines.append(
            Content.assemble(
                (f"{run.number} ", f"{run.colour} bold"),
                (f"{value:>10}  ", run.colour),
                visible(names.get(run.job, run.job)),
            )
        )
    return lines


def trouble(job: Job, *, is_drawn: bool) -> Content | None:
    """Why a run is not drawn, or the error that it failed with."""
    if not is_drawn:
        text = f"not drawn: {MAX_MARKS} runs are marked, the maximum"
        return Content.styled(text, "$text-warning")
    if job.state == "failed":
        why = " ".join((job.error or "unknown reason").split())
        return Content.styled(visible(f"{job_states.look(job).glyph} failed: {why}")[:300], "$text-error")
    return None


def warnings(job: Job) -> list[Content]:
    """Optional parts of a run that failed; the newest last."""
    return [
        Content.styled(f"! {visible(warning)}"[:300], "$text-warning")
        for warning in job.warnings[-_MAX_WARNINGS:]
    ]


def nothing_drawn(
    drawing: Drawing, metric: str, job: Job | None, next_metric: str, next_axis: str, start: str
) -> str:
    """Why there is no chart of a metric, and the key that helps; `job` is the selected run, the rest are
    keys."""
    if drawing.request.view.axis == "epoch" and drawing.curves:
        return f"no epochs were logged: {next_axis} switches to steps"
    if drawing.curves:
        return f"{metric} was not logged: {next_metric} shows another metric"
    return _without_metrics(job, start)


def _without_metrics(job: Job | None, start: str) -> str:
    if job is None or not job.requested:
        return f"not started: {start} starts all jobs"
    if job.state == "running":
        return "no metrics yet: the first optimiser step logs them"
    look = job_states.look(job)
    reason = job.reason if job.reason and job.state != "failed" else "no metrics were logged"
    return f"{look.glyph} {reason if reason.startswith(look.word) else f'{look.word}: {reason}'}"


def metric_table(drawing: Drawing, x: float | None, chosen: str, width: int) -> Content:
    """Every metric at x, the last for None: one run with its extremes, or several side by side."""
    runs = {run.job: run for run in drawing.request.runs}
    if not drawing.curves:
        return Content.styled("No metrics were logged yet.", "$text-muted")
    shown = sorted(drawing.curves, key=lambda one: runs[one.job].number)
    count = 3 if len(shown) == 1 else len(shown)
    count_shown = min(count, max(1, (width - _NAME) // _VALUE))
    name_width = max(_NAME, min(28, width - _VALUE * count_shown))
    lines = [Content.styled(when(drawing.curves[-1], place(drawing.curves[-1], drawing, x)), "bold")]
    counters = [name for name in COUNTERS if any(name in one.metrics for one in shown)]
    if len(shown) == 1:
        heads = [("", ""), ("min", "$text-muted"), ("max", "$text-muted")]
    else:
        heads = [(runs[one.job].number, f"{runs[one.job].colour} bold") for one in shown]
    lines.append(
        Content.assemble(
            " " * name_width, *((f"{head:>{_VALUE}}", style) for head, style in heads[:count_shown])
        )
    )
    logged = {name for one in shown for name in one.metrics}
    evaluated = (each for name in drawing.names for each in (name, EVAL + name) if each in logged)
    for name in (*evaluated, *counters):
        cells = (
            _extremes(shown[0], name, drawing, x)
            if len(shown) == 1
            else [_at(one, name, place(one, drawing, x)) for one in shown]
        )
        style = "$text-accent bold" if name == chosen else "$text-muted"
        lines.append(
            Content.assemble(
                (f"{formats.shorten(visible(name), name_width - 1):<{name_width}}", style),
                *(f"{cell:>{_VALUE}}" for cell in cells[:count_shown]),
            )
        )
    return Content("\n").join(lines)


def settings_table(found: Sequence[SettingsOfRun], width: int) -> Content:
    """The settings of runs, each with its number and name; differing settings come first."""
    if not any(one.settings for one in found):
        return Content.styled("The run's settings are unknown.", "$text-muted")
    by_key = [{(each.group, each.name): each.value for each in one.settings} for one in found]
    keys = list(dict.fromkeys(key for settings in by_key for key in settings))
    values = {key: [_setting(settings.get(key)) for settings in by_key] for key in keys}
    differing = [key for key in keys if len(set(values[key])) > 1]
    lines: list[Content] = []
    if len(found) > 1:
        lines += [
            Content.assemble((f"{one.run.number} ", f"{one.run.colour} bold"), visible(one.name))
            for one in found
        ]
        same = "Different:" if differing else "All settings are equal:"
        lines.append(Content.styled(f"\n{same}", "bold"))
        lines += [_differing(key[1], values[key], found) for key in differing]
    for group, keys_of in groupby((key for key in keys if key not in differing), key=lambda key: key[0]):
        lines.append(Content.styled(f"\n{_GROUPS[group]}" if lines else _GROUPS[group], "bold"))
        lines += [_one(name, values[group, name][0], width) for _, name in keys_of]
    return Content("\n").join(lines)


def outcome(job: Job, width: int) -> Content:
    """The results of a finished run."""
    result = result_values(job)
    if not result:
        return Content("")
    lines = [Content.styled("\n\nresult", "bold")]
    lines += [_one(one.name, _setting(one.value), width) for one in result]
    return Content("\n").join(lines)


def answers(samples: Sequence[SampleAnswer], step: int | None) -> Content:
    """The student's sample responses during training, by dialogue, newest first; new words are marked.

    The responses that were current at `step` have a mark.
    """
    if not samples:
        return Content.styled("No samples yet: there is one every `sample_steps` steps.", "$text-muted")
    parts: list[Content] = []
    for _, group in groupby(samples, key=lambda sample: sample.dialog_id):
        answers = list(group)
        heading = answers[0].utterance.strip() or answers[0].dialog_id
        parts.append(Content.styled(visible(heading, lines=True), "bold"))
        standing = max(
            (sample.step for sample in answers if step is None or sample.step <= step), default=None
        )
        for number in range(len(answers) - 1, -1, -1):
            sample, before = answers[number], answers[number - 1] if number else None
            mark = "▸" if sample.step == standing else " "
            parts.append(
                Content.assemble(
                    (f"{mark} step {sample.step:,}\n", "$text-accent"),
                    _changed(sample.text, None if before is None else before.text),
                )
            )
    return Content("\n\n").join(parts)


def log(page: LogPage | None) -> Content:
    """The end of a log; None if there is none."""
    if page is None or not page.lines:
        return Content.styled("No log yet: it starts with the run.", "$text-muted")
    return Content("\n").join([Content(visible(line.text.expandtabs(4))) for line in page.lines])


def _changed(text: str, before: str | None) -> Content:
    if not text.strip():
        return Content.styled("(empty response)", "$text-warning")
    if before is None:
        return Content(visible(text.strip(), lines=True))
    if text == before:
        return Content.styled("unchanged", "$text-muted")
    new, old = (re.findall(r"\S+|\s+", each.strip()) for each in (text, before))
    parts: list[Content] = []
    for kind, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        piece = visible("".join(new[start:end]), lines=True)
        is_new = kind in ("replace", "insert") and piece.strip()
        parts.append(Content.styled(piece, "$text-success underline") if is_new else Content(piece))
    return Content("").join(parts)


def _at(curves: Curves, name: str, at: int | None) -> str:
    """A metric's last logged value at or before a point."""
    curve = curves.metrics.get(name)
    if curve is None or at is None:
        return formats.UNKNOWN
    here = int(curve.places.searchsorted(at, side="right")) - 1
    return ticks.number(float(curve.values[here])) if here >= 0 else formats.UNKNOWN


def _extremes(curves: Curves, name: str, drawing: Drawing, x: float | None) -> list[str]:
    import numpy as np

    values = curves.metrics[name].values
    finite = values[np.isfinite(values)]
    now = _at(curves, name, place(curves, drawing, x))
    if name in COUNTERS or not len(finite):
        return [now]
    return [now, ticks.number(float(finite.min())), ticks.number(float(finite.max()))]


def _differing(name: str, values: Sequence[str], found: Sequence[SettingsOfRun]) -> Content:
    short = all(len(value) <= 9 for value in values)
    each: list[tuple[str, str] | str] = []
    for one, value in zip(found, values, strict=True):
        number = (f"{one.run.number}: ", f"{one.run.colour} bold")
        each += [("  " if short else "\n  ", ""), number, visible(value)]
    return Content.assemble((visible(name), "$text-warning"), *each)


def _one(name: str, value: str, width: int) -> Content:
    name_width = max(12, min(30, width // 2 + 6))
    return Content.assemble((f"{visible(name):<{name_width}} ", "$text-muted"), visible(value))


def _setting(value: object) -> str:
    if value is None:
        return formats.UNKNOWN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
