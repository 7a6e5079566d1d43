"""What is known of judges as rows: each one's scorecard, who agrees with whom, what people voted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.format import values as figures
from tui.screens.win_rates import comparison_metrics
from tui.screens.win_rates.comparison_metrics import Fact, heading, share

if TYPE_CHECKING:
    from core.api import Agreement, HumanWinRate, Scorecard

#: Judge → the comparisons that it made, as (a, b).
Made = Mapping[str, tuple[tuple[str, str], ...]]


def of_judges(
    cards: Sequence[Scorecard], agreements: Sequence[Agreement], votes: Sequence[HumanWinRate], made: Made
) -> list[Fact]:
    """Scorecards, agreements and votes, one below the other."""
    found = [fact for card in cards for fact in _card(card, made.get(card.judge, ()))]
    if agreements:
        found.append(heading("Agreement", "on the pairs that both decided; intervals over dialogues"))
        found += [fact for one in agreements for fact in _agreement(one, made)]
    if votes:
        found.append(heading("Votes of people", "on two responders: B's win rate"))
        found += [_vote(one) for one in votes]
    return found


def _card(card: Scorecard, behind: tuple[tuple[str, str], ...]) -> Iterator[Fact]:
    model = f"{card.provider} {card.model}".strip()
    yield heading(card.judge, ", ".join(part for part in (model, card.design) if part))
    yield share(
        "agrees with people",
        card.agreement,
        card.agreement_low,
        card.agreement_high,
        n=card.pairs,
        note="of pairs of which people rated one higher" if card.agreement is not None else _unmeasured(card),
        warns=card.agreement is None,
    )
    for name, value, n, note in (
        ("first place wins", card.prefers_first, card.placed, comparison_metrics.first_place(card.flip_rate)),
        ("orders disagree", card.flip_rate, card.paired, "of the dialogues judged in both orders"),
        (
            "longer one wins",
            card.prefers_longer,
            card.lengths,
            "of the dialogues with a winner",
        ),
    ):
        found = share(name, value, n=n or None, note=note if value is not None else "nothing to count it on")
        yield replace(found, behind=behind)
    invalid = card.invalid / card.verdicts if card.verdicts else None
    yield replace(
        share("invalid", invalid, n=card.verdicts, note="of the verdicts name neither", warns=bool(invalid)),
        behind=behind,
    )
    yield Fact(
        "1,000 verdicts cost",
        figures.dollars(card.usd_per_1000),
        note="as paid" if card.usd_per_1000 is not None else "not known: not asked yet, or without a price",
    )


def _unmeasured(card: Scorecard) -> str:
    if card.provider == "embedded":
        return "not measured yet: it is when the judge is trained"
    return f"not measured: `empathy-tui judge validate {card.judge}`"


def _agreement(one: Agreement, made: Made) -> Iterator[Fact]:
    shared = {
        "judges": [sides for sides in made.get(one.one, ()) if sides in made.get(one.other, ())],
        "voter and judge": list(made.get(one.other, ())),
        "voters": [],
    }[one.kind]
    behind = tuple(shared)
    yield replace(
        share(
            f"{one.one} ~ {one.other}",
            one.raw,
            one.raw_low,
            one.raw_high,
            n=one.pairs,
            note=f"{one.kind}: the same outcome, over {one.dialogues} dialogues",
        ),
        behind=behind,
    )
    known = one.kappa is not None and one.kappa_low is not None and one.kappa_high is not None
    yield Fact(
        "  kappa",
        f"{one.kappa:.2f}" if one.kappa is not None else figures.UNKNOWN,
        f"{one.kappa_low:.2f} – {one.kappa_high:.2f}" if known else "",
        note="Cohen's: 0 by chance alone, 1 always"
        if one.kappa is not None
        else "chance alone would agree as often",
        behind=behind,
    )


def _vote(one: HumanWinRate) -> Fact:
    skipped = f", {one.skipped} skipped" if one.skipped else ""
    return replace(
        share(
            f"{one.b} against {one.a}",
            one.win_rate_b,
            one.ci_low,
            one.ci_high,
            n=one.dialogues,
            note=f"{one.votes} votes of {', '.join(one.voters)}{skipped}; {one.wins_b} won, {one.ties} tied, "
            f"{one.wins_a} lost; {one.interval}",
        ),
        behind=((one.a, one.b),),
    )
