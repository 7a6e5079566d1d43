"""The embedded judge: ridge regression from sentence embeddings to the human ratings.

It is weak. Its agreement with people is measured on dialogues that it was not trained on, and its
label says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.verdicts import Order
from core.jobs import files
from core.judging import agreement
from core.judging.protocol import Contest, Ruling
from core.judging.sentence_embeddings import Embedder, Vectors

Floats = NDArray[np.float64]

#: Scores closer than this are a tie: float noise decides nothing.
TIE = 1e-6
_ALPHAS = (3.0, 30.0, 300.0)
_FOLDS = 5
#: Of `_features` and the embeddings below it; another version's weights mean something else.
_FEATURES = 1


@dataclass(frozen=True)
class HeldOutAgreement:
    """How far held-out scores agree with the human ratings.

    `share` of the `pairs` of responses to one dialogue with different ratings are ranked rightly
    (ties half), with a 95 % interval from a bootstrap over dialogues. `auc` is for responses rated
    3 against the rest; `length_auc` is the same for the number of words.
    """

    share: float
    low: float
    high: float
    pairs: int
    auc: float
    length_auc: float


class Weights(msgspec.Struct, frozen=True):
    """A trained judge, as judge.json holds it; `features` is the version of what it weighs."""

    features: int
    intercept: float
    coefficients: list[float]
    alpha: float
    dialogues: int
    responses: int
    agreement: HeldOutAgreement
    label: str


def fit(
    dialogues: Sequence[Dialogue], embedder: Embedder, progress: Callable[[int, int], None]
) -> tuple[Weights, HeldOutAgreement]:
    """Train on these dialogues' ratings, and measure with each fifth of the dialogues held out.

    Raises `UserError` when there are too few dialogues, or no two ratings to tell apart.
    """
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GroupKFold, cross_val_predict

    rows = [(i, rated) for i, dialogue in enumerate(dialogues) for rated in dialogue.responses.values()]
    groups = np.array([i for i, _ in rows])
    ratings = np.array([rated.rating for _, rated in rows], dtype=float)
    if len(dialogues) < 2 * _FOLDS:
        raise UserError(
            f"the embedded judge needs at least {2 * _FOLDS} train dialogues to learn from; the data has "
            f"{len(dialogues)}"
        )
    if len(set(ratings)) < 2:
        raise UserError(
            f"all {len(ratings):,} responses of the train dialogues are rated {ratings[0]:.0f}: the embedded "
            "judge needs better and worse ones to learn from"
        )
    texts = [rated.text for _, rated in rows]
    contexts = [_context(dialogue.situation, dialogue.utterance) for dialogue in dialogues]
    total = len(texts) + len(contexts)
    of_texts = embedder.embed(texts, lambda done: progress(done, total))
    of_contexts = embedder.embed(contexts, lambda done: progress(len(texts) + done, total))
    features = _features(of_contexts[groups], of_texts)
    # The folds that choose alpha also measure: it is one of three numbers, and on the real ratings every
    # fold chooses the same one without itself, so the figure is not flattered.
    folds = GroupKFold(_FOLDS)
    search = RidgeCV(_ALPHAS, cv=list(folds.split(features, ratings, groups))).fit(features, ratings)
    alpha = float(search.alpha_)
    held_out = cross_val_predict(Ridge(alpha=alpha), features, ratings, groups=groups, cv=folds)
    words = np.array([len(text.split()) for text in texts], dtype=float)
    measured = measure(held_out, ratings, groups, words)
    label = (
        f"embedded judge: agrees with held-out human ratings on {measured.share:.0%} of "
        f"{measured.pairs:,} pairs"
    )
    weights = Weights(
        features=_FEATURES,
        intercept=float(search.intercept_),
        coefficients=[float(c) for c in search.coef_],
        alpha=alpha,
        dialogues=len(dialogues),
        responses=len(texts),
        agreement=measured,
        label=label,
    )
    return weights, measured


def measure(scores: Floats, ratings: Floats, groups: NDArray[np.int_], words: Floats) -> HeldOutAgreement:
    """The agreement of held-out `scores` with `ratings`, arrays over responses of dialogue `groups`."""
    from sklearn.metrics import roc_auc_score

    count = int(groups.max()) + 1
    right, pairs = np.zeros(count), np.zeros(count)
    for group in range(count):
        members = np.flatnonzero(groups == group)
        better = ratings[members][:, None] > ratings[members][None, :]
        ahead = scores[members][:, None] - scores[members][None, :]
        right[group] = (better * ((ahead > 0) + 0.5 * (ahead == 0))).sum()
        pairs[group] = better.sum()
    if not pairs.sum():
        raise UserError("no dialogue has two responses with different ratings: nothing to measure a judge on")
    found = agreement.share(right[pairs > 0], pairs[pairs > 0])
    good = ratings == ratings.max()
    return HeldOutAgreement(
        share=found.share,
        low=found.low,
        high=found.high,
        pairs=int(pairs.sum()),
        auc=float(roc_auc_score(good, scores)),
        length_auc=float(roc_auc_score(good, words)),
    )


class FittedJudge:
    """Scores each response alone, so the order cannot matter."""

    orders: tuple[Order, ...] = ("ab",)

    def __init__(self, weights: Weights, embedder: Embedder) -> None:
        self.label = weights.label
        self._weights = weights
        self._embedder = embedder

    def judge(self, contests: Sequence[Contest]) -> Iterator[Ruling]:
        contexts = self._embedder.embed([_context(c.situation, c.utterance) for c in contests])
        scores = [
            self._score(contexts, [c.response_a for c in contests]),
            self._score(contexts, [c.response_b for c in contests]),
        ]
        for a, b in zip(*scores, strict=True):
            raw = json.dumps({"a": round(float(a), 6), "b": round(float(b), 6)})
            if abs(a - b) < TIE:
                yield Ruling("tie", raw)
            else:
                yield Ruling("a" if a > b else "b", raw)

    def _score(self, contexts: Vectors, texts: Sequence[str]) -> Floats:
        features = _features(contexts, self._embedder.embed(texts))
        scores: Floats = features @ np.array(self._weights.coefficients) + self._weights.intercept
        return scores


def save(path: Path, weights: Weights) -> None:
    files.write_bytes(path, msgspec.json.encode(weights))


def load(path: Path) -> Weights:
    """Raises `UserError` when the file is not of this version of the judge."""
    try:
        weights = msgspec.json.decode(path.read_bytes(), type=Weights)
    except msgspec.ValidationError as error:
        raise UserError(_outdated(path)) from error
    if weights.features != _FEATURES:
        raise UserError(_outdated(path))
    return weights


def _outdated(path: Path) -> str:
    return f"{path} is of another version of the embedded judge: train the judge again"


def _context(situation: str, utterance: str) -> str:
    return f"{situation.strip()} {utterance.strip()}"


def _features(contexts: Vectors, responses: Vectors) -> Floats:
    """Arrays of shape (n, 384) each to (n, 768): the response, and its product with the context.

    The context alone is the same for all responses to a dialogue, and ranks none of them.
    """
    return np.concatenate([responses, contexts * responses], axis=1).astype(np.float64)
