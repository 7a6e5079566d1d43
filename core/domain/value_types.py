"""Types of values in settings and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
#: From 0 to 1. Not checked: a sum of floats may pass 1 by its last bit, and hours of work would be lost.
Share = float
#: A value as JSON has it.
JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"


@dataclass(frozen=True)
class NamedValue:
    """A value that is shown beside its name."""

    name: str
    """Its name in JSON."""
    value: JsonValue
    """The value."""
