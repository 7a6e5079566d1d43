"""Rotary position embeddings under older names: beside the newer ones, and read back alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoConfig, LlamaConfig

from core.students.models import rope_names

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


@pytest.mark.parametrize("rope", [{"rope_type": "default", "rope_theta": 100000.0}, LLAMA3])
def test_older_names_are_added_and_change_nothing(tmp_path: Path, rope: dict[str, object]) -> None:
    LlamaConfig(rope_parameters=dict(rope)).save_pretrained(tmp_path)
    assert rope_names.lacks_older(tmp_path)
    before = AutoConfig.from_pretrained(tmp_path).rope_parameters
    rope_names.add_older(tmp_path)
    assert not rope_names.lacks_older(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).rope_parameters == before
    written = rope_names.read(tmp_path)
    assert written["rope_theta"] == rope["rope_theta"]
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    assert written.get("rope_scaling") == (None if rope["rope_type"] == "default" else scaling)


def test_parameters_by_layer_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / rope_names.CONFIG).write_text('{"rope_parameters": {"full_attention": {"rope_theta": 1.0}}}')
    rope_names.add_older(tmp_path)
    assert "rope_theta" not in rope_names.read(tmp_path)
    assert not rope_names.lacks_older(tmp_path)
