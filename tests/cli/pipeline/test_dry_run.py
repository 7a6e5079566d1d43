"""`run --dry-run` shows what each run will need: device, memory and time."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.store import connections
from core.store.dialogues import dialogues as stored
from tests.cli.conftest import Program, make_program
from tests.support import tiny_student
from tests.support.records.synthetic_dialogues import synthetic_dialogues

_NAIVE = '"improve-llm/naive"'
CONFIG = """
[students.tiny]
model = "./tiny"
[students.absent]
model = "nobody/nothing"
[recipes]
train = ["direct/chatgpt", "improve-human/naive"]
[teachers.gpt]
provider = "openai"
model = "gpt-4o"
[runs]
device = "cpu"
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_program(tmp_path_factory.mktemp("dry") / "work", CONFIG)
    tiny_student.make(made.root / "tiny")
    paths = WorkspacePaths(made.root)
    dialogues = synthetic_dialogues(rows=24)
    imported = staging.describe(dialogues, "some.csv", "0" * 64)
    staging.stage(paths, dialogues, imported)
    with closing(connections.writer(paths.state)) as connection, connections.transaction(connection):
        stored.replace(connection, imported, dialogues)
    return made.root


@pytest.fixture
def program(workspace: Path, tmp_path: Path) -> Program:
    return Program(Path(shutil.copytree(workspace, tmp_path / "work")))


def test_each_run_has_its_device_memory_and_time(program: Program) -> None:
    runs = {run["name"]: run for run in program("run", "--dry-run", "--json").json["runs"]}
    assert len(runs) == 8
    run = runs["tiny/direct/chatgpt/sft"]
    assert run["device"].startswith("CPU, ")
    assert 0 < run["memory_bytes"] < run["device_bytes"]
    assert run["memory_bytes"] == sum(run["memory_parts"].values())
    assert run["examples"] > 0
    assert run["steps"] == 3 * -(-run["examples"] // 16)
    assert run["seconds"] > 0
    assert not run["measured"]
    assert run["problem"] is None
    # Of a recipe with a teacher, examples like those in the data stand for its own.
    assert runs["tiny/improve-human/naive/sft-dpo"]["memory_bytes"] > 0


def test_data_without_ratings_has_stand_ins_for_the_answers_of_a_teacher(tmp_path: Path) -> None:
    made = make_program(tmp_path / "work", CONFIG.replace('"direct/chatgpt", "improve-human/naive"', _NAIVE))
    tiny_student.make(made.root / "tiny")
    lines = ["situation,utterance,response"] + [f"It was {n},I lost it {n},Oh no {n}." for n in range(16)]
    (tmp_path / "unrated.csv").write_text("\n".join(lines))
    made("import", "--yes", tmp_path / "unrated.csv")
    runs = {run["name"]: run for run in made("run", "--dry-run", "--json").json["runs"]}
    for stage in ("sft", "sft-dpo"):
        run = runs[f"tiny/improve-llm/naive/{stage}"]
        assert (run["problem"], run["memory_bytes"] > 0, run["examples"] > 0) == (None, True, True)


def test_what_is_not_known_is_shown_as_unknown(program: Program) -> None:
    runs = {run["name"]: run for run in program("run", "--dry-run", "--json").json["runs"]}
    absent = runs["absent/direct/chatgpt/sft"]
    assert (absent["memory_bytes"], absent["seconds"], absent["memory_parts"]) == (None, None, {})
    assert "nobody/nothing is not on this machine yet" in absent["problem"]
    shown = " ".join(program("run", "sft:absent/direct/chatgpt/sft", "--dry-run").out.split())
    assert "absent/direct/chatgpt/sft: nobody/nothing is not on this machine yet" in shown


def test_the_table_for_people(program: Program) -> None:
    shown = program("run", "sft:tiny/direct/chatgpt/sft", "--dry-run", COLUMNS="140").out
    (row,) = [line for line in shown.splitlines() if line.startswith("tiny/direct/chatgpt/sft")]
    assert "CPU" in row
    assert "~" in row
    assert "are rough" in shown
    assert "Too large" not in shown


def test_a_run_that_does_not_fit_is_said(program: Program) -> None:
    config = program.root / "config.toml"
    config.write_text(
        config.read_text() + "lora = false\n[sft]\nper_device_train_batch_size = 100000\n"
        "gradient_accumulation_steps = 100\nprefix_tree = false\n"
    )
    huge = program.root / "tiny/config.json"
    huge.write_text(huge.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 2000000'))
    shown = " ".join(program("run", "sft:tiny/direct/chatgpt/sft", "--dry-run").out.split())
    assert "Too large for the device: tiny/direct/chatgpt/sft. Set gradient_checkpointing" in shown


def test_time_follows_from_a_run_that_is_done(program: Program) -> None:
    """Here a row says that it is done; another recipe's run is of the same kind."""
    import msgspec

    from core.api import open_workspace
    from core.domain.jobs.results import SftResult
    from core.store.jobs import jobs

    config = program.root / "config.toml"
    config.write_text(config.read_text().replace('"improve-human/naive"', '"direct/all_together"'))
    with open_workspace(program.root) as opened:
        nodes = {node.name: node for node in opened.training._state.nodes() if node.stage == "sft"}
        done = nodes["tiny/direct/chatgpt/sft"]
        result = SftResult(
            steps=10,
            train_loss=1.0,
            train_runtime_s=50.0,
            epochs=3.0,
            examples=9,
            device="cpu",
            dtype="float32",
        )
        with (
            closing(connections.writer(program.root / "state.db")) as connection,
            connections.transaction(connection),
        ):
            jobs.put(connection, [done])
            connection.execute(
                "UPDATE jobs SET state = 'done', attempt = 1, result = ?",
                (msgspec.json.encode(result).decode(),),
            )
        found = {one.name: one for one in opened.training.estimates(["sft"])}
    assert "tiny/direct/chatgpt/sft" not in found
    other = found["tiny/direct/all_together/sft"]
    assert other.measured
    assert other.steps is not None
    assert other.seconds == pytest.approx(5.0 * other.steps)
