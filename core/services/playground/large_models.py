"""Large models of config.toml as the playground asks them: live, and with few retries: people wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from core.config.schema import Config, Student, Teacher
from core.domain.errors import UserError, unknown_name
from core.domain.states import Slot
from core.jobs.settings import (
    EmbeddedJudge,
    JudgeSettings,
    LargeModel,
    LlmJudge,
    LocalStudent,
    RespondSettings,
    TeacherResponder,
)
from core.pipeline.planning import large_models, slots, workspace_graph
from core.playground.messages import Participant, TeacherCall
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_records
from core.students.models import model_sources
from core.teachers.costs import prices
from core.teachers.local import decoding as local_decoding
from core.teachers.protocol import Message, Request
from core.teachers.settings import api_keys

#: Tries of a call.
_MAX_TRIES = 3


@dataclass(frozen=True)
class PlaygroundJudge:
    """A judge that may be asked in the playground."""

    name: str
    """Its name in config.toml."""
    is_paid: bool
    """Whether it is a model behind an API."""
    problem: str | None
    """Why it cannot judge now, for people; None if it can."""


@dataclass(frozen=True)
class PlaygroundCost:
    """What answers or an opinion of models behind an API will cost."""

    models: tuple[str, ...]
    """Whom they are paid to, by their names in config.toml."""
    usd: float | None
    """Estimated US dollars; None if a price is unknown."""
    spent_usd: float
    """What the workspace has spent and reserved so far."""
    budget_usd: float | None
    """The limit in config.toml; None without one."""


class LargeModels:
    """The teachers and judges of a workspace's configuration."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state

    def teachers(self) -> dict[str, str | None]:
        """Why each teacher cannot answer now, by its name; None if it can."""
        return {name: _missing_key(teacher) for name, teacher in self._config().teachers.items()}

    def judges(self) -> tuple[PlaygroundJudge, ...]:
        """The judges, in the configuration's order."""
        found = []
        for name, judge in self._config().judges.items():
            if judge.provider == "embedded":
                problem = None if self._weights(name) else f"not trained yet: `empathy-tui run judge:{name}`"
                found.append(PlaygroundJudge(name, is_paid=False, problem=problem))
            else:
                found.append(PlaygroundJudge(name, judge.provider != "local", _missing_key(judge)))
        return tuple(found)

    def is_paid(self, teacher: str) -> bool:
        """Whether it is a model behind an API."""
        return self._config().teachers[teacher].provider != "local"

    def call(self, teacher: str, messages: tuple[Message, ...]) -> TeacherCall:
        """What asks a teacher behind an API. Raises `UserError` if its key is missing."""
        responder = self.responder(teacher)
        api_keys.key(responder.model.client.teacher)
        live = msgspec.structs.replace(responder, model=_live(responder.model))
        return TeacherCall(teacher, RespondSettings(responder=live), messages)

    def participant(self, teacher: str, messages: tuple[Message, ...]) -> Participant:
        """A teacher that the resident process loads as it loads students."""
        config = self._config()
        chosen = config.teachers[teacher]
        student = LocalStudent(
            config=Student(model=chosen.model),
            chat_template_sha256=None,
            prompt=self.responder(teacher).prompt,
            device=config.runs.device,
            dtype=config.runs.dtype,
        )
        return Participant(teacher, student, None, messages, local_decoding.decoding(chosen))

    def responder(self, teacher: str) -> TeacherResponder:
        """The settings with which a teacher answers the test split."""
        config = self._config()
        prompt = workspace_graph.prompts(self._state.paths, config)
        return large_models.teacher_responder(config, prompt, teacher)

    def judge(self, name: str) -> tuple[LlmJudge | EmbeddedJudge, Path | None, Slot]:
        """A judge's settings, the file of an embedded one, and the slot of jobs whose memory it takes.

        Raises `UserError` if it cannot judge.
        """
        config = self._config()
        judge = config.judges.get(name)
        if judge is None:
            otherwise = "none: define [judges.NAME] in config.toml"
            raise UserError(unknown_name("judge", name, config.judges, otherwise))
        if judge.provider == "embedded":
            weights = self._weights(name)
            if weights is None:
                raise UserError(f"judge {name} is not trained yet: `empathy-tui run judge:{name}`")
            return EmbeddedJudge(name=name), weights, "cpu"
        if judge.provider != "local":
            api_keys.key(judge)
        found = large_models.llm_judge(config, workspace_graph.prompts(self._state.paths, config), name)
        slot: Slot = slots.local_slot(config.runs.device) if judge.provider == "local" else "api"
        return msgspec.structs.replace(found, model=_live(found.model)), None, slot

    def _weights(self, judge: str) -> Path | None:
        """What an embedded judge has learned; None before its training."""
        connection = self._state.connection()
        if connection is None:
            return None
        for node in self._state.nodes():
            if node.name == judge and isinstance(node.settings, JudgeSettings):
                found = job_records.artifact(connection, node.id, "judge")
                path = None if found is None else self._state.paths.inside(found[0])
                return path if path is not None and path.exists() else None
        return None

    def _config(self) -> Config:
        config, invalid = self._state.config()
        if invalid is not None:
            raise UserError(invalid)
        return model_sources.resolved(config or Config(), self._state.paths.root, self._state.commits())


def answer_usd(call: TeacherCall) -> float | None:
    """The estimated cost of a teacher's answer in US dollars; None if the price is unknown."""
    responder = call.settings.responder
    assert isinstance(responder, TeacherResponder)
    texts = [message.content for message in call.messages]
    return _usd(responder.model, [texts], prices.ANSWER)


def opinion_usd(judge: LlmJudge, texts: Mapping[str, str]) -> float | None:
    """The estimated cost of a judge's opinion in both orders; `texts` are what its prompt is filled with."""
    from core.judging.llm import llm_judge

    question = [judge.prompt, *texts.values()]
    return _usd(judge.model, [question, question], llm_judge.answer_tokens(judge))


def _usd(model: LargeModel, requests: list[list[str]], answer: int) -> float | None:
    teacher = model.client.teacher
    sent = [Request("", "", tuple(Message("user", text) for text in texts)) for texts in requests]
    usage = prices.estimate(sent, prices.answer_tokens(teacher, answer, None))
    return prices.cost(model.client.price, usage, batch=False)


def _live(model: LargeModel) -> LargeModel:
    teacher = model.client.teacher
    tries = min(_MAX_TRIES, teacher.call_tries)
    teacher = msgspec.structs.replace(teacher, mode="live", call_tries=tries)
    return msgspec.structs.replace(model, client=msgspec.structs.replace(model.client, teacher=teacher))


def _missing_key(teacher: Teacher) -> str | None:
    """Why a model cannot be asked; None if nothing is known to be missing."""
    if teacher.provider == "local":
        return None
    try:
        api_keys.key(teacher)
    except UserError:
        return f"needs {api_keys.variable(teacher)} in the environment"
    return None
