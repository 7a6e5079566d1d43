"""The panel beside the charts: one of several things that are told of the runs, and which ones there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.screens.training import run_text

if TYPE_CHECKING:
    from textual import getters

    from core.api import Job, LogPage, SampleAnswer, Workspace
    from tui.app.application import EmpathyApp
    from tui.screens.training.curve_view import Drawing
    from tui.screens.training.run_marks import Shown
    from tui.screens.training.run_text import Settings

Told = Literal["figures", "settings", "answers", "log"]
TOLD: tuple[Told, ...] = ("figures", "settings", "answers", "log")
#: Seconds between looks at the log of a run that goes on, and its last lines that are shown.
_LOOK_S, _LINES = 0.5, 200


class _Page(VerticalScroll, inherit_bindings=False):
    """What is told, scrolled by keys; left and right are the room's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("home,g", "scroll_home", "First", show=False),
        Binding("end,G", "scroll_end", "Last", show=False),
    ]


class RunPanel(Vertical):
    """What is told of the selected run, or of all that are drawn; it asks for what it needs itself."""

    DEFAULT_CSS: ClassVar[str] = """
    RunPanel {
        background: $surface;
        & > #told { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
        & > #pages {
            height: 1fr;
            padding: 0 1;
            margin: 1 0 0 0;
            scrollbar-size-vertical: 1;
            & > Static { height: auto; }
        }
        &:focus-within > #told { background: $boost; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(EmpathyApp)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._told: Told | None = None
        self._job: Job | None = None
        self._shown: Sequence[tuple[Shown, str]] = ()
        self._drawing: Drawing | None = None
        self._x: float | None = None
        self._figure = ""
        self._settings: Sequence[tuple[Shown, str, Settings]] = ()
        self._result: object = None
        self._samples: Sequence[SampleAnswer] = ()
        #: Of the log that is shown: the job's, and where it ended.
        self._log: tuple[str | None, int] = (None, -1)
        #: Line breaks in the figures that are shown.
        self._lines = -1

    def compose(self) -> ComposeResult:
        yield Static(id="told", markup=False)
        with _Page(id="pages"):
            yield Static(id="page", markup=False)

    def on_mount(self) -> None:
        self.display = False
        self._looking = self.set_interval(_LOOK_S, self._look, pause=True)

    def tell(self, told: Told | None) -> None:
        """Tell of one thing from now on, or of nothing."""
        if told == self._told:
            return
        self._told = told
        self.display = told is not None
        names = [
            Content.styled(name, "$text-accent bold" if name == told else "$text-muted") for name in TOLD
        ]
        self.query_one("#told", Static).update(Content("  ").join(names))
        if told == "log":
            self._looking.resume()
        else:
            self._looking.pause()
        self._begin()

    def follow(self, job: Job | None, shown: Sequence[tuple[Shown, str]]) -> None:
        """Be about this run, and about those that are drawn with their names, as they stand now."""
        is_another = (None if job is None else job.id) != (None if self._job is None else self._job.id)
        self._job, self._shown = job, shown
        if is_another:
            self._samples, self._settings = (), ()
            self._begin()
        else:
            self._ask()

    def point(self, drawing: Drawing | None, x: float | None, figure: str) -> None:
        """Tell of what stands at x, the last step for None, and mark a figure."""
        self._drawing, self._x, self._figure = drawing, x, figure
        if self._told in ("figures", "answers"):
            self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _begin(self) -> None:
        """Start at the top, or the log's end, of what is told now."""
        self._log, self._lines = (None, -1), -1
        self.query_one(_Page).scroll_home(animate=False)
        self.query_one("#page", Static).update("")
        self._draw()
        self._ask()

    def _ask(self) -> None:
        """Ask for what is told and is not known, or may have changed."""
        job, shown = self._job, self._shown
        if job is None:
            return
        if self._told == "settings":
            self.app.read(
                "run-settings",
                lambda workspace: [
                    (run, name, workspace.training.run_settings(run.job)) for run, name in shown
                ],
                self._receive_settings,
            )
        elif self._told == "answers":
            self.app.read(
                "run-samples", lambda workspace: workspace.training.samples(job.id), self._receive_samples
            )
        elif self._told == "log":
            self.app.read("run-log", partial(_look_at_log, job.id), self._receive_log)

    def _look(self) -> None:
        if self.screen.is_current and self._job is not None and self._job.state == "running":
            self._ask()

    def _receive_settings(self, found: Sequence[tuple[Shown, str, Settings]]) -> None:
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
        if self._told != "log" or (job, size) == self._log:
            return
        page = self.query_one(_Page)
        follows = self._log[0] != job or page.scroll_y >= page.max_scroll_y - 1
        self._log = (job, size)
        self.query_one("#page", Static).update(run_text.log(end))
        if follows:
            page.call_after_refresh(page.scroll_end, animate=False)

    def _draw(self) -> None:
        """Show what is told, unless it is the log, which comes by itself."""
        width, page = max(20, self.size.width - 3), self.query_one("#page", Static)
        if self._told == "figures" and self._drawing is not None:
            text = run_text.figure_table(self._drawing, self._x, self._figure, width)
            # No line is too long, so another place is needed for another number of them only.
            lines = text.plain.count("\n")
            page.update(text, layout=lines != self._lines)
            self._lines = lines
        elif self._told == "settings":
            text = run_text.settings_table(self._settings, width)
            alone = self._job is not None and len(self._shown) == 1
            page.update(text + run_text.outcome(self._job, width) if self._job and alone else text)
        elif self._told == "answers":
            page.update(run_text.answers(self._samples, self._step))

    @property
    def _step(self) -> int | None:
        """The step of the selected run at x, None at the end."""
        curves = None if self._drawing is None or self._job is None else self._drawing.of(self._job.id)
        if curves is None or self._drawing is None or self._x is None:
            return None
        place = run_text.place(curves, self._drawing, self._x)
        return None if place is None else int(curves.steps[place])


def _look_at_log(job: str, workspace: Workspace) -> tuple[str, LogPage | None]:
    log = workspace.pipeline.log(job)
    return job, None if log is None else log.back(None, _LINES)
