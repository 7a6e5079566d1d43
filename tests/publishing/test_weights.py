"""What is published of a run's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.publishing import weights


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    trained, private = tmp_path / "adapter", tmp_path / "id_ed25519"
    trained.mkdir()
    private.write_text("a private key")
    for name in ("README.md", "adapter_config.json"):
        (trained / name).write_text("{}")
    assert [path.name for path in weights.published_files(trained)] == ["adapter_config.json"]
    (trained / "notes.txt").symlink_to(private)
    with pytest.raises(UserError, match=r"notes\.txt is a link"):
        weights.published_files(trained)
