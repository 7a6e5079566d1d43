"""The playground's process: it keeps students in memory and answers questions.

`python -m core.playground.worker WORKSPACE SLOT IDLE_S` holds the workspace's playground lock and listens on
a Unix socket that the lock's file names. One question is answered at a time, its participants in turns of
some tokens. The process ends after `IDLE_S` seconds without a question, or when it is requested to stop.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.config.workspace import WorkspacePaths
from core.jobs import files, libraries, locks, logs, processes
from core.playground import messages, process
from core.playground.error_words import unexpected_words, words_of
from core.playground.messages import (
    Answered,
    Ask,
    Leave,
    Left,
    Participant,
    Piece,
    Preparing,
    ProcessEvent,
    TurnDone,
)
from core.playground.records import PlaygroundAnswer

if TYPE_CHECKING:
    from core.playground.answering import StudentAnswer
    from core.playground.students import LoadedStudents

#: Tokens after which it is the next participant's turn.
_TURN_TOKENS = 4
#: Seconds for which a client may keep the process waiting.
_SEND_S = 5.0
#: Seconds after which a question is stopped when the process was requested to stop.
_LEAVE_S = 15.0
#: Seconds between two looks at whether it must end.
_LOOK_S = 0.5

log = logging.getLogger("playground")


@dataclass
class _Client:
    """A connection, and the question that came over it."""

    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)
    question: Ask | None = None
    """None while there is none to answer."""
    is_gone: bool = False


class PlaygroundServer:
    """Answers the questions of its clients until it is idle for `idle_s` seconds, or has to leave."""

    def __init__(self, listener: socket.socket, idle_s: float) -> None:
        self._listener = listener
        self._idle_s = idle_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}
        self._waiting: deque[_Client] = deque()
        #: Why the process has to leave, and when at the latest.
        self._leaves: tuple[str, float] | None = None
        self._students: LoadedStudents | None = None

    def run(self) -> str:
        """Answer questions; the reason why it ends."""
        idle_since = time.monotonic()
        while True:
            if self._waiting and self._leaves is None:
                self._answer(self._waiting.popleft())
                idle_since = time.monotonic()
                continue
            if self._leaves is not None:
                return self._leaves[0]
            idle_left_s = idle_since + self._idle_s - time.monotonic()
            if idle_left_s <= 0:
                return f"it was not used for {self._idle_s:.0f} s"
            # A signal does not end a wait.
            self._look(min(idle_left_s, _LOOK_S))

    def leave(self, reason: str) -> None:
        """End after the present question, within seconds.

        A signal handler calls it, and logs nothing: the thread that it interrupts may be writing to the log.
        """
        self._leaves = self._leaves or (reason, time.monotonic() + _LEAVE_S)

    def send_all(self, event: ProcessEvent) -> None:
        """Send an event to every client."""
        for client in list(self._clients.values()):
            self._send(client, event)

    def _look(self, seconds: float) -> None:
        """Receive what clients have sent; wait for so many seconds until something comes."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._listener:
                connection, _ = self._listener.accept()
                connection.settimeout(_SEND_S)
                self._clients[connection] = _Client(connection)
                self._selector.register(connection, selectors.EVENT_READ)
            else:
                assert isinstance(key.fileobj, socket.socket)
                if (client := self._clients.get(key.fileobj)) is not None:
                    self._receive(client)

    def _receive(self, client: _Client) -> None:
        try:
            found = client.connection.recv(1 << 16)
        except OSError:
            found = b""
        client.received += found
        if not found or len(client.received) > messages.MAX_LINE_BYTES:
            self._drop(client)
            return
        while (end := client.received.find(b"\n")) >= 0:
            line = bytes(client.received[: end + 1])
            del client.received[: end + 1]
            try:
                self._take(client, messages.command(line))
            except msgspec.DecodeError as error:
                # Another version of the program, or another program.
                log.warning("a client sent an unknown command: %s", error)
                self._drop(client)
                return

    def _take(self, client: _Client, command: messages.Command) -> None:
        match command:
            case Ask() if client.question is None:
                client.question = command
                self._waiting.append(client)
                if len(self._waiting) > 1 or self._is_answering():
                    self._send(client, Preparing("another question is being answered"))
            case Leave(reason):
                self.leave(reason)

    def _is_answering(self) -> bool:
        return any(
            client.question is not None and client not in self._waiting for client in self._clients.values()
        )

    def _drop(self, client: _Client) -> None:
        """Forget a client that has gone, or does not take what it is sent."""
        client.is_gone = True
        if self._clients.pop(client.connection, None) is not None:
            self._selector.unregister(client.connection)
            client.connection.close()
        with suppress(ValueError):
            self._waiting.remove(client)

    def _send(self, client: _Client, event: ProcessEvent) -> None:
        if client.connection not in self._clients:
            return
        try:
            client.connection.sendall(messages.encode(event))
        except OSError:
            self._drop(client)

    def _is_over(self, client: _Client) -> bool:
        """Whether a client has gone, or the process has to; called after each token."""
        self._look(0)
        return client.is_gone or (self._leaves is not None and time.monotonic() > self._leaves[1])

    def _answer(self, client: _Client) -> None:
        """Answer a client's question, whatever happens."""
        question = client.question
        assert question is not None
        answers: list[StudentAnswer] = []
        for participant in question.participants:
            self._attempt(client, participant.name, partial(self._begin, client, participant, answers))
        while answers:
            tokens = _TURN_TOKENS if len(answers) > 1 else question.sampling.max_new_tokens
            for answer in list(answers):
                step = partial(self._step, client, answer, tokens, answers)
                if not self._attempt(client, answer.name, step, answer):
                    answers.remove(answer)
        client.question = None
        if self._leaves is not None:
            self._send(client, Left(self._leaves[0]))
        self._send(client, TurnDone())

    def _attempt(
        self, client: _Client, name: str, work: Callable[[], None], answer: StudentAnswer | None = None
    ) -> bool:
        """Do something for one participant; whether it succeeded. The others go on after an error."""
        try:
            work()
        except Exception as error:
            # The boundary of the process: an error of one participant must not end the others.
            words = words_of(error)
            if words is None:
                log.error("unexpected", exc_info=True)
                words = unexpected_words(error)
            log.warning("%s: %s", name, words)
            failed = PlaygroundAnswer(responder=name, text="", finish="failed", error=words)
            self._send(client, Answered(failed if answer is None else answer.failed(words)))
            return False
        return True

    def _begin(self, client: _Client, participant: Participant, answers: list[StudentAnswer]) -> None:
        """Load a participant; its answer is added to `answers`."""
        if self._is_over(client):
            stopped = PlaygroundAnswer(responder=participant.name, text="", finish="stopped")
            self._send(client, Answered(stopped))
            return
        student = participant.student
        if self._students is None:
            self._send(client, Preparing("starting: importing PyTorch"))
        from core.playground.answering import StudentAnswer
        from core.playground.students import LoadedStudents

        self._students = self._students or LoadedStudents()
        assert client.question is not None
        self._students.keep(other.student for other in client.question.participants)
        if not self._students.is_loaded(student):
            self._send(client, Preparing(f"loading {student.config.model}"))
        adapter = None if participant.adapter is None else Path(participant.adapter)
        model, chat = self._students.load(student, adapter)
        answers.append(
            StudentAnswer(
                participant.name,
                model,
                adapter,
                chat,
                participant.messages,
                participant.sampling or client.question.sampling,
                lambda answer: self._send(client, Piece(answer)),
                lambda: self._is_over(client),
            )
        )

    def _step(
        self, client: _Client, answer: StudentAnswer, tokens: int, answers: list[StudentAnswer]
    ) -> None:
        found = answer.stopped() if self._is_over(client) else answer.step(tokens)
        if found is not None:
            answers.remove(answer)
            self._send(client, Answered(found))


def main(workspace: WorkspacePaths, slot: str, idle_s: float) -> int:
    """Serve `workspace`; returns 0 at once if another process does already."""
    logs.begin()
    files.keep_private(workspace.root)
    libraries.keep_quiet()
    with process.lock_file(workspace).open("a+") as lock:
        if not locks.try_acquire(lock):
            return 0
        # Its path may be as long as the workspace's; a socket's has at most 104 bytes.
        with (
            tempfile.TemporaryDirectory(prefix="empathy-") as folder,
            closing(socket.socket(socket.AF_UNIX)) as listener,
        ):
            address = str(Path(folder) / "playground")
            listener.bind(address)
            listener.listen()
            identity = processes.identity(os.getpid())
            process.write(lock, process.Running(os.getpid(), socket.gethostname(), identity, address, slot))
            with suppress(OSError):
                process.note_end(workspace, "")
            playground = PlaygroundServer(listener, idle_s)
            signal.signal(signal.SIGTERM, lambda *_: playground.leave("it was ended"))
            reason = playground.run()
            log.info("the playground ends: %s", reason)
            with suppress(OSError):
                process.note_end(workspace, reason)
            process.write(lock, None)
            playground.send_all(Left(reason))
    return 0


if __name__ == "__main__":
    sys.exit(main(WorkspacePaths(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3])))
