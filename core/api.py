"""The one seam between the core and everything that shows or steers it.

Frozen dataclasses, `Reader` (what is) and `Commands` (what shall be). Each name is loaded when it is
first asked for, so that the first screen does not wait for what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.config.workspace import Workspace, open_workspace
    from core.dialogues.fetch import PUBLIC_URL as DATA_URL
    from core.dialogues.fetch import SOURCE as DATA_SOURCE
    from core.dialogues.fetch import TERMS as DATA_TERMS
    from core.dialogues.statistics import Statistics
    from core.domain.app_settings import AppSettings
    from core.domain.comparisons import (
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
    from core.domain.dialogue_pages import (
        Decided,
        DialogueFilter,
        DialogueLine,
        DialogueOrder,
        DialoguePage,
        Response,
    )
    from core.domain.dialogues import MAX_WORDS, Dialogue, ImportedData
    from core.domain.errors import UserError
    from core.domain.events import Event, IntentResult
    from core.domain.job_rules import (
        ENDED,
        UNSUCCESSFUL,
        JobCounts,
        action_problem,
        blocked_jobs,
        count_jobs,
        find_job,
        job_progress,
        log_problem,
        needs_supervisor,
        start_all_problem,
    )
    from core.domain.jobs import Job, JobState
    from core.domain.names import RUN_STAGES, ComparisonName, RecipeName, RunName
    from core.domain.recipes import Recipe
    from core.domain.runs import MetricPoint, SampleAnswer
    from core.domain.snapshot import DialogueCounts, SlotUse, Snapshot, Supervisor
    from core.domain.submissions import (
        AnswerCount,
        BatchMoment,
        Estimate,
        SentRequest,
        Spending,
        Submission,
    )
    from core.domain.text import visible
    from core.domain.verdicts import Pair, Verdict
    from core.domain.win_rates import WinRate
    from core.judging.statistics import outcome
    from core.judging.voting import Paper
    from core.reports.write import write_report
    from core.services.commands import (
        SAMPLE,
        Commands,
        ImportPlan,
        create_workspace,
        is_sample,
        template_names,
    )
    from core.services.curves import Axis, Curves
    from core.services.doctor import Check, examine
    from core.services.forecast import Forecast, forecast
    from core.services.log_records import LEVELS as LOG_LEVELS
    from core.services.log_records import Level as LogLevel
    from core.services.logs import (
        Log,
        LogFilter,
        LogLine,
        LogPage,
    )
    from core.services.machine import Gpu, Machine
    from core.services.machine import look as look_at_machine
    from core.services.prompts import Prompt, judge_question, prompts
    from core.services.prompts import conversation as prompt_conversation
    from core.services.prompts import improves as prompt_improves
    from core.services.prompts import strays as stray_prompts
    from core.services.reader import Reader

#: Name → the module that defines it, and its name there.
_HOMES = {
    "ENDED": ("core.domain.job_rules", "ENDED"),
    "UNSUCCESSFUL": ("core.domain.job_rules", "UNSUCCESSFUL"),
    "JobCounts": ("core.domain.job_rules", "JobCounts"),
    "action_problem": ("core.domain.job_rules", "action_problem"),
    "blocked_jobs": ("core.domain.job_rules", "blocked_jobs"),
    "count_jobs": ("core.domain.job_rules", "count_jobs"),
    "find_job": ("core.domain.job_rules", "find_job"),
    "job_progress": ("core.domain.job_rules", "job_progress"),
    "log_problem": ("core.domain.job_rules", "log_problem"),
    "needs_supervisor": ("core.domain.job_rules", "needs_supervisor"),
    "start_all_problem": ("core.domain.job_rules", "start_all_problem"),
    "ComparisonName": ("core.domain.names", "ComparisonName"),
    "RUN_STAGES": ("core.domain.names", "RUN_STAGES"),
    "RecipeName": ("core.domain.names", "RecipeName"),
    "RunName": ("core.domain.names", "RunName"),
    "Agreement": ("core.domain.comparisons", "Agreement"),
    "AppSettings": ("core.domain.app_settings", "AppSettings"),
    "AnswerCount": ("core.domain.submissions", "AnswerCount"),
    "BatchMoment": ("core.domain.submissions", "BatchMoment"),
    "Axis": ("core.services.curves", "Axis"),
    "Cell": ("core.domain.comparisons", "Cell"),
    "Choice": ("core.domain.comparisons", "Choice"),
    "Check": ("core.services.doctor", "Check"),
    "Commands": ("core.services.commands", "Commands"),
    "Comparison": ("core.domain.comparisons", "Comparison"),
    "Curves": ("core.services.curves", "Curves"),
    "DATA_SOURCE": ("core.dialogues.fetch", "SOURCE"),
    "DATA_TERMS": ("core.dialogues.fetch", "TERMS"),
    "DATA_URL": ("core.dialogues.fetch", "PUBLIC_URL"),
    "ImportedData": ("core.domain.dialogues", "ImportedData"),
    "Decided": ("core.domain.dialogue_pages", "Decided"),
    "Dialogue": ("core.domain.dialogues", "Dialogue"),
    "DialogueCounts": ("core.domain.snapshot", "DialogueCounts"),
    "DialogueFilter": ("core.domain.dialogue_pages", "DialogueFilter"),
    "DialogueLine": ("core.domain.dialogue_pages", "DialogueLine"),
    "DialogueOrder": ("core.domain.dialogue_pages", "DialogueOrder"),
    "DialoguePage": ("core.domain.dialogue_pages", "DialoguePage"),
    "Estimate": ("core.domain.submissions", "Estimate"),
    "Event": ("core.domain.events", "Event"),
    "Forecast": ("core.services.forecast", "Forecast"),
    "Gpu": ("core.services.machine", "Gpu"),
    "HumanWinRate": ("core.domain.comparisons", "HumanWinRate"),
    "ImportPlan": ("core.services.commands", "ImportPlan"),
    "IntentResult": ("core.domain.events", "IntentResult"),
    "Job": ("core.domain.jobs", "Job"),
    "JobState": ("core.domain.jobs", "JobState"),
    "LOG_LEVELS": ("core.services.log_records", "LEVELS"),
    "Log": ("core.services.logs", "Log"),
    "LogFilter": ("core.services.logs", "LogFilter"),
    "MAX_WORDS": ("core.domain.dialogues", "MAX_WORDS"),
    "LogLevel": ("core.services.log_records", "Level"),
    "LogLine": ("core.services.logs", "LogLine"),
    "LogPage": ("core.services.logs", "LogPage"),
    "Machine": ("core.services.machine", "Machine"),
    "MetricPoint": ("core.domain.runs", "MetricPoint"),
    "Pair": ("core.domain.verdicts", "Pair"),
    "Paper": ("core.judging.voting", "Paper"),
    "PairedTest": ("core.domain.comparisons", "PairedTest"),
    "Prompt": ("core.services.prompts", "Prompt"),
    "Ranked": ("core.domain.comparisons", "Ranked"),
    "Ranking": ("core.domain.comparisons", "Ranking"),
    "Reader": ("core.services.reader", "Reader"),
    "Recipe": ("core.domain.recipes", "Recipe"),
    "Response": ("core.domain.dialogue_pages", "Response"),
    "SAMPLE": ("core.services.commands", "SAMPLE"),
    "SampleAnswer": ("core.domain.runs", "SampleAnswer"),
    "Scorecard": ("core.domain.comparisons", "Scorecard"),
    "SentRequest": ("core.domain.submissions", "SentRequest"),
    "SlotUse": ("core.domain.snapshot", "SlotUse"),
    "Snapshot": ("core.domain.snapshot", "Snapshot"),
    "Spending": ("core.domain.submissions", "Spending"),
    "Statistics": ("core.dialogues.statistics", "Statistics"),
    "Submission": ("core.domain.submissions", "Submission"),
    "Supervisor": ("core.domain.snapshot", "Supervisor"),
    "UserError": ("core.domain.errors", "UserError"),
    "Verdict": ("core.domain.verdicts", "Verdict"),
    "WinRate": ("core.domain.win_rates", "WinRate"),
    "Workspace": ("core.config.workspace", "Workspace"),
    "create_workspace": ("core.services.commands", "create_workspace"),
    "forecast": ("core.services.forecast", "forecast"),
    "examine": ("core.services.doctor", "examine"),
    "is_sample": ("core.services.commands", "is_sample"),
    "judge_question": ("core.services.prompts", "judge_question"),
    "look_at_machine": ("core.services.machine", "look"),
    "outcome": ("core.judging.statistics", "outcome"),
    "open_workspace": ("core.config.workspace", "open_workspace"),
    "prompt_conversation": ("core.services.prompts", "conversation"),
    "prompt_improves": ("core.services.prompts", "improves"),
    "prompts": ("core.services.prompts", "prompts"),
    "stray_prompts": ("core.services.prompts", "strays"),
    "template_names": ("core.services.commands", "template_names"),
    "visible": ("core.domain.text", "visible"),
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
    "ENDED",
    "LOG_LEVELS",
    "MAX_WORDS",
    "RUN_STAGES",
    "SAMPLE",
    "UNSUCCESSFUL",
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
    "ComparisonName",
    "Curves",
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
    "ImportedData",
    "IntentResult",
    "Job",
    "JobCounts",
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
    "RecipeName",
    "Response",
    "RunName",
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
    "action_problem",
    "blocked_jobs",
    "count_jobs",
    "create_workspace",
    "examine",
    "find_job",
    "forecast",
    "is_sample",
    "job_progress",
    "judge_question",
    "log_problem",
    "look_at_machine",
    "needs_supervisor",
    "open_workspace",
    "outcome",
    "prompt_conversation",
    "prompt_improves",
    "prompts",
    "start_all_problem",
    "stray_prompts",
    "template_names",
    "visible",
    "write_report",
]
