"""Whatever became of the history, state.db can be made again, and requests are carried out."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.workspace import WorkspacePaths
from core.pipeline.rebuilding import rebuild
from core.pipeline.supervision import intent_handlers
from core.store import connections, intents
from core.store.connections import transaction
from core.store.jobs import jobs
from tests.fuzz.hostile import fuzz

#: Bytes of the history, from its end, that are lost; a place in it, and what is there instead.
Damage = tuple[int, int, bytes]


@pytest.fixture(scope="module")
def requested(imported_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which jobs were requested, one of which was cancelled, and nothing has begun."""
    root = tmp_path_factory.mktemp("requested") / "study"
    shutil.copytree(imported_workspace, root)
    workspace = WorkspacePaths(root)
    with closing(connections.writer(workspace.state)) as connection, transaction(connection):
        intent_handlers.carry_out(connection, workspace, intents.Start())
        first = jobs.graph(connection)[0].id
        intent_handlers.carry_out(connection, workspace, intents.Cancel(first))
    return root


@fuzz
@given(
    damage=st.tuples(
        st.integers(0, 60_000),
        st.integers(0, 1_000_000),
        st.binary(max_size=3) | st.sampled_from([b"\n", b"\0"]),
    )
)
def test_it_fails_nothing(requested: Path, damage: Damage) -> None:
    cut, place, instead = damage
    with TemporaryDirectory() as folder:
        root = Path(folder, "study")
        shutil.copytree(requested, root, ignore=shutil.ignore_patterns("state.db*"))
        workspace = WorkspacePaths(root)
        whole = workspace.history.read_bytes()
        left = bytearray(whole[: max(0, len(whole) - cut)])
        at = place % (len(left) + 1)
        left[at : at + len(instead)] = instead
        workspace.history.write_bytes(left)
        rebuild.rebuild(workspace)
        with closing(connections.writer(workspace.state)) as connection:
            with transaction(connection):
                intent_handlers.carry_out(connection, workspace, intents.Start())
            assert {jobs.states(connection, [link.id])[link.id] for link in jobs.graph(connection)} <= {
                "waiting",
                "ready",
            }


def test_it_is_all_there_if_nothing_is_damaged(requested: Path, tmp_path: Path) -> None:
    root = tmp_path / "study"
    shutil.copytree(requested, root)
    workspace = WorkspacePaths(root)

    def rows() -> list[tuple[object, ...]]:
        with closing(connections.reader(workspace.state)) as connection:
            return [tuple(row) for row in connection.execute("SELECT id, requested_at, depends_on FROM jobs")]

    before = rows()
    made = rebuild.rebuild(workspace)
    assert made.problems == ()
    assert rows() == before
