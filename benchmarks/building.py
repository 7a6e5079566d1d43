"""Split, direct recipes and their export, beside the same done row by row with pandas; and large imports.

    python -m benchmarks.building [--csv FILE] [--dialogues N ...] [--peer-up-to N]

FILE is the reference dataset.csv where it lies beside the repository, else the bundled sample, repeated
under other ids. The peer visits the rows of a DataFrame with `iterrows`, once for the split and once for each
source of a recipe, and writes the same files with json; its counts must be the same. `import` is the whole
command in a workspace of its own: the file is read and checked, and its dialogues are stored. Its memory is
the peak of the process that reads and of the supervisor. Exits with 1 when the peer takes less than five
times as long, a step grows faster than n log n, or the memory of an import grows with the file.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from core.api import SAMPLE
from core.config.schema import Recipes
from core.dialogues.importing.table import read_table
from core.dialogues.split import split_of
from core.domain.data.dialogues import Dialogue
from core.prompts import templates
from core.recipes import catalog, llama_factory

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference" / "dataset.csv"
STEPS = ("split", "recipes and export")
#: How many times as long the peer must take, and how many megabytes more ten times the file may need.
WANTED, MORE_MB = 5.0, 40.0
#: What measuring twice may differ by.
NOISE = 1.3


def repeated(source: Path, wanted: int, target: Path) -> None:
    """Write a CSV of `wanted` rows: those of the source, again and again under other ids."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for n, row in enumerate(islice(cycle(rows), wanted)):
            writer.writerow(row | {"dialog_id": f"{n}/{row['dialog_id']}"})


def ours(
    dialogues: list[Dialogue], sources: Sequence[str], folder: Path
) -> tuple[list[float], dict[str, int]]:
    """The seconds of each step, and how many examples each data set has."""
    prompt, seconds = templates.load("student"), list[float]()
    runs = list[float]()
    # It takes milliseconds: the fastest of some runs.
    for _ in range(5):
        began = time.perf_counter()
        splits = [split_of(response.rating for response in d.responses.values()) for d in dialogues]
        runs.append(time.perf_counter() - began)
    seconds.append(min(runs))
    assert splits == [dialogue.split for dialogue in dialogues]
    names = catalog.direct_recipes(sources)
    began = time.perf_counter()
    written = llama_factory.export(folder, dialogues, names, Recipes(), prompt, {})
    seconds.append(time.perf_counter() - began)
    return seconds, counted(written)


def counted(files: list[Path]) -> dict[str, int]:
    """How many examples each file has."""
    return {
        path.stem: len(json.loads(path.read_bytes())) for path in files if path.name != llama_factory.INFO
    }


def with_pandas(path: Path, sources: list[str], folder: Path) -> tuple[list[float], dict[str, int]]:
    """The same, row by row."""
    frame, prompt = pd.read_csv(path, keep_default_na=False), templates.load("student")
    frame = frame.rename(columns=lambda name: name.removesuffix("_empathy"))
    seconds, written = list[float](), list[Path]()
    began = time.perf_counter()
    splits = []
    for _, row in frame.iterrows():
        good = sum(row[f"rating_{source}"] == 3 for source in ("human", *sources))
        splits.append("test" if good < 2 else "train")
    frame["split"] = splits
    seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    for name, models in (*((model, [model]) for model in sources), (catalog.ALL, sources)):
        for kind, rows in zip(("sft", "dpo"), _examples(frame, models, prompt), strict=True):
            written.append(folder / f"direct_{name}_{kind}.json")
            written[-1].write_text(json.dumps(rows, ensure_ascii=False, indent=2))
    seconds.append(time.perf_counter() - began)
    return seconds, counted(written)


def _examples(frame: pd.DataFrame, models: list[str], prompt: str) -> tuple[list[Any], list[Any]]:
    sft, pairs = list[Any](), list[Any]()
    for model in models:
        for _, row in frame.iterrows():
            human, other = row["rating_human"], row[f"rating_{model}"]
            if row["split"] != "train":
                continue
            text = templates.render(prompt, situation=row["situation"], utterance=row["speaker_uttr"])
            if human == 3 and other == 3:
                for source in ("human", model):
                    answer = {"role": "assistant", "content": row[f"response_{source}"]}
                    sft.append({"messages": [{"role": "user", "content": text}, answer]})
            elif human < 3 and other == 3:
                chosen = {"from": "gpt", "value": row[f"response_{model}"]}
                rejected = {"from": "gpt", "value": row["response_human"]}
                turns = [{"from": "human", "value": text}]
                pairs.append({"conversations": turns, "chosen": chosen, "rejected": rejected})
    return sft, pairs


def imported(path: Path, workspace: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of an import into a new workspace, with the supervisor that it starts."""
    workspace.mkdir()
    began, peak = time.perf_counter(), 0.0
    program = [sys.executable, "-m", "tui", "--workspace", str(workspace), "import", str(path)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL) as command:
        while command.poll() is None:
            peak = max(peak, *(memory_mb(process) for process in processes_of(workspace)), 0.0)
            time.sleep(0.05)
        seconds = time.perf_counter() - began
    if command.returncode:
        sys.exit(f"the import of {path} failed")
    for process in processes_of(workspace):
        process.kill()
    return seconds, peak


def processes_of(workspace: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(workspace) in (p.info["cmdline"] or ())]


def memory_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_info().rss) / 1e6
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", type=Path, default=REFERENCE if REFERENCE.is_file() else SAMPLE)
    parser.add_argument("--dialogues", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--peer-up-to", type=int, default=20_000)
    options = parser.parse_args()
    sources = read_table(options.csv).sources
    print(f"{options.csv.name}, repeated; Python {sys.version.split()[0]}, pandas {pd.__version__}")
    print(f"{'dialogues':>10} {'step':<20} {'seconds':>8} {'pandas':>8} {'ratio':>7}")
    failed, before = list[str](), dict[str, tuple[int, float]]()
    memory = list[float]()
    with tempfile.TemporaryDirectory() as folder:
        for wanted in options.dialogues:
            path = Path(folder) / f"{wanted}.csv"
            repeated(options.csv, wanted, path)
            dialogues = list(read_table(path).dialogues)
            own, found = ours(dialogues, sources, Path(folder) / f"own-{wanted}")
            peer: list[float | None] = [None, None]
            if wanted <= options.peer_up_to:
                target = Path(folder) / f"peer-{wanted}"
                target.mkdir()
                seconds, same = with_pandas(path, list(sources), target)
                assert same == found, (same, found)
                peer = [*seconds]
                ratio = sum(seconds) / sum(own)
                failed += [f"{wanted} dialogues: only {ratio:.1f} times as fast"] if ratio < WANTED else []
            took, peak = imported(path, Path(folder) / f"workspace-{wanted}")
            memory.append(peak)
            for step, needed, of_peer in zip((*STEPS, "import"), (*own, took), (*peer, None), strict=True):
                shown = "" if of_peer is None else f"{of_peer:>8.2f} {of_peer / needed:>5.1f} ×"
                print(f"{wanted:>10,} {step:<20} {needed:>8.2f} {shown}", flush=True)
                if step in before:
                    n, earlier = before[step]
                    limit = NOISE * wanted * math.log(wanted) / (n * math.log(n))
                    if needed > limit * earlier:
                        failed.append(f"{step}: {needed / earlier:.1f} times the time for {wanted:,}")
                before[step] = (wanted, needed)
            print(f"{'':>10} import: {path.stat().st_size / 1e6:,.0f} MB, peak memory {peak:,.0f} MB")
    if memory[-1] > memory[0] + MORE_MB:
        failed.append(f"an import needs {memory[-1]:.0f} MB, a small one {memory[0]:.0f} MB")
    sys.exit("; ".join(failed) or None)


if __name__ == "__main__":
    main()
