"""The user's name on this machine, under which they vote."""

from __future__ import annotations

import getpass


def login_name() -> str | None:
    """The login name; None in a container where the user has a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
