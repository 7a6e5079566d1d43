"""Each text is embedded once in a workspace, whatever happens to the workers that share the cache."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.dialogues.files import records
from core.jobs.settings import JudgeSettings
from core.judging.embedded import fit_job, sentence_embeddings
from core.judging.embedded.embedding_cache import EmbeddingCache
from core.judging.embedded.sentence_embeddings import Embedder
from tests.support import waiting
from tests.support.records import job_attempts
from tests.support.records.synthetic_dialogues import synthetic_dialogues

TEXTS = ["I moved.", "We won!", "It is quiet.", "I moved."]


def vectors(count: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((count, 4), dtype=np.float32)


def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each batch has, from now on."""
    sizes: list[int] = []
    compute = Embedder._compute

    def count(embedder: Embedder, tokens: list[list[int]]) -> sentence_embeddings.Vectors:
        sizes.append(len(tokens))
        return compute(embedder, tokens)

    monkeypatch.setattr(Embedder, "_compute", count)
    return sizes


def test_a_text_is_embedded_once_in_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = computed(monkeypatch)
    first = Embedder(tmp_path).embed(TEXTS)
    assert sum(sizes) == 3
    again = Embedder(tmp_path).embed([*TEXTS, "Something else."])
    assert sum(sizes) == 4
    assert (again[:4] == first).all()
    assert (first[0] == first[3]).all()


def test_all_jobs_of_a_workspace_use_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = computed(monkeypatch)
    made = synthetic_dialogues(rows=64)
    for name in ("1", "2"):
        folder = job_attempts.attempt(tmp_path / name, made, JudgeSettings(), cache=tmp_path / "cache")
        job_attempts.run(folder, fit_job.run)
    train = [d for d in records.read(tmp_path / "1" / "dialogues.jsonl") if d.split == "train"]
    texts = {r.text for d in train for r in d.responses.values()}
    assert sum(sizes) <= len(texts) + len(train)
    assert (tmp_path / "1" / "judge.json").read_bytes() == (tmp_path / "2" / "judge.json").read_bytes()


def test_progress_counts_what_is_known_already(tmp_path: Path) -> None:
    Embedder(tmp_path).embed(TEXTS)
    done: list[int] = []
    Embedder(tmp_path).embed([*TEXTS, "Something else."], done.append)
    assert done == [4, 5]


def test_more_threads_change_nothing() -> None:
    texts = [f"{'Well, ' * (n % 7)}I have moved {n} times." for n in range(40)]
    assert (Embedder(threads=2).embed(texts) == Embedder().embed(texts)).all()


def test_a_stop_is_heeded_between_batches(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        Embedder(tmp_path).embed([f"{'very ' * n}quiet" for n in range(30)], stop)


def test_models_do_not_share_embeddings(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path, "one", 4).add(TEXTS[:3], vectors(3))
    assert EmbeddingCache(tmp_path, "other", 4).find(TEXTS) == {}
    assert len(EmbeddingCache(tmp_path, "one", 4).find(TEXTS)) == 3


@pytest.mark.parametrize("content", [b"", b"\x08", b"not safetensors" * 9])
def test_a_damaged_file_is_passed_over(tmp_path: Path, content: bytes) -> None:
    cache = EmbeddingCache(tmp_path, "m", 4)
    cache.add(TEXTS[:1], vectors(1))
    cache.add(TEXTS[1:3], vectors(2))
    next((tmp_path / "m").iterdir()).write_bytes(content)
    (tmp_path / "m" / ".half.safetensors.tmp").write_bytes(content)
    assert 1 <= len(EmbeddingCache(tmp_path, "m", 4).find(TEXTS)) <= 2
    assert EmbeddingCache(tmp_path, "m", 5).find(TEXTS) == {}


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("a file, not a folder")
    cache = EmbeddingCache(tmp_path, "m", 4)
    cache.add(TEXTS[:1], vectors(1))
    assert list(cache.find(TEXTS)) == TEXTS[:1]


def test_texts_with_lone_surrogates_have_a_key(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, "m", 4)
    cache.add(["\ud800", "\udfff"], vectors(2))
    assert len(EmbeddingCache(tmp_path, "m", 4).find(["\ud800", "\udfff", "?"])) == 2


def test_workers_write_at_the_same_time(tmp_path: Path) -> None:
    def write(worker: int) -> None:
        cache = EmbeddingCache(tmp_path, "m", 4)
        for n in range(10):
            cache.find(["anything"])
            # Every second text is written by all of them.
            cache.add([f"{n} of {worker}", f"{n}"], vectors(2, n))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    texts = [f"{n} of {worker}" for n in range(10) for worker in range(4)] + [str(n) for n in range(10)]
    assert len(EmbeddingCache(tmp_path, "m", 4).find(texts)) == 50


WRITE_FOR_EVER = """
import sys
from itertools import count
from pathlib import Path
import numpy as np
from core.judging.embedded.embedding_cache import EmbeddingCache
cache = EmbeddingCache(Path(sys.argv[1]), "m", 4)
for n in count():
    cache.add([str(n)], np.random.default_rng(n).random((1, 4), dtype=np.float32))
"""


def test_a_killed_worker_leaves_only_whole_files(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)])
    waiting.wait_until(
        lambda: len(list((tmp_path / "m").glob("*.safetensors"))) >= 20,
        "20 files",
        processes=[worker],
        progress=waiting.file_sizes(tmp_path),
    )
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    written = len(list((tmp_path / "m").glob("*.safetensors")))
    found = EmbeddingCache(tmp_path, "m", 4).find([str(n) for n in range(written)])
    assert len(found) == written >= 20
    assert all((vector == vectors(1, int(text))[0]).all() for text, vector in found.items())
