"""Files of five shapes: each becomes trained runs, by one import and `run`."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import loopback
from tests.cli.conftest import make_program
from tests.loopback import KEY, Api
from tests.support import tiny_student
from tests.support.processes.forking import preload
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv, synthetic_rows

preload(
    "core.recipes.recipe_job",
    "core.teachers.generate_job",
    "core.teachers.live.sessions",
    "core.teachers.openai.client",
    "core.training.training_job",
    into="models",
)

CONFIG = """
[students.tiny]
model = "{student}"
[teachers.gpt]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
mode = "live"
[recipes]
train = ["{recipe}"]
sft_limit = 2
preference_limit = 2
improve_llm_sft = 875
[runs]
device = "cpu"
[sft]
max_steps = 1
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[dpo]
max_steps = 1
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
"""
DIRECT, IMPROVED = "direct/chatgpt", "improve-llm/naive"
_ROWS = 8
#: The columns of the tabs file, and the fields that they are.
_TABS = {
    "nr": "dialog_id",
    "mood": "emotion",
    "what happened": "situation",
    "said": "speaker_uttr",
    "friend": "response_human",
    "friend stars": "rating_human",
    "bot": "response_chatgpt_empathy",
    "bot stars": "rating_chatgpt_empathy",
}


def _paper(path: Path) -> list[str]:
    synthetic_csv(path, _ROWS)
    return []


def _tabs(path: Path) -> list[str]:
    with path.open("w", encoding="utf-16", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(_TABS)
        writer.writerows([row[name] for name in _TABS.values()] for row in synthetic_rows(_ROWS))
    fields = [field.removesuffix("_empathy") for field in _TABS.values()]
    mapped = zip(fields, _TABS, strict=True)
    return [word for field, column in mapped for word in ("--map", f"{field}={column}")]


def _chats(path: Path) -> list[str]:
    with path.open("w", encoding="utf-8") as file:
        for row in synthetic_rows(_ROWS):
            said = (row["situation"], "Tell me more.", row["speaker_uttr"], row["response_human"])
            roles = ("user", "assistant") * 2
            messages = [{"role": r, "content": t} for r, t in zip(roles, said, strict=True)]
            file.write(json.dumps({"id": row["dialog_id"], "messages": messages}) + "\n")
    return []


def _unrated_parquet(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {"context": "situation", "text": "speaker_uttr", "response": "response_human"}
    pq.write_table(
        pa.Table.from_pylist([{n: row[f] for n, f in names.items()} for row in synthetic_rows(_ROWS)]), path
    )
    return []


def _empathetic_dialogues(path: Path) -> list[str]:
    lines = ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"]
    for row in synthetic_rows(_ROWS):
        for turn, field in enumerate(("speaker_uttr", "response_human"), 1):
            text, situation = (row[name].replace(",", "_comma_") for name in (field, "situation"))
            lines.append(f"{row['dialog_id']},{turn},{row['emotion']},{situation},{turn % 2},{text},5|5,")
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return []


_SHAPES: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "paper.csv": (DIRECT, _paper),
    "tabs.tsv": (DIRECT, _tabs),
    "chats.jsonl": (IMPROVED, _chats),
    "unrated.parquet": (IMPROVED, _unrated_parquet),
    "empathetic_dialogues.csv.gz": (IMPROVED, _empathetic_dialogues),
}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("tiny-student"))


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


@pytest.mark.parametrize("name", _SHAPES)
def test_a_file_becomes_trained_runs(tmp_path: Path, student: Path, api: Api, name: str) -> None:
    recipe, write = _SHAPES[name]
    file = tmp_path / name
    options = write(file)
    program = make_program(tmp_path / "work", CONFIG.format(student=student, url=api.url, recipe=recipe))
    with supervised(program.root, loaded="models", OPENAI_API_KEY=KEY):
        program("import", "--yes", *options, file)
        program("run", "sft-dpo", "--wait")
    jobs = {job["stage"]: job for job in program("status", "--json").json["jobs"]}
    for stage in ("sft", "sft-dpo"):
        assert jobs[stage]["name"] == f"tiny/{recipe}/{stage}"
        assert jobs[stage]["state"] == "done"
    assert program("data", "--json").json["dialogues"]["total"] == _ROWS
