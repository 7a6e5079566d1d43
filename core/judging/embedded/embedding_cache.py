"""Embeddings that a workspace has already computed: each text is embedded once for all jobs.

The cache is a folder of safetensors files, each with the embeddings of some texts. A file is written whole
and never changed, so workers on several machines can use the folder at the same time without a lock, and one
that is killed leaves nothing behind. Two workers that embed the same text at the same time both write it: the
embeddings are equal. The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.jobs import files

_SUFFIX = ".safetensors"
_KEYS, _VECTORS = "keys", "vectors"
_KEY_BYTES = 16

log = logging.getLogger(__name__)


class EmbeddingCache:
    """The cached embeddings of one model.

    `folder` is shared by all models; None for a cache that is not kept. `model` names the model, its weights
    and how it is used; `size` is the length of an embedding.
    """

    def __init__(self, folder: Path | None, model: str, size: int) -> None:
        self._folder = None if folder is None else folder / model
        self._size = size
        self._vectors: dict[bytes, NDArray[np.float32]] = {}
        self._read: set[Path] = set()

    def find(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The embeddings of those of the texts that are in the cache."""
        self._read_new_files()
        found = ((text, self._vectors.get(_key(text))) for text in texts)
        return {text: vector for text, vector in found if vector is not None}

    def add(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep the embeddings of `texts`, which has at least one text; they are on disk when this returns."""
        keys = [_key(text) for text in texts]
        self._vectors.update(zip(keys, vectors, strict=True))
        if self._folder is None:
            return
        content = {
            _KEYS: np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY_BYTES),
            _VECTORS: np.ascontiguousarray(vectors, dtype=np.float32),
        }
        path = self._folder / (hashlib.sha256(b"".join(keys)).hexdigest()[:32] + _SUFFIX)
        try:
            files.write_bytes(path, save(content))
        except OSError as error:
            # The work goes on: only the next job has to embed these texts again.
            log.warning("%s cannot be written: %s", path, error.strerror or error)
            return
        self._read.add(path)

    def _read_new_files(self) -> None:
        for path in self._files():
            if path in self._read:
                continue
            self._read.add(path)
            try:
                with safe_open(path, framework="numpy") as file:
                    keys, vectors = file.get_tensor(_KEYS), file.get_tensor(_VECTORS)
            except (OSError, SafetensorError) as error:
                log.warning("%s cannot be read, and its texts are embedded again: %s", path, error)
                continue
            if keys.shape != (len(vectors), _KEY_BYTES) or vectors.shape[1:] != (self._size,):
                log.warning("%s has embeddings of another shape: its texts are embedded again", path)
                continue
            self._vectors.update(zip((key.tobytes() for key in keys), vectors, strict=True))

    def _files(self) -> Iterable[Path]:
        if self._folder is None or not self._folder.is_dir():
            return ()
        return sorted(self._folder.glob("*" + _SUFFIX))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]
