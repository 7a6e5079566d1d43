"""Checks of API keys, which are never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator

from core.config.workspace import WorkspacePaths
from core.domain.checks import Check
from core.services.doctor.configured_models import large_models
from core.teachers.settings import api_keys

KEYS = (*api_keys.VARIABLES.values(), "GOOGLE_API_KEY", "HF_TOKEN")


def keys(workspace: WorkspacePaths) -> Iterator[Check]:
    """API keys that config.toml's teachers and judges need, then the other known ones."""
    used = large_models(workspace)
    needed: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    for name, teacher in used:
        if teacher.provider in api_keys.VARIABLES:
            of = needed if api_keys.is_needed(teacher) else wanted
            of.setdefault(api_keys.variable(teacher), []).append(name)
    for key in dict.fromkeys((*needed, *wanted, *KEYS)):
        for_whom = f"for {', '.join(needed.get(key) or wanted.get(key) or ())}"
        if os.environ.get(key, "").strip():
            yield Check(key, "ok", "set")
        elif key in needed:
            remedy = f"export {key} before you start the program; it is read only from the environment"
            yield Check(key, "fail", f"not set, but needed {for_whom}", remedy)
        elif key in wanted:
            yield Check(key, "ok", f"not set; it may not be needed {for_whom}, which has its own base_url")
        else:
            yield Check(key, "ok", "not set; nothing in the pipeline needs it")
