"""Errors that are meant for the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that the user can act on.

    The message names the place and the remedy, and holds no secret.
    """


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error
    """The job was requested to stop, and has stopped at a safe point."""


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name that `name` may stand for, as a sentence to append; empty if there is none."""
    close = get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" Did you mean {close[0]!r}?" if close else ""


def unknown_name(what: str, name: str, known: Iterable[str], otherwise: str = "none") -> str:
    """The message that no `what` has that name, with the names that there are, or `otherwise`."""
    return f"no {what} is named {name!r}. There are: {', '.join(known) or otherwise}"
