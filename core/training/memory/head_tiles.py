"""Less memory for TRL's fused head on devices without Triton.

There, the head has a dozen copies of the logits of up to 4096 tokens at the same time. With fewer tokens at a
time it takes the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from trl.kernels import chunked_logprob

from core.training.memory import activation_memory


@contextmanager
def small(device: torch.device) -> Iterator[None]:
    """Have the head take few tokens at a time on a CPU."""
    before = chunked_logprob.TOKEN_CHUNK_SIZE
    if device.type == "cpu":
        chunked_logprob.TOKEN_CHUNK_SIZE = activation_memory.LOGIT_TOKENS["cpu"]
    try:
        yield
    finally:
        chunked_logprob.TOKEN_CHUNK_SIZE = before
