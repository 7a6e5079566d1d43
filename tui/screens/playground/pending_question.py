"""A question that is being answered: a thread waits for its events, the screen takes them in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import (
        Answering,
        PlaygroundAnswer,
        PlaygroundEvent,
        PlaygroundQuestion,
        PlaygroundTurn,
        WorkspacePaths,
    )


class PendingQuestion:
    """One question, until it has its turn or an error. Only `run` is for the thread."""

    def __init__(self, question: PlaygroundQuestion) -> None:
        self.question = question
        #: Each responder's answer as far as it has come, and whether it is finished.
        self.answers: dict[str, tuple[PlaygroundAnswer, bool]] = {}
        #: What is done before the first token.
        self.status = "asking"
        self.turn: PlaygroundTurn | None = None
        #: Why it has no turn.
        self.error: str | None = None
        #: Why the playground's process has ended.
        self.left: str | None = None
        self.has_ended = False
        self._stops = threading.Event()
        self._answering: Answering | None = None
        self._inbox: deque[PlaygroundEvent] = deque()
        self._has_notified = False

    def run(self, workspace: WorkspacePaths, notify: Callable[[], object]) -> None:
        """Have it answered; `notify` is called when there is something to take in."""
        from core.api import UserError, open_workspace

        try:
            with open_workspace(workspace) as opened:
                self._answering = opened.playground.ask(self.question)
                if self._stops.is_set():
                    self._answering.cancel()
                for event in self._answering:
                    self._inbox.append(event)
                    # The screen takes in all that there is: tokens may come faster than it draws.
                    if not self._has_notified:
                        self._has_notified = True
                        notify()
        except UserError as error:
            self.error = str(error)
        finally:
            self.has_ended = True
            notify()

    def stop(self) -> None:
        """Stop the answers as far as they have come."""
        self._stops.set()
        if self._answering is not None:
            self._answering.cancel()

    @property
    def is_stopped(self) -> bool:
        """Whether a person has stopped it."""
        return self._stops.is_set()

    def take_in(self) -> frozenset[str]:
        """Take in what has happened; the responders whose answers have changed."""
        self._has_notified = False
        changed: set[str] = set()
        while self._inbox:
            event = self._inbox.popleft()
            if event.status is not None:
                self.status = event.status
            if event.answer is not None:
                self.status = ""
                self.answers[event.answer.responder] = (event.answer, event.is_final)
                changed.add(event.answer.responder)
            self.turn = event.turn or self.turn
            self.left = event.left or self.left
        return frozenset(changed)
