"""Sentence embeddings for the embedded judge: our batches and cache beside plain batches, on real dialogues.

    python -m benchmarks.students.embedding [--data dataset.csv] [--texts 1000] [--threads 2]

`padded` computes batches of 64 texts by their number of characters, as it was done before; `ours` computes
texts of the same number of tokens together, in several threads; `cached` finds what `ours` has kept. The
texts are spread over all responses and contexts. `CPU` is the processor's time. Without `--data` the path is
in EMPATHY_REFERENCE_DATASET.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers

from core.dialogues.importing.table import read_table
from core.judging.embedded.sentence_embeddings import Embedder, Vectors

BATCH = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMPATHY_REFERENCE_DATASET"))
    parser.add_argument("--texts", type=int, default=1000, help="0 for all")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the dialogues with --data or in EMPATHY_REFERENCE_DATASET")
    transformers.utils.logging.disable_progress_bar()
    dialogues = read_table(options.data).dialogues
    texts = [r.text for d in dialogues for r in d.responses.values()]
    texts += [f"{d.situation} {d.utterance}" for d in dialogues]
    every = len(texts) / (options.texts or len(texts))
    sample = [texts[int(i * every)] for i in range(options.texts or len(texts))]
    with tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(options.threads)
        plain, ours = Embedder(), Embedder(Path(folder), options.threads)
        for warm_up in (plain, ours):
            warm_up.embed(["Something to load the model for."])
        ways: dict[str, Callable[[], Vectors]] = {
            "padded": lambda: padded(plain, sample),
            "ours": lambda: ours.embed(sample),
            "cached": lambda: Embedder(Path(folder)).embed(sample),
        }
        print(f"{len(sample):,} of {len(texts):,} texts, {options.threads} threads")
        print(f"{'':8}       s   CPU s    ratio   CPU  s for all  furthest from padded")
        first: tuple[float, float, Vectors] | None = None
        for name, way in ways.items():
            # The threads of `ours` have set MKL's, which is that of the whole process.
            torch.set_num_threads(options.threads)
            began = time.perf_counter(), time.process_time()
            vectors = way()
            wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
            first = first or (wall, cpu, vectors)
            print(
                f"{name:8} {wall:7.1f} {cpu:7.1f} {first[0] / wall:7.1f}× {first[1] / cpu:5.1f}× "
                f"{wall * every:9.1f}  {np.abs(vectors - first[2]).max():.0e}",
                flush=True,
            )
    return 0


def padded(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = np.zeros((len(texts), 384), dtype=np.float32)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        encoded = embedder._tokenizer(
            [texts[i] for i in batch], padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = embedder._model(**encoded).last_hidden_state
        mask = encoded["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        vectors[batch] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors


if __name__ == "__main__":
    sys.exit(main())
