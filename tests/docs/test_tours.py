"""What a recording of a tour shows, by which `--check` finds outdated ones."""

from __future__ import annotations

import json

from docs.generator import tours


def recording(*frames: tuple[float, str]) -> str:
    header = {"version": 2, "width": 50, "height": 4}
    return "\n".join(json.dumps(row) for row in (header, *([at, "o", text] for at, text in frames)))


def test_words_are_those_of_screens_that_stand() -> None:
    shown = recording(
        (0.0, "\x1b[1;1H\x1b[0;1m1 job\x1b[0m waiting, ETA 3m"),
        (2.0, "\x1b[1;1Hpasses quickly          "),
        (2.1, "\x1b[1;1H12 jobs done            \x1b[4;1H╰── some-host ─╯"),
        (4.5, "\x1b[2;1Hthen  ▌ ✓ sft is over after 1s"),
        (6.5, "\x1b[3;1H╰── some-│ a dialog │host ─╯"),
    )
    assert tours.words(shown) == {"job", "waiting", "jobs", "done", "then", "dialog"}


def test_every_tour_has_a_recording_that_shows_what_its_steps_wait_for() -> None:
    for name, tour in tours.TOURS.items():
        found = tours.words((tours.FOLDER / f"{name}.cast").read_text(encoding="utf-8"))
        wanted = {word for step in tour.steps for word in tours.WORD.findall(step.shows)}
        assert wanted <= found, f"{name} is outdated"
