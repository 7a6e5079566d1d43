"""The program's fixtures, shared with the command line's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.cli.conftest import Program, empty_store, program
from tests.web.serving import Served, serving

__all__ = ["empty_store", "program"]

Serve = Callable[..., Served]


@pytest.fixture
def serve(program: Program) -> Iterator[Serve]:
    """A function that starts a server on the program's folder, or another."""
    with ExitStack() as started:
        yield lambda *words, root=None, **more: started.enter_context(
            serving(root or program.root, *words, **more)
        )
