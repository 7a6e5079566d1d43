"""Diagnostics: checks of this machine and this workspace, with a remedy for each problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.config.workspace import WorkspacePaths
from core.domain.checks import Check
from core.services.doctor import key_checks, machine_checks, network_checks, terminal_checks, workspace_checks


def examine(workspace: WorkspacePaths) -> Iterator[Check]:
    """Run all checks. API keys are checked but never shown."""
    checks: tuple[Callable[[], Iterator[Check]], ...] = (
        machine_checks.python,
        machine_checks.packages,
        machine_checks.torch_device,
        machine_checks.embedded_models,
        machine_checks.sqlite,
        machine_checks.memory,
        terminal_checks.terminal,
        terminal_checks.tmux,
        network_checks.certificates,
        network_checks.proxies,
        lambda: key_checks.keys(workspace),
        lambda: network_checks.servers(workspace),
        lambda: workspace_checks.engines(workspace),
        lambda: workspace_checks.folders(workspace),
        lambda: workspace_checks.contents(workspace),
    )
    for check in checks:
        yield from check()
