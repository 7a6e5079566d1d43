"""Names of runs, responders and judges with other settings than those of config.toml.

A name from config.toml stands for what has the current settings. What was made with other ones is superseded,
and has the settings in which it differs behind an `@`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Self

from core.domain.names import NamedSettings, settings_in, settings_text

#: Values that are shown as they are; of others, the beginning of their hash.
_PLAIN = re.compile(r"[A-Za-z0-9._+:/-]{1,40}")
_DIGITS = 6


@dataclass(frozen=True, order=True)
class VersionName:
    """`<name>@<setting>=<value>,…`, such as `smollm2/direct/chatgpt/sft@epochs=1`."""

    name: str
    """The name of the run, responder or judge."""
    settings: NamedSettings = ()
    """The settings in which it differs from the current one of that name; empty for that one."""

    def __str__(self) -> str:
        return f"{self.name}@{self.label}" if self.settings else self.name

    @property
    def label(self) -> str:
        """The settings alone: `epochs=1,lora.r=4`."""
        return settings_text(self.settings)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version of that name; without an `@`, the current one."""
        name, _, label = text.partition("@")
        return cls(name, settings_in(label))


def setting_value(value: object) -> str:
    """A setting's value without white space, commas and `@`: short ones as they are, the hash of others."""
    match value:
        case None | () | "":
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case tuple() | list():
            shown = "+".join(map(setting_value, value))
        case dict():
            shown = "+".join(f"{key}:{setting_value(part)}" for key, part in value.items()) or "none"
        case str():
            shown = value.removeprefix("sha256:")[:_DIGITS] if value.startswith("sha256:") else value
        case _:
            shown = str(value)
    if _PLAIN.fullmatch(shown):
        return shown
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()[:_DIGITS]
