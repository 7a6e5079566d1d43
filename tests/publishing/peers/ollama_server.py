"""A server of Ollama on this machine, with models of its own in a folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

_LOOK_S = 0.2


@dataclass(frozen=True)
class Ollama:
    """A running server, and the program that it is of."""

    program: str
    address: str
    home: Path

    def models(self) -> list[str]:
        """The names of its models."""
        return [str(one["name"]) for one in self._ask("/api/tags", None)["models"]]

    def create(self, name: str, folder: Path) -> None:
        """Import a published folder by its Modelfile. Raises `SystemExit` with what Ollama says."""
        ended = subprocess.run(
            [self.program, "create", name, "-f", "Modelfile"],
            cwd=folder,
            env=_variables(self.home, self.address),
            capture_output=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{folder}: {ended.stderr.decode(errors='replace')[-3000:]}")

    def answers(self, name: str, prompt_file: Path, asked: Sequence[tuple[str, str]]) -> list[str]:
        """Its answers to situations and utterances, by the parameters of the Modelfile."""
        prompt = prompt_file.read_text(encoding="utf-8")
        found = []
        for situation, utterance in asked:
            text = prompt.replace("{situation}", situation).replace("{utterance}", utterance)
            # Several threads wait for each other in a loop: on busy cores that takes tens of times longer.
            body = {
                "model": name,
                "messages": [{"role": "user", "content": text}],
                "stream": False,
                "options": {"num_thread": 1},
            }
            answer = self._ask("/api/chat", body)
            found.append(str(answer["message"]["content"]).strip())
        return found

    def _ask(self, path: str, body: object) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"http://{self.address}{path}", data)) as reply:
            found: dict[str, Any] = json.load(reply)
        return found


@contextmanager
def serving(program: str, home: Path) -> Iterator[Ollama]:
    """A server whose models are below `home`, on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve"], env=_variables(home, address), stdout=log, stderr=subprocess.STDOUT
        )
    found = Ollama(program, address, home)
    try:
        while not _answers(found):
            if process.poll() is not None:
                raise SystemExit(f"{program} serve has ended: {(home / 'serve.log').read_text()[-3000:]}")
            time.sleep(_LOOK_S)
        yield found
    finally:
        process.terminate()
        process.wait()


def _answers(server: Ollama) -> bool:
    try:
        server.models()
    except (URLError, ConnectionError):
        return False
    return True


def _variables(home: Path, address: str) -> dict[str, str]:
    own = {"HOME": str(home), "OLLAMA_HOST": address, "OLLAMA_MODELS": str(home / "models")}
    return dict(os.environ) | own
