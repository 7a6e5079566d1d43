"""The job in which a judge filters a recipe's preference pairs: those that it agrees with are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from core.dialogues.files import records
from core.domain.data.dialogues import Dialogue
from core.domain.data.recipes import DropReason
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.jobs.results import FilterResult
from core.jobs.context import JobContext
from core.jobs.records import Progress, VerdictRecord
from core.jobs.settings import EmbeddedJudge, FilterSettings, LlmJudge
from core.judging import dropped_pairs, pair_verdicts
from core.judging.dropped_pairs import DroppedPair
from core.judging.llm import llm_judge
from core.judging.metrics import comparison_metrics, scores
from core.judging.protocol import Judge, OrderedPair
from core.recipes import examples
from core.recipes.examples import PreferencePair

#: Ordered pairs that the embedded judge scores together.
_BATCH = 100
_REASONS: Mapping[Winner, DropReason] = {
    "a": "prefers_rejected",
    "tie": "undecided",
    "invalid": "invalid",
}


def run(job: JobContext[FilterSettings]) -> FilterResult:
    """Write preferences.jsonl, with the pairs whose chosen response the judge prefers, and dropped.jsonl.

    A pair is judged as a dialogue of a comparison is, with the rejected response as the baseline. Raises
    `UserError` when no pair is kept, or an LLM judge does not answer.
    """
    pairs = list(examples.read(job.input("preferences"), PreferencePair))
    dialogues = {d.dialog_id: d for d in records.read(job.input("dialogues")) if d.split == "train"}
    label: str | None = None
    match job.settings.judge:
        case EmbeddedJudge():
            judge = pair_verdicts.embedded(job)
            ordered = ordered_pairs_of(dialogues, pairs, judge.orders)
            verdicts, design, label = _embedded(job, judge, ordered), "each response by itself", judge.label
        case LlmJudge() as chosen:
            ordered = ordered_pairs_of(dialogues, pairs, llm_judge.orders(chosen), chosen.repeats)
            verdicts = pair_verdicts.judged(lambda todo: llm_judge.judge_pairs(job, chosen, todo), ordered)
            design = llm_judge.design(chosen, "the rejected response")
    found = _scores(len(pairs), verdicts)
    kept = [pair for pair, score in zip(pairs, found, strict=True) if scores.winner(score) == "b"]
    dropped = [one for pair, score in zip(pairs, found, strict=True) if (one := _dropped(pair, score))]
    if pairs and not kept:
        raise UserError(
            f"{job.settings.judge.name} prefers the chosen response in none of {len(pairs)} preference pairs "
            f"of {job.settings.recipe}: set another judge in recipes.filter_judge, or remove it"
        )
    job.check()
    examples.write(job.folder / "preferences.jsonl", kept)
    job.publish("preferences", job.folder / "preferences.jsonl")
    # Also without any: it takes the place of those that an earlier attempt dropped.
    dropped_pairs.write(job.folder / "dropped.jsonl", dropped)
    job.publish("dropped", job.folder / "dropped.jsonl")
    job.journal.write(Progress(len(ordered), len(ordered)))
    return FilterResult(
        pairs=len(pairs),
        kept=len(kept),
        dropped=dict(Counter(one.reason for one in dropped)),
        verdicts=len(ordered),
        invalid_verdicts=sum(one.winner == "invalid" for one in verdicts),
        design=design,
        label=label,
        forms=comparison_metrics.forms(verdicts),
    )


def ordered_pairs_of(
    dialogues: Mapping[str, Dialogue],
    pairs: Iterable[PreferencePair],
    orders: Sequence[Order],
    repeats: int = 1,
) -> list[OrderedPair]:
    """Each pair in turn, in each order and repeat: `b` is the chosen response."""
    return [
        OrderedPair(
            pair.dialog_id,
            dialogues[pair.dialog_id].situation,
            dialogues[pair.dialog_id].utterance,
            pair.rejected[0].content,
            pair.chosen[0].content,
            order,
            number,
        )
        for pair in pairs
        for order in orders
        for number in range(1, repeats + 1)
    ]


def _embedded(
    job: JobContext[FilterSettings], judge: Judge, ordered: Sequence[OrderedPair]
) -> list[VerdictRecord]:
    """The embedded judge's verdicts; the workspace keeps its embeddings for a new attempt."""
    found: list[VerdictRecord] = []
    for start in range(0, len(ordered), _BATCH):
        job.check()
        found += pair_verdicts.judged(judge.judge, ordered[start : start + _BATCH])
        job.journal.write(Progress(len(found), len(ordered)))
    return found


def _scores(pairs: int, verdicts: Sequence[VerdictRecord]) -> list[float | None]:
    """The score of each pair's chosen response; each pair has as many verdicts, in a row."""
    of_each = len(verdicts) // pairs if pairs else 0
    found = [(verdict.order, verdict.winner) for verdict in verdicts]
    return [scores.score(found[i * of_each : (i + 1) * of_each]) for i in range(pairs)]


def _dropped(pair: PreferencePair, score: float | None) -> DroppedPair | None:
    """The pair as it is dropped; None if it is kept."""
    winner, chosen, rejected = scores.winner(score), pair.chosen[0].content, pair.rejected[0].content
    if winner == "b":
        return None
    reason = "identical" if chosen == rejected else _REASONS[winner]
    return DroppedPair(pair.dialog_id, reason, score, chosen, rejected)
