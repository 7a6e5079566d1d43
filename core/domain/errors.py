"""Errors that are meant for the person at the terminal."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can act on.

    The message names the place and the remedy, and holds no secret.
    """


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error
    """The job was requested to stop, and has stopped at a safe point."""
