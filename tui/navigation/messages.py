"""Requests to open another screen: screens post them to the app, which knows all screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from core.api import WorkspacePaths
    from tui.navigation.pair_filter import PairFilter


class Navigation(Message, bubble=False):
    """A request to go to another screen; post it to the app."""


@dataclass
class OpenScreen(Navigation):
    """Open a screen by its mode; `home` is the welcome screen while there is nothing to show."""

    mode: str


@dataclass
class OpenPairs(Navigation):
    """Open the pairs of responses of `a` and `b`: all, or those that match a filter."""

    a: str
    b: str
    pair_filter: PairFilter | None = None


@dataclass
class OpenPairOf(Navigation):
    """Open the pair of a test dialogue, with the responders that were shown last."""

    dialog_id: str


@dataclass
class OpenDialogue(Navigation):
    """Open an imported dialogue."""

    dialog_id: str


@dataclass
class OpenJob(Navigation):
    """Open a job on the pipeline screen."""

    job: str


@dataclass
class OpenStage(Navigation):
    """Open the jobs of a stage on the pipeline screen."""

    stage: str


class OpenRuns(Navigation):
    """Open the table of all runs, also superseded ones."""


@dataclass
class OpenRun(Navigation):
    """Open the curves of a run's job."""

    job: str


@dataclass
class OpenSetting(Navigation):
    """Open an option of config.toml on the settings screen; that of the recipes to train on opens these."""

    key: str


@dataclass
class OpenPlayground(Navigation):
    """Open the playground with an imported dialogue filled in; nothing is sent."""

    dialog_id: str


@dataclass
class PublishRun(Navigation):
    """Ask where and how a finished run is published."""

    name: str


@dataclass
class OpenLog(Navigation):
    """Open the log of a job, or the supervisor's for None."""

    job: str | None


@dataclass
class OpenBallot(Navigation):
    """Let `voter` vote on the responses of `a` and `b`; None asks for the voter's name.

    `uniform` is whether pairs are drawn uniformly, and not by the judge's uncertainty.
    """

    a: str
    b: str
    voter: str | None
    uniform: bool = False


class CloseBallot(Navigation):
    """Go back to where the voting was opened from."""


@dataclass
class OpenWorkspace(Navigation):
    """Close the app, to be opened again on another workspace."""

    workspace: WorkspacePaths
