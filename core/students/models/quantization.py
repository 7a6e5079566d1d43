"""Loading students in 4 bits through bitsandbytes, for QLoRA."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BitsAndBytesConfig

from core.config.schema import Quantization
from core.domain.errors import UserError
from core.domain.packages import check_installed

#: What has to be installed for it, by the extra `quantization`.
PACKAGE = "bitsandbytes"


def check(quantization: Quantization | None, device: str) -> None:
    """Raise `UserError` if this machine cannot load quantized models on that device."""
    if quantization is None:
        return
    setting = f'runs.quantization = "{quantization}"'
    if device != "cuda":
        raise UserError(f"{setting} needs a CUDA GPU, and the device is {device}: remove it from config.toml")
    check_installed(PACKAGE, setting)


def configuration(quantization: Quantization, dtype: torch.dtype) -> Any:
    """The configuration by which Transformers quantizes weights as it loads them; `dtype` is computed in."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization,
        # The constants of the blocks are quantized too, which saves 0.4 bits a weight.
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
