"""The recipe job of methods 2 and 3 in a real worker process: a teacher's answers in, examples out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.dialogues.files import response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.data.dialogues import Dialogue
from core.domain.jobs.results import RecipeResult
from core.domain.names import Method, RecipeName
from core.jobs.records import Artifact, Done, Failed, Progress
from core.jobs.settings import ImproveMethod
from core.recipes import improve, strategies
from tests.support.processes.forking import preload
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

preload("core.recipes.recipe_job")

DIALOGUES = synthetic_dialogues()
TRAIN = [d for d in DIALOGUES if d.split == "train"]


def texts(name: str, dialogues: Sequence[Dialogue] = TRAIN) -> dict[str, str]:
    """What a teacher might have said under the input's name."""
    return {d.dialog_id: f"{name} of {d.dialog_id}\u2028\n" for d in dialogues}


def attempt(
    folder: Path,
    recipe: str,
    improved: dict[str, dict[str, str]],
    dialogues: Sequence[Dialogue] = DIALOGUES,
    **more: Any,
) -> Path:
    inputs = {}
    for name, found in improved.items():
        inputs[name] = folder.with_name(f"{folder.name}-{name}.jsonl")
        response_file.write(
            inputs[name], (GeneratedResponse(i, text, "original") for i, text in found.items())
        )
    method = ImproveMethod(
        improve_llm_sft=more.pop("improve_llm_sft", 950), improve_llm_seed=more.pop("improve_llm_seed", 42)
    )
    settings = made_settings.recipe(recipe=recipe, prompt="{situation}|{utterance}", method=method, **more)
    return job_attempts.attempt(folder, dialogues, settings, inputs)


def work(folder: Path) -> Done | Failed:
    """How the worker's attempt ended."""
    job_attempts.run_worker(folder)
    ended: list[Done | Failed] = [*job_attempts.found(folder, Done), *job_attempts.found(folder, Failed)]
    assert len(ended) == 1
    return ended[0]


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().split(b"\n") if line]


def method_of(recipe: str) -> Method:
    name = RecipeName.parse(recipe)
    assert name is not None
    return name.method


@pytest.mark.parametrize(
    "recipe", [f"{method}/{name}" for method in strategies.METHODS for name in ("naive", "sequential")]
)
def test_a_worker_makes_both_files(tmp_path: Path, recipe: str) -> None:
    improved = texts("answers")
    folder = attempt(tmp_path / "1", recipe, {"answers": improved})
    ended = work(folder)
    for_sft, for_pairs = improve.divide(DIALOGUES, method_of(recipe), 950, 42)
    assert for_sft
    assert for_pairs
    assert ended == Done(
        RecipeResult(
            sft_examples=2 * len(for_sft),
            preference_pairs=len(for_pairs),
            sft_used=2 * len(for_sft),
            preferences_used=len(for_pairs),
            left_out=0,
            control_tokens=0,
            flaws={},
        )
    )
    total = 2 * len(for_sft) + len(for_pairs)
    assert job_attempts.found(folder, Progress) == [Progress(total, total)]
    published = {record.name: record.path for record in job_attempts.found(folder, Artifact)}
    assert published == {name: f"{name}.jsonl" for name in ("flaws", "sft", "preferences")}
    sft = lines(folder, "sft.jsonl")
    for human, better, dialogue in zip(sft[::2], sft[1::2], for_sft, strict=True):
        assert human["prompt"] == better["prompt"]
        assert human["prompt"][0]["content"] == f"{dialogue.situation}|{dialogue.utterance}"
        assert human["completion"] == [{"role": "assistant", "content": dialogue.responses["human"].text}]
        assert better["completion"] == [{"role": "assistant", "content": improved[dialogue.dialog_id]}]
    for pair, dialogue in zip(lines(folder, "preferences.jsonl"), for_pairs, strict=True):
        assert pair["chosen"] == [{"role": "assistant", "content": improved[dialogue.dialog_id]}]
        assert pair["rejected"] == [{"role": "assistant", "content": dialogue.responses["human"].text}]


def test_ratings_divide_human_responses_and_the_seed_a_teachers_own(tmp_path: Path) -> None:
    def drawn(number: int, recipe: str, **settings: Any) -> set[str]:
        folder = attempt(tmp_path / str(number), recipe, {"answers": texts("answers")}, **settings)
        assert isinstance(work(folder), Done)
        sft = {line["dialog_id"] for line in lines(folder, "sft.jsonl")}
        pairs = {line["dialog_id"] for line in lines(folder, "preferences.jsonl")}
        assert sft | pairs == {d.dialog_id for d in TRAIN}
        assert not sft & pairs
        return sft

    good = {d.dialog_id for d in TRAIN if d.responses["human"].rating == 3}
    assert drawn(1, "improve-human/naive", improve_llm_seed=1, improve_llm_sft=0) == good
    own = drawn(2, "improve-llm/naive")
    assert len(own) == round(len(TRAIN) * 950 / 1750)
    assert own == drawn(3, "improve-llm/cognitive")
    assert own != drawn(4, "improve-llm/naive", improve_llm_seed=43)
    assert len(drawn(5, "improve-llm/naive", improve_llm_sft=1750)) == len(TRAIN)


@pytest.mark.parametrize("method", strategies.METHODS)
def test_combined_unites_the_three_dimensions(tmp_path: Path, method: str) -> None:
    needed = strategies.needs(f"{method}/combined")
    assert list(needed) == ["answers-cognitive", "answers-affective", "answers-compassionate"]
    folder = attempt(tmp_path / "1", f"{method}/combined", {name: texts(name) for name in needed})
    ended = work(folder)
    assert isinstance(ended, Done)
    assert isinstance(ended.result, RecipeResult)
    for_sft, for_pairs = improve.divide(DIALOGUES, method_of(f"{method}/combined"), 950, 42)
    assert (ended.result.sft_used, ended.result.preferences_used) == (
        6 * len(for_sft),
        3 * len(for_pairs),
    )
    chosen = [pair["chosen"][0]["content"] for pair in lines(folder, "preferences.jsonl")]
    assert chosen == [texts(name)[d.dialog_id] for name in needed for d in for_pairs]


def test_what_the_teacher_left_out_is_reported_and_is_no_example(tmp_path: Path) -> None:
    needed = strategies.needs("improve-human/combined")
    improved = {name: texts(name) for name in needed}
    gone = [TRAIN[0].dialog_id, TRAIN[5].dialog_id]
    for name in gone:
        del improved["answers-affective"][name]
    del improved["answers-cognitive"][gone[0]]
    folder = attempt(tmp_path / "1", "improve-human/combined", improved)
    ended = work(folder)
    assert isinstance(ended, Done)
    assert isinstance(ended.result, RecipeResult)
    assert ended.result.left_out == 3
    targets = [line["completion"][0]["content"] for line in lines(folder, "sft.jsonl")]
    targets += [line["chosen"][0]["content"] for line in lines(folder, "preferences.jsonl")]
    improved_texts = {text for found in improved.values() for text in found.values()}
    assert len(improved_texts) == 3 * len(TRAIN) - 3
    assert improved_texts < set(targets)
    assert not [text for text in targets if text in {f"answers-affective of {name}\u2028\n" for name in gone}]


def test_limits_draw_among_them(tmp_path: Path) -> None:
    folder = attempt(
        tmp_path / "1", "improve-llm/affective", {"answers": texts("a")}, sft_limit=3, preference_limit=2
    )
    ended = work(folder)
    assert isinstance(ended, Done)
    assert isinstance(ended.result, RecipeResult)
    assert (ended.result.sft_used, ended.result.preferences_used) == (3, 2)
    assert ended.result.sft_examples > 3
    assert len(lines(folder, "sft.jsonl")) == 3
    assert len(lines(folder, "preferences.jsonl")) == 2


def test_no_answer_for_any_dialogue_is_a_failure(tmp_path: Path) -> None:
    folder = attempt(tmp_path / "1", "improve-human/naive", {"answers": {"somebody else": "text"}})
    ended = work(folder)
    assert isinstance(ended, Failed)
    assert "improve-human/naive produces no examples" in ended.error
