"""Has other programs read published folders; see the package."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.publishing.peers import ollama_server
from tests.publishing.peers.environments import Environment
from tests.publishing.peers.folders import MAX_NEW_TOKENS, Folders

_PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Peer:
    """A program, what is installed for it, and what it does with published folders."""

    packages: tuple[str, ...]
    named: tuple[str, ...]
    """The packages whose versions are shown."""
    tries: Callable[[Folders, Environment, Path], str]
    program: str | None = None
    """A program that must be on PATH, of which the version is shown; None if the packages are all."""

    def label(self, environment: Environment) -> str:
        """The versions of what was tried."""
        if self.program is None:
            return environment.versions(self.named)
        asked = [_found(self.program), "--version"]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        return f"{self.program} {said.split()[-1]}"


def _transformers_peft(folders: Folders, environment: Environment, scratch: Path) -> str:
    asked, sft, dpo = folders.answers("tiny")
    cases = [(folders.adapter, folders.student, asked), (folders.merged, None, asked)]
    given = json.dumps(cases, default=str).encode()
    found = json.loads(environment.run(("python", _PROGRAMS / "transformers_peft.py"), scratch, given))
    return f"adapter: {_same(found[0], sft)}; merged: {_same(found[1], dpo)}"


def _trl(folders: Folders, environment: Environment, scratch: Path) -> str:
    command = ("python", _PROGRAMS / "trl_trainers.py", folders.data, folders.merged, scratch / "trl")
    return environment.run(command, scratch).splitlines()[-1]


def _llama_factory(folders: Folders, environment: Environment, scratch: Path) -> str:
    name = "direct_chatgpt"
    sets = (
        ("sft", folders.data, "llama_factory_sft"),
        ("dpo", folders.data, "llama_factory_dpo"),
        ("sft", folders.exported, f"{name}_sft"),
        ("dpo", folders.exported, f"{name}_dpo"),
    )
    done = []
    for stage, folder, data_set in sets:
        settings = {
            "stage": stage,
            "do_train": True,
            "finetuning_type": "lora",
            "model_name_or_path": str(folders.merged),
            "template": "chatml",
            "dataset_dir": str(folder),
            "dataset": data_set,
            "output_dir": str(scratch / data_set),
            "max_steps": 2,
            "per_device_train_batch_size": 2,
            "report_to": "none",
            "use_cpu": True,
        }
        # Its reader of JSON files fails; JSON is YAML too.
        file = scratch / f"{data_set}.yaml"
        file.write_text(json.dumps(settings))
        environment.run(("llamafactory-cli", "train", file), scratch)
        state = json.loads((scratch / data_set / "trainer_state.json").read_text())
        done.append(f"{data_set}: {state['global_step']} steps")
    return "; ".join(done)


def _axolotl(folders: Folders, environment: Environment, scratch: Path) -> str:
    done = []
    for number, block in enumerate(_axolotl_settings(folders.data / "README.md")):
        prepared = scratch / f"prepared-{number}"
        head = [
            f"base_model: {folders.merged}",
            f"dataset_prepared_path: {prepared}",
            f"output_dir: {scratch / 'axolotl'}",
            "sequence_len: 2048",
            "micro_batch_size: 1",
            "gradient_accumulation_steps: 1",
            "num_epochs: 1",
            "learning_rate: 1e-4",
            "special_tokens: {pad_token: <|pad|>}",
            # An error in a process of its own would not end it.
            "dataset_num_proc: 1",
        ]
        file = scratch / f"axolotl-{number}.yml"
        file.write_text("\n".join((*head, block)))
        # Paths in the card are relative to the data set's folder.
        environment.run(("axolotl", "preprocess", file), folders.data)
        rows = environment.run(
            ("python", "-c", _ROWS, prepared),
            scratch,
        ).strip()
        done.append(f"{block.splitlines()[0].rstrip(':')}: {rows} rows")
    return "; ".join(done)


#: Prints the rows of the data set that Axolotl has prepared in a folder.
_ROWS = """
import sys
from pathlib import Path
from datasets import load_from_disk
(found,) = {file.parent for file in Path(sys.argv[1]).rglob("state.json")}
print(len(load_from_disk(str(found))))
"""


def _axolotl_settings(card: Path) -> list[str]:
    """The settings for Axolotl in a data set's card."""
    text = card.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    return [block.strip() for block in text.split("\n\n") if block.strip()]


def _llama_cpp(folders: Folders, environment: Environment, scratch: Path) -> str:
    asked, _, dpo = folders.answers("smollm2")
    made = folders.gguf(_converters(environment, scratch))
    given = (made / "model.gguf", made / "prompt.txt", MAX_NEW_TOKENS, asked)
    found = environment.run(
        ("python", _PROGRAMS / "llama_cpp_answers.py"), scratch, json.dumps(given, default=str).encode()
    )
    return f"GGUF: {_same(json.loads(found), dpo)}"


def _ollama(folders: Folders, environment: Environment, scratch: Path) -> str:
    asked, _, dpo = folders.answers("smollm2")
    done = []
    with ollama_server.serving(_found("ollama"), scratch) as server:
        for form, folder in folders.for_ollama(_converters(environment, scratch)).items():
            name = form.casefold()
            server.create(name, folder)
            answers = server.answers(name, folder / "prompt.txt", asked)
            done.append(f"{form}: {_same(answers, dpo)}")
    return "; ".join(done)


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} is not on PATH: install it, or name the other programs")
    return path


def _converters(environment: Environment, scratch: Path) -> Path:
    """A folder with llama.cpp's converters, which the environment's Python runs."""
    for name in ("convert_hf_to_gguf.py", "convert_lora_to_gguf.py"):
        original = Path(os.environ.get("EMPATHY_LLAMA_CPP", ".")) / name
        if not original.is_file():
            raise SystemExit(f"{original} is not there: name llama.cpp's folder in EMPATHY_LLAMA_CPP")
        lines = (
            f"#!{environment.program('python')}",
            "import runpy, sys",
            f"sys.path.insert(0, {str(original.parent)!r})",
            f"runpy.run_path({str(original)!r}, run_name='__main__')",
        )
        script = scratch / name
        script.write_text("\n".join(lines))
        script.chmod(0o755)
    return scratch


def _same(found: Sequence[str], wanted: Sequence[str]) -> str:
    same = sum(one == other for one, other in zip(found, wanted, strict=True))
    return f"{same} of {len(wanted)} greedy answers as the run's"


PEERS = {
    "transformers-peft": Peer(
        ("transformers", "peft", "torch", "accelerate"), ("transformers", "peft", "torch"), _transformers_peft
    ),
    "trl": Peer(("trl", "torch"), ("trl", "transformers", "datasets"), _trl),
    "llama-factory": Peer(("llamafactory",), ("llamafactory", "transformers", "trl"), _llama_factory),
    "axolotl": Peer(("axolotl",), ("axolotl", "transformers", "datasets"), _axolotl),
    "llama.cpp": Peer(
        # The last ones are for its converter.
        ("llama-cpp-python", "torch", "transformers", "sentencepiece", "protobuf"),
        ("llama-cpp-python",),
        _llama_cpp,
    ),
    "ollama": Peer(
        # For llama.cpp's converters.
        ("torch", "transformers", "sentencepiece", "protobuf"),
        (),
        _ollama,
        program="ollama",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.publishing.peers")
    parser.add_argument("--work", type=Path, required=True, help="folder for the workspace and environments")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PEERS)}; default: all")
    options = parser.parse_args()
    for name in options.programs:
        if name not in PEERS:
            parser.error(f"there is no program {name}: choose of {', '.join(PEERS)}")
    work = options.work.resolve()
    folders = Folders(work / "study")
    folders.prepare()
    installed = [name for name, peer in PEERS.items() if peer.program is None or shutil.which(peer.program)]
    for name in options.programs or installed:
        peer = PEERS[name]
        environment = Environment(work / name, peer.packages)
        environment.prepare()
        with tempfile.TemporaryDirectory() as scratch:
            outcome = peer.tries(folders, environment, Path(scratch))
        print(f"| {peer.label(environment)} | {outcome} |", flush=True)


if __name__ == "__main__":
    main()
