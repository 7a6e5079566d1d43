"""The one seam between the core and everything that shows or steers it.

Frozen dataclasses, `Reader` (what is) and `Commands` (what shall be). Nothing here imports a heavy
library, nor anything that draws.
"""

from __future__ import annotations

from core.commands import SAMPLE, Commands, ImportPlan, create_workspace, is_sample, template_names
from core.dialogues.fetch import PUBLIC_URL as DATA_URL
from core.dialogues.fetch import SOURCE as DATA_SOURCE
from core.dialogues.fetch import TERMS as DATA_TERMS
from core.dialogues.records import Dialogue
from core.dialogues.statistics import Statistics
from core.doctor import Check, examine
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
    "DATA_SOURCE",
    "DATA_TERMS",
    "DATA_URL",
    "SAMPLE",
    "Check",
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
    "examine",
    "is_sample",
    "open_workspace",
    "template_names",
]
