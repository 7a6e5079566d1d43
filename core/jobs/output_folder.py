"""Folders that are written for somebody else, and written again: only what was written before is replaced."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from core.domain.errors import UserError
from core.domain.paths import is_inside
from core.jobs import files

#: Folders in which files are made before they take their places; an interruption leaves one.
_ASIDE = ".empathy-tui-"


@dataclass(frozen=True)
class OutputFolder:
    """A folder with a list of its files, so that the next ones replace those and no other."""

    path: Path
    """Where it is."""
    contents: str
    """The name of the file that lists the others."""
    what: str
    """What the folder contains, with its article."""

    def check(self) -> set[str]:
        """The files of an earlier output. Raises `UserError` if there are other files."""
        if not self.path.exists():
            return set()
        if not self.path.is_dir():
            raise UserError(
                f"{self.path} is a file: name a folder, which gets {self.what}, such as "
                f"{self.path.with_suffix('')}"
            )
        list_file = self.path / self.contents
        try:
            listed = json.loads(list_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            listed = []
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{list_file} cannot be read: {error}; choose another folder") from error
        known = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
        for name in known:
            # They are deleted: an output has files in its own folder alone.
            if not is_inside(name) or PurePath(name).name != name:
                raise UserError(
                    f"{list_file} names {name!r}, which is not in the folder: choose another folder"
                )
        names = (path.name for path in self.path.iterdir() if not path.name.startswith(_ASIDE))
        others = sorted(name for name in names if name not in known and name != self.contents)
        if others:
            raise UserError(
                f"{self.path} contains {others[0]!r}, which is not part of {self.what}: choose another"
            )
        return known

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """A folder in this one, in which files can be made for `replace`; it is deleted at the end.

        Raises `UserError` as `check` does, and if the folder cannot be written.
        """
        self.check()
        is_new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for left in self.path.glob(f"{_ASIDE}*"):
                shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self.path))
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if is_new:
                with suppress(OSError):
                    # Nothing has become of it.
                    self.path.rmdir()

    def replace(self, made: Mapping[str, bytes | Path]) -> list[Path]:
        """Put these files into the folder, and delete those of the earlier output; the files' paths.

        A file is its content, or a file in the folder `aside`, which is moved. Raises `UserError` as `check`
        does, and if the folder cannot be written.
        """
        earlier = self.check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # First, so that after an interruption the next output knows which files to replace.
            self._list(made.keys() | earlier)
            for name in earlier - made.keys():
                (self.path / name).unlink(missing_ok=True)
            for name, content in made.items():
                place = self.path / name
                if isinstance(content, bytes):
                    files.write_bytes(place, content)
                else:
                    # Some libraries make their files private.
                    content.chmod(0o666 & ~files.umask())
                    content.replace(place)
                    files.sync(place)
            self._list(made.keys())
        except OSError as error:
            raise self._unwritable(error) from error
        return [self.path / name for name in made]

    def _list(self, names: Iterable[str]) -> None:
        files.write_bytes(self.path / self.contents, json.dumps(sorted(names), indent=1).encode())

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(f"{self.what} cannot be written to {self.path}: {error}")
