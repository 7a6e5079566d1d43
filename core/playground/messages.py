"""What the playground's processes and their clients send each other: JSON, one message a line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import IO

import msgspec

from core.config.schema import Responding
from core.jobs.settings import CompareSettings, LocalStudent, RespondSettings
from core.playground.records import PlaygroundAnswer, PlaygroundOpinion
from core.teachers.protocol import Message

#: More than a conversation has.
MAX_LINE_BYTES = 16 * 1024 * 1024


class Participant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A student that answers."""

    name: str
    """The responder's name."""
    student: LocalStudent
    """The base student, or that with the weights of full fine-tuning."""
    adapter: str | None
    """The folder of a run's adapter; None for a student without one."""
    messages: tuple[Message, ...]
    """The conversation, which ends with what is to be answered."""
    sampling: Responding | None = None
    """How it answers, where that is not the question's to say: a teacher in this process."""


class Ask(msgspec.Struct, frozen=True, tag="ask", forbid_unknown_fields=True):
    """Have participants answer. A connection has one question at a time; its end stops the answers."""

    participants: tuple[Participant, ...]
    """The responders."""
    sampling: Responding
    """How they sample, if they have no settings of their own."""


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """End after the present question, within seconds."""

    reason: str
    """Why, for people."""


Command = Ask | Leave


class TeacherCall(msgspec.Struct, frozen=True, tag="teacher", forbid_unknown_fields=True):
    """Have a teacher behind an API answer."""

    name: str
    """The teacher's name."""
    settings: RespondSettings
    """As the job has them in which it responds to the test split."""
    messages: tuple[Message, ...]
    """The conversation, which ends with what is to be answered."""


class OpinionCall(msgspec.Struct, frozen=True, tag="opinion", forbid_unknown_fields=True):
    """Have a judge compare two answers."""

    settings: CompareSettings
    """As the job has them in which the judge compares the two responders."""
    situation: str
    """The situation; empty without one."""
    utterance: str
    """What both answers answer."""
    answer_a: str
    """The answer of side a."""
    answer_b: str
    """The answer of side b."""
    weights: str | None
    """The file of the embedded judge; None for a large model."""


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a process of its own asks a large model, or a judge."""

    work: TeacherCall | OpinionCall
    """What to do."""
    spent_usd: float
    """US dollars that the workspace's jobs had spent by then, as its store has counted."""


class Preparing(msgspec.Struct, frozen=True, tag="status"):
    """What the process does before the first token."""

    text: str
    """For people."""


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """An answer as far as it has come: all of it, because removed thinking may shorten it."""

    answer: PlaygroundAnswer
    """Its `finish` is not decided yet, and means nothing."""


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A finished answer."""

    answer: PlaygroundAnswer
    """The answer, or why there is none."""


class Judged(msgspec.Struct, frozen=True, tag="judged"):
    """A judge's opinion."""

    opinion: PlaygroundOpinion
    """The opinion, with its cost."""


class OpinionFailed(msgspec.Struct, frozen=True, tag="failed"):
    """A judge has no opinion."""

    error: str
    """Why, for people."""


class TurnDone(msgspec.Struct, frozen=True, tag="done"):
    """All participants have ended."""


class Left(msgspec.Struct, frozen=True, tag="left"):
    """The process ends."""

    reason: str
    """Why, for people."""


ProcessEvent = Preparing | Piece | Answered | Judged | OpinionFailed | TurnDone | Left

_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(Command)
_events = msgspec.json.Decoder(ProcessEvent)
_calls = msgspec.json.Decoder(Call)


def encode(message: Command | ProcessEvent | Call) -> bytes:
    """A message as one line."""
    return _encoder.encode(message) + b"\n"


def command(line: bytes) -> Command:
    """Raises `msgspec.DecodeError`."""
    found: Command = _commands.decode(line)
    return found


def call(line: bytes) -> Call:
    """Raises `msgspec.DecodeError`."""
    found: Call = _calls.decode(line)
    return found


def events(connection: socket.socket) -> Iterator[ProcessEvent]:
    """The events that come over a connection, until it ends. Raises `OSError`."""
    with connection.makefile("rb") as file:
        yield from events_of(file)


def events_of(file: IO[bytes]) -> Iterator[ProcessEvent]:
    """The events in a stream, until it ends. Raises `OSError` and `msgspec.DecodeError`."""
    while line := file.readline(MAX_LINE_BYTES):
        if not line.endswith(b"\n"):
            return
        yield _events.decode(line)
