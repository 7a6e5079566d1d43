"""Training: every run, its live curve, its latest figures, and what the student answers meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui import format as figures
from tui import state
from tui.screens.base import RoomScreen
from tui.text import visible
from tui.theme import shade
from tui.widgets.curve import Curve
from tui.widgets.keyed_table import Column, KeyedTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.api import Job, MetricPoint, Reader, SampleAnswer, Snapshot

STAGES = ("sft", "sft-dpo")
#: What `m` goes through first, under TRL's names; then whatever else the run logs.
_FIRST = ("loss", "rewards/margins", "rewards/accuracies", "learning_rate", "grad_norm", "tokens_per_second")
#: Figures that only count along with the steps.
_COUNTERS = ("epoch", "num_tokens")

_Seen = tuple[str, int, "Sequence[MetricPoint]", "Sequence[SampleAnswer]"]


class TrainingScreen(RoomScreen):
    """Runs above; the selected one's curve, figures and answers below."""

    ROOM = "training"
    ABOUT = "Fine-tuning runs with their live figures, under TRL's names."
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "metric(1)", "Metric", id="training.metric", tooltip="Draw the next figure"),
        Binding("M", "metric(-1)", "Metric back", id="training.metric_back", show=False),
        Binding("a", "answers", "Answers", id="training.answers", tooltip="Sample answers or figures"),
        Binding("enter", "log", "Log", id="training.log", tooltip="Open the run's log"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._run: str | None = None
        self._attempt = 0
        self._points: dict[int, MetricPoint] = {}
        self._samples: Sequence[SampleAnswer] = ()
        self._metric = "loss"
        self._answers = False

    def body(self) -> ComposeResult:
        yield KeyedTable(id="runs")
        yield Static(id="nothing", markup=False)
        with Horizontal(id="below"):
            yield Curve(id="curve")
            with VerticalScroll(id="side", can_focus=False):
                yield Static(id="latest", markup=False)

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False
        self.query_one("#runs").focus()

    def on_resize(self, event: Resize) -> None:
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        runs = [job for job in snapshot.jobs if job.stage in STAGES]
        table, nothing = self.query_one(KeyedTable), self.query_one("#nothing", Static)
        table.display, nothing.display = bool(runs), not runs
        self.query_one("#below").display = bool(runs)
        if not runs:
            nothing.update(
                "There is no run yet. config.toml names students under [students] and recipes under "
                "[recipes]; with data imported, `S` on the pipeline starts everything."
            )
            return
        name = max(16, self.size.width - 13 - 9 - 9 - 8 - 8 - 14)
        table.set_columns(
            [
                Column("state", "state", 13),
                Column("run", "run", name),
                Column("steps", "steps", 9, "right"),
                Column("eta", "left", 8, "right"),
                Column("loss", "loss", 8, "right"),
            ]
        )
        table.put({job.id: self._row(job, name) for job in runs})
        table.styles.height = min(len(runs) + 1, max(4, self.size.height * 2 // 5))
        self._ask()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.row_key.value != self._run:
            self._run, self._points, self._samples = event.row_key.value, {}, ()
            self._draw()
            self._ask()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_log()

    def action_metric(self, by: int) -> None:
        names = self._names()
        if not names:
            self.app.tell("this run has no figures yet")
            return
        at = names.index(self._metric) if self._metric in names else -by
        self._metric = names[(at + by) % len(names)]
        self._draw()

    def action_answers(self) -> None:
        self._answers = not self._answers
        self._draw()

    def action_log(self) -> None:
        job = state.find(self.app.snapshot, self._run)
        if job is None or job.attempt == 0:
            self.app.tell("this run has no log: it has not started yet")
        else:
            self.app.open_log(job.id)

    def step_back(self) -> None:
        if self._answers:
            self.action_answers()
        else:
            super().step_back()

    def _row(self, job: Job, name: int) -> list[Text]:
        muted, look = shade(self.app, "text-muted"), state.look(job)
        steps = figures.UNKNOWN if job.total is None else f"{job.done or 0}/{job.total}"
        loss = (job.result or {}).get("train_loss")
        if job.id == self._run and self._points:
            loss = next((p.values["loss"] for p in reversed(self._ordered()) if "loss" in p.values), loss)
        return [
            Text(f"{look.glyph} {look.word}", shade(self.app, look.colour)),
            Text(figures.shorten(visible(job.name), name)),
            Text(steps, muted),
            Text(figures.duration(job.eta_s) if job.state == "running" else "", muted),
            Text(f"{loss:.4f}" if isinstance(loss, float) else figures.UNKNOWN),
        ]

    def _ask(self) -> None:
        """Ask for the points that are new; for all again when another attempt logs steps anew."""
        run = self._run
        job = state.find(self.app.snapshot, run)
        if run is None or job is None:
            return
        if job.attempt != self._attempt:
            self._attempt, self._points = job.attempt, {}
        after = max(self._points, default=-1)

        def look(reader: Reader) -> _Seen:
            return run, after, reader.metrics(run, after), reader.samples(run)

        self.app.read("training", look, self._receive)

    def _receive(self, seen: _Seen) -> None:
        run, after, points, samples = seen
        if run != self._run or after != max(self._points, default=-1):
            return
        if points or samples != self._samples or not self._points:
            self._points |= {point.step: point for point in points}
            self._samples = samples
            self._draw()

    def _ordered(self) -> list[MetricPoint]:
        return [self._points[step] for step in sorted(self._points)]

    def _names(self) -> list[str]:
        logged = dict.fromkeys(name for point in self._points.values() for name in point.values)
        return [name for name in _FIRST if name in logged] + [
            name for name in logged if name not in _FIRST and name not in _COUNTERS
        ]

    def _draw(self) -> None:
        points = [point for point in self._ordered() if self._metric in point.values]
        values = [point.values[self._metric] for point in points]
        title = self._metric if points else f"{self._metric}: no figures yet"
        self.query_one(Curve).draw(title, [point.step for point in points], values)
        latest = self.query_one("#latest", Static)
        latest.update(self._answer_text() if self._answers else self._figure_text())

    def _figure_text(self) -> Content:
        points = self._ordered()
        if not points:
            return Content.styled("No figures yet: they come with the first optimiser step.", "$text-muted")
        last = points[-1]
        parts = [Content.styled(f"step {last.step}", "bold")]
        for name in [*self._names(), *(name for name in _COUNTERS if name in last.values)]:
            if name in last.values:
                style = "$text-accent" if name == self._metric else "$text-muted"
                parts.append(
                    Content.assemble((f"{visible(name):<22}", style), f" {_figure(last.values[name])}")
                )
        return Content("\n").join(parts)

    def _answer_text(self) -> Content:
        if not self._samples:
            return Content.styled(
                "No sample answers yet: they come every `sample_steps` steps.", "$text-muted"
            )
        parts: list[Content] = []
        for number, sample in enumerate(self._samples):
            if number == 0 or self._samples[number - 1].dialog_id != sample.dialog_id:
                parts.append(Content.styled(visible(sample.utterance, lines=True), "bold"))
            parts.append(
                Content.assemble((f"step {sample.step}  ", "$text-accent"), visible(sample.text, lines=True))
            )
        return Content("\n\n").join(parts)


def _figure(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 0.01 and value else f"{value:,.4f}".rstrip("0").rstrip(".")
