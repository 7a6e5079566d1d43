"""Welcome: the next steps in an empty workspace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.components.workspace_screen import WorkspaceScreen
from tui.format import values as formats
from tui.navigation.messages import OpenWorkspace

if TYPE_CHECKING:
    from core.api import Snapshot


class WelcomeScreen(WorkspaceScreen):
    """Offers the demo, an import, and a new config.toml."""

    MODE = "home"
    ABOUT = "This workspace lacks data or a config.toml. Create them here or in another terminal."
    CSS_PATH = "welcome.tcss"
    WRITES = frozenset({"demo", "init"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "d",
            "demo",
            "Run the demo",
            id="welcome.demo",
            tooltip="Run the whole pipeline on the bundled sample",
        ),
        Binding(
            "i", "app.import_data", "Import data", id="welcome.import", tooltip="Import your own dialogues"
        ),
        Binding("w", "init", "New config", id="welcome.init", tooltip="Write an initial config.toml"),
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

    def is_offered(self, action: str) -> bool:
        is_done = {"demo": self._has_data, "init": self._has_config}
        return super().is_offered(action) and not is_done.get(action, False)

    def action_demo(self) -> None:
        """Run the same as `empathy-tui demo` in this folder."""
        if not self.can("demo"):
            return
        if self._busy is not None:
            self.app.show_message(self._busy)
        elif self._has_data:
            write, start = self.app.key_name("welcome.init", "w"), self.app.key_name("home.start_all", "S")
            self.app.show_message(
                f"data is already imported: {write} writes a config.toml, then {start} starts all"
            )
        else:
            self._begin(
                "Preparing the demo: config.toml, the bundled sample, and the jobs …", "Demo", self._demo
            )

    def action_init(self) -> None:
        if not self.can("init"):
            return
        if self._busy is not None:
            self.app.show_message(self._busy)
        elif self._has_config:
            self.app.show_message(
                "config.toml exists: edit it in an editor; this app updates when it is saved"
            )
        else:
            self._begin("Writing config.toml …", "New config", self._init)

    @property
    def _has_data(self) -> bool:
        return self.app.snapshot is not None and self.app.snapshot.dialogues.total > 0

    @property
    def _has_config(self) -> bool:
        return self.app.workspace.config.exists()

    def _begin(self, words: str, label: str, work: object) -> None:
        self._busy = words
        self._draw()
        assert callable(work)
        self.run_worker(work, name=label, thread=True, exit_on_error=False)

    def _demo(self) -> None:
        from core.api import UserError, open_workspace, prepare_demo

        here = self.app.workspace
        # Keep existing files: the user's config.toml may start hours of work.
        place = here.below("demo") if any(here.root.iterdir()) else here
        try:
            paths = prepare_demo(place)
            with open_workspace(paths) as workspace:
                commands = workspace.commands
                commands.wait(commands.start(), self.app.stopping)
        except (UserError, OSError) as error:
            self.call_later(self._ended, str(error), "Demo")
            return
        if place == here:
            self.call_later(self._ended, None, "The demo is running")
        else:
            self.app.post_message(OpenWorkspace(paths))

    def _init(self) -> None:
        from core.api import UserError, create_workspace

        try:
            create_workspace(self.app.workspace)
        except UserError as error:
            self.call_later(self._ended, str(error), "New config")
        else:
            self.call_later(self._ended, None, "config.toml was written")

    def _ended(self, error: str | None, words: str) -> None:
        self._busy = None
        self._draw()
        if error is None:
            self.app.show_message(words)
        else:
            self.app.show_message(error, title=words, error=True)

    def _draw(self) -> None:
        self.query_one("#welcome", Static).update(self._text())
        self.refresh_bindings()

    def _text(self) -> Content:
        if self._busy is not None:
            return Content.assemble(("◌ ", "$accent"), self._busy)
        data, config = ("✓", "$success"), ("✓", "$success")
        missing = ("○", "$text-muted")
        name = self.app.key_name
        steps = [
            (
                name("welcome.demo", "d"),
                "Run the demo",
                "train and compare a small student on a sample; minutes",
            ),
            (
                name("welcome.import", "i"),
                "Import data",
                "your own dialogues, with responses of people and LLMs",
            ),
            (name("welcome.init", "w"), "New config", "an initial config.toml: students, recipes, judges"),
        ]
        if self._has_data:
            del steps[0]
        if self._has_config:
            del steps[-1]
        line = partial(_step, width=14)
        return Content.assemble(
            ("Distil empathy from large language models into small ones.\n\n", "bold"),
            data if self._has_data else missing,
            " data",
            "   ",
            config if self._has_config else missing,
            " config.toml",
            (f"      in {formats.folder(str(self.app.workspace.root), 60)}\n\n", "$text-muted"),
            ("What to do next\n\n", "bold"),
            Content("\n\n").join([line(*step) for step in steps]),
            ("\n\nThe sample is only for trying the program; it is not research data.", "$text-muted"),
            ("\nIn a shell: empathy-tui demo · import FILE · init", "$text-muted"),
        )


def _step(key: str, title: str, text: str, *, width: int) -> Content:
    return Content.assemble((f"  {key}  ", "$accent bold"), f"{title:<{width}}", (text, "$text-muted"))
