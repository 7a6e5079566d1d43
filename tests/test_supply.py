"""The checks of what is installed can fail."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

_is_allowed: Callable[[str], bool] = runpy.run_path(
    str(Path(__file__).parents[1] / ".ci" / "licences.py"), run_name="licences"
)["is_allowed"]


@pytest.mark.parametrize(
    ("said", "is_allowed"),
    [
        ("MIT", True),
        ("MIT AND (Apache-2.0 OR SSPL-1.0)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT AND Mozilla Public License 2.0 (MPL 2.0)", True),
        ("", False),
        ("AGPL-3.0-only", False),
        ("MIT AND SSPL-1.0", False),
        ("(SSPL-1.0 AND MIT) OR AGPL-3.0-only", False),
        # A choice between others does not lift what is required beside it.
        ("SSPL-1.0 AND (Apache-2.0 OR MIT OR ISC)", False),
    ],
)
def test_licences(said: str, is_allowed: bool) -> None:
    assert _is_allowed(said) == is_allowed
