"""An answer of the playground in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.format.values import UNKNOWN

if TYPE_CHECKING:
    from core.api import PlaygroundAnswer, Responding


def measures(answer: PlaygroundAnswer, *, is_final: bool = True, width: int | None = None) -> str:
    """How long an answer is, how fast it came, and how it ended; it has no text from outside.

    The last measures are left out where `width` has no room for them.
    """
    words = "1 word" if answer.words == 1 else f"{answer.words} words"
    speed = UNKNOWN if answer.tokens_per_s is None else f"{answer.tokens_per_s:.0f}"
    ends = {"stop": "", "length": "cut at max_new_tokens", "stopped": "stopped", "failed": "failed"}
    parts = [
        words,
        ends[answer.finish] if is_final else "",
        "thinking removed" if answer.had_thinking else "",
        f"{speed} tokens/s",
        f"{answer.tokens} tokens",
    ]
    if answer.first_token_s is not None:
        parts.append(f"first after {answer.first_token_s:.1f} s")
    shown = list(filter(None, parts))
    while width is not None and len(shown) > 1 and len(" · ".join(shown)) > width:
        shown.pop()
    return " · ".join(shown)


def text(answer: PlaygroundAnswer) -> str:
    """The answer, fit to be shown, with its error if it failed."""
    shown = visible(answer.text.strip(), lines=True)
    if answer.error is not None:
        return f"{shown}\n✗ {visible(answer.error, lines=True)}".strip()
    return shown or "(empty answer)"


def sampling(settings: Responding) -> str:
    """How answers are generated, in a line."""
    decoding = (
        f"sampled, temperature {settings.temperature:g}, top_p {settings.top_p:g}, seed {settings.seed}"
        if settings.do_sample
        else "greedy"
    )
    return f"{decoding} · at most {settings.max_new_tokens} tokens"
