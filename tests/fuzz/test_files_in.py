"""Any file in place of a right one: it is read, or refused in a sentence; it never names a place outside."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.config.load import load_config
from core.config.schema import Config, Student
from core.config.workspace import WorkspacePaths
from core.dialogues.importing.table import Table, read_table
from core.domain.errors import UserError
from core.jobs import spec
from core.jobs.output_folder import OutputFolder
from core.pipeline.rebuilding.recorded_outside import read_recorded
from core.pipeline.supervision import history
from core.prompts import templates
from core.students.models import checkpoint_checks, loading, model_shape
from core.training.saving import checkpoints
from tests.fuzz import hostile
from tests.fuzz.hostile import fuzz
from tests.students.altered_student import altered
from tests.support import tiny_student

_TOML_HEADS = ("", "[sft]\n", "[teachers.a]\n", "[judges.a]\n", "[students.a]\n", "[prices]\n", "[app]\n")
_TOML_KEYS = (
    "model",
    "provider",
    "base_url",
    "mode",
    "extra_body",
    "extra",
    "learning_rate",
    "date",
    "train",
    "chat_template",
    "theme",
    "api_key_env",
)


def _toml(head: str, found: dict[str, Any]) -> str:
    return head + "".join(f"{key} = {json.dumps(value)}\n" for key, value in found.items())


@fuzz
@given(
    content=st.builds(_toml, st.sampled_from(_TOML_HEADS), hostile.objects(*_TOML_KEYS)).map(str.encode)
    | hostile.texts.map(str.encode)
    | st.binary(max_size=60)
    | st.sampled_from(
        [
            b"x = " + b"[" * 50_000,
            b"x = " + b"{a=" * 50_000,
            b"a." * 300 + b"b = 1",
            b"seed = " + b"9" * 6000,
            b"[recipes]\nseed = " + b"9" * 6000,
            b"[prices]\ndate = 9999-99-99",
            b"[app]\ntheme = '\xff'",
        ]
    )
)
def test_config(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "config.toml")
        path.write_bytes(content)
        try:
            assert isinstance(load_config(path), Config)
        except UserError as error:
            assert "config.toml" in str(error)  # noqa: PT017 - either outcome is right


@fuzz
@given(
    content=st.binary(max_size=60) | hostile.texts.map(str.encode),
    name=st.sampled_from(list(templates.FIELDS)),
)
def test_prompts(content: bytes, name: str) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, f"{name}.txt").write_bytes(content)
        try:
            text = templates.load(name, Path(folder))
        except UserError as error:
            assert f"{name}.txt" in str(error)  # noqa: PT017
        else:
            templates.render(text, **dict.fromkeys(templates.FIELDS[name], "{first} {situation}"))


@fuzz
@given(cells=st.lists(hostile.texts, min_size=8, max_size=24))
def test_csv(cells: list[str]) -> None:
    header = "dialog_id,emotion,situation,speaker_uttr,response_human,rating_human,response_a,rating_a"
    lines = [",".join(f'"{cell}"' for cell in cells[start : start + 8]) for start in range(0, len(cells), 8)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes("\n".join([header, *lines]).encode())
        try:
            assert isinstance(read_table(path), Table)
        except UserError as error:
            # People read it in terminals.
            shown = str(error)
            assert not any((ord(char) < 0x20 and char != "\n") or 0x7F <= ord(char) < 0xA0 for char in shown)


@fuzz
@given(
    content=hostile.json_files
    | hostile.objects("job", "settings", "inputs", "attempt", "prior").map(json.dumps).map(str.encode)
)
def test_specs(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, spec.NAME).write_bytes(content)
        with pytest.raises(UserError, match=r"spec\.json"):
            spec.read(Path(folder))


def test_a_removed_spec_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"spec\.json: .*"):
        spec.read(tmp_path)


@fuzz
@given(
    content=hostile.json_files
    | st.builds(
        lambda tokens, files: json.dumps({"num_tokens": tokens, "files": files}).encode(),
        hostile.values,
        st.dictionaries(hostile.texts, hostile.texts, max_size=3) | hostile.values,
    )
)
def test_marks_of_checkpoints(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, checkpoints.FOLDER, "checkpoint-2")
        checkpoint.mkdir(parents=True)
        (checkpoint / "complete.json").write_bytes(content)
        (checkpoint / "weights").write_text("x")
        said: list[str] = []
        assert checkpoints.newest([Path(folder)], said.append) == (None if said else checkpoint)


@fuzz
@given(
    content=hostile.json_files
    | st.lists(hostile.texts | st.sampled_from(["old.md", "../thesis.tex", "..", "."]), max_size=3)
    .map(json.dumps)
    .map(str.encode)
)
def test_lists_of_the_files_of_an_output(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        output = OutputFolder(Path(folder, "out"), "contents.json", "a report")
        output.path.mkdir()
        (output.path / "contents.json").write_bytes(content)
        Path(folder, "thesis.tex").write_text("years of work")
        with suppress(UserError):
            output.replace({"report.md": b"new"})
        assert Path(folder, "thesis.tex").read_text() == "years of work"
        assert {path.name for path in output.path.iterdir()} <= {"contents.json", "report.md"}


@fuzz
@given(
    lines=st.lists(
        hostile.json_files
        | st.builds(
            lambda tag, fields: json.dumps(fields | {"type": tag}).encode(),
            st.sampled_from(
                ["imported", "voted", "setting", "requested", "run noted", "jobs deleted", "ended"]
            ),
            hostile.objects("at", "data", "vote", "key", "value", "job", "notes", "jobs", "number", "state"),
        ),
        max_size=4,
    )
)
def test_histories(lines: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        workspace = WorkspacePaths(Path(folder))
        workspace.history.parent.mkdir()
        workspace.history.write_bytes(b"\n".join(lines) + b"\n")
        found = list(history.read(workspace))
        assert len(found) == workspace.history.read_bytes().count(b"\n")
        history.append(workspace, *history.settings({"paused": "1"}))
        assert [*history.read(workspace)][-1] is not None
        problems: list[str] = []
        read_recorded(workspace, problems)
        assert bool(problems) == (None in found)


def _zipped(pickled: bytes) -> bytes:
    """A file as PyTorch writes it, with that as its pickle."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", content)
    return made.getvalue()


@fuzz
@given(
    name=st.sampled_from(["optimizer.pt", "scheduler.pt", "rng_state.pth"]),
    wrap=st.sampled_from([bytes, _zipped]),
    content=st.integers(0, pickle.HIGHEST_PROTOCOL) | st.binary(max_size=60) | hostile.values,
)
def test_states_in_checkpoints(name: str, wrap: Callable[[bytes], bytes], content: Any) -> None:
    """The mark may name the hash of whatever is there."""
    with TemporaryDirectory() as folder:
        trap = Path(folder, "sprung")
        made = [Path(folder, checkpoints.FOLDER, f"checkpoint-{step}") for step in (2, 4)]
        for checkpoint in made:
            checkpoint.mkdir(parents=True)
            torch.save({"state": {0: torch.ones(2)}}, checkpoint / "optimizer.pt")
        hostile_one = (
            content
            if isinstance(content, bytes)
            else pickle.dumps({"state": Trap(trap)}, content)
            if type(content) is int and 0 <= content <= pickle.HIGHEST_PROTOCOL
            else pickle.dumps([content])
        )
        (made[1] / name).write_bytes(wrap(hostile_one))
        for checkpoint in made:
            checkpoints.mark_complete(checkpoint, 1)
        said: list[str] = []
        assert checkpoints.newest([Path(folder)], said.append) == made[0]
        assert name in said[0]
        assert not trap.exists()


@fuzz
@given(
    content=hostile.json_files
    | st.dictionaries(hostile.texts, hostile.texts, max_size=3).map(
        lambda shards: json.dumps({"weight_map": shards}).encode()
    )
)
def test_indexes_of_weights(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "model.safetensors.index.json").write_bytes(content)
        try:
            checkpoint_checks.check_files("theirs", Path(folder))
        except UserError as error:
            assert "model.safetensors.index.json" in str(error)  # noqa: PT017
        else:
            for shard in json.loads(content)["weight_map"].values():
                place = Path(os.path.normpath(Path(folder, shard)))
                assert place.is_relative_to(folder)


@pytest.mark.parametrize("shard", ["../x.safetensors", "/etc/passwd", "a/../../x", "..\\x", "C:\\x", ""])
def test_an_index_names_nothing_outside(tmp_path: Path, shard: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": shard}}))
    with pytest.raises(UserError, match="not in the model's folder"):
        checkpoint_checks.check_files("theirs", tmp_path)


@fuzz
@given(
    content=hostile.json_files
    | hostile.objects("peft_type", "r", "target_modules", "auto_mapping", "megatron_core")
    .map(json.dumps)
    .map(str.encode)
)
def test_configurations_of_adapters(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "adapter_config.json").write_bytes(content)
        with pytest.raises(UserError, match="adapter"):
            checkpoint_checks.check_adapter(Path(folder))


@fuzz
@given(config=hostile.json_files, weights=hostile.json_files)
def test_shapes_of_models(config: bytes, weights: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "config.json").write_bytes(config)
        Path(folder, "model.safetensors").write_bytes(len(weights).to_bytes(8, "little") + weights)
        with pytest.raises(UserError, match=r"config\.json"):
            model_shape.of(Student(model=folder))


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("tiny"))


def test_no_pickle_of_a_model_is_loaded(tiny: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    other = altered(tiny, tmp_path / "other")
    (other / "model.safetensors").unlink()
    (other / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(UserError, match="cannot be loaded"):
        loading.load_model(Student(model=str(other)), "cpu", torch.float32)
    assert not trap.exists()


def test_no_pickle_of_an_adapter_is_loaded(tiny: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"})
    )
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(UserError, match=r"has no adapter_model\.safetensors"):
        loading.load_model(Student(model=str(tiny)), "cpu", torch.float32, adapter)
    assert not trap.exists()
