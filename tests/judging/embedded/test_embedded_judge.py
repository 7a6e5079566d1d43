"""The embedded judge: real embeddings, trained on made ratings and on the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue, RatedResponse
from core.domain.errors import UserError
from core.jobs.records import Artifact, Progress
from core.jobs.settings import JudgeSettings
from core.judging.embedded import embedded_judge, fit_job
from core.judging.embedded.sentence_embeddings import Embedder
from core.judging.protocol import OrderedPair
from tests.support.records import job_attempts
from tests.support.records.synthetic_dialogues import synthetic_dialogues


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The attempt of a judge that was trained on made dialogues."""
    folder = tmp_path_factory.mktemp("judge") / "1"
    job_attempts.attempt(folder, synthetic_dialogues(rows=64), JudgeSettings())
    job_attempts.run(folder, fit_job.run)
    return folder


def test_near_texts_are_nearer_than_far_ones(embedder: Embedder) -> None:
    vectors = embedder.embed(["My dog died yesterday.", "I lost my dog.", "The invoice is due in May."])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


def test_an_embedding_does_not_depend_on_its_batch(embedder: Embedder) -> None:
    texts = ["short", "a rather longer sentence about a rainy day in the hills " * 3]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)


def test_it_learns_what_good_responses_have_in_common(fitted: Path, embedder: Embedder) -> None:
    judge = embedded_judge.FittedJudge(embedded_judge.load(fitted / "judge.json"), embedder)
    good, bad = "I can hear how much this means to you.", "You should get over it."
    ordered_pair = OrderedPair("x", "I lost my job.", "I feel awful.", good, bad, "ab")
    turned = OrderedPair("x", "I lost my job.", "I feel awful.", bad, good, "ab")
    assert [verdict.winner for verdict in judge.judge([ordered_pair, turned])] == ["a", "b"]
    assert judge.orders == ("ab",)


def test_equal_scores_are_a_tie(fitted: Path, embedder: Embedder) -> None:
    judge = embedded_judge.FittedJudge(embedded_judge.load(fitted / "judge.json"), embedder)
    ordered_pair = OrderedPair("x", "I lost my job.", "I feel awful.", "Oh no.", "Oh no.", "ab")
    assert next(judge.judge([ordered_pair])).winner == "tie"


def test_the_job_leaves_its_measured_agreement(fitted: Path, tmp_path: Path) -> None:
    again = job_attempts.attempt(tmp_path / "2", synthetic_dialogues(rows=64), JudgeSettings())
    result = job_attempts.run(again, fit_job.run)
    assert 0 <= result.agreement_low <= result.agreement <= result.agreement_high <= 1
    assert f"{result.agreement * 100:.0f} % of {result.agreement_pairs:,} pairs" in result.label
    assert [artifact.name for artifact in job_attempts.found(again, Artifact)] == ["judge"]
    progress = job_attempts.found(again, Progress)
    assert progress[-1].done == progress[-1].total
    assert (again / "judge.json").read_bytes() == (fitted / "judge.json").read_bytes()


def test_it_learns_from_train_dialogues_alone(fitted: Path, tmp_path: Path) -> None:
    dialogues = [d for d in synthetic_dialogues(rows=64) if d.split == "train"]
    alone = job_attempts.attempt(tmp_path / "1", dialogues, JudgeSettings())
    job_attempts.run(alone, fit_job.run)
    assert (alone / "judge.json").read_bytes() == (fitted / "judge.json").read_bytes()


@pytest.mark.parametrize("rows", [4, 8])
def test_too_little_to_learn_from_is_said(embedder: Embedder, rows: int) -> None:
    with pytest.raises(UserError, match="at least 10 train dialogues"):
        embedded_judge.fit(synthetic_dialogues(rows=rows), embedder, lambda done, total: None)


def test_one_rating_for_all_teaches_nothing(embedder: Embedder) -> None:
    same = [
        msgspec.structs.replace(d, responses={s: RatedResponse(r.text, 3) for s, r in d.responses.items()})
        for d in synthetic_dialogues(rows=16)
    ]
    with pytest.raises(UserError, match="all 80 responses of the train dialogues are rated 3"):
        embedded_judge.fit(same, embedder, lambda done, total: None)


@pytest.mark.parametrize("change", [{"features": 0}, {"agreement": None}])
def test_a_judge_of_another_version_is_not_used(fitted: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    content = msgspec.json.decode((fitted / "judge.json").read_bytes()) | change
    (tmp_path / "judge.json").write_bytes(msgspec.json.encode(content))
    with pytest.raises(UserError, match="train the judge again"):
        embedded_judge.load(tmp_path / "judge.json")


def test_agreement_counts_pairs_with_different_ratings_and_halves_ties() -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.5, 0.2, 0.7])
    ratings = np.array([3.0, 1.0, 3.0, 2.0, 3.0, 1.0])
    groups = np.array([0, 0, 1, 1, 2, 2])
    found = embedded_judge.measure_agreement(scores, ratings, groups, np.arange(6, dtype=float))
    assert (found.share, found.pairs) == (0.5, 3)


def test_on_real_ratings_it_is_weak_and_says_so(reference_dataset: Path, embedder: Embedder) -> None:
    dialogues: list[Dialogue] = [d for d in read_table(reference_dataset).dialogues if d.split == "train"]
    _, agreement = embedded_judge.fit(dialogues[:60], embedder, lambda done, total: None)
    assert 0.48 < agreement.share < 0.63
    assert agreement.low < agreement.share < agreement.high
    assert abs(agreement.length_auc - 0.5) < 0.06
