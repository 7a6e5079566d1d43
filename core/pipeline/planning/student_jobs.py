"""The jobs that train students, and those in which students respond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from core.config.problems import InvalidOptionError
from core.config.schema import Config, Dpo, Lora, Training
from core.domain.names import RunName
from core.domain.states import Slot
from core.jobs.inputs import Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    DpoSettings,
    LocalStudent,
    Ranks,
    RespondSettings,
    RunSettings,
    SftSettings,
    StudentResponder,
    StudentServer,
)
from core.pipeline.planning.job_graph import JobGraph
from core.students.models import model_sources


class StudentJobs:
    """Adds jobs of students to a graph."""

    def __init__(
        self, config: Config, graph: JobGraph, prompt: Callable[[str], str], local_slot: Slot
    ) -> None:
        self._config = config
        self._graph = graph
        self._prompt = prompt
        self._local_slot = local_slot
        #: What a run yields.
        self._trained = "adapter" if config.runs.lora else "model"
        # The same objects for all jobs.
        self._student = cache(self._make_student)
        self._ranks = cache(self._make_ranks)

    def sft(
        self,
        name: RunName,
        training: Training,
        lora: Lora,
        inputs: Mapping[str, Input],
        examples: PlannedJob,
        gate: PlannedJob | None = None,
    ) -> PlannedJob:
        """Add a run of stage `sft`. `inputs` are the dialogues, `examples` is the recipe's job."""
        settings = SftSettings(
            student=self._student(name.student),
            student_name=name.student,
            recipe=str(name.recipe),
            lora=lora if self._config.runs.lora else None,
            ranks=self._ranks(name.student),
            training=training,
        )
        return self._run(name, settings, {**inputs, "examples": JobOutput(examples.id, "sft")}, gate)

    def dpo(
        self,
        name: RunName,
        training: Dpo,
        lora: Lora,
        inputs: Mapping[str, Input],
        pairs: PlannedJob,
        tuned: PlannedJob,
        gate: PlannedJob | None = None,
    ) -> PlannedJob:
        """Add a run of stage `sft-dpo` on top of the run `tuned`, on the preference pairs of the job `pairs`.

        The others are as in `sft`.
        """
        settings = DpoSettings(
            student=self._student(name.student),
            student_name=name.student,
            recipe=str(name.recipe),
            lora=lora if self._config.runs.lora else None,
            ranks=self._ranks(name.student),
            training=training,
        )
        read = {
            "preferences": JobOutput(pairs.id, "preferences"),
            self._trained: JobOutput(tuned.id, self._trained),
        }
        return self._run(name, settings, {**inputs, **read}, gate)

    def respond(
        self,
        name: str,
        student: str,
        run: PlannedJob | None,
        inputs: Mapping[str, Input],
        data: list[str],
    ) -> PlannedJob:
        """Add the job in which a run of a student, or the base student, responds. `inputs` are the dialogues,
        `data` the hash of those that it responds to."""
        server = self._config.servers.get(student)
        served = student if run is None else name
        responder = StudentResponder(
            student=self._student(student),
            responding=self._config.responding,
            server=None if server is None else StudentServer.of(served, server),
        )
        read = {} if run is None else {self._trained: JobOutput(run.id, self._trained)}
        settings = RespondSettings(responder=responder)
        slot: Slot = self._local_slot if server is None else "api"
        return self._graph.add(name, slot, settings, {**inputs, **read}, data)

    def _run(
        self, name: RunName, settings: RunSettings, inputs: Mapping[str, Input], gate: PlannedJob | None
    ) -> PlannedJob:
        return self._graph.add(str(name), self._local_slot, settings, inputs, gate=gate)

    def _make_ranks(self, student: str) -> Ranks | None:
        """The processes of a student's runs; None for one."""
        own, runs = self._config.students[student].gpus_per_run, self._config.runs
        count = own or runs.gpus_per_run
        if count == 1:
            return None
        if self._local_slot != "gpu":
            raise InvalidOptionError(
                "runs.gpus_per_run" if own is None else f"students.{student}.gpus_per_run",
                f"is {count}, and this machine has no GPU: set it to 1, or runs.device to cuda if jobs run "
                "on another machine",
            )
        fsdp = self._config.fsdp if runs.distributed == "fsdp" else None
        return Ranks(count=count, fsdp=fsdp, nodes=runs.nodes_per_run)

    def _make_student(self, name: str) -> LocalStudent:
        student = self._config.students[name]
        return LocalStudent(
            config=student,
            source=model_sources.identity(student),
            chat_template_sha256=model_sources.template_sha256(student),
            prompt=self._prompt("student"),
            device=self._config.runs.device,
            dtype=self._config.runs.dtype,
            quantization=self._config.runs.quantization,
        )
