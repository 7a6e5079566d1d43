"""What jobs read on this machine, as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.jobs import journal
from core.jobs.settings import DpoSettings, RespondSettings, Settings, SftSettings, StudentResponder
from core.jobs.spec import Spec
from core.pipeline.storage import outputs


@dataclass(frozen=True)
class Reads:
    """What one job or several read."""

    paths: tuple[Path, ...]
    """Files and folders, each once."""
    prior: frozenset[Path]
    """Those of them that are earlier attempts' folders."""

    def files_at(self, path: Path) -> Iterator[Path]:
        """The files at one of the paths; of an earlier attempt, those that a later one may use."""
        if path.is_file():
            yield path
        elif path in self.prior:
            if (path / journal.NAME).exists():
                yield path / journal.NAME
            yield from outputs.complete(path)
        else:
            yield from (one for one in sorted(path.rglob("*")) if one.is_file())

    def files(self) -> Iterator[Path]:
        """All files."""
        for path in self.paths:
            yield from self.files_at(path)


def of(spec: Spec[Settings]) -> Reads:
    """What an attempt reads beside its spec."""
    prior = tuple(map(Path, spec.prior))
    read = (*map(Path, spec.inputs.values()), *prior, *of_settings(spec.settings))
    return Reads(tuple(dict.fromkeys(read)), frozenset(prior))


def of_settings(settings: Settings) -> list[Path]:
    """The files and folders of this machine that the settings of a job name."""
    match settings:
        case SftSettings(student=student) | DpoSettings(student=student):
            pass
        case RespondSettings(responder=StudentResponder(student=student)):
            pass
        case _:
            return []
    named = (student.config.model, student.config.chat_template)
    paths = [Path(path) for path in named if path is not None]
    return [path for path in paths if path.is_absolute() and path.exists()]
