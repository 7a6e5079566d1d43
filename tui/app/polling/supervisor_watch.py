"""Keeps a supervisor running while the app shows unfinished jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui.runtime import timers

if TYPE_CHECKING:
    from core.api import Snapshot
    from tui.navigation.host import HostApp

#: Seconds until the next start of a supervisor that failed to start: doubled each time, up to the max.
_FIRST_WAIT_S, _LAST_WAIT_S = 1.0, 60.0


class SupervisorWatch:
    """Starts a supervisor in the background when one is needed, with exponential backoff.

    A read-only app starts none.
    """

    def __init__(self, app: HostApp) -> None:
        self._app = app
        self._busy = False
        self._wait_s = _FIRST_WAIT_S
        self._after = 0.0

    def see(self, snapshot: Snapshot, pending: bool) -> None:
        """Start a supervisor if this snapshot needs one; `pending` if an intent is not yet processed."""
        # The rules about jobs are not needed for the first frame.
        from core.api import needs_supervisor

        if not needs_supervisor(snapshot, pending) or self._app.workspace.read_only:
            return
        if self._busy or time.monotonic() < self._after:
            return
        self._busy = True
        self._app.run_worker(
            self._start, name="Supervisor", group="supervise", thread=True, exit_on_error=False
        )

    def _start(self) -> None:
        from core.api import UserError, open_workspace

        try:
            with open_workspace(self._app.workspace) as workspace:
                workspace.commands.ensure_supervisor()
        except (UserError, OSError) as error:
            self._app.call_later(self._started, str(error))
        else:
            self._app.call_later(self._started, None)

    def _started(self, error: str | None) -> None:
        self._busy = False
        wait_s, now = self._wait_s, time.monotonic()
        if now - self._after > _LAST_WAIT_S:
            # The previous one ran long enough, so this is not a repeated failure.
            wait_s = _FIRST_WAIT_S
        self._wait_s = min(2 * wait_s, _LAST_WAIT_S)
        self._after = now + wait_s
        # Without changes until then nothing else would try again.
        timers.call_after(self._app, wait_s, self._look_again)
        if error is not None:
            self._app.show_message(
                f"{error}\nTrying again in {wait_s:.0f} s.", title="No supervisor", error=True
            )

    def _look_again(self) -> None:
        self._app.read(
            "states of jobs",
            lambda workspace: (workspace.pipeline.snapshot(), workspace.pipeline.has_pending_intents()),
            lambda seen: self.see(*seen),
        )
