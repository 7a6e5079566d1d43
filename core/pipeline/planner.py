"""The graph of jobs that follows from config.toml, the imported data and the prompts.

Every node's fingerprint is known before anything runs: the hash of its stage's code version, its
settings, and the fingerprints of what it reads. The same fingerprint means the same work, so a job
that is done under it is never done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from core.config.schema import Config, Teacher, Training
from core.domain.dependencies import dependencies_of
from core.domain.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs import Slot
from core.domain.names import RUN_STAGES, ComparisonName, JobName, RunName
from core.jobs import files
from core.recipes import catalog, strategies
from core.teachers.identity import identity

#: Raise a stage's number when its outputs change for the same settings and inputs.
CODE_VERSIONS = {
    "teach": 1,
    "recipe": 1,
    "sft": 1,
    "sft-dpo": 1,
    "respond": 1,
    "judge": 1,
    "calibrate": 1,
    "compare": 3,
}

STAGES = tuple(CODE_VERSIONS)

#: Training arguments that watch a run and do not change what it yields.
_WATCHING = {
    "logging_steps",
    "save_steps",
    "save_total_limit",
    "report_to",
    "sample_steps",
    "sample_dialogues",
}


@dataclass(frozen=True)
class Node:
    """A job that the configuration asks for.

    `inputs` maps an input's name to `data:<hash>` (all dialogues), or to `<job id>/<artifact>`.
    """

    id: str
    stage: str
    name: str
    fingerprint: str
    slot: Slot
    settings: dict[str, Any]
    inputs: dict[str, str]
    depends_on: tuple[str, ...]


def plan(
    config: Config,
    data: ImportedData,
    prompt: Callable[[str], str],
    local_slot: Slot,
    calibrate: Mapping[str, int] | None = None,
) -> tuple[Node, ...]:
    """All jobs of the configuration, each after those that it depends on.

    `prompt` gives a template's text by its name. `local_slot` is where jobs with a local model run.
    `calibrate` names judges that are to be held against people, and on how many pairs. Raises
    `UserError` when the configuration names a recipe, student, teacher or responder that does not exist,
    or `calibrate` a judge that cannot be asked.
    """
    return _Planner(config, data, prompt, local_slot).plan(calibrate or {})


def judge_settings(
    config: Config, data: ImportedData, prompt: Callable[[str], str], local_slot: Slot, judge: str
) -> dict[str, Any]:
    """What the jobs of a judge that is asked have in their settings of it, apart from how it is reached."""
    settings, _ = _Planner(config, data, prompt, local_slot)._asked_judge(judge)
    return _decisive(settings)


def resolve(nodes: Sequence[Node], targets: Sequence[str]) -> tuple[Node, ...]:
    """The nodes that `targets` name, with all that they depend on; all nodes for no target.

    A target is a job's id, a stage, or a job's name (also only its beginning, up to a `/`).
    Raises `UserError` for a target that names nothing.
    """
    if not targets:
        return tuple(nodes)
    wanted: set[str] = set()
    for target in targets:
        named = [n.id for n in nodes if _names(target, n)]
        if not named:
            known = [*dict.fromkeys(n.stage for n in nodes), *dict.fromkeys(n.name for n in nodes)]
            close = get_close_matches(target, known, n=3, cutoff=0.4) or known[:8]
            raise UserError(f"nothing in the pipeline is called {target!r}. Near it: {', '.join(close)}")
        wanted.update(named)
    wanted |= dependencies_of(nodes, wanted)
    return tuple(node for node in nodes if node.id in wanted)


def find(jobs: Iterable[tuple[str, str, str]], wanted: str) -> str:
    """The id of the one job, of (id, stage, name), that `wanted` names: an id, its beginning,
    `stage:name`, or a name that only one job has. Raises `UserError` otherwise."""
    jobs = list(jobs)
    for test in (
        lambda job: wanted == job[0],
        lambda job: JobName.parse(wanted) == JobName(job[1], job[2]),
        lambda job: wanted == job[2],
        lambda job: job[0].startswith(wanted),
    ):
        found = [job for job in jobs if test(job)]
        if len(found) == 1:
            return found[0][0]
        if found:
            names = ", ".join(job[0] for job in found[:6])
            raise UserError(f"{wanted!r} names {len(found)} jobs: {names}. Name one by its id.")
    raise UserError(f"there is no job {wanted!r}: `empathy-tui status` lists them")


def _names(target: str, node: Node) -> bool:
    return target in (
        node.id,
        node.stage,
        node.name,
        str(JobName(node.stage, node.name)),
    ) or node.name.startswith(f"{target}/")


class _Planner:
    def __init__(
        self, config: Config, data: ImportedData, prompt: Callable[[str], str], local_slot: Slot
    ) -> None:
        self.config = config
        self.data = data
        self.prompt = prompt
        #: Teach job's name → its node.
        self.taught: dict[str, Node] = {}
        self.local_slot = local_slot
        self.nodes: dict[str, Node] = {}
        self.dialogues = {"dialogues": f"data:{data.data}"}
        #: Responder name → the job that answers, or None for a source in the data.
        self.responders: dict[str, Node | None] = {}
        self.responders.update(dict.fromkeys((catalog.HUMAN, *data.sources)))

    def plan(self, calibrate: Mapping[str, int]) -> tuple[Node, ...]:
        config = self.config
        judges = {
            name: self._judge(name) if judge.provider == "embedded" else None
            for name, judge in config.judges.items()
        }
        recipes = {name: self._recipe(name) for name in dict.fromkeys(config.recipes.train)}
        pairs: list[tuple[str, str]] = []
        for student in config.students:
            if student in self.responders:
                raise UserError(f"students.{student}: the data has a source of that name; choose another")
            self.responders[student] = self._respond(student, student, None)
            for recipe, node in recipes.items():
                for run in self._runs(student, recipe, node):
                    if config.comparisons.baseline:
                        pairs.append((student, run))
        for extra in config.comparisons.extra:
            for responder in (extra.a, extra.b):
                if responder in config.teachers and responder not in self.responders:
                    self.responders[responder] = self._respond_teacher(responder)
                if responder not in self.responders:
                    known = ", ".join(dict.fromkeys((*self.responders, *config.teachers)))
                    raise UserError(
                        f"comparisons.extra: no responder is called {responder!r}. There are: {known}"
                    )
            pairs.append((extra.a, extra.b))
        for name, judge in judges.items():
            for a, b in dict.fromkeys(pairs):
                self._compare(a, b, name, judge)
        for name, count in calibrate.items():
            self._calibrate(name, count)
        return tuple(self.nodes.values())

    def _recipe(self, name: str) -> Node:
        catalog.check(name, self.data.sources)
        recipes = self.config.recipes
        settings: dict[str, Any] = {
            "recipe": name,
            "sft_limit": recipes.sft_limit,
            "preference_limit": recipes.preference_limit,
            "seed": recipes.seed,
            "prompt": self.prompt("student"),
        }
        if catalog.method(name) == "direct":
            settings["pairing"] = recipes.pairing
        else:
            settings |= {
                "improve_llm_sft": recipes.improve_llm_sft,
                "improve_llm_seed": recipes.improve_llm_seed,
            }
        inputs = dict(self.dialogues)
        for input_name, taught in strategies.needs(name).items():
            inputs[input_name] = f"{self._teach(taught, name).id}/answers"
        return self._add("recipe", name, "cpu", settings, inputs, [self.data.train])

    def _teach(self, name: str, recipe: str) -> Node:
        """The job that gets a set of answers from the teacher, after those that it builds on."""
        if name in self.taught:
            return self.taught[name]
        wanted = strategies.TAUGHT[name]
        teacher = self._teacher(recipe)
        inputs = dict(self.dialogues)
        for input_name, earlier in wanted.inputs.items():
            inputs[input_name] = f"{self._teach(earlier, recipe).id}/answers"
        asking, slot = self._asking(teacher)
        settings = asking | {
            "turns": [self.prompt(turn) for turn in wanted.turns],
            "original": wanted.original,
            "max_left_out": teacher.max_left_out,
        }
        self.taught[name] = self._add("teach", name, slot, settings, inputs, [self.data.train])
        return self.taught[name]

    def _asking(self, teacher: Teacher) -> tuple[dict[str, Any], Slot]:
        """The settings of a job that asks a large model, and its slot."""
        price = self.config.prices.models.get(teacher.model)
        settings: dict[str, Any] = {
            "identity": identity(teacher),
            "reach": {
                # Of a judge that which it has in common with a teacher.
                "teacher": {
                    name: msgspec.to_builtins(getattr(teacher, name)) for name in Teacher.__struct_fields__
                },
                "price": None if price is None else msgspec.to_builtins(price),
                "budget_usd": self.config.spending.budget_usd,
            },
        }
        if teacher.provider == "local":
            place = {"device": self.config.runs.device, "dtype": self.config.runs.dtype}
            return settings | place, self.local_slot
        return settings, "batch" if teacher.mode == "batch" else "api"

    def _teacher(self, recipe: str) -> Teacher:
        teachers, chosen = self.config.teachers, self.config.recipes.teacher
        if chosen is not None:
            return teachers[chosen]
        if len(teachers) == 1:
            return next(iter(teachers.values()))
        if not teachers:
            raise UserError(f"the recipe {recipe} asks a teacher, and there is none: add [teachers.NAME]")
        raise UserError(f"recipes.teacher: say which one {recipe} asks: {', '.join(teachers)}")

    def _judge(self, name: str) -> Node:
        settings = {"judge": {"provider": self.config.judges[name].provider}}
        return self._add("judge", name, "cpu", settings, dict(self.dialogues), [self.data.train])

    def _runs(self, student: str, recipe: str, examples: Node) -> list[str]:
        """Add the run of each stage and its responder; the responders' names."""
        names = []
        adapter: Node | None = None
        recipe_name = catalog.parse(recipe)
        for stage in RUN_STAGES:
            if stage not in self.config.runs.stages:
                continue
            training: Training = self.config.sft if stage == "sft" else self.config.dpo
            settings = self._student(student) | {
                "lora": msgspec.to_builtins(self.config.lora),
                "training": msgspec.to_builtins(training),
                "run": {"student": student, "recipe": recipe, "stage": stage},
            }
            inputs = dict(self.dialogues)
            if adapter is None:
                inputs["examples"] = f"{examples.id}/sft"
            else:
                inputs |= {"preferences": f"{examples.id}/preferences", "adapter": f"{adapter.id}/adapter"}
            name = str(RunName(student, recipe_name, stage))
            adapter = self._add(stage, name, self.local_slot, settings, inputs, [])
            self.responders[name] = self._respond(name, student, adapter)
            names.append(name)
        return names

    def _respond(self, name: str, student: str, run: Node | None) -> Node:
        settings = self._student(student) | {"responding": msgspec.to_builtins(self.config.responding)}
        inputs = dict(self.dialogues)
        if run is not None:
            inputs["adapter"] = f"{run.id}/adapter"
        return self._add("respond", name, self.local_slot, settings, inputs, [self.data.test])

    def _respond_teacher(self, name: str) -> Node:
        """A teacher that answers the test split, with the prompt that every responder gets."""
        asking, slot = self._asking(self.config.teachers[name])
        settings = asking | {"prompt": self.prompt("student")}
        return self._add("respond", name, slot, settings, dict(self.dialogues), [self.data.test])

    def _compare(self, a: str, b: str, judge: str, embedded: Node | None) -> Node:
        """`embedded` is the node that fits the judge, None for one that is asked."""
        settings: dict[str, Any] = {"a": a, "b": b, "judge": {"name": judge, "provider": "embedded"}}
        inputs = dict(self.dialogues)
        slot: Slot = "cpu"
        if embedded is not None:
            inputs["judge"] = f"{embedded.id}/judge"
        else:
            of_judge, slot = self._asked_judge(judge)
            settings |= of_judge
        for side, responder in (("a", a), ("b", b)):
            node = self.responders[responder]
            if node is not None:
                inputs[side] = f"{node.id}/responses"
        return self._add(
            "compare", str(ComparisonName(a, b, judge)), slot, settings, inputs, [self.data.test]
        )

    def _calibrate(self, judge: str, pairs: int) -> Node:
        """The job that asks a judge about pairs of which people said which one is better."""
        known = self.config.judges
        if judge not in known:
            raise UserError(f"no judge is called {judge!r}; there are: {', '.join(known) or 'none'}")
        if known[judge].provider == "embedded":
            raise UserError(
                f"{judge} is embedded: its agreement with people is measured as it is trained, on the pairs "
                "of held-out dialogues"
            )
        of_judge, slot = self._asked_judge(judge)
        return self._add(
            "calibrate", judge, slot, of_judge | {"pairs": pairs}, dict(self.dialogues), [self.data.train]
        )

    def _asked_judge(self, name: str) -> tuple[dict[str, Any], Slot]:
        """What a job's settings say of a judge that is asked, and the job's slot."""
        judge = self.config.judges[name]
        asking, slot = self._asking(judge)
        what = {"name": name, "provider": judge.provider, "swap": judge.swap, "repeats": judge.repeats}
        return asking | {"judge": what, "prompt": self.prompt("judge")}, slot

    def _student(self, student: str) -> dict[str, Any]:
        settings = self.config.students[student]
        template = None if settings.chat_template is None else Path(settings.chat_template)
        return {
            "student": msgspec.to_builtins(settings),
            # Its text makes the prompts, so a change in it is a change of the work.
            "chat_template_sha256": files.sha256(template) if template and template.is_file() else None,
            "prompt": self.prompt("student"),
            "device": self.config.runs.device,
            "dtype": self.config.runs.dtype,
        }

    def _add(
        self,
        stage: str,
        name: str,
        slot: Slot,
        settings: dict[str, Any],
        inputs: dict[str, str],
        data: list[str],
    ) -> Node:
        """Add a node that reads, beside its inputs, those parts of the data whose hashes are `data`."""
        outputs = {key: ref.partition("/") for key, ref in inputs.items() if not ref.startswith("data:")}
        depends_on = tuple(dict.fromkeys(job for job, _, _ in outputs.values()))
        read = {key: [self.nodes[job].fingerprint, artifact] for key, (job, _, artifact) in outputs.items()}
        fingerprint = _hash(
            {
                "stage": stage,
                "version": CODE_VERSIONS[stage],
                "name": name,
                "settings": _decisive(settings),
                "inputs": read,
                "data": data,
            }
        )
        node = Node(
            f"{stage}-{fingerprint[:10]}", stage, name, fingerprint, slot, settings, inputs, depends_on
        )
        self.nodes[node.id] = node
        return node


def _decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that only watch, or say how a teacher is reached and paid."""
    decisive = {key: value for key, value in settings.items() if key != "reach"}
    if "training" in decisive:
        training = decisive["training"]
        decisive["training"] = {k: v for k, v in training.items() if k not in _WATCHING}
    return decisive


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
