"""Flaws of a teacher's responses: which is found, and what leaving them out does."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dialogues.files import response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.jobs.results import RecipeResult
from core.jobs.settings import ImproveMethod
from core.recipes import flaws, languages, recipe_job
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

ENGLISH = languages.of([text for d in synthetic_dialogues() for text in (d.situation, d.utterance)])
ORIGINAL = "I am sorry to hear that you had such a hard day at work today, and I hope tomorrow is better"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("I am so sorry that you went through this; what would help you most right now?", None),
        ("I'm sorry, but I can't promise it gets better, yet I am here.", None),
        ("I can't help but smile with you!", None),
        ("I'm sorry, but I can't help with that request.", "refusal"),
        ("I'm unable to provide this.", "refusal"),
        ("As an AI, I have no feelings.", "refusal"),
        ("Here's a more caring version of it, I hope: you are not alone.", "meta_talk"),
        ("The improved response shows affective empathy.", "meta_talk"),
        ("word " * 98, "over_length"),
        (ORIGINAL.upper() + "!", "unchanged"),
        (ORIGINAL.replace("hard", "tough"), "near_copy"),
        ("我很难过听到这个消息。", "language"),
    ],
)
def test_each_flaw(text: str, flaw: str | None) -> None:
    found = [kind for _, kind in flaws.find([GeneratedResponse("1", text, ORIGINAL)], ENGLISH)]
    assert found == ([] if flaw is None else [flaw])


def test_duplicates_are_those_after_the_first() -> None:
    answers = [GeneratedResponse(str(n), "You are not alone.", ORIGINAL) for n in range(3)]
    assert [(one.dialog_id, flaw) for one, flaw in flaws.find(answers, ENGLISH)] == [
        ("1", "duplicate"),
        ("2", "duplicate"),
    ]


def test_what_is_left_out_gives_no_example_and_is_listed(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues()
    train = [d for d in dialogues if d.split == "train"]
    texts = {d.dialog_id: f"I hear you, {d.dialog_id}." for d in train}
    refused, copied = train[0].dialog_id, train[1].dialog_id
    texts |= {refused: "I cannot help with that.", copied: ORIGINAL}
    answers = tmp_path / "answers.jsonl"
    response_file.write(answers, (GeneratedResponse(i, text, ORIGINAL) for i, text in texts.items()))
    method = ImproveMethod(improve_llm_sft=950, improve_llm_seed=42, leave_out=("refusal",))
    settings = made_settings.recipe(recipe="improve-human/naive", method=method)
    folder = job_attempts.attempt(tmp_path / "1", dialogues, settings, {"answers": answers})
    result = job_attempts.run(folder, recipe_job.run)
    assert isinstance(result, RecipeResult)
    assert (result.flaws, result.flawed_left_out, result.left_out) == ({"refusal": 1, "unchanged": 1}, 1, 0)
    written = (folder / "sft.jsonl").read_text() + (folder / "preferences.jsonl").read_text()
    assert texts[refused] not in written
    assert texts[copied] in written
    assert [(one.dialog_id, one.left_out) for one in flaws.read(folder / "flaws.jsonl")] == [
        (refused, True),
        (copied, False),
    ]
