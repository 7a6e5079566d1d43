"""The graph: what follows from a configuration, and what a change to it makes anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.load import parse_config
from core.config.schema import Config
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.jobs.fingerprinted_settings import fingerprinted
from core.jobs.inputs import ImportedDialogues, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import CompareSettings, FilterSettings
from core.jobs.stages import STAGES
from core.pipeline.planning import job_targets, planner

BASE = """
[students.tiny]
model = "embedded/smollm2-135m-instruct"
[students.other]
model = "somebody/some-model"
[recipes]
train = ["direct/chatgpt", "direct/all_together"]
[judges.embedded]
provider = "embedded"
[[comparisons.extra]]
a = "human"
b = "tiny/direct/chatgpt/sft"
"""
IMPORTED = ImportedData("all", "train", "test", ("chatgpt", "llama"), "some.csv", "0" * 64)
CONFIG = parse_config(BASE)


def plan(
    config: Config = CONFIG, imported: ImportedData = IMPORTED, prompt: str = "a prompt"
) -> tuple[PlannedJob, ...]:
    return planner.plan(config, imported, lambda name: f"{name}: {prompt}", "cpu")


def with_table(table: str, **changes: object) -> Config:
    """CONFIG with some keys of one table changed."""
    settings = msgspec.to_builtins(CONFIG)
    settings[table].update(changes)
    return msgspec.convert(settings, Config)


def changed(nodes: tuple[PlannedJob, ...]) -> set[str]:
    """The `stage:name` of the nodes that the base graph does not have under that id."""
    before = {node.id for node in plan()}
    return {f"{node.stage}:{node.name}" for node in nodes if node.id not in before}


def test_what_is_off_by_default_leaves_the_fingerprints_of_judges_as_they_were() -> None:
    def fingerprints(more: str = "") -> dict[str, str]:
        judge = f'[judges.gpt]\nprovider = "openai"\nmodel = "gpt-4o"\n{more}\n'
        return {
            node.name: node.fingerprint
            for node in plan(parse_config(BASE + judge))
            if node.stage == "compare" and node.name.endswith("@ gpt")
        }

    off = fingerprints()
    assert fingerprints("dimensions = false\nstructured_output = false") == off
    compared = next(
        node.settings
        for node in plan(parse_config(f'{BASE}[judges.gpt]\nprovider = "openai"\nmodel = "gpt-4o"\n'))
        if isinstance(node.settings, CompareSettings) and node.name.endswith("@ gpt")
    )
    hashed = fingerprinted(compared)
    # A version that did not have these fields hashed the rest.
    for part in (hashed, hashed["judge"]):
        assert isinstance(part, dict)
        assert not {"dimensions", "structured_output", "stop"} & part.keys()
    for more in ("dimensions = true", "structured_output = true", 'stop = "decided"'):
        on = fingerprints(more)
        assert on.keys() == off.keys()
        assert not set(on.values()) & set(off.values()), more


def all_of(*stages: str, where: Callable[[PlannedJob], bool] = lambda node: True) -> set[str]:
    return {f"{node.stage}:{node.name}" for node in plan() if node.stage in stages and where(node)}


def of_runs(node: PlannedJob) -> bool:
    return "/" in node.name


def test_every_job_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for node in plan():
        assert set(node.depends_on) <= seen, node.name
        read = {read.job for read in node.inputs.values() if isinstance(read, JobOutput)}
        assert set(node.depends_on) == read
        seen.add(node.id)


def test_the_graph_of_two_students_and_two_recipes() -> None:
    stages = [node.stage for node in plan()]
    assert {stage: stages.count(stage) for stage in STAGES} == {
        "generate": 0,
        "holdout": 0,
        "recipe": 2,
        "filter": 0,
        "sft": 4,
        "sft-dpo": 4,
        "respond": 10,
        "judge": 1,
        "validate": 0,
        "compare": 9,
        "rung": 0,
    }
    assert len({node.id for node in plan()}) == len({node.fingerprint for node in plan()}) == len(stages)


def test_the_same_is_the_same() -> None:
    assert plan() == plan(parse_config(BASE))


def test_defaults_may_be_written_out() -> None:
    """Also as other numbers of the same value, such as 3 for 3.0."""
    settings = msgspec.to_builtins(CONFIG)
    for table in ("sft", "dpo"):
        for key, value in settings[table].items():
            if isinstance(value, float) and value.is_integer():
                settings[table][key] = int(value)
    assert plan(msgspec.convert(settings, Config)) == plan()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "logging_steps": st.integers(1, 99),
            "save_steps": st.integers(1, 99),
            "save_total_limit": st.integers(1, 9),
            "report_to": st.lists(st.sampled_from(["tensorboard", "wandb"]), max_size=2),
            "sample_steps": st.integers(1, 99),
            "sample_dialogues": st.integers(0, 9),
        },
    )
)
def test_what_only_watches_changes_nothing(settings: dict[str, object]) -> None:
    for table in ("sft", "dpo"):
        assert changed(plan(with_table(table, **settings))) == set()


@given(
    st.dictionaries(
        st.sampled_from(["learning_rate", "num_train_epochs", "weight_decay", "max_grad_norm"]),
        st.floats(0.125, 0.25),
        min_size=1,
    )
)
def test_what_decides_changes_its_stage_and_all_behind_it(settings: dict[str, object]) -> None:
    assert changed(plan(with_table("sft", **settings))) == all_of("sft", "sft-dpo") | all_of(
        "respond", "compare", where=of_runs
    )
    assert changed(plan(with_table("dpo", **settings))) == all_of("sft-dpo") | all_of(
        "respond", "compare", where=lambda node: "/sft-dpo" in node.name
    )


def test_the_rank_touches_every_run_and_no_recipe() -> None:
    expected = all_of("sft", "sft-dpo") | all_of("respond", "compare", where=of_runs)
    assert changed(plan(with_table("lora", r=16))) == expected


def test_the_number_of_gpus_touches_every_run_and_how_they_share_a_model_none() -> None:
    def planned(more: str, students: str = "") -> tuple[PlannedJob, ...]:
        text = BASE.replace("[students.other]", f"{students}\n[students.other]")
        config = parse_config(f"{text}[slots]\ngpu = 4\n[runs]\n{more}\n")
        return planner.plan(config, IMPORTED, lambda name: f"{name}: a prompt", "gpu")

    runs = all_of("sft", "sft-dpo")
    behind = all_of("respond", "compare", where=of_runs)
    assert changed(planned("gpus_per_run = 1")) == set()
    assert changed(planned('distributed = "fsdp"')) == set()
    two = planned("gpus_per_run = 2")
    assert changed(two) == runs | behind
    assert {node.id for node in planned("gpus_per_run = 2\nnodes_per_run = 2")} == {node.id for node in two}
    assert {node.id for node in planned('gpus_per_run = 2\ndistributed = "fsdp"')} == {
        node.id for node in two
    }
    assert {node.places for node in two if f"{node.stage}:{node.name}" in runs} == {2}
    assert {node.places for node in two if f"{node.stage}:{node.name}" not in runs} == {1}
    # Of one student alone.
    own = planned("", "gpus_per_run = 4")
    assert {node.places for node in own if node.name.startswith("tiny/") and node.stage == "sft"} == {4}
    assert changed(own) == {name for name in runs | behind if "tiny/direct" in name}
    with pytest.raises(UserError, match="gpus_per_run: is 2, and this machine has no GPU"):
        plan(parse_config(f"{BASE}[slots]\ngpu = 2\n[runs]\ngpus_per_run = 2\n"))


def test_decoding_touches_answers_and_comparisons_only() -> None:
    assert changed(plan(with_table("responding", max_new_tokens=9))) == all_of("respond", "compare")


def test_pairing_touches_recipes_and_all_runs_but_no_judge() -> None:
    expected = all_of("recipe", "sft", "sft-dpo") | all_of("respond", "compare", where=of_runs)
    assert changed(plan(with_table("recipes", pairing="reference-code"))) == expected


def test_a_filter_of_pairs_touches_dpo_and_what_is_behind_it() -> None:
    filtered = plan(with_table("recipes", filter_judge="embedded"))
    dpo = all_of("sft-dpo") | all_of("respond", "compare", where=lambda node: "/sft-dpo" in node.name)
    filters = {f"filter:{node.name}" for node in plan() if node.stage == "recipe"}
    assert changed(filtered) == dpo | filters
    for node in filtered:
        read = {name: one.job for name, one in node.inputs.items() if isinstance(one, JobOutput)}
        if node.stage == "sft-dpo":
            assert read["preferences"].startswith("filter-")
        if node.stage == "filter":
            assert {name: job.partition("-")[0] for name, job in read.items()} == {
                "preferences": "recipe",
                "judge": "judge",
            }


def test_a_judge_of_pairs_alone_compares_nothing() -> None:
    judges = '[judges.pairs]\nprovider = "openai"\nmodel = "gpt-4o"\ncomparisons = false\n'
    base = BASE.replace("[recipes]", '[recipes]\nfilter_judge = "pairs"', 1)
    nodes = plan(parse_config(base + judges))
    assert {node.name.rpartition(" @ ")[2] for node in nodes if node.stage == "compare"} == {"embedded"}
    asked = {node.settings.judge.name for node in nodes if isinstance(node.settings, FilterSettings)}
    assert asked == {"pairs"}


def test_slots_and_other_comparisons_touch_nothing() -> None:
    assert changed(plan(with_table("slots", cpu=7))) == set()
    fewer = with_table("comparisons", baseline=False)
    assert changed(plan(fewer)) == set()
    assert len(plan(fewer)) == len(plan()) - 8


def test_another_prompt_touches_all_but_judges() -> None:
    assert changed(plan(prompt="another")) == all_of("recipe", "sft", "sft-dpo", "respond", "compare")


def test_another_test_split_leaves_recipes_and_runs_alone() -> None:
    imported = msgspec.structs.replace(IMPORTED, data="all2", test="test2")
    assert changed(plan(imported=imported)) == all_of("respond", "compare")
    assert {node.inputs["dialogues"] for node in plan(imported=imported)} == {ImportedDialogues("all2")}


def test_another_train_split_leaves_only_base_students_alone() -> None:
    imported = msgspec.structs.replace(IMPORTED, data="all2", train="train2")
    base = all_of("respond", where=lambda node: not of_runs(node))
    assert changed(plan(imported=imported)) == all_of(*STAGES) - base


def test_another_name_of_the_file_changes_nothing() -> None:
    imported = msgspec.structs.replace(IMPORTED, file="other.csv", file_sha256="1" * 64)
    assert plan(imported=imported) == plan()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE.replace("direct/chatgpt", "direct/chatgtp"), "Did you mean 'direct/chatgpt'"),
        (BASE.replace("[students.other]", "[students.llama]"), "a source of that name"),
        (BASE.replace('"human"', '"humans"'), "no responder is named 'humans'"),
    ],
)
def test_names_that_do_not_exist_are_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(parse_config(text))


def test_recipes_and_judges_that_need_ratings_are_refused_without() -> None:
    unrated = msgspec.structs.replace(IMPORTED, rated=False)
    student = '[students.a]\nmodel = "x"\n'
    for text, message in (
        ('[recipes]\ntrain = ["direct/chatgpt"]', "direct/chatgpt is not available: .*ratings.*improve-llm"),
        ('[recipes]\ntrain = []\n[judges.e]\nprovider = "embedded"', "judges.e: .*learns from ratings"),
    ):
        with pytest.raises(UserError, match=message):
            plan(parse_config(student + text), unrated)


@given(st.sets(st.sampled_from([node.id for node in plan()]), min_size=1))
def test_targets_bring_what_they_need_and_no_more(targets: set[str]) -> None:
    nodes = plan()
    found = job_targets.resolve(nodes, sorted(targets))
    ids = {node.id for node in found}
    assert targets <= ids
    assert all(set(node.depends_on) <= ids for node in found)
    needed = targets.union(*(node.depends_on for node in found))
    assert ids == needed
    assert [node for node in nodes if node.id in ids] == list(found)


def test_targets_by_stage_name_and_beginning_of_a_name() -> None:
    nodes = plan()
    assert job_targets.resolve(nodes, []) == nodes
    assert {node.stage for node in job_targets.resolve(nodes, ["recipe"])} == {"recipe"}
    by_beginning = {node.name for node in job_targets.resolve(nodes, ["tiny/direct/chatgpt"])}
    assert by_beginning == {
        "direct/chatgpt",
        "tiny/direct/chatgpt/sft",
        "tiny/direct/chatgpt/sft-dpo",
    }
    with pytest.raises(UserError, match=r"'tiny/direct/chat'.*tiny/direct/chatgpt"):
        job_targets.resolve(nodes, ["tiny/direct/chat"])
    with pytest.raises(
        UserError, match=r"recipes.train .* does not have 'improve-llm/naive'; it has: direct/chatgpt"
    ):
        job_targets.resolve(nodes, ["recipe:improve-llm/naive"])
    with pytest.raises(UserError, match="defines no job of the stage 'generate'"):
        job_targets.resolve(nodes, ["generate"])
    with pytest.raises(UserError, match="Similar names: none"):
        job_targets.resolve([], ["tiny"])


def test_a_job_is_found_by_whatever_names_it_alone() -> None:
    jobs = [(node.id, node.stage, node.name) for node in plan()]
    sft = next(node for node in plan() if node.stage == "sft")
    assert job_targets.find(jobs, sft.id) == sft.id
    assert job_targets.find(jobs, sft.id[:-2]) == sft.id
    assert job_targets.find(jobs, f"sft:{sft.name}") == sft.id
    assert job_targets.find(jobs, "embedded") == next(job for job, stage, _ in jobs if stage == "judge")
    with pytest.raises(UserError, match="names 2 jobs"):
        job_targets.find(jobs, sft.name)
    with pytest.raises(UserError, match="there is no job"):
        job_targets.find(jobs, "nonsense")
    with pytest.raises(UserError, match=f"Did you mean 'sft:{sft.name}'"):
        job_targets.find(jobs, f"stf:{sft.name}")


def test_a_node_is_what_its_fingerprint_says() -> None:
    """Two nodes of one id differ at most in what the fingerprint leaves open."""
    watched = {node.id: node for node in plan(with_table("sft", save_steps=3))}
    for node in plan():
        other = watched[node.id]
        assert replace(other, settings=node.settings) == node
