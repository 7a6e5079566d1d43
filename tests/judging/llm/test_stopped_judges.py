"""Judges that are not understood: they are stopped early, counted, and read again without a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.teachers.requests.first_answers import MAX_UNUSABLE_FIRST
from tests.support.servers.odd_answers_server import OddServer, completion
from tests.support.servers.scripted_server import serving
from tests.support.workspaces.judged_workspace import DIALOGUES, DIFFERENT, TEST, compare, longer, shown

#: Forty test dialogues.
MANY = [
    msgspec.structs.replace(dialogue, dialog_id=f"{dialogue.dialog_id}:{number}", utterance=f"No. {number}.")
    for number in range(6)
    for dialogue in DIFFERENT
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")


def answering(*texts: str) -> OddServer:
    """A server that gives these answers in turn, with the judge's digit for `{}`."""
    odd = OddServer()

    def answer(asked: str) -> dict[str, Any]:
        digit = longer(asked).removeprefix("say:")
        return completion(texts[len(odd.asked) % len(texts)].replace("{}", digit))

    odd.answer = answer
    return odd


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_a_judge_that_is_not_understood_is_stopped(tmp_path: Path, mode: str) -> None:
    odd = answering("Both are kind.")
    with serving(odd) as server, pytest.raises(UserError) as error:
        compare(tmp_path, f"{server.url}/v1", MANY, mode=mode, max_concurrency=4, poll_min_s=0.01)
    words = str(error.value)
    assert "can be used" in words
    assert "Both are kind." in words
    assert "change the prompt or the model" in words
    if mode == "live":
        assert MAX_UNUSABLE_FIRST <= len(odd.asked) < MAX_UNUSABLE_FIRST + 4
        assert f"none of the first {MAX_UNUSABLE_FIRST} answers" in words
    else:
        # All of the batch was sent at once; no further one is.
        assert odd.creates == 1


def test_a_judge_that_is_understood_once_goes_on(tmp_path: Path) -> None:
    # Of the first twenty answers one names a response.
    odd = answering(*["Both are kind."] * 15, *["{}"] * 15)
    with serving(odd) as server:
        result = compare(tmp_path, f"{server.url}/v1", MANY, tries=1, max_concurrency=1)
    assert len(odd.asked) == 2 * len(MANY)
    assert result.invalid_verdicts > MAX_UNUSABLE_FIRST
    assert result.forms == {"digit": 2 * len(MANY) - result.invalid_verdicts}


def test_forms_are_counted(tmp_path: Path) -> None:
    odd = answering("{}", "Answer: {}", '{"winner": {}}', "<think>Hm.</think>{}", "{} because it is warm")
    with serving(odd) as server:
        result = compare(tmp_path, f"{server.url}/v1")
    assert result.invalid_verdicts == 0
    assert result.forms is not None
    assert set(result.forms) == {"digit", "label", "JSON", "with reason"}
    assert sum(result.forms.values()) == len(odd.asked)


def test_stored_answers_are_read_again(tmp_path: Path) -> None:
    odd = answering("{}", "{}", "Hm.")
    with serving(odd) as server:
        first = compare(tmp_path, f"{server.url}/v1", tries=1)
        assert first.invalid_verdicts > 0
        asked = len(odd.asked)
        again = compare(tmp_path, f"{server.url}/v1", tries=1, attempt=2, sends_requests=False)
        assert again == first
        # What was unusable would be requested again by a later version with more tries.
        compare(tmp_path, f"{server.url}/v1", tries=3, attempt=3, sends_requests=False)
    assert len(odd.asked) == asked


@pytest.mark.parametrize("outcome", ["invalid", "cut"])
def test_answers_that_an_earlier_version_did_not_understand_are_read_again(
    tmp_path: Path, outcome: str
) -> None:
    odd = answering("Answer: {}")
    with serving(odd) as server:
        first = compare(tmp_path, f"{server.url}/v1")
        journal = tmp_path / "artifacts/jobs/compare-1/1/journal.jsonl"
        text = journal.read_text()
        journal.write_text(text.replace('"outcome":"ok"', f'"outcome":"{outcome}"'))
        again = compare(tmp_path, f"{server.url}/v1", attempt=2, sends_requests=False)
    assert again == first
    assert again.invalid_verdicts == 0
    assert len(odd.asked) == 2 * len(DIFFERENT)


def test_answers_that_are_missing_are_not_requested(tmp_path: Path) -> None:
    odd = answering("{}")
    with serving(odd) as server, pytest.raises(UserError, match=r"14 of 14 requests have no stored answer"):
        compare(tmp_path, f"{server.url}/v1", sends_requests=False)
    assert not odd.asked


def by_dimension(dialogue: Dialogue) -> dict[str, str]:
    """What the judge of the test below finds better: human (a) or chatgpt (b)."""
    a, b = (dialogue.responses[source].text for source in ("human", "chatgpt"))
    return {
        "Cognitive": "a" if len(a) > len(b) else "b",
        "Affective": "a" if a < b else "b",
        "Compassionate": "b",
        "Overall": "a",
    }


@pytest.mark.parametrize("structured", [False, True])
def test_each_dimension_has_its_win_rate(tmp_path: Path, structured: bool) -> None:
    unclear = DIFFERENT[0]
    odd = OddServer()

    def answer(asked: str) -> dict[str, Any]:
        first, _ = shown(asked)
        dialogue = next(d for d in DIFFERENT if d.situation in asked and d.utterance in asked)
        is_a_first = first == dialogue.responses["human"].text
        found = {
            name: "1" if (side == "a") == is_a_first else "2" for name, side in by_dimension(dialogue).items()
        }
        if dialogue is unclear:
            found["Affective"] = "both"
        if structured:
            return completion(msgspec.json.encode({k.lower(): v for k, v in found.items()}).decode())
        return completion("\n".join(f"{name}: {digit}" for name, digit in found.items()))

    odd.answer = answer
    with serving(odd) as server:
        result = compare(
            tmp_path, f"{server.url}/v1", by_dimension=True, structured_output=structured, tries=2
        )
    # One call for all; what it does not name is requested again, and then missing in that dimension alone.
    assert len(odd.asked) == 2 * len(DIFFERENT) + 2
    assert (result.n, result.invalid, result.wins_a, result.ties) == (len(TEST), 0, len(DIFFERENT), 1)
    assert result.forms == {"JSON" if structured else "label": 2 * len(DIFFERENT)}
    assert list(result.dimensions) == ["cognitive", "affective", "compassionate"]
    sides = [by_dimension(d) for d in DIFFERENT]
    for name, part in result.dimensions.items():
        is_affective = name == "affective"
        wins = [found[name.title()] for found in sides[is_affective:]]
        assert (part.wins_a, part.wins_b, part.ties) == (wins.count("a"), wins.count("b"), 1)
        assert part.invalid == is_affective
        rate, low, high = part.win_rate_b, part.ci_low, part.ci_high
        assert rate is not None
        assert rate == pytest.approx((wins.count("b") + 0.5) / (len(wins) + 1))
        assert low is not None
        assert high is not None
        assert low < rate < high
    compassionate = result.dimensions["compassionate"]
    assert compassionate.min_win_rate_b is None
    assert result.dimensions["affective"].min_win_rate_b is not None
    assert len(DIALOGUES) > len(TEST)
