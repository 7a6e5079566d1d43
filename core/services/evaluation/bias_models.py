"""The model of each judge's biases, over all its comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.domain.evaluation.bias_models import BiasModel
from core.domain.evaluation.win_rates import WinRate

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.judging.metrics.judge_quality import bias_model
    from core.judging.metrics.study_design.sample_size import Verdicts


def of_judge(
    judge: str,
    rates: Sequence[WinRate],
    verdicts: Mapping[str, Verdicts],
    texts: Mapping[str, Mapping[str, str]],
    *,
    placed: bool,
) -> BiasModel:
    """The model of a judge from its finished comparisons; `verdicts` by their jobs, `texts` by responder.

    `placed` is whether the order of the responses can influence it.
    """
    from core.judging.metrics.judge_quality import bias_model, judge_bias

    found = {
        (rate.a, rate.b): [
            bias_model.Ruled(
                dialogue,
                own,
                judge_bias.word_counts(texts[rate.a].get(dialogue), texts[rate.b].get(dialogue)),
            )
            for dialogue, own in verdicts[rate.job].items()
            if dialogue not in texts[rate.a] or texts[rate.a][dialogue] != texts[rate.b].get(dialogue)
        ]
        for rate in rates
    }
    fitted = bias_model.fit(found, placed=placed)
    return BiasModel(
        judge, fitted.dialogues, fitted.verdicts, fitted.effects, tuple(_missing(fitted, placed))
    )


def _missing(fitted: bias_model.Fitted, placed: bool) -> list[str]:
    if not fitted.effects:
        return [
            f"{fitted.dialogues} dialogues have verdicts; a model of these responders needs {fitted.needed}"
        ]
    known = {effect.kind for effect in fitted.effects if effect.log_odds is not None}
    found = []
    if not placed:
        found.append("the judge scores each response by itself, so there is no position")
    elif "position" not in known:
        found.append("each pair was judged in one order: position and strength cannot be distinguished")
    if "length" not in known:
        found.append("lengths do not differ, or only as the responders do")
    return found
