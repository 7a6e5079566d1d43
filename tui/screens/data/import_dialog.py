"""The dialog that imports data: it asks for the path, shows the outcome of a check, then imports."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from tui.dialogs.dialog import Dialog
from tui.format.data import findings, imports
from tui.format.text import visible
from tui.format.values import percent
from tui.screens.data import finding_lines

if TYPE_CHECKING:
    from core.api import ImportPlan, ReadingPhase


class ImportScreen(Dialog[None]):
    """Enter checks the file; once it is valid, Enter imports it. Nothing changes before that."""

    DEFAULT_CSS = """
    ImportScreen {
        & #path { margin-top: 1; }
        & #mapped { padding: 0 3; }
        & VerticalScroll { height: auto; max-height: 40vh; margin-top: 1; scrollbar-size-vertical: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="import.close"),
        Binding("pagedown", "scroll_outcome(1)", "Scroll", id="import.scroll", tooltip="Scroll the findings"),
        Binding("pageup", "scroll_outcome(-1)", "Scroll back", id="import.scroll_back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._plan: ImportPlan | None = None
        self._generation = 0
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Import data")
            yield Static(
                "A row for each dialogue, conversation or turn, in any usual format.", classes="muted"
            )
            yield Input(placeholder="path of the file, or hf:OWNER/NAME on the Hugging Face Hub", id="path")
            yield Input(
                placeholder="columns, if not as guessed: situation=context …", id="mapped", compact=True
            )
            with VerticalScroll(can_focus=False):
                yield Static(id="outcome", markup=False)
            yield Static(id="keys", classes="keys", markup=False)

    def on_mount(self) -> None:
        self._show_keys(f"enter checks the file · {self._close_key} closes")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._generation += 1
        self._plan = None
        if not self._busy:
            self._say(Content(""))
            self._show_keys(f"enter checks the file · {self._close_key} closes")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = self.query_one("#path", Input).value.strip().strip("'\"")
        if self._busy:
            return
        if self._plan is not None:
            self._apply(self._plan)
        else:
            self._generation += 1
            self._read(self._generation, "read", 0, 0)
            # Without one, it is the data sets of config.toml.
            path = Path(text).expanduser() if text else None
            # A relative path starts at the folder where the app was started.
            columns = tuple(self.query_one("#mapped", Input).value.replace(",", " ").split())
            work = partial(self._check, path, columns, self._generation)
            self.run_worker(work, name="Import", thread=True, exit_on_error=False)

    def _check(self, path: Path | None, columns: tuple[str, ...], generation: int) -> None:
        from core.api import UserError, open_workspace

        def show(phase: ReadingPhase, done: int, total: int) -> None:
            self.call_later(self._read, generation, phase, done, total)

        try:
            with open_workspace(self.app.workspace) as workspace:
                plan = workspace.commands.plan_import(path, columns=columns, progress=show)
        except (UserError, OSError) as error:
            self.call_later(self._checked, generation, None, str(error))
        else:
            self.call_later(self._checked, generation, plan, "")

    def _read(self, generation: int, phase: ReadingPhase, done: int, total: int) -> None:
        if generation == self._generation:
            share = f" {percent(done / total)}" if total else ""
            self._say(Content.styled(f"◌ {imports.PHASES[phase]} …{share}", "$text-muted"))

    def _checked(self, generation: int, plan: ImportPlan | None, error: str) -> None:
        if generation != self._generation:
            return
        if plan is None:
            self._say(Content.styled(visible(error, lines=True), "$text-error"))
            self._show_keys(
                f"correct the file, or the columns in the second field · enter · {self._close_key}"
            )
        elif plan.changes_nothing:
            self._say(Content.assemble(("✓ ", "$text-success"), "This data is already imported."))
        else:
            self._plan = plan
            self._say(_describe(plan))
            scroll = self.app.key_name("import.scroll", "pgdn")
            self._show_keys(f"enter imports it · {scroll} scrolls · {self._close_key} cancels")

    def _apply(self, plan: ImportPlan) -> None:
        self._busy = True
        self._say(Content.styled("◌ importing …", "$text-muted"))
        self.run_worker(partial(self._import, plan), name="Import", thread=True, exit_on_error=False)

    def _import(self, plan: ImportPlan) -> None:
        from core.api import UserError, open_workspace

        try:
            with open_workspace(self.app.workspace) as workspace:
                commands = workspace.commands
                commands.wait(commands.apply_import(plan), self.app.stopping)
        except (UserError, OSError) as error:
            self.call_later(self._imported, str(error))
        else:
            self.call_later(self._imported, None)

    def _imported(self, error: str | None) -> None:
        self._busy = False
        if error is not None:
            self._plan = None
            self._say(Content.styled(visible(error, lines=True), "$text-error"))
            return
        self.app.show_message("Data imported")
        if self.is_current:
            self.dismiss()

    def action_scroll_outcome(self, by: int) -> None:
        outcome = self.query_one(VerticalScroll)
        outcome.scroll_relative(y=by * max(1, outcome.size.height - 1), animate=False)

    @property
    def _close_key(self) -> str:
        return self.app.key_name("import.close", "esc")

    def _say(self, content: Content) -> None:
        self.query_one("#outcome", Static).update(content)

    def _show_keys(self, text: str) -> None:
        self.query_one("#keys", Static).update(Content(text))


def _describe(plan: ImportPlan) -> Content:
    """The effects of the import."""
    total = len(plan.table.dialogues)
    sources = ", ".join(("human", *plan.imported.sources))
    lines = [
        Content.assemble(
            ("✓ ", "$text-success"),
            (visible(plan.file.name), "bold"),
            f": {total:,} dialogues. Responses of {visible(sources)}.",
        )
    ]
    lines += _findings(plan)
    lines += [Content.styled(visible(change), "$text-warning") for change in plan.changes]
    if plan.stale:
        lines.append(Content.styled(f"This makes {len(plan.stale)} finished jobs stale:", "$text-warning"))
        lines += [Content(f"  {visible(job.title)}") for job in plan.stale[:20]]
        if len(plan.stale) > 20:
            lines.append(Content.styled(f"  and {len(plan.stale) - 20} more", "$text-muted"))
    return Content("\n").join(lines)


def _findings(plan: ImportPlan) -> list[Content]:
    """What was skipped and left out, and suspicious texts."""
    table, lines = plan.table, list[Content]()
    lines.append(Content.styled(f"Format: {imports.written(table.format)}.", "$text-muted"))
    if table.mapping:
        style = "$text-warning" if table.is_guessed else "$text-muted"
        guessed = " (guessed)" if table.is_guessed else ""
        lines.append(Content.styled(f"Columns{guessed}: {visible(table.columns)}.", style))
        for name, text in imports.first_fields(table.dialogues[0]):
            lines.append(Content.assemble(("  ", ""), (f"{name}: ", "$text-muted"), text))
    lines.append(Content.styled(f"Split: {visible(table.split)}.", "$text-muted"))
    if skipped := findings.skipped(table.blank_rows, table.blank_columns):
        lines.append(Content.styled(f"Skipped: {skipped}.", "$text-muted"))
    lines += finding_lines.of_import(table.left_out, table.suspicious)
    if findings.is_other_scale(table.left_out):
        lines.append(Content.styled(findings.SCALE_HINT, "$text-warning"))
    if table.undecided:
        lines.append(Content.styled(findings.undecided(table.undecided), "$text-warning"))
    near = imports.near_duplicates(table.near_duplicates)
    lines += [Content.styled(line, "" if number else "$text-warning") for number, line in enumerate(near)]
    lines += [Content.styled(visible(f"Not available: {line}"), "$text-warning") for line in plan.unavailable]
    return lines
