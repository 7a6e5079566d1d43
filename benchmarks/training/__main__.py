"""Fine-tuning on prefix trees beside TRL's own trainers, on real dialogues, in one process.

    python -m benchmarks.training [--data dataset.csv] [--step 4 8 16 32] [--steps 1] [--rounds 2]
    python -m benchmarks.training --curve 50 --step 4

The embedded student in float32 with LoRA on all linear layers and the default settings. A table has the
ways to do the same optimizer steps on the same examples: TRL with micro-batches of 2, TRL at its fastest
(SFT padding-free and packed, DPO with the reference computed before), TRL on layers that oneDNN computes,
and a prefix tree on such layers. SFT is measured on
examples in random order, and on both answers of each dialogue. Rounds of all ways alternate, each with a
new trainer of the same weights; times are medians. `CPU` is the ratio of the processor's time, which other
programs on the machine disturb less; `tokens` are those that the model computes, padding included; `memory`
is the peak of the process above what it had before the steps. With several `--step`, a last table shows how
the ratio of time goes with the ratio of tokens, which is its limit. Without `--data` the path is in
EMPATHY_REFERENCE_DATASET.

`--llama-factory VENV` adds LLaMA-Factory on the files that `export` writes, with the same settings, in an
environment of its own, which is made so:

    uv venv /tmp/llama-factory --python 3.11
    uv pip install --no-config --python /tmp/llama-factory/bin/python llamafactory==0.9.5 "torch==2.13.*"

`--curve` trains a tiny model of random weights for that many steps, by TRL's own trainers and on prefix
trees, and prints how far the losses are apart; it fails above a relative difference of 1e-3.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from benchmarks.training import llama_factory
from benchmarks.training.measures import Measured, Time, TokenCount, now, peak_memory, since
from core.config.schema import Dpo, Lora, Student, Training
from core.dialogues.importing.table import read_table
from core.prompts import templates
from core.recipes import examples
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.models import loading
from core.students.models.cpu_linear import OneDnnLinear
from core.training import reference, trainers
from core.training.data import tokenized_data
from core.training.data.tokenized_data import TokenizedData

STUDENT = Student(model=loading.EMBEDDED)
RECIPE = "direct/chatgpt"
SEED = 42
MICRO_BATCH = 2
EPOCHS = 3
#: The model of `--curve`, and how far its losses may be apart.
TINY: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
CURVE_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Way:
    """A way to do the same optimizer steps."""

    name: str
    tree: bool = False
    onednn: bool = False
    """Whether linear layers are computed as students' are."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Of TRL's configuration."""


TRL = Way("TRL")
ONEDNN = Way("TRL, oneDNN", onednn=True)
TREE = Way("prefix tree", tree=True, onednn=True)
PADDING_FREE = Way("TRL, padding-free", arguments={"padding_free": True, "max_length": None})
PACKED = Way("TRL, packed", arguments={"packing": True, "per_device_train_batch_size": 1})
PRECOMPUTED = Way("TRL, precomputed", arguments={"precompute_ref_log_probs": True})
LLAMA_FACTORY = Way("LLaMA-Factory")
#: The ways that are compared on each kind of steps.
WAYS = {
    "SFT, random order": (TRL, PADDING_FREE, PACKED, ONEDNN, TREE),
    "SFT, by dialogue": (TRL, ONEDNN, TREE),
    "DPO": (TRL, PRECOMPUTED, ONEDNN, TREE),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMPATHY_REFERENCE_DATASET"))
    parser.add_argument("--step", type=int, nargs="+", default=[16], help="examples of an optimizer step")
    parser.add_argument("--steps", type=int, default=1, help="optimizer steps of a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(WAYS), choices=list(WAYS), help="tables to print")
    parser.add_argument("--curve", type=int, metavar="STEPS", help="compare the losses of a run instead")
    parser.add_argument(
        "--peers", action=argparse.BooleanOptionalAction, default=True, help="TRL at its fastest"
    )
    parser.add_argument("--llama-factory", type=Path, metavar="VENV")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the dialogues with --data or in EMPATHY_REFERENCE_DATASET")
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    chat = chat_format.load(STUDENT)
    if options.curve:
        return _curves(options.data, chat, options.curve, options.step[0])
    for table in options.only:
        sizes: dict[int, dict[str, Measured]] = {}
        ways = WAYS[table] if options.peers else tuple(way for way in WAYS[table] if way in (TRL, TREE))
        if options.llama_factory is not None:
            ways = (*ways[:-1], LLAMA_FACTORY, TREE)
        for size in options.step:
            data = _data(table, options.data, chat, size * options.steps)
            measured = {way.name: Measured() for way in ways}
            for _ in range(options.rounds):
                for way in ways:
                    _round(table, data, chat, way, size, options, measured[way.name])
            _show(table, measured, size, options.steps)
            sizes[size] = measured
        if len(sizes) > 1:
            _show_sizes(table, sizes)
    return 0


def _curves(path: Path, chat: ChatFormat, steps: int, size: int) -> int:
    """Train both ways from the same weights, on the same examples in the same order."""
    print(f"{steps} steps on real dialogues, {size} examples a step, a model of 2 layers")
    print(f"{'':6} first loss  last loss  furthest relative difference  in step")
    furthest = 0.0
    for table in ("SFT", "DPO"):
        data = _data(table, path, chat, size * steps)
        plain, tree = (_losses(table, data, chat, way, size, steps) for way in (TRL, TREE))
        apart = [abs(a - b) / abs(b) for a, b in zip(tree, plain, strict=True)]
        furthest = max(furthest, *apart)
        step = apart.index(max(apart)) + 1
        print(f"{table:6} {plain[0]:10.4f} {plain[-1]:10.4f} {max(apart):29.1e}  {step:7}", flush=True)
    return int(furthest > CURVE_DIFFERENCE)


def _losses(
    table: str, data: TokenizedData, chat: ChatFormat, way: Way, size: int, steps: int
) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        training = _training(table, way, size, steps, learning_rate=1e-3)
        arguments = trainers.arguments(training, "cpu", torch.float32, Path(folder)) | {"save_strategy": "no"}
        torch.manual_seed(SEED)
        vocabulary = len(chat.tokenizer)
        model = transformers.AutoModelForCausalLM.from_config(
            transformers.LlamaConfig(vocab_size=vocabulary, tie_word_embeddings=True, **TINY)
        )
        torch.manual_seed(SEED)
        trainer, _ = _trainer(model, data, chat, way, training, arguments, Path(folder))
        # The losses that are logged are rounded.
        losses: list[float] = []
        step = trainer.training_step

        def training_step(*args: Any) -> torch.Tensor:
            loss: torch.Tensor = step(*args)
            losses.append(loss.item())
            return loss

        trainer.training_step = training_step
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    parts = size // MICRO_BATCH
    return [sum(losses[start : start + parts]) for start in range(0, len(losses), parts)]


def _data(table: str, path: Path, chat: ChatFormat, count: int) -> TokenizedData:
    """That many examples: at random, or with both answers of each dialogue."""
    dialogues = read_table(path).dialogues
    sft, pairs = examples.build(dialogues, RECIPE, "strict", templates.load("student"))
    if table == "DPO":
        return tokenized_data.dpo(chat, [pairs[row] for row in _rows(table, len(pairs), count)], Dpo())
    return tokenized_data.sft(chat, [sft[row] for row in _rows(table, len(sft), count)], Training())


def _rows(table: str, among: int, count: int) -> list[int]:
    """The examples that are drawn."""
    draw = random.Random(SEED)
    if table == "SFT, by dialogue":
        return [first + more for first in draw.sample(range(0, among, 2), count // 2) for more in (0, 1)]
    return draw.sample(range(among), count)


def _llama_factory(table: str, options: argparse.Namespace, training: Training, measured: Measured) -> None:
    dialogues = read_table(options.data).dialogues
    sft, pairs = examples.build(dialogues, RECIPE, "strict", templates.load("student"))
    count = MICRO_BATCH * training.gradient_accumulation_steps * training.max_steps
    rows = _rows(table, len(pairs if table == "DPO" else sft), count)
    with tempfile.TemporaryDirectory() as folder:
        found = llama_factory.run(
            options.llama_factory, loading.embedded(), dialogues, RECIPE, rows, training, Path(folder)
        )
    measured.add((found.seconds, found.cpu_seconds), (0.0, 0.0), found.memory, found.tokens)


def _round(
    table: str,
    data: TokenizedData,
    chat: ChatFormat,
    way: Way,
    size: int,
    options: argparse.Namespace,
    measured: Measured,
) -> None:
    training = _training(table, way, size, options.steps)
    if way is LLAMA_FACTORY:
        _llama_factory(table, options, training, measured)
        return
    with tempfile.TemporaryDirectory() as folder:
        arguments = trainers.arguments(training, "cpu", torch.float32, Path(folder)) | {"save_strategy": "no"}
        model = loading.load_model(STUDENT, "cpu", torch.float32)
        if not way.onednn:
            _use_mkl(model)
        tokens = TokenCount(model)
        began = now()
        trainer, before = _trainer(model, data, chat, way, training, arguments, Path(folder))
        if way is PRECOMPUTED:
            before = since(began)
        trainer.remove_callback(transformers.PrinterCallback)
        if table != "DPO":
            # Before the steps there are only checks; in DPO there may be the reference's pass.
            tokens.count = 0
        with peak_memory() as peak:
            began = now()
            trainer.train()
            took = since(began)
        measured.add(took, before, peak[0], tokens.count)


def _use_mkl(model: Any) -> None:
    """Have linear layers computed as PyTorch does."""
    for module in model.modules():
        if isinstance(module, OneDnnLinear):
            module.__class__ = torch.nn.Linear


def _training(table: str, way: Way, size: int, steps: int, **settings: Any) -> Training:
    kind = Dpo if table == "DPO" else Training
    return kind(
        max_steps=steps,
        per_device_train_batch_size=MICRO_BATCH,
        gradient_accumulation_steps=size // MICRO_BATCH,
        prefix_tree=way.tree,
        # The examples of a step are the same anyway.
        group_by_dialogue=False,
        **settings,
    )


def _trainer(
    model: Any,
    data: TokenizedData,
    chat: ChatFormat,
    way: Way,
    training: Training,
    arguments: dict[str, Any],
    folder: Path,
) -> tuple[Any, Time]:
    """The trainer of a way, and the time of a tree's pass of the reference."""
    if way.tree and isinstance(training, Dpo):
        peft_model = _with_adapter(model)
        trainer = trainers.dpo(peft_model, chat.tokenizer, data, training, arguments)
        began = now()
        reference.give(trainer, data, "", folder, (), lambda: None)
        return trainer, since(began)
    if way.tree:
        return trainers.sft(model, chat.tokenizer, data, Lora(), training, arguments), (0.0, 0.0)
    if isinstance(training, Dpo):
        config = DPOConfig(**arguments | way.arguments)
        return _TokenDpoTrainer(
            _with_adapter(model), args=config, train_dataset=data.dataset(), processing_class=chat.tokenizer
        ), (0.0, 0.0)
    trainer = SFTTrainer(
        model,
        args=SFTConfig(**arguments | way.arguments),
        train_dataset=data.dataset(),
        processing_class=chat.tokenizer,
        peft_config=trainers.lora_config(Lora(), model),
    )
    if way is PACKED:
        # As many packed rows as hold the examples of all steps.
        trainer.args.gradient_accumulation_steps = -(-len(trainer.train_dataset) // training.max_steps)
    return trainer, (0.0, 0.0)


class _TokenDpoTrainer(DPOTrainer):
    """TRL's trainer for pairs that are tokens already."""

    def _prepare_dataset(self, dataset: datasets.Dataset, *_: object) -> datasets.Dataset:
        return dataset


def _with_adapter(model: Any) -> Any:
    """The model with a new adapter, as after SFT."""
    from peft import get_peft_model

    torch.manual_seed(SEED)
    return get_peft_model(model, trainers.lora_config(Lora(), model))


def _show(table: str, measured: dict[str, Measured], size: int, steps: int) -> None:
    base = measured[TRL.name]
    print(f"\n{table}, {size} examples a step, {steps} steps, {torch.get_num_threads()} threads")
    print(
        f"{'':20} examples/s  ratio    CPU  tokens  ratio  memory GB" + "  3 epochs   CPU" * (table == "DPO")
    )
    for name, found in measured.items():
        wall, cpu = _ratios(base, found, 1)
        line = (
            f"{name:20} {size * steps / found.epochs(1)[0]:10.3f} {wall:5.2f}× {cpu:5.2f}× {found.tokens:7,} "
            f"{base.tokens / found.tokens:5.2f}× {found.memory / 1e9:9.2f}"
        )
        if table == "DPO":
            wall, cpu = _ratios(base, found, EPOCHS)
            line += f"  {wall:7.2f}× {cpu:5.2f}×"
        print(line, flush=True)


def _show_sizes(table: str, sizes: dict[int, dict[str, Measured]]) -> None:
    """How the ratio of time goes with the step's size."""
    print(f"\n{table}: a prefix tree beside TRL, by the examples of a step")
    print("examples    time     CPU  tokens  of its limit")
    for size, measured in sizes.items():
        base, tree = measured[TRL.name], measured[TREE.name]
        wall, cpu = _ratios(base, tree, 1)
        tokens = base.tokens / tree.tokens
        print(f"{size:8} {wall:6.2f}× {cpu:6.2f}× {tokens:6.2f}× {cpu / tokens:12.0%}", flush=True)


def _ratios(base: Measured, found: Measured, epochs: int) -> Time:
    wall, cpu = (a / b for a, b in zip(base.epochs(epochs), found.epochs(epochs), strict=True))
    return wall, cpu


if __name__ == "__main__":
    sys.exit(main())
