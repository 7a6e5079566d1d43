"""The program's fixtures, shared with the command line's tests."""

from __future__ import annotations

from tests.cli.conftest import empty_store, program

__all__ = ["empty_store", "program"]
