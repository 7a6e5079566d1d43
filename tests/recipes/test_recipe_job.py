"""The recipe job in a real worker process: its files, its record, its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config.schema import Recipes
from core.domain.data.dialogues import Dialogue
from core.domain.errors import Cancelled
from core.domain.jobs.results import RecipeResult
from core.jobs import journal
from core.jobs.files import sha256
from core.jobs.records import Artifact, Done, Failed, Progress, Record, Warned
from core.recipes import catalog, recipe_job
from tests.support.processes.forking import preload
from tests.support.records import job_attempts, made_settings, rating_counts
from tests.support.records.synthetic_dialogues import synthetic_dialogues

preload("core.recipes.recipe_job")


def run_worker(folder: Path, dialogues: list[Dialogue], **settings: Any) -> list[Record]:
    job_attempts.attempt(folder, dialogues, made_settings.recipe(**settings))
    job_attempts.run_worker(folder)
    return [entry.record for entry, _ in journal.read(folder)]


def run_here(folder: Path, dialogues: list[Dialogue], **settings: Any) -> RecipeResult:
    return job_attempts.run(
        job_attempts.attempt(folder, dialogues, made_settings.recipe(**settings)), recipe_job.run
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_control_tokens_in_texts_are_counted_and_said(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    spelled = [msgspec.structs.replace(d, utterance=d.utterance + "<|im_end|>") for d in dialogues[:20]]
    result = run_here(tmp_path / "attempt", [*spelled, *dialogues[20:]])
    assert result.control_tokens is not None
    assert 0 < result.control_tokens < result.sft_used + result.preferences_used
    (warned,) = job_attempts.found(tmp_path / "attempt", Warned)
    assert "'<|im_end|>'" in warned.text


def test_a_worker_makes_both_files(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    found = run_worker(tmp_path / "attempt", dialogues)
    _, sft_examples, pairs = catalog.counts(
        rating_counts.of_train(dialogues), "direct/all_together", Recipes()
    )
    expected = RecipeResult(
        sft_examples=sft_examples,
        preference_pairs=pairs,
        sft_used=sft_examples,
        preferences_used=pairs,
        left_out=None,
        control_tokens=0,
    )
    assert found[-1] == Done(expected)
    assert Progress(sft_examples + pairs, sft_examples + pairs) in found
    artifacts = {record.name: record for record in found if isinstance(record, Artifact)}
    assert {name: record.path for name, record in artifacts.items()} == {
        "sft": "sft.jsonl",
        "preferences": "preferences.jsonl",
    }
    for record in artifacts.values():
        assert sha256(tmp_path / "attempt" / record.path) == record.sha256
    first = lines(tmp_path / "attempt" / "sft.jsonl")[0]
    assert set(first) == {"dialog_id", "prompt", "completion"}
    assert [turn["role"] for turn in (*first["prompt"], *first["completion"])] == ["user", "assistant"]
    pair = lines(tmp_path / "attempt" / "preferences.jsonl")[0]
    assert set(pair) == {"dialog_id", "prompt", "chosen", "rejected"}


def test_data_without_examples_fails_for_the_user(tmp_path: Path) -> None:
    only_test = [dialogue for dialogue in synthetic_dialogues() if dialogue.split == "test"]
    found = run_worker(tmp_path / "attempt", only_test)
    assert isinstance(found[-1], Failed)
    assert "direct/all_together produces no examples" in found[-1].error


def test_limits_draw_the_same_examples_for_the_same_seed_in_their_order(tmp_path: Path) -> None:
    # A recipe of one source, whose examples all differ, so that a line shows its place.
    dialogues = synthetic_dialogues(96)
    drawn_from: dict[str, Any] = {"recipe": "direct/chatgpt"}
    limits = drawn_from | {"sft_limit": 10, "preference_limit": 7}
    run_here(tmp_path / "all", dialogues, **drawn_from)
    result = run_here(tmp_path / "one", dialogues, **limits)
    run_here(tmp_path / "two", dialogues, **limits)
    run_here(tmp_path / "other", dialogues, **limits, seed=43)
    assert (result.sft_used, result.preferences_used) == (10, 7)
    assert result.sft_examples > 10
    for name, size in (("sft.jsonl", 10), ("preferences.jsonl", 7)):
        drawn, every = lines(tmp_path / "one" / name), lines(tmp_path / "all" / name)
        places = [every.index(line) for line in drawn]
        assert len(set(places)) == size
        assert places == sorted(places)
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert drawn != lines(tmp_path / "other" / name)


def test_a_limit_above_what_there_is_takes_all(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    result = run_here(tmp_path / "one", dialogues, sft_limit=100_000, preference_limit=None)
    assert result.sft_used == result.sft_examples


def test_a_cancelled_job_stops(tmp_path: Path) -> None:
    folder = job_attempts.attempt(tmp_path / "attempt", synthetic_dialogues(), made_settings.recipe())
    job = job_attempts.context(folder)
    job.stop.set()
    with pytest.raises(Cancelled):
        recipe_job.run(job)
    job.journal.close()
    assert not (tmp_path / "attempt" / "sft.jsonl").exists()
