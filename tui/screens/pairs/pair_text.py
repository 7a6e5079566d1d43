"""A pair as text: its responses, their differences, and the judges' verdicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from textual.content import Content

from core.api import MAX_WORDS
from tui.format import values as formats
from tui.format.marked_text import differing, marked
from tui.format.text import visible
from tui.navigation import pair_filter

if TYPE_CHECKING:
    from core.api import Order, Pair, Prompt, Verdict

ResponseSide = Literal["a", "b"]

_WINNERS = {"a": "A wins", "b": "B wins", "tie": "tie", "invalid": "invalid"}
_COLOURS = {
    "a": "$text-warning",
    "b": "$text-success",
    "tie": "$text-muted",
    "invalid": "$text-error",
    "none": "$text-muted",
}
#: The width of the labels beside the dialogue.
LABEL = 11
ORDERS: dict[Order, str] = {"ab": "A shown first", "ba": "B shown first"}


def context(pair: Pair, place: str, sought: str = "") -> Content:
    """The dialogue; `place` is its position among all, matches of `sought` are marked."""
    return Content.assemble(
        (place, "bold"),
        (f"  {visible(pair.dialog_id)}  {visible(pair.emotion)}\n", "$text-muted"),
        (f"{'Situation':<{LABEL}}", "$text-muted"),
        marked(pair.situation, sought=sought),
        (f"\n{'Utterance':<{LABEL}}", "$text-muted"),
        marked(pair.utterance, sought=sought),
    )


@lru_cache(32)
def responder(side: ResponseSide, name: str) -> Content:
    """A side's letter and responder; a click on the name chooses another one."""
    return Content.assemble(
        (f"{side.upper()} ", "$text-accent bold"),
        Content.from_markup(f"[bold @click=screen.choose('{side}')]$name[/]", name=visible(name)),
    )


def response(
    side: ResponseSide, name: str, pair: Pair, *, differences: bool, sought: str = "", width: int = 0
) -> Content:
    """One side in lines of `width` cells: responder and response; matches of `sought` are marked."""
    text, other = (pair.response_a, pair.response_b) if side == "a" else (pair.response_b, pair.response_a)
    words = None if text is None else len(text.split())
    too_long = words is not None and words > MAX_WORDS
    who = responder(side, name)
    about = Content.assemble(
        (
            "" if words is None else formats.counted(words, "word"),
            "$text-warning" if too_long else "$text-muted",
        ),
        (f", more than {MAX_WORDS}" if too_long else "", "$text-warning"),
        ("   same as the other" if text is not None and text == other else "", "$text-warning"),
    )
    is_one_line = who.cell_length + 3 + about.cell_length <= width
    head = Content.assemble(who, "   " if is_one_line else "\n", about, "\n\n")
    if text is None:
        body = Content.styled("no response yet", "$text-muted")
    elif not text.strip():
        body = Content.styled("(an empty response)", "$text-warning")
    else:
        body = marked(text, against=other if differences and other else None, sought=sought)
    return Content.assemble(head, body)


def why_nothing_differs(pair: Pair) -> str | None:
    """Why no word of a pair can be marked as different; None if one can, or if it is not known."""
    if not pair.response_a or not pair.response_b:
        return "there is no other response yet to compare the words with"
    if differing(pair.response_a, pair.response_b) == differing(pair.response_b, pair.response_a) == []:
        return "no word differs: both responses have the same words"
    return None


def verdict(pair: Pair, *, is_compared: bool) -> Content:
    """Each judge's outcome in a line; `is_compared` if a judge is to compare the responders."""
    found = pair_filter.outcomes(pair)
    same = pair.response_a is not None and pair.response_a == pair.response_b
    lines = [Content.styled("both responses are the same text", "$text-warning")] if same else []
    for judge, outcome in found.items():
        decided = outcome in ("a", "b")
        about = "  its orders disagree" if pair_filter.orders_disagree(pair, judge) else ""
        lines.append(
            Content.assemble(
                (f"{'✓' if decided else ' '} {_WINNERS.get(outcome, outcome)}", _COLOURS[outcome]),
                (f"  {visible(judge)}", "$text-muted"),
                (about, "$text-warning"),
            )
        )
    if not found:
        lines.append(Content.styled(_no_verdict(is_compared=is_compared), "$text-muted"))
    if pair_filter.judges_disagree(pair):
        lines.append(Content.styled("the judges disagree", "$text-warning"))
    return Content("\n").join(lines)


def answers(pair: Pair, alone: Collection[str], *, is_compared: bool, prompt_key: str) -> Content:
    """Every verdict of the judges with their full answers.

    `alone` are the judges that score each response separately, without an order of presentation;
    `is_compared` if a judge is to compare the responders.
    """
    if not pair.verdicts:
        return Content.styled(_no_verdict(is_compared=is_compared), "$text-muted")
    found = pair_filter.outcomes(pair)
    parts = []
    for judge, outcome in found.items():
        own = [verdict for verdict in pair.verdicts if verdict.judge == judge]
        about = "  scores each response separately" if judge in alone else ""
        parts.append(
            Content.assemble(
                (visible(judge), "bold"), f"  {_WINNERS.get(outcome, outcome)}", (about, "$text-muted")
            )
        )
        parts += [_answer(verdict, own, ordered=judge not in alone) for verdict in own]
    parts.append(Content.styled(f"\n{prompt_key} shows the judge's prompt.", "$text-muted"))
    return Content("\n").join(parts)


def orders(pair: Pair, alone: Collection[str]) -> list[Order]:
    """The orders of the verdicts on the pair; `ab` if there are none yet."""
    orders = {verdict.order for verdict in pair.verdicts if verdict.judge not in alone}
    return [order for order in ORDERS if order in orders] or ["ab"]


def question(pair: Pair, prompt: Prompt, order: Order) -> Content:
    """The judge's full prompt for the pair."""
    from core.api import judge_question

    source = "custom template" if prompt.overridden else "default template"
    head = Content.assemble(
        ("The judge's prompt", "bold"), (f"  {ORDERS[order]}, {source} {prompt.name}\n", "$text-muted")
    )
    if prompt.error is not None:
        return Content.assemble(head, (visible(prompt.error, lines=True), "$text-error"))
    if pair.response_a is None or pair.response_b is None:
        return Content.assemble(head, ("none yet: a response is missing", "$text-muted"))
    return Content.assemble(head, visible(judge_question(prompt.text, pair, order), lines=True))


def plain(pair: Pair, a: str, b: str) -> str:
    """The pair as plain text to copy."""
    lines = [
        f"dialogue {pair.dialog_id} ({pair.emotion})",
        f"situation: {pair.situation.strip()}",
        f"utterance: {pair.utterance.strip()}",
        f"A, {a}: {'no response' if pair.response_a is None else pair.response_a.strip()}",
        f"B, {b}: {'no response' if pair.response_b is None else pair.response_b.strip()}",
        *(
            f"{verdict.judge} ({ORDERS.get(verdict.order, verdict.order)}): "
            f"{_WINNERS.get(verdict.winner, verdict.winner)}: {verdict.raw}"
            for verdict in pair.verdicts
        ),
    ]
    return visible("\n".join(lines), lines=True)


def _no_verdict(*, is_compared: bool) -> str:
    return (
        "no verdict yet"
        if is_compared
        else "no judge compares these responders: see [comparisons] in config.toml"
    )


def _answer(verdict: Verdict, own: Sequence[Verdict], *, ordered: bool) -> Content:
    order = ORDERS.get(verdict.order, verdict.order) if ordered else ""
    repeat = f", repeat {verdict.number}" if any(other.number > 1 for other in own) else ""
    sure = (
        ""
        if verdict.probability_b is None
        else f", B with probability {formats.percent(verdict.probability_b)}"
    )
    dimensions = "".join(
        f", {name} {_WINNERS.get(winner, winner)}" for name, winner in verdict.dimensions.items()
    )
    about = f"{order}{repeat}{sure}{dimensions}".lstrip(", ")
    return Content.assemble(
        (f"  {_WINNERS.get(verdict.winner, verdict.winner)}", ""),
        (f"  {about}  " if about else "  ", "$text-muted"),
        ("“", "$text-muted"),
        visible(verdict.raw.strip(), lines=True),
        ("”", "$text-muted"),
    )
