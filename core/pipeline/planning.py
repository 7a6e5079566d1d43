"""The graph of a workspace, from its files as they are now."""

from __future__ import annotations

from functools import cache

from core.config import Config
from core.pipeline import graph, slots
from core.pipeline.graph import Node
from core.prompts import templates
from core.store.data import DataFacts
from core.workspace import Workspace


def plan(workspace: Workspace, config: Config, facts: DataFacts) -> tuple[Node, ...]:
    """All jobs that `config` asks for over the data. Raises `UserError` as `graph.plan` does."""

    @cache
    def prompt(name: str) -> str:
        return templates.load(name, workspace.prompts)

    return graph.plan(config, facts, prompt, slots.local_slot(config.runs.device))
