"""Checks of the workspace: its folders, config.toml, clusters, state.db and the supervisor."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from platformdirs import user_cache_path

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.checks import Check, CheckOutcome
from core.domain.errors import UserError
from core.pipeline import launch
from core.pipeline.engines import clusters
from core.pipeline.storage import storage
from core.pipeline.storage.storage import Storage
from core.services.doctor.configured_models import config_or_default
from core.services.doctor.machine_checks import PROJECT
from core.services.workspace import open_workspace
from core.store import connections

#: Enough for a checkpoint of a small student, its converted weights and a few adapters.
_WARN_BYTES, _FAIL_BYTES = 5_000_000_000, 500_000_000
#: File systems without the shared memory that SQLite's write-ahead log needs.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p"}


def engines(workspace: WorkspacePaths) -> Iterator[Check]:
    """Whether the clusters of config.toml answer."""
    for name, engine in config_or_default(workspace).engines.items():
        use = clusters.ask(name, engine, workspace.artifacts / "engines" / name)
        free = ", ".join(f"{one.used:g} of {one.total:g} {one.name} in use" for one in use.resources)
        if use.problem is None:
            lost = f"; lost: {', '.join(use.lost_nodes)}" if use.lost_nodes else ""
            yield Check(f"engine {name}", "ok", f"{engine.type}: {free or 'it answers'}{lost}")
        else:
            yield Check(f"engine {name}", "fail", use.problem, f"see docs/how-to/{engine.type}.md")
        if engine.storage is not None:
            yield _storage(f"engine {name}: storage", engine.storage)


def _storage(label: str, url: str) -> Check:
    try:
        storage.check_package(url)
        took_s = Storage(url).try_out()
    except (UserError, OSError) as error:
        return Check(label, "fail", str(error), "see docs/how-to/storage.md")
    return Check(label, "ok", f"{url}: a file written, read and deleted in {took_s:.2f} s")


def folders(workspace: WorkspacePaths) -> Iterator[Check]:
    for name, folder in (("workspace", workspace.root), ("cache", user_cache_path(PROJECT))):
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
        except OSError as error:
            yield Check(f"{name}: writing", "fail", f"{folder}: {error.strerror}", _writing_remedy(name))
            continue
        yield Check(f"{name}: writing", "ok", str(folder))
        free = shutil.disk_usage(place).free
        found = f"{free / 1e9:.1f} GB free"
        if free >= _WARN_BYTES:
            yield Check(f"{name}: disk", "ok", found)
        else:
            outcome: CheckOutcome = "warn" if free >= _FAIL_BYTES else "fail"
            remedy = f"free up {_WARN_BYTES / 1e9:.0f} GB: runs write checkpoints and adapters"
            yield Check(f"{name}: disk", outcome, found, remedy)
    kind = _filesystem(workspace.root)
    if kind in _NETWORK:
        remedy = "SQLite is not safe on network file systems: keep the workspace on a local disk"
        yield Check("workspace: file system", "warn", kind, remedy)
    elif kind is not None:
        yield Check("workspace: file system", "ok", kind)


def _writing_remedy(name: str) -> str:
    if name == "cache":
        return "change its permissions, or set XDG_CACHE_HOME to a folder of yours"
    return "change its permissions, or name another folder with --workspace"


def _filesystem(folder: Path) -> str | None:
    """The type of the file system of `folder`; None if /proc does not show it."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    parts = [line.split(" ") for line in lines]
    # /proc writes white space in names as octal escapes; such mounts are not recognised.
    places = [(Path(part[1]), part[2]) for part in parts if len(part) > 2]
    holding = [(place, kind) for place, kind in places if folder.is_relative_to(place)]
    # Of two mounts on the same path, the later one hides the earlier one.
    return max(reversed(holding), key=lambda found: len(found[0].parts))[1] if holding else None


def contents(workspace: WorkspacePaths) -> Iterator[Check]:
    if os.path.lexists(workspace.config):
        try:
            load_config(workspace.config)
            yield Check("config.toml", "ok", str(workspace.config))
        except UserError as error:
            yield Check("config.toml", "fail", str(error), "correct the file, then run this again")
            return
    else:
        yield Check("config.toml", "warn", "missing", "create one: `empathy-tui init`")
    try:
        with open_workspace(workspace) as opened:
            # Migrates it first.
            opened.pipeline.version()
            if workspace.state.exists():
                with closing(connections.reader(workspace.state)) as connection:
                    connections.check_complete(connection, workspace.state)
            snapshot = opened.pipeline.snapshot()
    except (UserError, OSError, sqlite3.DatabaseError) as error:
        yield Check("state.db", "fail", troubles.trouble_in_words(error) or str(error), "see the message")
        return
    if snapshot.config_error is not None:
        yield Check("pipeline", "fail", snapshot.config_error, "correct config.toml, then run this again")
    if workspace.state.exists():
        yield Check("state.db", "ok", f"{snapshot.dialogues.total:,} dialogues, {len(snapshot.jobs):,} jobs")
    else:
        yield Check("state.db", "ok", "does not exist yet: the first import creates it")
    running, pid = launch.is_running(workspace)
    yield Check("supervisor", "ok", f"running (pid {pid})" if running else "idle; it starts on demand")
