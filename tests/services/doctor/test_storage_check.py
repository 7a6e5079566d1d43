"""The doctor on the storages of engines: it tries them out, and leaves nothing there."""

from __future__ import annotations

from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.services.doctor import workspace_checks


def test_a_storage_is_tried_out(tmp_path: Path) -> None:
    def checked(url: str) -> tuple[str, str]:
        (tmp_path / "config.toml").write_text(f"[engines.far]\ntype = 'slurm'\nstorage = '{url}'\n")
        found = {check.name: check for check in workspace_checks.engines(WorkspacePaths(tmp_path))}
        return found["engine far: storage"].outcome, found["engine far: storage"].found

    outcome, found = checked(f"file://{tmp_path}/storage")
    assert (outcome, found.partition(": ")[2].rpartition(" in ")[0]) == (
        "ok",
        "a file written, read and deleted",
    )
    assert list((tmp_path / "storage").iterdir()) == []
    assert checked("file:///no-such-folder/x") == (
        "fail",
        "file:///no-such-folder/x: there is no '/no-such-folder': create it, or correct the URL",
    )
    outcome, found = checked("oss://bucket/x")
    assert outcome == "fail"
    assert "needs the package ossfs" in found
