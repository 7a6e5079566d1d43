"""How much memory and time a run needs, estimated before it starts, without any heavy library."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from core.config.schema import Dpo, Lora, Training
from core.domain.states import Slot
from core.jobs.settings import Ranks, RunSettings
from core.recipes.examples import PreferencePair, SftExample
from core.students.models.model_shape import ModelShape
from core.training.memory import activation_memory
from core.training.prefix_tree import trie

Examples = Sequence[SftExample] | Sequence[PreferencePair]

#: Characters of a token of English; chat templates add a few tokens to each message.
_CHARACTERS = 4.2
_TEMPLATE_TOKENS = 30
#: Optimizer steps whose examples are looked at.
_LOOKED_AT = 4
#: Bytes of a weight in the formats that a model is loaded in. 4-bit weights have quantized constants too.
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
_NF4_BYTES = 0.516
#: Seconds until a worker has imported all that it needs, and the bytes of weights that it loads in one.
_IMPORTS_S = 15.0
_LOADED_BYTES = 4e8
#: Bytes of an optimizer's state for each trained weight, by the beginning of its name; AdamW has two in
#: float32.
_STATE_BYTES = (
    ("adafactor", 0.1),
    ("sgd", 0.0),
    ("adagrad", 4.0),
    ("rmsprop_bnb_8bit", 1.0),
    ("rmsprop", 4.0),
    ("lion_8bit", 1.0),
    ("paged_lion_8bit", 1.0),
    ("lion", 4.0),
    ("paged_lion", 4.0),
    ("adamw_torch_4bit", 1.0),
)
_ADAMW_BYTES = 8.0
#: Bytes that a layer keeps of each token until the backward pass, by its widths, in each format; measured,
#: with what allocators lose.
_HIDDEN_BYTES = {"float32": 52, "bfloat16": 45, "float16": 45}
_INNER_BYTES = {"float32": 29, "bfloat16": 13, "float16": 13}
#: The same of trees without gradient checkpointing, which compute more again.
_TREE_HIDDEN_BYTES = {"float32": 28, "bfloat16": 45, "float16": 45}
_TREE_INNER_BYTES = {"float32": 13, "bfloat16": 9, "float16": 9}
#: How many layers' activations there are at the same time with gradient checkpointing.
_RECOMPUTED_LAYERS = 6
#: Attention matrices of each head that the CPU keeps.
_MATRICES = 2
#: The part of the vocabulary whose logits TRL's head has at the same time, and how many copies of them there
#: are.
_LOGIT_WIDTH = 32_768
_LOGIT_COPIES: Mapping[Slot, float] = {"cpu": 13, "gpu": 2}


@dataclass(frozen=True)
class Work:
    """What a run computes."""

    examples: int
    """Examples or pairs to train on."""
    steps: int
    """Optimizer steps."""
    step_tokens: float
    """Mean tokens that each process computes in an optimizer step; of prefix trees, each of their tokens
    once."""
    pass_tokens: int
    """Tokens of the largest forward pass."""
    pass_scored: int
    """Those of them whose logits are computed."""
    pass_pairs: int
    """Pairs of tokens of which that pass computes the attention as a whole matrix; 0 in trees."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a run needs on its device, or each of them, by what they are for."""

    weights: int
    """Weights of the model, and of a reference model beside it."""
    trained: int
    """Weights of adapters, beside those of the model."""
    gradients: int
    """Gradients of what is trained."""
    optimizer: int
    """The optimizer's state."""
    activations: int
    """Activations that are kept for the backward pass."""

    def parts(self) -> dict[str, int]:
        """The same by name."""
        return asdict(self)


def work(
    settings: RunSettings, found: Examples, count: int, shape: ModelShape, dtype: str, free: int | None
) -> Work:
    """What a run computes on `count` examples that are like those in `found`, which is not empty.

    `dtype` is that of the weights; `free` is the memory that limits trees, in bytes.
    """
    training: Training = settings.training
    size = training.per_device_train_batch_size * training.gradient_accumulation_steps
    count = max(count - round(training.eval_share * count), 1)
    a_epoch = math.ceil(count / (size * _ranks(settings)))
    steps = training.max_steps if training.max_steps > 0 else math.ceil(a_epoch * training.num_train_epochs)
    looked_at = _steps(found, size, by_dialogue=training.group_by_dialogue)
    texts = [[text for example in step for text in _texts(example)] for step in looked_at]
    if _has_tree(settings):
        tokens = [_tokens(_shared(step)) for step in texts]
        prompts = [[_prompt(example) for example in step] for step in looked_at]
        limit = activation_memory.MAX_TOKENS
        if free is not None:
            left = max(free - shape.parameters * _BYTES[dtype], 0)
            limit = activation_memory.tree_tokens(
                left,
                shape.hidden,
                shape.inner,
                shape.layers,
                _BYTES[dtype],
                gradient_checkpointing=training.gradient_checkpointing,
            )
        # An example is never divided.
        largest = min(max(tokens), max(limit, *(_tokens(len(text)) for step in texts for text in step)))
        scored = max(_tokens(_shared(a) - _shared(b)) for a, b in zip(texts, prompts, strict=True))
        scored, pairs = min(scored, largest), 0
    else:
        a_pass = training.per_device_train_batch_size * (2 if isinstance(training, Dpo) else 1)
        passes = [[step[start : start + a_pass] for start in range(0, len(step), a_pass)] for step in texts]
        padded = [[_tokens(max(map(len, part))) * len(part) for part in step] for step in passes]
        tokens = [sum(step) for step in padded]
        largest = scored = max(map(max, padded))
        pairs = largest * largest // a_pass
    return Work(count, steps, sum(tokens) / len(tokens), largest, scored, pairs)


def _shared(texts: Sequence[str]) -> int:
    """The characters of these texts, common beginnings once."""
    return trie.size([list(text.encode()) for text in texts])


def memory(settings: RunSettings, shape: ModelShape, done: Work, dtype: str, slot: Slot) -> Memory:
    """The memory that a run needs in that slot; `dtype` is that of the weights as they are loaded."""
    training: Training = settings.training
    lora = settings.lora
    quantized = sum(out * into for out, into in shape.linear.values()) if settings.student.quantization else 0
    weights = (shape.parameters - quantized) * _BYTES[dtype] + quantized * _NF4_BYTES
    trained = shape.parameters if lora is None else _adapter(lora, shape)
    held = 0.0 if lora is None else trained * 4.0
    if isinstance(training, Dpo):
        # The reference: a copy of the adapter, or a model of its own, which is given up after its pass over
        # the data if there are trees.
        held += held if lora is not None else 0
        weights *= 2 if lora is None and not _has_tree(settings) else 1
    found = Memory(
        weights=round(weights),
        trained=round(held),
        gradients=trained * 4,
        optimizer=round(trained * _state_bytes(training.optim)),
        activations=round(_activations(settings, shape, done, dtype, slot)),
    )
    return found if settings.ranks is None else _of_each(found, settings.ranks, shape)


def _of_each(whole: Memory, ranks: Ranks, shape: ModelShape) -> Memory:
    """The memory on each device of a run that needs `whole` on one."""
    if ranks.fsdp is None:
        # DDP copies gradients into buffers that it sends.
        return replace(whole, gradients=2 * whole.gradients)
    share = 0 if ranks.fsdp.cpu_offload else 1 / ranks.count
    gathered = 2 * whole.weights // shape.layers if ranks.fsdp.reshard_after_forward else whole.weights
    divided = replace(
        whole,
        weights=round(whole.weights * share) + gathered,
        trained=round(whole.trained * share),
        gradients=round(whole.gradients * share),
        optimizer=round(whole.optimizer * share),
    )
    # Each process loads the whole model before it is divided.
    missing = whole.weights + whole.trained - sum(divided.parts().values())
    return replace(divided, weights=divided.weights + max(missing, 0))


def _activations(settings: RunSettings, shape: ModelShape, done: Work, dtype: str, slot: Slot) -> float:
    training: Training = settings.training
    if _has_tree(settings) and not training.gradient_checkpointing:
        layer = _TREE_HIDDEN_BYTES[dtype] * shape.hidden + _TREE_INNER_BYTES[dtype] * shape.inner
    else:
        layer = _HIDDEN_BYTES[dtype] * shape.hidden + _INNER_BYTES[dtype] * shape.inner
    # On the CPU, attention with a mask keeps its matrices; kernels of GPUs do not.
    matrices = _MATRICES * shape.heads * done.pass_pairs * 4 if slot == "cpu" else 0
    if training.gradient_checkpointing:
        # Each layer's input, and what is computed again.
        a_token = _RECOMPUTED_LAYERS * layer + shape.layers * shape.hidden * _BYTES[dtype]
        kept = a_token * done.pass_tokens + matrices
    else:
        kept = shape.layers * (layer * done.pass_tokens + matrices)
    width = min(shape.vocabulary, _LOGIT_WIDTH)
    logits = _LOGIT_COPIES[slot] * min(done.pass_scored, activation_memory.LOGIT_TOKENS[slot]) * width * 4
    return kept + logits + 2 * width * shape.hidden * 4


def start_seconds(settings: RunSettings, shape: ModelShape, dtype: str) -> float:
    """Seconds from the start of a run's worker to its first step, roughly."""
    quantized = settings.student.quantization is not None
    return _IMPORTS_S + shape.parameters * (2.0 if quantized else _BYTES[dtype]) / _LOADED_BYTES


def operations(settings: RunSettings, shape: ModelShape, done: Work) -> float:
    """Floating point operations of each process of a run."""
    a_weight = 6.0 if settings.lora is None else 4.0
    if settings.training.gradient_checkpointing:
        a_weight += 2
    if isinstance(settings.training, Dpo):
        # The reference: once for all epochs with trees, else in each step.
        epochs = max(done.steps * _step_size(settings.training) * _ranks(settings) / done.examples, 1.0)
        a_weight += 2 / epochs if _has_tree(settings) else 2
    return a_weight * shape.active * done.step_tokens * done.steps


def _step_size(training: Training) -> int:
    return training.per_device_train_batch_size * training.gradient_accumulation_steps


def _ranks(settings: RunSettings) -> int:
    return 1 if settings.ranks is None else settings.ranks.count


def _has_tree(settings: RunSettings) -> bool:
    """Whether steps are computed on trees, as far as the settings decide it."""
    training: Training = settings.training
    dropout = 0.0 if settings.lora is None else settings.lora.lora_dropout
    return (
        training.prefix_tree
        and training.neftune_noise_alpha is None
        and not training.use_liger_kernel
        and not dropout
    )


def _adapter(lora: Lora, shape: ModelShape) -> int:
    """Weights of an adapter."""
    count = 0
    for name, (out, into) in shape.linear.items():
        if _is_target(lora.target_modules, name):
            count += lora.r * (out + into) + (out if lora.use_dora else 0) + (out if lora.lora_bias else 0)
        if name.rpartition(".")[2] in lora.modules_to_save:
            count += out * into
    heads = {"embed_tokens", "lm_head"}.intersection(lora.modules_to_save)
    return count + len(heads) * shape.vocabulary * shape.hidden


def _is_target(wanted: str | Sequence[str], name: str) -> bool:
    if isinstance(wanted, str):
        return wanted == "all-linear" or re.fullmatch(wanted, name) is not None
    return any(name == one or name.endswith(f".{one}") for one in wanted)


def _state_bytes(optimizer: str) -> float:
    for start, found in _STATE_BYTES:
        if optimizer.startswith(start):
            return found
    return _ADAMW_BYTES / 4 if "8bit" in optimizer else _ADAMW_BYTES


def _steps(found: Examples, size: int, *, by_dialogue: bool) -> list[list[SftExample | PreferencePair]]:
    """The examples of some steps."""
    draw = random.Random(0)
    by_id: dict[str, list[SftExample | PreferencePair]] = {}
    each: Sequence[SftExample | PreferencePair] = found
    for number, example in enumerate(each):
        by_id.setdefault(example.dialog_id if by_dialogue else str(number), []).append(example)
    groups = list(by_id.values())
    draw.shuffle(groups)
    drawn = [example for group in groups for example in group][: size * _LOOKED_AT]
    return [drawn[start : start + size] for start in range(0, len(drawn), size)]


def _prompt(example: SftExample | PreferencePair) -> str:
    return "".join(message.content for message in example.prompt)


def _texts(example: SftExample | PreferencePair) -> list[str]:
    """The texts of which a model computes the tokens."""
    prompt = _prompt(example)
    answers = (example.completion,) if isinstance(example, SftExample) else (example.chosen, example.rejected)
    return [prompt + "".join(message.content for message in answer) for answer in answers]


def _tokens(characters: int) -> int:
    return round(characters / _CHARACTERS) + _TEMPLATE_TOKENS
