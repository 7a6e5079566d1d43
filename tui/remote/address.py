"""Addresses of workspaces on other machines: ssh://[USER@]HOST[:PORT]/FOLDER."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from core.api import UserError

SCHEME = "ssh://"
_FORMS = "ssh://HOST/FOLDER, ssh://HOST/~/FOLDER (in the home folder) or ssh://USER@HOST:PORT/FOLDER"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: Neither begins with a dash, which ssh would read as an option.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+(%\w+)?\]")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+@-]*")
_PORT = re.compile(r":(\d{1,5})")
#: `~` and `~USER`, which the shell there expands.
_HOME = re.compile(r"~[A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class RemoteHost:
    """A machine as ssh knows it: a name of the network or of ~/.ssh/config."""

    name: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """The address without a folder."""
        user = "" if self.user is None else f"{self.user}@"
        return f"{SCHEME}{user}{self._bracketed}{'' if self.port is None else f':{self.port}'}"

    @property
    def ssh_words(self) -> list[str]:
        """The last arguments of ssh before the command."""
        port = [] if self.port is None else ["-p", str(self.port)]
        user = [] if self.user is None else ["-l", self.user]
        return [*port, *user, "--", self.name]

    @property
    def ssh_command(self) -> str:
        """What a person types to reach the machine."""
        port = "" if self.port is None else f"-p {self.port} "
        return f"ssh {port}{'' if self.user is None else f'{self.user}@'}{self.name}"

    def copy_command(self, path: str) -> str:
        """What a person types to copy a file or folder of the machine here."""
        port = "" if self.port is None else f"-P {self.port} "
        source = f"{'' if self.user is None else f'{self.user}@'}{self._bracketed}:{path}"
        return f"scp -r {port}{shlex.quote(source)} ."

    @property
    def _bracketed(self) -> str:
        return f"[{self.name}]" if ":" in self.name else self.name


@dataclass(frozen=True)
class RemoteWorkspace:
    """A workspace's folder on another machine."""

    host: RemoteHost
    home: str | None
    """`~` or `~USER` if the folder is below a home folder."""
    path: str
    """The absolute path, or the path below `home`, which may be empty."""
    address: str
    """The address as it was written."""

    @property
    def shell_word(self) -> str:
        """The folder as a word of a POSIX shell on that machine."""
        if self.home is None:
            return shlex.quote(self.path)
        return f"{self.home}/{shlex.quote(self.path)}" if self.path else self.home


def is_remote(text: str) -> bool:
    """Whether it is an address, of whatever scheme, and not the path of a folder."""
    return _SCHEME.match(text) is not None


def parse_host(text: str) -> RemoteHost:
    """The machine of `ssh://[USER@]HOST[:PORT]`. Raises `UserError`."""
    user, at, rest = text.removeprefix(SCHEME).rpartition("@")
    found = _HOST.match(rest)
    port = None if found is None else _PORT.fullmatch(rest, found.end())
    is_whole = found is not None and (port is not None or found.end() == len(rest))
    number = None if port is None else int(port[1])
    if (
        found is None
        or not is_whole
        or (at and not _USER.fullmatch(user))
        or (number is not None and not 0 < number < 65536)
    ):
        raise UserError(f"{text!r} names no machine: write {_FORMS}")
    return RemoteHost(found[0].strip("[]"), user or None, number)


def parse(text: str) -> RemoteWorkspace:
    """The workspace at an address. `%20` and the like stand for a byte.

    Raises `UserError` for what is no address, or one of another scheme than ssh.
    """
    if not text.startswith(SCHEME):
        raise UserError(
            f"{text!r}: a workspace on another machine is reached through ssh alone: write {_FORMS}"
        )
    machine, _, folder = text.removeprefix(SCHEME).partition("/")
    host = parse_host(SCHEME + machine)
    raw = unquote_to_bytes(os.fsencode(folder))
    path = os.fsdecode(raw)
    if not path.strip("/") or b"\0" in raw:
        raise UserError(f"{text!r} names no folder: write {_FORMS}")
    if path.startswith("~"):
        home, _, below = path.partition("/")
        if not _HOME.fullmatch(home):
            raise UserError(f"{text!r} names no home folder: write ssh://HOST/~/FOLDER")
        return RemoteWorkspace(host, home, below.lstrip("/"), text)
    return RemoteWorkspace(host, None, "/" + path.lstrip("/"), text)
