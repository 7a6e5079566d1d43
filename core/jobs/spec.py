"""`spec.json` in an attempt's folder: the worker's input."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import msgspec

from core.domain.errors import UserError
from core.domain.states import Slot, Stage
from core.jobs import files, journal
from core.jobs.inputs import parse_input
from core.jobs.journal import DamagedJournalError
from core.jobs.records import Started
from core.jobs.settings import Settings

S = TypeVar("S", bound=Settings, covariant=True)

NAME = "spec.json"
#: In an attempt's folder on a node that does not see the workspace: a path in the spec → where it is there.
PLACES = "places.json"


class Spec(msgspec.Struct, Generic[S], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attempt at a planned job; `S` is the type of its settings.

    It is separate from `PlannedJob` because it crosses the process boundary: a worker, which may run on
    another machine, has no access to the store, and needs the paths of its inputs and of earlier attempts.
    """

    job: str
    """The job's id."""
    name: str
    """The job's name, unique in its stage."""
    attempt: int
    """The attempt's number, from 1."""
    fingerprint: str
    """The job's fingerprint; empty for a call of the playground."""
    settings: S
    """The settings of its stage."""
    inputs: dict[str, str]
    """Name of the input → its absolute path."""
    prior: tuple[str, ...]
    """The folders of earlier attempts, newest first: the job reuses their results."""
    threads: int
    """CPU threads that the worker may use."""
    cache: str | None = None
    """The folder in which the workspace's jobs keep what others can use as well; None for none."""
    slot: Slot = "cpu"
    """The resource that the job uses. Like the following, only for a store that is made again."""
    reads: dict[str, str] = {}
    """Name of the input → what it is, as `core.jobs.inputs` writes it; empty in specs of older versions."""
    depends_on: tuple[str, ...] = ()
    """The ids of the jobs that were done before."""
    redone_after: int = 0
    """Attempts up to this number belong to a result that this one makes again."""
    spent_usd: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """US dollars that the workspace had spent by then, as its store has counted."""
    gpu: str | None = None
    """The GPUs that the worker sees, as CUDA_VISIBLE_DEVICES names them: one for each of its processes; None
    for those that the supervisor sees."""
    engine: str = "local"
    """The engine that runs the worker. On any but `local`, it writes heartbeats."""
    sends_requests: bool = True
    """Whether the job may send requests to large models; otherwise it only reads the answers there are."""
    ignores_rungs: bool = False
    """Whether the job was started whatever its rung decides. Only for a store that is made again."""

    def __post_init__(self) -> None:
        for text in self.reads.values():
            parse_input(text)

    @property
    def stage(self) -> Stage:
        return self.settings.stage


def write(folder: Path, spec: Spec[Settings]) -> None:
    """Raises `OSError`."""
    files.write_bytes(folder / NAME, msgspec.json.format(msgspec.json.encode(spec), indent=2))


def read(folder: Path) -> Spec[Settings]:
    """Read a spec.json. Raises `UserError` that names a key that is unknown, missing or of another type, or
    says why the file cannot be read."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Spec[Settings])
    except OSError as error:
        raise UserError(f"{path}: it cannot be read: {error.strerror}") from error
    except files.DAMAGED as error:
        raise UserError(f"{path}: {error}") from error


def read_here(folder: Path) -> Spec[Settings]:
    """Read a spec.json, with the paths of this machine. Raises `UserError` as `read` does."""
    spec = read(folder)
    path = folder / PLACES
    if not path.exists():
        return spec
    places = msgspec.json.decode(path.read_bytes(), type=dict[str, str])

    def moved(value: object) -> object:
        match value:
            case str():
                return places.get(value, value)
            case dict():
                return {key: moved(one) for key, one in value.items()}
            case list():
                return [moved(one) for one in value]
            case _:
                return value

    here = msgspec.json.encode(moved(msgspec.json.decode(msgspec.json.encode(spec))))
    return msgspec.json.decode(here, type=Spec[Settings])


def raw(spec: Spec[Settings]) -> msgspec.Raw:
    """A spec as its attempt's journal keeps it."""
    return msgspec.Raw(msgspec.json.encode(spec))


def recover(folder: Path) -> Spec[Settings]:
    """Read a spec.json, or, where it was removed or damaged, what the attempt's journal says of it.

    Raises `UserError` as `read` does.
    """
    try:
        return read(folder)
    except UserError:
        with suppress(DamagedJournalError, OSError, *files.DAMAGED):
            for entry, _ in journal.read(folder):
                if isinstance(entry.record, Started):
                    return msgspec.json.decode(entry.record.spec, type=Spec[Settings])
        raise
