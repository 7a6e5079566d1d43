"""The app: rooms as modes, one poller, and actions that ask the supervisor."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rich.text import Text
from textual.app import App
from textual.binding import BindingType
from textual.events import Event, InputEvent, Key, Paste
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from core.api import find_job, log_problem, start_all_problem
from tui.app.poller import (
    Answered,
    Moved,
    Poller,
    Unreadable,
)
from tui.app.supervisor_watch import Supervising
from tui.app.type_ahead import TypeAhead
from tui.components import theme
from tui.components.workspace_screen import AFTER_FRAME_S, RoomScreen
from tui.format import job_states
from tui.format.text import visible
from tui.navigation import bindings
from tui.runtime import clipboard, garbage_collector, hangup

if TYPE_CHECKING:
    from textual.command import Provider

    from core.api import AppSettings, Commands, Snapshot, Workspace, WorkspacePaths
    from tui.navigation.pair_filter import PairFilter
    from tui.screens.data.screen import DataScreen
    from tui.screens.logs.screen import LogsScreen
    from tui.screens.pairs.screen import PairsScreen
    from tui.screens.voting.screen import VoteScreen

T = TypeVar("T")


def _commands() -> type[Provider]:
    from tui.app.palette import RoomCommands

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
        "voting": "VoteScreen",
    }

    def __init__(self, workspace: WorkspacePaths, ballot: tuple[str, str, str] | None = None) -> None:
        self.workspace = workspace
        #: Two responders and the voter, when the app was opened for nothing but the votes on them.
        self.ballot = ballot
        #: What the poller saw last; None until its first look.
        self.snapshot: Snapshot | None = None
        # Textual reads it as it is made, and once.
        self.DEFAULT_MODE = self._first_room()  # type: ignore[misc]
        super().__init__()
        for made in theme.themes(no_color=self.no_color):
            self.register_theme(made)
        # The whole file is read and checked once the first frame is painted, in the poller's thread.
        table = workspace.app_table()
        # Not watched: a theme that is set once the app runs has all styles made a second time.
        self.set_reactive(EmpathyApp.theme, theme.named(table.get("theme"), self.available_themes))
        self._drawing = self._make_filters(table.get("characters"))
        self._settings: AppSettings | None = None
        #: The workspace to open once this app has closed, if it is to go on with another.
        self.next_workspace: WorkspacePaths | None = None
        #: Why the workspace cannot be read now.
        self.trouble: str | None = None
        #: Set when the app closes, for threads that wait.
        self.stopping = threading.Event()
        self._poller = Poller(workspace, self.post_message)
        self._supervising = Supervising(self)
        self._type_ahead = TypeAhead(self)
        for mode, name in self.ROOMS.items():
            self.add_mode(mode, partial(_make_room, mode, name))

    def now(self) -> float:
        """The time in Unix seconds, against which elapsed times are shown."""
        return time.time()

    def read(self, key: str, query: Callable[[Workspace], T], receive: Callable[[T], None]) -> None:
        """Run `query` on the poller's thread and give its value to `receive` on this one.

        Of one key only the newest question is answered; an error is shown as a toast.
        """
        self._poller.ask(key, query, receive)

    def act(self, label: str, ask: Callable[[Commands], int]) -> None:
        """Ask the supervisor for something, as `Asking.act`; say why not where nothing may be written."""
        from tui.app.actions import Asking

        if self.may_write():
            Asking(self).act(label, ask)

    def start(self, label: str, targets: Sequence[str]) -> None:
        """Start work, as `Asking.start`; say why not where nothing may be written."""
        from tui.app.actions import Asking

        if self.may_write():
            Asking(self).start(label, targets)

    def may_write(self) -> bool:
        """Whether the workspace may be changed from here; else say why not."""
        if self.workspace.read_only:
            self.tell(job_states.WATCHED)
        return not self.workspace.read_only

    def unavailable(self, action: str) -> str | None:
        """Why one of the app's actions cannot be done now, or None when it can."""
        if action in ("start_all", "pause", "import_data") and self.workspace.read_only:
            return job_states.WATCHED
        return start_all_problem(self.snapshot) if action == "start_all" else None

    def tell(self, text: str, *, title: str = "", error: bool = False) -> None:
        """Show a toast; the text may come from outside."""
        self.notify(
            visible(text, lines=True),
            title=visible(title),
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
        if not self.may_write():
            return
        self.switch_mode("voting")
        room = cast("VoteScreen", self.screen_stack[0])
        room.call_after_refresh(room.open_ballot, a, b, voter)

    def leave_ballot(self) -> None:
        """Go to where the voting was opened from."""
        if self.ballot is not None:
            self.exit()
        else:
            self.action_room("pairs")

    def open_log(self, job: str | None) -> None:
        """Open the log of a job, or the supervisor's for None; say so where there is none."""
        reason = None if job is None else log_problem(find_job(self.snapshot, job))
        if reason is not None:
            self.tell(reason)
            return
        self.switch_mode("logs")
        room = cast("LogsScreen", self.screen_stack[0])
        room.call_after_refresh(room.follow, job)

    def go_on_with(self, workspace: WorkspacePaths) -> None:
        """Leave the app, to be opened again on another workspace."""
        self.next_workspace = workspace
        self.exit()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters; with NO_COLOR no colour at all, where Textual keeps shades of grey."""
        found = super().get_line_filters()
        if self.no_color:
            found = [one for one in found if not isinstance(one, Monochrome)]
        return [*found, *self._drawing]

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            garbage_collector.touch()
        if not isinstance(event, (Key, Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif not self._type_ahead.holds(event):
            target = self.focused or self.screen
            await super().on_event(event)
            self._type_ahead.follow(target)

    def on_mount(self) -> None:
        if not (self.is_headless or self.is_web):
            self._leave_on_signals()
            hangup.end_with_terminal(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2)
        # After `fg` the terminal has none of what was drawn before.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        # Importing what reads the store competes with painting.
        self.set_timer(AFTER_FRAME_S, self._poller.start)
        if self.ballot is not None:
            self.open_ballot(*self.ballot)

    def on_unmount(self) -> None:
        self.stopping.set()
        self._type_ahead.stop()
        self._poller.stop()

    def on_moved(self, message: Moved) -> None:
        message.stop()
        # As the app closes, its screens lose their widgets while messages still come.
        if not self.is_running:
            return
        before, self.snapshot, self.trouble = self.snapshot, message.snapshot, None
        self._apply(message.snapshot.app)
        self._settle_first_room()
        self._pass_on()
        if before is not None:
            self._tell_endings(before, message.snapshot)
        self._supervising.see(message.snapshot, message.pending)

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
        from tui.screens.data.import_dialog import ImportScreen

        if self.may_write() and not isinstance(self.screen, ImportScreen):
            self.push_screen(ImportScreen())

    def action_keys(self) -> None:
        from tui.dialogs.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            self.push_screen(HelpScreen(self.screen))

    def action_next_theme(self) -> None:
        self.theme = theme.other(self.theme)

    def action_start_all(self) -> None:
        reason = self.unavailable("start_all")
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

    def action_supervisor_log(self) -> None:
        self.open_log(None)

    def _copy_in_tmux(self, text: str) -> None:
        self.call_later(self.tell, clipboard.told(text, by_tmux=clipboard.put_in_tmux(text)))

    async def action_quit(self) -> None:
        """Close the app, and say that what runs goes on."""
        self.exit(message=job_states.farewell(self.snapshot))

    def _leave_on_signals(self) -> None:
        """Close the app in order when it is told to end, so that the terminal is as it was."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            # What a shell says of a program that a signal has ended.
            loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))

    def _fatal_error(self) -> None:
        """Close, and say where it broke: without values, which may be anybody's text or key."""
        words = "That is a fault of this program. What runs in the background goes on without the app."
        self._exit_renderables.append(Text(f"{visible(traceback.format_exc(), lines=True)}\n{words}"))
        self._close_messages_no_wait()

    def _apply(self, settings: AppSettings | None) -> None:
        """Take on config.toml's [app] when it is another than before."""
        if settings is None or settings == self._settings:
            return
        before, self._settings = self._settings, settings
        if before is None or settings.keys != before.keys:
            self.set_keymap(settings.keys)
            if settings.keys:
                self.run_worker(self._check_keys, name="Keys", thread=True, exit_on_error=False)
        if before is None or settings.theme != before.theme:
            if settings.theme not in (*theme.SHORT, *self.available_themes):
                names = ", ".join((*theme.SHORT, *sorted(self.available_themes)))
                self.tell(
                    f"config.toml: app.theme: no theme is called {settings.theme!r}; there are: {names}",
                    error=True,
                )
            self.theme = theme.named(settings.theme, self.available_themes)
        if before is not None and settings.characters != before.characters:
            self._drawing = self._make_filters(settings.characters)
            self.refresh_css(animate=False)

    def _check_keys(self) -> None:
        from tui.app import keymap

        assert self._settings is not None
        for problem in keymap.problems(self._settings.keys):
            self.call_later(partial(self.tell, f"config.toml: {problem}", error=True))

    def _make_filters(self, characters: object) -> list[LineFilter]:
        """What turns drawn lines into what the terminal can show."""
        from tui.runtime import characters as drawn

        found: list[LineFilter] = [NoColor()] if self.no_color else []
        encoding = "ascii" if characters == "ascii" else drawn.terminal_encoding()
        if not drawn.is_unicode(encoding):
            found.append(drawn.Plain(encoding))
        return found

    def _tell_endings(self, before: Snapshot, after: Snapshot) -> None:
        """Show what ended, and ring or notify the desktop of it, as config.toml asks."""
        from tui.app import notifications

        found = notifications.news(before, after)
        for one in found:
            self.tell(one.text, error=one.failed)
        how = "toast" if self._settings is None else self._settings.notify
        if not found or how == "toast" or self.is_headless or self._driver is None:
            return
        if how == "bell":
            self.bell()
        else:
            from tui.runtime.desktop import notification

            self._driver.write(notification(visible("; ".join(one.text for one in found))))

    def _first_room(self) -> str:
        """Home, or what to do next where there is nothing to show yet."""
        return "welcome" if self._is_empty() else "home"

    def _is_empty(self) -> bool:
        if self.snapshot is None:
            return not (self.workspace.state.exists() and self.workspace.config.exists())
        return job_states.is_empty(self.snapshot) or not self.workspace.config.exists()

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


def _make_room(mode: str, name: str) -> Screen[Any]:
    return cast("Screen[Any]", getattr(import_module(f"tui.screens.{mode}.screen"), name)())
