"""The comparison job: both responders on the same dialogues, every verdict kept."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from core.domain.errors import Cancelled, UserError
from core.jobs import spec
from core.jobs.journal import Journal
from core.jobs.records import Progress, ResponseRecord, VerdictRecord
from core.jobs.settings import JudgeSettings
from core.judging import compare_job as compare
from core.judging.embedded import fit_job
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

DIALOGUES = synthetic_dialogues(rows=64)
TEST = [dialogue for dialogue in DIALOGUES if dialogue.split == "test"]
GOOD, BAD = "I can hear how much this means to you. I am here.", "You should get over it. Okay."


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge") / "1"
    job_attempts.attempt(folder, DIALOGUES, JudgeSettings())
    job_attempts.run(folder, fit_job.run)
    return folder / "judge.json"


def attempt(
    folder: Path, judge: Path, a: dict[str, str], b: dict[str, str], prior: tuple[Path, ...] = ()
) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    inputs = {
        "judge": judge,
        "a": job_attempts.responses(folder.with_suffix(".a"), a),
        "b": job_attempts.responses(folder.with_suffix(".b"), b),
    }
    return job_attempts.attempt(folder, DIALOGUES, made_settings.compare("base", "run"), inputs, prior)


def every(text: str) -> dict[str, str]:
    return {dialogue.dialog_id: text for dialogue in TEST}


def test_the_better_responder_wins(judge: Path, tmp_path: Path) -> None:
    folder = attempt(tmp_path / "1", judge, every(BAD), every(GOOD))
    result = job_attempts.run(folder, compare.run)
    assert (result.n, result.wins_b, result.wins_a) == (len(TEST), len(TEST), 0)
    assert result.win_rate_b == 1.0
    assert result.ci_low is not None
    assert result.ci_low < 1.0
    assert "agrees with held-out human ratings" in (result.label or "")
    verdicts = job_attempts.found(folder, VerdictRecord)
    assert [verdict.dialog_id for verdict in verdicts] == [dialogue.dialog_id for dialogue in TEST]
    assert set(json.loads(verdicts[0].raw)) == {"a", "b"}
    assert job_attempts.found(folder, Progress)[-1].done == len(TEST)


def test_turning_the_responders_turns_the_result(judge: Path, tmp_path: Path) -> None:
    a = every(BAD) | {TEST[0].dialog_id: GOOD}
    b = every(GOOD) | {TEST[0].dialog_id: BAD}
    one = job_attempts.run(attempt(tmp_path / "1", judge, a, b), compare.run)
    other = job_attempts.run(attempt(tmp_path / "2", judge, b, a), compare.run)
    assert (one.wins_a, one.wins_b) == (other.wins_b, other.wins_a) == (1, len(TEST) - 1)
    assert other.win_rate_b is not None
    assert one.win_rate_b == pytest.approx(1 - other.win_rate_b)


def test_identical_responses_tie_and_empty_ones_are_judged(judge: Path, tmp_path: Path) -> None:
    a = every(GOOD) | {TEST[0].dialog_id: ""}
    result = job_attempts.run(attempt(tmp_path / "1", judge, a, every(GOOD)), compare.run)
    assert result.ties == len(TEST) - 1
    assert result.wins_a + result.wins_b == 1
    assert result.n == len(TEST)


def test_a_response_may_hold_any_character(judge: Path, tmp_path: Path) -> None:
    odd = "I hear you.\u2028Really.\u0085\x1b[31m Yes. 🫂\r\nOh."
    folder = attempt(tmp_path / "1", judge, every(BAD), every(GOOD))
    lines = [ResponseRecord(i, text, "stop") for i, text in every(odd).items()]
    encoded = [msgspec.json.encode(line) + b"\n" for line in lines]
    Path(spec.read(folder).inputs["b"]).write_bytes(b"".join(encoded))
    assert job_attempts.run(folder, compare.run).n == len(TEST)


def test_a_source_in_the_data_is_a_responder(judge: Path, tmp_path: Path) -> None:
    settings = made_settings.compare("human", "chatgpt")
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings, {"judge": judge})
    result = job_attempts.run(folder, compare.run)
    assert result.n == len(TEST)
    assert result.wins_a + result.wins_b + result.ties == len(TEST)


def test_no_comparison_on_different_dialogues(judge: Path, tmp_path: Path) -> None:
    fewer = every(GOOD)
    gone = TEST[2].dialog_id
    del fewer[gone]
    folder = attempt(tmp_path / "1", judge, every(BAD), fewer)
    with pytest.raises(UserError, match=f"run has no response to 1 of {len(TEST)} test dialogues \\({gone}"):
        job_attempts.run(folder, compare.run)


def test_a_dialogue_without_a_sources_response_is_left_out_and_counted(judge: Path, tmp_path: Path) -> None:
    gone = TEST[0]
    fewer = {source: rated for source, rated in gone.responses.items() if source != "gemini"}
    dialogues = [msgspec.structs.replace(d, responses=fewer) if d is gone else d for d in DIALOGUES]
    settings = made_settings.compare("human", "gemini")
    folder = job_attempts.attempt(tmp_path / "1", dialogues, settings, {"judge": judge})
    result = job_attempts.run(folder, compare.run)
    assert (result.n, result.left_out) == (len(TEST) - 1, 1)


def test_a_source_without_responses_is_no_responder(judge: Path, tmp_path: Path) -> None:
    settings = made_settings.compare("human", "nobody")
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings, {"judge": judge})
    with pytest.raises(UserError, match=r"no test dialogue has a response of human and one of nobody"):
        job_attempts.run(folder, compare.run)


def test_a_new_attempt_keeps_what_an_old_one_judged(judge: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    # The other way round than this judge would rule: so it shows whether it was asked again.
    old = [VerdictRecord(dialogue.dialog_id, "ab", "a", "kept") for dialogue in TEST[:5]]
    journal = Journal(first)
    journal.write(*old)
    journal.close()
    folder = attempt(tmp_path / "second", judge, every(BAD), every(GOOD), (first,))
    result = job_attempts.run(folder, compare.run)
    assert (result.wins_a, result.wins_b) == (5, len(TEST) - 5)
    verdicts = {verdict.dialog_id: verdict for verdict in job_attempts.found(folder, VerdictRecord)}
    assert [verdicts[verdict.dialog_id] for verdict in old] == old
    assert len(verdicts) == len(TEST)


def test_it_stops_on_request(judge: Path, tmp_path: Path) -> None:
    folder = attempt(tmp_path / "1", judge, every(BAD), every(GOOD))
    job = job_attempts.context(folder)
    job.stop.set()
    with pytest.raises(Cancelled):
        compare.run(job)
    job.journal.close()
