"""The panel beside the charts: pages about the runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.components.text_pane import TextPane
from tui.screens.training.runs import run_text

if TYPE_CHECKING:
    from textual import getters

    from core.api import Job, LogPage, SampleAnswer, Workspace
    from tui.navigation.host import HostApp
    from tui.screens.training.charts.curve_view import Drawing
    from tui.screens.training.charts.run_marks import DrawnRun
    from tui.screens.training.runs.run_text import SettingsOfRun

PanelPage = Literal["metrics", "settings", "answers", "log"]
PANEL_PAGES: tuple[PanelPage, ...] = ("metrics", "settings", "answers", "log")
#: Polling interval in seconds of a running run's log, and the number of last lines that are shown.
_LOOK_S, _LINES = 0.5, 200
#: From this height on, the settings follow the metrics.
_TALL = 20


class _Page(TextPane, inherit_bindings=False):
    """A page that scrolls by keys; the screen handles left and right, and the space bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("home,g", "scroll_home", "First", show=False),
        Binding("end,G", "scroll_end", "Last", show=False),
    ]


class RunPanel(Vertical):
    """A page about the selected run or all drawn runs; it reads its own data."""

    DEFAULT_CSS: ClassVar[str] = """
    RunPanel {
        background: $surface;
        & > #page-names { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
        & > #page { height: 1fr; padding: 0 1; margin: 1 0 0 0; }
        &:focus-within > #page-names { background: $boost; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(HostApp)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._page: PanelPage | None = None
        self._job: Job | None = None
        self._shown: Sequence[tuple[DrawnRun, str]] = ()
        self._drawing: Drawing | None = None
        self._x: float | None = None
        self._metric = ""
        #: None until they are read.
        self._settings: Sequence[SettingsOfRun] | None = None
        self._result: object = None
        self._samples: Sequence[SampleAnswer] = ()
        #: The log that is shown: its job and its end.
        self._log: tuple[str | None, int] = (None, -1)
        #: The settings below the metrics.
        self._below = Content("")

    def compose(self) -> ComposeResult:
        yield Static(id="page-names", markup=False)
        yield _Page(id="page")

    def on_mount(self) -> None:
        self.display = False
        self._looking = self.set_interval(_LOOK_S, self._look, pause=True)

    def show_page(self, page: PanelPage | None) -> None:
        """Show this page, or none."""
        if page == self._page:
            return
        self._page = page
        self.display = page is not None
        names = [
            Content.styled(name, "$text-accent bold" if name == page else "$text-muted")
            for name in PANEL_PAGES
        ]
        self.query_one("#page-names", Static).update(Content("  ").join(names))
        if page == "log":
            self._looking.resume()
        else:
            self._looking.pause()
        self._begin()

    def follow(self, job: Job | None, shown: Sequence[tuple[DrawnRun, str]]) -> None:
        """Show this run, and the drawn runs with their names, in their current state."""
        is_another = (None if job is None else job.id) != (None if self._job is None else self._job.id)
        self._job, self._shown = job, shown
        if is_another:
            self._samples, self._settings = (), None
            if self._page == "metrics":
                # The values of the run before stay until those of this one are drawn.
                self._to_top()
                self._read()
            else:
                self._begin()
        else:
            self._read()

    def point(self, drawing: Drawing | None, x: float | None, metric: str) -> None:
        """Show the values at x, the last step for None, and mark a metric."""
        self._drawing, self._x, self._metric = drawing, x, metric
        if self._page in ("metrics", "answers"):
            self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()
        self._read()

    def _begin(self) -> None:
        """Scroll to the top of the page, or to the end of the log."""
        self._log = (None, -1)
        self._to_top()
        self._text.update(Content(""))
        self._draw()
        self._read()

    def _to_top(self) -> None:
        if self._text.scroll_target_y:
            self._text.scroll_home(animate=False)

    @property
    def _text(self) -> _Page:
        return self.query_one(_Page)

    def _read(self) -> None:
        """Read the page's data if it is missing or may have changed."""
        job, shown = self._job, self._shown
        if job is None:
            return
        if self._page == "settings" or self._is_both:
            self.app.read(
                "settings of runs",
                lambda workspace: [
                    run_text.SettingsOfRun(run, name, workspace.training.run_settings(run.job))
                    for run, name in shown
                ],
                self._receive_settings,
            )
        elif self._page == "answers":
            self.app.read(
                "sample answers", lambda workspace: workspace.training.samples(job.id), self._receive_samples
            )
        elif self._page == "log":
            self.app.read("log of the run", partial(_look_at_log, job.id), self._receive_log)

    def _look(self) -> None:
        if self.screen.is_current and self._job is not None and self._job.state == "running":
            self._read()

    def _receive_settings(self, found: Sequence[SettingsOfRun]) -> None:
        result = None if self._job is None else self._job.result
        if (found, result) != (self._settings, self._result):
            self._settings, self._result = found, result
            self._draw()

    def _receive_samples(self, samples: Sequence[SampleAnswer]) -> None:
        if samples != self._samples or not samples:
            self._samples = samples
            self._draw()

    def _receive_log(self, seen: tuple[str, LogPage | None]) -> None:
        job, end = seen
        size = 0 if end is None else end.size
        if self._page != "log" or (job, size) == self._log:
            return
        page = self._text
        follows = self._log[0] != job or page.scroll_y >= page.max_scroll_y - 1
        self._log = (job, size)
        page.update(run_text.log(end))
        if follows:
            page.call_after_refresh(page.scroll_end, animate=False)

    def _draw(self) -> None:
        """Draw the page, except the log, which is drawn when it was read."""
        width, page = max(20, self.size.width - 3), self._text
        if self._page == "metrics" and self._drawing is not None:
            text = run_text.metric_table(self._drawing, self._x, self._metric, width)
            # The settings of the runs before stay with their metrics until both are read.
            if self._settings is not None and self._is_of_shown(self._drawing):
                self._below = run_text.settings_table(self._settings, width)
            page.update(
                Content.assemble(text, "\n\n", self._below) if self._is_both and self._below else text
            )
        elif self._page == "settings":
            text = run_text.settings_table(self._settings or (), width)
            alone = self._job is not None and len(self._shown) == 1
            page.update(text + run_text.outcome(self._job, width) if self._job and alone else text)
        elif self._page == "answers":
            page.update(run_text.answers(self._samples, self._step))

    def _is_of_shown(self, drawing: Drawing) -> bool:
        return {run.job for run in drawing.request.runs} == {run.job for run, _ in self._shown}

    @property
    def _is_both(self) -> bool:
        """Whether the page of metrics has room for the settings too."""
        return self._page == "metrics" and self.size.height >= _TALL

    @property
    def _step(self) -> int | None:
        """The selected run's step at x, None at the end."""
        curves = None if self._drawing is None or self._job is None else self._drawing.of(self._job.id)
        if curves is None or self._drawing is None or self._x is None:
            return None
        place = run_text.place(curves, self._drawing, self._x)
        return None if place is None else int(curves.steps[place])


def _look_at_log(job: str, workspace: Workspace) -> tuple[str, LogPage | None]:
    log = workspace.pipeline.log(job)
    return job, None if log is None else log.back(None, _LINES)
