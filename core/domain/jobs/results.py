"""What the job of each stage found out, as its worker reports it.

They are part of the domain, and not of the workers' contract in `core.jobs`, because
`core.domain.jobs.job.Job.result` is typed by them and every reader of a job, screens included, reads them.
Shares lie between 0 and 1; intervals are 95 % ones.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from core.domain.data.recipes import DropReason, FilteredPairs
from core.domain.evaluation.comparison_metrics import ComparisonMetrics
from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.verdicts import AnswerForm, Dimension
from core.domain.value_types import Count, JsonValue, NamedValue, Share


class _Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="stage"):
    """The tag is the stage's name, in journals and in the store alike."""


class _Answered(_Result, frozen=True, kw_only=True):
    """How a large model answered."""

    left_out_as: dict[str, int] = {}
    """Requests without a usable answer, by the outcome of their last try (`refused`, `long`, …)."""
    left_out_examples: dict[str, str] = {}
    """For each of these outcomes one answer, or the provider's message."""
    cleaned: dict[str, int] = {}
    """Usable answers of which something was taken off, by its kind (`thinking`, `quotes`, …)."""
    cleaned_examples: dict[str, str] = {}
    """For each of these kinds one answer before that."""


class GenerateResult(_Answered, frozen=True, kw_only=True, tag="generate"):
    """A teacher's set of responses to the train split."""

    answers: Count
    """Usable responses, at most one a dialogue."""
    left_out: Count
    """Requests without a usable response, which recipes do without."""
    reused: Count
    """Responses that an earlier job had paid for already."""


class HoldoutResult(_Result, frozen=True, tag="holdout"):
    """The train dialogues on which rungs are decided."""

    train: Count
    """Train dialogues that runs of rungs are trained on."""
    held_out: Count
    """Train dialogues that their responders respond to instead."""


class RecipeResult(_Result, frozen=True, tag="recipe"):
    """The examples that a recipe yields."""

    sft_examples: Count
    """SFT examples in the data."""
    preference_pairs: Count
    """Preference pairs in the data."""
    sft_used: Count
    """SFT examples written, at most `recipes.sft_limit`."""
    preferences_used: Count
    """Preference pairs written, at most `recipes.preference_limit`."""
    left_out: Count | None
    """Dialogues without all the teacher's responses that the recipe needs; None for the method direct,
    which needs none."""
    control_tokens: Count | None = None
    """Examples and pairs written in which a text spells a control token of a chat format: students read it as
    text. None in results of versions that did not count them."""
    flaws: dict[str, Count] | None = None
    """The teacher's responses with a flaw, by its kind, left out or not; None for the method direct, and in
    results of versions that did not look for them."""
    flawed_left_out: Count = 0
    """Responses that give no examples because of their flaw."""


class FilterResult(_Result, frozen=True, kw_only=True, tag="filter"):
    """Which of a recipe's preference pairs a judge agreed with."""

    pairs: Count
    """Preference pairs that the recipe wrote."""
    kept: Count
    """Pairs whose chosen response the judge prefers; the others are dropped."""
    dropped: dict[DropReason, Count]
    """Dropped pairs by the reason."""
    verdicts: Count
    """All verdicts, invalid ones and those on identical responses included."""
    invalid_verdicts: Count
    """Verdicts that name no response."""
    design: str
    """What the judge was shown of each pair, in words."""
    label: str | None = None
    """The embedded judge's agreement with people, in words; None for another judge."""
    forms: dict[AnswerForm, Count] | None = None
    """How many verdicts are in answers of each form; None in results of versions that did not count them."""

    @property
    def dropped_share(self) -> float | None:
        """The share of the pairs that is dropped; None without pairs."""
        return (self.pairs - self.kept) / self.pairs if self.pairs else None

    def by(self, judge: str) -> FilteredPairs:
        """What it left of the pairs, by the judge of that name."""
        return FilteredPairs(judge, self.pairs, self.kept, self.dropped, self.dropped_share)


class SftResult(_Result, frozen=True, tag="sft"):
    """One fine-tuning."""

    steps: Count
    """Optimiser steps."""
    train_loss: float
    """Mean loss per step over the whole run, all attempts included."""
    train_runtime_s: float
    """Seconds that the last attempt trained, as TRL reports it."""
    epochs: float
    """Passes over the examples."""
    examples: Count
    """Examples or pairs trained on, without those whose prompt alone fills `max_length`."""
    device: str
    """`cpu`, `cuda` or `mps`."""
    dtype: str
    """Of the base model's weights, under PyTorch's name."""
    truncated: Count | None = None
    """Examples that `max_length` truncated, so that their answers have no end; None in results of versions
    that did not count them, as for the fields below."""
    left_out: Count | None = None
    """Examples whose prompt alone fills `max_length`."""
    end_token: str | None = None
    """The token that ends an answer."""
    chat_template_notes: tuple[str, ...] = ()
    """What was fixed or added where the chat template alone would not do, in sentences."""
    held_out: Count | None = None
    """Examples or pairs of the evaluation, which were not trained on; None without one."""
    eval_loss: float | None = None
    """The loss on them of the weights that were kept; None without an evaluation."""
    best_step: Count | None = None
    """With early stopping: the step whose weights were kept; else None."""
    stopped_early: bool | None = None
    """With early stopping: whether it ended the training; else None."""
    data_sha256: str | None = None
    """SHA-256 of the file of its examples or pairs; None in results of versions that did not record it."""


class DpoResult(SftResult, frozen=True, tag="sft-dpo"):
    """A fine-tuning by DPO; TRL's rewards are those of the last logged step."""

    rewards_chosen: float | None = msgspec.field(default=None, name="rewards/chosen")
    """Mean implicit reward of the chosen responses; None where TRL logged none."""
    rewards_rejected: float | None = msgspec.field(default=None, name="rewards/rejected")
    """Mean implicit reward of the rejected responses; None where TRL logged none."""
    rewards_margins: float | None = msgspec.field(default=None, name="rewards/margins")
    """Mean difference of the two; None where TRL logged none."""
    rewards_accuracies: Share | None = msgspec.field(default=None, name="rewards/accuracies")
    """Share of pairs whose chosen response has the higher reward; None where TRL logged none."""


class RespondResult(_Answered, frozen=True, kw_only=True, tag="respond"):
    """A responder's responses to the test split."""

    responses: Count
    """At most one for each test dialogue."""
    left_out: Count = 0
    """Test dialogues without a usable response of the teacher, which comparisons do without."""
    cut: Count | None = None
    """Responses that `max_new_tokens` cut; None for a teacher, whose cut responses are not taken."""
    device: str | None = None
    """Where the student ran; None for a teacher, and behind a server."""
    server: str | None = None
    """URL of the server that answered for the student; None if it ran in the job's own process."""
    served_as: str | None = None
    """The name under which that server has it; None without a server."""
    verified: Count | None = None
    """Answers of that server that were verified by the student before it answered the test split; None
    without a server."""
    with_thinking: Count | None = None
    """Responses from which thinking was removed; None for a teacher, and in results of versions that did not
    count them."""
    chat_template_notes: tuple[str, ...] = ()
    """What was fixed or added where the chat template alone would not do, in sentences."""


class _Agreement(_Result, frozen=True, kw_only=True):
    """A judge's agreement with people: over pairs of responses that people rated differently."""

    agreement: Share
    """Share of the pairs that the judge ranks as people did; where its verdicts on a pair part, the share of
    them that do."""
    agreement_low: Share
    """Lower end of the interval."""
    agreement_high: Share
    """Upper end of the interval."""
    agreement_pairs: Count
    """How many pairs; those without a valid verdict are left out."""
    longer_agreement: Share | None = None
    """Share of the same pairs that "the longer one wins" ranks as people did: a baseline. None in results of
    earlier versions."""


class JudgeResult(_Agreement, frozen=True, kw_only=True, tag="judge"):
    """A fitted embedded judge; its agreement is on dialogues that it was not trained on."""

    label: str
    """The agreement in words, to be shown wherever the judge's verdicts are."""
    auc: Share
    """Area under the ROC curve of its scores, for responses rated 3 against the rest."""
    length_auc: Share
    """The same of the number of words alone."""
    alpha: float
    """The regression's penalty, chosen by cross-validation."""


class ValidateResult(_Agreement, frozen=True, kw_only=True, tag="validate"):
    """A judge validated on pairs that people rated."""

    design: str
    """What the judge was shown of each pair, in words."""
    prefers_first: Share | None
    """Share of `placed` that name the response shown first; None when there is none."""
    prefers_first_low: Share | None = None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_first_high: Share | None = None
    """Upper end of its interval; None with it."""
    placed: Count
    """Verdicts with a winner where the order could matter."""
    flip_rate: Share | None
    """How often a verdict in one order and one in the other disagree, over `paired`; None when there is
    none."""
    flip_rate_low: Share | None = None
    """Lower end of its interval; None with it."""
    flip_rate_high: Share | None = None
    """Upper end of its interval; None with it."""
    paired: Count
    """Dialogues with two different texts and a valid verdict in both orders."""
    verdicts: Count
    """All verdicts, invalid ones included."""
    invalid_verdicts: Count
    """Verdicts that name no response."""
    invalid: Count
    """Pairs without a valid verdict in each order, which are left out of the agreement."""
    forms: dict[AnswerForm, int] | None = None
    """How many verdicts are in answers of each form; None in results of versions that did not count them."""


class CompareResult(
    ComparisonMetrics, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="stage", tag="compare"
):
    """A comparison's metrics, and how its judge answered."""

    # Every finished comparison has these; `ComparisonMetrics` says what they are.
    n: Count
    wins_a: Count
    wins_b: Count
    ties: Count
    invalid: Count
    p: Share
    words_a: float
    words_b: float
    over_limit_a: Share
    over_limit_b: Share
    identical: Count
    empty_a: Count
    empty_b: Count
    addressing_a: Count
    addressing_b: Count
    design: str
    left_out: Count = 0
    dimensions: dict[Dimension, DimensionRate] = msgspec.field(default_factory=dict)

    placed: Count
    """Verdicts with a winner where the order could matter."""
    paired: Count
    """Dialogues with two different texts and a valid verdict in both orders."""
    lengths: Count
    """Verdicts with a winner on responses that differ in length."""
    verdicts: Count
    """All verdicts, invalid ones included."""
    invalid_verdicts: Count
    """Verdicts that name no response."""
    forms: dict[AnswerForm, int] | None = None
    """How many verdicts are in answers of each form; None in results of versions that did not count them."""


class RungPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a run did on a rung."""

    run: str
    """The run's name without its seed, and without the rung's number of examples."""
    win_rate: Share | None
    """Its win rate over the base student, the mean over its seeds; None if no run of it was compared."""
    ci_low: Share | None = None
    """Lower end of the win rate's interval; None with it, and for the mean over several seeds."""
    ci_high: Share | None = None
    """Upper end of the interval; None with the lower one."""
    promoted: bool
    """Whether it goes on."""


class RungResult(_Result, frozen=True, kw_only=True, tag="rung"):
    """Which runs of a student and stage go on after they were trained on a few examples."""

    rung: Annotated[int, msgspec.Meta(ge=1)]
    """Its number, from 1."""
    examples: Count
    """Examples, or pairs, that each run was trained on, if there were as many."""
    places: tuple[RungPlace, ...]
    """The runs that took part, the best first; those without a win rate last."""


TrainingResult = SftResult | DpoResult
Result = (
    GenerateResult
    | RecipeResult
    | FilterResult
    | SftResult
    | DpoResult
    | RespondResult
    | JudgeResult
    | ValidateResult
    | CompareResult
    | HoldoutResult
    | RungResult
)


def values(result: Result) -> tuple[NamedValue, ...]:
    """A result's fields by the names that they have in JSON, in order."""
    fields: dict[str, JsonValue] = msgspec.to_builtins(result)
    return tuple(NamedValue(name, value) for name, value in fields.items() if name != "stage")
