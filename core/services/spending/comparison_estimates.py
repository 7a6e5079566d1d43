"""What large models will be asked in comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.submissions import Asker, Estimate
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import CompareSettings, HoldoutSettings, LlmJudge
from core.services.spending.request_history import RequestHistory
from core.teachers.requests import estimates as estimating

#: Requests for verdicts that an estimate builds, at most: half a second or two. Of more, each comparison
#: is estimated from some of its dialogues.
_BUILT = 200_000
#: Test dialogues from which a comparison is estimated, at least.
_MIN_DIALOGUES = 20


class ComparisonEstimates:
    """Estimates of comparisons with large models, of which there may be thousands."""

    def __init__(self, wanted: Sequence[PlannedJob], data: DrawnDialogues, known: RequestHistory) -> None:
        left = sum(
            node.settings.judge.repeats * (2 if node.settings.judge.swap else 1)
            for node in wanted
            if node.id not in known.done
            and isinstance(node.settings, CompareSettings)
            and isinstance(node.settings.judge, LlmJudge)
        )
        self._known = known
        self._data = data
        #: Job that draws dialogues for rungs → how many these are.
        self._held_out = {
            node.id: node.settings.dialogues for node in wanted if isinstance(node.settings, HoldoutSettings)
        }
        self._test = data.of("test", max(_MIN_DIALOGUES, _BUILT // max(left, 1)))
        #: Judge, and what is known of both sides → the estimate: before the responders have answered, that
        #: of many comparisons is the same.
        self._made: dict[tuple[object, ...], Estimate] = {}

    def estimate(
        self, asker: Asker, node: PlannedJob, settings: CompareSettings, judge: LlmJudge
    ) -> Estimate:
        """The estimate of a comparison that is not done."""
        from core.judging import protocol
        from core.judging.llm import llm_judge

        (side_a, a), (side_b, b) = (
            self._texts(node, side, responder) for side, responder in (("a", settings.a), ("b", settings.b))
        )
        read = node.inputs.get("dialogues")
        held_out = self._held_out.get(read.job) if isinstance(read, JobOutput) else None
        key = (asker, None if a is None else side_a, None if b is None else side_b, held_out)
        if key not in self._made:
            filled = self._or_placeholders(a, "a"), self._or_placeholders(b, "b")
            orders = llm_judge.orders(judge)
            ordered_pairs = protocol.ordered_pairs(self._test, filled[0], filled[1], orders, judge.repeats)
            requests = llm_judge.requests_of(judge, ordered_pairs)
            answer = llm_judge.answer_tokens(judge)
            tokens = estimating.answer_tokens(judge.model, node.stage, answer, self._known.used)
            found = estimating.of_requests(asker, judge.model, requests, self._known.answered, tokens)
            there_are = self._data.totals["test"] if held_out is None else held_out
            scale = there_are / len(self._test) if self._test else 1.0
            self._made[key] = estimating.times(found, scale)
        return replace(self._made[key], is_upper_bound=settings.stop is not None)

    def _texts(self, node: PlannedJob, side: str, responder: str) -> tuple[object, Mapping[str, str] | None]:
        """What a side's responses are, and the responses by dialogue; None if there are none yet."""
        if side in node.inputs:
            return node.inputs[side], self._known.texts(node.inputs[side])
        found = {d.dialog_id: d.responses[responder].text for d in self._test if responder in d.responses}
        return responder, found

    def _or_placeholders(self, texts: Mapping[str, str] | None, side: str) -> dict[str, str]:
        """Responses to the test dialogues, placeholders of similar length for missing ones.

        The placeholders of the two sides differ, because identical responses are not sent to a judge.
        """
        missing = f"{estimating.PLACEHOLDER} {side}"
        return {d.dialog_id: (texts or {}).get(d.dialog_id, missing) for d in self._test}
