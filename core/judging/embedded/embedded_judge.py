"""The embedded judge: ridge regression from sentence embeddings to the human ratings.

It is a weak judge. Its agreement with human ratings is measured on held-out dialogues; its label states it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.number_format import percent
from core.jobs import files
from core.jobs.records import VerdictRecord
from core.judging.embedded.sentence_embeddings import Embedder, Vectors
from core.judging.metrics.inference import intervals
from core.judging.protocol import OrderedPair, verdict

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

#: A smaller difference of scores is a tie: it may be floating-point noise.
TIE = 1e-6
_ALPHAS = (3.0, 30.0, 300.0)
_FOLDS = 5
#: The version of `_features` and of the embeddings. Weights of another version cannot be used.
_FEATURES = 1


@dataclass(frozen=True)
class HeldOutAgreement:
    """The agreement of held-out scores with the human ratings."""

    share: float
    """The share of `pairs` that is ranked correctly, from 0 to 1; ties count half."""
    low: float
    """The lower end of its 95 % interval over dialogues."""
    high: float
    """The upper end of its 95 % interval over dialogues."""
    pairs: int
    """Pairs of responses to one dialogue with different ratings."""
    longer: float
    """The share of them that "the longer one wins" would rank correctly."""
    auc: float
    """The ROC AUC for responses rated 3 against the rest."""
    length_auc: float
    """The ROC AUC of the number of words."""


class Weights(msgspec.Struct, frozen=True):
    """A trained judge, as stored in judge.json."""

    features: int
    """The version of its features."""
    intercept: float
    """The score without any feature."""
    coefficients: list[float]
    """A coefficient for each feature."""
    alpha: float
    """The strength of the ridge penalty."""
    dialogues: int
    """Dialogues that it was trained on."""
    responses: int
    """Rated responses that it was trained on."""
    agreement: HeldOutAgreement
    """How well it agrees with people on dialogues that it was not trained on."""
    label: str
    """What screens and reports call it: that it is weak, and how weak."""


def fit(
    dialogues: Sequence[Dialogue], embedder: Embedder, progress: Callable[[int, int], None]
) -> tuple[Weights, HeldOutAgreement]:
    """Train on the ratings of these dialogues, and measure the agreement with 5-fold cross-validation.

    Raises `UserError` when there are too few dialogues, or all ratings are equal.
    """
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GroupKFold, cross_val_predict

    rows = [
        (i, rated)
        for i, dialogue in enumerate(dialogues)
        for rated in dialogue.responses.values()
        if rated.rating is not None
    ]
    if not rows:
        raise UserError(
            "no response of the train dialogues has a rating: the embedded judge learns from them"
        )
    groups = np.array([i for i, _ in rows])
    ratings = np.array([rated.rating for _, rated in rows], dtype=float)
    if len(dialogues) < 2 * _FOLDS:
        raise UserError(
            f"the embedded judge needs at least {2 * _FOLDS} train dialogues; the data has {len(dialogues)}"
        )
    if len(set(ratings)) < 2:
        raise UserError(
            f"all {len(ratings):,} responses of the train dialogues are rated {ratings[0]:.0f}: the embedded "
            "judge can be trained only on different ratings"
        )
    texts = [rated.text for _, rated in rows]
    contexts = [_context(dialogue.situation, dialogue.utterance) for dialogue in dialogues]
    total = len(texts) + len(contexts)
    of_texts = embedder.embed(texts, lambda done: progress(done, total))
    of_contexts = embedder.embed(contexts, lambda done: progress(len(texts) + done, total))
    features = _features(of_contexts[groups], of_texts)
    # The folds that choose alpha also measure the agreement. The bias is negligible: there are three values,
    # and on the published data every fold chooses the same one from the other folds.
    folds = GroupKFold(_FOLDS)
    search = RidgeCV(_ALPHAS, cv=list(folds.split(features, ratings, groups))).fit(features, ratings)
    alpha = float(search.alpha_)
    held_out = cross_val_predict(Ridge(alpha=alpha), features, ratings, groups=groups, cv=folds)
    words = np.array([len(text.split()) for text in texts], dtype=float)
    result = measure_agreement(held_out, ratings, groups, words)
    label = (
        f"embedded judge: agrees with held-out human ratings on {percent(result.share)} of "
        f"{result.pairs:,} pairs; the longer one wins: {percent(result.longer)}"
    )
    weights = Weights(
        features=_FEATURES,
        intercept=float(search.intercept_),
        coefficients=[float(c) for c in search.coef_],
        alpha=alpha,
        dialogues=len(dialogues),
        responses=len(texts),
        agreement=result,
        label=label,
    )
    return weights, result


def measure_agreement(
    scores: Floats, ratings: Floats, groups: NDArray[np.int_], words: Floats
) -> HeldOutAgreement:
    """The agreement of held-out `scores` with `ratings`; `groups` is the dialogue of each response.

    Raises `UserError` when no dialogue has two responses with different ratings.
    """
    from sklearn.metrics import roc_auc_score

    count = int(groups.max()) + 1
    right, longer, pairs = np.zeros(count), np.zeros(count), np.zeros(count)
    for group in range(count):
        members = np.flatnonzero(groups == group)
        better = ratings[members][:, None] > ratings[members][None, :]
        for found, by in ((right, scores[members]), (longer, words[members])):
            ahead = by[:, None] - by[None, :]
            found[group] = (better * ((ahead > 0) + 0.5 * (ahead == 0))).sum()
        pairs[group] = better.sum()
    if not pairs.sum():
        raise UserError(
            "no dialogue has two responses with different ratings: a judge's agreement cannot be measured"
        )
    estimate = intervals.of_ratio(right[pairs > 0], pairs[pairs > 0])
    good = ratings == ratings.max()
    return HeldOutAgreement(
        share=estimate.share,
        low=estimate.low,
        high=estimate.high,
        pairs=int(pairs.sum()),
        longer=float(longer.sum() / pairs.sum()),
        auc=float(roc_auc_score(good, scores)),
        length_auc=float(roc_auc_score(good, words)),
    )


class FittedJudge:
    """Scores each response alone, so the order does not matter."""

    orders: tuple[Order, ...] = ("ab",)

    def __init__(self, weights: Weights, embedder: Embedder) -> None:
        self.label = weights.label
        self._weights = weights
        self._embedder = embedder

    def judge(self, ordered_pairs: Sequence[OrderedPair]) -> Iterator[VerdictRecord]:
        texts = [
            *(_context(c.situation, c.utterance) for c in ordered_pairs),
            *(c.response_a for c in ordered_pairs),
            *(c.response_b for c in ordered_pairs),
        ]
        contexts, of_a, of_b = self._embedder.embed(texts).reshape(3, len(ordered_pairs), -1)
        scores = zip(ordered_pairs, self._score(contexts, of_a), self._score(contexts, of_b), strict=True)
        for ordered_pair, a, b in scores:
            raw = json.dumps({"a": round(float(a), 6), "b": round(float(b), 6)})
            better: Winner = "a" if a > b else "b"
            yield verdict(ordered_pair, "tie" if abs(a - b) < TIE else better, raw)

    def _score(self, contexts: Vectors, responses: Vectors) -> Floats:
        features = _features(contexts, responses)
        scores: Floats = features @ np.array(self._weights.coefficients) + self._weights.intercept
        return scores


def save(path: Path, weights: Weights) -> None:
    files.write_bytes(path, msgspec.json.encode(weights))


def load(path: Path) -> Weights:
    """The weights in a file. Raises `UserError` when they are damaged, or of another version of the judge."""
    try:
        weights = msgspec.json.decode(path.read_bytes(), type=Weights)
    except msgspec.ValidationError as error:
        raise UserError(_outdated(path)) from error
    except files.DAMAGED as error:
        raise UserError(f"{path} is damaged ({error}): train the judge again") from error
    if weights.features != _FEATURES:
        raise UserError(_outdated(path))
    return weights


def _outdated(path: Path) -> str:
    return f"{path} was written by another version of the embedded judge: train the judge again"


def _context(situation: str, utterance: str) -> str:
    return f"{situation.strip()} {utterance.strip()}"


def _features(contexts: Vectors, responses: Vectors) -> Floats:
    """Arrays of shape (n, 384) each to (n, 768): the response, and its product with the context.

    The context alone is not a feature: it is the same for all responses to a dialogue.
    """
    return np.concatenate([responses, contexts * responses], axis=1).astype(np.float64)
