"""Fine-tuning on prefix trees beside LLaMA-Factory, on the files that are exported for it.

    uv venv /tmp/llama-factory && uv pip install --python /tmp/llama-factory llamafactory torch==2.13.0
    python -m benchmarks.llama_factory --python /tmp/llama-factory/bin/python [--data dataset.csv] [--step 16]

LLaMA-Factory needs other versions of Transformers and TRL than this program, so it has an environment of its
own. Both ways do one optimizer step of the embedded student in float32 with LoRA on all linear layers, on as
many examples of the same recipe, in a process each. The time is that of training after loading; `CPU` is the
processor's time of the whole process, imports and loading too; memory is the peak of the process. Without
`--data` the path is in EMPATHY_REFERENCE_DATASET.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from benchmarks import training
from core.config.schema import Dpo, Lora, Recipes, Training
from core.dialogues import csv_table
from core.prompts import templates
from core.recipes import llama_factory

STAGES = ("sft", "dpo")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMPATHY_REFERENCE_DATASET"))
    parser.add_argument("--python", type=Path, help="Python of an environment that has LLaMA-Factory")
    parser.add_argument("--step", type=int, default=16, help="examples of the step")
    parser.add_argument("--only", nargs="*", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--ours", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the dialogues with --data or in EMPATHY_REFERENCE_DATASET")
    if options.ours:
        print(_seconds_of_ours(options.ours, options.data, options.step))
        return 0
    if options.python is None:
        parser.error("name the Python of an environment that has LLaMA-Factory with --python")
    checked = subprocess.run([options.python, "-c", "import llamafactory"], capture_output=True, text=True)
    if checked.returncode:
        last = checked.stderr.strip().splitlines()[-1]
        print(f"LLaMA-Factory is not measured: {options.python} cannot import it ({last})")
        return 1
    for stage in options.only:
        _compare(stage, options.data, options.step, options.python)
    return 0


def _compare(stage: str, data: Path, step: int, python: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = _prepare(folder, stage, data, step)
        theirs = _measured([python, "-m", "llamafactory.cli", "train", str(settings)], folder)
        seconds = json.loads((folder / "out" / "train_results.json").read_text())["train_runtime"]
        ours = [sys.executable, "-m", "benchmarks.llama_factory", "--ours", stage]
        mine = _measured([*ours, "--data", str(data), "--step", str(step)], folder)
        found = float((folder / "output.txt").read_text().strip().splitlines()[-1])
    print(f"\n{stage}, {step} examples, one step")
    print(f"{'':15}      s  ratio   CPU s  memory GB")
    print(f"{'LLaMA-Factory':15} {seconds:6.1f}  1.00× {theirs[0]:7.1f} {theirs[1] / 1e9:10.2f}")
    print(f"{'prefix tree':15} {found:6.1f} {seconds / found:5.2f}× {mine[0]:7.1f} {mine[1] / 1e9:10.2f}")


def _measured(command: list[Any], folder: Path) -> tuple[float, int]:
    """The processor's time and the peak of memory of a process that must succeed."""
    peak, cpu = 0, 0.0
    with (folder / "output.txt").open("w") as output:
        process = psutil.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"USE_V1": "0"}
        )
        while True:
            try:
                process.wait(0.1)
                break
            except psutil.TimeoutExpired:
                times = process.cpu_times()
                cpu, peak = times.user + times.system, max(peak, process.memory_info().rss)
    if process.returncode:
        raise SystemExit((folder / "output.txt").read_text()[-3000:])
    return cpu, peak


def _prepare(folder: Path, stage: str, data: Path, step: int) -> Path:
    """The exported files, the student, and LLaMA-Factory's settings for the same step."""
    from core.students import chat_format, loading

    dialogues = csv_table.read_table(data).dialogues
    drawn = random.Random(training.SEED).sample([d for d in dialogues if d.split == "train"], step)
    llama_factory.export(folder, drawn, [training.RECIPE], Recipes(), templates.load("student"), {})
    model = loading.load_model(training.STUDENT, "cpu", training.torch.float32)
    model.save_pretrained(folder / "model")
    chat_format.load(training.STUDENT).tokenizer.save_pretrained(folder / "model")
    lora, settings = Lora(), Dpo() if stage == "dpo" else Training()
    path = folder / "settings.json"
    arguments: dict[str, Any] = {
        "stage": stage,
        "do_train": True,
        "model_name_or_path": str(folder / "model"),
        "template": "smollm2",
        "dataset_dir": str(folder),
        "dataset": f"{training.RECIPE.replace('/', '_')}_{stage}",
        "max_samples": step,
        "cutoff_len": settings.max_length,
        "preprocessing_num_workers": 1,
        "finetuning_type": "lora",
        "lora_rank": lora.r,
        "lora_alpha": int(lora.lora_alpha),
        "lora_target": "all",
        "output_dir": str(folder / "out"),
        "per_device_train_batch_size": training.MICRO_BATCH,
        "gradient_accumulation_steps": step // training.MICRO_BATCH,
        "learning_rate": settings.learning_rate,
        "max_steps": 1,
        "disable_gradient_checkpointing": True,
        "use_cpu": True,
        "report_to": "none",
        "save_strategy": "no",
    } | ({"pref_beta": settings.beta} if isinstance(settings, Dpo) else {})
    path.write_text(json.dumps(arguments))
    return path


def _seconds_of_ours(stage: str, data: Path, step: int) -> float:
    from core.students import chat_format

    table = "DPO" if stage == "dpo" else "SFT, by dialogue"
    chat = chat_format.load(training.STUDENT)
    measured = training.Measured()
    examples = training._data(table, data, chat, step)
    training._round(table, examples, chat, training.TREE, step, 1, measured)
    return measured.epochs(1)[0]


if __name__ == "__main__":
    sys.exit(main())
