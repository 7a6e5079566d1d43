"""config.toml: its settings, changes of its text, and what a change means before it is saved."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.config.load import InvalidConfigError, located, parse_config, read_config
from core.config.problems import InvalidOptionError
from core.config.schema import Config
from core.domain.errors import UserError
from core.services.workspace_state import WorkspaceState

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.services.configuration.change import ConfigChange
    from core.services.configuration.settings import Setting


class ConfigurationReader:
    """Reads a workspace's config.toml, and prepares changes of it. It writes nothing: see
    `Commands.save_config`."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state

    def text(self) -> str:
        """The file's text.

        Raises:
            UserError: The file is missing or cannot be read.
        """
        return read_config(self._state.paths.config)

    def settings(self, text: str | None = None) -> tuple[Setting, ...]:
        """All settings of a text, by default the file's: those of the last valid configuration if it is
        invalid.

        Raises:
            UserError: The text is invalid; the file is, and no valid configuration is known.
        """
        from core.services.configuration.settings import settings

        if text is not None:
            return settings(self._parse(text), tomllib.loads(text), text)
        config, problem = self._state.config()
        if config is None:
            raise UserError(problem or f"{self._state.paths.config} is missing")
        # Of an invalid file it is not known which settings it means to set.
        text = "" if problem is not None else self.text()
        known = (config, text)
        return self._state.remember("settings", known, lambda: settings(config, tomllib.loads(text), text))

    def edited(self, text: str, changes: Mapping[str, str | None]) -> str:
        """The text with each option set to a value as typed, or without it for None.

        Raises:
            UserError: An option does not exist, a value is invalid, or the result is.
        """
        from core.config import edit, keys

        values: dict[str, object | None] = {}
        for key, value in changes.items():
            place = keys.find(key)
            values[place.key] = None if value is None else edit.parse_value(place, value)
        made = edit.changed(text, values)
        self.check(made)
        return made

    def check(self, text: str) -> None:
        """Raise `UserError` if a text is no valid configuration, or no graph follows from it."""
        from core.services.configuration import change

        config = self._parse(text)
        try:
            change.check(self._state, config)
        except InvalidOptionError as error:
            raise located(error, text, str(self.path)) from error

    def change(self, before: str | None, after: str) -> ConfigChange:
        """What one text means instead of another; nothing is written.

        Args:
            before: The earlier text; None, or one that is invalid, for the last valid configuration.
            after: The later text.

        Raises:
            UserError: The later text is invalid.
        """
        from core.services.configuration.change import describe

        return describe(self._state, self._before(before), self._parse(after))

    def started(self) -> str | None:
        """config.toml as it was when jobs were last started; None if none ever were."""
        try:
            return read_config(self._state.paths.started_config)
        except UserError:
            return None

    def line_of(self, key: str, item: str | None = None) -> int | None:
        """The line of the file at which an option, a table or an item of a list stands; None if none does."""
        from core.config import lines

        try:
            text = self.text()
        except UserError:
            return None
        return lines.line_of(text, key) if item is None else lines.line_with(text, key, item)

    def line_of_mistake(self) -> int | None:
        """The line of the error in an invalid file; None if it is valid, or the line is not known."""
        try:
            self.check(self.text())
        except InvalidConfigError as error:
            return error.line
        except UserError:
            return None
        return None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._state.paths.config

    def _before(self, text: str | None) -> Config | None:
        if text is not None:
            with suppress(UserError):
                return parse_config(text)
        return self._state.config()[0]

    def _parse(self, text: str) -> Config:
        return parse_config(text, str(self._state.paths.config))
