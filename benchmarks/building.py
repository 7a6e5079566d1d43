"""Split, direct recipes and their export, beside the same done row by row with pandas; and large imports.

    python -m benchmarks.building [--csv FILE] [--dialogues N ...] [--peer-up-to N]

FILE is the reference dataset.csv where it lies beside the repository, else the bundled sample, repeated
under other ids. The peer visits the rows of a DataFrame with `iterrows`, once for the split and once for each
source of a recipe, and writes the same files with json; its examples must be the same. `import` is the whole
command in a workspace of its own: the file is read and checked, and its dialogues are stored. `CPU s` is the
processor's time, `MB` the peak memory of a process: of the export with all dialogues in memory, as the
command has them, and of whichever of the import's processes needs more, the one that reads or the supervisor.
Exits with 1 when the peer takes less than five times as long, a step needs more of the processor than n log n
allows, or the memory of an import grows with the file.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import psutil

from core.api import SAMPLE
from core.config.schema import Recipes
from core.dialogues.importing.table import read_table
from core.dialogues.split import split_of
from core.domain.data.dialogues import Dialogue
from core.prompts import templates
from core.recipes import catalog, llama_factory

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "dataset.csv"
STEPS = ("split", "recipes and export", "import")
#: How many times as long the peer must take, and how many megabytes more ten times the file may need.
WANTED, MORE_MB = 5.0, 40.0
#: What measuring twice may differ by.
NOISE = 1.3

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    seconds: float
    cpu: float
    mb: float | None = None
    """Peak memory of the process; None if it was not measured."""


def measured(step: Callable[[], T]) -> tuple[T, Cost]:
    began, cpu = time.perf_counter(), time.process_time()
    found = step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return found, Cost(time.perf_counter() - began, time.process_time() - cpu, peak)


def repeated(source: Path, wanted: int, target: Path) -> None:
    """Write a CSV of `wanted` rows: those of the source, again and again under other ids."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for n, row in enumerate(islice(cycle(rows), wanted)):
            writer.writerow(row | {"dialog_id": f"{n}/{row['dialog_id']}"})


def ours(path: Path, sources: Sequence[str], folder: Path) -> tuple[list[Cost], dict[str, str]]:
    """What each step took, and the content of the data sets."""
    dialogues, prompt = list(read_table(path).dialogues), templates.load("student")
    # It takes milliseconds: the fastest of some runs.
    runs = [measured(lambda: _splits(dialogues)) for _ in range(5)]
    assert runs[0][0] == [dialogue.split for dialogue in dialogues]
    split = min((cost for _, cost in runs), key=lambda cost: cost.seconds)
    names = catalog.direct_recipes(sources)
    written, export = measured(
        lambda: llama_factory.export(folder, dialogues, names, Recipes(), prompt, {}, {})
    )
    return [Cost(split.seconds, split.cpu), export], contents(written)


def _splits(dialogues: Sequence[Dialogue]) -> list[str]:
    return [split_of(response.rating for response in d.responses.values()) for d in dialogues]


def contents(files: Sequence[Path]) -> dict[str, str]:
    """A hash of the examples in each file, in any order."""
    found = {}
    for path in files:
        if path.name != llama_factory.INFO:
            rows = sorted(map(json.dumps, json.loads(path.read_bytes())))
            found[path.stem] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


def with_pandas(path: Path, sources: Sequence[str], folder: Path) -> tuple[list[Cost], dict[str, str]]:
    """The same, row by row."""
    frame, prompt = pd.read_csv(path, keep_default_na=False), templates.load("student")
    frame = frame.rename(columns=lambda name: name.removesuffix("_empathy"))
    folder.mkdir()
    frame["split"], split = measured(lambda: _splits_of_rows(frame, sources))
    written, export = measured(lambda: _exported_rows(frame, sources, prompt, folder))
    return [split, export], contents(written)


def _splits_of_rows(frame: pd.DataFrame, sources: Sequence[str]) -> list[str]:
    splits = []
    for _, row in frame.iterrows():
        good = sum(row[f"rating_{source}"] == 3 for source in ("human", *sources))
        splits.append("test" if good < 2 else "train")
    return splits


def _exported_rows(frame: pd.DataFrame, sources: Sequence[str], prompt: str, folder: Path) -> list[Path]:
    written = []
    for name, models in (*((model, [model]) for model in sources), (catalog.ALL, sources)):
        for kind, rows in zip(("sft", "dpo"), _examples(frame, models, prompt), strict=True):
            written.append(folder / f"direct_{name}_{kind}.json")
            with written[-1].open("w", encoding="utf-8") as file:
                json.dump(rows, file, ensure_ascii=False, indent=2)
    return written


def _examples(frame: pd.DataFrame, models: Sequence[str], prompt: str) -> tuple[list[Any], list[Any]]:
    sft, pairs = list[Any](), list[Any]()
    for model in models:
        for _, row in frame.iterrows():
            human, other = row["rating_human"], row[f"rating_{model}"]
            if row["split"] != "train":
                continue
            if human == 3 and other == 3:
                text = _prompt(row, prompt)
                for source in ("human", model):
                    answer = {"role": "assistant", "content": row[f"response_{source}"]}
                    sft.append({"messages": [{"role": "user", "content": text}, answer]})
            elif human < 3 and other == 3:
                text = _prompt(row, prompt)
                chosen = {"from": "gpt", "value": row[f"response_{model}"]}
                rejected = {"from": "gpt", "value": row["response_human"]}
                turns = [{"from": "human", "value": text}]
                pairs.append({"conversations": turns, "chosen": chosen, "rejected": rejected})
    return sft, pairs


def _prompt(row: Any, prompt: str) -> str:
    return templates.render(prompt, situation=row["situation"], utterance=row["speaker_uttr"])


def alone(step: Callable[..., T], *arguments: object) -> T:
    """The step's result, from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(step, arguments)


def imported(path: Path, workspace: Path) -> Cost:
    """An import into a new workspace, with the supervisor that it starts."""
    workspace.mkdir()
    began, peak, cpu = time.perf_counter(), 0.0, dict[int, float]()
    program = [sys.executable, "-m", "tui", "--workspace", str(workspace), "import", str(path)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
        while command.poll() is None:
            for process in processes_of(workspace):
                with suppress(psutil.Error):
                    peak = max(peak, process.memory_info().rss / 1e6)
                    times = process.cpu_times()
                    cpu[process.pid] = times.user + times.system
            time.sleep(0.05)
        seconds = time.perf_counter() - began
    if command.returncode:
        sys.exit(f"the import of {path} failed")
    for process in processes_of(workspace):
        process.kill()
    return Cost(seconds, sum(cpu.values()), peak)


def processes_of(workspace: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(workspace) in (p.info["cmdline"] or ())]


def line(wanted: int, step: str, own: Cost, peer: Cost | None) -> str:
    shown = f"{wanted:>10,} {step:<19}{own.seconds:>8.2f} {own.cpu:>7.2f}"
    shown += f" {own.mb:>6,.0f}" if own.mb is not None else f" {'—':>6}"
    if peer is None:
        return shown
    ratios = peer.seconds / own.seconds, peer.cpu / own.cpu
    return f"{shown}  {peer.seconds:>7.2f} {ratios[0]:>6.1f} × {peer.cpu:>7.2f} {ratios[1]:>6.1f} ×"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", type=Path, default=REFERENCE if REFERENCE.is_file() else SAMPLE)
    parser.add_argument("--dialogues", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--peer-up-to", type=int, default=20_000)
    options = parser.parse_args()
    sources = read_table(options.csv).sources
    print(f"{options.csv.name}, repeated; Python {sys.version.split()[0]}, pandas {pd.__version__}")
    print(f"{'dialogues':>10} {'step':<19}{'seconds':>8} {'CPU s':>7} {'MB':>6}", end="")
    print(f"  {'pandas s':>16}   {'CPU s':>15}")
    failed, before = list[str](), dict[str, tuple[int, float]]()
    memory = list[float]()
    with tempfile.TemporaryDirectory() as name:
        for wanted in options.dialogues:
            folder = Path(name)
            path = folder / f"{wanted}.csv"
            repeated(options.csv, wanted, path)
            own, found = alone(ours, path, sources, folder / f"own-{wanted}")
            peer = list[Cost]()
            if wanted <= options.peer_up_to:
                peer, same = alone(with_pandas, path, sources, folder / f"peer-{wanted}")
                assert same == found, "the peer's examples are others"
                ratio = sum(c.seconds for c in peer) / sum(c.seconds for c in own)
                failed += [f"{wanted} dialogues: only {ratio:.1f} times as fast"] if ratio < WANTED else []
            own.append(imported(path, folder / f"workspace-{wanted}"))
            memory.append(own[-1].mb or 0.0)
            for number, (step, needed) in enumerate(zip(STEPS, own, strict=True)):
                print(line(wanted, step, needed, peer[number] if number < len(peer) else None), flush=True)
                if step in before:
                    n, earlier = before[step]
                    limit = NOISE * wanted * math.log(wanted) / (n * math.log(n))
                    if needed.cpu > limit * earlier:
                        failed.append(f"{step}: {needed.cpu / earlier:.1f} times the time for {wanted:,}")
                before[step] = (wanted, needed.cpu)
    if memory[-1] > memory[0] + MORE_MB:
        failed.append(f"an import needs {memory[-1]:.0f} MB, a small one {memory[0]:.0f} MB")
    sys.exit("; ".join(failed) or None)


if __name__ == "__main__":
    main()
