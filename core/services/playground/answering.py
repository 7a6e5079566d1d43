"""A question that is being answered: by students in the resident process, by each teacher in its own."""

from __future__ import annotations

import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from core.domain.errors import UserError
from core.playground import messages
from core.playground.calling import Calling
from core.playground.messages import Answered, Ask, Left, Piece, Preparing, ProcessEvent, TurnDone
from core.playground.records import PlaygroundAnswer, PlaygroundQuestion, PlaygroundTurn

#: How often a process that ends at the wrong moment is started again.
_CONNECTIONS = 3
#: Seconds that answers have to end after a person has stopped them; teachers report what was paid.
_STOP_S = 0.5
#: Seconds between two looks at whether answers must stop.
_LOOK_S = 0.05

Connect = Callable[[threading.Event], socket.socket | None]
BeginCall = Callable[[], Calling]


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

    def __init__(
        self,
        question: PlaygroundQuestion,
        ask: Ask,
        connect: Connect,
        calls: Mapping[str, BeginCall],
        remember: Callable[[PlaygroundTurn], None],
    ) -> None:
        self._question = question
        #: What the resident process is asked; without participants it is not needed.
        self._ask = ask
        self._connect = connect
        self._calls = calls
        self._remember = remember
        self._stop = threading.Event()
        # A signal's handler may cancel while its own thread sends.
        self._lock = threading.RLock()
        self._connection: socket.socket | None = None
        self._going: list[Calling] = []

    def cancel(self) -> None:
        """Stop all answers at once; they stay as far as they have come."""
        self._stop.set()
        with self._lock:
            if self._connection is not None:
                # Its process sees that too. One that is loading a model would read no message.
                with suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
            for calling in self._going:
                calling.stop()

    def __iter__(self) -> Iterator[PlaygroundEvent]:
        """The events, the last of which has the turn. Raises `UserError` if no answer can be had."""
        at = time.time()
        found: dict[str, PlaygroundAnswer] = {}
        final: set[str] = set()
        left: str | None = None
        error: UserError | None = None
        for event in self._events():
            match event:
                case Preparing(text):
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
                case UserError():
                    error = event
        if error is not None and not self._calls:
            raise error
        # If its process has ended before them, the answers end as far as they have come.
        why = str(error) if error is not None else f"the playground has ended: {left or _SEE_LOG}"
        for name in self._question.responders:
            if name not in final:
                found[name] = self._ended(name, found.get(name), why)
                yield PlaygroundEvent(answer=found[name], is_final=True)
        turn = self._turn(at, found)
        self._remember(turn)
        yield PlaygroundEvent(turn=turn, left=left)

    def _ended(self, name: str, answer: PlaygroundAnswer | None, why: str) -> PlaygroundAnswer:
        """An answer whose process ended before it."""
        answer = answer or PlaygroundAnswer(responder=name, text="", finish="failed")
        if self._stop.is_set():
            return msgspec.structs.replace(answer, finish="stopped")
        return msgspec.structs.replace(answer, finish="failed", error=why)

    def _events(self) -> Iterator[ProcessEvent | UserError]:
        """What all processes report, as it comes."""
        inbox: queue.SimpleQueue[ProcessEvent | UserError | None] = queue.SimpleQueue()

        def follow(source: Callable[[], Iterator[ProcessEvent]]) -> None:
            try:
                for event in source():
                    inbox.put(event)
            except UserError as error:
                inbox.put(error)
            finally:
                inbox.put(None)

        sources = [self._students] if self._ask.participants else []
        sources += [_of(call, self._begin) for call in self._calls.values()]
        for source in sources:
            threading.Thread(target=follow, args=(source,), daemon=True).start()
        going = len(sources)
        deadline: float | None = None
        while going:
            if self._stop.is_set():
                deadline = deadline or time.monotonic() + _STOP_S
                if time.monotonic() > deadline:
                    return
            try:
                event = inbox.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if event is None:
                going -= 1
            else:
                yield event

    def _begin(self, calling: Calling) -> None:
        with self._lock:
            self._going.append(calling)
            if self._stop.is_set():
                calling.stop()

    def _students(self) -> Iterator[ProcessEvent]:
        """The events of the resident process, which is started again if it ends at the wrong moment."""
        for _ in range(_CONNECTIONS):
            is_heard = False
            for event in self._of_connection():
                yield event
                is_heard = is_heard or not isinstance(event, Left)
            if is_heard or self._stop.is_set():
                return

    def _of_connection(self) -> Iterator[ProcessEvent]:
        """The events of one connection, which may end before `Done`."""
        connection = self._connect(self._stop)
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
                    if isinstance(event, TurnDone):
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


_SEE_LOG = "see artifacts/playground/log.txt"


def _of(call: BeginCall, begin: Callable[[Calling], None]) -> Callable[[], Iterator[ProcessEvent]]:
    def events() -> Iterator[ProcessEvent]:
        calling = call()
        begin(calling)
        yield from calling.events()

    return events
