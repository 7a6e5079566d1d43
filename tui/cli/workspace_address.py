"""The value of --workspace: a folder, or an address on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.api import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class WorkspaceAddress(click.Path):
    """A folder's path, or `ssh://HOST/FOLDER`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or "://" not in value:
            return super().convert(value, param, ctx)
        # For a folder, the first frame does not wait for the forms of addresses.
        from tui.remote.address import is_remote, parse

        if not is_remote(value):
            return super().convert(value, param, ctx)
        try:
            return parse(value)
        except UserError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Folders; after `ssh:` the machines of ~/.ssh/config."""
        from click.shell_completion import CompletionItem

        from tui.remote.address import SCHEME

        if not incomplete.startswith(SCHEME[:4]):
            return super().shell_complete(ctx, param, incomplete)
        from tui.remote.known_hosts import configured_hosts

        offered = (f"{SCHEME}{name}/" for name in configured_hosts())
        return [CompletionItem(address) for address in offered if address.startswith(incomplete)]
