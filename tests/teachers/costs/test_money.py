"""What requests cost: shown before, counted after, and stopped at the budget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Price
from core.services import workspace_state
from core.services.spending import comparison_estimates
from core.store import intents
from core.teachers.costs import prices
from core.teachers.protocol import Usage
from tests import loopback
from tests.loopback import Api
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace
from tui.format.submissions import cost

NAIVE = "generate:improve-human/naive"
PRICES = """
[prices]
date = 2026-06-01
[prices.models.gpt-4o]
input = 2.5
cached_input = 1.25
output = 10.0
batch_input = 1.0
batch_cached_input = 0.5
batch_output = 5.0
"""
BUDGET = PRICES + "[spending]\nbudget_usd = {}\n"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def test_a_price_per_million_tokens() -> None:
    usage = Usage(1_000_000, 400_000, 2_000_000)
    price = Price(input=2.5, cached_input=1.25, output=10.0, batch_input=1.0, batch_output=5.0)
    assert prices.cost(price, usage, batch=False) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 20)
    # Without a price of its own, cached input in a batch costs what its input costs.
    assert prices.cost(price, usage, batch=True) == pytest.approx(1.0 + 10)
    assert prices.cost(None, usage, batch=True) is None
    assert prices.cost(price, None, batch=True) is None


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.booleans())
def test_costs_add_up(fresh: int, cached: int, output: int, batch: bool) -> None:
    price = Price(input=3.0, cached_input=1.0, output=9.0, batch_input=1.5)
    whole = prices.cost(price, Usage(fresh + cached, cached, output), batch=batch)
    parts = [Usage(fresh, 0, 0), Usage(cached, cached, 0), Usage(0, 0, output)]
    assert whole == pytest.approx(sum(prices.cost(price, part, batch=batch) or 0.0 for part in parts))


@pytest.mark.parametrize("mode", ["batch", "live"])
def test_actual_usage_is_added_up(tmp_path: Path, api: Api, mode: str) -> None:
    study = TeacherWorkspace(
        tmp_path, api.url, ["improve-human/naive", "improve-human/combined"], mode=mode, more=PRICES
    )
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    fresh, cached, output = 2.5, 1.25, 10.0
    if mode == "batch":
        fresh, cached, output = 1.0, 0.5, 5.0
    rows = study.query("SELECT input_tokens, cached_tokens, output_tokens FROM answers")
    expected = sum((i - c) * fresh + c * cached + o * output for i, c, o in rows) / 1e6
    workspace = study.open()
    spending = workspace.spending.summary()
    assert spending.usd == pytest.approx(expected)
    assert spending.reserved_usd == 0
    assert spending.unpriced == 0
    assert spending.prices_of == "2026-06-01"
    assert sum(usd for _, usd in spending.by_recipe) == pytest.approx(expected)
    assert sum(s.usd or 0 for s in workspace.spending.submissions()) == pytest.approx(expected)
    # The estimate was on the high side, and not far off.
    assert expected <= sum(s.estimated_usd or 0 for s in workspace.spending.submissions()) <= 3 * expected
    assert [e.answered for e in workspace.spending.estimates()] == [12, 36]
    assert [e.usd for e in workspace.spending.estimates()] == [0, 0]
    workspace.close()


def test_an_unknown_price_is_unknown(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    workspace = study.open()
    assert [e.usd for e in workspace.spending.estimates()] == [None]
    study.run()
    assert [s.usd for s in workspace.spending.submissions()] == [None]
    assert workspace.spending.summary().usd == 0
    assert workspace.spending.summary().unpriced == len(study.train)
    workspace.close()


def test_estimates_before_anything_is_sent(tmp_path: Path, api: Api) -> None:
    recipes = [
        "direct/chatgpt",
        "improve-human/cognitive",
        "improve-human/combined",
        "improve-llm/sequential",
    ]
    study = TeacherWorkspace(tmp_path, api.url, recipes, more=PRICES)
    workspace = study.open()
    found = {str(e.asker): e for e in workspace.spending.estimates()}
    n = len(study.train)
    # What recipes share stands under the first of them; improve-llm needs the initial responses too.
    assert {name: e.requests for name, e in found.items()} == {
        "improve-human/cognitive": n,
        "improve-human/combined": 2 * n,
        "improve-llm/sequential": 4 * n,
    }
    assert all(e.answered == 0 and (e.usd or 0) > 0 for e in found.values())
    assert not api.batches
    assert [str(e.asker) for e in workspace.spending.estimates(["recipe:improve-human/combined"])] == [
        "improve-human/combined"
    ]
    study.run("recipe:improve-human/cognitive")
    after = {str(e.asker): e for e in workspace.spending.estimates()}
    assert after["improve-human/cognitive"].answered == n
    assert after["improve-human/cognitive"].usd == 0
    assert after["improve-human/combined"] == found["improve-human/combined"]
    workspace.close()


def test_some_of_the_dialogues_gives_nearly_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = """
[judges.gpt]
provider = "openai"
model = "gpt-4o"
[[comparisons.extra]]
a = "human"
b = "chatgpt"
"""
    dialogues = synthetic_dialogues(480)
    nowhere, recipe = "http://localhost:9/v1", "improve-human/combined"
    study = TeacherWorkspace(tmp_path, nowhere, [recipe], more=PRICES + judge, dialogues=dialogues)
    with study.open() as workspace:
        whole = workspace.spending.estimates()
    monkeypatch.setattr(workspace_state, "_DRAWN", 120)
    monkeypatch.setattr(comparison_estimates, "_BUILT", 40)
    with study.open() as workspace:
        drawn = workspace.spending.estimates()
        recipes = workspace.data.recipes()
        assert len(workspace.spending._state.drawn_dialogues().dialogues) < 240
    assert [(one.asker, one.requests) for one in drawn] == [(one.asker, one.requests) for one in whole]
    for one, exact in zip(drawn, whole, strict=True):
        assert one.usd == pytest.approx(exact.usd, rel=0.1)
    # Examples are counted in all dialogues.
    (counted,) = [one for one in recipes if one.name == recipe]
    assert counted.sft_examples is not None
    assert counted.preference_pairs is not None
    assert counted.sft_examples + 2 * counted.preference_pairs == 2 * 3 * len(study.train)


def test_a_judge_is_priced_too(tmp_path: Path, api: Api) -> None:
    judge = f"""
[judges.gpt]
provider = "openai"
model = "gpt-4o"
base_url = "{api.url}"
mode = "batch"
poll_min_s = 0.05
[[comparisons.extra]]
a = "human"
b = "chatgpt"
"""
    study = TeacherWorkspace(tmp_path, api.url, more=PRICES + judge)
    workspace = study.open()
    test = sum(d.split == "test" for d in workspace.data.dialogues())
    teacher, asked = workspace.spending.estimates()
    assert (str(teacher.asker), str(asked.asker)) == ("improve-human/naive", "judge gpt")
    assert (asked.requests, asked.answered) == (2 * test, 0)
    assert asked.usd is not None
    assert asked.usd > 0
    api.faults.content = lambda text: "say:1"
    study.run("compare")
    assert workspace.spending.estimates(["compare"])[0].answered == 2 * test
    assert workspace.spending.summary().usd > 0
    workspace.close()


@pytest.mark.parametrize("mode", ["batch", "live"])
def test_the_budget_stops_what_would_pass_it(tmp_path: Path, api: Api, mode: str) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode=mode, more=BUDGET.format(0.0001))
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "budget of 0.00 USD would be exceeded" in study.error(NAIVE)
    assert "budget_usd" in study.error(NAIVE)
    assert not api.paid
    # Raised, it goes on; the budget is not part of the work.
    study.configure(api.url, ["improve-human/naive"], mode=mode, more=BUDGET.format(100))
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(study.query("SELECT 1 FROM jobs WHERE stage = 'generate'")) == 1


@pytest.mark.parametrize("before", ["", "[spending]\nbudget_usd = 50\n"])
def test_a_budget_that_is_lowered_while_a_job_runs_stops_it(tmp_path: Path, api: Api, before: str) -> None:
    def configure(more: str) -> None:
        study.configure(
            api.url, ["improve-human/naive"], mode="live", teacher="max_concurrency = 1", more=PRICES + more
        )

    def content(text: str) -> None:
        if api.paid.total() == 3:
            configure("[spending]\nbudget_usd = 0.0001\n")

    study = TeacherWorkspace(tmp_path, api.url, mode="live", more=PRICES)
    configure(before)
    api.faults.content = content
    study.run()
    assert "the budget of 0.00 USD would be exceeded" in study.error(NAIVE)
    assert api.paid.total() == 3
    configure("")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}


def test_two_jobs_do_not_spend_the_same_dollar(tmp_path: Path, api: Api) -> None:
    workspace = TeacherWorkspace(tmp_path / "try", api.url, more=PRICES).open()
    (estimate,) = workspace.spending.estimates()
    workspace.close()
    assert estimate.usd is not None
    recipes = [f"improve-human/{name}" for name in ("naive", "cognitive", "affective", "compassionate")]
    budget = BUDGET.format(estimate.usd * 2.9)
    study = TeacherWorkspace(tmp_path / "work", api.url, recipes, more=budget)
    api.faults.hold = True
    study.ask(intents.Start(targets=("generate",)))
    supervisor = study.supervise()
    try:
        failed = "SELECT count(*) FROM jobs WHERE state = 'failed'"
        study.until(lambda: study.query(failed)[0][0] >= 2, supervisor)
        workspace = study.open()
        spending = workspace.spending.summary()
        assert 0 < spending.reserved_usd <= (spending.budget_usd or 0)
        workspace.close()
        api.faults.hold = False
        assert study.wait(supervisor) == 0
        assert len(api.batches) == 2
    finally:
        supervisor.kill()


def test_a_budget_needs_a_price(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, more="[spending]\nbudget_usd = 5\n")
    study.run()
    assert "the price of gpt-4o is unknown" in study.error(NAIVE)
    assert not api.paid


def do_not_report_usage(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the API leave the usage out of its answers."""
    answered = api._answered

    def silent(body: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in answered(body).items() if name != "usage"}

    monkeypatch.setattr(api, "_answered", silent)


@pytest.mark.parametrize("mode", ["batch", "live"])
def test_unreported_usage_is_charged_by_its_estimate(
    tmp_path: Path, api: Api, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_report_usage(api, monkeypatch)
    study = TeacherWorkspace(tmp_path, api.url, mode=mode, more=PRICES)
    workspace = study.open()
    (estimate,) = workspace.spending.estimates()
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    spending = workspace.spending.summary()
    assert spending.usd == pytest.approx(estimate.usd)
    assert spending.estimated_usd == spending.usd
    assert spending.unpriced == 0
    (sent,) = workspace.spending.submissions()
    assert cost(sent).startswith("~")
    assert all(request.estimated for request in workspace.spending.sent_requests(sent.token))
    workspace.close()


def test_the_budget_holds_without_reported_usage_and_with_thrown_away_answers(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_report_usage(api, monkeypatch)
    api.faults.content = lambda text: "empty"
    workspace = TeacherWorkspace(tmp_path / "try", api.url, mode="live", more=PRICES).open()
    (estimate,) = workspace.spending.estimates()
    workspace.close()
    budget = BUDGET.format((estimate.usd or 0.0) * 2.8)
    study = TeacherWorkspace(tmp_path / "work", api.url, mode="live", teacher="tries = 9", more=budget)
    study.run()
    assert "budget" in study.error(NAIVE)
    assert set(api.paid.values()) == {1, 2}
    workspace = study.open()
    assert 1.8 < workspace.spending.summary().usd / (estimate.usd or 0.0) <= 2.8
    workspace.close()


@pytest.mark.parametrize("has_room", [False, True])
def test_the_first_answers_under_a_budget_show_what_the_others_cost(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    """All of them were in flight before it was known that the model reasons: twice the budget was spent."""
    answered = api._answered

    def reasoned(body: dict[str, object]) -> dict[str, object]:
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 10_100}
        return answered(body) | {"usage": usage}

    monkeypatch.setattr(api, "_answered", reasoned)
    each = (100 * 2.5 + 10_000 * 10) / 1e6
    dialogues = synthetic_dialogues(rows=48)
    requests = sum(dialogue.split == "train" for dialogue in dialogues)
    assert requests > 2 * prices.ENOUGH_ANSWERS
    budget = BUDGET.format(each * requests * (1.2 if has_room else 0.8))
    study = TeacherWorkspace(tmp_path, api.url, mode="live", more=budget, dialogues=dialogues)
    study.run()
    assert study.states()[NAIVE] == ("done" if has_room else "failed"), study.story()
    assert len(api.paid) == (requests if has_room else prices.ENOUGH_ANSWERS)
    if not has_room:
        assert f"{each * prices.ENOUGH_ANSWERS:.2f} USD are spent" in study.error(NAIVE)


def test_calls_in_flight_reserve_what_the_dearest_answer_has_cost(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reasoning that is counted beside the limit of tokens: ten calls were in flight, and cost 0.084 USD."""
    answered = api._answered

    def reasoned(body: dict[str, object]) -> dict[str, object]:
        details = {"reasoning_tokens": 800}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "completion_tokens_details": details}
        return answered(body) | {"usage": usage}

    monkeypatch.setattr(api, "_answered", reasoned)
    each, budget = (100 * 2.5 + 820 * 10) / 1e6, 0.03
    dialogues = synthetic_dialogues(rows=48)
    study = TeacherWorkspace(tmp_path, api.url, mode="live", more=BUDGET.format(budget), dialogues=dialogues)
    study.run()
    assert "the budget of 0.03 USD would be exceeded" in study.error(NAIVE)
    assert set(api.paid.values()) == {1}
    assert budget - each < each * api.paid.total() <= budget + each
    with study.open() as workspace:
        assert workspace.spending.summary().usd == pytest.approx(each * api.paid.total())


def test_what_calls_in_flight_reserve_is_waited_for(tmp_path: Path, api: Api) -> None:
    """The second job has room once the calls of the first one have cost no more than was estimated."""
    recipes = ["improve-human/naive", "improve-human/cognitive"]
    with TeacherWorkspace(tmp_path / "try", api.url, recipes, mode="live", more=PRICES).open() as workspace:
        usd = sum(estimate.usd or 0.0 for estimate in workspace.spending.estimates())
    study = TeacherWorkspace(tmp_path / "work", api.url, recipes, mode="live", more=BUDGET.format(1.2 * usd))
    gate = threading.Event()

    def content(text: str) -> None:
        gate.wait()

    api.faults.content = content
    study.ask(intents.Start(targets=("generate",)))
    supervisor = study.supervise()
    try:
        waits = "SELECT 1 FROM jobs WHERE waiting LIKE '%reserved for live calls of other jobs%'"
        study.until(lambda: api.paid.total() == 1 and bool(study.query(waits)), supervisor)
    finally:
        gate.set()
    assert study.wait(supervisor) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.paid.total() == 2 * len(study.train)


def test_reasoning_is_estimated_before_and_learned_after(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(
        tmp_path,
        api.url,
        ["improve-human/naive", "improve-human/cognitive"],
        mode="live",
        teacher="reasoning_tokens = 5000",
        more=PRICES,
    )
    workspace = study.open()
    before = {str(e.asker): e.output_tokens for e in workspace.spending.estimates()}
    assert before["improve-human/cognitive"] == 5060 * len(study.train)
    study.run("recipe:improve-human/naive")
    after = {str(e.asker): e.output_tokens for e in workspace.spending.estimates()}
    assert after["improve-human/cognitive"] == 60 * len(study.train)
    workspace.close()
