"""An answer of the playground in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.text import visible
from tui.format.values import dollars, shorten

if TYPE_CHECKING:
    from core.api import PlaygroundAnswer, PlaygroundCost, PlaygroundOpinion, PlaygroundTurn, Responding

#: Characters of an utterance and of an answer in a note.
_NOTED = 200


def measures(answer: PlaygroundAnswer, *, is_final: bool = True, width: int | None = None) -> str:
    """How long an answer is, how fast it came, and how it ended; it has no text from outside.

    The last measures are left out where `width` has no room for them.
    """
    words = "1 word" if answer.words == 1 else f"{answer.words} words"
    ends = {"stop": "", "length": "cut at max_new_tokens", "stopped": "stopped", "failed": "failed"}
    parts = [
        words,
        ends[answer.finish] if is_final else "",
        "thinking removed" if answer.had_thinking else "",
        "" if answer.usd is None else _paid(answer.usd, is_estimated=answer.is_estimated),
        "" if answer.tokens_per_s is None else f"{answer.tokens_per_s:.0f} tokens/s",
        "1 token" if answer.tokens == 1 else f"{answer.tokens} tokens",
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
    if not shown and answer.finish == "stopped":
        return "(stopped before the first token)" if not answer.tokens else "(stopped before the first word)"
    return shown or "(empty answer)"


def alike(turn: PlaygroundTurn) -> list[tuple[str, ...]]:
    """The responders that gave the same answer in a turn, word for word, group by group."""
    groups: dict[str, list[str]] = {}
    for answer in turn.answers:
        groups.setdefault(answer.text.strip(), []).append(answer.responder)
    return [tuple(names) for said, names in groups.items() if said and len(names) > 1]


def sampling(settings: Responding) -> str:
    """How answers are generated, in a line."""
    decoding = (
        f"sampled, temperature {settings.temperature:g}, top_p {settings.top_p:g}, seed {settings.seed}"
        if settings.do_sample
        else "greedy"
    )
    return f"{decoding} · at most {settings.max_new_tokens} tokens"


def cost(found: PlaygroundCost) -> Content:
    """What models behind an API will be paid, and what the budget says."""
    names = visible(", ".join(found.models))
    if found.usd is None:
        lines = [f"The price of {names} is not in config.toml, so the cost is unknown."]
    else:
        lines = [f"About {dollars(found.usd)} this time, estimated from the length of the texts."]
    spent = f"Spent so far: {dollars(found.spent_usd)}"
    budget = "" if found.budget_usd is None else f" of {dollars(found.budget_usd)}"
    lines += [f"{spent}{budget}.", "You are not asked again until the app is closed."]
    return Content("\n".join(lines))


def opinion(found: PlaygroundOpinion) -> list[str]:
    """A judge's opinion in lines: the better answer, the verdict in each order, and what it cost."""
    names = {"a": visible(found.a), "b": visible(found.b), "tie": "neither", "invalid": "no usable answer"}
    if found.winner == "tie":
        first = "A tie: by all verdicts neither answer is better"
    elif found.winner == "invalid":
        first = "No opinion: the judge's answers do not name a response in every order"
    else:
        first = f"{names[found.winner]} is better"
    lines = [first]
    for order, winner, raw in found.verdicts:
        said = f"its answer: {shorten(' '.join(visible(raw).split()), _NOTED)}"
        shown = f"shown first: {names[order[0]]}"
        if len(found.verdicts) == 1:
            shown, said = "each by itself", _rated(raw, names) or said
        lines.append(f"{shown} → {names[winner]}   ({said})")
    lines.append(f"judged by {visible(found.label)}")
    if found.usd:
        lines.append(f"cost {_paid(found.usd, is_estimated=found.is_estimated)}")
    elif found.usd is None:
        lines.append("cost unknown: the model has no price in config.toml")
    return lines


def _rated(raw: str, names: Mapping[str, str]) -> str:
    """The ratings of the embedded judge; empty if they are not among its words."""
    with suppress(ValueError):
        match json.loads(raw):
            case {"a": float(a), "b": float(b)}:
                return f"rated {names['a']} {a:.2f}, {names['b']} {b:.2f}"
    return ""


def note(before: str, utterance: str, answer: str) -> str:
    """The note on a run with an answer that is to be kept."""
    said, answered = (shorten(" ".join(visible(text).split()), _NOTED) for text in (utterance, answer))
    kept = f"“{said}” → “{answered}”"
    return f"{' '.join(before.split())} · {kept}" if before.strip() else kept


def _paid(usd: float, *, is_estimated: bool) -> str:
    return f"about {dollars(usd)}" if is_estimated else dollars(usd)
