"""The imported data: its dialogues, statistics, recipes and prompts, and the responses to one dialogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.config.schema import Config
from core.dialogues.files import response_file
from core.domain.data.dialogues import Dialogue, ImportedData
from core.domain.data.recipes import Recipe
from core.domain.errors import UserError, did_you_mean
from core.domain.jobs.job import Job
from core.domain.jobs.results import FilterResult, RecipeResult
from core.recipes import catalog, own_strategies, strategies
from core.services.pipeline.reader import PipelineReader
from core.services.workspace_state import WorkspaceState
from core.store import connections
from core.store.dialogues import dialogue_queries
from core.store.jobs import job_records

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.dialogues.statistics import Statistics
    from core.domain.data.dialogue_pages import Response
    from core.judging.dropped_pairs import DroppedPair
    from core.recipes.examples import PreferencePair
    from core.recipes.flaws import FlawedResponse
    from core.services.data.dialogue_browser import DialogueBrowser
    from core.services.data.prompts import Prompt


class DataReader:
    """Reads the imported data of a workspace.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader) -> None:
        self._state = state
        self._pipeline = pipeline

    def imported(self) -> ImportedData | None:
        """File, hashes and sources of the imported data; None if nothing is imported."""
        return self._state.imported()

    def config(self) -> tuple[Config | None, str | None]:
        """The configuration (None if it is missing or invalid), and the error if it is invalid."""
        return self._state.config()

    def dialogues(self) -> list[Dialogue]:
        """All imported dialogues, in the file's order."""
        return self._state.data()[1]

    def each_dialogue(self) -> Iterator[Dialogue]:
        """The imported dialogues one by one, in the file's order."""
        connection = self._state.connection()
        if connection is not None:
            with connections.snapshot(connection):
                yield from dialogue_queries.each_dialogue(connection)

    @cached_property
    def browser(self) -> DialogueBrowser:
        """Reads single dialogues, and pages of filtered and sorted ones."""
        from core.services.data.dialogue_browser import DialogueBrowser

        return DialogueBrowser(self._state)

    def statistics(self) -> Statistics | None:
        """Statistics of the imported data; None if nothing is imported."""
        imported, connection = self._state.imported(), self._state.connection()
        if imported is None or connection is None:
            return None
        from core.services.data import statistics

        return self._state.remember("statistics", imported, lambda: statistics.of_data(connection, imported))

    def recipes(self) -> tuple[Recipe, ...]:
        """All recipes that are possible with the imported data, and how many examples and pairs each yields.

        For a recipe with a teacher these are the numbers if the teacher answers every request.
        """
        config, _ = self._state.config()
        imported, train = self._state.imported(), self._state.train_ratings()
        if imported is None:
            return ()
        config = config or Config()
        settings = config.recipes
        own = own_strategies.recipes(own_strategies.valid(self._state.paths.prompts, config.definition))

        jobs = self._pipeline.snapshot().jobs
        made = {
            job.name: job.result for job in jobs if job.in_config and isinstance(job.result, RecipeResult)
        }
        judge = settings.filter_judge
        filtered = {
            job.name: job.result.by(judge)
            for job in jobs
            if job.in_config and isinstance(job.result, FilterResult) and judge is not None
        }

        def count() -> tuple[Recipe, ...]:
            found = []
            for name in catalog.available(imported, own):
                _, examples, pairs = catalog.counts(train, name, settings)
                found.append(Recipe(name, catalog.method(name), examples, pairs))
            return tuple(found)

        counted = self._state.remember("recipes", (imported, settings, own), count)
        found = []
        for recipe in counted:
            result = made.get(recipe.name)
            if result is not None and result.flaws is not None:
                # What its teacher wrote decides how many there are.
                recipe = replace(
                    recipe,
                    sft_examples=result.sft_examples,
                    preference_pairs=result.preference_pairs,
                    flaws=result.flaws,
                    flawed_left_out=result.flawed_left_out,
                )
            found.append(replace(recipe, filtered=filtered.get(recipe.name)))
        return tuple(found)

    def flawed_responses(self, recipe: str) -> list[FlawedResponse]:
        """The teacher's responses with a flaw that a recipe's job has found.

        Raises:
            UserError: There is no such recipe, or it is not made, or needs no teacher.
        """
        from core.recipes import flaws

        jobs = self._pipeline.snapshot().jobs
        job = next((job for job in jobs if job.stage == "recipe" and job.name == recipe), None)
        result = None if job is None else job.result
        if job is None or not isinstance(result, RecipeResult):
            raise UserError(self._why_not_made(recipe))
        if result.flaws is None:
            raise UserError(f"{recipe} was not checked for flaws: it needs no teacher, or is older")
        connection = self._state.connection()
        output = None if connection is None else job_records.artifact(connection, job.id, "flaws")
        return [] if output is None else flaws.read(self._state.paths.inside(output[0]))

    def dropped_pairs(self, recipe: str) -> list[DroppedPair]:
        """The preference pairs of a recipe that the judge of `recipes.filter_judge` drops.

        Raises:
            UserError: There is no such recipe, no judge filters pairs, or it has not filtered these.
        """
        from core.judging import dropped_pairs

        job = self._filters().get(recipe)
        if job is None:
            config, _ = self._state.config()
            if config is not None and config.recipes.filter_judge is None:
                raise UserError("no judge filters preference pairs: set recipes.filter_judge in config.toml")
            raise UserError(self._why_not_made(recipe))
        path = self._output(job, "dropped")
        return [] if path is None else dropped_pairs.read(path)

    def kept_pairs(self, recipe: str) -> list[PreferencePair] | None:
        """The preference pairs of a recipe that a judge keeps; None if no judge filters them.

        Raises:
            UserError: It has not filtered them yet.
        """
        from core.recipes import examples
        from core.recipes.examples import PreferencePair

        job = self._filters().get(recipe)
        path = None if job is None else self._output(job, "preferences")
        return None if path is None else list(examples.read(path, PreferencePair))

    def _filters(self) -> dict[str, Job]:
        """Recipe → the job that filters its pairs, if config.toml has one."""
        jobs = self._pipeline.snapshot().jobs
        return {job.name: job for job in jobs if job.stage == "filter" and job.in_config}

    def _output(self, job: Job, name: str) -> Path | None:
        """A file that a filter's job has written, if it has one. Raises `UserError` if it is not done."""
        if job.result is None:
            raise UserError(
                f"the pairs of {job.name} are not filtered: run `empathy-tui run filter:{job.name}`"
            )
        connection = self._state.connection()
        output = None if connection is None else job_records.artifact(connection, job.id, name)
        return None if output is None else self._state.paths.inside(output[0])

    def _why_not_made(self, recipe: str) -> str:
        names = [known.name for known in self.recipes()]
        if recipe in names:
            return f"the recipe {recipe} is not made: run `empathy-tui run recipe:{recipe}`"
        hint = did_you_mean(recipe, names)
        return f"there is no recipe {recipe!r}.{hint} `empathy-tui recipes` lists all"

    def improved_responses(self, recipe: str) -> list[dict[str, str]] | None:
        """The sets of teacher responses that a recipe combines.

        Returns:
            One set per strategy, each dialogue id → response; None until all sets are generated.
        """

        nodes = self._state.nodes()
        connection = self._state.connection()
        ids = {node.name: node.id for node in nodes if node.stage == "generate"}
        found = []
        for response_set in strategies.needs(recipe).values():
            job = ids.get(response_set)
            output = (
                None
                if connection is None or job is None
                else job_records.artifact(connection, job, "answers")
            )
            path = None if output is None else self._state.paths.inside(output[0])
            if path is None or not path.exists():
                return None
            found.append(response_file.read(path))
        return found

    def responses(self, dialog_id: str) -> tuple[Response, ...]:
        """The responses of all responders to a dialogue, each with its outcome against every baseline.

        Base students, runs and teachers come first, in the configuration's order, then the data's sources.
        """
        from core.services.data import dialogue_browser

        connection = self._state.connection()
        if connection is None:
            return ()
        config, _ = self._state.config()
        teachers = () if config is None else config.teachers
        return dialogue_browser.responses(connection, self._pipeline.snapshot().jobs, teachers, dialog_id)

    def prompt_conversation(self, name: str, dialogue: Dialogue | None) -> tuple[tuple[str, str], ...]:
        """The turns (role, text) in which a template is used; without a dialogue, the template itself.

        Raises:
            UserError: The template is unknown or invalid.
        """
        from core.services.data.prompts import prompt_conversation

        config, _ = self._state.config()
        definition = (config or Config()).definition
        return prompt_conversation(name, self._state.paths.prompts, dialogue, definition)

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompt templates, with the workspace's overrides."""
        from core.services.data.prompts import prompts

        config, _ = self._state.config()
        return prompts(self._state.paths.prompts, (config or Config()).definition)
