"""What importing a file, or the data sets of config.toml, would change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from core.config import checks
from core.config.schema import DataSettings
from core.config.workspace import WorkspacePaths
from core.dialogues import mapping
from core.dialogues.importing import changes, mixture, staging, table
from core.dialogues.sources.hub_source import HubDataset
from core.dialogues.sources.reader_protocol import ReadingProgress
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs.job import Job
from core.recipes import catalog
from core.services.data.reader import DataReader
from core.services.pipeline.reader import PipelineReader


@dataclass(frozen=True)
class ImportPlan:
    """The effects of an import."""

    file: Path
    """The file, or the names of the data sets of config.toml."""
    imported: ImportedData
    """The data as the workspace would hold it."""
    table: table.Table
    """The dialogues that were read, and how; they are in a temporary file."""
    first: bool
    """Whether nothing is imported yet."""
    changes: tuple[str, ...]
    """What differs from the data that is imported, for people."""
    stale: tuple[Job, ...]
    """The finished jobs that become stale."""
    unavailable: tuple[str, ...] = ()
    """The recipes and judges that the data does not allow, each with the reason."""

    @property
    def changes_nothing(self) -> bool:
        return not self.first and not self.changes


def plan(
    paths: WorkspacePaths,
    pipeline: PipelineReader,
    data: DataReader,
    file: Path | None,
    *,
    columns: Sequence[str],
    encoding: str | None,
    strict: bool,
    progress: ReadingProgress | None,
) -> ImportPlan:
    """As `Commands.plan_import`."""
    settings = _settings(paths, data, columns, encoding)
    if file is None:
        if columns or encoding:
            raise UserError("name columns and encoding of each data set in config.toml")
        read, name = _mixture(paths, data, settings, strict=strict, progress=progress)
    else:
        hub = HubDataset.parse(str(file))
        read = table.read_table(hub or file, settings, strict=strict, progress=progress)
        name = file.name if hub is None else str(hub)
    imported = staging.describe_table(read, name)
    before = data.imported()
    found: tuple[str, ...] = ()
    stale: tuple[Job, ...] = ()
    if before is not None and before.data != imported.data:
        found = changes.compare(data.each_dialogue(), read.dialogues).lines()
        stale = _stale(pipeline, imported)
    unavailable = catalog.unavailable_for(imported)
    return ImportPlan(file or Path(name), imported, read, before is None, found, stale, unavailable)


def _mixture(
    paths: WorkspacePaths,
    data: DataReader,
    settings: DataSettings,
    *,
    strict: bool,
    progress: ReadingProgress | None,
) -> tuple[table.Table, str]:
    """The data sets of config.toml as one, and their names."""
    config, _ = data.config()
    if config is None or not config.data_sets:
        raise UserError(
            "there is nothing to import: name a file, or data sets in config.toml ([data_sets.NAME])"
        )
    read = mixture.read_mixture(config.data_sets, paths.root, settings, strict=strict, progress=progress)
    return read, "+".join(config.data_sets)


def _settings(
    paths: WorkspacePaths, data: DataReader, columns: Sequence[str], encoding: str | None
) -> DataSettings:
    """The settings in config.toml, and what a command names instead."""
    found = DataSettings()
    if os.path.lexists(paths.config):
        config, problem = data.config()
        if config is None:
            raise UserError(problem or f"{paths.config} cannot be read")
        found = config.data
    named = mapping.normalized(found.columns, f"{paths.config}: data.columns")
    checks.check_encoding("--encoding", encoding)
    return msgspec.structs.replace(
        found, columns=named | mapping.parse(columns), encoding=encoding or found.encoding
    )


def _stale(pipeline: PipelineReader, imported: ImportedData) -> tuple[Job, ...]:
    """Finished jobs of the current graph that are not in the graph on `imported`."""
    kept = {node.id for node in pipeline.plan_over(imported)}
    return tuple(job for job in pipeline.snapshot().jobs if job.state == "done" and job.id not in kept)
