"""[grid]: which runs follow from it, what they share, and what is said of mistakes in it."""

from __future__ import annotations

from collections import Counter

import pytest

from core.config.load import InvalidConfigError, parse_config
from core.domain.jobs.dependencies import dependents_of
from core.domain.names import ComparisonName, RunName
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import DpoSettings, SftSettings
from core.pipeline.planning import job_targets
from tests.pipeline.planning.test_planner import BASE, plan


def grid(text: str) -> dict[str, PlannedJob]:
    """`stage:name` → the job, of a configuration with this grid."""
    return {f"{job.stage}:{job.name}": job for job in plan(parse_config(f"{BASE}[grid]\n{text}"))}


GRID = """
seeds = [1, 2, 3]
[grid.sft]
learning_rate = [1e-5, 2e-5]
[grid.dpo]
beta = [0.1, 0.3]
"""


def test_one_run_for_each_combination() -> None:
    stages = Counter(job.stage for job in grid(GRID).values())
    # Two students, two recipes.
    assert stages["recipe"] == 2
    assert stages["sft"] == 4 * 2 * 3
    assert stages["sft-dpo"] == 4 * 2 * 2 * 3
    assert stages["respond"] == 2 + stages["sft"] + stages["sft-dpo"]


def test_names_say_what_differs_from_the_tables_and_are_parsed_again() -> None:
    jobs = grid(GRID)
    kinds = SftSettings | DpoSettings
    runs = [(job, job.settings) for job in jobs.values() if isinstance(job.settings, kinds)]
    assert "sft-dpo:tiny/direct/chatgpt/sft-dpo/sft.learning_rate=1e-05,dpo.beta=0.3,seed=2" in jobs
    # beta = 0.1 is that of [dpo].
    assert "sft-dpo:tiny/direct/chatgpt/sft-dpo/sft.learning_rate=1e-05,seed=2" in jobs
    for job, settings in runs:
        name = RunName.parse(job.name)
        assert name is not None
        assert str(name) == job.name
        assert name.seed == f"seed={settings.training.seed}"
        if name.stage == "sft":
            assert dict(name.settings)["sft.learning_rate"] == f"{settings.training.learning_rate:.10g}"


def test_runs_that_differ_in_dpo_alone_continue_from_the_same_adapter() -> None:
    jobs = grid(GRID)
    used: Counter[str] = Counter()
    for job in jobs.values():
        if job.stage == "sft-dpo":
            adapter = job.inputs["adapter"]
            assert isinstance(adapter, JobOutput)
            used[adapter.job] += 1
            before = next(one for one in jobs.values() if one.id == adapter.job)
            assert before.settings.training.seed == job.settings.training.seed  # type: ignore[union-attr]
    assert set(used.values()) == {2}
    assert used.keys() == {job.id for job in jobs.values() if job.stage == "sft"}


def test_what_was_done_without_a_grid_is_done_with_it() -> None:
    before = {job.id for job in plan()}
    assert before <= {job.id for job in grid("seeds = [42, 43]").values()}
    assert before <= {job.id for job in grid("[grid.dpo]\nbeta = [0.1, 0.3]").values()}
    assert before == {job.id for job in grid("").values()}


def test_only_some_students_and_recipes() -> None:
    jobs = grid('seeds = [1, 2]\nstudents = ["tiny"]\nrecipes = ["direct/chatgpt"]')
    runs = sorted(job.name for job in jobs.values() if job.stage == "sft")
    assert runs == [
        *("other/direct/all_together/sft", "other/direct/chatgpt/sft", "tiny/direct/all_together/sft"),
        *("tiny/direct/chatgpt/sft/seed=1", "tiny/direct/chatgpt/sft/seed=2"),
    ]


def test_a_name_without_settings_stands_for_all_of_its_runs() -> None:
    name = "tiny/direct/chatgpt/sft"
    # The comparison needs DPO, and its name begins with the run's.
    extra = f'[[comparisons.extra]]\na = "{name}"\nb = "{name}-dpo"'
    jobs = [*grid(f"seeds = [42, 43]\n{extra}").values()]
    found = {job.name for job in jobs if job.id in job_targets.named(jobs, [name])}
    assert found == {name, f"{name}/seed=43"}
    assert {job.name for job in jobs if job.id in job_targets.named(jobs, [f"sft:{name}"])} == {name}


def test_what_fails_stops_nothing_of_other_seeds() -> None:
    jobs = grid("seeds = [1, 2, 3]")
    failed = jobs["sft:tiny/direct/chatgpt/sft/seed=2"]
    stopped = {job.name for job in jobs.values() if job.id in dependents_of(jobs.values(), [failed.id])}
    runs = {f"tiny/direct/chatgpt/{stage}/seed=2" for stage in ("sft", "sft-dpo")}
    assert stopped == runs | {
        *(f"tiny vs {run} @ embedded" for run in runs),
        "human vs tiny/direct/chatgpt/sft/seed=2 @ embedded",
    }


@pytest.mark.parametrize("seeds", ["[1, 2]", "[42, 43]"])
def test_comparisons_of_runs_meet_the_same_seed(seeds: str) -> None:
    more = '{ a = "tiny/direct/chatgpt/sft", b = "tiny/direct/chatgpt/sft-dpo" }'
    text = BASE.replace('[[comparisons.extra]]\na = "human"\nb = "tiny/direct/chatgpt/sft"', "")
    more += ', { a = "human", b = "tiny/direct/chatgpt/sft" }'
    config = parse_config(f"{text}[comparisons]\nbaseline = false\nextra = [{more}]\n[grid]\nseeds = {seeds}")
    names = [ComparisonName.parse(job.name) for job in plan(config) if job.stage == "compare"]
    assert len(names) == 4
    for name in names[:2]:
        one, other = RunName.parse(name.a), RunName.parse(name.b)
        assert one is not None
        assert other is not None
        assert (one.seed, one.stage, other.stage) == (other.seed, "sft", "sft-dpo")
    assert [name.a for name in names[2:]] == ["human", "human"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = [1, 1]", "line 14: grid.seeds: lists 1 twice"),
        ("seeds = ['a']", "expected list of integers, 0 to 4,294,967,295, got a string"),
        ("seeds = [-1]", "expected list of integers, 0 to 4,294,967,295"),
        ("seed = [1]", "grid.seed: there is no such option in [grid]; did you mean seeds"),
        ("students = ['tinny']", "grid.students: there is no student named 'tinny'; did you mean tiny?"),
        ("recipes = ['direct/llama']", "there is no recipe in recipes.train named 'direct/llama'"),
        (
            "[grid.sft]\nlearning_rte = [1]",
            "line 15: grid.sft.learning_rte: there is no such option in [sft]; did",
        ),
        ("[grid.sft]\nlearning_rate = [0]", "grid.sft.learning_rate: 0 is no value of sft.learning_rate"),
        ("[grid.sft]\nlearning_rate = 1e-5", "expected list of values, got a number with a fraction"),
        ("[grid.sft]\nlearning_rate = []", "lists no value"),
        (
            "[grid.sft]\nearly_stopping_patience = [1]",
            "grid.sft.early_stopping_patience: there is no evaluation",
        ),
        ("[grid.dpo]\noptim = ['adm']", "grid.dpo.optim: Transformers has no optimizer 'adm'"),
        ("[grid.dpo]\nbeta = [0.1, 0.10]", "lists 0.1 twice"),
        ("[grid.lora]\nr = [8, 'x']", "'x' is no value of lora.r"),
        ("[grid.lora]\ninit_lora_weights = ['odd']", "grid.lora.init_lora_weights: 'odd' is none of"),
        ("[runs]\nlora = false\n[grid.lora]\nr = [8]", "grid.lora: runs.lora = false trains no adapters"),
        ("[grid.sfft]\nr = [1]", "did you mean sft"),
        ("seeds = [1]\n[grid.sft]\nseed = [1]", "grid.sft.seed: grid.seeds sets it too"),
        (f"seeds = {list(range(1001))}", "grid: makes 1,001 runs of each student and recipe"),
    ],
)
def test_mistakes_are_named_with_their_place_and_what_was_probably_meant(text: str, said: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        grid(text)
    assert said in str(caught.value)
