"""The name under which the user's machine knows this one, if the program was started from there."""

from __future__ import annotations

import os

from core.api import UserError
from tui.remote.address import RemoteHost, parse_host
from tui.runtime.terminal.remote_terminal import HOST_VARIABLE


def this_host() -> RemoteHost | None:
    """This machine, as the user's machine names it; None if the program was started here."""
    try:
        return parse_host(os.environ[HOST_VARIABLE])
    except (KeyError, UserError):
        return None
