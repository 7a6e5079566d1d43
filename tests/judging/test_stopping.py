"""Comparisons that stop once it is decided who is better."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.config.load import parse_config
from core.domain.errors import UserError
from core.jobs.records import VerdictRecord
from core.judging.metrics import comparison_metrics
from core.judging.metrics.study_design import sequential
from core.judging.protocol import OrderedPair
from tests import loopback
from tests.loopback import Api
from tests.support.records import job_attempts
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.judged_workspace import compare, shown

DIALOGUES = [
    msgspec.structs.replace(
        dialogue,
        responses={
            source: msgspec.structs.replace(rated, text=f"From {source}: {rated.text}")
            for source, rated in dialogue.responses.items()
        },
    )
    for dialogue in synthetic_dialogues(rows=160)
]
TEST = [dialogue for dialogue in DIALOGUES if dialogue.split == "test"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    with loopback.running() as found:
        yield found


def likes_the_model(text: str) -> str:
    """The answer of a judge that always prefers the response that no person wrote."""
    first, _ = shown(text)
    return "say:2" if first.startswith("From human") else "say:1"


def judged(folder: Path) -> list[str]:
    """The dialogues with verdicts, in the order of judging."""
    return list(dict.fromkeys(v.dialog_id for v in job_attempts.found(folder, VerdictRecord)))


def test_it_stops_once_decided_and_resumes_in_the_same_order(tmp_path: Path, api: Api) -> None:
    api.faults.content = likes_the_model
    result = compare(tmp_path, api.url, DIALOGUES, stop="decided")
    stopping = result.stopping
    assert stopping is not None
    assert stopping.decided
    assert stopping.dialogues == len(TEST)
    # Eight wins decide, and eight dialogues are judged at a time.
    assert result.n == 8 < len(TEST)
    assert (stopping.requests, stopping.all_requests) == (16, 2 * len(TEST))
    assert sum(api.paid.values()) == 16
    assert (result.win_rate_b, result.invalid) == (1.0, 0)
    assert (result.interval, result.test) == (sequential.INTERVAL, sequential.TEST)
    assert result.ci_low is not None
    assert result.ci_low >= 0.5
    order = sequential.in_order(dialogue.dialog_id for dialogue in TEST)
    jobs = tmp_path / "artifacts/jobs/compare-1"
    assert judged(jobs / "1") == order[:8]
    # Another attempt finds the answers, and asks for no others.
    again = compare(tmp_path, api.url, DIALOGUES, attempt=2, stop="decided")
    assert again == result
    assert judged(jobs / "2") == order[:8]
    assert sum(api.paid.values()) == 16


def test_what_is_not_decided_is_judged_whole(tmp_path: Path, api: Api) -> None:
    # It names the response that is shown first: the orders disagree, and all dialogues are ties.
    api.faults.content = lambda text: "say:1"
    result = compare(tmp_path, api.url, DIALOGUES, stop="decided", max_concurrency=1)
    assert result.stopping is not None
    assert not result.stopping.decided
    assert result.n == result.stopping.dialogues == len(TEST)
    assert result.win_rate_b == 0.5
    assert result.p == pytest.approx(1.0)
    # The interval has to hold at any time, although it did not stop.
    assert result.interval == sequential.INTERVAL


def test_a_judge_of_a_known_bias_is_recovered_where_it_stops_early() -> None:
    names = [f"d{number}" for number in range(250)]
    order = sequential.in_order(names)
    ordered_pairs = [OrderedPair(name, "", "", "a", "b b", side) for name in names for side in ("ab", "ba")]
    verdicts = [
        # b is better in four of five dialogues; in every tenth the judge names what is shown first.
        VerdictRecord(
            name,
            side,
            ("a" if side == "ab" else "b") if i % 10 == 9 else ("a" if i % 5 == 3 else "b"),
            "1",
            1,
        )
        for i, name in enumerate(order)
        for side in ("ab", "ba")
    ]
    count = next(n for n in range(1, 251) if comparison_metrics.is_decided(verdicts[: 2 * n]))
    result = comparison_metrics.of_comparison(
        ordered_pairs, verdicts[: 2 * count], placed=True, design="both orders", stops=True
    )
    assert result.stopping is not None
    assert result.n == count < 60
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert 0.5 <= result.ci_low <= 0.75 <= result.ci_high


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('provider = "openai"\nmodel = "m"\nmode = "batch"\nstop = "decided"', "a batch gives all of them"),
        ('provider = "openai"\nmodel = "m"\nstop = "soon"', "stop"),
        ('provider = "embedded"\nstop = "decided"\ntries = 2', "provider, stop and comparisons"),
    ],
)
def test_judges_that_cannot_stop(more: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(f"[judges.j]\n{more}\n", "config.toml")


def test_judges_that_can_stop() -> None:
    live = 'provider = "openai"\nmodel = "m"\nstop = "decided"'
    local = 'provider = "local"\nmodel = "m"\nstop = "decided"'
    embedded = 'provider = "embedded"\nstop = "decided"'
    for judge in (live, local, embedded):
        assert parse_config(f"[judges.j]\n{judge}\n", "config.toml").judges["j"].stop == "decided"
