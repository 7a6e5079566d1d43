"""Servers of students and their runs on this machine: vLLM where it is installed, else Transformers' own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.domain.errors import UserError, unknown_name
from core.domain.names import RunName
from core.jobs.settings import LocalStudent, RespondSettings, StudentResponder
from core.services.models import trained_students
from core.services.workspace_state import WorkspaceState

HOST = "127.0.0.1"
#: Different adapters in one batch of vLLM; each takes memory.
_MAX_ADAPTERS_IN_BATCH = 8

ServerProgram = Literal["vllm", "transformers"]


@dataclass(frozen=True)
class Served:
    """A responder that a server has, under its own name."""

    name: str
    """The student's name, or the run's."""
    kind: Literal["base", "adapter", "model"]
    """What it is: the base student, an adapter of it, or a model of its own."""
    folder: Path | None
    """Of the adapter or the model; None for the base student."""


@dataclass(frozen=True)
class ModelServer:
    """A server that is to be started."""

    student_name: str
    """The student's name in config.toml."""
    student: LocalStudent
    """The student, as workers load it."""
    served: tuple[Served, ...]
    """What it serves."""
    program: ServerProgram
    """What serves: vLLM, or Transformers' own server, which is slower."""
    port: int
    """TCP port on 127.0.0.1."""

    @property
    def base_url(self) -> str:
        """The URL of its API."""
        return f"http://{HOST}:{self.port}/v1"

    def run(self) -> int:
        """Run it until it ends, by Ctrl+C for example; returns its exit code.

        Raises `UserError` if the student cannot be loaded.
        """
        with tempfile.TemporaryDirectory(prefix="empathy-tui-serve-") as folder:
            make = self._vllm if self.program == "vllm" else self._transformers
            process = subprocess.Popen(make(Path(folder)), cwd=folder)
            try:
                return process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise

    def _vllm(self, folder: Path) -> list[str]:
        """The command of one server with all adapters, with the chat template of training."""
        from core.students.chat import chat_format
        from core.students.models import loading

        config = self.student.config
        own = next((one for one in self.served if one.kind == "model"), None)
        if own is not None and len(self.served) > 1:
            raise UserError(
                f"{own.name} has all weights of its own: vLLM serves it alone, under another port than others"
            )
        template = folder / "chat_template.jinja"
        template.write_text(chat_format.load(config).tokenizer.chat_template, encoding="utf-8")
        model = loading.source_of(config) if own is None else str(own.folder)
        found = ["vllm", "serve", model, "--host", HOST, "--port", str(self.port)]
        found += ["--served-model-name", self.student_name if own is None else own.name]
        found += ["--chat-template", str(template), "--generation-config", "vllm"]
        if self.student.dtype != "auto":
            found += ["--dtype", self.student.dtype]
        if config.revision is not None and own is None:
            found += ["--revision", config.revision]
        adapters = {one.name: str(one.folder) for one in self.served if one.kind == "adapter"}
        if adapters:
            found += ["--enable-lora", "--max-lora-rank", str(max(map(_rank, adapters.values())))]
            found += ["--max-loras", str(min(len(adapters), _MAX_ADAPTERS_IN_BATCH))]
            found += ["--lora-modules", *map(_module, adapters.items())]
        return found

    def _transformers(self, folder: Path) -> list[str]:
        """The command of a server that loads the model that a request names: a path below its folder."""
        from core.students import merging
        from core.students.models import loading

        device = loading.pick_device(self.student.device)
        dtype = loading.pick_dtype(self.student.dtype, device)
        for one in self.served:
            target = folder / one.name
            target.mkdir(parents=True, exist_ok=True)
            config = self.student.config
            if one.kind == "model":
                assert one.folder is not None
                config = loading.fine_tuned(config, one.folder)
            merging.merge(config, one.folder if one.kind == "adapter" else None, target, dtype)
        program = Path(sys.executable).with_name("transformers")
        return [str(program), "serve", "--host", HOST, "--port", str(self.port), "--device", device]


def _module(adapter: tuple[str, str]) -> str:
    """An adapter as vLLM's option takes it: a name with a "=" in JSON alone."""
    name, path = adapter
    return json.dumps({"name": name, "path": path}) if "=" in name else f"{name}={path}"


def plan(
    state: WorkspaceState, responders: Sequence[str], port: int, program: ServerProgram | None = None
) -> ModelServer:
    """The server of these students and runs. Nothing is started.

    Without `program`, it is vLLM where that is installed. Raises `UserError` for a responder that cannot be
    served, and for runs of several students.
    """
    jobs = trained_students.jobs(state)
    served = []
    students: dict[str, LocalStudent] = {}
    for name in dict.fromkeys(responders):
        node = jobs.get(name)
        if node is None:
            otherwise = "none: import data, and define students in config.toml"
            raise UserError(unknown_name("student or run", name, jobs, otherwise))
        assert isinstance(node.settings, RespondSettings)
        assert isinstance(node.settings.responder, StudentResponder)
        run = RunName.parse(name)
        students[name if run is None else run.student] = node.settings.responder.student
        found = trained_students.trained(state, node)
        if run is not None and found is None:
            raise UserError(trained_students.untrained(run))
        kind, folder = found or ("base", None)
        served.append(Served(name, kind, folder))
    if len(students) != 1:
        raise UserError(
            f"name a student or runs of one student, not of {len(students)}: each server has one base model"
        )
    ((student_name, student),) = students.items()
    if program is None:
        program = "transformers" if shutil.which("vllm") is None else "vllm"
    return ModelServer(student_name, student, tuple(served), program, port)


def _rank(adapter: str) -> int:
    """The rank of an adapter, as vLLM accepts it: 8, 16, 32 …"""
    config = json.loads((Path(adapter) / "adapter_config.json").read_text(encoding="utf-8"))
    ranks: list[int] = [config["r"], *config.get("rank_pattern", {}).values()]
    rank: int = 1 << (max(ranks) - 1).bit_length()
    return max(8, rank)
