"""The budget of the workspace, as a job's requests meet it: what they are expected to cost, and may cost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from core.config.load import load_config
from core.config.schema import Price, Teacher
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.teachers.costs import prices
from core.teachers.protocol import Request
from core.teachers.requests.allowance import Allowance
from core.teachers.requests.ledger import Ledger
from core.teachers.settings import reasoning


class Budget:
    """What the requests of one job to `teacher` cost, and whether the budget allows it.

    That is the one in the workspace's config.toml as it is now, or `limit_usd`, None for no limit, where it
    has none. Call `check` and `allowance` under the ledger's lock, so that two jobs cannot spend the same
    money.
    """

    def __init__(
        self, job: str, ledger: Ledger, teacher: Teacher, price: Price | None, limit_usd: float | None
    ) -> None:
        self._job = job
        self._ledger = ledger
        self._teacher = teacher
        self._price = price
        self._known_limit_usd = limit_usd
        #: ARTIFACTS/jobs is the ledger's folder.
        self._config = WorkspacePaths(ledger.jobs_folder.parents[1]).config
        self._config_time: int | None = None
        #: US dollars that the store knew to be spent, and the journals do not: their files were removed.
        self.unseen_usd = 0.0

    @property
    def limit_usd(self) -> float | None:
        """The budget in US dollars; None for no limit."""
        # Whoever lowers it means what runs too.
        with suppress(OSError, UserError):
            changed = self._config.stat().st_mtime_ns
            if changed != self._config_time:
                self._config_time = changed
                found = load_config(self._config).spending.budget_usd
                # A file that is being written may lack it: that must not free what is sent now.
                self._known_limit_usd = self._known_limit_usd if found is None else found
        return self._known_limit_usd

    def answer_tokens(self) -> int:
        """Estimated output tokens of an answer, learned from the answers that there are."""
        used = self._ledger.used(self._job, self._teacher.model)
        return prices.answer_tokens(self._teacher, prices.ANSWER, used)

    def estimate(self, requests: Sequence[Request]) -> float | None:
        """The estimated cost of `requests` in US dollars; None if the price is unknown."""
        return self._cost(requests, self.answer_tokens())

    def first(self, requests: Sequence[Request]) -> Sequence[Request]:
        """As many of `requests` as show what the others cost; all of them if that is known, or no matter."""
        used = self._ledger.used(self._job, self._teacher.model)
        missing = prices.ENOUGH_ANSWERS - (0 if used is None else used.answers)
        return requests if self.limit_usd is None or missing <= 0 else requests[:missing]

    def check(self, usd: float | None, *, can_wait: bool = False) -> bool:
        """Whether there is room for `usd` more.

        Raises `UserError` if there is none; with `can_wait`, only if there will be none either once the live
        calls of other jobs have ended.
        """
        limit_usd = self.limit_usd
        if limit_usd is None:
            return True
        if usd is None:
            raise UserError(
                f"budget_usd is set, but the price of {self._teacher.model} is unknown: add it under "
                "[prices.models] in config.toml, or remove budget_usd"
            )
        spent, reserved = self._spent_usd, self._ledger.reserved_usd()
        has_room = spent + reserved + usd <= limit_usd
        if not has_room and not (can_wait and spent + self._ledger.expected_usd() + usd <= limit_usd):
            raise UserError(
                f"the budget of {limit_usd:.2f} USD would be exceeded: {spent:.2f} USD are spent, "
                f"{reserved:.2f} are reserved for open requests, and this would cost about {usd:.2f}. Raise "
                "budget_usd under [spending] in config.toml and retry; all answers are kept"
            )
        return has_room

    def allowance(self, requests: Sequence[Request]) -> Allowance | None:
        """What live calls for `requests`, for which there is room, may cost together; None for no limit."""
        limit_usd = self.limit_usd
        if limit_usd is None:
            return None
        tokens = self.answer_tokens()
        # Unlike the sum, whose texts differ in length, each call is taken for the longest.
        expected = max(self._cost([request], tokens) or 0.0 for request in requests)
        limit = reasoning.max_output_tokens(self._teacher)
        highest = max(self._cost([request], limit) or 0.0 for request in requests)
        highest = max(expected, highest, self._ledger.dearest_usd(self._job, self._teacher.model))
        in_flight = min(len(requests), self._teacher.max_concurrency)
        estimate = self._cost(requests, tokens) or 0.0
        room = limit_usd - self._spent_usd - self._ledger.reserved_usd()
        # Sums are rounded, and there was room for the estimate.
        usd = max(estimate, min(estimate + in_flight * (highest - expected), room))
        is_known = self._ledger.used(self._job, self._teacher.model) is not None
        return Allowance(usd, expected, highest, is_known=is_known)

    @property
    def _spent_usd(self) -> float:
        return self._ledger.spent_usd + self.unseen_usd

    def _cost(self, requests: Sequence[Request], answer: int) -> float | None:
        usage = prices.estimate(requests, answer)
        return prices.cost(self._price, usage, batch=self._teacher.mode == "batch")
