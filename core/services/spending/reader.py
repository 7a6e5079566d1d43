"""Spending: submissions to teachers and judges, their cost, and estimates of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from core.pipeline.planning import workspace_graph
from core.services.spending.calls import Calls
from core.services.workspace_state import WorkspaceState
from core.store.jobs import submissions

if TYPE_CHECKING:
    from core.store.jobs.submissions import Sums


class SpendingReader:
    """Reads a workspace's submissions to teachers and judges, and their cost.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        #: Totals of collected submissions, which no longer change.
        self._sums: dict[str, Sums] = {}
        self._calls = Calls(state.paths)

    def submissions(self) -> list[Submission]:
        """All submissions (batches and live sessions) to teachers and judges, newest first."""
        connection = self._state.connection()
        return [] if connection is None else submissions.submissions(connection, self._sums)

    def estimates(
        self, targets: Sequence[str] = (), validate: Mapping[str, int] | None = None
    ) -> tuple[Estimate, ...]:
        """The remaining requests of recipes, teachers and judges, and their estimated cost.

        `validate` maps judges to validate to the number of pairs.
        `targets` are jobs, stages or names; none means all. Requests that recipes share are counted for the
        first of them. It builds requests, which takes a second or two. Of more than 5,000 dialogues, or
        200,000 requests to judges, it builds some, and counts the others as like them. Raises `UserError`
        for a target that names nothing.
        """
        from core.services.spending import costs

        imported = self._state.imported()
        config, connection = self._state.config()[0], self._state.connection()
        nodes, _ = self._state.plan(config, imported)
        if connection is None:
            return ()
        if validate and config is not None and imported is not None:
            commits = self._state.commits()
            nodes = workspace_graph.plan(self._state.paths, config, imported, commits, validate)
        return costs.estimates(connection, self._state.paths, nodes, targets, self._state.drawn_dialogues())

    def summary(self) -> Spending:
        """The money spent on teachers and judges and reserved for pending requests, in US dollars."""
        from core.services.spending import costs

        config = self._state.config()[0] or Config()
        nodes, _ = self._state.plan(config, self._state.imported())
        jobs = costs.spending(self._state.connection(), config, nodes, self._sums)
        calls = self._calls.sums()
        return replace(
            jobs,
            usd=jobs.usd + calls.usd,
            estimated_usd=jobs.estimated_usd + calls.estimated_usd,
            unpriced=jobs.unpriced + calls.unpriced,
            playground_usd=calls.usd,
        )

    def jobs_usd(self) -> float:
        """The money that jobs have spent on teachers and judges, in US dollars."""
        spending = self.summary()
        return spending.usd - spending.playground_usd

    def batch_events(self, token: str) -> list[BatchEvent]:
        """The timeline of a submission, oldest first."""
        connection = self._state.connection()
        return [] if connection is None else submissions.batch_events(connection, token)

    def answer_counts(self, token: str) -> list[AnswerCount]:
        """A submission's requests counted by outcome, the most frequent first."""
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
            after: The page starts after this (key, number).
            limit: The maximum number of requests.
        """
        connection = self._state.connection()
        return [] if connection is None else submissions.requests(connection, token, group, after, limit)
