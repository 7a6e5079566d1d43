"""Data sets of the Hugging Face Hub, from a Hub on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.loopback import hub_server


def test_a_data_set_of_the_hub(program: Program, tmp_path: Path) -> None:
    def rows(split: str) -> bytes:
        lines = [{"question": f"{split} {n}: what now?", "answer": "I am here."} for n in range(3)]
        return "\n".join(map(json.dumps, lines)).encode()

    files = {f"{split}.jsonl": rows(split) for split in ("train", "test")}
    with hub_server.running(files) as hub:
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub")}
        program("import", "--yes", "hf:team/chats", code=0, **variables)
        found = program("data", "--json", code=None).json
        assert found["file"] == "hf:team/chats"
        assert (found["dialogues"]["train"], found["dialogues"]["test"]) == (3, 3)
        failed = program("import", "hf:team/absent", code=1, **variables)
        assert "hf:team/absent cannot be loaded: Dataset 'team/absent' doesn't exist on the Hub" in failed.err
        failed = program("import", "hf:team/chats?split=dev", code=1, **variables)
        assert "Name one of its splits: ?split=…" in failed.err
    # Once it is here, no Hub is needed.
    again = program("import", "--dry-run", "hf:team/chats", code=0, **variables)
    assert "6 dialogues" in again.out + again.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("HF_ENDPOINT", "http://127.0.0.1:9", "no server listens at 127.0.0.1:9"),
        (
            "SSL_CERT_FILE",
            "/nonexistent/cacert.pem",
            "SSL_CERT_FILE names /nonexistent/cacert.pem, which does",
        ),
        ("ALL_PROXY", "socks://127.0.0.1:9", "ALL_PROXY is socks://127.0.0.1:9, a kind of proxy that is not"),
    ],
)
def test_a_hub_that_cannot_be_reached(
    program: Program, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    variables = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub"), "NO_PROXY": ""}
    failed = program("import", "hf:team/chats", code=1, **(variables | {variable: value}))
    assert said in failed.err
    assert "Traceback" not in failed.err
