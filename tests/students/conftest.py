"""The tiny student's fixtures, shared with the tests of training."""

from __future__ import annotations

import pytest

from tests.training.conftest import dpo, made, sft, tiny, tiny_without_padding

pytest.register_assert_rewrite("tests.students.compatibility")

__all__ = ["dpo", "made", "sft", "tiny", "tiny_without_padding"]
