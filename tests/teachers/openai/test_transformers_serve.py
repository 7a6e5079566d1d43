"""`transformers serve` with the embedded student, as a teacher and for a student: a server of others."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from core.students.models import loading
from tests.cli.conftest import environment, make_program
from tests.support import waiting
from tests.support.processes.forking import preload
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv

KEY = "none-needed-here"

preload("core.responding.respond_job", "core.responding.served_job", into="models")

CONFIG = """
[teachers.served]
provider = "openai"
base_url = "{url}/v1"
model = "{model}"
temperature = 0
max_output_tokens = 90
max_concurrency = 2
tries = 1
max_left_out = 0.8
[recipes]
train = ["improve-human/naive"]
"""

STUDENT = """
[students.small]
model = "embedded/smollm2-135m-instruct"
[servers.small]
base_url = "{url}/v1"
models = {{ small = "{model}" }}
[responding]
max_new_tokens = 6
[recipes]
train = ["direct/chatgpt"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server's address, and the name of the model that it serves."""
    model = str(loading.embedded())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("transformers")),
                *("serve", model, "--host", "127.0.0.1", "--port", str(port)),
                *("--device", "cpu", "--dtype", "float32"),
            ],
            env=environment(HF_HUB_OFFLINE="1"),
            stdout=file,
            stderr=file,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        waiting.wait_until(
            lambda: _is_up(url), "the server", processes=[process], show=log.read_text, pause_s=0.2
        )
        yield url, model
    finally:
        process.kill()
        process.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health").is_success
    except httpx2.TransportError:
        return False


def test_a_recipe_from_a_served_model(tmp_path: Path, server: tuple[str, str]) -> None:
    url, model = server
    program = make_program(tmp_path / "work", CONFIG.format(url=url, model=model))
    with supervised(program.root, OPENAI_API_KEY=KEY):
        program("import", synthetic_csv(tmp_path / "made.csv", rows=3))
        ended = program("run", "recipe", "--wait", OPENAI_API_KEY=KEY)
    assert "improve-human/naive: done" in ended.out
    (answers,) = (program.root / "artifacts" / "jobs").glob("generate-*/*/answers.jsonl")
    improved = {line["dialog_id"]: line["text"] for line in map(json.loads, answers.open())}
    assert improved
    assert all(0 < len(text.split()) <= 97 for text in improved.values())
    # What the teacher wrote is what the student will learn from.
    (examples,) = (program.root / "artifacts" / "jobs").glob("recipe-*/*/sft.jsonl")
    targets = [json.loads(line)["completion"][0]["content"] for line in examples.open()]
    assert set(targets[1::2]) <= set(improved.values())


def test_the_test_split_answered_by_a_server(tmp_path: Path, server: tuple[str, str]) -> None:
    url, model = server
    program = make_program(tmp_path / "work", STUDENT.format(url=url, model=model))
    with supervised(program.root, loaded="models"):
        program("import", synthetic_csv(tmp_path / "made.csv", rows=8))
        ended = program("run", "respond:small", "--wait")
    assert f"responses of {model} at {url}/v1, 2 checked with the student" in ended.out
    (path,) = (program.root / "artifacts" / "jobs").glob("respond-*/*/responses.jsonl")
    assert all(line["text"] and line["finish"] == "length" for line in map(json.loads, path.open()))
