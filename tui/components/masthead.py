"""The two lines above every screen: the tabs with their keys, and the workspace's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.format import values as formats
from tui.format.text import visible
from tui.navigation.bindings import SCREENS
from tui.remote.this_host import this_host

if TYPE_CHECKING:
    from textual import getters

    from core.api import Snapshot
    from tui.format.text import TextPart
    from tui.navigation.host import HostApp


def _tabs(active: str) -> Content:
    """The tabs with their keys; a click opens one. A single widget, because each one slows the start."""
    here = "bold $foreground on $background"
    tabs, before = [], "$text-muted"
    for mode, key, title in SCREENS:
        style = here if mode == active else "$text-muted"
        # Two tabs share the blank between them, so that all fit into 80 columns.
        edge = here if here in (before, style) else style
        tabs.append(f"[{edge}] [/][{style} @click=app.screen('{mode}')][$accent]{key}[/] {title.lower()}[/]")
        before = style
    return Content.from_markup("".join([*tabs, f"[{before}] [/]"]))


class Masthead(Vertical):
    """The line of tabs and the workspace's line, and below them what is wrong with config.toml."""

    DEFAULT_CSS: ClassVar[str] = """
    Masthead {
        dock: top;
        height: auto;
        background: $background;
        & > #screens {
            height: 1;
            background: $panel;
            text-wrap: nowrap;
            link-color: $text-muted;
            link-style: none;
            link-background: $panel 0%;
            link-color-hover: $foreground;
            link-style-hover: none;
            link-background-hover: $background;
        }
        & > #workspace {
            height: 1;
            padding: 0 1;
            color: $text-muted;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        & > #config-problem { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-error; }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self._shown = Content("")
        self._problem: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(_tabs(self.mode), id="screens", markup=False)
        yield Static(Content(""), id="workspace", markup=False)
        yield Static(Content(""), id="config-problem", markup=False)

    def show(self, snapshot: Snapshot | None, trouble: str | None) -> None:
        """Show the workspace's state, or the error that prevents reading it."""
        if trouble is not None:
            line = Content.assemble(("✗ ", "$text-error"), (_one_line(trouble), "$text-error"))
        elif snapshot is None:
            line = Content.styled("reading the workspace …", "$text-muted")
        else:
            line = _describe(snapshot, watched=self.app.workspace.read_only)
        # Most snapshots change nothing here.
        if not line.is_same(self._shown):
            self._shown = line
            self.query_one("#workspace", Static).update(line, layout=False)
        problem = None if snapshot is None else snapshot.config_error
        if snapshot is not None and problem is not None:
            # Which workspace it is stands above.
            problem = problem.removeprefix(f"{snapshot.workspace}/")
        if problem != self._problem:
            self._problem = problem
            below = self.query_one("#config-problem", Static)
            below.display = problem is not None
            shows_last = snapshot is not None and snapshot.app is not None
            key = None if self.app.workspace.read_only else self.app.key_name("app.edit_config", "E")
            below.update(Content("" if problem is None else _mistake(problem, shows_last, key)))


def _describe(snapshot: Snapshot, *, watched: bool) -> Content:
    counts = snapshot.dialogues
    data = (
        f"{counts.total:,} dialogues ({counts.train:,} train, {counts.test:,} test)"
        if counts.total
        else "no data yet"
    )
    if snapshot.paused:
        work = ("‖ paused", "$text-warning")
    elif snapshot.supervisor.running:
        work = ("● supervisor running", "$text-success")
    else:
        work = ("○ supervisor idle", "$text-muted")
    host = this_host()
    parts: list[TextPart] = [
        ("" if host is None else f"{host.name}:", "$accent"),
        (formats.folder(snapshot.workspace), "$foreground"),
        "  ·  ",
        work,
        "  ·  ",
        data,
    ]
    if watched:
        parts[3:3] = [("read-only", "$text-warning"), "  ·  "]
    if snapshot.config_error is not None:
        # Before the counts, because a narrow terminal cuts the end of the line.
        parts[3:3] = [("✗ config.toml is invalid", "$text-error"), "  ·  "]
    return Content.assemble(*parts)


def _mistake(problem: str, shows_last: bool, key: str | None) -> str:
    """What is wrong with config.toml; `shows_last` is whether screens show the last valid configuration,
    `key` opens the file, None if the app may not change it."""
    # Before the problem, whose end a narrow terminal cuts.
    opens = "" if key is None else f"{key} opens the file: "
    shown = " (shown is the last valid configuration)" if shows_last else ""
    return f"✗ {opens}{_one_line(problem)}{shown}"


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))
