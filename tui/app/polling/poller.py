"""A thread that polls the workspace and runs the screens' queries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.message import Message

from tui.runtime import garbage_collector

if TYPE_CHECKING:
    from core.api import Snapshot, SupervisorStatus, Workspace, WorkspacePaths

#: Polling interval of the store's version in seconds.
LOOK_S = 0.25
#: Polls in which nothing happens until the app prepares for its other screens.
_CALM = 2
#: Polling interval of the supervisor's process in seconds, which the version does not cover.
ALIVE_S = 1.0


class SnapshotChanged(Message):
    """A new snapshot; `pending` if an intent is not yet processed."""

    def __init__(self, snapshot: Snapshot, pending: bool) -> None:
        super().__init__()
        self.snapshot = snapshot
        self.pending = pending

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotChanged)


class WorkspaceUnreadable(Message):
    """The workspace cannot be read now; the poller tries again."""

    def __init__(self, error: str) -> None:
        super().__init__()
        self.error = error


class ReadAnswered(Message):
    """The result of a query: a value for `receive`, or an error."""

    def __init__(self, request: ReadRequest, value: Any, error: str | None) -> None:
        super().__init__()
        self.request = request
        self.value = value
        self.error = error


class ReadRequest(NamedTuple):
    """A query for the poller's thread; only the newest generation of a key counts."""

    key: str
    generation: int
    query: Callable[[Workspace], Any]
    receive: Callable[[Any], None]


class Poller:
    """Polls one workspace in its own thread, with its own open workspace.

    `post` is called from that thread.
    """

    def __init__(self, workspace: WorkspacePaths, post: Callable[[Message], object]) -> None:
        self._workspace = workspace
        self._post = post
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._stopped = False
        self._held = False
        self._requests: dict[str, ReadRequest] = {}
        self._generation = 0
        self._newest: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread; waits for the query in flight, but no longer than `timeout_s`."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Neither poll nor answer for the time of a block: nobody takes what is posted."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._wake.set()

    def read(self, key: str, query: Callable[[Workspace], Any], receive: Callable[[Any], None]) -> None:
        """Queue a query in place of an older one of the same key."""
        with self._lock:
            self._generation += 1
            self._newest[key] = self._generation
            self._requests[key] = ReadRequest(key, self._generation, query, receive)
        self._wake.set()

    def is_newest(self, request: ReadRequest) -> bool:
        """Whether no newer request has the same key."""
        with self._lock:
            return self._newest.get(request.key) == request.generation

    def _run(self) -> None:
        # Imported here, so that the first screen is painted during the import.
        from core.api import open_workspace

        workspace = open_workspace(self._workspace)
        watch = _StoreWatch(workspace)
        trouble: str | None = None
        due = time.monotonic()
        calm = 0
        try:
            while not self._stopped:
                self._wake.clear()
                if self._held:
                    self._wake.wait()
                    continue
                # A query runs at once but does not bring the next poll forward: screens send queries after
                # each snapshot, and while records stream in there is always a new one.
                if time.monotonic() >= due:
                    trouble = self._look(watch, trouble)
                    due = time.monotonic() + LOOK_S
                    garbage_collector.sweep()
                self._answer(workspace)
                calm = 0 if self._wake.wait(max(0.0, due - time.monotonic())) else calm + 1
                if calm == _CALM:
                    _prepare()
        finally:
            workspace.close()

    def _look(self, watch: _StoreWatch, trouble: str | None) -> str | None:
        """Post a new snapshot, or the error that prevents reading one unless it was posted already."""
        try:
            moved = watch.moved(again=trouble is not None)
        except Exception as error:  # noqa: BLE001 - any error is shown, and the next poll may succeed
            words = in_words(error)
            if words != trouble:
                self._post(WorkspaceUnreadable(words))
            return words
        if moved is not None:
            self._post(moved)
        return None

    def _answer(self, workspace: Workspace) -> None:
        with self._lock:
            requests, self._requests = self._requests, {}
        for request in requests.values():
            if self._stopped:
                return
            try:
                answered = ReadAnswered(request, workspace.read(request.query), None)
            except Exception as error:  # noqa: BLE001 - shown as a toast by the app
                answered = ReadAnswered(request, None, in_words(error))
            self._post(answered)


class _StoreWatch:
    """Finds changes since the last poll."""

    def __init__(self, workspace: Workspace) -> None:
        self._opened = workspace
        self._version: tuple[object, ...] | None = None
        self._supervisor: SupervisorStatus | None = None
        self._looked_at = 0.0

    def moved(self, again: bool) -> SnapshotChanged | None:
        """The current snapshot if it differs from the last one, or in any case with `again`."""
        version = self._opened.read(lambda workspace: workspace.pipeline.version())
        if not again and version == self._version and not self._life_changed():
            return None
        snapshot = self._opened.read(lambda workspace: workspace.pipeline.snapshot())
        pending = self._opened.read(lambda workspace: workspace.pipeline.has_pending_intents())
        self._supervisor = snapshot.supervisor
        # The version from before the snapshot, so that changes during the read are polled again.
        self._version = version
        self._looked_at = time.monotonic()
        return SnapshotChanged(snapshot, pending)

    def _life_changed(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at < ALIVE_S:
            return False
        self._looked_at = now
        return self._opened.pipeline.supervisor() != self._supervisor


def _prepare() -> None:
    """Import what charts and statistics need, which takes longer than to draw them."""
    # Reads nothing: a damaged store would end the thread. Whoever needs the modules imports them again.
    with suppress(OSError):
        import tui.screens.training.charts.plotting  # noqa: F401 - for the import alone


def in_words(error: BaseException | None) -> str:
    """An error in a sentence, with the remedy if one is known."""
    from core.api import UserError, trouble_in_words

    if isinstance(error, UserError):
        return str(error)
    known = None if error is None else trouble_in_words(error)
    return known or f"{type(error).__name__}: {error}"
