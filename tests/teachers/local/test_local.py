"""A teacher that is loaded into the worker itself."""

from __future__ import annotations

from pathlib import Path

from core.students.models import loading
from tests.support.processes.forking import preload
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

preload(
    "core.recipes.recipe_job",
    "core.teachers.generate_job",
    "core.students.decoding.generation",
    into="models",
)

NAIVE = "generate:improve-human/naive"
CONFIG = """
[teachers.here]
provider = "local"
model = "{model}"
max_output_tokens = 90
max_left_out = 0.7
[recipes]
train = ["improve-human/naive"]
[runs]
device = "cpu"
"""


def test_a_recipe_from_a_local_model(tmp_path: Path) -> None:
    study = TeacherWorkspace(
        tmp_path, "http://nowhere.invalid", dialogues=synthetic_dialogues(rows=3), loaded="models"
    )
    study.workspace.config.write_text(CONFIG.format(model=loading.EMBEDDED))
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    answered = study.answers()
    assert answered
    assert all(0 < len(line["text"].split()) <= 97 for line in answered)
    (submission,) = study.open().spending.submissions()
    assert (submission.mode, submission.state, submission.collected) == ("local", "completed", True)
    # What it said is kept: the same work asks for nothing again.
    found = dict(study.query("SELECT key, text FROM answers WHERE outcome = 'ok'"))
    assert {line["text"] for line in answered} == set(found.values())
