"""Judges that are validated: which pairs, and what the judge's answers to them say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.judging import validate_job
from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.records.synthetic_dialogues import dialogue_lists, rating
from tests.support.workspaces.judged_workspace import DIALOGUES, judge_workspace, shown

VALIDATE = "validate:gpt"
RATINGS = {one.text: rating(d, source) for d in DIALOGUES for source, one in d.responses.items()}


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def as_people(text: str) -> str:
    """The answer of a judge that agrees with the ratings."""
    first, second = shown(text)
    return "say:1" if RATINGS[first] > RATINGS[second] else "say:2"


@settings(max_examples=60)
@given(dialogue_lists(max_size=30), st.integers(1, 40))
def test_each_pair_is_of_another_train_dialogue_and_has_a_better_response(
    dialogues: list[Dialogue], count: int
) -> None:
    found = validate_job.pairs(dialogues, count)
    by_id = {d.dialog_id: d for d in dialogues}
    assert len({pair.dialog_id for pair in found}) == len(found)
    for pair in found:
        dialogue = by_id[pair.dialog_id]
        assert dialogue.split == "train"
        ratings = [rating(dialogue, side) for side in (pair.a, pair.b)]
        assert pair.better == ("a" if ratings[0] > ratings[1] else "b")
        assert ratings[0] != ratings[1]
    able = [d for d in dialogues if d.split == "train" and len({r.rating for r in d.responses.values()}) > 1]
    assert len(found) == min(count, len(able))
    # More pairs are these and others; other dialogues change none of them.
    assert validate_job.pairs(dialogues, count + 5)[: len(found)] == found
    assert set(validate_job.pairs(dialogues[1:], 40)) <= set(validate_job.pairs(dialogues, 40))


def test_on_the_real_ratings_the_longer_one_wins_in_52_percent(reference_dataset: Path) -> None:
    dialogues = read_table(reference_dataset).dialogues
    for count, baseline in ((200, 0.52), (2000, 0.523)):
        rated = validate_job.pairs(dialogues, count)
        assert validate_job.longer_baseline(dialogues, rated) == pytest.approx(baseline, abs=0.001)


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_a_judge_is_validated_on_what_people_rated(tmp_path: Path, api: Api, mode: str) -> None:
    api.faults.content = as_people
    made = judge_workspace(tmp_path, api, mode)
    made.ask(intents.Start(targets=("validate:gpt",), validate={"gpt": 10}))
    assert made.finish() == 0
    assert made.states() == {VALIDATE: "done"}, made.story()
    result = made.result(VALIDATE)
    assert (result["agreement"], result["agreement_pairs"]) == (1.0, 10)
    assert (result["verdicts"], result["invalid_verdicts"]) == (20, 0)
    assert len(api.paid) == 20
    (path,) = made.workspace.root.glob("artifacts/jobs/validate-*/*/validation.jsonl")
    records = [
        msgspec.json.decode(line, type=validate_job.RatedPair) for line in path.read_bytes().splitlines()
    ]
    assert records == validate_job.pairs(DIALOGUES, 10)
    with made.open() as workspace:
        (card,) = workspace.evaluation.scorecards()
        (rate,) = workspace.evaluation.win_rates()
        shown_jobs = [job.stage for job in workspace.pipeline.snapshot().jobs]
    assert (card.agreement, card.pairs, card.invalid, card.verdicts) == (1.0, 10, 0, 20)
    assert card.usd_per_1000 is None
    assert rate.label is not None
    assert rate.label.startswith("gpt: agrees with human ratings on 100 % of 10 pairs (64 % to 100 %)")
    assert rate.label.endswith(f"the longer one wins: {result['longer_agreement'] * 100:.0f} %")
    assert card.longer_agreement == result["longer_agreement"]
    assert "validate" in shown_jobs


def test_a_judge_of_another_mind(tmp_path: Path, api: Api) -> None:
    """Always the first place: half right by chance, counted as ties of the two orders."""
    api.faults.content = lambda text: "say:1"
    made = judge_workspace(tmp_path, api)
    made.ask(intents.Start(targets=("validate:gpt",), validate={"gpt": 12}))
    assert made.finish() == 0
    result = made.result(VALIDATE)
    assert (result["agreement"], result["prefers_first"], result["flip_rate"]) == (0.5, 1.0, 1.0)


def test_pairs_without_a_verdict_are_left_out_and_counted(tmp_path: Path, api: Api) -> None:
    """They were counted as wrong."""
    by_id = {dialogue.dialog_id: dialogue for dialogue in DIALOGUES}
    silent = {
        by_id[pair.dialog_id].responses[source].text
        for pair in validate_job.pairs(DIALOGUES, 12)[:4]
        for source in (pair.a, pair.b)
    }
    api.faults.content = lambda text: "say:hm" if shown(text)[0] in silent else as_people(text)
    made = judge_workspace(tmp_path, api)
    made.ask(intents.Start(targets=("validate:gpt",), validate={"gpt": 12}))
    assert made.finish() == 0
    result = made.result(VALIDATE)
    assert 4 <= result["invalid"] < 12
    assert (result["agreement"], result["agreement_pairs"]) == (1.0, 12 - result["invalid"])


def test_what_is_said_of_a_judge_is_of_that_judge(tmp_path: Path, api: Api) -> None:
    """Another prompt, model or order makes another judge; more pairs make a better measure."""
    api.faults.content = as_people
    made = judge_workspace(tmp_path, api)
    for pairs in (6, 10, 4):
        made.ask(intents.Start(targets=("validate:gpt",), validate={"gpt": pairs}))
    assert made.finish() == 0
    assert len(made.states()) == 1, "one name"
    with made.open() as workspace:
        assert [card.pairs for card in workspace.evaluation.scorecards()] == [10]
    # Ten pairs were asked about, and the four and six are among them.
    assert len(api.paid) == 20
    assert set(api.paid.values()) == {1}
    made.workspace.config.write_text(
        made.workspace.config.read_text().replace("[judges.gpt]", "[judges.gpt]\nswap = false")
    )
    with made.open() as workspace:
        assert [card.pairs for card in workspace.evaluation.scorecards()] == [None]
        assert "not measured" in (workspace.evaluation.win_rates()[0].label or "")


def test_it_is_priced_before_it_is_asked(tmp_path: Path, api: Api) -> None:
    api.faults.content = as_people
    prices = "[prices]\ndate = 2026-06-01\n[prices.models.gpt-4o]\ninput = 2.5\noutput = 10.0\n"
    made = judge_workspace(tmp_path, api, more=prices)
    with made.open() as workspace:
        (found,) = workspace.spending.estimates(["validate:gpt"], {"gpt": 10})
    assert (str(found.asker), found.requests, found.answered) == ("judge gpt", 20, 0)
    assert found.usd is not None
    made.ask(intents.Start(targets=("validate:gpt",), validate={"gpt": 10}))
    assert made.finish() == 0
    with made.open() as workspace:
        (left,) = workspace.spending.estimates(["validate:gpt"], {"gpt": 10})
        (card,) = workspace.evaluation.scorecards()
        spent = workspace.spending.summary().usd
    assert (left.answered, left.usd) == (20, 0.0)
    assert card.usd_per_1000 == pytest.approx(spent / 20 * 1000)


@pytest.mark.parametrize(
    ("judge", "problem"),
    [("nobody", "no judge is named 'nobody'. There are: gpt"), ("own", "no validation")],
)
def test_a_judge_that_cannot_be_asked(tmp_path: Path, api: Api, judge: str, problem: str) -> None:
    made = judge_workspace(tmp_path, api)
    if judge == "own":
        made.workspace.config.write_text(
            made.workspace.config.read_text() + '\n[judges.own]\nprovider = "embedded"\n'
        )
    with made.open() as workspace, pytest.raises(UserError, match=problem):
        workspace.spending.estimates([f"validate:{judge}"], {judge: 10})
