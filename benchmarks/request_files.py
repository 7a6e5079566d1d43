"""How long the request files of all strategies take for 2,000 dialogues, beside json.dumps of the same.

    python -m benchmarks.request_files [--csv FILE] [--dialogues N] [--runs N] [--limit SECONDS]

Builds the files of methods 2 and 3 as a batch is built: from the templates, with keys, line by line,
fsynced. All dialogues count as train dialogues; earlier answers are made ones of 28 words. FILE is the
reference dataset.csv where it lies beside the repository, else the bundled sample, repeated. Each file
is followed by `json.dumps` of its bodies, so a busy machine slows both. The median run is shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import msgspec

from core.api import SAMPLE
from core.config.schema import Teacher
from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue
from core.jobs import files
from core.prompts import templates
from core.recipes import strategies
from core.teachers.http.endpoint import Endpoint
from core.teachers.openai import requests as openai_requests
from core.teachers.openai.client import OpenAIBatches
from core.teachers.requests import building
from tests.support.records import made_settings

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "dataset.csv"
TEACHER = Teacher(provider="openai", model="gpt-4o", mode="batch")


@dataclass
class Built:
    """The request files of one method, and what they took."""

    files: int = 0
    requests: int = 0
    size: int = 0
    seconds: float = 0.0
    dumps_s: float = 0.0

    @property
    def ratio(self) -> float:
        return self.seconds / self.dumps_s


def build(method: str, dialogues: list[Dialogue], folder: Path) -> Built:
    """The request files of all strategies of a method, one for each set of answers."""
    endpoint = Endpoint(model=TEACHER.model, key="none", max_output_tokens=512)
    teacher = OpenAIBatches(endpoint)
    earlier = {d.dialog_id: f"{d.dialog_id} {'word ' * 26}end." for d in dialogues}
    built = Built()
    for name, response_set in strategies.RESPONSE_SETS.items():
        if not name.startswith(f"{method}/"):
            continue
        began = time.perf_counter()
        settings = made_settings.generate(
            model=made_settings.large_model(TEACHER),
            turns=tuple(templates.load(turn) for turn in response_set.turns),
            original=response_set.original,
        )
        asked, _ = building.of_job(settings, dialogues, lambda _: earlier)
        path = folder / f"{name.replace('/', '_')}.jsonl"
        files.write_bytes(path, b"".join(map(teacher.line, asked)))
        built.seconds += time.perf_counter() - began
        bodies = [openai_requests.completion_body(endpoint, request) for request in asked]
        began = time.perf_counter()
        for body in bodies:
            json.dumps(body)
        built.dumps_s += time.perf_counter() - began
        built.files += 1
        built.requests += len(asked)
        built.size += path.stat().st_size
    return built


def train_dialogues(path: Path, wanted: int) -> list[Dialogue]:
    """As many dialogues, all of them train: the file's, again and again under other ids."""
    repeated = enumerate(islice(cycle(read_table(path).dialogues), wanted))
    return [msgspec.structs.replace(d, dialog_id=f"{d.dialog_id}/{n}", split="train") for n, d in repeated]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", type=Path, default=REFERENCE if REFERENCE.is_file() else SAMPLE)
    parser.add_argument("--dialogues", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, help="exit with 1 when a method takes more seconds")
    options = parser.parse_args()
    dialogues = train_dialogues(options.csv, options.dialogues)
    print(f"{len(dialogues)} dialogues of {options.csv.name}; median of {options.runs} runs")
    print(
        f"{'method':<14} {'files':>5} {'requests':>9} {'MB':>7} {'seconds':>8} {'json.dumps':>11} "
        f"{'ratio':>7}"
    )
    slowest = 0.0
    for method in strategies.METHODS:
        with tempfile.TemporaryDirectory() as folder:
            runs = [build(method, dialogues, Path(folder)) for _ in range(options.runs)]
        one = runs[0]
        seconds = statistics.median(run.seconds for run in runs)
        dumps_s = statistics.median(run.dumps_s for run in runs)
        ratio = statistics.median(run.ratio for run in runs)
        slowest = max(slowest, seconds)
        print(
            f"{method:<14} {one.files:>5} {one.requests:>9,} {one.size / 1e6:>7.1f} {seconds:>8.2f} "
            f"{dumps_s:>11.2f} {ratio:>5.2f} ×"
        )
    if options.limit is not None and slowest > options.limit:
        sys.exit(f"a method's files take {slowest:.1f} s; the limit is {options.limit}")


if __name__ == "__main__":
    main()
