"""[rungs]: which jobs follow from it, what it leaves as it was, and what is said of mistakes in it."""

from __future__ import annotations

from collections import Counter

import pytest

from core.config.load import InvalidConfigError, parse_config
from core.domain.jobs import rungs
from core.domain.jobs.results import RungPlace, RungResult
from core.domain.names import RunName, is_of_rung
from core.jobs.inputs import ImportedDialogues, JobOutput, JobResult
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import PREVIOUS, RecipeSettings, RungSettings
from core.pipeline.planning import job_targets
from core.services.pipeline import rung_chances
from tests.pipeline.planning.test_planner import BASE, plan

RUNGS = "[rungs]\nexamples = [4, 16]\n"


def planned(text: str = RUNGS, base: str = BASE) -> dict[str, PlannedJob]:
    """`stage:name` → the job, of a configuration with these rungs."""
    return {f"{job.stage}:{job.name}": job for job in plan(parse_config(base + text))}


def names(jobs: dict[str, PlannedJob], ids: tuple[str, ...]) -> set[str]:
    """The `stage:name` of these jobs."""
    return {name for name, job in jobs.items() if job.id in ids}


def test_jobs_of_all_examples_are_those_without_rungs() -> None:
    before, after = planned(""), planned()
    assert before == planned("[rungs]\nreduction_factor = 2\n")
    for name, job in before.items():
        found = after[name]
        assert (found.id, found.fingerprint, found.inputs) == (job.id, job.fingerprint, job.inputs)
        assert rungs.work_of(found.id, found.depends_on) == job.depends_on
    assert all(
        job.stage in ("holdout", "rung") or "examples=" in name or "held-out" in name
        for name, job in after.items()
        if name not in before
    )


def test_the_jobs_of_a_rung() -> None:
    jobs = planned()
    stages = Counter(job.stage for name, job in jobs.items() if name not in planned(""))
    # Two students, two recipes, two rungs; each student's responses to the dialogues held out.
    assert stages == Counter(
        **{"holdout": 1, "recipe": 4, "sft": 8, "sft-dpo": 8, "compare": 16, "rung": 8, "respond": 2 + 16}
    )
    second = jobs["sft:tiny/direct/chatgpt/sft/examples=16"]
    assert names(jobs, rungs.gates(second.id, second.depends_on)) == {"rung:tiny/sft/examples=4"}
    whole = jobs["sft:tiny/direct/chatgpt/sft"]
    assert names(jobs, rungs.gates(whole.id, whole.depends_on)) == {"rung:tiny/sft/examples=16"}


def test_dpo_follows_the_last_rung_of_sft_which_has_not_seen_what_rungs_are_decided_on() -> None:
    jobs = planned()
    for examples in (4, 16):
        dpo = jobs[f"sft-dpo:tiny/direct/chatgpt/sft-dpo/examples={examples}"]
        adapter = dpo.inputs["adapter"]
        assert adapter == JobOutput(jobs["sft:tiny/direct/chatgpt/sft/examples=16"].id, "adapter")
    whole = jobs["sft-dpo:tiny/direct/chatgpt/sft-dpo"]
    assert whole.inputs["adapter"] == JobOutput(jobs["sft:tiny/direct/chatgpt/sft"].id, "adapter")
    rung = jobs["rung:tiny/sft-dpo/examples=4"]
    assert rung.inputs[PREVIOUS] == JobResult(jobs["rung:tiny/sft/examples=16"].id)


def test_nothing_of_a_rung_reads_the_test_split() -> None:
    jobs = planned()
    held_out = JobOutput(jobs["holdout:rungs"].id, "dialogues")
    for name, job in jobs.items():
        is_small = job.name != job.settings.recipe if isinstance(job.settings, RecipeSettings) else None
        if is_small or is_of_rung(job.name.partition(" vs ")[0]) or "examples=" in name:
            assert job.inputs.get("dialogues", held_out) == held_out, name
        elif job.stage not in ("holdout", "rung"):
            assert isinstance(job.inputs["dialogues"], ImportedDialogues), name


def test_a_rung_reads_the_comparisons_of_its_runs_alone() -> None:
    jobs = planned("[rungs]\nexamples = [4]\n[grid]\nseeds = [1, 2]\n")
    rung = jobs["rung:tiny/sft/examples=4"]
    assert isinstance(rung.settings, RungSettings)
    assert len(rung.settings.runs) == 4
    assert {str(run.over_rungs) for run in map(RunName.parse, rung.settings.runs) if run} == {
        "tiny/direct/chatgpt/sft",
        "tiny/direct/all_together/sft",
    }
    read = [jobs_read.job for jobs_read in rung.inputs.values() if isinstance(jobs_read, JobResult)]
    assert all("tiny/held-out vs tiny/" in name for name in names(jobs, tuple(read)))
    assert len(read) == 4


def test_dpo_of_a_rung_trains_on_filtered_pairs_too() -> None:
    """Each filter reads the pairs of the rung's own recipe, and no dialogue of the test split."""
    base = BASE.replace("[recipes]", '[recipes]\nfilter_judge = "embedded"', 1)
    assert base != BASE
    jobs, held_out = planned(base=base), JobOutput(planned(base=base)["holdout:rungs"].id, "dialogues")
    for examples in ("", "/examples=4", "/examples=16"):
        made, kept = (jobs[f"{stage}:direct/chatgpt{examples}"] for stage in ("recipe", "filter"))
        assert kept.inputs["preferences"] == JobOutput(made.id, "preferences")
        assert (kept.inputs["dialogues"] == held_out) == bool(examples)
        run = jobs[f"sft-dpo:tiny/direct/chatgpt/sft-dpo{examples}"]
        assert run.inputs["preferences"] == JobOutput(kept.id, "preferences")
        tuned = jobs[f"sft:tiny/direct/chatgpt/sft{examples}"]
        assert tuned.inputs["examples"] == JobOutput(made.id, "sft")


def test_a_stage_of_one_run_has_no_rungs() -> None:
    one = BASE.replace(', "direct/all_together"', "")
    assert planned(base=one) == planned("", base=one)
    # DPO has two runs, on top of a small SFT run that nothing compares.
    jobs = planned(f"{RUNGS}[grid.dpo]\nbeta = [0.1, 0.3]\n", base=one)
    assert {name for name in jobs if name.startswith("rung:tiny")} == {
        "rung:tiny/sft-dpo/examples=4",
        "rung:tiny/sft-dpo/examples=16",
    }
    small = [name for name in jobs if name.startswith("sft:tiny") and "examples" in name]
    assert small == ["sft:tiny/direct/chatgpt/sft/examples=16"]


def test_another_recipe_changes_decisions_and_no_run() -> None:
    more = BASE.replace('"direct/all_together"', '"direct/all_together", "direct/llama"')
    before, after = planned(), planned(base=more)
    changed = {name for name, job in before.items() if after[name].id != job.id}
    assert changed == {name for name in before if name.startswith("rung:")}


@pytest.mark.parametrize(
    "changed", ["reduction_factor = 2", "seed = 1", "held_out = 10", "examples = [4, 8]"]
)
def test_a_setting_of_rungs_changes_no_run_on_all_examples(changed: str) -> None:
    key = changed.partition(" ")[0]
    kept = "" if key == "examples" else "examples = [4, 16]\n"
    after = planned(f"[rungs]\n{kept}{changed}\n")
    before = planned()
    assert any(before[name].id != after[name].id for name in before if name in after)
    for name, job in planned("").items():
        assert after[name].id == job.id


def test_a_run_that_is_named_waits_for_no_rung() -> None:
    jobs = planned()
    found = job_targets.resolve(tuple(jobs.values()), ["sft:tiny/direct/chatgpt/sft"])
    assert {f"{job.stage}:{job.name}" for job in found} == {
        "recipe:direct/chatgpt",
        "sft:tiny/direct/chatgpt/sft",
    }
    of_stage = {job.stage for job in job_targets.resolve(tuple(jobs.values()), ["sft"])}
    assert "rung" in of_stage
    # A rung needs those before it, which stop what they stop.
    rung = job_targets.resolve(tuple(jobs.values()), ["rung:tiny/sft/examples=16"])
    assert jobs["rung:tiny/sft/examples=4"] in rung
    assert not job_targets.whatever_rungs_decide(tuple(jobs.values()), ["rung:tiny/sft/examples=16"])


def test_how_many_are_expected() -> None:
    grid = "[grid.sft]\nlearning_rate = [1e-5, 2e-5]\n"
    jobs = planned(f"[rungs]\nexamples = [4, 16]\nreduction_factor = 2\n{grid}")
    chances = rung_chances.of_jobs(tuple(jobs.values()), {})
    run = "tiny/direct/chatgpt"
    shares = {
        f"sft:{run}/sft/sft.learning_rate=1e-05,examples=4": 1,
        f"sft:{run}/sft/sft.learning_rate=1e-05,examples=16": 1 / 2,
        f"compare:tiny/held-out vs {run}/sft/sft.learning_rate=1e-05,examples=16 @ embedded": 1 / 2,
        f"sft:{run}/sft/sft.learning_rate=1e-05": 1 / 4,
        f"sft-dpo:{run}/sft-dpo/sft.learning_rate=1e-05,examples=4": 1 / 4,
        f"sft-dpo:{run}/sft-dpo/sft.learning_rate=1e-05": 1 / 4,
        f"compare:tiny vs {run}/sft-dpo/sft.learning_rate=1e-05 @ embedded": 1 / 4,
        "rung:tiny/sft-dpo/examples=16": 1,
        "recipe:direct/chatgpt": 1,
    }
    assert {name: chances[jobs[name].id] for name in shares} == shares


def test_as_many_jobs_are_left_out_of_an_eta_as_will_stop() -> None:
    grid = "[grid.sft]\nlearning_rate = [1e-5, 2e-5]\n"
    jobs = planned(f"[rungs]\nexamples = [4, 16]\nreduction_factor = 2\n{grid}")
    chances = rung_chances.of_jobs(tuple(jobs.values()), {})
    before = names(jobs, tuple(rung_chances.stopping(tuple(jobs.values()), {})))
    for kind, count in {
        "sft:tiny/": 2 + 3,
        "sft-dpo:tiny/": 3 + 3 + 3,
        "compare:tiny/held-out vs tiny/": 2 + 3 + 3,
        "compare:tiny vs tiny/": 3 + 3,
        "rung:": 0,
        "recipe:": 0,
    }.items():
        assert sum(name.startswith(kind) for name in before) == count, kind
        left = sum(chances[job.id] for name, job in jobs.items() if name.startswith(kind))
        assert left + count == sum(name.startswith(kind) for name in jobs), kind
    # Once a rung is decided, those that it stops are known.
    rung = jobs["rung:tiny/sft/examples=4"]
    assert isinstance(rung.settings, RungSettings)
    last = [str(run.over_rungs) for run in map(RunName.parse, rung.settings.runs) if run][-2:]
    places = tuple(RungPlace(run=run, win_rate=0.5, promoted=True) for run in last)
    decided = {rung.id: RungResult(rung=1, examples=4, places=places)}
    after = names(jobs, tuple(rung_chances.stopping(tuple(jobs.values()), decided)))
    assert {f"sft:{run},examples=16" for run in last}.isdisjoint(after)
    assert sum(name.startswith("sft:tiny/") for name in after) == 2 + 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("examples = [16, 4]", "rungs.examples: 4 does not exceed 16"),
        ("examples = [4, 4]", "rungs.examples: 4 does not exceed 4"),
        ("examples = [0]", "rungs.examples"),
        ("examples = 4", "rungs.examples: expected list"),
        ("examples = [4]\nreduction_factor = 1", "rungs.reduction_factor"),
        ("examples = [4]\nheld_out = 0", "rungs.held_out"),
        ("examples = [4]\njudge = 'embeded'", "there is no judge 'embeded'; did you mean embedded?"),
        ("example = [4]", "there is no such option in [rungs]; did you mean examples"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, said: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        planned(f"[rungs]\n{text}\n")
    assert said in str(caught.value)


def test_rungs_are_smaller_than_the_whole() -> None:
    limited = BASE.replace("[recipes]", "[recipes]\nsft_limit = 16")
    with pytest.raises(InvalidConfigError, match=r"has 16 examples, and a whole run recipes.sft_limit = 16"):
        planned(base=limited)
    no_judge = BASE.replace('[judges.embedded]\nprovider = "embedded"\n', "")
    with pytest.raises(InvalidConfigError, match="no judge to decide rungs"):
        planned(base=no_judge)
