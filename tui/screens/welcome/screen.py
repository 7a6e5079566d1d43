"""A workspace where there is nothing to do yet: what to do next, with the keys for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.components.workspace_screen import RoomScreen
from tui.format import values as figures

if TYPE_CHECKING:
    from core.api import Snapshot


class WelcomeScreen(RoomScreen):
    """Offers the demo, an import, and a config.toml."""

    ROOM = "home"
    ABOUT = "This workspace lacks data or a config.toml. Make them here, or in another terminal."
    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "demo", "Run the demo", id="welcome.demo", tooltip="Run it all on the bundled sample"),
        Binding("i", "app.import_data", "Import a CSV", id="welcome.import", tooltip="Import your own data"),
        Binding("n", "init", "New config", id="welcome.init", tooltip="Write a config.toml to start from"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._busy: str | None = None

    def body(self) -> ComposeResult:
        yield Static(id="welcome", markup=False)

    def on_mount(self) -> None:
        self._draw()

    def show(self, snapshot: Snapshot) -> None:
        self._draw()

    def action_demo(self) -> None:
        """Do what `empathy-tui demo` does, in this folder."""
        if self._busy is not None:
            self.app.tell(self._busy)
        elif self._has_data:
            self.app.tell("there is data already: `n` makes a config.toml for it, then `S` starts all")
        else:
            self._begin("Making the demo: config.toml, the bundled sample, and a start …", "Demo", self._demo)

    def action_init(self) -> None:
        if self._busy is not None:
            self.app.tell(self._busy)
        elif self.app.workspace.config.exists():
            self.app.tell("config.toml is there already: edit it with your editor, this app follows")
        else:
            self._begin("Writing config.toml …", "New config", self._init)

    @property
    def _has_data(self) -> bool:
        return self.app.snapshot is not None and self.app.snapshot.dialogues.total > 0

    def _begin(self, words: str, label: str, work: object) -> None:
        self._busy = words
        self._draw()
        assert callable(work)
        self.run_worker(work, name=label, thread=True, exit_on_error=False)

    def _demo(self) -> None:
        from core.api import UserError, open_workspace, prepare_demo

        here = self.app.workspace
        # What is there stays as it is: the user's config.toml may ask for hours of work.
        folder = here.root / "demo" if any(here.root.iterdir()) else here.root
        try:
            paths = prepare_demo(folder)
            with open_workspace(paths) as workspace:
                commands = workspace.commands
                commands.wait(commands.start(), self.app.stopping)
        except (UserError, OSError) as error:
            self.call_later(self._ended, str(error), "Demo")
            return
        if folder == here.root:
            self.call_later(self._ended, None, "The demo runs")
        else:
            self.app.call_later(self.app.go_on_with, paths)

    def _init(self) -> None:
        from core.api import UserError, create_workspace

        try:
            create_workspace(self.app.workspace.root)
        except UserError as error:
            self.call_later(self._ended, str(error), "New config")
        else:
            self.call_later(self._ended, None, "config.toml is there")

    def _ended(self, error: str | None, words: str) -> None:
        self._busy = None
        self._draw()
        if error is None:
            self.app.tell(words)
        else:
            self.app.tell(error, title=words, error=True)

    def _draw(self) -> None:
        self.query_one("#welcome", Static).update(self._text())

    def _text(self) -> Content:
        if self._busy is not None:
            return Content.assemble(("◌ ", "$accent"), self._busy)
        has_config = self.app.workspace.config.exists()
        data, config = ("✓", "$success"), ("✓", "$success")
        missing = ("○", "$text-muted")
        steps = [
            ("d", "Run the demo", "a small student learns from a bundled sample and meets its base: minutes"),
            ("i", "Import a CSV", "your own dialogues, with rated responses of people and of LLMs"),
            ("n", "New config", "a config.toml to start from: students, recipes, judges"),
        ]
        if self._has_data:
            del steps[0]
        if has_config:
            del steps[-1]
        line = partial(_step, width=14)
        return Content.assemble(
            ("Distil empathy from large language models into small ones.\n\n", "bold"),
            data if self._has_data else missing,
            " data",
            "   ",
            config if has_config else missing,
            " config.toml",
            (f"      in {figures.folder(str(self.app.workspace.root), 60)}\n\n", "$text-muted"),
            ("What to do next\n\n", "bold"),
            Content("\n\n").join([line(*step) for step in steps]),
            ("\n\nThe sample is for trying the program; it is not research data.", "$text-muted"),
            ("\nThe same from a shell: empathy-tui demo · import CSV · init", "$text-muted"),
        )


def _step(key: str, title: str, text: str, *, width: int) -> Content:
    return Content.assemble((f"  {key}  ", "$accent bold"), f"{title:<{width}}", (text, "$text-muted"))
