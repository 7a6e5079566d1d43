"""What the job of each stage found out, as its worker reports it.

They are part of the domain, and not of the workers' contract in `core.jobs`, because `domain.jobs.Job.result`
is typed by them and every reader of a job, screens included, reads them. Shares lie between 0 and 1;
intervals are 95 % ones.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.verdicts import AnswerForm, Dimension
from core.domain.number_types import Count, Share


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
    """With early stopping: the step whose weights were kept."""
    stopped_early: bool | None = None
    """With early stopping: whether it ended the training."""


class DpoResult(SftResult, frozen=True, tag="sft-dpo"):
    """A fine-tuning by DPO; TRL's rewards are those of the last logged step."""

    rewards_chosen: float | None = msgspec.field(default=None, name="rewards/chosen")
    """Mean implicit reward of the preferred responses; None where TRL logged none."""
    rewards_rejected: float | None = msgspec.field(default=None, name="rewards/rejected")
    """Mean implicit reward of the others; None where TRL logged none."""
    rewards_margins: float | None = msgspec.field(default=None, name="rewards/margins")
    """Mean difference of the two; None where TRL logged none."""
    rewards_accuracies: Share | None = msgspec.field(default=None, name="rewards/accuracies")
    """Share of pairs whose preferred response has the higher reward; None where TRL logged none."""


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
    """The name under which that server has it."""
    verified: Count | None = None
    """Answers of that server that were followed with the student before it answered the test split."""
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


class CompareResult(_Result, frozen=True, kw_only=True, tag="compare"):
    """A comparison's metrics: `a` is the baseline, `b` the other responder."""

    n: Count
    """Dialogues compared, invalid ones included."""
    wins_a: Count
    """Dialogues in which a scored higher: b's score, the mean over repeats and then over orders, is below
    ½."""
    wins_b: Count
    """Dialogues in which b scored higher."""
    ties: Count
    """Dialogues in which both scored ½."""
    invalid: Count
    """Dialogues with an order without a valid verdict; they are missing from every statistic."""
    win_rate_b: Share | None
    """Mean score of b over the valid dialogues: (wins of b + half the ties) / (n − invalid) where each is
    won, tied or lost outright; None when none is valid."""
    ci_low: Share | None
    """Lower end of the win rate's interval; None with the win rate."""
    ci_high: Share | None
    """Upper end of the win rate's interval; None with the win rate."""
    interval: str | None
    """How the interval was found, in words; None with the win rate."""
    min_win_rate_b: Share | None = None
    """The win rate if a had won every invalid dialogue; None where none is invalid."""
    max_win_rate_b: Share | None = None
    """The win rate if b had won every invalid dialogue; None where none is invalid."""
    bounds_low: Share | None = None
    """Lower end of the Imbens–Manski interval around these bounds; None where none is invalid."""
    bounds_high: Share | None = None
    """Upper end of that interval; None where none is invalid."""
    bootstrap_low: Share | None
    """Lower end of the bootstrap's interval; None where each dialogue was judged once."""
    bootstrap_high: Share | None
    """Upper end of the bootstrap's interval; None where each dialogue was judged once."""
    p: Share
    """Two-sided p-value of a win rate of ½; 1 without a win and a loss."""
    test: str | None = None
    """The test that p is from: `exact sign test`, or `sign-flip permutation test` where dialogues score
    fractions."""
    lc_win_rate_b: Share | None
    """Length-controlled win rate of b; None where it cannot be estimated."""
    lc_low: Share | None
    """Lower end of its interval; None with it."""
    lc_high: Share | None
    """Upper end of its interval; None with it."""
    lc_difference_low: float | None = None
    """Lower end of the interval of its difference from the raw win rate; None with it."""
    lc_difference_high: float | None = None
    """Upper end of that interval; None with it."""
    lc_parted: bool | None
    """Whether it parts from the raw win rate; None with it."""
    lc_overlap: Share | None = None
    """Share of dialogues in which the response that is mostly longer is not; None with it."""
    soft_win_rate_b: Share | None
    """Win rate by the log-probabilities of the judge's answers; None unless every valid dialogue has some."""
    soft_low: float | None
    """Lower end of its interval; None with it."""
    soft_high: float | None
    """Upper end of its interval; None with it."""
    words_a: float
    """Mean words of a's responses."""
    words_b: float
    """Mean words of b's responses."""
    over_limit_a: Share
    """Share of a's responses with more words than the prompt allows."""
    over_limit_b: Share
    """The same of b's."""
    identical: Count
    """Dialogues whose two responses are the same text: ties, about which nobody was asked."""
    empty_a: Count
    """Responses of a without a word."""
    empty_b: Count
    """Responses of b without a word."""
    addressing_a: Count
    """Responses of a with words that may be meant for the judge."""
    addressing_b: Count
    """The same of b's."""
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
    prefers_longer: Share | None
    """Share of `lengths` that name the response with more words; None when there is none."""
    prefers_longer_low: Share | None = None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_longer_high: Share | None = None
    """Upper end of its interval; None with it."""
    lengths: Count
    """Verdicts with a winner on responses that differ in length."""
    verdicts: Count
    """All verdicts, invalid ones included."""
    invalid_verdicts: Count
    """Verdicts that name no response."""
    design: str
    """What the judge was shown of each pair, in words."""
    label: str | None = None
    """The embedded judge's agreement with people, in words; None for another judge, whose agreement a
    validation of its own measures."""
    left_out: Count = 0
    """Test dialogues that were not compared, because a responder has no usable response to them."""
    stopping: Stopping | None = None
    """How far it was judged, if its judge stops once it is decided; None where every dialogue is judged."""
    dimensions: dict[Dimension, DimensionRate] = {}
    """The win rate in each dimension of empathy; empty unless the judge reports them."""
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
    | SftResult
    | DpoResult
    | RespondResult
    | JudgeResult
    | ValidateResult
    | CompareResult
    | HoldoutResult
    | RungResult
)


def values(result: Result) -> dict[str, object]:
    """A result's fields by the names that they have in JSON, in order."""
    found: dict[str, object] = msgspec.to_builtins(result)
    del found["stage"]
    return found
