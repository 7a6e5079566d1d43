"""Strategies of a workspace's own: what a file says, what is wrong with it, and which jobs follow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.config.load import parse_config
from core.config.schema import Definition
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.errors import UserError
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import GenerateSettings
from core.pipeline.planning import workspace_graph
from core.prompts import templates
from core.recipes import own_strategies, strategies
from tests import loopback
from tests.cli.conftest import Program
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

FRONT = '+++\nmethods = ["improve-human", "improve-llm"]\nturns = {turns}\nneeds = ["response"]\n+++\n'
ONE = FRONT.format(turns=1) + "Make it polite: {response}\n"
TWO = FRONT.format(turns=2) + "Make it {adjective}: {response}\n+++\nNow make it {adjective} and short.\n"
CONFIG = """
[teachers.gpt]
provider = "openai"
model = "gpt-4o"
[recipes]
train = ["improve-human/naive", "improve-human/polite", "improve-llm/polite"]
"""


def write(prompts: Path, text: str, name: str = "polite") -> Path:
    path = prompts / "strategies" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def plan(root: Path, config: str = CONFIG) -> dict[str, PlannedJob]:
    imported = staging.describe(synthetic_dialogues(rows=8), "made.csv", "0" * 64)
    jobs = workspace_graph.plan(WorkspacePaths(root), parse_config(config), imported, {})
    return {f"{job.stage}:{job.name}": job for job in jobs}


def test_a_file_makes_recipes_and_its_changes_concern_their_jobs_alone(tmp_path: Path) -> None:
    without = plan(tmp_path, CONFIG.replace(', "improve-human/polite", "improve-llm/polite"', ""))
    write(tmp_path / "prompts", ONE)
    before = plan(tmp_path)
    assert {name: before[name] for name in without} == without
    settings = before["generate:improve-human/polite"].settings
    assert isinstance(settings, GenerateSettings)
    assert (settings.turns, settings.original) == (("Make it polite: {response}",), "human")
    write(tmp_path / "prompts", ONE.replace("polite:", "very polite:"))
    after = plan(tmp_path)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {name for name in before if name.endswith("/polite")}
    # Another that nobody uses, and that is invalid, changes nothing.
    write(tmp_path / "prompts", "nothing", "other")
    assert plan(tmp_path) == after


def test_turns_follow_each_other_with_the_definition(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    found = own_strategies.load(tmp_path, "polite", Definition(name="x", adjective="polite", text="…"))
    assert found.turns == ("Make it polite: {response}", "Now make it polite and short.")
    sets = strategies.response_sets_of("improve-llm", "polite", ("one", "two"))
    last = sets["improve-llm/polite"]
    assert last.turns == ("one", "two")
    assert last.inputs == {"original": "improve-llm/initial", "turn-1": "improve-llm/polite/turn-1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Make it polite", r"line 1: the file begins with a line \+\+\+"),
        ("+++\nturns = 1\n", "line 1: the front matter has no end"),
        ("+++\n\nturns =\n+++\nx", r"not valid TOML: .*line 3"),
        (ONE.replace("turns", "turn"), r"line 3: unknown key 'turn'\. Did you mean 'turns'\?"),
        (ONE.replace('"improve-llm"', '"improve-lm"'), r"line 2: methods: .* Did you mean 'improve-llm'\?"),
        (ONE.replace("1", '"one"', 1), "line 3: .*Expected `int`"),
        (ONE.replace("1", "2", 1), "turns = 2, but the file has 1"),
        (ONE.replace("{response}", "{respones}"), r"line 6: unknown field \{respones\}\. Did you mean 'resp"),
        (ONE.replace("{response}", "{utterance} {response}"), r"line 6: .*\{utterance\} is not in needs"),
        (ONE.replace("{response}", "it"), r"needs has 'response', but no turn has \{response\}"),
        (ONE.replace("+++\nMake", "+++\n\n+++\nMake"), "line 6: the turn is empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=f"{re.escape(str(path))}.*{message}"):
        own_strategies.load(tmp_path, "polite", Definition())


def test_all_errors_are_named_at_once(tmp_path: Path) -> None:
    text = ONE.replace("turns", "turn").replace('"improve-llm"', '"improve-lm"')
    write(tmp_path, text.replace("{response}", "{respones}\n{nothing}"))
    with pytest.raises(UserError) as caught:
        own_strategies.load(tmp_path, "polite", Definition())
    assert [line.partition(": line ")[2][:20] for line in str(caught.value).splitlines()] == [
        "3: unknown key 'turn",
        "2: methods: unknown ",
        "6: unknown field {re",
        "7: unknown field {no",
    ]


def test_names_stay_in_the_folder(tmp_path: Path) -> None:
    for name in ("../judge", "a/b", "", ".hidden", "naive", "initial", "combined", "judge"):
        with pytest.raises(
            UserError, match=r"is not a name for a strategy|is a (strategy|prompt) of the program"
        ):
            own_strategies.file(tmp_path, name)
    outside = tmp_path / "elsewhere.txt"
    outside.write_text(ONE)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "polite.txt").symlink_to(outside)
    with pytest.raises(UserError, match="is a link that leads elsewhere"):
        own_strategies.load(tmp_path, "polite", Definition())


def test_another_definition_is_in_the_prompts_and_its_strategies_are_checked(tmp_path: Path) -> None:
    table = '\n[definition]\nname = "politeness"\nadjective = "polite"\ntext = "Politeness is regard."\n'
    polite = Definition(name="politeness", adjective="polite", text="Politeness is regard.")
    judge = templates.load("judge", None, polite)
    assert judge.startswith("Politeness is regard.\n\nIn a conversation")
    assert "of higher polite quality" in judge
    assert "empath" not in judge.lower()
    assert "empath" not in templates.load("student", None, polite).lower()
    assert "empath" not in templates.load("naive", None, polite).lower()
    only_naive = CONFIG.replace(', "improve-human/polite", "improve-llm/polite"', "")
    assert plan(tmp_path, only_naive + table) != plan(tmp_path, only_naive)
    with pytest.raises(UserError, match=r"improve-human/cognitive is about dimensions of empathy"):
        plan(tmp_path, CONFIG.replace("naive", "cognitive") + table)
    with pytest.raises(UserError, match=r"definition\.text: is missing"):
        parse_config('[definition]\nname = "politeness"\n')


def test_a_strategy_goes_from_its_file_to_examples(tmp_path: Path) -> None:
    write(tmp_path / "study" / "prompts", TWO)
    with loopback.running() as api:
        made = TeacherWorkspace(tmp_path / "study", api.url, ["improve-human/polite"], mode="live")
        made.run()
    assert set(made.states()) == {
        "generate:improve-human/polite/turn-1",
        "generate:improve-human/polite",
        "recipe:improve-human/polite",
    }
    with made.open() as opened:
        listed = {recipe.name for recipe in opened.data.recipes()}
    assert {"improve-human/polite", "improve-llm/polite"} <= listed
    assert made.result("recipe:improve-human/polite")["sft_examples"] > 0


def test_a_recipe_counts_what_it_has_made(tmp_path: Path) -> None:
    with loopback.running() as api:
        api.faults.content = lambda text: "say:I hear you, and I am here for you."
        made = TeacherWorkspace(tmp_path / "study", api.url, ("improve-human/naive",))
        config = made.workspace.config
        config.write_text(config.read_text().replace("[slots]", 'leave_out = ["duplicate"]\n[slots]'))
        with made.open() as opened:
            before = next(one for one in opened.data.recipes() if one.name == "improve-human/naive")
        made.run("recipe")
    result = made.result("recipe:improve-human/naive")
    with made.open() as opened:
        after = next(one for one in opened.data.recipes() if one.name == "improve-human/naive")
    assert (after.sft_examples, after.preference_pairs) == (
        result["sft_examples"],
        result["preference_pairs"],
    )
    left_out = after.flawed_left_out
    assert (before.sft_examples or 0) + (before.preference_pairs or 0) > left_out > 0
    assert (after.sft_examples or 0) < (before.sft_examples or 0)
    words = f"{left_out} responses with a flaw, {left_out} of them left out: duplicate {left_out}"
    assert words in Program(made.workspace.root)("recipes", COLUMNS="150").out
