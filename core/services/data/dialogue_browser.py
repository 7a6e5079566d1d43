"""Browsing the imported dialogues, and all responses to one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from core.domain.data.dialogue_pages import (
    Decided,
    DialogueFilter,
    DialogueLine,
    DialogueOrder,
    DialoguePage,
    ResponderKind,
    Response,
)
from core.domain.data.dialogues import HUMAN, Dialogue, ImportedData
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.jobs.job import Job
from core.domain.names import ComparisonName, RunName
from core.services.workspace_state import WorkspaceState
from core.store import connections
from core.store.dialogues import dialogue_pages, dialogue_queries
from core.store.dialogues import dialogues as stored_data
from core.store.evaluation import response_queries, verdict_queries

#: Dialogues of a page: a larger table would respond too slowly to a key press.
PAGE = 100
#: Of at most so many dialogues a longer text is looked for among those with its beginning.
_FEW = 20_000

_OUTCOMES: dict[Winner, Literal["won", "lost", "tie", "invalid"]] = {
    "a": "lost",
    "b": "won",
    "tie": "tie",
    "invalid": "invalid",
}


class DialogueBrowser:
    """Reads single dialogues and pages of dialogues.

    Every method may raise `UserError` if state.db cannot be read.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        #: The data, filter and order of the last search, and the dialogues found.
        self._last: tuple[ImportedData | None, DialogueFilter, DialogueOrder, list[str]] | None = None

    def page(
        self,
        wanted: DialogueFilter,
        order: DialogueOrder,
        beside: tuple[Literal["before", "after"], DialoguePage] | None = None,
        holding: str | None = None,
        limit: int = PAGE,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> DialoguePage:
        """At most `limit` dialogues that match the filter, in order; none once they are no longer wanted.

        The page is the first one, the one `beside` another page of the same filter and order, or the one with
        the dialogue `holding`, if that matches."""
        connection = self._state.connection()
        if connection is None:
            return DialoguePage((), 1, 0, 0)
        with connections.snapshot(connection):
            total = stored_data.counts(connection).total
            if beside is not None and beside[1].lines:
                side, other = beside
                line = other.lines[-1 if side == "after" else 0]
                lines = dialogue_pages.page(connection, wanted, order, limit, (side, line))
                first = other.last + 1 if side == "after" else other.first - len(lines)
                return DialoguePage(lines, first, other.found, total)
            if wanted:
                # At once: to look through all texts takes long.
                ids = self._matching(connection, wanted, order, is_wanted)
                place = ids.index(holding) if holding in ids else 0
                skip = place // limit * limit
                lines = dialogue_pages.lines(connection, ids[skip : skip + limit])
                return DialoguePage(lines, skip + 1, len(ids), total)
            earlier = None if holding is None else dialogue_pages.before(connection, wanted, order, holding)
            skip = (earlier or 0) // limit * limit
            lines = dialogue_pages.page(connection, wanted, order, limit, skip=skip)
            return DialoguePage(lines, skip + 1, total, total)

    def _matching(
        self,
        connection: sqlite3.Connection,
        wanted: DialogueFilter,
        order: DialogueOrder,
        is_wanted: Callable[[], bool],
    ) -> list[str]:
        """The ids of all dialogues that match: while a text is typed, of those that its beginning left."""
        data, among = stored_data.imported(connection), None
        if self._last is not None:
            known_data, before, known_order, ids = self._last
            is_same = (data, order) == (known_data, known_order)
            is_narrower = replace(wanted, text=before.text) == before and dialogue_pages.narrows(
                wanted.text, before.text
            )
            among = ids if is_same and is_narrower and len(ids) <= _FEW else None
        found = dialogue_pages.matching(connection, wanted, order, is_wanted, among)
        if found is None:
            return []
        self._last = (data, wanted, order, found)
        return found

    def first(self, text: str, limit: int, is_wanted: Callable[[], bool]) -> tuple[DialogueLine, ...]:
        """The first dialogues whose id or texts contain a text; none once they are no longer wanted."""
        connection = self._state.connection()
        if connection is None:
            return ()
        return dialogue_pages.first(connection, text, limit, is_wanted)

    def count(self, wanted: DialogueFilter) -> int:
        """How many dialogues match the filter."""
        connection = self._state.connection()
        return 0 if connection is None else dialogue_pages.count(connection, wanted)

    def emotions(self) -> dict[str, int]:
        """Emotion → number of dialogues, by name."""
        connection = self._state.connection()
        return {} if connection is None else dialogue_pages.emotions(connection)

    def dialogue(self, dialog_id: str) -> Dialogue | None:
        """A dialogue with its responses, the human one first; None if no dialogue has that id."""
        connection = self._state.connection()
        if connection is None:
            return None
        with connections.snapshot(connection):
            return dialogue_queries.dialogue(connection, dialog_id)


def responses(
    connection: sqlite3.Connection, jobs: Sequence[Job], teachers: Container[str], dialog_id: str
) -> tuple[Response, ...]:
    """All responses to a dialogue with the outcomes of their comparisons: those of respond jobs among `jobs`,
    in their order, then those of the sources in the data."""
    with connections.snapshot(connection):
        imported, dialogue = (
            stored_data.imported(connection),
            dialogue_queries.dialogue(connection, dialog_id),
        )
        texts = response_queries.responses_to(connection, dialog_id)
        winners = verdict_queries.winners_of(connection, dialog_id)
    decided = _decided(jobs, winners)
    found = []
    for job in jobs:
        if job.stage == "respond":
            kind = _kind(job.name, teachers)
            found.append(Response(job.name, kind, texts.get(job.id), decided=decided.get(job.name, ())))
    in_data = {} if dialogue is None else dialogue.responses
    for source in () if imported is None else (HUMAN, *imported.sources):
        rated = in_data.get(source)
        text, rating = (None, None) if rated is None else (rated.text, rated.rating)
        found.append(Response(source, "source", text, rating, decided.get(source, ())))
    return tuple(found)


def _kind(responder: str, teachers: Container[str]) -> ResponderKind:
    if RunName.parse(responder) is not None:
        return "run"
    return "teacher" if responder in teachers else "base"


def _decided(
    jobs: Sequence[Job], winners: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, tuple[Decided, ...]]:
    """Responder → its outcome against the baseline of each comparison that has a verdict."""
    from core.judging.metrics import scores

    found: dict[str, list[Decided]] = {}
    for job in jobs:
        if job.stage != "compare" or job.id not in winners:
            continue
        name = ComparisonName.parse(job.name)
        verdicts = cast(Sequence[tuple[Order, Winner]], winners[job.id])
        outcome = _OUTCOMES[scores.outcome(verdicts)]
        flips = len({winner for _, winner in verdicts if winner != "invalid"}) > 1
        found.setdefault(name.b, []).append(Decided(name.judge, name.a, outcome, flips))
    return {name: tuple(decided) for name, decided in found.items()}
