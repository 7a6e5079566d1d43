"""Students: the embedded one, folders, and what is said of those that cannot be loaded."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
import torch

from core.config.schema import Responding, Student
from core.domain.errors import UserError
from core.students.chat import chat_format
from core.students.decoding.generation import Generator
from core.students.models import embedded_package, loading
from tests.students.models import tiny_gguf
from tests.support import tiny_student, waiting
from tests.support.processes.forking import ForkedProcess, preload

preload(__name__, into="models")


def _prepare(packages: Path) -> int:
    """Write where the embedded student is, whose package is in a folder of `packages`."""
    sys.path.insert(0, str(packages))
    logging.basicConfig(level=logging.INFO)
    sys.stdout.write(str(loading.embedded()))
    return 0


@pytest.fixture(scope="module")
def prepared(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], str]:
    """Two processes prepare the embedded student at once, in place of whose package there is a tiny one.

    The cache folder, the folders that they found, and their logs.
    """
    root = tmp_path_factory.mktemp("embedded")
    package = root / embedded_package.SMOLLM2.module
    package.mkdir()
    (package / "__init__.py").touch()
    tiny_gguf.write(tiny, package / embedded_package.SMOLLM2.file)
    cache = root / "cache"
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    outputs, errors = [root / "out1", root / "out2"], root / "errors"
    processes = [
        ForkedProcess(_prepare, root, out=out, err=errors, environment=environment, loaded="models")
        for out in outputs
    ]
    codes = [waiting.wait_for_exit(process) for process in processes]
    assert codes == [0, 0], errors.read_text()
    return cache, [Path(out.read_text().strip()) for out in outputs], errors.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME moves the cache folder on Linux only")
def test_the_embedded_student_is_prepared_once(prepared: tuple[Path, list[Path], str]) -> None:
    cache, folders, log = prepared
    assert folders[0] == folders[1]
    assert folders[0].is_relative_to(cache)
    assert log.count("converting the embedded student") == 1
    # Nothing is left aside.
    assert {path.name for path in folders[0].parent.iterdir()} == {
        "smollm2-135m-instruct",
        "smollm2-135m-instruct.lock",
    }


def test_the_embedded_student_answers_in_its_chat_template() -> None:
    student = Student(model=loading.EMBEDDED)
    chat = chat_format.load(student)
    model = loading.load_model(student, "cpu", torch.float32).eval()
    generator = Generator(model, chat, ["What is the capital of France? Answer with one word."])
    assert "<|im_start|>user\nWhat is" in chat.tokenizer.decode(generator.tokens[0])
    assert chat.tokenizer.decode(generator.tokens[0]).endswith("<|im_start|>assistant\n")
    (answer,) = generator.answer([0], Responding(max_new_tokens=12))
    assert "Paris" in answer.text
    assert answer.finish == "stop"
    assert sum(weights.numel() for weights in model.parameters()) == 134_515_008
    assert getattr(model.config, "quantization_config", None) is None


def test_the_device_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert loading.pick_device("auto") == "cuda"
    assert loading.pick_dtype("auto", "cuda") is torch.bfloat16
    assert loading.pick_dtype("auto", "cpu") is torch.float32
    assert loading.pick_dtype("float16", "cuda") is torch.float16
    assert loading.pick_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert loading.pick_dtype("auto", "cuda") is torch.float32


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert loading.pick_device("auto") == "cpu"
    with pytest.raises(UserError, match=r'runs\.device is "cuda".*no CUDA GPU'):
        loading.pick_device("cuda")


def test_a_student_without_a_chat_template_gets_ours(tmp_path: Path) -> None:
    bare = tiny_student.make(tmp_path / "bare", template=False, padding=False)
    tokenizer = loading.load_tokenizer(Student(model=str(bare)))
    tokens = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello?"}], add_generation_prompt=True
    )
    prompt = tokenizer.decode(tokens["input_ids"])
    whole = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "I am here."}]
    assert prompt == "User: Hello?\n\nAssistant:"
    # What the student is trained to say begins where the prompt ends, and it learns to end.
    text = tokenizer.apply_chat_template(whole, tokenize=False)
    assert text == "User: Hello?\n\nAssistant: I am here.<|im_end|>\n"
    assert tokenizer(text)["input_ids"][: len(tokens["input_ids"])] == tokens["input_ids"]
    # It is saved with the tokenizer, so that whoever loads an adapter has the same.
    tokenizer.save_pretrained(tmp_path / "saved")
    assert loading.load_tokenizer(Student(model=str(bare))).pad_token == "<|im_end|>"
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(tmp_path / "saved").chat_template == tokenizer.chat_template


def test_a_chat_template_of_the_users_own_is_used(tmp_path: Path, tiny: Path) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{% for m in messages %}[{{ m['content'] }}]{% endfor %}")
    tokenizer = loading.load_tokenizer(Student(model=str(tiny), chat_template=str(template)))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False) == "[Hi]"
    with pytest.raises(UserError, match=r"chat_template .*nowhere\.jinja cannot be read"):
        loading.load_tokenizer(Student(model=str(tiny), chat_template=str(tmp_path / "nowhere.jinja")))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("/nowhere/at/all", "folder /nowhere/at/all has no model"),
        (
            "embedded/smollm3",
            "unknown embedded student 'embedded/smollm3': the only one is 'embedded/smollm2",
        ),
        ("nobody/no-such-model", "'nobody/no-such-model' cannot be loaded"),
    ],
)
def test_a_student_that_is_not_there_is_said(
    model: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for load in (loading.load_tokenizer, lambda s: loading.load_model(s, "cpu", torch.float32)):
        with pytest.raises(UserError, match=message):
            load(Student(model=model))


def test_a_model_that_does_not_speak_is_said(tmp_path: Path) -> None:
    from transformers import ViTConfig

    ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"cannot be loaded.*Name a causal language model"):
        loading.load_model(Student(model=str(tmp_path)), "cpu", torch.float32)


def test_torn_weights_are_said(tmp_path: Path) -> None:
    folder = tiny_student.make(tmp_path / "torn")
    os.truncate(folder / "model.safetensors", 1000)
    with pytest.raises(UserError, match="cannot be loaded"):
        loading.load_model(Student(model=str(folder)), "cpu", torch.float32)
