"""Win rates have every metric of a comparison's result, under the same name."""

from __future__ import annotations

from dataclasses import fields

from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.results import CompareResult

#: What the workspace knows of a comparison, beside its result.
OF_THE_WORKSPACE = {
    *("a", "b", "judge", "job", "state", "fingerprint"),
    *("p_holm", "decision", "more_dialogues", "same_as_b"),
}
#: What is shown of a judge, and not of a comparison.
OF_THE_JUDGE = {"forms", "invalid_verdicts", "lengths", "paired", "placed", "verdicts"}


def test_a_renamed_metric_is_not_taken_for_an_unknown_one() -> None:
    shown = {field.name for field in fields(WinRate)}
    assert shown - OF_THE_WORKSPACE == set(CompareResult.__struct_fields__) - OF_THE_JUDGE
