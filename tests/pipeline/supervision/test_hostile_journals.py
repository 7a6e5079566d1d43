"""Whatever a journal holds, it ends its own attempt at most, and says in which line; never the supervisor."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from core.domain.states import Stage
from core.jobs import journal, records
from core.jobs.journal import Journal
from core.jobs.records import Done, Progress, Record
from core.services.workspace import open_workspace
from core.store import intents
from tests.pipeline.supervision.test_ingest import Store
from tests.support.records import made_results
from tui.cli.output.pipeline import batches, jobs
from tui.screens.pipeline import job_details

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

#: What may stand where anything else is expected.
odd_numbers = st.one_of(
    st.integers(),
    st.sampled_from(
        [2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80, -1, -(2**63), -(2**80), 10**400]
    ),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([-0.0, 5e-324, 1e308]),
)
odd_texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["\0", "a\0b", "\x1b]0;x\x07", "../../x", "/etc/passwd", "x" * 100_000, "a" * 3 + "\u202e"]
    ),
)
odd_values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(get_args(Record))
STAGES: tuple[Stage, ...] = get_args(Stage)


@st.composite
def odd_results(draw: st.DrawFn) -> dict[str, Any]:
    """The result of a stage, with something odd in one place."""
    found: dict[str, Any] = msgspec.to_builtins(made_results.of_stage(draw(st.sampled_from(STAGES))))
    return found | {draw(st.sampled_from(sorted(found))): draw(odd_values)}


@st.composite
def odd_records(draw: st.DrawFn) -> dict[str, Any]:
    """A record of any kind as JSON: some of its fields as they should be, the others odd."""
    kind = draw(kinds)
    found: dict[str, Any] = {"type": kind.__struct_config__.tag}
    for one in msgspec.structs.fields(kind):
        usual = draw(odd_results()) if one.name == "result" else _usual(one.name)
        value = draw(st.just(usual) | odd_values if usual is not None else odd_values)
        if draw(st.integers(0, 9)):
            found[one.encode_name] = value
    return found


def _usual(name: str) -> Any:
    number = {"pid", "done", "total", "step", "number", "bytes", "completed", "failed", "at", "usd", "since"}
    if name in number or name.endswith("_tokens"):
        return 7
    words = {
        "mode": "live",
        "order": "ab",
        "winner": "a",
        "finish": "stop",
        "state": "creating",
        "outcome": "ok",
    }
    return {
        **words,
        "requests": {"k": "d1"},
        "values": {"loss": 1.5},
        "errors": ["e"],
        "dimensions": {},
        "collected": False,
    }.get(name, "x")


def _line(seq: object, record: object) -> bytes:
    return json.dumps({"seq": seq, "at": 1.0, "record": record}).encode() + b"\n"


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    lines=st.lists(
        odd_records().map(lambda record: _line(2, record)) | st.binary(max_size=50).map(lambda b: b + b"\n"),
        min_size=1,
        max_size=4,
    )
)
def test_any_journal_can_be_taken_in(imported_workspace: Path, lines: list[bytes]) -> None:
    with TemporaryDirectory() as place:
        store = Store(Path(place), imported_workspace / "state.db")
        Journal(store.folder).write(Progress(1, 9))
        with (store.folder / journal.NAME).open("ab") as file:
            for number, line in enumerate(lines, start=2):
                file.write(line.replace(b'"seq": 2,', b'"seq": %d,' % number, 1))
        found = store.ingest()
        assert found.records >= 1
        rows = store.rows()
        if found.damaged:
            assert rows["jobs"][0][0] == "failed"
            assert "journal.jsonl, line " in rows["jobs"][0][4]
        # It is all that will ever be taken in.
        again = store.ingest()
        assert again.records == 0
        store.connection.execute("SELECT sum(input_tokens), sum(usd) FROM answers").fetchall()
        store.connection.close()
        _look(Path(place))


def _look(root: Path) -> None:
    """See what was taken in as commands and screens do."""
    console, now = Console(file=io.StringIO(), width=140), time.time()
    with open_workspace(root, read_only=True) as workspace:
        snapshot, sent = workspace.pipeline.snapshot(), workspace.spending.submissions()
        events = {one.token: workspace.spending.batch_events(one.token) for one in sent}
        batches.print_batches(console, sent, events, workspace.spending.summary(), now)
        for one in sent:
            outcomes = workspace.spending.answer_counts(one.token)
            requests = workspace.spending.sent_requests(one.token)
            batches.print_batch(console, one, events[one.token], outcomes, requests)
    jobs.print_status(console, snapshot)
    for job in snapshot.jobs:
        for is_raw in (False, True):
            job_details.describe(job, snapshot, now, is_raw=is_raw)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000 + b"\n",
        b'{"seq": 2, "at": 1, "record": {"type": "metric", "step": 1, "values": ' + b'{"a":' * 90_000 + b"\n",
        b"\0" * 5000 + b"\n",
        _line(2, {"type": "started", "pid": -1, "host": "here"}),
        _line(2, {"type": "artifact", "name": "x", "path": "../../x", "sha256": "0", "bytes": 1}),
        _line(2**63, {"type": "stopped"}),
    ],
    ids=["deep", "deep-record", "nul", "every-process", "outside", "seq"],
)
def test_a_line_that_cannot_be_taken_in_is_named(
    imported_workspace: Path, tmp_path: Path, content: bytes
) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    Journal(store.folder).write(Progress(1, 9))
    with (store.folder / journal.NAME).open("ab") as file:
        file.write(content)
    assert store.ingest().damaged
    assert "artifacts/jobs/judge-1/1/journal.jsonl, line 2," in store.rows()["jobs"][0][4]
    store.connection.close()


@pytest.mark.parametrize("has_end", [True, False])
def test_a_line_of_100_mb_costs_no_more_than_its_attempt(
    imported_workspace: Path, tmp_path: Path, has_end: bool
) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    Journal(store.folder).write(Progress(1, 9))
    path = store.folder / journal.NAME
    # Sparse: it has no bytes on disk.
    os.truncate(path, 100_000_000)
    if has_end:
        with path.open("ab") as file:
            file.write(b"\n")
    assert store.ingest().damaged
    assert "line 2, is damaged: it is longer than" in store.rows()["jobs"][0][4]
    store.connection.close()


def test_records_of_any_size_add_up(imported_workspace: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    biggest = 10**12
    Journal(store.folder).write(
        *(
            records.Answer("t", f"{n}", 1, "d1", "ok", "x", input_tokens=biggest, usd=1e15)
            for n in range(5000)
        ),
        Done(made_results.judge()),
    )
    assert not store.ingest().damaged
    assert store.connection.execute("SELECT sum(input_tokens) FROM answers").fetchone()[0] == 5000 * biggest
    store.connection.close()


def test_the_supervisor_goes_on_with_the_other_jobs(supervised: SupervisedWorkspace) -> None:
    """One journal holds a number that the store has no room for, another cannot be read at all."""
    supervised.set_plan(hold=["recipe:direct/chatgpt"])
    supervised.ask(intents.Start(targets=("recipe", "judge")))
    supervisor = supervised.supervise()
    supervised.until(lambda: any("recipe" in job for _, job, _, _ in supervised.notes()))
    path = supervised.workspace.attempt(supervised.id("recipe:direct/chatgpt"), 1) / journal.NAME
    lines = len(path.read_bytes().splitlines())
    with path.open("ab") as file:
        file.write(_line(2**70, {"type": "stopped"}))
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states()["judge:embedded"] == "done"
    assert supervised.states()["recipe:direct/chatgpt"] == "failed"
    assert f"line {lines + 1}, is damaged" in str(supervised.error("recipe:direct/chatgpt"))
    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Retry(supervised.id("recipe:direct/chatgpt")))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states()["recipe:direct/chatgpt"] == "done", supervised.story()
