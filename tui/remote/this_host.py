"""The name under which the user's machine knows this one, if the program was started from there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tui.runtime.terminal.remote_terminal import HOST_VARIABLE

if TYPE_CHECKING:
    from tui.remote.address import RemoteHost


def this_host() -> RemoteHost | None:
    """This machine, as the user's machine names it; None if the program was started here."""
    name = os.environ.get(HOST_VARIABLE)
    if name is None:
        return None
    # Programs that were started here do without the forms of addresses.
    from core.api import UserError
    from tui.remote.address import parse_host

    try:
        return parse_host(name)
    except UserError:
        return None
