"""Storages on servers of this machine: sshd, and moto's S3 where it and s3fs are installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import fsspec

from tests.support.servers import ssh_server

KINDS = ("file", "ssh", "s3")


def reason_to_skip(kind: str) -> str | None:
    """Why there can be no storage of that kind here."""
    packages = {"file": (), "ssh": ("paramiko",), "s3": ("s3fs", "moto", "flask")}[kind]
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        return f"{missing[0]} is not installed"
    return ssh_server.reason_to_skip() if kind == "ssh" else None


def most_real() -> str:
    """The kind of storage that can be had here and is most unlike files of this machine."""
    return next(kind for kind in reversed(KINDS) if reason_to_skip(kind) is None)


@contextmanager
def storage(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a storage. Processes that this one starts reach it as well."""
    match kind:
        case "ssh":
            with _ssh(folder) as url:
                yield url
        case "s3":
            with _s3() as url:
                yield url
        case _:
            yield f"file://{folder}/storage"


@contextmanager
def _ssh(folder: Path) -> Iterator[str]:
    with ssh_server.ssh_server() as server:
        own = folder / "home" / ".ssh"
        own.mkdir(parents=True)
        shutil.copy(server.folder / "known_hosts", own / "known_hosts")
        shutil.copy(server.folder / "key", own / "id_ed25519")
        with patch.dict(os.environ, HOME=str(own.parent)):
            yield f"ssh://{_user()}@127.0.0.1:{server.port}{server.home}/storage"


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


@contextmanager
def _s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_ENDPOINT_URL": url}
    try:
        with patch.dict(os.environ, keys):
            # Servers of one process have the same buckets.
            fsspec.filesystem("s3", skip_instance_cache=True).makedirs("bucket", exist_ok=True)
            yield "s3://bucket/prefix"
    finally:
        server.stop()
