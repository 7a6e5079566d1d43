"""Requests to open another screen: screens post them to the app, which knows all screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from core.api import WorkspacePaths
    from tui.navigation.pair_filter import PairFilter


# No dataclasses: the first frame waits for these, and what a dataclass generates takes longer.
class Navigation(Message, bubble=False):
    """A request to go to another screen; post it to the app."""


class OpenScreen(Navigation):
    """Open a screen by its mode; `home` is the welcome screen while there is nothing to show."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode


class OpenPairs(Navigation):
    """Open the pairs of responses of `a` and `b`: all, or those that match a filter."""

    def __init__(self, a: str, b: str, pair_filter: PairFilter | None = None) -> None:
        super().__init__()
        self.a = a
        self.b = b
        self.pair_filter = pair_filter


class OpenPairOf(Navigation):
    """Open the pair of a test dialogue, with the responders that were shown last."""

    def __init__(self, dialog_id: str) -> None:
        super().__init__()
        self.dialog_id = dialog_id


class OpenDialogue(Navigation):
    """Open an imported dialogue."""

    def __init__(self, dialog_id: str) -> None:
        super().__init__()
        self.dialog_id = dialog_id


class OpenJob(Navigation):
    """Open a job on the pipeline screen."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job


class OpenStage(Navigation):
    """Open the jobs of a stage on the pipeline screen."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage


class OpenRuns(Navigation):
    """Open the table of all runs, also superseded ones."""


class OpenRun(Navigation):
    """Open the curves of a run's job."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job


class OpenSetting(Navigation):
    """Open an option of config.toml on the settings screen; that of the recipes to train on opens these."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class OpenPlayground(Navigation):
    """Open the playground with an imported dialogue filled in; nothing is sent."""

    def __init__(self, dialog_id: str) -> None:
        super().__init__()
        self.dialog_id = dialog_id


class PublishRun(Navigation):
    """Ask where and how a finished run is published."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class OpenLog(Navigation):
    """Open the log of a job, or the supervisor's for None."""

    def __init__(self, job: str | None) -> None:
        super().__init__()
        self.job = job


class OpenBallot(Navigation):
    """Let `voter` vote on the responses of `a` and `b`; None asks for the voter's name.

    `uniform` is whether pairs are drawn uniformly, and not by the judge's uncertainty.
    """

    def __init__(self, a: str, b: str, voter: str | None, uniform: bool = False) -> None:
        super().__init__()
        self.a = a
        self.b = b
        self.voter = voter
        self.uniform = uniform


class CloseBallot(Navigation):
    """Go back to where the voting was opened from."""


class OpenWorkspace(Navigation):
    """Close the app, to be opened again on another workspace."""

    def __init__(self, workspace: WorkspacePaths) -> None:
        super().__init__()
        self.workspace = workspace
