"""The estimated cost of requests before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import submissions
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Estimate, Spending


def costs(found: Sequence[Estimate], spending: Spending) -> Content:
    """Requests, tokens and cost per recipe, their sum, and the workspace's spending."""
    heading = _line("recipe", "to send", "answered", "tokens in + out", "cost")
    rows = [
        _line(
            visible(str(one.asker)),
            formats.count(one.requests - one.answered),
            formats.count(one.answered),
            _tokens(one.input_tokens, one.output_tokens),
            _cost(one.usd),
        )
        for one in found
    ]
    whole = _line(
        "all",
        formats.count(sum(one.requests - one.answered for one in found)),
        formats.count(sum(one.answered for one in found)),
        _tokens(sum(one.input_tokens for one in found), sum(one.output_tokens for one in found)),
        _cost(submissions.total_usd(found)),
    )
    return Content("\n").join(
        [
            Content.styled(heading, "$text-muted"),
            *map(Content, rows),
            Content.styled(whole, "bold"),
            Content(""),
            Content(submissions.money(spending)),
            Content.styled("Token counts are estimated from text length.", "$text-muted"),
            *(
                Content.styled(
                    f"An upper bound: {visible(str(one.asker))} may stop before, once it is decided.",
                    "$text-muted",
                )
                for one in found
                if one.is_upper_bound
            ),
        ]
    )


def _tokens(given: int, answered: int) -> str:
    return f"~{given / 1000:,.0f}k + {answered / 1000:,.0f}k"


def _cost(usd: float | None) -> str:
    return formats.UNKNOWN if usd is None else f"~{formats.dollars(usd)}"


def _line(recipe: str, to_send: str, answered: str, tokens: str, cost: str) -> str:
    return f"{formats.shorten(recipe, 24):<24}{to_send:>8}{answered:>9}{tokens:>17}{cost:>9}"
