"""Rows of a data set on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from core.dialogues.sources import flat_records
from core.dialogues.sources.parquet_source import column_names
from core.dialogues.sources.reader_protocol import Format, ProgressCallback, Row, RowSource
from core.dialogues.split import COLUMN
from core.domain.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

_SCHEME = "hf:"
_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?", re.ASCII)
_OPTIONS = ("config", "split", "revision")
#: Rows that are read at once.
_BATCH = 1_000
#: The commit in the address of a file of the data set.
_COMMIT = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True)
class HubDataset:
    """A data set on the Hub, as `hf:NAME?config=…&split=…&revision=…`. Without a split all are read."""

    name: str
    """As `owner/name`, or `name` alone."""
    config: str | None = None
    """The configuration; None for the default one."""
    split: str | None = None
    """The split; None for all."""
    revision: str | None = None
    """A commit, branch or tag; None for the newest commit."""

    @classmethod
    def parse(cls, text: str) -> HubDataset | None:
        """The data set that a text names; None if it names a file. Raises `UserError`."""
        if not text.startswith(_SCHEME):
            return None
        name, _, query = text.removeprefix(_SCHEME).partition("?")
        options = dict(parse_qsl(query))
        if not _NAME.fullmatch(name) or (query and not options) or set(options) - set(_OPTIONS):
            raise UserError(
                f"{text} does not name a data set on the Hub: write hf:OWNER/NAME, and after a ? what is "
                "needed of config=…&split=…&revision=…"
            )
        return cls(name, **options)

    def __str__(self) -> str:
        options = "&".join(f"{key}={value}" for key in _OPTIONS if (value := getattr(self, key)) is not None)
        return f"{_SCHEME}{self.name}" + (f"?{options}" if options else "")


@contextmanager
def opened(wanted: HubDataset) -> Iterator[tuple[RowSource, str]]:
    """A data set as a source, and a SHA-256 of its name and its commit. Raises `UserError`."""
    found = _load(wanted)
    commit = next(iter(_commits(found)), "")
    identity = hashlib.sha256(f"{wanted} {commit}".encode()).hexdigest()
    yield HubSource(found), identity


class HubSource:
    """The splits of a data set, one after the other; of several, the column `split` names that of a row."""

    def __init__(self, splits: Mapping[str, Dataset]) -> None:
        self._splits = splits
        self.format = Format("Hugging Face data set")
        names = dict.fromkeys(
            name for one in splits.values() for name in column_names(one.features.arrow_schema)
        )
        self._names_split = len(splits) > 1 and COLUMN not in names
        self.header = Row(0, 0, [*names, *([COLUMN] if self._names_split else [])])

    def rows(self, progress: ProgressCallback | None) -> Iterator[Row]:
        """The rows of all splits; see `RowSource`."""
        number, total = 0, sum(len(one) for one in self._splits.values())
        for split, dataset in self._splits.items():
            for batch in dataset.with_format("arrow").iter(_BATCH):
                for record in batch.to_pylist():
                    number += 1
                    named = {COLUMN: split} if self._names_split else {}
                    yield Row(number, 0, flat_records.cells(record | named, self.header.cells))
                if progress is not None:
                    progress(number, total)

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """None: the data set's features name its columns."""
        return None


def _load(wanted: HubDataset) -> dict[str, Dataset]:
    """The splits of a data set, downloaded to the cache of `datasets` unless they are there."""
    import datasets
    import huggingface_hub.utils as hub

    from core.network import hub as own_hub

    if Path(wanted.name).exists():
        # It would be taken for a data set, with whatever is in it.
        raise UserError(f"{wanted.name} is also a file or folder here: start the import in another folder")
    # Bars and warnings would be drawn over the app.
    datasets.disable_progress_bars()
    hub.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    hub.logging.set_verbosity_error()
    own_hub.use_own_client()
    unreachable = _unreachable()
    try:
        with _offline() if unreachable else nullcontext():
            found = datasets.load_dataset(
                wanted.name, wanted.config, split=wanted.split, revision=wanted.revision
            )
    except UserError:
        # The environment makes requests impossible.
        raise
    except Exception as error:
        # Whatever a library of this size raises: network, names, formats, disks.
        reason = unreachable or (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{wanted} cannot be loaded: {reason.rstrip('.')}. {_remedy(str(error))}") from error
    return dict(found) if isinstance(found, dict) else {wanted.split or "train": found}


def _unreachable() -> str | None:
    """Why the Hub cannot be reached; None if it can, or if nobody wants it to be."""
    from datasets import config
    from huggingface_hub.constants import ENDPOINT

    from core.network import connection_check

    if config.HF_HUB_OFFLINE:
        return None
    failure = connection_check.failure(ENDPOINT, "HF_ENDPOINT")
    return failure.text if failure is not None and failure.unreachable else None


@contextmanager
def _offline() -> Iterator[None]:
    """Have `datasets` look into its cache alone: it would try for half a minute to reach the Hub."""
    from datasets import config

    config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = False


def _remedy(message: str) -> str:
    if "Config name is missing" in message or "BuilderConfig" in message:
        return "Name one of its configurations after the name: ?config=…"
    if "scripts are no longer supported" in message:
        return "The Hub may have a copy without a script: ?revision=refs/convert/parquet"
    if "Unknown split" in message or "nknown split" in message:
        return "Name one of its splits: ?split=…"
    return "Check its name, the network, and for a private one HF_TOKEN; or download a file of it"


def _commits(found: Mapping[str, Dataset]) -> Iterator[str]:
    for dataset in found.values():
        for address in dataset.info.download_checksums or {}:
            if (match := _COMMIT.search(address)) is not None:
                yield match[1]
