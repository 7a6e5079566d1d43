"""The configuration that the page on teachers shows is valid, and reaches what its table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.config.load import load_config
from core.config.schema import Teacher
from core.teachers.settings import api_keys

PAGE = (Path(__file__).parents[2] / "docs/how-to/teachers.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def teachers(tmp_path: Path) -> dict[str, Teacher]:
    found: dict[str, Teacher] = {}
    for number, block in enumerate(BLOCKS):
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        found |= load_config(path).teachers
    return found


def test_every_block_is_valid(tmp_path: Path) -> None:
    found = teachers(tmp_path)
    assert {"gpt", "gemini", "claude", "azure", "azure-dated", "mistral", "vllm", "ollama"} <= set(found)
    for name, teacher in found.items():
        if teacher.base_url is not None and "localhost" not in teacher.base_url:
            # The key of OpenAI is for OpenAI.
            assert teacher.api_key_env is not None, name


@pytest.mark.parametrize(
    ("name", "row"),
    [("gpt", "OpenAI"), ("gemini", "Gemini"), ("claude", "Claude"), ("azure", "Azure OpenAI")],
)
def test_the_table_says_what_the_blocks_do(tmp_path: Path, name: str, row: str) -> None:
    teacher = teachers(tmp_path)[name]
    (line,) = re.findall(rf"^\| \[{row}\].*$", PAGE, re.MULTILINE)
    provider, url, key = (cell.strip().strip("`") for cell in line.split("|")[2:5])
    assert provider == teacher.provider
    assert url == (teacher.base_url or "not set")
    assert teacher.api_key_env is not None or key == api_keys.variable(teacher)
