"""Asking the supervisor for something, in threads of their own; what costs money is asked about first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import Commands, Estimate, Spending
    from tui.app.application import EmpathyApp


class Asking:
    """Writes intents and says what became of them."""

    def __init__(self, app: EmpathyApp) -> None:
        self._app = app

    def act(self, label: str, ask: Callable[[Commands], int]) -> None:
        """Ask the supervisor for something, and say how it went once it is done.

        `ask` returns an intent's id; it runs in a thread of its own.
        """
        self._run(label, partial(self._ask, label, ask))

    def start(self, label: str, targets: Sequence[str]) -> None:
        """Start the targets, all work for none; ask first if a teacher would be asked and paid."""
        self._run(label, partial(self._estimate, label, targets))

    def _run(self, label: str, work: Callable[[], None]) -> None:
        self._app.run_worker(work, name=label, group="act", thread=True, exit_on_error=False)

    def _ask(self, label: str, ask: Callable[[Commands], int]) -> None:
        from core.api import UserError, open_workspace

        try:
            with open_workspace(self._app.workspace) as workspace:
                commands = workspace.commands
                outcome = commands.wait(ask(commands), self._app.stopping)
        except UserError as error:
            self._refused(label, error)
            return
        if outcome.state == "done":
            self._app.call_later(self._app.tell, f"{label}: done")

    def _estimate(self, label: str, targets: Sequence[str]) -> None:
        from core.api import UserError, open_workspace

        try:
            with open_workspace(self._app.workspace) as workspace:
                found, spending = workspace.spending.estimates(targets), workspace.spending.summary()
        except UserError as error:
            self._refused(label, error)
            return
        self._app.call_later(self._start, label, targets, found, spending)

    def _refused(self, label: str, error: Exception) -> None:
        self._app.call_later(partial(self._app.tell, str(error), title=label, error=True))

    def _start(
        self, label: str, targets: Sequence[str], found: tuple[Estimate, ...], spending: Spending
    ) -> None:
        def go(yes: bool | None) -> None:
            if yes:
                self.act(label, lambda commands: commands.start(targets))

        to_send = sum(one.requests - one.answered for one in found)
        if not to_send:
            go(True)
            return
        from tui.dialogs.confirm import ConfirmScreen
        from tui.dialogs.cost_table import costs

        body = costs(found, spending)
        screen = ConfirmScreen(f"Send {to_send:,} requests?", body, "Send", "Send nothing", "warning")
        self._app.push_screen(screen, go)
