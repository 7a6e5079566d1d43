"""The keys of the training screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui.navigation.bindings import verb

KEYS: tuple[BindingType, ...] = (
    Binding(
        "space,asterisk",
        "mark",
        "Mark",
        id="training.mark",
        key_display="space",
        tooltip="Keep this run's curves in the charts, or remove them",
    ),
    Binding("v", "table", "Table", id="training.table", tooltip="Show all runs in a table, or the charts"),
    Binding("u", "unmark", "Unmark", id="training.unmark", show=False, tooltip="Unmark all runs"),
    Binding("m", "metric(1)", "Metric", id="training.metric", tooltip="Next metric"),
    Binding(
        "M",
        "metric(-1)",
        "Previous metric",
        id="training.metric_back",
        show=False,
        tooltip="Previous metric",
    ),
    Binding(
        "enter",
        "layout",
        "One or grid",
        show=False,
        id="training.layout",
        tooltip="One large chart, or a grid of all",
    ),
    Binding(
        "z",
        "full",
        "Zoom",
        id="training.full",
        # All keys have room at 80 columns without it.
        show=False,
        tooltip="Maximize one chart, or restore the layout",
    ),
    Binding(
        "right_square_bracket",
        "panel(1)",
        "Panel",
        key_display="]",
        id="training.panel",
        tooltip="Next page: metrics, settings, samples, log",
    ),
    Binding(
        "left_square_bracket",
        "panel(-1)",
        "Previous page",
        id="training.panel_back",
        key_display="[",
        show=False,
        tooltip="Previous page of the panel",
    ),
    Binding(
        "left,h",
        "move(-1, 0)",
        "Cursor",
        id="training.left",
        key_display="←→",
        show=False,
        tooltip="Move the cursor left or right; right of the last step it follows the run",
    ),
    Binding(
        "right,l",
        "move(1, 0)",
        "Cursor right",
        id="training.right",
        show=False,
        tooltip="Move the cursor right",
    ),
    Binding(
        "shift+left,H",
        "move(-1, 10)",
        "Cursor far left",
        id="training.far_left",
        show=False,
        tooltip="Move the cursor left by a tenth of the visible range",
    ),
    Binding(
        "shift+right,L",
        "move(1, 10)",
        "Cursor far right",
        id="training.far_right",
        show=False,
        tooltip="Move the cursor right by a tenth of the visible range",
    ),
    Binding(
        "plus,equals_sign",
        "closer(0.5)",
        "Zoom in",
        id="training.closer",
        key_display="+",
        show=False,
        tooltip="Show half of the axis, around the cursor",
    ),
    Binding(
        "minus",
        "closer(2)",
        "Zoom out",
        id="training.farther",
        key_display="-",
        show=False,
        tooltip="Show twice as much of the axis",
    ),
    Binding("0", "whole", "Whole axis", id="training.whole", show=False, tooltip="Show the whole axis"),
    Binding(
        "Y",
        "log_scale",
        "Log scale",
        id="training.log_scale",
        show=False,
        tooltip="Logarithmic or linear y axis",
    ),
    Binding(
        "w",
        "smooth(1)",
        "Smooth",
        id="training.smooth",
        show=False,
        tooltip="Smooth more: moving average with weights 0.6 to 0.99",
    ),
    Binding("W", "smooth(-1)", "Smooth less", id="training.smooth_less", show=False, tooltip="Smooth less"),
    Binding("s", "axis", "X axis", id="training.axis", show=False, tooltip="Steps, time or epochs"),
    Binding(
        "tab",
        "app.focus_next",
        "List or panel",
        id="training.focus",
        show=False,
        tooltip="Move the focus between list and panel",
    ),
    verb("related", "log", title="Log", id="training.log", tooltip="Open the run's log"),
    Binding(
        "down,j",
        "run(1)",
        "Next run",
        id="training.next_run",
        show=False,
        tooltip="Next run while the list is hidden",
    ),
    Binding(
        "up,k",
        "run(-1)",
        "Previous run",
        id="training.run_before",
        show=False,
        tooltip="Previous run",
    ),
)

#: Actions on charts, which the table hides.
ON_CHARTS = frozenset(
    {
        *("metric", "layout", "full", "panel", "move", "closer", "whole", "log_scale", "smooth", "axis"),
        *("log", "run"),
    }
)
