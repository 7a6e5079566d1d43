"""The outcomes of a batch's requests, and the requests behind an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import DataTable, Static

from tui.components.measured_column import MeasuredColumn
from tui.components.sortable_table import SortableTable
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import submissions
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from textual import getters

    from core.api import AnswerCount, SentRequest, Workspace
    from tui.navigation.host import HostApp

#: The max number of requests that are shown of an outcome.
_ROWS = 500


class OutcomesColumn(MeasuredColumn):
    """The outcomes of a batch, each with the number of its requests; or the requests of one of them."""

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._token: str | None = None
        #: None until they are read.
        self._outcomes: Sequence[AnswerCount] | None = None
        #: The outcome whose requests are shown, or are being read.
        self._opened: AnswerCount | None = None
        self._requests: Sequence[SentRequest] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield SortableTable(id="groups", opens="Requests")
        yield SortableTable(id="requests")

    def on_mount(self) -> None:
        self._request_table.display = False

    def on_measured_column_widened(self, event: MeasuredColumn.Widened) -> None:
        event.stop()
        self._draw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go from an outcome to its requests."""
        event.stop()
        if event.data_table is self._request_table:
            back = self.app.key_name("screen.back", "Esc")
            self.app.show_message(f"a request has no further details: {back} goes back to the outcomes")
        elif event.row_key.value is not None and self._outcomes is not None:
            self._open(self._outcomes[int(event.row_key.value)])

    def select(self, token: str | None) -> None:
        """Have the outcomes of another batch, which are shown once they are read."""
        self._token, self._outcomes = token, None
        self._leave_requests()

    def show(self, outcomes: Sequence[AnswerCount]) -> None:
        """Show the outcomes of the batch, unless the requests of one are open."""
        self._outcomes = outcomes
        if self._opened is None:
            self._draw()

    def enter(self) -> None:
        """Move the focus to the outcomes."""
        if self._outcomes is None:
            self.app.show_message("the batch is being read")
        elif self._outcomes:
            self._outcome_table.focus()
        else:
            self.app.show_message("the batch has no responses yet")

    def back(self) -> bool:
        """Go from the requests to the outcomes; False where no requests are shown."""
        if not self._request_table.display:
            return False
        self._leave_requests()
        self._outcome_table.focus()
        return True

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    @property
    def _outcome_table(self) -> SortableTable:
        return self.query_one("#groups", SortableTable)

    @property
    def _request_table(self) -> SortableTable:
        return self.query_one("#requests", SortableTable)

    def _open(self, outcome: AnswerCount) -> None:
        token, self._opened = self._token, outcome
        if token is None:
            return

        def look(workspace: Workspace) -> list[SentRequest]:
            return workspace.spending.sent_requests(token, (outcome.outcome, outcome.error), limit=_ROWS)

        self.app.read("requests", look, self._receive)

    def _receive(self, requests: list[SentRequest]) -> None:
        if self._opened is None:
            return
        self._requests = requests
        self._outcome_table.display, self._request_table.display = False, True
        self._draw()
        self._request_table.focus()

    def _leave_requests(self) -> None:
        self._opened = None
        had_focus = self._request_table.has_focus
        self._request_table.display = False
        self._draw()
        if had_focus:
            self._outcome_table.focus()

    def _draw(self) -> None:
        if self._opened is not None and self._request_table.display:
            self._draw_requests(self._opened)
        elif self._outcomes is not None:
            self._draw_outcomes(self._outcomes)

    def _draw_requests(self, outcome: AnswerCount) -> None:
        muted = shade(self.app, "text-muted")
        more = " (first rows only)" if len(self._requests) == _ROWS else ""
        self.query_one("#title", Static).update(
            f"{outcome.outcome}: {formats.counted(len(self._requests), 'request')}{more}", layout=False
        )
        width = max(12, self.size.width - 14 - 5)
        self._request_table.show(
            [Column("dialogue", "dialogue", 12), Column("answer", "answer", width)],
            {
                f"{request.key}-{request.number}": [
                    Text(formats.shorten(visible(request.dialog_id), 12), muted),
                    Text(visible(request.error or request.text)),
                ]
                for request in self._requests
            },
            {
                f"{request.key}-{request.number}": {
                    "dialogue": request.dialog_id,
                    "answer": request.error or request.text,
                }
                for request in self._requests
            },
        )

    def _draw_outcomes(self, outcomes: Sequence[AnswerCount]) -> None:
        muted = shade(self.app, "text-muted")
        self.query_one("#title", Static).update(
            "outcome of the requests" if outcomes else "no responses yet", layout=False
        )
        self._outcome_table.display = bool(outcomes)
        words = max(10, self.size.width - 11 - 8 - 7)
        self._outcome_table.show(
            [
                Column("outcome", "outcome", 10),
                Column("error", "message or example", words),
                Column("requests", "number", 7, "right"),
            ],
            {
                str(number): [
                    Text(visible(one.outcome), shade(self.app, _colour(one.outcome))),
                    Text(visible(submissions.example(one)), muted),
                    Text(formats.count(one.requests)),
                ]
                for number, one in enumerate(outcomes)
            },
            {
                str(number): {
                    "outcome": one.outcome,
                    "error": submissions.example(one),
                    "requests": one.requests,
                }
                for number, one in enumerate(outcomes)
            },
        )


def _colour(outcome: str) -> str:
    if outcome == "ok":
        return "text-success"
    return "text-error" if outcome in ("error", "rejected", "missing", "expired") else "text-warning"
