"""What the workspace says about the playground: who may answer, how, and whether models are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import PlaygroundJudge, PlaygroundResponder, Responding, Workspace


@dataclass(frozen=True)
class Offered:
    """What was found at one look."""

    offered: Sequence[PlaygroundResponder]
    """Who may answer; empty if that cannot be known."""
    judges: Sequence[PlaygroundJudge]
    """Who may compare two answers."""
    sampling: Responding
    """The settings of config.toml."""
    problem: str | None
    """Why nobody is offered, for people; None if somebody is, or nothing is wrong."""
    is_running: bool
    """Whether the resident process runs."""
    ended: str | None
    """Why the last one ended, for people; None if that is not known."""

    def chosen(self, before: Sequence[str]) -> tuple[str, ...]:
        """Those of before who may still answer; without any, the first two that cost nothing, else the first
        one."""
        able = {one.name: one for one in self.offered if one.problem is None}
        kept = tuple(name for name in before if name in able)
        free = [name for name, one in able.items() if not one.is_paid]
        return kept or tuple(free[:2] or list(able)[:1])


def look(workspace: Workspace) -> Offered:
    """Look at the workspace."""
    from core.api import UserError

    playground = workspace.playground
    offered: Sequence[PlaygroundResponder] = ()
    judges: Sequence[PlaygroundJudge] = ()
    problem = None
    try:
        offered, judges = playground.responders(), playground.judges()
    except UserError as error:
        problem = str(error)
    return Offered(
        offered, judges, playground.sampling(), problem, playground.is_running(), playground.why_ended()
    )
