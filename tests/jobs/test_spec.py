"""What crosses from the supervisor to the worker and back is read strictly; an error names the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UserError
from core.domain.jobs.results import DpoResult
from core.jobs import journal, spec
from core.jobs.fingerprinted_settings import fingerprinted
from core.jobs.inputs import ImportedDialogues, JobOutput, JobResult, format_input, parse_input
from core.jobs.journal import DamagedJournalError, Journal
from core.jobs.records import Done, Failed
from core.jobs.settings import Settings
from core.jobs.stages import STAGES
from core.pipeline.workers import worker
from tests.support.records import job_attempts, made_results, made_settings

SETTINGS: tuple[Settings, ...] = (
    made_settings.generate(),
    made_settings.recipe(),
    made_settings.sft(),
    made_settings.responding(made_settings.student("made/small"), made_settings.DECODING),
    made_settings.compare("human", "chatgpt"),
)


def changed(folder: Path, change: dict[str, Any], *keys: str) -> None:
    """Change what spec.json has under some keys."""
    path = folder / spec.NAME
    whole = json.loads(path.read_bytes())
    part = whole
    for key in keys:
        part = part[key]
    part.update(change)
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.stage)
def test_a_worker_reads_what_was_written(tmp_path: Path, settings: Settings) -> None:
    found = spec.read(job_attempts.attempt(tmp_path / "1", [], settings))
    assert (found.settings, found.stage, found.attempt) == (settings, settings.stage, 1)
    assert isinstance(settings, STAGES[found.stage].settings)


@pytest.mark.parametrize(
    ("change", "keys", "message"),
    [
        ({"rank": 8}, ("settings", "lora"), "Object contains unknown field `rank` - at `$.settings.lora`"),
        ({"r": "8"}, ("settings", "lora"), "Expected `int`, got `str` - at `$.settings.lora.r`"),
        ({"stage": "guess"}, ("settings",), "Invalid value 'guess' - at `$.settings.stage`"),
        ({"inputs": []}, (), "Expected `object`, got `array` - at `$.inputs`"),
        ({"stage": "sft"}, (), "Object contains unknown field `stage`"),
    ],
)
def test_a_wrong_key_or_type_is_refused(
    tmp_path: Path, change: dict[str, Any], keys: tuple[str, ...], message: str
) -> None:
    folder = job_attempts.attempt(tmp_path / "1", [], made_settings.sft())
    changed(folder, change, *keys)
    with pytest.raises(UserError) as caught:
        spec.read(folder)
    assert str(caught.value) == f"{folder / spec.NAME}: {message}"
    # The worker says so, rather than die again and again.
    assert worker.main(folder) == 1
    assert [entry.record for entry, _ in journal.read(folder)] == [Failed(str(caught.value))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": 1.0}, "Object contains unknown field `margin` - at `$.record.result`"),
        ({"steps": "6"}, "Expected `int`, got `str` - at `$.record.result.steps`"),
        ({"stage": "calibrate"}, "Invalid value 'calibrate' - at `$.record.result.stage`"),
    ],
)
def test_a_result_with_a_wrong_key_or_type_damages_the_journal(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    result = made_results.dpo(rewards_margins=0.5)
    Journal(tmp_path).write(Done(result))
    path = tmp_path / journal.NAME
    ((entry, _),) = journal.read(tmp_path)
    assert entry.record == Done(result)
    line = json.loads(path.read_bytes())
    assert line["record"]["result"]["rewards/margins"] == 0.5
    line["record"]["result"] |= change
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DamagedJournalError) as caught:
        list(journal.read(tmp_path))
    assert caught.value.reason == message


def test_every_result_is_of_the_type_that_the_registry_names() -> None:
    for name, stage in STAGES.items():
        assert type(made_results.of_stage(name)) is stage.result
        assert stage.settings.stage == name
    assert STAGES["sft-dpo"].result is DpoResult


def test_what_only_watches_or_pays_is_not_in_the_fingerprint() -> None:
    sft, generate = fingerprinted(made_settings.sft()), fingerprinted(made_settings.generate())
    training, model = sft["training"], generate["model"]
    assert isinstance(training, dict)
    assert isinstance(model, dict)
    assert {"learning_rate", "seed"} <= training.keys()
    assert not {"save_steps", "sample_steps", "report_to"} & training.keys()
    assert model.keys() == {"identity", "placement"}


@given(st.text("abcdef0123456789", min_size=1), st.text("abc-/", min_size=1))
def test_an_input_is_parsed_as_it_is_formatted(name: str, artifact: str) -> None:
    for read in (ImportedDialogues(name), JobOutput(f"sft-{name}", artifact), JobResult(f"sft-{name}")):
        assert parse_input(format_input(read)) == read


@pytest.mark.parametrize("text", ["", "data:", "result:", "sft-1", "/adapter", "sft-1/"])
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither data:SHA256, result:JOB nor JOB/ARTIFACT"):
        parse_input(text)
