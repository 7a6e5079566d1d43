"""A recipe of the scene that docs are drawn from, with responses of its teacher that have flaws."""

from __future__ import annotations

from contextlib import closing

from core.config.workspace import WorkspacePaths
from core.domain.jobs.results import RecipeResult
from core.jobs import files
from core.jobs.records import Artifact
from core.recipes import flaws
from core.recipes.flaws import FlawedResponse
from core.store import connections
from core.store.jobs import job_attempts, job_records, jobs

RECIPE = "improve-human/naive"
_RESPONSES = (
    FlawedResponse("answers", "hit:26_conv:53", "refusal", True, "I'm sorry, but I cannot help with that."),
    FlawedResponse(
        "answers",
        "hit:31_conv:63",
        "meta_talk",
        False,
        "Here is an improved response that shows affective empathy:\n\nThat must have been so frightening.",
    ),
    FlawedResponse("answers", "hit:77_conv:154", "unchanged", False, "Oh no! What did you do then?"),
)


def write(workspace: WorkspacePaths) -> None:
    """Give the recipe's finished job these responses."""
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        row = connection.execute(
            "SELECT id FROM jobs WHERE stage = 'recipe' AND name = ?", (RECIPE,)
        ).fetchone()
        job = str(row["id"])
        file = workspace.attempt(job, 1) / "flaws.jsonl"
        flaws.write(file, _RESPONSES)
        made = Artifact("flaws", file.name, files.sha256(file), file.stat().st_size)
        folder = file.parent.relative_to(workspace.root).as_posix()
        attempt = job_attempts.Attempt(job, 1, folder, "done", pid=None, host=None, seq=0, offset=0)
        job_records.put_artifact(connection, attempt, made)
        result = RecipeResult(
            sft_examples=52,
            preference_pairs=31,
            sft_used=52,
            preferences_used=31,
            left_out=0,
            flaws={one.flaw: 1 for one in _RESPONSES},
            flawed_left_out=1,
        )
        jobs.set_state(connection, job, "done", result=result)
