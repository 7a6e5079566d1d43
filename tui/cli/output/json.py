"""The JSON that programs may rely on; None is null: not known (yet)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from core.api import (
    Check,
    DialogueCounts,
    ImportedData,
    ImportPlan,
    Job,
    Pair,
    Prompt,
    Recipe,
    Snapshot,
    Statistics,
    WinRate,
)


def write(value: object) -> None:
    """Print `value` as JSON in ASCII: no locale can break it, nor can a text in it steer a terminal."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def status(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "workspace": snapshot.workspace,
        "dialogues": counts(snapshot.dialogues),
        "supervisor": {"running": snapshot.supervisor.running, "pid": snapshot.supervisor.pid},
        "paused": snapshot.paused,
        "slots": [asdict(slot) for slot in snapshot.slots],
        "config_error": snapshot.config_error,
        "jobs": [job(each) for each in snapshot.jobs],
    }


def counts(dialogues: DialogueCounts) -> dict[str, int]:
    return {"total": dialogues.total, "train": dialogues.train, "test": dialogues.test}


def job(job: Job) -> dict[str, Any]:
    """Times are Unix seconds."""
    return {
        "id": job.id,
        "stage": job.stage,
        "name": job.name,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "attempt": job.attempt,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": job.error,
        "requested": job.requested,
        "reason": job.reason,
        "eta_s": job.eta_s,
        "slot": job.slot,
        "fingerprint": job.fingerprint,
        "depends_on": list(job.depends_on),
        "folder": job.folder,
    }


def imported(plan: ImportPlan, dialogues: DialogueCounts, *, changed: bool) -> dict[str, Any]:
    """What an import did, or would do."""
    return {
        "file": str(plan.file),
        "sha256": plan.facts.file_sha256,
        "changed": changed,
        "dialogues": counts(dialogues),
        "sources": ["human", *plan.facts.sources],
        "ignored_columns": list(plan.table.ignored),
        "changes": list(plan.changes),
        "stale": [{"id": job.id, "stage": job.stage, "name": job.name} for job in plan.stale],
    }


def data(facts: ImportedData | None, dialogues: DialogueCounts, figures: Statistics | None) -> dict[str, Any]:
    """`crosstabs`: rows are the human response's rating 1–3, columns the source's."""
    return {
        "file": None if facts is None else facts.file,
        "sha256": None if facts is None else facts.file_sha256,
        "dialogues": counts(dialogues),
        "emotions": {} if figures is None else figures.emotions,
        "sentiments": {} if figures is None else figures.sentiments,
        "sources": [
            {
                "source": source.source,
                "ratings": dict(zip("123", source.ratings, strict=True)),
                "mean_words": source.mean_words,
                "most_words": source.most_words,
            }
            for source in (() if figures is None else figures.sources)
        ],
        "crosstabs": [asdict(crosstab) for crosstab in (() if figures is None else figures.crosstabs)],
    }


def recipe(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe)


def prompt(prompt: Prompt) -> dict[str, Any]:
    return asdict(prompt) | {"path": str(prompt.path)}


def win_rate(rate: WinRate) -> dict[str, Any]:
    return asdict(rate)


def pair(pair: Pair) -> dict[str, Any]:
    return asdict(pair)


def check(check: Check) -> dict[str, Any]:
    return asdict(check)
