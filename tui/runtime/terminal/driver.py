"""The driver of the terminal that the app is drawn on."""

from __future__ import annotations

import os
import selectors
from codecs import getincrementaldecoder
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual._parser import ParseError
from textual.drivers.linux_driver import LinuxDriver

from tui.runtime.terminal.output import terminal_output
from tui.runtime.terminal.pastes import PasteParser
from tui.runtime.terminal.remote_terminal import HOST_VARIABLE, SUSPEND

if TYPE_CHECKING:
    from textual.app import App

#: Bytes that are read at once, and seconds until Textual's parser is asked what is due.
_READ, _TICK_S = 4096, 0.1


class TerminalDriver(LinuxDriver):
    """Textual's driver, drawing on the terminal wherever stderr goes, and safe against what is pasted."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._output = terminal_output()
        self._file = self._output or self._file  # type: ignore[assignment]
        # Before the first event, Textual would use COLUMNS and LINES.
        self._size = size or self._get_terminal_size()

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own size: exported COLUMNS and LINES may be those of another terminal."""
        drawn_on = () if self._output is None else (self._output.fileno(),)
        for descriptor in (*drawn_on, self.fileno):
            with suppress(OSError):
                size = os.get_terminal_size(descriptor)
                if size.columns and size.lines:
                    return size.columns, size.lines
        return super()._get_terminal_size()

    def _sigtstp_application(self, *_: object) -> None:
        if HOST_VARIABLE not in os.environ:
            super()._sigtstp_application()
            return
        assert self._file is not None
        self.suspend_application_mode()
        self._must_signal_resume = True
        file = self._file
        assert file is not None, "the application runs"
        file.write(SUSPEND.decode())
        file.flush()
        self.resume_application_mode()

    def run_input_thread(self) -> None:
        """Read keys until the app ends or the terminal is gone."""
        parser = PasteParser(self._debug)
        # A terminal with another encoding must not end the app.
        decoder = getincrementaldecoder("utf-8")("replace")
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            is_last = False
            while not is_last:
                is_last = self.exit_event.is_set()
                if selector.select(_TICK_S):
                    read = os.read(self.fileno, _READ)
                    is_last |= not read
                    if text := decoder.decode(read):
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        with suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass
