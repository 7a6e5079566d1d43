"""What is wrong with an option of config.toml, and which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from core.domain.errors import UserError


class InvalidOptionError(UserError):
    """An option or a table of config.toml that is invalid."""

    def __init__(self, key: str, what: str, item: str | None = None) -> None:
        super().__init__(f"{key}: {what}")
        self.key = key
        """The option with its tables, as `sft.learning_rate`."""
        self.what = what
        """What is wrong with it, and the remedy."""
        self.item = item
        """The item of its list that is meant."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The known names that `name` may stand for, as the end of a message; empty if there is none."""
    close = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
