"""Durable files: written to a temporary file, fsynced, renamed; and their hashes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

#: What decoding a record raises that is damaged, or of another version.
DAMAGED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block ends without an error.

    It gets the permissions `mode`, by default those of a new file.

    After a crash, `path` has either all of the old content or all of the new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o666 & ~umask() if mode is None else mode)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def umask() -> int:
    """What the process does not allow others. It can only be read by setting it, which is not thread-safe."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("Umask:"):
                return int(line.partition(":")[2], 8)
    return 0o022


def keep_private(workspace: Path) -> None:
    """Have this process allow others no more of its new files than the workspace's folder allows them."""
    with suppress(OSError):
        os.umask(os.umask(0o077) | (~workspace.stat().st_mode & 0o077))


def write_bytes(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write `content` to `path` atomically, as `replacing` does."""
    with replacing(path, mode) as file:
        file.write(content)


def write_json_lines(path: Path, records: Iterable[object]) -> None:
    """Write a record a line, as `replacing` does. The output is deterministic."""
    encoder = msgspec.json.Encoder(order="deterministic")
    with replacing(path) as file:
        for record in records:
            file.write(encoder.encode(record) + b"\n")


def read_json_lines(path: Path, kind: type[T]) -> Iterator[T]:
    """The records in a file that `write_json_lines` wrote, in order."""
    decoder = msgspec.json.Decoder(kind)
    # In binary mode: str.splitlines would also split at characters such as U+2028.
    with path.open("rb") as file:
        yield from map(decoder.decode, file)


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that renames and new files in it survive a power failure; or a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Fsync a file, or a folder with all its contents."""
    for part in sorted(path.rglob("*"), reverse=True) if path.is_dir() else ():
        sync_folder(part)
    sync_folder(path)
    sync_folder(path.parent)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, or of the relative names and contents in a folder, in name order."""
    if path.is_dir():
        digest = hashlib.sha256()
        for part in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(part.relative_to(path).as_posix().encode() + b"\0")
            digest.update(bytes.fromhex(sha256(part)))
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(path: Path) -> int:
    """The size in bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
