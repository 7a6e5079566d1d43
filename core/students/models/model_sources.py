"""Which model a student's name stands for: a folder by its content, a Hub name by its commit.

It loads no heavy library: plans of jobs are made from it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from platformdirs import user_cache_path

from core.config.schema import Config, JudgeConfig, Student, Teacher
from core.domain.errors import UserError
from core.jobs import files

TeacherOrJudge = TypeVar("TeacherOrJudge", Teacher, JudgeConfig)

_EMBEDDED = "embedded/"
_COMMIT = re.compile(r"[0-9a-f]{40}")
#: Documents beside a model, which loading ignores.
_NOT_LOADED = {".md", ".png", ".jpg", ".pdf"}
#: Seconds to wait for the Hub.
_TIMEOUT_S = 10.0

#: Size, modification time in ns, and SHA-256 of files by their path.
_Hashes = dict[str, tuple[int, int, str]]
_decode = msgspec.json.Decoder(_Hashes).decode


def resolved(config: Config, root: Path, commits: Mapping[str, str]) -> Config:
    """The configuration with absolute paths, and commits in place of branches and tags of the Hub.

    Relative paths are in the workspace's folder `root`. `commits` are those that the workspace stays at, by
    `hub_key`; of another name it is the one in the local Hugging Face cache, if it is there.
    """
    return msgspec.structs.replace(
        config,
        students={name: _resolved(student, root, commits) for name, student in config.students.items()},
        teachers={name: _located(teacher, root) for name, teacher in config.teachers.items()},
        judges={name: _located(judge, root) for name, judge in config.judges.items()},
    )


def _located(model: TeacherOrJudge, root: Path) -> TeacherOrJudge:
    folder = _local_folder(model.model, root) if model.provider == "local" else None
    return model if folder is None else msgspec.structs.replace(model, model=str(folder))


def _resolved(student: Student, root: Path, commits: Mapping[str, str]) -> Student:
    template = student.chat_template
    if template is not None:
        student = msgspec.structs.replace(student, chat_template=str(root / Path(template).expanduser()))
    folder = _local_folder(student.model, root)
    if folder is not None:
        return msgspec.structs.replace(student, model=str(folder))
    if student.model.startswith(_EMBEDDED):
        return student
    commit = commits.get(hub_key(student)) or _cached_commit(student)
    return student if commit is None else msgspec.structs.replace(student, revision=commit)


def _local_folder(model: str, root: Path) -> Path | None:
    """The folder that a model's name stands for; None if it is a Hub name or the embedded model."""
    path = Path(model).expanduser()
    if path.is_absolute() or model.startswith("."):
        return Path(os.path.normpath(root / path))
    if not model.startswith(_EMBEDDED) and (root / path / "config.json").is_file():
        return Path(os.path.normpath(root / path))
    return None


def identity(student: Student) -> str:
    """What a resolved student's weights and tokenizer are, wherever they lie: part of fingerprints."""
    folder = Path(student.model)
    if folder.is_absolute():
        return f"sha256:{content_sha256(folder)}" if folder.is_dir() else f"missing:{folder}"
    return student.model if student.model.startswith(_EMBEDDED) else hub_key(student)


def template_sha256(student: Student) -> str | None:
    """The hash of a resolved student's chat template; None without one, empty if there is no such file."""
    if student.chat_template is None:
        return None
    path = Path(student.chat_template)
    return files.sha256(path) if path.is_file() else ""


def check_unchanged(student: Student, wanted: str, wanted_template: str | None) -> None:
    """Raise `UserError` if the student's files are no longer those that a job was planned for."""
    if wanted.startswith("sha256:") and identity(student) != wanted:
        raise UserError(
            f"the files in {student.model} have changed since this job was requested: start it again with "
            "`empathy-tui run`"
        )
    if wanted_template and template_sha256(student) != wanted_template:
        raise UserError(
            f"{student.chat_template} has changed since this job was requested: start it again with "
            "`empathy-tui run`"
        )


def stamps(config: Config, root: Path) -> tuple[object, ...]:
    """A value that changes when the models' files, chat templates, or commits in the local cache may have."""
    large = (*config.teachers.values(), *config.judges.values())
    models = [student.model for student in config.students.values()]
    models += [model.model for model in large if model.provider == "local"]
    found: list[object] = []
    for model in models:
        folder = _local_folder(model, root)
        if folder is not None:
            with suppress(OSError), os.scandir(folder) as entries:
                stats = ((entry.name, entry.stat()) for entry in entries)
                found.append(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
    for student in config.students.values():
        if student.chat_template is not None:
            found.append(_stamp(root / Path(student.chat_template).expanduser()))
        if not student.model.startswith(_EMBEDDED) and _local_folder(student.model, root) is None:
            found.append(_cached_commit(student))
    return tuple(found)


def content_sha256(folder: Path) -> str:
    """The hash of a model's files. A file whose size and time of change are known is not read again.

    Raises `UserError` if one cannot be read.
    """
    cache = user_cache_path("empathy-tui") / "hashes"
    remembered = cache / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:32]}.json"
    try:
        known = _decode(remembered.read_bytes())
    except (OSError, msgspec.DecodeError):
        known = {}
    try:
        found = _hashes(folder, known)
    except OSError as error:
        raise UserError(f"the model in {folder} cannot be read: {error}") from error
    if found != known:
        # The cache only saves time.
        with suppress(OSError):
            files.write_bytes(remembered, msgspec.json.encode(found))
    listed = {name: sha256 for name, (_, _, sha256) in found.items()}
    return hashlib.sha256(msgspec.json.encode(listed, order="deterministic")).hexdigest()


def _hashes(folder: Path, known: _Hashes) -> _Hashes:
    found: _Hashes = {}
    for path in _loaded_files(folder):
        size, changed = _stamp(path) or (0, 0)
        name = path.relative_to(folder).as_posix()
        before = known.get(name)
        if before is None or before[:2] != (size, changed):
            before = (size, changed, files.sha256(path))
        found[name] = before
    return found


def hub_key(student: Student) -> str:
    """The name of a model and its revision on the Hub."""
    return f"{student.model}@{student.revision or 'main'}"


def new_commits(config: Config, root: Path, commits: Mapping[str, str]) -> dict[str, str]:
    """The commits of the Hub names that are not in `commits`, by `hub_key`.

    Those in the local Hugging Face cache need no network. Names that the Hub does not resolve are left out:
    loading them reports why.
    """
    found: dict[str, str] = {}
    for student in config.students.values():
        is_local = student.model.startswith(_EMBEDDED) or _local_folder(student.model, root) is not None
        if is_local or hub_key(student) in commits or _COMMIT.fullmatch(student.revision or ""):
            continue
        commit = _cached_commit(student) or _commit_on_hub(student)
        if commit is not None:
            found[hub_key(student)] = commit
    return found


def _loaded_files(folder: Path) -> Iterator[Path]:
    """The files that loading may read, by name."""
    for path in sorted((*folder.iterdir(), *folder.glob("additional_chat_templates/*"))):
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _NOT_LOADED:
            yield path


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def cached_file(student: Student, name: str) -> Path | None:
    """A file of a model on the Hub in the local Hugging Face cache; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(student.model, name, revision=student.revision)
    return Path(found) if isinstance(found, str) else None


def _cached_commit(student: Student) -> str | None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{student.model.replace('/', '--')}"
    try:
        commit = (folder / "refs" / (student.revision or "main")).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _commit_on_hub(student: Student) -> str | None:
    import httpx2
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(student.model, revision=student.revision, timeout=_TIMEOUT_S)
    except (httpx2.HTTPError, OSError, ValueError):
        # No network, offline mode, or no such model.
        return None
    commit: str | None = info.sha
    return commit
