"""A place for files that machines without a shared file system all reach: a URL of fsspec.

Options beside the URL are the file system's own: variables like `AWS_ENDPOINT_URL` or `FSSPEC_S3_ANON`, and
`~/.config/fsspec`. Credentials are those of each machine.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.config.redaction import without_secrets
from core.domain import troubles
from core.domain.errors import UserError
from core.domain.packages import check_installed
from core.domain.text import visible
from core.jobs import files

#: Protocols of SSH, whose server must be a known one.
_SSH = ("sftp", "ssh")
#: The first line of what `write` writes: its hash and length. Not every file system writes atomically.
_HEAD = re.compile(rb"([0-9a-f]{64}) (\d{1,12})\n")
_LONGEST = 300
#: How often a file is downloaded that does not arrive as it was uploaded.
_DOWNLOADS = 2


class StorageError(UserError):
    """The storage cannot be used; `is_lasting` if that is until somebody changes something."""

    def __init__(self, text: str, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.is_lasting = is_lasting


class DamagedFileError(StorageError):
    """A file on the storage is not what was uploaded."""


class Storage:
    """The files below a URL, by names relative to it. Thread-safe: each thread has a connection of its own.

    Every method raises `StorageError`, and `OSError` if this machine's disk is the reason.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._own = threading.local()

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, which readers see whole or not at all."""
        head = f"{hashlib.sha256(content).hexdigest()} {len(content)}\n".encode()
        with self._file_system() as (fs, root):
            self._into_folder(fs, root, name, lambda path: fs.pipe_file(path, head + content))

    def read(self, name: str) -> bytes | None:
        """What `write` has written; None if it is not there, or not yet complete."""
        with self._file_system() as (fs, root):
            try:
                content: bytes = fs.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
        head = _HEAD.match(content)
        if head is None:
            return None
        content = content[head.end() :]
        is_whole = hashlib.sha256(content).hexdigest() == head[1].decode()
        return content if is_whole else None

    def size(self, name: str) -> int | None:
        """The bytes of a file; None if it is not there."""
        with self._file_system() as (fs, root):
            try:
                found: int = fs.info(f"{root}/{name}")["size"]
            except FileNotFoundError:
                return None
            return found

    def put(self, path: Path, name: str) -> None:
        """Upload a file of this machine."""
        with self._file_system() as (fs, root):
            self._into_folder(fs, root, name, lambda to: fs.put_file(str(path), to))

    def get(self, name: str, path: Path, sha256: str) -> None:
        """Download a file to this machine, where it appears once it is whole.

        Raises `FileNotFoundError` if it is not there, and `DamagedFileError` if its hash is not `sha256`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            for _ in range(_DOWNLOADS):
                with self._file_system() as (fs, root):
                    fs.get_file(f"{root}/{name}", str(aside))
                if files.sha256(aside) == sha256:
                    files.sync_folder(aside)
                    aside.replace(path)
                    return
        finally:
            aside.unlink(missing_ok=True)
        raise DamagedFileError(f"{self.url}/{name} is not what was uploaded", is_lasting=True)

    def move(self, name: str, to: str) -> None:
        """Move a file on the storage. Raises `FileNotFoundError` if it is not there."""
        with self._file_system() as (fs, root):
            self._into_folder(fs, root, to, lambda path: fs.mv(f"{root}/{name}", path))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        with self._file_system() as (fs, root), suppress(FileNotFoundError):
            fs.invalidate_cache()
            fs.rm(f"{root}/{name}", recursive=True)

    def sizes(self, name: str) -> dict[str, int]:
        """The bytes of every file in a folder, by names relative to the folder; empty if it is not there."""
        with self._file_system() as (fs, root):
            fs.invalidate_cache()
            try:
                found = fs.find(f"{root}/{name}", detail=True)
            except FileNotFoundError:
                return {}
            start = len(f"{root}/{name}/".lstrip("/"))
            return {path.lstrip("/")[start:]: info["size"] for path, info in found.items()}

    def try_out(self) -> float:
        """Write, read and remove a small file; the seconds that it took."""
        name = f"check-{secrets.token_hex(8)}"
        began = time.monotonic()
        self.write(name, b"empathy-tui")
        if self.read(name) != b"empathy-tui":
            raise StorageError(f"{self.url} does not return what was written")
        self.remove(name)
        return time.monotonic() - began

    def _into_folder(self, fs: Any, root: str, name: str, write: Any) -> None:
        path = f"{root}/{name}"
        try:
            write(path)
        except FileNotFoundError:
            # Object stores have no folders. A bucket is not made: its name may be a mistake.
            if not fs.exists(_top(root)):
                raise StorageError(
                    f"{self.url}: there is no {_top(root)!r}: create it, or correct the URL", is_lasting=True
                ) from None
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            write(path)

    @contextmanager
    def _file_system(self) -> Iterator[tuple[Any, str]]:
        """The file system and the path of the URL in it; its errors become `StorageError`."""
        try:
            if getattr(self._own, "found", None) is None:
                self._own.found = _connect(self.url)
            yield self._own.found
        except (FileNotFoundError, StorageError):
            raise
        except Exception as error:
            # Each file system has errors of its own. The next call connects again.
            self._own.found = None
            if isinstance(error, OSError) and troubles.is_of_disk(error):
                raise
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> StorageError:
        what = " ".join(visible(without_secrets(str(error))).split())[:_LONGEST]
        name = type(error).__name__
        if isinstance(error, ImportError | ValueError):
            # fsspec names the package, or says that it knows no such protocol.
            return StorageError(f"{self.url} cannot be used here: {what}", is_lasting=True)
        is_refusal = "Credentials" in name or "authentication" in f"{name} {what}".lower()
        if isinstance(error, PermissionError) or is_refusal:
            return StorageError(
                f"{self.url} refuses this machine's credentials, or there are none ({what or name})",
                is_lasting=True,
            )
        return StorageError(f"{self.url} cannot be reached ({name}: {what})")


def check_package(url: str) -> None:
    """Raise `UserError` unless the package for the URL's protocol is installed."""
    from fsspec import available_protocols
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0]
    if protocol not in available_protocols():
        raise UserError(f"{url}: fsspec knows no {protocol}://; use s3://, gs://, abfs:// or ssh://")
    implementation: str = known_implementations.get(protocol, {"class": "fsspec"})["class"]
    package = "paramiko" if protocol in _SSH else implementation.partition(".")[0]
    check_installed(package, f"{url}, here and on the nodes,")


def _top(root: str) -> str:
    """The bucket of an object store, or the folder that must be there."""
    return root[: root.index("/", 1)] if "/" in root[1:] else root


def _connect(url: str) -> tuple[Any, str]:
    # It, and what it loads, are only needed where a storage is configured.
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True}
    if url.partition("://")[0] in _SSH:
        from core.pipeline.storage.known_hosts import KnownHosts

        options["host_key_policy"] = KnownHosts()
    fs, root = fsspec.url_to_fs(url, **options)
    return fs, root.rstrip("/")
