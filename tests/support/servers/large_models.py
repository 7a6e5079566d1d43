"""A teacher and a judge behind an API on loopback, added to a workspace."""

from __future__ import annotations

from core.config.workspace import WorkspacePaths

_CONFIG = """
[teachers.gpt]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
mode = "batch"
[judges.large]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
swap = false
[prices]
date = 2026-06-01
[prices.models.gpt-4o]
input = 2.5
output = 10.0
[spending]
budget_usd = 5.0
"""


def add(workspace: WorkspacePaths, url: str) -> None:
    """Add the teacher `gpt` and the judge `large` to config.toml."""
    text = workspace.config.read_text() + _CONFIG.format(url=url)
    workspace.config.write_text(text)
