"""Checks of `[engines.NAME]`."""

from __future__ import annotations

import re
from typing import get_args
from urllib.parse import urlsplit

from core.config import redaction
from core.config.problems import InvalidOptionError
from core.config.schema import EngineConfig
from core.domain.jobs.job import LOCAL
from core.domain.states import Slot

#: Without user name, password or query, because people put keys there.
_ADDRESS = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
#: Options of an engine that are only for one type.
_OF_ENGINE = {
    "ray": ("address",),
    "slurm": ("partition", "account", "time_limit_minutes", "gres", "array", "sbatch"),
}


def check(name: str, engine: EngineConfig) -> None:
    """Raise `InvalidOptionError` for the first option of an engine that is invalid."""
    key = f"engines.{name}"
    if name == LOCAL:
        raise InvalidOptionError(key, "is this machine, and has no options; choose another name")
    defaults = EngineConfig(type=engine.type)
    for kind, options in _OF_ENGINE.items():
        for option in options if kind != engine.type else ():
            if getattr(engine, option) != getattr(defaults, option):
                raise InvalidOptionError(f"{key}.{option}", f"is for engines of type {kind} only")
    if engine.type == "ray" and (engine.address is None or not _ADDRESS.fullmatch(engine.address)):
        raise InvalidOptionError(
            f"{key}.address", "must be the URL of the Ray dashboard, such as 'http://head:8265'"
        )
    _check_storage(f"{key}.storage", engine.storage)
    for slot in engine.resources:
        if slot not in get_args(Slot):
            raise InvalidOptionError(
                f"{key}.resources.{slot}", f"no slot has that name; use one of {', '.join(get_args(Slot))}"
            )
    for variable, value in engine.env.items():
        if redaction.is_secret(variable, value):
            raise InvalidOptionError(f"{key}.env.{variable}", "is a secret: remove it, set it on the nodes")


def _check_storage(key: str, url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError as error:
        raise InvalidOptionError(key, f"is no URL: {error}") from error
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        raise InvalidOptionError(key, "must be a URL such as 's3://bucket/prefix'")
    if password is not None:
        raise InvalidOptionError(key, "has a password: remove it, and set credentials on each machine")
