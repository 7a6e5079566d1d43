"""Batches: requests to teachers and judges, with state, cost and results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui.components.listing import ListEntry, Listing
from tui.components.text_pane import TextPane
from tui.components.workspace_screen import START_ALL, WorkspaceScreen
from tui.format import submissions
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.batches import details
from tui.screens.batches import rows as batch_rows
from tui.screens.batches.outcomes_column import OutcomesColumn

if TYPE_CHECKING:
    from core.api import (
        AnswerCount,
        BatchEvent,
        Commands,
        Snapshot,
        Spending,
        Submission,
        Workspace,
    )

#: The max number of submissions that are shown.
_ROWS = 500
#: Seconds between updates of ages.
_TICK_S = 1.0
#: What is read of all submissions.
_BATCHES = "batches"

_BatchesData = tuple["list[Submission]", "Spending", "dict[str, list[BatchEvent]]"]
_BatchData = tuple[str, "list[BatchEvent]", "list[AnswerCount]"]


class BatchesScreen(WorkspaceScreen):
    """Submissions above; below, the timeline and outcomes of the selected one, and their requests."""

    MODE = "batches"
    ABOUT = "Requests to teachers and judges: batches, and sessions of live calls."
    CSS_PATH = "batches.tcss"
    WRITES = frozenset({"refresh", "cancel", "retry"})
    WHEN_EMPTY = frozenset({START_ALL})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "S",
            START_ALL,
            "Start all",
            id="batches.submit",
            tooltip="Start all jobs after showing the cost",
        ),
        Binding("u", "refresh", "Refresh", id="batches.refresh", show=False, tooltip="Poll the batch now"),
        verb("cancel", "cancel", id="batches.cancel", tooltip="Cancel the batch and its job", show=True),
        verb("retry", "retry", id="batches.retry", tooltip="Retry the failed requests", show=True),
        verb(
            "related",
            "paths",
            title="Files",
            id="batches.paths",
            tooltip="Show and copy the paths of its files",
        ),
        Binding(
            "m",
            "spending",
            "Spending",
            id="batches.spending",
            show=False,
            tooltip="Show the cost of each recipe",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, Submission] = {}
        self._moments: dict[str, list[BatchEvent]] = {}
        self._token: str | None = None
        self._timeline: Sequence[BatchEvent] = ()
        self._spending: Spending | None = None

    def body(self) -> ComposeResult:
        yield Static(id="spending", markup=False)
        yield Listing(
            id="batches", draw=self._entry, words="a part of a state, a job, a model", opens="Outcomes"
        )
        yield Static(id="none", markup=False)
        with Horizontal(id="below"):
            yield TextPane(id="detail", can_focus=False, hang=details.LABEL)
            yield OutcomesColumn(id="outcomes")

    def on_mount(self) -> None:
        self._batches.enter()
        self._lay_out(0)
        self.set_interval(_TICK_S, self._tick)

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def show(self, snapshot: Snapshot) -> None:
        def look(workspace: Workspace) -> _BatchesData:
            found = workspace.spending.submissions()[:_ROWS]
            moments = {
                one.token: workspace.spending.batch_events(one.token) for one in found if not one.collected
            }
            return found, workspace.spending.summary(), moments

        self.app.read(_BATCHES, look, self._receive)

    @property
    def selected(self) -> Submission | None:
        """The submission under the cursor."""
        return self._found.get(self._token or "")

    @property
    def _batches(self) -> Listing[batch_rows.BatchRow]:
        return self.query_one("#batches", Listing)

    @property
    def _outcomes(self) -> OutcomesColumn:
        return self.query_one(OutcomesColumn)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.data_table is self._batches.table and event.row_key.value != self._token:
            self._token = event.row_key.value
            self._timeline = ()
            self._outcomes.select(self._token)
            self._draw_detail()
            self._ask()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go one level deeper, to the outcomes."""
        event.stop()
        if self.selected is not None:
            self._outcomes.enter()

    def step_back(self) -> None:
        if self._outcomes.back():
            return
        if self._outcomes.has_focus_within:
            self._batches.enter()
        else:
            super().step_back()

    def unavailable(self, action: str) -> str | None:
        reason = super().unavailable(action)
        if reason is None and action in ("refresh", "cancel", "retry"):
            return submissions.unavailable(action, self.selected)
        if action == "paths" and self.selected is None:
            return "no batch is selected"
        return reason

    def action_refresh(self) -> None:
        one = self.selected
        if self.can("refresh") and one is not None:
            self._act("Refresh", one, lambda commands: commands.refresh(one.job))

    def action_retry(self) -> None:
        one = self.selected
        if self.can("retry") and one is not None:
            self._act("Retry", one, lambda commands: commands.retry(one.job))

    def action_cancel(self) -> None:
        one = self.selected
        if not self.can("cancel") or one is None:
            return
        from tui.dialogs.confirm import ConfirmScreen

        self.app.push_screen(
            ConfirmScreen(
                f"Cancel {submissions.name(one)}?",
                Content(
                    f"This cancels the batch at the provider and the job {visible(one.job_name)}. "
                    f"Finished responses are paid and kept; {self.app.key_name('batches.retry', 'r')} "
                    "requests the rest."
                ),
                "Cancel it",
                "Keep it running",
            ),
            lambda yes: self._act("Cancel", one, lambda c: c.cancel(one.job)) if yes else None,
        )

    def action_spending(self) -> None:
        if self._spending is None:
            self.app.show_lack("there is no cost to show yet", reading=_BATCHES)
            return
        from tui.screens.batches.spending_dialog import SpendingScreen

        self.app.push_screen(SpendingScreen(self._spending))

    def action_paths(self) -> None:
        one = self.selected
        if not self.can("paths") or one is None:
            return
        paths = [f"{self.app.workspace.root / path}" for _, path in submissions.files(one)]
        if not paths:
            self.app.show_message("the batch has no files")
            return
        self.app.show_message("\n".join(paths))
        self.app.copy("\n".join(paths))

    def _act(self, label: str, one: Submission, ask: Callable[[Commands], int]) -> None:
        self.app.act(f"{label} {submissions.name(one)}", ask)

    def _receive(self, seen: _BatchesData) -> None:
        found, spending, self._moments = seen
        self._found, self._spending = {one.token: one for one in found}, spending
        self.set_has_nothing(not found)
        self.query_one("#spending", Static).update(submissions.money(spending), layout=False)
        self._draw()
        self._ask()

    def _ask(self) -> None:
        """Read the details of the selected submission."""
        token = self._token
        if token is None or token not in self._found:
            return

        def look(workspace: Workspace) -> _BatchData:
            return token, workspace.spending.batch_events(token), workspace.spending.answer_counts(token)

        self.app.read("batch", look, self._receive_one)

    def _receive_one(self, seen: _BatchData) -> None:
        token, timeline, outcomes = seen
        if token == self._token:
            self._timeline = timeline
            self._draw_detail()
            self._outcomes.show(outcomes)

    def _tick(self) -> None:
        # The screen gets no message of a failed read.
        is_due = self._spending is None or any(not one.collected for one in self._found.values())
        if self.is_current and is_due:
            self._draw()

    def _lay_out(self, rows: int) -> None:
        none = self.query_one("#none", Static)
        none.display = not rows
        for part in ("#batches", "#below", "#spending"):
            self.query_one(part).display = bool(rows)
        if self._spending is None:
            trouble = self.app.trouble or self.app.unread(_BATCHES)
            none.update(
                Content.styled("Reading the requests …", "$text-muted")
                if trouble is None
                else Content.styled(visible(trouble, lines=True), "$text-error")
            )
        elif not rows:
            none.update(details.nothing(self.app.key_name("batches.submit", "S")))
        else:
            self._batches.styles.height = min(rows + 1, max(4, self.size.height * 2 // 5))

    def _draw(self) -> None:
        self._lay_out(len(self._found))
        now = self.app.now()
        # Only rows of pending submissions depend on the time.
        shown: dict[str, batch_rows.BatchRow] = {
            token: (one, (), None) if one.collected else (one, tuple(self._moments.get(token, ())), now)
            for token, one in self._found.items()
        }
        self._batches.show(batch_rows.columns(self.size.width), shown)

    def _entry(self, shown: batch_rows.BatchRow) -> ListEntry:
        return batch_rows.entry(self.app, self._batches.columns, shown)

    def _draw_detail(self) -> None:
        one = self.selected
        self.query_one("#detail", TextPane).update(
            Content("") if one is None else details.describe(one, self._timeline)
        )
