"""The one seam between the core and everything that shows or steers it.

Frozen dataclasses, `Reader` (what is) and `Commands` (what shall be). Nothing here imports a heavy
library, nor anything that draws.
"""

from __future__ import annotations

from core.commands import Commands, ImportPlan, create_workspace
from core.dialogues.records import Dialogue
from core.dialogues.statistics import Statistics
from core.errors import UserError
from core.reader import Reader
from core.store.data import DataFacts
from core.views import (
    DialogueCounts,
    Event,
    IntentResult,
    Job,
    JobState,
    LogChunk,
    MetricPoint,
    Pair,
    Recipe,
    SampleAnswer,
    SlotUse,
    Snapshot,
    Supervisor,
    Verdict,
    WinRate,
)
from core.workspace import Workspace, open_workspace

__all__ = [
    "Commands",
    "DataFacts",
    "Dialogue",
    "DialogueCounts",
    "Event",
    "ImportPlan",
    "IntentResult",
    "Job",
    "JobState",
    "LogChunk",
    "MetricPoint",
    "Pair",
    "Reader",
    "Recipe",
    "SampleAnswer",
    "SlotUse",
    "Snapshot",
    "Statistics",
    "Supervisor",
    "UserError",
    "Verdict",
    "WinRate",
    "Workspace",
    "create_workspace",
    "open_workspace",
]
