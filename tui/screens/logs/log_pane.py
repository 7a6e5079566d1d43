"""One log that can be followed, scrolled, filtered by level and searched; read on the poller's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.widgets import Input, Static

from tui.components.filter_box import FilterBox
from tui.screens.logs import log_status, log_window
from tui.screens.logs.line_text import shown
from tui.screens.logs.log_search import Matches, SearchState
from tui.screens.logs.log_view import LogView

if TYPE_CHECKING:
    from textual import getters

    from core.api import Log, LogFilter, LogLevel, LogLine, LogPage, Workspace
    from tui.components.workspace_screen import WorkspaceScreen
    from tui.navigation.host import HostApp

T = TypeVar("T")

#: Lines per read.
_PAGE = 300
#: Polling interval of new lines in seconds.
_LOOK_S = 0.6
#: Max bytes between two polls that are read line by line; beyond that the end is reloaded.
_BEHIND = 4_000_000


class LogPane(Vertical):
    """The log of a job's attempt, or the supervisor's: a status line, the lines, a search box."""

    DEFAULT_CSS: ClassVar[str] = """
    LogPane {
        height: 1fr;
        & > #about-log {
            height: 1;
            padding: 0 1;
            background: $surface;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(HostApp)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        #: The job, None for the supervisor.
        self._job: str | None = None
        #: The attempt, None for the newest.
        self._attempt: int | None = None
        self._log: Log | None = None
        #: Why the last read failed.
        self._trouble: str | None = None
        self._min_level: LogLevel = "debug"
        self._words = ""
        self._follows = True
        #: Incremented when another part of a log is opened, which makes earlier requests stale.
        self._opened = 0
        #: Whether a read is pending.
        self._is_reading = False
        self._seek: SearchState | None = None
        self._matches: Matches | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="about-log", markup=False)
        yield LogView(id="log")
        yield FilterBox("search text; case-sensitive if it has capitals")

    def on_mount(self) -> None:
        self.set_interval(_LOOK_S, self._look)

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    @property
    def shows_newest(self) -> bool:
        """Whether it is the newest attempt's log."""
        return self._attempt is None

    def open(self, job: str | None, attempt: int | None = None) -> None:
        """Show the log of a job's attempt (the newest for None), or the supervisor's, and follow it."""
        self._job, self._attempt, self._log, self._trouble = job, attempt, None, None
        self.view.show(log_window.EMPTY)
        self._read_from(None)
        self._count_anew()

    def follow(self) -> None:
        """Go to the end, and follow new lines."""
        self._read_from(None)

    def go_to_beginning(self) -> None:
        self._read_from(0)

    def go_to_error(self) -> None:
        """Go to the last error; from an error to the previous one."""
        from core.api import LogFilter

        here = self.view.current
        is_on_one = here is not None and here.is_first and here.level == "error" and not self._follows
        before = here.start if here is not None and is_on_one else None
        self._look_for(SearchState(-1, LogFilter("error", firsts=True), before, wraps=is_on_one))

    def ask_for_words(self) -> None:
        self._box.value = self._words
        self._box.open()

    def go_to_match(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) match; wraps around."""
        matches, here = self._matches, self.view.current
        if matches is None:
            self.app.show_message(f"no search text: {self._key('search')} opens the search")
        elif here is None:
            self._look_for(SearchState(by, matches.wanted, 0 if by > 0 else None, wraps=False))
        elif matches.are_all and matches.starts:
            start, wraps = matches.next(here.start, by)
            self._go_to(start)
            if wraps:
                self.app.show_message(log_status.search_wrapped(by))
        else:
            self._look_for(SearchState(by, matches.wanted, here.end if by > 0 else here.start, wraps=True))

    def next_level(self) -> None:
        """Raise the min level of shown lines; after errors only, show everything again."""
        from core.api import LOG_LEVELS

        here = self.view.current
        self._min_level = LOG_LEVELS[(LOG_LEVELS.index(self._min_level) + 1) % len(LOG_LEVELS)]
        self._read_from(None if self._follows or here is None else here.start)
        self._count_anew()

    def go_to_attempt(self, by: int) -> None:
        """Show the log of the next (1) or the previous (-1) attempt."""
        attempts = () if self._log is None else self._log.attempts
        if self._log is None or self._log.attempt is None:
            self.app.show_message("this log has no attempts: it is not a job's")
            return
        place = attempts.index(self._log.attempt) + by
        if place < 0:
            self.app.show_message(f"this is the oldest of {len(attempts)} attempts")
        elif place >= len(attempts):
            self.app.show_message("this is the newest attempt")
        else:
            self.open(self._job, attempts[place] if place < len(attempts) - 1 else None)

    def toggle_wrap(self) -> None:
        self.view.wrap(not self.view.wraps)
        self._after()

    def copy_record(self) -> None:
        self._copy(self.view.record())

    def copy_page(self) -> None:
        self._copy(self.view.seen)

    def copy_path(self) -> None:
        if self._log is None:
            self.app.show_lack("there is no log yet", reading="log (lines)" if self._is_reading else None)
        else:
            self.app.show_message(str(self._log.path))
            self.app.copy(str(self._log.path))

    def back(self) -> bool:
        """Close the search box, or clear the search or marks; return whether there was any."""
        if self._box.close():
            self.view.focus()
        elif self._seek is not None:
            self._seek = None
        elif self._words:
            self._find("")
        else:
            return False
        self._describe()
        return True

    def on_resize(self, event: Resize) -> None:
        self._after()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.display:
            self.view.mark(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.view.focus()
        self._find(event.value)

    def on_log_view_cursor_moved(self, event: LogView.CursorMoved) -> None:
        event.stop()
        self._follows = self._follows and self.view.is_at_end
        self._after()

    @property
    def _box(self) -> FilterBox:
        return self.query_one(FilterBox)

    def _wanted(self, words: str = "") -> LogFilter:
        from core.api import LogFilter

        return LogFilter(self._min_level, words)

    def _read(self, key: str, look: Callable[[Log], T], receive: Callable[[T], None]) -> None:
        """Read the log on the poller's thread; `receive` is not called if there is none."""
        job, attempt = self._job, self._attempt

        def query(workspace: Workspace) -> tuple[Log | None, T | None, str | None]:
            log = workspace.pipeline.log(job, attempt)
            try:
                return log, None if log is None else look(log), None
            except OSError as error:
                # As of a file on another machine that is being replaced; the next poll may succeed.
                return log, None, error.strerror or str(error)

        def answered(answer: tuple[Log | None, T | None, str | None]) -> None:
            log, found, trouble = answer
            if (job, attempt) != (self._job, self._attempt):
                return
            self._log, self._trouble = log, trouble
            if found is None:
                self._is_reading = False
                self._describe()
            else:
                receive(found)

        self.app.read(f"log ({key})", query, answered)

    def _read_from(self, at: int | None) -> None:
        """Show the log around byte `at`; None shows and follows its end."""
        self._opened += 1
        self._follows = at is None
        self._is_reading, self._seek = True, None
        wanted, which = self._wanted(), self._opened

        def look(log: Log) -> LogPage:
            above = log.back(at, _PAGE, wanted)
            return log_window.opened(above, None if at is None else log.ahead(at, _PAGE, wanted))

        def receive(window: LogPage) -> None:
            if which == self._opened:
                self._is_reading = False
                self.view.show(window, at=at, follow=self._follows)
                self._after()

        self._read("lines", look, receive)
        self._describe()

    def _look(self) -> None:
        """Request the lines since the last poll."""
        if self._follows and self._log is not None and self.screen.is_current and not self._is_reading:
            self._read_on("later")

    def _fill(self) -> None:
        """Request more lines if a page or less remains at an end of the window."""
        if self._is_reading:
            return
        window, (above, below), page = self.view.window, self.view.spare, self.view.size.height
        if window.start > 0 and above < page:
            self._read_on("earlier")
        elif not window.is_last and (below < page or self._follows):
            self._read_on("later")

    def _read_on(self, where: str) -> None:
        self._is_reading = True
        window, wanted, which = self.view.window, self._wanted(), self._opened

        def look(log: Log) -> LogPage:
            if where == "earlier":
                return log.back(window.start, _PAGE, wanted)
            return log.ahead(window.end, _PAGE, wanted)

        def receive(page: LogPage) -> None:
            if which != self._opened:
                return
            self._is_reading = False
            if not page.goes_on(window.size, window.head):
                self._read_from(None)
                self._count_anew()
            elif where == "earlier":
                self.view.show(log_window.with_earlier(self.view.window, page), follow=self._follows)
                self._after()
            elif self._follows and page.size - page.end > _BEHIND:
                # The log grows faster than it can be read line by line.
                self._read_from(None)
            elif (page.size, page.is_last) != (window.size, window.is_last):
                self.view.show(log_window.with_later(self.view.window, page), follow=self._follows)
                self._after()
                if self._matches is not None and self._matches.is_last:
                    self._count()
            else:
                self._fill()

        self._read(where, look, receive)

    def _after(self) -> None:
        """Update everything that depends on the lines and the position."""
        self._fill()
        self._describe()

    def _find(self, words: str) -> None:
        """Mark and count matches, and go to the next one; in a followed log to the last."""
        self._words = words
        self.view.mark(words)
        self._seek = None
        self._count_anew()
        here = self.view.current
        if not words or here is None:
            self._describe()
        elif self._follows:
            self._look_for(SearchState(-1, self._wanted(words), None, wraps=False))
        else:
            self._look_for(SearchState(1, self._wanted(words), here.start, wraps=True))

    def _count_anew(self) -> None:
        self._matches = Matches(self._wanted(self._words)) if self._words else None
        self._count()

    def _count(self) -> None:
        matches = self._matches
        if matches is None or matches.are_many:
            return

        def receive(page: LogPage) -> None:
            if self._matches is matches:
                self._matches = matches.with_page(page)
                self._describe()
                if not self._matches.is_last:
                    self._count()

        self._read("number of matches", matches.look, receive)

    def _look_for(self, seek: SearchState) -> None:
        self._seek = seek
        self._describe()

        def receive(page: LogPage) -> None:
            if self._seek is not seek:
                return
            if page.lines:
                self._go_to(page.lines[0].start)
                if seek.search_wrapped:
                    self.app.show_message(log_status.search_wrapped(seek.by))
                return
            following = seek.after(page)
            if following is not None:
                self._look_for(following)
            else:
                self._seek = None
                self._describe()
                self.app.show_message(log_status.not_found(seek.wanted, self._key("level")))

        self._read("search", seek.look, receive)

    def _go_to(self, start: int) -> None:
        self._seek = None
        if log_window.has(self.view.window, start):
            self._follows = False
            self.view.show(self.view.window, at=start)
            self._after()
        else:
            self._read_from(start)

    def _describe(self) -> None:
        view = self.view
        stand = log_status.LogStand(
            log=self._log,
            trouble=self._trouble,
            size=view.window.size,
            here=view.current,
            follows=self._follows,
            is_reading=self._is_reading,
            min_level=self._min_level,
            words=self._words,
            seek=self._seek,
            matches=self._matches,
        )
        self.query_one("#about-log", Static).update(log_status.describe(stand, self.size.width - 2))
        view.show_reason(log_status.nothing(stand, self._key("level")))

    def _key(self, action: str) -> str:
        """The display name of the key of one of the screen's actions."""
        return cast("WorkspaceScreen", self.screen).key_of(f"logs.{action}")

    def _copy(self, lines: Sequence[LogLine]) -> None:
        if not lines:
            self.app.show_message("there are no lines to copy")
            return
        self.app.copy("\n".join(shown(line).rstrip() for line in lines))
