"""Made results of jobs: one of each stage, with those fields changed that a test is about."""

from __future__ import annotations

from typing import Any

from core.domain.jobs.results import (
    CompareResult,
    DpoResult,
    GenerateResult,
    JudgeResult,
    RecipeResult,
    RespondResult,
    Result,
    SftResult,
    ValidateResult,
)
from core.domain.states import Stage

_AGREEMENT: dict[str, Any] = {
    "agreement": 0.57,
    "agreement_low": 0.5,
    "agreement_high": 0.64,
    "agreement_pairs": 212,
}
_ORDERS: dict[str, Any] = {
    "prefers_first": None,
    "placed": 0,
    "flip_rate": None,
    "paired": 0,
    "verdicts": 12,
    "invalid_verdicts": 0,
    "invalid": 0,
}


def generated(**changes: Any) -> GenerateResult:
    known: dict[str, Any] = {"answers": 4, "left_out": 0, "left_out_as": {}, "reused": 0}
    return GenerateResult(**(known | changes))


def recipe(**changes: Any) -> RecipeResult:
    counts = {"sft_examples": 36, "preference_pairs": 9, "sft_used": 36, "preferences_used": 9}
    return RecipeResult(**(counts | {"left_out": None} | changes))


def _trained(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": 60,
        "train_loss": 1.5,
        "train_runtime_s": 60.0,
        "epochs": 3.0,
        "examples": 36,
        "device": "cpu",
        "dtype": "float32",
    } | changes


def sft(**changes: Any) -> SftResult:
    return SftResult(**_trained(changes))


def dpo(**changes: Any) -> DpoResult:
    return DpoResult(**_trained(changes))


def responded(**changes: Any) -> RespondResult:
    known: dict[str, Any] = {"responses": 12, "cut": 0, "device": "cpu"}
    return RespondResult(**(known | changes))


def judge(**changes: Any) -> JudgeResult:
    more = {"label": "embedded judge", "auc": 0.62, "length_auc": 0.51, "alpha": 30.0}
    return JudgeResult(**(_AGREEMENT | more | changes))


def validated(**changes: Any) -> ValidateResult:
    return ValidateResult(**(_AGREEMENT | _ORDERS | {"design": "both orders"} | changes))


#: Metrics of comparisons whose names were others up to version 0.2, and these names.
FORMER_NAMES = {
    "lc_differs": "lc_parted",
    "probability_win_rate_b": "soft_win_rate_b",
    "probability_low": "soft_low",
    "probability_high": "soft_high",
}


def compared(**changes: Any) -> CompareResult:
    """A comparison of twelve dialogues that b won, and of whose metrics nothing else is known."""
    optional = (
        *("bootstrap_low", "bootstrap_high", "lc_win_rate_b", "lc_low", "lc_high", "lc_differs"),
        *("probability_win_rate_b", "probability_low", "probability_high", "prefers_longer"),
    )
    counts = ("identical", "empty_a", "empty_b", "addressing_a", "addressing_b", "lengths")
    known: dict[str, Any] = {
        "n": 12,
        "wins_a": 0,
        "wins_b": 12,
        "ties": 0,
        "win_rate_b": 1.0,
        "ci_low": 0.76,
        "ci_high": 1.0,
        "interval": "Wilson 95 %, effective sample size",
        "p": 0.0005,
        "words_a": 20.0,
        "words_b": 22.0,
        "over_limit_a": 0.0,
        "over_limit_b": 0.0,
        "design": "each response by itself",
    }
    known |= dict.fromkeys(optional) | dict.fromkeys(counts, 0) | _ORDERS
    return CompareResult(**(known | changes))


def of_stage(stage: Stage) -> Result:
    """A result of that stage."""
    made: dict[Stage, Result] = {
        "generate": generated(),
        "recipe": recipe(),
        "sft": sft(),
        "sft-dpo": dpo(),
        "respond": responded(),
        "judge": judge(),
        "validate": validated(),
        "compare": compared(),
    }
    return made[stage]
