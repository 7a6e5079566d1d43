"""The base of all tables of config.toml, and the types of numbers with a range."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
PositiveNumber = Annotated[float, Meta(gt=0)]
NonNegativeNumber = Annotated[float, Meta(ge=0)]
#: What NumPy's generators take.
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
CheckedShare = Annotated[float, Meta(ge=0, le=1)]


class ConfigTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of config.toml. A key that it does not have is an error."""
