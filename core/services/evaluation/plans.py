"""How many verdicts a judge's comparisons need, from those seen so far, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.config.schema import JudgeConfig
from core.domain.evaluation.study_plans import JudgePlan, PlannedDesign
from core.domain.evaluation.win_rates import ALPHA
from core.domain.submissions import Estimate

if TYPE_CHECKING:
    from core.judging.metrics.study_design.sample_size import JudgeVariances, Verdicts

#: Repeats of the designs that are planned if it is known what they gain.
_REPEATS = (1, 2, 3, 5)


def of_judge(
    judge: str,
    config: JudgeConfig,
    verdicts: Mapping[tuple[str, str], Verdicts],
    estimate: Estimate | None,
    test: int,
    detect: float,
    power: float,
) -> JudgePlan:
    """The plan of a judge by its `verdicts` for each pair of responders.

    `estimate` is that of its comparisons in one order without repeats, None for a judge that sends no
    requests or has no comparison; `test` is the number of test dialogues. Raises `ValueError` if `detect` is
    not between 0 and ½, or `power` not between 0 and 1.
    """
    from core.judging.metrics.study_design import sample_size

    if not 0 < detect < 0.5 or not 0 < power < 1:
        raise ValueError("a difference is between 0 and 0.5, a power between 0 and 1")
    seen = sample_size.seen(verdicts)
    is_embedded = config.provider == "embedded"
    # The embedded judge scores each response by itself: orders and repeats change nothing.
    orders = (1,) if is_embedded else (1, 2)
    repeats = (
        (1,) if is_embedded else sorted({*(_REPEATS if seen.noise is not None else (1,)), config.repeats})
    )
    configured = (1, 1) if is_embedded else (2 if config.swap else 1, config.repeats)
    free = config.provider in ("embedded", "local")
    usd = None if estimate is None or estimate.usd is None else estimate.usd / max(1, estimate.requests)
    return JudgePlan(
        judge=judge,
        detect=detect,
        power=power,
        alpha=ALPHA,
        test_dialogues=test,
        seen=seen.dialogues,
        tie_rate=seen.tie_rate,
        flip_rate=seen.flip_rate,
        repeat_rate=seen.repeat_rate,
        designs=tuple(
            _design(seen, o, r, 0.0 if free else usd, test, detect, power, (o, r) == configured)
            for o in orders
            for r in repeats
        ),
        missing=() if is_embedded else tuple(_missing(seen, usd is None and not free)),
    )


def _design(
    seen: JudgeVariances,
    orders: int,
    repeats: int,
    usd: float | None,
    test: int,
    detect: float,
    power: float,
    is_configured: bool,
) -> PlannedDesign:
    from core.judging.metrics.study_design import power as power_of
    from core.judging.metrics.study_design import sample_size

    variance, at_most = sample_size.fraction(seen, orders, repeats)
    dialogues = power_of.dialogues(variance, detect, power)
    requests = dialogues * orders * repeats
    return PlannedDesign(
        orders=orders,
        repeats=repeats,
        dialogues=dialogues,
        dialogues_paired=None
        if seen.shared is None
        else power_of.dialogues_paired(variance, seen.shared, detect, power),
        at_most=at_most,
        detectable=power_of.detectable(variance, test, power),
        requests=requests,
        usd=None if usd is None else usd * requests,
        fits=dialogues <= test,
        is_configured=is_configured,
    )


def _missing(seen: JudgeVariances, has_no_price: bool) -> list[str]:
    found = []
    if seen.one is None:
        found.append(
            f"only {seen.dialogues} dialogues have verdicts of this judge: the numbers are those of a judge "
            "that never ties; judge 20 or more"
        )
    if seen.both is None:
        found.append("no pair was judged in both orders, so the gain from both orders is not known")
    if seen.noise is None:
        found.append("no pair was judged more than once in an order, so the gain from repeats is not known")
    if has_no_price:
        found.append("the cost is not known: no price in config.toml, or no comparison of this judge")
    return found
