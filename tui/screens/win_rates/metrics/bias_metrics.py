"""The model of a judge's biases as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.format import values as formats
from tui.screens.win_rates.metrics.metric_row import MetricRow, heading

if TYPE_CHECKING:
    from core.api import BiasEffect, BiasModel


def rows(model: BiasModel, behind: Sequence[tuple[str, str]]) -> Iterator[MetricRow]:
    """Position, length and strengths, in log-odds with intervals; `behind` are the judge's comparisons."""
    yield heading(
        f"Biases of {model.judge}",
        "position, length and strength in one model: log-odds by a logistic GEE over "
        f"{model.verdicts:,} verdicts on {model.dialogues:,} dialogues",
    )
    for sentence in model.missing:
        yield MetricRow("not known", note=sentence, warns=True)
    groups = {effect.group for effect in model.effects if effect.kind == "strength"}
    for effect in model.effects:
        yield replace(_row(effect, len(groups) > 1), behind=tuple(behind))


def _row(effect: BiasEffect, has_groups: bool) -> MetricRow:
    value, low, high = effect.log_odds, effect.low, effect.high
    name = effect.responder or effect.kind
    if value is None or low is None or high is None:
        return MetricRow(
            name, formats.UNKNOWN, note=f"{effect.kind}: cannot be estimated from these verdicts"
        )
    chance = formats.percent(1 / (1 + math.exp(-value)))
    note = {
        "position": f"position: the first response is named in {chance}, at equal length and strength",
        "length": f"length: a much longer response is named in {chance}, at equal position and strength",
        "strength": f"strength: wins {chance} against the mean responder"
        + (f" of group {effect.group + 1}" if has_groups else "")
        + ", at equal position and length",
    }[effect.kind]
    return MetricRow(name, f"{value:+z.2f}", f"{low:+z.2f} – {high:+z.2f}", note=note)
