"""Types of numbers in results."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
#: From 0 to 1. Not checked: a sum of floats may pass 1 by its last bit, and hours of work would be lost.
Share = float
