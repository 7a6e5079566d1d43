"""Loading students in 4 bits through bitsandbytes, for QLoRA."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from core.config.schema import Quantization
from core.domain.errors import UserError

#: What has to be installed for it.
PACKAGE = "bitsandbytes"
INSTALL = "uv pip install 'empathy-tui[quantization]'"


def check(quantization: Quantization | None, device: str) -> None:
    """Raise `UserError` if this machine cannot load quantized models on that device."""
    if quantization is None:
        return
    setting = f'runs.quantization = "{quantization}"'
    if device != "cuda":
        raise UserError(f"{setting} needs a CUDA GPU, and the device is {device}: remove it from config.toml")
    if find_spec(PACKAGE) is None:
        raise UserError(f"{setting} needs {PACKAGE}, which is not installed: `{INSTALL}`")


def configuration(quantization: Quantization, dtype: torch.dtype) -> Any:
    """The configuration by which Transformers quantizes weights as it loads them; `dtype` is computed in."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization,
        # The constants of the blocks are quantized too, which saves 0.4 bits a weight.
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
