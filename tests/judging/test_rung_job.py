"""The job that decides a rung, from the journals of comparisons; and the one that draws its dialogues."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from core.dialogues.files import records
from core.domain.errors import UserError
from core.domain.jobs.results import Result, RungPlace, RungResult
from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Done
from core.jobs.settings import COMPARISON, PREVIOUS, HoldoutSettings, RungSettings
from core.judging import rung_job
from core.recipes import holdout_job
from tests.support.records import job_attempts, made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues

RUNS = tuple(f"s/direct/{name}/sft" for name in ("a", "b", "c", "d"))


def done(folder: Path, result: Result) -> Path:
    """The journal of a job with that result."""
    folder.mkdir(parents=True)
    with closing(Journal(folder)) as written:
        written.write(Done(result))
    return folder / journal.NAME


def decide(
    folder: Path,
    rates: dict[str, float | None],
    *,
    factor: int = 2,
    before: RungResult | None = None,
) -> RungResult:
    """Decide on runs with these win rates; there is no comparison of the others."""
    inputs = {
        COMPARISON.format(place): done(folder / name, made_results.compared(win_rate_b=rate))
        for place, (name, rate) in enumerate(rates.items())
        if rate is not None
    }
    if before is not None:
        inputs[PREVIOUS] = done(folder / "before", before)
    settings = RungSettings(rung=1, examples=8, reduction_factor=factor, runs=tuple(rates))
    return job_attempts.run(job_attempts.attempt(folder / "rung", [], settings, inputs), rung_job.run)


def test_places_are_in_order_and_what_failed_is_last(tmp_path: Path) -> None:
    result = decide(tmp_path, dict(zip(RUNS, (0.2, None, 0.6, 0.4), strict=True)))
    assert [(place.run, place.win_rate, place.promoted) for place in result.places] == [
        (RUNS[2], 0.6, True),
        (RUNS[3], 0.4, True),
        (RUNS[0], 0.2, False),
        (RUNS[1], None, False),
    ]
    assert (result.places[0].ci_low, result.places[0].ci_high) == (0.76, 1.0)
    assert result.places[3].ci_low is None


def test_seeds_go_on_together_by_their_mean(tmp_path: Path) -> None:
    rates: dict[str, float | None] = {
        "s/direct/a/sft/seed=1": 0.9,
        "s/direct/a/sft/seed=2": 0.1,
        "s/direct/b/sft/seed=1": 0.55,
        "s/direct/b/sft/seed=2": 0.55,
        "s/direct/c/sft/seed=1": 0.52,
        "s/direct/c/sft/seed=2": None,
    }
    result = decide(tmp_path, rates, factor=3)
    found = {place.run: place.win_rate for place in result.places}
    assert list(found) == ["s/direct/b/sft", "s/direct/c/sft", "s/direct/a/sft"]
    assert list(found.values()) == pytest.approx([0.55, 0.52, 0.5])
    assert [place.promoted for place in result.places] == [True, False, False]
    assert result.places[0].ci_low is None


def test_who_did_not_go_on_before_takes_no_part(tmp_path: Path) -> None:
    placed = [RungPlace(run=name, win_rate=0.5, promoted=name != RUNS[0]) for name in RUNS]
    before = RungResult(rung=1, examples=4, places=tuple(placed))
    result = decide(tmp_path, dict(zip(RUNS, (1.0, 0.1, 0.2, None), strict=True)), before=before)
    assert [(place.run, place.promoted) for place in result.places] == [
        (RUNS[2], True),
        (RUNS[1], True),
        (RUNS[3], False),
    ]


def test_dpo_takes_part_where_its_sft_went_on(tmp_path: Path) -> None:
    placed = [RungPlace(run=name, win_rate=0.5, promoted=name == RUNS[1]) for name in RUNS]
    before = RungResult(rung=2, examples=4, places=tuple(placed))
    rates = {f"{name}-dpo/dpo.beta={beta}": beta for name in RUNS for beta in (0.1, 0.3)}
    result = decide(tmp_path, dict(rates), before=before)
    assert [place.run for place in result.places] == [
        f"{RUNS[1]}-dpo/dpo.beta=0.3",
        f"{RUNS[1]}-dpo/dpo.beta=0.1",
    ]


def test_without_a_win_rate_nothing_is_decided(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run of rung 1 has a win rate: see why"):
        decide(tmp_path, dict.fromkeys(RUNS))


def test_held_out_dialogues_are_train_dialogues_and_the_same_again(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues(rows=48)
    train = {d.dialog_id for d in dialogues if d.split == "train"}

    def draw(folder: str, seed: int = 1) -> tuple[set[str], set[str]]:
        settings = HoldoutSettings(dialogues=10, seed=seed)
        attempt = job_attempts.attempt(tmp_path / folder, dialogues, settings)
        # The attempt's folder is also where its input is.
        (attempt / "dialogues.jsonl").rename(attempt / "imported.jsonl")
        spec = attempt / "spec.json"
        spec.write_text(spec.read_text().replace("dialogues.jsonl", "imported.jsonl"))
        result = job_attempts.run(attempt, holdout_job.run)
        assert (result.train, result.held_out) == (len(train) - 10, 10)
        found = list(records.read(attempt / "dialogues.jsonl"))
        return (
            {d.dialog_id for d in found if d.split == "train"},
            {d.dialog_id for d in found if d.split == "test"},
        )

    left, held_out = draw("a")
    assert left | held_out == train
    assert len(held_out) == 10
    assert not left & held_out
    assert draw("b") == (left, held_out)
    assert draw("c", seed=2)[1] != held_out


def test_at_most_half_of_the_train_split_is_held_out(tmp_path: Path) -> None:
    attempt = job_attempts.attempt(
        tmp_path / "a", synthetic_dialogues(rows=48), HoldoutSettings(dialogues=19, seed=1)
    )
    with pytest.raises(UserError, match=r"rungs.held_out = 19, and the train split has 36 dialogues"):
        job_attempts.run(attempt, holdout_job.run)
