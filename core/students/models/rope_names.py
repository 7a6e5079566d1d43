"""The rotary position embeddings in a model's config.json, under the names that older programs read as well.

Transformers 5 writes them as `rope_parameters`. Transformers 4, and Ollama where it converts weights, read
`rope_theta` and `rope_scaling`, and take a default without a word where they find neither.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.jobs import files

CONFIG = "config.json"


def read(folder: Path) -> dict[str, Any]:
    """The config.json in a folder, whose keys each kind of model defines."""
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found


def add_older(folder: Path) -> None:
    """Write the older names into the config.json in a folder, beside the newer ones.

    Parameters that differ by layer have no older name.
    """
    config = read(folder)
    rope = config.get("rope_parameters") or {}
    if "rope_theta" not in rope:
        return
    config.setdefault("rope_theta", rope["rope_theta"])
    if rope.get("rope_type", "default") != "default":
        config.setdefault("rope_scaling", {key: rope[key] for key in rope if key != "rope_theta"})
    files.write_bytes(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False).encode() + b"\n")


def lacks_older(folder: Path) -> bool:
    """Whether the config.json in a folder has them under the newer names alone."""
    config = read(folder)
    return "rope_theta" in (config.get("rope_parameters") or {}) and "rope_theta" not in config
