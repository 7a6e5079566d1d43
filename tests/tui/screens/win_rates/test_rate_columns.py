"""The columns of the table of win rates: names are not cut while other columns can give way."""

from __future__ import annotations

import msgspec
import pytest

from core.api import WinRate
from tui.format.evaluation import win_rates
from tui.screens.win_rates.table import rate_columns

RATE = WinRate(
    a="small",
    b="small/direct/chatgpt/sft",
    judge="embedded",
    n=69,
    wins_a=16,
    wins_b=53,
    ties=0,
    invalid=0,
    interval="wilson 95 %",
    job="compare-1",
    state="done",
)
LONG = "small/improve-human/all_dimensions/sft-dpo"


def widths(rates: list[WinRate], width: int) -> dict[str, int]:
    columns = rate_columns.columns(
        rates,
        width,
        longest_b=win_rates.longest_name(rates),
        sort=None,
        is_reversed=False,
        grouping="none",
        has_votes=False,
    )
    assert sum(column.width + 2 for column in columns) <= width
    return {column.key: column.width for column in columns}


def test_what_the_summary_has_too_gives_way_to_names() -> None:
    assert "wins" in widths([RATE], 80)
    both = [RATE, msgspec.structs.replace(RATE, b=LONG)]
    found = widths(both, 80)
    assert "wins" not in found
    assert found["b"] >= len("improve-human/all_dimensions · sft")
    assert widths([RATE], 120)["bar"] > widths(both, 120)["bar"]


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (38, "improve-human/all_dimensions · sft-dpo"),
        (30, "human/all_dimensions · sft-dpo"),
        (20, "human/…ons · sft-dpo"),
    ],
)
def test_a_name_that_is_too_long_first_loses_what_others_have_too(width: int, name: str) -> None:
    assert win_rates.fitted_name(LONG, "small", width, longest=38) == name
    # All names of a table are shortened in the same way.
    short = win_rates.fitted_name("small/improve-llm/naive/sft", "small", width, longest=38)
    assert short.startswith("improve-") == (width == 38)


def test_a_baseline_has_the_room_that_b_leaves() -> None:
    rate = msgspec.structs.replace(RATE, a="small/direct/chatgpt/sft", b="small/direct/chatgpt/sft-dpo")
    assert widths([rate], 120)["a"] == len(rate.a)
    assert "judge" not in widths([rate], 120), "the summary names the only judge"
    assert "judge" in widths([rate, msgspec.structs.replace(rate, judge="gpt-4o")], 120)
