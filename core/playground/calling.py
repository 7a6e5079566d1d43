"""A process of its own that asks one large model, or a judge, one thing: how it is started and stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec

from core.config.workspace import WorkspacePaths
from core.playground import messages
from core.playground.messages import Call, ProcessEvent


class Calling:
    """A call that goes on. `stop` may be called by any thread."""

    def __init__(self, workspace: WorkspacePaths, call: Call, environment: Mapping[str, str]) -> None:
        """Start it; `environment` is all that its process sees. Raises `OSError`."""
        folder = workspace.playground
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                # -P: a file in the workspace must not shadow a module of the same name.
                [sys.executable, "-P", "-m", "core.playground.caller", str(workspace.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=workspace.root,
                env=dict(environment),
                # What it pays is recorded also if its client ends.
                start_new_session=True,
            )
        # Reap the process, so that it does not remain as a zombie.
        threading.Thread(target=self._process.wait, daemon=True).start()
        with suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.write(messages.encode(call))
            self._process.stdin.close()

    def events(self) -> Iterator[ProcessEvent]:
        """What it reports, until it ends."""
        assert self._process.stdout is not None
        with self._process.stdout as output:
            try:
                yield from messages.events_of(output)
            except (OSError, msgspec.DecodeError):
                # It has ended.
                return

    def stop(self) -> None:
        """Have it record what is known of the cost, and end."""
        with suppress(ProcessLookupError):
            self._process.terminate()
