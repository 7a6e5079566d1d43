"""A judge's filter of preference pairs: which pairs DPO trains on, what it costs, and what it says."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.domain.data.dialogues import Dialogue, RatedResponse
from core.domain.errors import UserError
from core.domain.jobs.results import FilterResult
from core.jobs.settings import EmbeddedJudge, FilterSettings, JudgeSettings
from core.judging import filter_job
from core.judging.embedded import fit_job
from core.prompts import templates
from core.recipes import examples
from core.recipes.examples import PreferencePair
from core.reports.gather import gather
from core.reports.tables import tables
from core.store import intents
from tests import loopback
from tests.cli.conftest import Program
from tests.loopback import Api
from tests.support.records import job_attempts
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.judged_workspace import JUDGE, shown
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

RECIPE, OTHER = "direct/chatgpt", "direct/all_together"
FILTER = f"filter:{RECIPE}"
PRICES = "[prices]\ndate = 2026-06-01\n[prices.models.gpt-4o]\ninput = 2.5\noutput = 10.0\n"


def pairs_of(dialogues: list[Dialogue], recipe: str = RECIPE) -> list[PreferencePair]:
    """The pairs that a recipe yields."""
    return examples.build(dialogues, recipe, "strict", templates.load("student"))[1]


def with_one_identical() -> list[Dialogue]:
    """Dialogues of which one yields a pair of the same text."""
    found = synthetic_dialogues(rows=48)
    first = pairs_of(found)[0].dialog_id
    at = next(i for i, dialogue in enumerate(found) if dialogue.dialog_id == first)
    responses = found[at].responses
    same = RatedResponse(responses["human"].text, 3)
    found[at] = msgspec.structs.replace(found[at], responses=responses | {"chatgpt": same})
    return found


DIALOGUES = with_one_identical()
PAIRS = pairs_of(DIALOGUES)
#: Of the pairs after the identical one, what the judge thinks of each.
OPINIONS = ("prefers_rejected", "undecided", "invalid", "kept", "kept")
EXPECTED = ["identical", *(OPINIONS[i % len(OPINIONS)] for i in range(len(PAIRS) - 1))]
OPINION_OF = {
    frozenset((pair.chosen[0].content, pair.rejected[0].content)): (opinion, pair.chosen[0].content)
    for pair, opinion in reversed(list(zip(PAIRS, EXPECTED, strict=True)))
}


def opinion(text: str) -> str:
    """The answer of a judge that thinks so."""
    first, second = shown(text)
    found, chosen = OPINION_OF.get(frozenset((first, second)), ("kept", second))
    match found:
        case "invalid":
            return "say:hm"
        case "undecided":
            return "say:1"
        case "prefers_rejected":
            return "say:2" if first == chosen else "say:1"
    return "say:1" if first == chosen else "say:2"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        found.faults.content = opinion
        yield found


def workspace(
    root: Path, api: Api, mode: str = "live", recipes: tuple[str, ...] = (RECIPE,)
) -> TeacherWorkspace:
    judge = JUDGE.format(name="gpt", url=api.url, mode=mode, more="tries = 1")
    made = TeacherWorkspace(root, api.url, recipes, more=judge + PRICES, dialogues=DIALOGUES)
    config = made.workspace.config
    config.write_text(config.read_text().replace("[slots]", 'filter_judge = "gpt"\n[slots]'))
    return made


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_pairs_are_kept_if_the_judge_agrees(tmp_path: Path, api: Api, mode: str) -> None:
    made = workspace(tmp_path, api, mode)
    with made.open() as opened:
        (before,) = opened.spending.estimates(["filter"])
    assert (str(before.asker), before.requests, before.answered) == ("judge gpt", 2 * len(PAIRS) - 2, 0)
    made.run("filter")
    assert made.states() == {f"recipe:{RECIPE}": "done", FILTER: "done"}, made.story()
    counts = Counter(EXPECTED)
    kept = counts.pop("kept")
    assert made.result(FILTER) == {
        "stage": "filter",
        "pairs": len(PAIRS),
        "kept": kept,
        "dropped": dict(counts),
        "verdicts": 2 * len(PAIRS),
        "invalid_verdicts": 2 * counts["invalid"],
        "design": "both orders",
        "label": None,
        "forms": {"digit": 2 * (len(PAIRS) - 1 - counts["invalid"])},
    }
    assert len(api.paid) == 2 * len(PAIRS) - 2
    with made.open() as opened:
        (recipe,) = (one for one in opened.data.recipes() if one.name == RECIPE)
        dropped = opened.data.dropped_pairs(RECIPE)
        assert opened.data.kept_pairs(RECIPE) == [
            pair for pair, found in zip(PAIRS, EXPECTED, strict=True) if found == "kept"
        ]
        assert opened.data.kept_pairs(OTHER) is None
        (after,) = opened.spending.estimates(["filter"])
        (card,) = opened.evaluation.scorecards()
        with pytest.raises(UserError, match="there is no recipe"):
            opened.data.dropped_pairs("direct/nobody")
    assert recipe.filtered is not None
    assert recipe.filtered.dropped == counts
    assert recipe.filtered.dropped_share == pytest.approx(1 - kept / len(PAIRS))
    assert [(one.dialog_id, one.reason, one.chosen) for one in dropped] == [
        (pair.dialog_id, found, pair.chosen[0].content)
        for pair, found in zip(PAIRS, EXPECTED, strict=True)
        if found != "kept"
    ]
    assert {one.reason: one.score for one in dropped} == {
        "identical": 0.5,
        "undecided": 0.5,
        "prefers_rejected": 0.0,
        "invalid": None,
    }
    assert (after.requests, after.answered, after.usd) == (2 * len(PAIRS), 2 * len(PAIRS), 0.0)
    ((spent,),) = made.query("SELECT sum(usd) FROM answers")
    assert (card.verdicts, card.invalid, card.design) == (len(api.paid), 2 * counts["invalid"], "both orders")
    assert card.usd_per_1000 == pytest.approx(spent / len(api.paid) * 1000)


def test_what_a_filter_leaves_is_shown_exported_and_published(tmp_path: Path, api: Api) -> None:
    made = workspace(tmp_path / "study", api)
    program = Program(made.workspace.root)
    folder = tmp_path / "exported"
    refused = program("export", "llama-factory", folder, "--recipe", RECIPE, code=1)
    assert f"run `empathy-tui run filter:{RECIPE}`" in refused.err
    made.run("filter")
    dropped = Counter(found for found in EXPECTED if found != "kept")
    share = f"{dropped.total()} ({dropped.total() / len(PAIRS):.1%}".replace("%", " %)")
    assert share in program("recipes", COLUMNS="120").out
    (recipe,) = (one for one in program("recipes", "--json").json if one["name"] == RECIPE)
    assert recipe["filtered"]["dropped"] == dropped
    listed = program("recipes", "--dropped", RECIPE).out
    assert listed.count("rejected preferred\n") == dropped["prefers_rejected"]
    assert f"  chosen: {PAIRS[0].chosen[0].content}\n" in listed
    assert "give one of them" in program("recipes", "--dropped", RECIPE, "--flaws", RECIPE, code=2).err
    kept = [pair.chosen[0].content for pair, found in zip(PAIRS, EXPECTED, strict=True) if found == "kept"]
    program("export", "llama-factory", folder, "--recipe", RECIPE)
    exported = json.loads((folder / "direct_chatgpt_dpo.json").read_text())
    assert [row["chosen"]["value"] for row in exported] == kept
    program("publish", RECIPE, tmp_path / "published")
    published = list(examples.read(tmp_path / "published" / "preferences.jsonl", PreferencePair))
    assert [pair.chosen[0].content for pair in published] == kept
    words = f"the judge gpt dropped {dropped.total()} of {len(PAIRS)} preference pairs"
    assert words in (tmp_path / "published" / "README.md").read_text()
    with made.open() as opened:
        found = {table.name: table for table in tables.tables(gather(opened))}
    ((recipe_name, judge, pairs, left, *_),) = found["filtered_pairs"].rows
    assert [recipe_name.value, judge.value, pairs.value, left.value] == [RECIPE, "gpt", len(PAIRS), len(kept)]


def test_recipes_share_verdicts(tmp_path: Path, api: Api) -> None:
    # A verdict that is invalid is requested anew by each job.
    api.faults.content = lambda text: opinion(text).replace("hm", "1")
    made = workspace(tmp_path, api, recipes=(RECIPE, OTHER))
    made.run("filter")
    both = {
        (pair.dialog_id, pair.chosen[0].content, pair.rejected[0].content)
        for pair in (*PAIRS, *pairs_of(DIALOGUES, OTHER))
    }
    assert len(api.paid) == 2 * sum(chosen != rejected for _, chosen, rejected in both)
    assert set(api.paid.values()) == {1}


def test_killed_on_the_way(tmp_path: Path, api: Api) -> None:
    """No answer is paid twice, and the pairs are those of a filter that was not killed."""
    made = workspace(tmp_path, api)
    made.run("recipe")
    (tmp_path / "kill.json").write_text(json.dumps({"at": 9, "when": "after"}))
    made.ask(intents.Start(targets=("filter",)))
    assert made.finish(dying=True) == -signal.SIGKILL
    made.workspace.config.write_text(
        made.workspace.config.read_text().replace('model = "gpt-4o"', 'model = "gpt-4o"\nresend = "always"')
    )
    assert made.finish(dying=True) == 0, made.story()
    if made.states()[FILTER] == "failed":
        # Answers that were on their way are lost, and are sent again only when a person says so.
        made.ask(intents.Retry(made.job(FILTER)))
        assert made.finish() == 0, made.story()
    assert made.result(FILTER)["kept"] == EXPECTED.count("kept")
    assert len(api.paid) == 2 * len(PAIRS) - 2


def test_a_judge_that_agrees_with_nothing(tmp_path: Path, api: Api) -> None:
    api.faults.content = lambda text: "say:1"
    made = workspace(tmp_path, api)
    made.run("filter")
    assert made.states()[FILTER] == "failed"
    assert f"gpt prefers the chosen response in none of {len(PAIRS)} preference pairs" in made.error(FILTER)


def test_by_the_embedded_judge(tmp_path: Path) -> None:
    """It judges what people rated, and its label is said."""
    fitted = job_attempts.attempt(tmp_path / "judge", DIALOGUES, JudgeSettings())
    job_attempts.run(fitted, fit_job.run)
    examples.write(tmp_path / "pairs.jsonl", PAIRS)
    turned = [PreferencePair(p.dialog_id, p.prompt, p.rejected, p.chosen) for p in PAIRS]
    examples.write(tmp_path / "turned.jsonl", [*PAIRS, *turned])

    def filtered(name: str) -> FilterResult:
        settings = FilterSettings(recipe=RECIPE, judge=EmbeddedJudge(name="own"))
        inputs = {"judge": fitted / "judge.json", "preferences": tmp_path / f"{name}.jsonl"}
        folder = job_attempts.attempt(tmp_path / f"of {name}", DIALOGUES, settings, inputs)
        return job_attempts.run(folder, filter_job.run)

    as_rated = filtered("pairs")
    assert (as_rated.pairs, as_rated.dropped.get("identical")) == (len(PAIRS), 1)
    assert as_rated.kept > as_rated.dropped.get("prefers_rejected", 0)
    assert "agrees with held-out human ratings" in (as_rated.label or "")
    both = filtered("turned")
    # What it keeps of a pair it drops of the pair turned round.
    assert both.kept == as_rated.kept + as_rated.dropped.get("prefers_rejected", 0)
    assert both.dropped["identical"] == 2
