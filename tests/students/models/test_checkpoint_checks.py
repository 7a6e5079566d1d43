"""A student that is not the model that its files promise is refused when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, MptConfig, MptForCausalLM

from core.config.schema import Lora, Student
from core.domain.errors import UserError
from core.recipes import examples
from core.recipes.examples import SftExample
from core.students.chat import chat_format
from core.students.decoding.generation import Generator
from core.students.models import checkpoint_checks, loading
from core.teachers.protocol import Message
from tests.students.altered_student import altered
from tests.support.records import training_attempts
from tests.support.records.training_attempts import TrainingInputs


def load(folder: Path) -> Any:
    return loading.load_model(Student(model=str(folder)), "cpu", torch.float32)


def load_chat(folder: Path) -> Any:
    return chat_format.load(Student(model=str(folder)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"num_hidden_layers": 3},
            r"has no weights for model\.layers\.2\..* and \d+ more: they would be random",
        ),
        ({"num_hidden_layers": 1}, r"config\.json leaves no place for: model\.layers\.1\."),
        ({"intermediate_size": 48}, r"another shape .*mlp.* is .*64.*, not .*48"),
        ({"tie_word_embeddings": False}, r"has no weights for lm_head\.weight"),
        ({"vocab_size": 9}, r"another shape than its config\.json names: \S*embed_tokens"),
        ({"pad_token_id": 9999}, r"pad_token_id in config\.json .* is 9999, but the embedding has \d+ rows"),
        ({"hidden_act": "nonsense"}, r"cannot be loaded: KeyError: 'nonsense'\. Name"),
        ({"hidden_size": "32"}, r"cannot be loaded: .*'hidden_size'.* expected int"),
        (
            {"auto_map": {"AutoConfig": "own.Config"}, "model_type": "own"},
            "cannot be loaded: it needs Python code of its own, which is not run",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_weights_that_do_not_fit_are_refused(
    config: dict[str, Any], message: str, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        load(altered(tiny, tmp_path / "other", **config))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_files_of_another_form_are_refused(file: str, tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other")
    (other / file).write_text("[]")
    with pytest.raises(UserError, match=r"cannot be loaded: "):
        (load if file == "config.json" else load_chat)(other)


def test_a_pointer_in_place_of_a_file_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other")
    (other / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(UserError, match=r"model\.safetensors .* is a Git LFS pointer.* `git lfs pull`"):
        load(other)


def test_a_missing_part_of_the_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other")
    load(tiny).save_pretrained(other, max_shard_size="20KB")
    (other / "model.safetensors").unlink()
    load(other)
    sorted(other.glob("model-*"))[1].unlink()
    with pytest.raises(UserError, match=r"cannot be loaded: No such file .*model-00002-of"):
        load(other)


def with_weights(student: Path, folder: Path, weights: dict[str, torch.Tensor]) -> Path:
    """A copy of a student with other weights, or further ones."""
    other = altered(student, folder)
    saved = load_file(other / "model.safetensors") | weights
    save_file(saved, other / "model.safetensors", metadata={"format": "pt"})
    return other


def test_weights_that_are_not_numbers_are_refused(tiny: Path, tmp_path: Path) -> None:
    other = with_weights(tiny, tmp_path / "other", {"model.norm.weight": torch.full((32,), float("nan"))})
    with pytest.raises(UserError, match=r"are not numbers \(NaN\) with torch\.float32: set runs\.dtype"):
        load(other)


def test_an_output_layer_of_its_own_stays_apart(tiny: Path, tmp_path: Path) -> None:
    """Though config.json says that the embedding's weights are used."""
    other = altered(tiny, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    head = weights["lm_head.weight"] = weights["model.embed_tokens.weight"] + 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    load(other).save_pretrained(tmp_path / "saved")
    assert not json.loads((tmp_path / "saved/config.json").read_bytes())["tie_word_embeddings"]
    assert torch.equal(load_file(tmp_path / "saved/model.safetensors")["lm_head.weight"], head)


def test_a_bias_without_a_place_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = with_weights(tiny, tmp_path / "other", {"model.layers.0.self_attn.q_proj.bias": torch.zeros(32)})
    with pytest.raises(UserError, match=r"no place for: model\.layers\.0\.self_attn\.q_proj\.bias"):
        load(other)


def test_weights_of_another_head_are_no_reason(tiny: Path, tmp_path: Path) -> None:
    other = with_weights(tiny, tmp_path / "other", {"v_head.summary.weight": torch.zeros(1, 32)})
    load(other)


def test_an_adapter_beside_the_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other", "adapter_config.json", base_model_name_or_path=str(tiny))
    with pytest.raises(UserError, match=r"has an adapter beside its weights .*merge_and_unload"):
        load(other)


def test_tokens_outside_the_embedding_are_refused(tiny: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    padded = altered(tiny, tmp_path / "padded")
    tokenizer.save_pretrained(padded)
    with pytest.raises(UserError, match=r"the padding token '\[PAD\]' .* but the embedding has \d+ rows"):
        Generator(load(padded), chat_format.load(Student(model=str(padded))), ["Hello"])
    inputs = TrainingInputs(tmp_path / "jobs", padded)
    with pytest.raises(UserError, match=r"the padding token '\[PAD\]'"):
        training_attempts.run(inputs.attempt("sft"))
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.add_tokens(["lonely"])
    worded = altered(tiny, tmp_path / "worded")
    tokenizer.save_pretrained(worded)
    chat, model = chat_format.load(Student(model=str(worded))), load(worded)
    Generator(model, chat, ["I am alone"])
    with pytest.raises(UserError, match=r"the token 'lonely' of the student"):
        Generator(model, chat, ["I am lonely"])


def test_more_tokens_than_positions_are_refused(tiny: Path, tmp_path: Path) -> None:
    short = altered(tiny, tmp_path / "short", max_position_embeddings=64)
    generator = Generator(load(short), chat_format.load(Student(model=str(short))), ["Hello"])
    generator.check_length(32, "responding.max_new_tokens")
    assert generator.new_tokens_that_fit(32) == 32
    assert generator.new_tokens_that_fit(80) == 64 - len(generator.tokens[0])
    with pytest.raises(
        UserError, match=r"max_new_tokens = 60, .* has 64 positions: lower responding\.max_new"
    ):
        generator.check_length(60, "responding.max_new_tokens")
    inputs = TrainingInputs(tmp_path / "jobs", short)
    with pytest.raises(
        UserError, match=r"the longest example has \d+ tokens, .* 64 positions: lower sft\.max_length"
    ):
        training_attempts.run(inputs.attempt("sft"))


def test_prompts_of_the_test_split_without_positions_are_refused(tiny: Path, tmp_path: Path) -> None:
    """Before the run, whose adapter could not respond to them."""
    short = altered(tiny, tmp_path / "short", max_position_embeddings=64)
    inputs = TrainingInputs(tmp_path / "jobs", short, limit=0)
    turns = (Message("user", "Hi."),), (Message("assistant", "I hear you."),)
    examples.write(inputs.sft, [SftExample("made", *turns)])
    with pytest.raises(UserError, match=r"longest prompt of a test dialogue has \d+ tokens, .* 64 positions"):
        training_attempts.run(inputs.attempt("sft"))


def test_positions_under_another_name_count(tiny: Path) -> None:
    mpt = MptForCausalLM(MptConfig(vocab_size=9, d_model=8, n_heads=1, n_layers=1, max_seq_len=16))
    with pytest.raises(UserError, match=r"a prompt has 17 tokens, .* has 16 positions: shorten it"):
        checkpoint_checks.check_positions("mpt", mpt, 17, "a prompt has", "shorten it")


def test_an_adapter_on_tied_weights_is_refused(made: TrainingInputs) -> None:
    lora = Lora(target_modules=("embed_tokens", "q_proj"))
    with pytest.raises(UserError, match=r"selects .*embed_tokens.*cannot be merged"):
        training_attempts.run(made.attempt("sft", lora=lora))


@pytest.mark.parametrize(
    "text", ["[]", "null", '{"eos_token_id": {"a": 1}}', '{"eos_token_id": [true, "2", 9999]}']
)
def test_a_generation_config_of_another_form_is_no_reason(tiny: Path, tmp_path: Path, text: str) -> None:
    other = altered(tiny, tmp_path / "other")
    (other / "generation_config.json").write_text(text)
    model = load(other)
    own = [model.config.eos_token_id] if "eos" not in text else None
    assert model.generation_config.eos_token_id == own


def test_a_damaged_generation_config_is_no_reason(tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other", "generation_config.json", num_beams=0, watermarking_config=7)
    assert json.loads((other / "generation_config.json").read_bytes())["num_beams"] == 0
    load(other)
