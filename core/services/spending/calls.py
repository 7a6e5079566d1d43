"""What the playground has paid to large models, by the journals of its calls."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.jobs import journal
from core.jobs.journal import DamagedJournalError
from core.jobs.records import Answer


@dataclass
class CallSums:
    """The cost of calls, in US dollars."""

    usd: float = 0.0
    """All of it."""
    estimated_usd: float = 0.0
    """What of it is estimated."""
    unpriced: int = 0
    """Answers whose cost is not known."""


class Calls:
    """The journals of a playground's calls. Each look continues where the last one ended."""

    def __init__(self, workspace: WorkspacePaths) -> None:
        self._folder = workspace.calls
        self._sums = CallSums()
        self._offsets: dict[Path, int] = {}
        #: An answer that was lost is recorded by the next call too.
        self._seen: set[tuple[str, str, int]] = set()

    def sums(self) -> CallSums:
        """What all calls have cost so far."""
        for folder in sorted(self._folder.glob("*/*")):
            # A damaged journal is reported where jobs read it.
            with suppress(DamagedJournalError, OSError):
                for entry, offset in journal.read(folder, self._offsets.get(folder, 0)):
                    self._offsets[folder] = offset
                    if isinstance(entry.record, Answer):
                        self._add(entry.record)
        return self._sums

    def _add(self, answer: Answer) -> None:
        name = (answer.token, answer.key, answer.number)
        if name in self._seen:
            return
        self._seen.add(name)
        self._sums.usd += answer.usd or 0.0
        if answer.is_estimated:
            self._sums.estimated_usd += answer.usd or 0.0
        self._sums.unpriced += answer.usd is None and answer.output_tokens is not None
