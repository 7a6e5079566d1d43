"""The metrics of judges as rows: scorecards, agreements, and people's votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.format import values as formats
from tui.screens.win_rates.metrics import annotator_metrics, bias_metrics, comparison_metrics
from tui.screens.win_rates.metrics.metric_row import MetricRow, heading, share

if TYPE_CHECKING:
    from core.api import Agreement, AnnotatorTest, BiasModel, HumanWinRate, Scorecard

#: Judge → its comparisons, as (a, b).
Made = Mapping[str, tuple[tuple[str, str], ...]]


def of_judges(
    cards: Sequence[Scorecard],
    agreements: Sequence[Agreement],
    votes: Sequence[HumanWinRate],
    tests: Sequence[AnnotatorTest],
    models: Sequence[BiasModel],
    made: Made,
) -> list[MetricRow]:
    """Rows of scorecards, agreements, votes, annotator tests, and models of biases."""
    found = [metric for card in cards for metric in _card(card, made.get(card.judge, ()))]
    if agreements:
        found.append(heading("Agreement", "on pairs that both judged; intervals over dialogues"))
        found += [metric for one in agreements for metric in _agreement(one, made)]
    if votes:
        found.append(heading("Votes of people", "on two responders: win rate of B"))
        found += [_vote(one) for one in votes]
    found += annotator_metrics.rows(tests)
    # Last, because they have a row for each responder.
    for model in models:
        found += bias_metrics.rows(model, made.get(model.judge, ()))
    return found


def _card(card: Scorecard, behind: tuple[tuple[str, str], ...]) -> Iterator[MetricRow]:
    model = f"{card.provider} {card.model}".strip()
    yield heading(card.judge, ", ".join(part for part in (model, card.design) if part))
    yield share(
        "agrees with people",
        card.agreement,
        card.agreement_low,
        card.agreement_high,
        n=card.pairs,
        note="of pairs with one response rated higher by people"
        if card.agreement is not None
        else _unmeasured(card),
        warns=card.agreement is None,
    )
    if card.longer_agreement is not None:
        yield share(
            "  the longer one wins", card.longer_agreement, n=card.pairs, note="baseline on these pairs"
        )
    for name, value, low, high, n, note in (
        (
            "prefers first",
            card.prefers_first,
            card.prefers_first_low,
            card.prefers_first_high,
            card.placed,
            comparison_metrics.first_place(card.flip_rate),
        ),
        (
            "orders disagree",
            card.flip_rate,
            card.flip_rate_low,
            card.flip_rate_high,
            card.paired,
            "of the pairs judged in both orders",
        ),
        (
            "prefers longer",
            card.prefers_longer,
            card.prefers_longer_low,
            card.prefers_longer_high,
            card.lengths,
            "of the verdicts with a winner and different lengths",
        ),
    ):
        found = share(name, value, low, high, n=n or None, note=note if value is not None else "no data")
        yield replace(found, behind=behind)
    yield replace(
        share(
            "invalid",
            card.invalid_share,
            n=card.verdicts,
            note="of the verdicts name no response",
            warns=bool(card.invalid),
        ),
        behind=behind,
    )
    yield MetricRow("forms of answers", note=_forms(card))
    yield MetricRow(
        "1,000 verdicts cost",
        formats.dollars(card.usd_per_1000),
        note="actual cost" if card.usd_per_1000 is not None else "unknown: not used yet, or without a price",
    )


def _forms(card: Scorecard) -> str:
    """How often an answer of each form named a response."""
    if card.forms is None:
        return "not counted: by an earlier version, or not used yet"
    counts = (f"{formats.count(times)} {form}" for form, times in card.forms.items())
    none = "no answer is read: it gives scores" if card.provider == "embedded" else "no answer was understood"
    return ", ".join(counts) or none


def _unmeasured(card: Scorecard) -> str:
    if card.provider == "embedded":
        return "not measured yet: measured when the judge is trained"
    return f"not measured: `empathy-tui judge validate {card.judge}`"


def _agreement(one: Agreement, made: Made) -> Iterator[MetricRow]:
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
            note=f"{one.kind}: same outcome, over {one.dialogues} dialogues",
        ),
        behind=behind,
    )
    known = one.kappa is not None and one.kappa_low is not None and one.kappa_high is not None
    yield MetricRow(
        "  kappa",
        f"{one.kappa:.2f}" if one.kappa is not None else formats.UNKNOWN,
        f"{one.kappa_low:.2f} – {one.kappa_high:.2f}" if known else "",
        note="Cohen's kappa: 0 as by chance, 1 perfect" if one.kappa is not None else "no better than chance",
        behind=behind,
    )


def _vote(one: HumanWinRate) -> MetricRow:
    skipped = f", {one.skipped} skipped" if one.skipped else ""
    weighted = "; pairs drawn by the judge's uncertainty, the rate weighted" if one.weighted else ""
    return replace(
        share(
            f"{one.b} vs. {one.a}",
            one.win_rate_b,
            one.ci_low,
            one.ci_high,
            n=one.dialogues,
            note=f"{one.votes} votes of {', '.join(one.voters)}{skipped}; {one.wins_b} won, {one.ties} tied, "
            f"{one.wins_a} lost; {one.interval}{weighted}",
        ),
        behind=((one.a, one.b),),
    )
