"""What the grid needs: tokens, FLOPs, GPU-hours, gigabytes, dollars; see `benchmarks.scaling`."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from core.config.load import load_config
from core.config.schema import Config, JudgeConfig, Price, Teacher
from core.jobs.settings import DpoSettings, LocalStudent, RunSettings, SftSettings
from core.recipes import strategies
from core.services.creation.workspace_creation import TEMPLATES
from core.students.models.model_shape import ModelShape, of_config
from core.training.estimates import run_estimate
from core.training.estimates.run_estimate import Work

#: Dense bf16 operations a second and gigabytes, by the makers' data sheets.
GPUS = {
    "a100-80gb": (312e12, 80),
    "h100-sxm": (989e12, 80),
    "h200": (989e12, 141),
    "l40s": (362e12, 48),
    "rtx-4090": (165e12, 24),
}
#: config.json of the two students, as published.
_LLAMA = (
    ("hidden_size", 4096),
    ("num_hidden_layers", 32),
    ("num_attention_heads", 32),
    ("num_key_value_heads", 8),
)
STUDENTS = {
    "llama-3_1-8b": {**dict(_LLAMA), "intermediate_size": 14_336, "vocab_size": 128_256},
    "mistral-7b": {**dict(_LLAMA), "intermediate_size": 14_336, "vocab_size": 32_768},
}
#: SFT examples and preference pairs of method direct, by the rule of the published code.
DIRECT = {
    "direct/chatgpt": (1_278, 730),
    "direct/llama": (1_234, 712),
    "direct/gemini": (1_102, 700),
    "direct/mixtral": (1_174, 726),
    "direct/all_together": (4_788, 2_868),
}
#: The same of each set of improved responses.
IMPROVED = (1_900, 800)
TRAIN, TEST = 1_750, 250
_STEP, _EPOCHS = 16, 3


@dataclass(frozen=True)
class Assumptions:
    """Everything that is not known before the grid has run; of pairs the better end first."""

    gpu: str
    utilisation: tuple[float, float]
    """Share of the GPU's dense bf16 operations that training reaches."""
    usd_per_hour: tuple[float, float]
    """Of one GPU."""
    seeds: int
    prompt_tokens: int
    shared_tokens: int
    """Those of them that are the same in every example."""
    answer_tokens: int
    load_s: float
    """Seconds in which a job starts, loads its model and writes its results."""
    answers_s: tuple[float, float]
    """Seconds in which a loaded student answers the test split."""
    teacher_input_tokens: int
    judge_input_tokens: int
    requests: bool
    """Whether answers of teachers and judges are counted."""

    @property
    def peak(self) -> float:
        return GPUS[self.gpu][0]


@dataclass(frozen=True)
class Run:
    """One run, with tokens once each (prefix trees), or as often as TRL computes them."""

    student: str
    recipe: str
    trl_tokens: float
    tokens: float
    flops: tuple[float, float]
    """With prefix trees, and without."""
    adapter_bytes: int
    memory_bytes: int


def print_need(made: Assumptions) -> None:
    """The assumptions, and what follows from them."""
    config = load_config(TEMPLATES / "paper.toml")
    runs = [
        run
        for student in config.students
        for recipe in config.recipes.train
        for run in runs_of(config, student, recipe, made)
    ]
    models = len(runs) * made.seeds
    trl, once = (sum(getattr(run, name) for run in runs) * made.seeds for name in ("trl_tokens", "tokens"))
    flops = [sum(run.flops[end] for run in runs) * made.seeds for end in (0, 1)]
    training = [flops[end] / made.peak / made.utilisation[end] / 3600 for end in (0, 1)]
    answered = models + len(config.students)
    answering = [(made.load_s + made.answers_s[end]) * answered / 3600 for end in (0, 1)]
    loading = made.load_s * models / 3600
    hours = [training[end] + answering[end] + loading for end in (0, 1)]
    gigabytes, students, recipes = GPUS[made.gpu][1], config.students, config.recipes.train
    print(
        f"{made.gpu}: {made.peak / 1e12:,.0f} TFLOP/s dense bf16, {gigabytes} GB; "
        f"utilisation {made.utilisation[1]:.0%} to {made.utilisation[0]:.0%};\n"
        f"${made.usd_per_hour[0]:.2f} to ${made.usd_per_hour[1]:.2f} a GPU-hour; {made.prompt_tokens} tokens "
        f"a prompt, {made.shared_tokens} of them shared, {made.answer_tokens} an answer;\n"
        f"{made.load_s:.0f} s to load a model, {made.answers_s[0]:.0f} to {made.answers_s[1]:.0f} s to "
        f"answer {TEST} dialogues\n"
    )
    grid = f"{len(recipes)} recipes × 2 stages × {len(students)} students × {made.seeds}"
    row("models", f"{models:,}: {grid}")
    million = [tokens / 1e6 for tokens in (once, trl)]
    row("training tokens", f"{million[0]:,.0f} million with prefix trees, {million[1]:,.0f} million without")
    row("training FLOPs", f"{span(flops, 1e18)} × 10¹⁸ (prefix trees, and without)")
    row("GPU-hours, training", span(training))
    row("GPU-hours, loading", f"{loading:,.1f}")
    row("GPU-hours, answering", f"{span(answering)}: {answered:,} responders × {TEST} dialogues")
    row("GPU-hours", span(hours))
    row("GPU dollars", span([hours[end] * made.usd_per_hour[end] for end in (0, 1)], digits=0))
    print()
    _print_gigabytes(runs, made)
    print()
    _print_durations(runs, made)
    if made.requests:
        print()
        _print_requests(config, models, made)


def row(name: str, value: str) -> None:
    """Print a line of the result."""
    print(f"{name:<28} {value}")


def runs_of(
    config: Config, student: str, recipe: str, made: Assumptions, limit: int | None = None
) -> list[Run]:
    """The runs of stage `sft` and `sft-dpo`, on `limit` examples and pairs at most."""
    examples, pairs = (number if limit is None else min(number, limit) for number in _examples(recipe))
    shape = of_config(STUDENTS[student])
    local = LocalStudent(
        config=config.students[student],
        chat_template_sha256=None,
        prompt="",
        device=config.runs.device,
        dtype=config.runs.dtype,
    )
    sft: RunSettings = SftSettings(
        student=local, student_name=student, recipe=recipe, lora=config.lora, training=config.sft
    )
    dpo: RunSettings = DpoSettings(
        student=local, student_name=student, recipe=recipe, lora=config.lora, training=config.dpo
    )
    whole = made.prompt_tokens + made.answer_tokens
    # A step of SFT has both examples of a dialogue, which share their prompt; a pair of DPO shares its own.
    own = made.prompt_tokens - made.shared_tokens
    found = []
    for settings, count, answers in ((sft, examples, 1), (dpo, pairs, 2)):
        dialogues = _STEP / 2 if answers == 1 else _STEP
        once = made.shared_tokens + dialogues * own + _STEP * answers * made.answer_tokens
        found.append(_run(settings, shape, count, _STEP * answers * whole, once, answers * whole))
    return found


def _run(settings: RunSettings, shape: ModelShape, count: int, trl: float, once: float, example: int) -> Run:
    steps = math.ceil(count / _STEP) * _EPOCHS
    plain = _without_trees(settings)
    size = settings.training.per_device_train_batch_size
    works = (
        (settings, Work(count, steps, once, round(once), round(once), 0)),
        (plain, Work(count, steps, trl, example * size, example * size, 0)),
    )
    flops = tuple(run_estimate.operations(one, shape, work) for one, work in works)
    needed = [run_estimate.memory(one, shape, work, "bfloat16", "gpu") for one, work in works]
    return Run(
        student=settings.student_name,
        recipe=settings.recipe,
        trl_tokens=trl * steps,
        tokens=once * steps,
        flops=(flops[0], flops[1]),
        # float32, of a single adapter: DPO holds its reference too.
        adapter_bytes=needed[0].gradients,
        memory_bytes=max(sum(one.parts().values()) for one in needed),
    )


def _without_trees(settings: RunSettings) -> RunSettings:
    training = msgspec.structs.replace(settings.training, prefix_tree=False)
    return msgspec.structs.replace(settings, training=training)


def _examples(recipe: str) -> tuple[int, int]:
    """SFT examples and preference pairs."""
    if recipe in DIRECT:
        return DIRECT[recipe]
    sets = len(strategies.needs(recipe))
    return IMPROVED[0] * sets, IMPROVED[1] * sets


def _print_gigabytes(runs: Sequence[Run], made: Assumptions) -> None:
    largest = max(run.memory_bytes for run in runs)
    adapters = sum(run.adapter_bytes for run in runs) * made.seeds
    weights = sum(of_config(one).parameters * 2 for one in STUDENTS.values())
    # Adapter and both moments of AdamW.
    checkpoint = max(run.adapter_bytes for run in runs) * 3
    has_room = largest < GPUS[made.gpu][1] * 1e9
    remedy = "" if has_room else ": too large; gradient_checkpointing or nf4 need less"
    row("GPU memory of the largest", f"{largest / 1e9:,.0f} GB of {GPUS[made.gpu][1]} GB{remedy}")
    row("disk, base models", f"{weights / 1e9:,.0f} GB")
    row(
        "disk, adapters",
        f"{adapters / 1e9:,.1f} GB; a checkpoint while a run trains {checkpoint / 1e9:.2f} GB, two are kept",
    )


def _print_durations(runs: Sequence[Run], made: Assumptions) -> None:
    """Days on one GPU, eight and a cluster, where a run takes one GPU and DPO waits for its SFT."""
    chains = []
    for end in (0, 1):
        a_run = made.load_s * 2 + made.answers_s[end]
        by_recipe: dict[tuple[str, str], float] = {}
        for run in runs:
            key = run.student, run.recipe
            seconds = run.flops[end] / made.peak / made.utilisation[end] + a_run
            by_recipe[key] = by_recipe.get(key, 0.0) + seconds
        chains.append([*by_recipe.values()] * made.seeds)
    print("GPUs      from start to end")
    for gpus in (1, 8, 64):
        ends = [_makespan(own, gpus) / 3600 for own in chains]
        print(f"{gpus:<9} {span(ends)} hours")
    count = len(chains[0])
    print(f"A run takes one GPU, and DPO follows its SFT: more than {count} GPUs have nothing to do.")


def _makespan(chains: Sequence[float], gpus: int) -> float:
    """When the last chain ends, if each GPU takes the longest that is left."""
    free = [0.0] * gpus
    for seconds in sorted(chains, reverse=True):
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def _print_requests(config: Config, models: int, made: Assumptions) -> None:
    """Requests to the teacher, which seeds share, and to the judges."""
    sets = {name for recipe in config.recipes.train for name in strategies.needs(recipe).values()}
    requests = TRAIN * _rounds(sets)
    teacher = next(iter(config.teachers.values()))
    asked = [("teacher", teacher, requests, made.teacher_input_tokens, made.answer_tokens)]
    for judge in config.judges.values():
        requests = models * TEST * (2 if judge.swap else 1) * judge.repeats
        asked.append(("judge", judge, requests, made.judge_input_tokens, 1))
    for what, model, count, read, written in asked:
        cost = _usd(config, model, count, read, written)
        row(f"{what} {model.model}", f"{count:,} requests of ~{read} tokens: {cost}")
    print(f"Prices of {config.prices.date}, of the template; they are in proportion to the length of texts.")


def _rounds(sets: set[str]) -> int:
    """The sets of responses behind these, each a request a dialogue."""
    known: set[str] = set()
    queue = sorted(sets)
    while queue:
        name = queue.pop()
        if name not in known:
            known.add(name)
            queue += strategies.RESPONSE_SETS[name].inputs.values()
    return len(known)


def _usd(config: Config, model: Teacher | JudgeConfig, requests: int, read: int, written: int) -> str:
    price: Price | None = config.prices.models.get(model.model)
    if price is None:
        return "price unknown"
    is_batch = model.mode == "batch"
    ends = (price.batch_input, price.batch_output) if is_batch else (price.input, price.output)
    if ends[0] is None or ends[1] is None:
        return "price unknown"
    usd = requests * (read * ends[0] + written * ends[1]) / 1e6
    return f"~${usd:,.0f}" if usd >= 10 else f"~${usd:,.2f}"


def span(ends: Sequence[float], unit: float = 1.0, digits: int = 1) -> str:
    low, high = ends
    return f"{low / unit:,.{digits}f} to {high / unit:,.{digits}f}"
