"""The one seam between the core and everything that shows or steers it.

Frozen dataclasses, `Reader` (what is) and `Commands` (what shall be). Each name is loaded when it is
first asked for, so that the first screen does not wait for what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.app_settings import AppSettings
    from core.commands import SAMPLE, Commands, ImportPlan, create_workspace, is_sample, template_names
    from core.comparison_views import (
        Agreement,
        Cell,
        Choice,
        Comparison,
        HumanWinRate,
        PairedTest,
        Ranked,
        Ranking,
        Scorecard,
    )
    from core.curves import Axis, Curves
    from core.dialogue_views import (
        Decided,
        DialogueFilter,
        DialogueLine,
        DialogueOrder,
        DialoguePage,
        Response,
    )
    from core.dialogues.fetch import PUBLIC_URL as DATA_URL
    from core.dialogues.fetch import SOURCE as DATA_SOURCE
    from core.dialogues.fetch import TERMS as DATA_TERMS
    from core.dialogues.records import MAX_WORDS, Dialogue
    from core.dialogues.statistics import Statistics
    from core.doctor import Check, examine
    from core.errors import UserError
    from core.judging.statistics import outcome
    from core.judging.votes import Paper
    from core.log_records import LEVELS as LOG_LEVELS
    from core.log_records import Level as LogLevel
    from core.logs import Log, LogFilter, LogLine, LogPage
    from core.machine import Gpu, Machine
    from core.machine import look as look_at_machine
    from core.pipeline.forecast import Forecast, forecast
    from core.prompts.listing import Prompt, judge_question, prompts
    from core.prompts.listing import conversation as prompt_conversation
    from core.prompts.listing import improves as prompt_improves
    from core.prompts.listing import strays as stray_prompts
    from core.reader import Reader
    from core.reports.write import write_report
    from core.store.data import DataFacts
    from core.teacher_views import AnswerCount, BatchMoment, Estimate, SentRequest, Spending, Submission
    from core.text import visible
    from core.views import (
        DialogueCounts,
        Event,
        IntentResult,
        Job,
        JobState,
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

#: Name → the module that defines it, and its name there.
_HOMES = {
    "Agreement": ("core.comparison_views", "Agreement"),
    "AppSettings": ("core.app_settings", "AppSettings"),
    "AnswerCount": ("core.teacher_views", "AnswerCount"),
    "BatchMoment": ("core.teacher_views", "BatchMoment"),
    "Axis": ("core.curves", "Axis"),
    "Cell": ("core.comparison_views", "Cell"),
    "Choice": ("core.comparison_views", "Choice"),
    "Check": ("core.doctor", "Check"),
    "Commands": ("core.commands", "Commands"),
    "Comparison": ("core.comparison_views", "Comparison"),
    "Curves": ("core.curves", "Curves"),
    "DATA_SOURCE": ("core.dialogues.fetch", "SOURCE"),
    "DATA_TERMS": ("core.dialogues.fetch", "TERMS"),
    "DATA_URL": ("core.dialogues.fetch", "PUBLIC_URL"),
    "DataFacts": ("core.store.data", "DataFacts"),
    "Decided": ("core.dialogue_views", "Decided"),
    "Dialogue": ("core.dialogues.records", "Dialogue"),
    "DialogueCounts": ("core.views", "DialogueCounts"),
    "DialogueFilter": ("core.dialogue_views", "DialogueFilter"),
    "DialogueLine": ("core.dialogue_views", "DialogueLine"),
    "DialogueOrder": ("core.dialogue_views", "DialogueOrder"),
    "DialoguePage": ("core.dialogue_views", "DialoguePage"),
    "Estimate": ("core.teacher_views", "Estimate"),
    "Event": ("core.views", "Event"),
    "Forecast": ("core.pipeline.forecast", "Forecast"),
    "Gpu": ("core.machine", "Gpu"),
    "HumanWinRate": ("core.comparison_views", "HumanWinRate"),
    "ImportPlan": ("core.commands", "ImportPlan"),
    "IntentResult": ("core.views", "IntentResult"),
    "Job": ("core.views", "Job"),
    "JobState": ("core.views", "JobState"),
    "LOG_LEVELS": ("core.log_records", "LEVELS"),
    "Log": ("core.logs", "Log"),
    "LogFilter": ("core.logs", "LogFilter"),
    "MAX_WORDS": ("core.dialogues.records", "MAX_WORDS"),
    "LogLevel": ("core.log_records", "Level"),
    "LogLine": ("core.logs", "LogLine"),
    "LogPage": ("core.logs", "LogPage"),
    "Machine": ("core.machine", "Machine"),
    "MetricPoint": ("core.views", "MetricPoint"),
    "Pair": ("core.views", "Pair"),
    "Paper": ("core.judging.votes", "Paper"),
    "PairedTest": ("core.comparison_views", "PairedTest"),
    "Prompt": ("core.prompts.listing", "Prompt"),
    "Ranked": ("core.comparison_views", "Ranked"),
    "Ranking": ("core.comparison_views", "Ranking"),
    "Reader": ("core.reader", "Reader"),
    "Recipe": ("core.views", "Recipe"),
    "Response": ("core.dialogue_views", "Response"),
    "SAMPLE": ("core.commands", "SAMPLE"),
    "SampleAnswer": ("core.views", "SampleAnswer"),
    "Scorecard": ("core.comparison_views", "Scorecard"),
    "SentRequest": ("core.teacher_views", "SentRequest"),
    "SlotUse": ("core.views", "SlotUse"),
    "Snapshot": ("core.views", "Snapshot"),
    "Spending": ("core.teacher_views", "Spending"),
    "Statistics": ("core.dialogues.statistics", "Statistics"),
    "Submission": ("core.teacher_views", "Submission"),
    "Supervisor": ("core.views", "Supervisor"),
    "UserError": ("core.errors", "UserError"),
    "Verdict": ("core.views", "Verdict"),
    "WinRate": ("core.views", "WinRate"),
    "Workspace": ("core.workspace", "Workspace"),
    "create_workspace": ("core.commands", "create_workspace"),
    "forecast": ("core.pipeline.forecast", "forecast"),
    "examine": ("core.doctor", "examine"),
    "is_sample": ("core.commands", "is_sample"),
    "judge_question": ("core.prompts.listing", "judge_question"),
    "look_at_machine": ("core.machine", "look"),
    "outcome": ("core.judging.statistics", "outcome"),
    "open_workspace": ("core.workspace", "open_workspace"),
    "prompt_conversation": ("core.prompts.listing", "conversation"),
    "prompt_improves": ("core.prompts.listing", "improves"),
    "prompts": ("core.prompts.listing", "prompts"),
    "stray_prompts": ("core.prompts.listing", "strays"),
    "template_names": ("core.commands", "template_names"),
    "visible": ("core.text", "visible"),
    "write_report": ("core.reports.write", "write_report"),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


__all__ = [
    "DATA_SOURCE",
    "DATA_TERMS",
    "DATA_URL",
    "LOG_LEVELS",
    "MAX_WORDS",
    "SAMPLE",
    "Agreement",
    "AnswerCount",
    "AppSettings",
    "Axis",
    "BatchMoment",
    "Cell",
    "Check",
    "Choice",
    "Commands",
    "Comparison",
    "Curves",
    "DataFacts",
    "Decided",
    "Dialogue",
    "DialogueCounts",
    "DialogueFilter",
    "DialogueLine",
    "DialogueOrder",
    "DialoguePage",
    "Estimate",
    "Event",
    "Forecast",
    "Gpu",
    "HumanWinRate",
    "ImportPlan",
    "IntentResult",
    "Job",
    "JobState",
    "Log",
    "LogFilter",
    "LogLevel",
    "LogLine",
    "LogPage",
    "Machine",
    "MetricPoint",
    "Pair",
    "PairedTest",
    "Paper",
    "Prompt",
    "Ranked",
    "Ranking",
    "Reader",
    "Recipe",
    "Response",
    "SampleAnswer",
    "Scorecard",
    "SentRequest",
    "SlotUse",
    "Snapshot",
    "Spending",
    "Statistics",
    "Submission",
    "Supervisor",
    "UserError",
    "Verdict",
    "WinRate",
    "Workspace",
    "create_workspace",
    "examine",
    "forecast",
    "is_sample",
    "judge_question",
    "look_at_machine",
    "open_workspace",
    "outcome",
    "prompt_conversation",
    "prompt_improves",
    "prompts",
    "stray_prompts",
    "template_names",
    "visible",
    "write_report",
]
