"""The playground: conversations with students, answered by one resident process of the workspace."""

from __future__ import annotations

import random
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from core.config.schema import Config, Responding
from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.jobs import Slot
from core.domain.names import RunName
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import LocalStudent, RespondSettings, StudentResponder
from core.pipeline import devices, slots
from core.playground import history, messages, process
from core.playground.history import PlaygroundHistory
from core.playground.messages import Answered, Ask, Done, Left, Message, Participant, Piece, Status
from core.playground.records import MAX_RESPONDERS, PlaygroundAnswer, PlaygroundQuestion, PlaygroundTurn
from core.prompts import templates
from core.services import trained_students
from core.services.pipeline.reader import PipelineReader
from core.services.workspace_state import WorkspaceState
from core.store import queries

#: How often a process that ends at the wrong moment is started again.
_CONNECTIONS = 3


@dataclass(frozen=True)
class PlaygroundResponder:
    """Somebody who may answer in the playground."""

    name: str
    """The base student's name, or the run's."""
    kind: Literal["base", "run"]
    """Whether it is a base student or a run."""
    problem: str | None
    """Why it cannot answer now, for people; None if it can."""


@dataclass(frozen=True)
class PlaygroundEvent:
    """What happens while a question is answered."""

    status: str | None = None
    """What is done before the first token, for people; None once there are tokens."""
    answer: PlaygroundAnswer | None = None
    """An answer as far as it has come; None if this is about none."""
    is_final: bool = False
    """Whether the answer is finished."""
    turn: PlaygroundTurn | None = None
    """All answers, when the last one is finished and the history has them; None before."""
    left: str | None = None
    """Why the resident process has ended, for people; None while it runs."""


class Answering:
    """A question that is being answered. Iterate over its events; `cancel` may be called by any thread."""

    def __init__(self, playground: Playground, question: PlaygroundQuestion, ask: Ask, slot: Slot) -> None:
        self._playground = playground
        self._question = question
        self._ask = ask
        self._slot = slot
        self._stop = threading.Event()
        # A signal's handler may cancel while its own thread sends.
        self._lock = threading.RLock()
        self._connection: socket.socket | None = None

    def cancel(self) -> None:
        """Stop all answers at once; they stay as far as they have come."""
        self._stop.set()
        with self._lock:
            if self._connection is not None:
                # Its process sees that too. One that is loading a model would read no message.
                with suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)

    def __iter__(self) -> Iterator[PlaygroundEvent]:
        """The events, the last of which has the turn. Raises `UserError` if no answer can be had."""
        at = time.time()
        found: dict[str, PlaygroundAnswer] = {}
        final: set[str] = set()
        left: str | None = None
        for _ in range(_CONNECTIONS):
            is_heard = False
            for event in self._events():
                match event:
                    case Status(text):
                        yield PlaygroundEvent(status=text)
                    case Piece(answer):
                        found[answer.responder] = answer
                        yield PlaygroundEvent(answer=answer)
                    case Answered(answer):
                        found[answer.responder] = answer
                        final.add(answer.responder)
                        yield PlaygroundEvent(answer=answer, is_final=True)
                    case Left(reason):
                        left = reason
                is_heard = is_heard or not isinstance(event, Left)
            if is_heard or self._stop.is_set():
                break
        # If its process has ended before them, the answers end as far as they have come.
        for name in self._question.responders:
            if name not in final:
                found[name] = self._ended(name, found.get(name), left)
                yield PlaygroundEvent(answer=found[name], is_final=True)
        turn = self._turn(at, found)
        self._playground._remember(turn)
        yield PlaygroundEvent(turn=turn, left=left)

    def _ended(self, name: str, answer: PlaygroundAnswer | None, left: str | None) -> PlaygroundAnswer:
        """An answer whose process ended before it."""
        answer = answer or PlaygroundAnswer(responder=name, text="", finish="failed")
        if self._stop.is_set():
            return msgspec.structs.replace(answer, finish="stopped")
        error = f"the playground has ended: {left or 'see artifacts/playground/log.txt'}"
        return msgspec.structs.replace(answer, finish="failed", error=error)

    def _events(self) -> Iterator[messages.Event]:
        """The events of one connection, which may end before `Done`."""
        connection = self._playground._connect(self._slot, self._stop)
        if connection is None:
            return
        with connection:
            try:
                with self._lock:
                    if self._stop.is_set():
                        return
                    self._connection = connection
                connection.sendall(messages.encode(self._ask))
                for event in messages.events(connection):
                    yield event
                    if isinstance(event, Done):
                        return
            except (OSError, msgspec.DecodeError):
                # It has ended.
                return
            finally:
                with self._lock:
                    self._connection = None

    def _turn(self, at: float, found: Mapping[str, PlaygroundAnswer]) -> PlaygroundTurn:
        question = self._question
        name = secrets.token_hex(8)
        return PlaygroundTurn(
            id=name,
            conversation=question.earlier[0].conversation if question.earlier else name,
            number=len(question.earlier) + 1,
            at=at,
            situation=question.situation,
            utterance=question.utterance,
            dialog_id=question.dialog_id,
            sampling=question.sampling,
            answers=tuple(found[name] for name in question.responders),
        )


class Playground:
    """Asks students, and keeps the history.

    A method may raise `UserError` if state.db or the history cannot be read, and those that write do in a
    read-only workspace.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader) -> None:
        self._state = state
        self._pipeline = pipeline

    def responders(self) -> tuple[PlaygroundResponder, ...]:
        """Who may answer, in the configuration's order."""
        found = []
        for name, node in trained_students.jobs(self._state).items():
            run = RunName.parse(name)
            problem = None
            if run is not None and trained_students.trained(self._state, node) is None:
                problem = f"{name} is not trained yet: `empathy-tui run {run.stage}:{name}`"
            found.append(PlaygroundResponder(name, "base" if run is None else "run", problem))
        return tuple(found)

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
        found = None if connection is None else queries.dialogue(connection, dialog_id)
        if found is None:
            raise UserError(f"the data has no dialogue {dialog_id!r}")
        return found

    def ask(self, question: PlaygroundQuestion) -> Answering:
        """Have responders answer. Nothing is sent before the first event is read.

        Raises `UserError` for a responder that cannot answer, and in a read-only workspace.
        """
        self._state.paths.check_writable()
        if not question.utterance.strip():
            raise UserError("the utterance is empty: write what the speaker says")
        count = len(question.responders)
        if not 1 <= count <= MAX_RESPONDERS or len(set(question.responders)) != count:
            raise UserError(f"name 1 to {MAX_RESPONDERS} different responders, not {count}")
        nodes = trained_students.jobs(self._state)
        participants = []
        for name in question.responders:
            node = nodes.get(name)
            if node is None:
                known = ", ".join(nodes) or "none: import data, and define students in config.toml"
                raise UserError(f"no student or run is named {name!r}. There are: {known}")
            participants.append(self._participant(name, node, question))
        # Not the job's: a server may answer the test split.
        slot = slots.local_slot((self._state.config()[0] or Config()).runs.device)
        return Answering(self, question, Ask(tuple(participants), question.sampling), slot)

    def _connect(self, slot: Slot, stop: threading.Event) -> socket.socket | None:
        """A connection to the resident process, which is started unless it runs; None once `stop` is set.

        Raises `UserError` if it does not start, or jobs use the GPU.
        """
        environment: dict[str, str] = {}
        if slot == "gpu" and process.running(self._state.paths) is None:
            snapshot = self._pipeline.snapshot()
            running = [job for job in snapshot.jobs if job.state == "running" and job.slot == "gpu"]
            if any(use.name == "gpu" and use.used >= use.total for use in snapshot.slots):
                names = ", ".join(f"{job.stage} {job.name}" for job in running) or "other jobs"
                raise UserError(
                    f"the GPU is used by {names}: ask again when it has ended, cancel it, or raise slots.gpu "
                    "in config.toml if the GPU has memory for both"
                )
            if gpus := devices.least_used(devices.usable(), (job.gpu for job in running)):
                environment = {devices.VISIBLE: gpus[0].device}
        return process.connect(self._state.paths, slot, stop, environment)

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
        return Participant(name, student, adapter, _conversation(name, student, question))


def _conversation(name: str, student: LocalStudent, question: PlaygroundQuestion) -> tuple[Message, ...]:
    """What a responder sees: the prompt of training for the first utterance, then utterances as they are."""
    utterances = [*(turn.utterance for turn in question.earlier), question.utterance]
    first = templates.render(student.prompt, situation=question.situation, utterance=utterances[0])
    found = [Message("user", first)]
    for turn, utterance in zip(question.earlier, utterances[1:], strict=True):
        answer = next((answer for answer in turn.answers if answer.responder == name), None)
        if answer is None or (answer.finish == "failed" and not answer.text):
            raise UserError(
                f"{name} has no answer to turn {turn.number}, which this one follows: begin a new "
                "conversation"
            )
        found += [Message("assistant", answer.text), Message("user", utterance)]
    return tuple(found)
