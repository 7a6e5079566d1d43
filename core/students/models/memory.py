"""Out of memory: recognising it, and freeing what can be freed."""

from __future__ import annotations

import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of the GPU or the machine did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # On the CPU, and from CUDA's libraries, it is a plain RuntimeError.
    return isinstance(error, RuntimeError) and (
        should_reduce_batch_size(error)
        or any(sign in str(error) for sign in ("can't allocate memory", "_STATUS_ALLOC_FAILED"))
    )


def free() -> None:
    """Return what PyTorch has cached to the device. Call it when no error holds its tensors any more."""
    clear_device_cache(garbage_collection=True)
