"""The tiny student's fixtures, shared with the tests of training."""

from __future__ import annotations

from tests.training.conftest import dpo, made, sft, tiny, tiny_without_padding

__all__ = ["dpo", "made", "sft", "tiny", "tiny_without_padding"]
