"""Where a job stands: its stage, its state, and the resource that it uses."""

from __future__ import annotations

from typing import Literal

Stage = Literal[
    "generate",
    "holdout",
    "recipe",
    "filter",
    "sft",
    "sft-dpo",
    "respond",
    "judge",
    "validate",
    "compare",
    "rung",
]
JobState = Literal["waiting", "ready", "running", "done", "failed", "cancelled", "stopped"]
Slot = Literal["gpu", "cpu", "api", "batch"]
