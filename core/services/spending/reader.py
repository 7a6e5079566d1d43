"""Spending: what was sent to teachers and judges, what it cost, and what the rest will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.config.schema import Config
from core.domain.submissions import (
    AnswerCount,
    BatchEvent,
    Estimate,
    SentRequest,
    Spending,
    Submission,
)
from core.pipeline import workspace_graph
from core.services.workspace_state import WorkspaceState
from core.store import submissions

if TYPE_CHECKING:
    from core.store.submissions import Sums


class SpendingReader:
    """Reads what a workspace sent to teachers and judges, and the money that it cost.

    Every method may raise `UserError` when state.db cannot be read. A workspace without a state.db reads
    as an empty one.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        #: The sums of collected submissions, to which no answer is added any more.
        self._sums: dict[str, Sums] = {}

    def submissions(self) -> list[Submission]:
        """All batches and live sessions that were sent to teachers and judges, newest first."""
        connection = self._state.connection()
        return [] if connection is None else submissions.submissions(connection, self._sums)

    def estimates(
        self, targets: Sequence[str] = (), validate: Mapping[str, int] | None = None
    ) -> tuple[Estimate, ...]:
        """The requests that recipes, teachers and judges still have to send, and their cost.

        `validate` are judges to validate, and on how many pairs.
        `targets` are jobs, stages or names; none means all. Requests that recipes share are counted for the
        first of them. It builds the requests, which takes a second or two for all recipes of a large data
        set. Raises `UserError` for a target that names nothing.
        """
        from core.services.spending import costs

        imported, dialogues = self._state.data()
        config, connection = self._state.config()[0], self._state.connection()
        nodes, _ = self._state.plan(config, imported)
        if connection is None:
            return ()
        if validate and config is not None and imported is not None:
            nodes = workspace_graph.plan(self._state.paths, config, imported, validate)
        return costs.estimates(connection, self._state.paths, nodes, targets, dialogues)

    def summary(self) -> Spending:
        """The money spent on teachers and judges, and what requests in flight will cost, in US dollars."""
        from core.services.spending import costs

        config = self._state.config()[0] or Config()
        nodes, _ = self._state.plan(config, self._state.imported())
        return costs.spending(self._state.connection(), config, nodes, self._sums)

    def batch_events(self, token: str) -> list[BatchEvent]:
        """The timeline of a submission, oldest first."""
        connection = self._state.connection()
        return [] if connection is None else submissions.batch_events(connection, token)

    def answer_counts(self, token: str) -> list[AnswerCount]:
        """How many requests of a submission ended in which way, the most frequent first."""
        connection = self._state.connection()
        return [] if connection is None else submissions.outcomes(connection, token)

    def sent_requests(
        self,
        token: str,
        group: tuple[str, str | None] | None = None,
        after: tuple[str, int] = ("", 0),
        limit: int = 500,
    ) -> list[SentRequest]:
        """A page of a submission's requests, ordered by key and number.

        Args:
            token: The submission's token.
            group: Only requests with this (outcome, error).
            after: The page begins behind this (key, number).
            limit: How many requests at most.
        """
        connection = self._state.connection()
        return [] if connection is None else submissions.requests(connection, token, group, after, limit)
