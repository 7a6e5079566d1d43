"""What is published for other programs: runs of a tiny student and of the embedded one, and their data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support import tiny_student
from tests.support.records.synthetic_dialogues import synthetic_csv

RECIPE = "direct/chatgpt"
MAX_NEW_TOKENS = 24
_CONFIG = f"""
[students.tiny]
model = "./tiny"
[students.smollm2]
model = "embedded/smollm2-135m-instruct"
[recipes]
train = ["{RECIPE}"]
sft_limit = 8
preference_limit = 4
[runs]
device = "cpu"
[sft]
max_steps = 2
learning_rate = 1e-3
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[dpo]
max_steps = 2
learning_rate = 1e-4
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[responding]
max_new_tokens = {MAX_NEW_TOKENS}
"""


@dataclass(frozen=True)
class Folders:
    """A workspace in which two students are trained, and what it publishes."""

    root: Path

    def prepare(self) -> None:
        """Make the tiny student, and import dialogues; what is done is not done again."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.student.exists():
            tiny_student.make(self.student)
        (self.root / "config.toml").write_text(_CONFIG)
        self.run("import", "--yes", synthetic_csv(self.root / "made.csv", rows=32))

    @property
    def student(self) -> Path:
        """The tiny student, which stands for the base model of an adapter."""
        return self.root / "tiny"

    @cached_property
    def adapter(self) -> Path:
        """The tiny student's SFT run."""
        return self._published(self._trained("tiny", "sft"))

    @cached_property
    def merged(self) -> Path:
        """The tiny student's SFT-DPO run, as a whole model."""
        return self._published(self._trained("tiny", "sft-dpo"), "--merge")

    @cached_property
    def data(self) -> Path:
        """The recipe's training data."""
        self.run("run", f"recipe:{RECIPE}", "--wait")
        return self._published(RECIPE)

    @cached_property
    def exported(self) -> Path:
        """The training data as `export llama-factory` writes it."""
        folder = self.root / "exports" / "llama-factory"
        self.run("export", "llama-factory", folder, "--recipe", RECIPE)
        return folder

    def gguf(self, converters: Path) -> Path:
        """The embedded student's SFT-DPO run, with a GGUF file that the converter in that folder makes."""
        run, options = self._trained("smollm2", "sft-dpo"), ("--merge", "--gguf", "--ollama")
        return self._published(run, *options, EMPATHY_LLAMA_CPP=str(converters))

    def answers(self, student: str) -> tuple[list[tuple[str, str]], list[str], list[str]]:
        """Situations and utterances, and a student's answers after SFT and after SFT-DPO."""
        sft, dpo = (self._trained(student, stage) for stage in ("sft", "sft-dpo"))
        pairs: list[dict[str, Any]] = json.loads(self.run("pairs", sft, dpo, "--json"))
        asked = [(pair["situation"], pair["utterance"]) for pair in pairs]
        return asked, [pair["response_a"] for pair in pairs], [pair["response_b"] for pair in pairs]

    def run(self, *words: str | Path, **variables: str) -> str:
        """Run a command on the workspace; its output."""
        command = [sys.executable, "-m", "tui", "--workspace", str(self.root), *map(str, words)]
        return subprocess.run(
            command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def _trained(self, student: str, stage: str) -> str:
        """A run that is trained and has answered."""
        name = f"{student}/{RECIPE}/{stage}"
        self.run("run", f"respond:{name}", "--wait")
        return name

    def _published(self, name: str, *options: str, **variables: str) -> Path:
        folder = self.root / "exports" / "published" / name.replace("/", "-")
        self.run("publish", *options, name, folder, **variables)
        return folder
