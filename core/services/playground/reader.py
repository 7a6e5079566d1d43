"""The playground: conversations with students and teachers, and a judge's opinion on what they answer."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from core.config.checks import check_sampling
from core.config.schema import Config, Responding
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError, unknown_name
from core.domain.names import RunName
from core.domain.states import Slot
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import CompareSettings, EmbeddedJudge, RespondSettings, StudentResponder
from core.pipeline.planning import slots
from core.pipeline.workers import devices
from core.playground import history, process
from core.playground.calling import Calling
from core.playground.history import PlaygroundHistory
from core.playground.messages import Ask, Call, OpinionCall, Participant, TeacherCall
from core.playground.records import MAX_RESPONDERS, PlaygroundQuestion, PlaygroundTurn
from core.prompts import templates
from core.services.models import trained_students
from core.services.pipeline.reader import PipelineReader
from core.services.playground import large_models
from core.services.playground.answering import Answering
from core.services.playground.large_models import LargeModels, PlaygroundCost, PlaygroundJudge
from core.services.playground.pending_opinion import OpinionQuestion, PendingOpinion
from core.services.spending.reader import SpendingReader
from core.services.workspace_state import WorkspaceState
from core.store.dialogues import dialogue_queries
from core.teachers.protocol import Message


@dataclass(frozen=True)
class PlaygroundResponder:
    """Somebody who may answer in the playground."""

    name: str
    """The base student's name, the run's, or the teacher's."""
    kind: Literal["base", "run", "teacher"]
    """Whether it is a base student, a run, or a teacher."""
    is_paid: bool
    """Whether each answer costs money: a teacher behind an API."""
    problem: str | None
    """Why it cannot answer now, for people; None if it can."""


class Playground:
    """Asks students, teachers and judges, and keeps the history.

    A method may raise `UserError` if state.db or the history cannot be read, and those that write do in a
    read-only workspace.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader, spending: SpendingReader) -> None:
        self._state = state
        self._pipeline = pipeline
        self._spending = spending
        self._models = LargeModels(state)

    def responders(self) -> tuple[PlaygroundResponder, ...]:
        """Who may answer, in the configuration's order."""
        found = []
        for name, node in trained_students.jobs(self._state).items():
            run = RunName.parse(name)
            problem = None
            if run is not None and trained_students.trained(self._state, node) is None:
                problem = trained_students.untrained(run)
            kind: Literal["base", "run"] = "base" if run is None else "run"
            found.append(PlaygroundResponder(name, kind, is_paid=False, problem=problem))
        for name, problem in self._models.teachers().items():
            is_paid = self._models.is_paid(name)
            found.append(PlaygroundResponder(name, "teacher", is_paid=is_paid, problem=problem))
        return tuple(found)

    def judges(self) -> tuple[PlaygroundJudge, ...]:
        """Who may compare two answers, in the configuration's order."""
        return self._models.judges()

    def sampling(self) -> Responding:
        """The settings of [responding] in config.toml, with which the test split is answered."""
        return (self._state.config()[0] or Config()).responding

    def dialogue(self, dialog_id: str | None = None) -> Dialogue:
        """A dialogue of the data by its id; a random test dialogue for None.

        Raises `UserError` if there is none.
        """
        if dialog_id is None:
            test = self._state.drawn_dialogues().of("test")
            if not test:
                raise UserError("there is no test dialogue: import data with `empathy-tui import FILE`")
            return random.choice(test)
        connection = self._state.connection()
        found = None if connection is None else dialogue_queries.dialogue(connection, dialog_id)
        if found is None:
            raise UserError(f"the data has no dialogue {dialog_id!r}")
        return found

    def cost(self, question: PlaygroundQuestion) -> PlaygroundCost | None:
        """What the answers of teachers behind an API will cost; None if there is none among the responders.

        Raises `UserError` as `ask` does.
        """
        calls = self._asked(question)[1]
        if not calls:
            return None
        return self._cost(calls, [large_models.answer_usd(call) for call in calls.values()])

    def ask(self, question: PlaygroundQuestion) -> Answering:
        """Have responders answer. Nothing is sent before the first event is read.

        Teachers behind an API are paid; where that would exceed the budget, their answer fails and says so.
        Raises `UserError` for a responder that cannot answer, and in a read-only workspace.
        """
        self._state.paths.check_writable()
        participants, calls = self._asked(question)
        # Not the job's: a server may answer the test split.
        slot = slots.local_slot((self._state.config()[0] or Config()).runs.device)
        started: dict[str, Callable[[], Calling]] = {}
        if calls:
            spent_usd = self._spending.jobs_usd()
            for name, work in calls.items():
                call = Call(work, spent_usd)
                started[name] = partial(Calling, self._state.paths, call, dict(os.environ))
        needs_gpu = bool(participants) and process.running(self._state.paths) is None
        environment = self._environment(slot) if needs_gpu else {}
        return Answering(
            question,
            Ask(tuple(participants), question.sampling),
            lambda stop: process.connect(self._state.paths, slot, stop, environment),
            started,
            self._remember,
        )

    def opinion_cost(self, judge: str, question: OpinionQuestion) -> PlaygroundCost | None:
        """What a judge's opinion will cost; None if it is not behind an API.

        Raises `UserError` if it cannot judge.
        """
        settings, _, _ = self._models.judge(judge)
        if isinstance(settings, EmbeddedJudge) or settings.model.placement is not None:
            return None
        texts = {str(number): text for number, text in enumerate(msgspec.structs.astuple(question))}
        return self._cost((judge,), [large_models.opinion_usd(settings, texts)])

    def opinion(self, judge: str, question: OpinionQuestion) -> PendingOpinion:
        """Have a judge compare two answers, a large model in both orders.

        Its prompt has the utterance and the situation, and no earlier turns. An answer that it has given
        before, here or in a comparison, is not paid again. Raises `UserError` if it cannot judge, the answers
        are the same, or the workspace is read-only.
        """
        self._state.paths.check_writable()
        if question.answer_a == question.answer_b:
            raise UserError("the answers are the same, word for word: there is nothing to compare")
        chosen, weights, slot = self._models.judge(judge)
        work = OpinionCall(
            settings=CompareSettings(a=question.a, b=question.b, judge=chosen),
            situation=question.situation,
            utterance=question.utterance,
            answer_a=question.answer_a,
            answer_b=question.answer_b,
            weights=None if weights is None else str(weights),
        )
        call = Call(work, self._spending.jobs_usd())
        environment = {**os.environ, **self._environment(slot)}
        return PendingOpinion(partial(Calling, self._state.paths, call, environment))

    def _cost(self, models: Iterable[str], costs: Sequence[float | None]) -> PlaygroundCost:
        spending = self._spending.summary()
        known = [usd for usd in costs if usd is not None]
        return PlaygroundCost(
            models=tuple(models),
            usd=sum(known) if len(known) == len(costs) else None,
            spent_usd=spending.usd + spending.reserved_usd,
            budget_usd=spending.budget_usd,
        )

    def _asked(self, question: PlaygroundQuestion) -> tuple[list[Participant], dict[str, TeacherCall]]:
        """What the resident process is asked, and what teachers behind an API are asked, by their names."""
        if not question.utterance.strip():
            raise UserError("the utterance is empty: write what the speaker says")
        check_sampling(question.sampling)
        count = len(question.responders)
        if not 1 <= count <= MAX_RESPONDERS or len(set(question.responders)) != count:
            raise UserError(f"name 1 to {MAX_RESPONDERS} different responders, not {count}")
        nodes, teachers = trained_students.jobs(self._state), self._models.teachers()
        participants: list[Participant] = []
        calls: dict[str, TeacherCall] = {}
        for name in question.responders:
            node = nodes.get(name)
            if node is not None:
                participants.append(self._participant(name, node, question))
            elif name in teachers:
                sent = _conversation(name, self._models.responder(name).prompt, question)
                if self._models.is_paid(name):
                    calls[name] = self._models.call(name, sent)
                else:
                    participants.append(self._models.participant(name, sent))
            else:
                otherwise = "none: import data, and define students or teachers in config.toml"
                known = (*nodes, *teachers)
                raise UserError(unknown_name("student, run or teacher", name, known, otherwise))
        return participants, calls

    def _environment(self, slot: Slot) -> dict[str, str]:
        """What a process sees that takes memory of a slot. Raises `UserError` if jobs use the GPU."""
        if slot != "gpu":
            return {}
        snapshot = self._pipeline.snapshot()
        running = [job for job in snapshot.jobs if job.state == "running" and job.slot == "gpu"]
        if any(use.name == "gpu" and use.used >= use.total for use in snapshot.slots):
            names = ", ".join(job.title for job in running) or "other jobs"
            raise UserError(
                f"the GPU is used by {names}: ask again when it has ended, cancel it, or raise slots.gpu "
                "in config.toml if the GPU has memory for both"
            )
        gpus = devices.least_used(devices.usable(), (job.gpu for job in running))
        return {devices.VISIBLE: gpus[0].device} if gpus else {}

    def stop(self) -> bool:
        """End the resident process, and free its memory; False if none runs."""
        self._state.paths.check_writable()
        found = process.running(self._state.paths)
        if found is not None:
            process.leave(found, "it was ended")
        return found is not None

    def is_running(self) -> bool:
        """Whether the resident process runs, and holds memory."""
        return process.running(self._state.paths) is not None

    def why_ended(self) -> str | None:
        """Why the last resident process ended, for people; None if one runs, or it is not known."""
        return process.last_end(self._state.paths)

    def history(self) -> PlaygroundHistory:
        """All turns of this workspace, oldest first."""
        try:
            return history.read(self._state.paths)
        except OSError as error:
            raise UserError(f"the playground's history cannot be read: {error}") from error

    def _remember(self, turn: PlaygroundTurn) -> None:
        """Add a turn to the history. Raises `UserError` if it cannot be written."""
        self._state.paths.check_writable()
        try:
            history.append(self._state.paths, turn)
        except OSError as error:
            raise UserError(f"the playground's history cannot be written: {error}") from error

    def export(self, file: Path) -> int:
        """Write the history to a JSONL file; returns the number of its turns."""
        self._state.paths.check_output(file.parent)
        turns = self.history().turns
        try:
            history.export(turns, file)
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror or error}") from error
        return len(turns)

    def _participant(self, name: str, node: PlannedJob, question: PlaygroundQuestion) -> Participant:
        settings = node.settings
        assert isinstance(settings, RespondSettings)
        assert isinstance(settings.responder, StudentResponder)
        student = settings.responder.student
        trained = trained_students.trained(self._state, node)
        if trained is None and RunName.parse(name) is not None:
            raise UserError(f"{name} is not trained yet: `empathy-tui run {name}`")
        adapter: str | None = None
        if trained is not None:
            kind, path = trained
            if kind == "adapter":
                adapter = str(path)
            else:
                config = msgspec.structs.replace(student.config, model=str(path), revision=None)
                student = msgspec.structs.replace(student, config=config)
        return Participant(name, student, adapter, _conversation(name, student.prompt, question))


def _conversation(name: str, prompt: str, question: PlaygroundQuestion) -> tuple[Message, ...]:
    """What a responder sees: the prompt of training for what was said first, then utterances as they are.

    Utterances that it has not answered, because it took no part or gave no text, come together in one
    message: chat templates want the roles to alternate, and nobody else's answer is put into its mouth.
    """
    found: list[Message] = []
    said = ""
    for turn in question.earlier:
        said = f"{said}\n{turn.utterance}" if said else turn.utterance
        answer = next((answer.text for answer in turn.answers if answer.responder == name), "")
        if answer:
            found += [Message("user", said), Message("assistant", answer)]
            said = ""
    found.append(Message("user", f"{said}\n{question.utterance}" if said else question.utterance))
    first = templates.render(prompt, situation=question.situation, utterance=found[0].content)
    return (Message("user", first), *found[1:])
