"""A strategy of one's own: from its file to the win rates of the runs that learned from it."""

from __future__ import annotations

from pathlib import Path

from tests import loopback
from tests.cli.conftest import make_program
from tests.loopback import KEY
from tests.support import tiny_student
from tests.support.processes.forking import preload
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces.judged_workspace import longer

preload(
    "core.judging.compare_job",
    "core.recipes.recipe_job",
    "core.responding.respond_job",
    "core.responding.student_job",
    "core.teachers.generate_job",
    "core.teachers.live.sessions",
    "core.teachers.openai.client",
    "core.training.training_job",
    into="models",
)

CONFIG = """
[students.tiny]
model = "{student}"
[teachers.gpt]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
[judges.gpt]
provider = "openai"
base_url = "{url}"
model = "gpt-4o"
[recipes]
train = ["improve-human/polite"]
sft_limit = 4
preference_limit = 4
[runs]
device = "cpu"
[sft]
max_steps = 1
sample_dialogues = 0
[dpo]
max_steps = 1
sample_dialogues = 0
[responding]
max_new_tokens = 8
"""
STRATEGY = """+++
description = "politer"
methods = ["improve-human"]
turns = 1
needs = ["situation", "utterance", "response"]
+++
In this situation: {situation}, somebody said: {utterance}
Make this answer politer: {response}
"""


def test_a_strategy_goes_from_its_file_to_win_rates(tmp_path: Path) -> None:
    student = tiny_student.make(tmp_path / "tiny")
    asked: list[str] = []

    def answer(text: str) -> str | None:
        """A judge prefers the longer response; a teacher says something of its own."""
        asked.append(text)
        return longer(text) if "\nResponse 2: " in text else None

    with loopback.running() as api:
        api.faults.content = answer
        program = make_program(tmp_path / "work", CONFIG.format(student=student, url=api.url))
        program("prompts", "new", "polite")
        (program.root / "prompts/strategies/polite.txt").write_text(STRATEGY)
        program("prompts", "check")
        with supervised(program.root, loaded="models", OPENAI_API_KEY=KEY):
            program("import", synthetic_csv(tmp_path / "made.csv", rows=16))
            program("run", "--wait")
    improved = [text for text in asked if "Make this answer politer: " in text]
    (recipe,) = (one for one in program("recipes", "--json").json if one["name"] == "improve-human/polite")
    assert 0 < recipe["preference_pairs"] <= len(improved)
    rates = program("winrates", "--json").json
    test = program("data", "--json").json["dialogues"]["test"]
    assert [(rate["b"], rate["judge"], rate["n"]) for rate in rates] == [
        (f"tiny/improve-human/polite/{stage}", "gpt", test) for stage in ("sft", "sft-dpo")
    ]
    for rate in rates:
        assert rate["win_rate_b"] is not None
        assert rate["invalid"] == 0
