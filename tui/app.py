"""The app: rooms as modes, one poller, and actions that ask the supervisor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from tui import bindings, clipboard, state, theme
from tui.poller import Answered, Moved, Poller, Unreadable
from tui.screens.base import RoomScreen
from tui.text import visible

if TYPE_CHECKING:
    from textual.command import Provider

    from core.api import Commands, Estimate, Reader, Snapshot, Spending, Workspace
    from tui.pair_filters import PairFilter
    from tui.screens.data import DataScreen
    from tui.screens.logs import LogsScreen
    from tui.screens.pairs import PairsScreen
    from tui.screens.vote import VoteScreen

T = TypeVar("T")

#: Seconds until a supervisor that did not come up is tried again: doubled each time, up to the last.
_FIRST_WAIT_S, _LAST_WAIT_S = 1.0, 60.0


def _commands() -> type[Provider]:
    from tui.commands import RoomCommands

    return RoomCommands


class EmpathyApp(App[None]):
    """Shows one workspace and steers it; the work itself goes on without the app."""

    TITLE = "empathy-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings.APP)
    COMMANDS = {_commands}  # noqa: RUF012 - a class variable of Textual's
    #: Mode → its screen, imported when it is opened.
    ROOMS: ClassVar[dict[str, str]] = {
        "welcome": "WelcomeScreen",
        "home": "HomeScreen",
        "pipeline": "PipelineScreen",
        "data": "DataScreen",
        "training": "TrainingScreen",
        "win_rates": "WinRatesScreen",
        "pairs": "PairsScreen",
        "batches": "BatchesScreen",
        "logs": "LogsScreen",
        "vote": "VoteScreen",
    }

    def __init__(self, workspace: Workspace, ballot: tuple[str, str, str] | None = None) -> None:
        self.workspace = workspace
        #: Two responders and the voter, when the app was opened for nothing but the votes on them.
        self.ballot = ballot
        #: What the poller saw last; None until its first look.
        self.snapshot: Snapshot | None = None
        # Textual reads it as it is made, and once.
        self.DEFAULT_MODE = self._first_room()  # type: ignore[misc]
        super().__init__()
        self.register_theme(theme.DARK)
        self.register_theme(theme.LIGHT)
        # Not watched: a theme that is set once the app runs has all styles made a second time.
        self.set_reactive(EmpathyApp.theme, theme.DARK.name)
        #: The workspace to open once this app has closed, if it is to go on with another.
        self.next_workspace: Workspace | None = None
        #: Why the workspace cannot be read now.
        self.trouble: str | None = None
        #: Set when the app closes, for threads that wait.
        self.stopping = threading.Event()
        self._poller = Poller(workspace, self.post_message)
        self._supervising = False
        self._supervise_wait_s = _FIRST_WAIT_S
        self._supervise_after = 0.0
        for mode, name in self.ROOMS.items():
            self.add_mode(mode, partial(_make_room, mode, name))

    def now(self) -> float:
        """The time in Unix seconds, against which elapsed times are shown."""
        return time.time()

    def read(self, key: str, query: Callable[[Reader], T], receive: Callable[[T], None]) -> None:
        """Run `query` on the poller's thread and give its value to `receive` on this one.

        Of one key only the newest question is answered; an error is shown as a toast.
        """
        self._poller.ask(key, query, receive)

    def act(self, label: str, ask: Callable[[Commands], int]) -> None:
        """Ask the supervisor for something, and say how it went once it is done.

        `ask` returns an intent's id; it runs in a thread with Commands of its own.
        """
        self.run_worker(
            partial(self._ask, label, ask), name=label, group="act", thread=True, exit_on_error=False
        )

    def start(self, label: str, targets: Sequence[str]) -> None:
        """Start the targets, all work for none; ask first if a teacher would be asked and paid."""
        self.run_worker(
            partial(self._estimate, label, targets), name=label, group="act", thread=True, exit_on_error=False
        )

    def tell(self, text: str, *, title: str = "", error: bool = False) -> None:
        """Show a toast; the text may come from outside."""
        self.notify(
            visible(text),
            title=title,
            severity="error" if error else "information",
            timeout=12 if error else 4,
            markup=False,
        )

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, and say what is known of how that went."""
        self.copy_to_clipboard(text)
        if clipboard.is_in_tmux():
            self.run_worker(
                partial(self._copy_in_tmux, text), name="Copy", group="act", thread=True, exit_on_error=False
            )
        else:
            self.tell(clipboard.told(text, by_tmux=False))

    def open_pairs(self, a: str, b: str, only: PairFilter | None = None) -> None:
        """Open the pairs of one comparison, the responses of `a` and `b`: all, or those of a filter."""
        self.switch_mode("pairs")
        room = cast("PairsScreen", self.screen_stack[0])
        # After its mount, when it is opened for the first time.
        room.call_after_refresh(room.compare, a, b, only)

    def open_pair_of(self, dialog_id: str) -> None:
        """Open the pair of a test dialogue, of the responders that were looked at last."""
        self.switch_mode("pairs")
        room = cast("PairsScreen", self.screen_stack[0])
        room.call_after_refresh(room.seek, dialog_id)

    def open_dialogue(self, dialog_id: str) -> None:
        """Open an imported dialogue."""
        self.switch_mode("data")
        room = cast("DataScreen", self.screen_stack[0])
        room.call_after_refresh(room.seek, dialog_id)

    def open_ballot(self, a: str, b: str, voter: str) -> None:
        """Let `voter` vote on the responses of `a` and `b`."""
        self.switch_mode("vote")
        room = cast("VoteScreen", self.screen_stack[0])
        room.call_after_refresh(room.open_ballot, a, b, voter)

    def leave_ballot(self) -> None:
        """Go to where the voting was opened from."""
        if self.ballot is not None:
            self.exit()
        else:
            self.action_room("pairs")

    def open_log(self, job: str | None) -> None:
        """Open the log of a job, or the supervisor's for None."""
        self.switch_mode("logs")
        room = cast("LogsScreen", self.screen_stack[0])
        room.call_after_refresh(room.follow, job)

    def go_on_with(self, workspace: Workspace) -> None:
        """Leave the app, to be opened again on another workspace."""
        self.next_workspace = workspace
        self.exit()

    def on_mount(self) -> None:
        # After the first frame, because importing what reads the store competes with painting it.
        self.call_after_refresh(self._poller.start)
        if self.ballot is not None:
            self.open_ballot(*self.ballot)

    def on_unmount(self) -> None:
        self.stopping.set()
        self._poller.stop()

    def on_moved(self, message: Moved) -> None:
        message.stop()
        # As the app closes, its screens lose their widgets while messages still come.
        if not self.is_running:
            return
        self.snapshot, self.trouble = message.snapshot, None
        self._settle_first_room()
        self._pass_on()
        if state.needs_supervisor(message.snapshot, message.pending):
            self._supervise()

    def on_unreadable(self, message: Unreadable) -> None:
        message.stop()
        if not self.is_running:
            return
        self.trouble = message.error
        self._pass_on()

    def on_answered(self, message: Answered) -> None:
        message.stop()
        if not self.is_running:
            return
        if not self._poller.is_newest(message.question):
            return
        if message.error is None:
            message.question.receive(message.value)
        else:
            self.tell(message.error, title="That cannot be shown", error=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what a worker died of, whichever it was."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.tell(f"{type(error).__name__}: {error}", title=event.worker.name, error=True)

    def action_room(self, mode: str) -> None:
        if len(self.screen_stack) > 1:
            return
        self.switch_mode(self._first_room() if mode == "home" else mode)

    def action_import_data(self) -> None:
        """Ask for a CSV's path, check it, and ask before anything changes."""
        from tui.screens.import_data import ImportScreen

        if not isinstance(self.screen, ImportScreen):
            self.push_screen(ImportScreen())

    def action_keys(self) -> None:
        from tui.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            self.push_screen(HelpScreen(self.screen))

    def action_next_theme(self) -> None:
        self.theme = theme.LIGHT.name if self.theme == theme.DARK.name else theme.DARK.name

    def action_start_all(self) -> None:
        reason = state.nothing_to_start(self.snapshot)
        if reason is not None:
            self.tell(reason)
        else:
            self.start("Start all", ())

    def action_pause(self) -> None:
        """Pause or resume; what runs goes on."""
        if self.snapshot is None:
            self.tell("the workspace is being read")
        elif self.snapshot.paused:
            self.act("Resume", lambda commands: commands.resume())
        else:
            self.act("Pause", lambda commands: commands.pause())

    def _copy_in_tmux(self, text: str) -> None:
        self.call_later(self.tell, clipboard.told(text, by_tmux=clipboard.put_in_tmux(text)))

    def _ask(self, label: str, ask: Callable[[Commands], int]) -> None:
        from core.api import Commands, UserError

        commands = Commands(self.workspace)
        try:
            outcome = commands.wait(ask(commands), self.stopping)
        except UserError as error:
            self.call_later(self.tell, str(error), title=label, error=True)
            return
        if outcome.state == "done":
            self.call_later(self.tell, f"{label}: done")

    def _estimate(self, label: str, targets: Sequence[str]) -> None:
        from core.api import Reader, UserError

        reader = Reader(self.workspace)
        try:
            found, spending = reader.estimates(targets), reader.spending()
        except UserError as error:
            self.call_later(self.tell, str(error), title=label, error=True)
            return
        finally:
            reader.close()
        self.call_later(self._start, label, targets, found, spending)

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
        from tui.screens.confirm import ConfirmScreen
        from tui.widgets.cost_table import costs

        body = costs(found, spending)
        screen = ConfirmScreen(f"Send {to_send:,} requests?", body, "Send", "Send nothing", "warning")
        self.push_screen(screen, go)

    def _first_room(self) -> str:
        """Home, or what to do next where there is nothing to show yet."""
        return "welcome" if self._is_empty() else "home"

    def _is_empty(self) -> bool:
        if self.snapshot is None:
            return not (self.workspace.state.exists() and self.workspace.config.exists())
        return state.is_empty(self.snapshot) or not self.workspace.config.exists()

    def _settle_first_room(self) -> None:
        """Change between welcome and home once the workspace is no longer what it was."""
        if self.current_mode in ("welcome", "home") and len(self.screen_stack) == 1:
            wanted = self._first_room()
            if wanted != self.current_mode:
                self.switch_mode(wanted)

    def _pass_on(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, RoomScreen):
                screen.receive(self.snapshot, self.trouble)

    def _supervise(self) -> None:
        """Start a supervisor in the background, less and less often while that fails."""
        if self._supervising or time.monotonic() < self._supervise_after:
            return
        self._supervising = True
        self.run_worker(
            self._start_supervisor, name="Supervisor", group="supervise", thread=True, exit_on_error=False
        )

    def _start_supervisor(self) -> None:
        from core.api import Commands, UserError

        try:
            Commands(self.workspace).ensure_supervisor()
        except (UserError, OSError) as error:
            self.call_later(self._supervised, str(error))
        else:
            self.call_later(self._supervised, None)

    def _supervised(self, error: str | None) -> None:
        self._supervising = False
        wait_s, now = self._supervise_wait_s, time.monotonic()
        if now - self._supervise_after > _LAST_WAIT_S:
            # The one before lived long, so this is no series of failures.
            wait_s = _FIRST_WAIT_S
        self._supervise_wait_s = min(2 * wait_s, _LAST_WAIT_S)
        self._supervise_after = now + wait_s
        # Nothing may move until then, so nothing else would try again.
        self.set_timer(wait_s, self._look_again)
        if error is not None:
            self.tell(f"{error}\nTrying again in {wait_s:.0f} s.", title="No supervisor", error=True)

    def _look_again(self) -> None:
        self.read("supervise", lambda reader: (reader.snapshot(), reader.has_pending_intents()), self._judge)

    def _judge(self, seen: tuple[Snapshot, bool]) -> None:
        if state.needs_supervisor(*seen):
            self._supervise()


def _make_room(mode: str, name: str) -> Screen[Any]:
    return cast("Screen[Any]", getattr(import_module(f"tui.screens.{mode}"), name)())
