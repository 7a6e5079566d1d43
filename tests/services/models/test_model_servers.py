"""What serves students and runs: the commands of vLLM and of Transformers, which stand-ins record."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from core.api import ModelServer, ServerProgram, UserError, open_workspace
from core.config.workspace import WorkspacePaths
from tests.support.workspaces import playground_workspace
from tests.support.workspaces.playground_workspace import BASE, DPO, SFT, UNTRAINED

#: Records its arguments, the files below its folder, and the weights and chat template that it is given.
STAND_IN = """#!{python}
import json, pathlib, sys
files = sorted(str(path) for path in pathlib.Path().rglob("*") if path.is_file())
weights = [hash(pathlib.Path(path).read_bytes()) for path in files if path.endswith("model.safetensors")]
template = pathlib.Path(files[0]).read_text() if files == ["chat_template.jinja"] else ""
found = dict(arguments=sys.argv[1:], files=files, weights=weights, template=template)
pathlib.Path("{record}").write_text(json.dumps(found))
"""


class Recorded(msgspec.Struct):
    arguments: list[str]
    files: list[str]
    weights: list[int]
    template: str

    @property
    def options(self) -> dict[str, str]:
        return dict(itertools.pairwise(self.arguments))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return playground_workspace.make(tmp_path_factory.mktemp("study") / "work")


def planned(study: WorkspacePaths, *names: str, program: ServerProgram | None = None) -> ModelServer:
    with open_workspace(study.root, read_only=True) as workspace:
        return workspace.model_server(names, 9123, program)


def served(server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    record = tmp_path / "record.json"
    for name in ("vllm", "transformers"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable, record=record))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert server.run() == 0
    return msgspec.json.decode(record.read_bytes(), type=Recorded)


def test_vllm_has_one_base_model_with_all_adapters(
    study: WorkspacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = planned(study, BASE, SFT, DPO, program="vllm")
    assert (server.base_url, server.student_name) == ("http://127.0.0.1:9123/v1", BASE)
    found = served(server, tmp_path, monkeypatch)
    assert found.arguments[:2] == ["serve", str(study.root.parent / "student")]
    expected = {"--host": "127.0.0.1", "--port": "9123", "--served-model-name": BASE}
    assert found.options.items() >= expected.items()
    assert found.options["--max-lora-rank"] == "8"
    assert found.options["--generation-config"] == "vllm"
    adapters = found.arguments[found.arguments.index("--lora-modules") + 1 :]
    folders = dict(adapter.split("=") for adapter in adapters)
    assert list(folders) == [SFT, DPO]
    assert all(json.loads((Path(path) / "adapter_config.json").read_text()) for path in folders.values())
    assert "<|im_start|>" in found.template


def test_vllm_reads_names_with_settings_as_json(
    study: WorkspacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = planned(study, SFT, program="vllm")
    of_grid = tuple(replace(one, name=f"{one.name}/seed=2") for one in server.served)
    found = served(replace(server, served=of_grid), tmp_path, monkeypatch)
    adapter = json.loads(found.arguments[found.arguments.index("--lora-modules") + 1])
    assert adapter == {"name": f"{SFT}/seed=2", "path": str(of_grid[0].folder)}


def test_transformers_has_a_model_for_each(
    study: WorkspacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = served(planned(study, BASE, SFT, DPO, program="transformers"), tmp_path, monkeypatch)
    assert found.arguments == ["serve", "--host", "127.0.0.1", "--port", "9123", "--device", "cpu"]
    for name in (BASE, SFT, DPO):
        assert {f"{name}/config.json", f"{name}/chat_template.jinja"} <= set(found.files)
    assert len(set(found.weights)) == 3


def test_what_cannot_be_served_is_named(study: WorkspacePaths) -> None:
    with pytest.raises(UserError, match=f"{UNTRAINED} is not trained yet: `empathy-tui run sft:{UNTRAINED}`"):
        planned(study, UNTRAINED)
    with pytest.raises(UserError, match="no student or run is named 'nobody'"):
        planned(study, "nobody")
