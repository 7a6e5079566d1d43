"""Tables for people: results with their intervals and labels, at any width, whatever the texts contain."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from core.api import DialogueCounts, Job, Pair, Snapshot, SupervisorStatus, Verdict, WinRate
from core.domain.jobs.results import Result
from tests.support.records import made_results
from tui.cli.output.evaluation.learned import learned, print_learned
from tui.cli.output.evaluation.pairs import print_pairs
from tui.cli.output.evaluation.win_rates import print_win_rates
from tui.cli.output.pipeline import jobs
from tui.format.jobs import results

KNOWN = WinRate(
    a="smollm2",
    b="smollm2/direct/chatgpt/sft-dpo",
    judge="embedded",
    n=250,
    wins_a=20,
    wins_b=225,
    ties=3,
    invalid=2,
    win_rate_b=0.906,
    ci_low=0.857,
    ci_high=0.931,
    min_win_rate_b=0.906,
    max_win_rate_b=0.914,
    bounds_low=0.863,
    bounds_high=0.943,
    interval="wilson 95 %",
    label="agrees with held-out human ratings on 57 % of pairs (n=400)",
    job="compare-1",
    state="done",
)
UNKNOWN = replace(
    KNOWN,
    b="smollm2/direct/llama/sft",
    n=None,
    wins_a=None,
    wins_b=None,
    ties=None,
    invalid=None,
    win_rate_b=None,
    ci_low=None,
    ci_high=None,
    min_win_rate_b=None,
    max_win_rate_b=None,
    bounds_low=None,
    bounds_high=None,
    interval=None,
    label=None,
    state="running",
)
HOSTILE = "[red]\x1b[2J\u202e:smile:"


def console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)


def printed(made: Console) -> str:
    assert isinstance(made.file, io.StringIO)
    return made.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 10_000])
def test_win_rates_fit_and_say_what_they_are(width: int) -> None:
    to = console(width)
    print_win_rates(to, [KNOWN, UNKNOWN], (), sample=True)
    text = printed(to)
    assert max(map(len, text.splitlines())) <= width
    assert "90.6 %" in text
    assert "85.7–93.1 %" in text
    assert "225/20/3/2" in text
    assert "running" in text, "a win rate that is not known yet is not shown as a number"
    flowing = " ".join(text.split())
    assert "interval: wilson 95 %" in flowing
    assert (
        "2 of 250 dialogues are invalid and left out; with them the win rate would be between 90.6 %"
        in flowing
    )
    assert "and 91.4 % (Imbens–Manski interval 86.3–94.3 %)" in flowing
    assert "agrees with held-out human ratings on 57 % of pairs (n=400)" in flowing
    assert "not research data" in flowing


def test_a_comparison_that_nobody_started_does_not_wait() -> None:
    to = console(200)
    waiting = replace(UNKNOWN, state="waiting")
    print_win_rates(to, [waiting], (), sample=False, unstarted={waiting.job})
    text = printed(to)
    assert "not started" in text
    assert "waiting" not in text


def test_several_judges_are_named_in_each_row() -> None:
    to = console(200)
    valid = replace(KNOWN, invalid=0)
    print_win_rates(to, [valid, replace(valid, judge="other", label="agrees on 61 %")], (), sample=False)
    text = printed(to)
    assert "Judge embedded agrees" in text
    assert "Judge other agrees on 61 %" in text
    assert text.count("other") == 2
    assert "research" not in text


def test_pairs_show_hostile_texts_harmlessly() -> None:
    pair = Pair(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, None, (Verdict("embedded", "ab", "b", HOSTILE),))
    to = console(80)
    print_pairs(to, "human", HOSTILE, [pair, pair], 1)
    text = printed(to)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]␛[2J<U+202E>:smile:" in text
    assert "—" in text, "a response that is not there yet"
    assert "1 of 2 test dialogues" in text


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (made_results.recipe(sft_used=24, preferences_used=12), "24 SFT examples, 12 preference pairs"),
        (made_results.sft(steps=6, train_loss=2.5), "6 steps, mean loss 2.500"),
        (made_results.dpo(steps=6, train_loss=0.5), "6 steps, mean loss 0.500"),
        (
            made_results.recipe(sft_used=24, preferences_used=12, control_tokens=3),
            "24 SFT examples, 12 preference pairs, 3 with control tokens as text",
        ),
        (
            made_results.sft(steps=6, train_loss=2.5, truncated=2, left_out=1),
            "6 steps, mean loss 2.500, 2 examples truncated at max_length, 1 examples left out",
        ),
        (
            made_results.responded(responses=16, cut=0, with_thinking=4),
            "16 responses, 0 of them cut at max_new_tokens, 4 with thinking, which was removed",
        ),
        (
            made_results.responded(responses=16, cut=0, chat_template_notes=("thinking is off", "no date")),
            "16 responses, 0 of them cut at max_new_tokens; thinking is off; no date",
        ),
        (made_results.generated(answers=9), "9 answers"),
        (made_results.generated(answers=9, left_out=1, reused=4), "9 answers, 1 left out, 4 reused"),
        (made_results.responded(responses=16, cut=3), "16 responses, 3 of them cut at max_new_tokens"),
        (made_results.responded(responses=16, cut=None), "16 responses"),
        (made_results.judge(label="agrees"), "agrees"),
        (made_results.validated(), "agrees with people on 57.0 % (50.0 % – 64.0 %)"),
        (
            made_results.compared(win_rate_b=0.5, ci_low=0.25, ci_high=0.75),
            "win rate of b 50.0 % (25.0 % – 75.0 %)",
        ),
        (made_results.compared(win_rate_b=None, ci_low=None, ci_high=None), ""),
        (None, ""),
    ],
)
def test_the_outcome_of_a_job(result: Result | None, words: str) -> None:
    job = Job(
        "x",
        "compare",
        "name",
        "done",
        True,
        None,
        1,
        1,
        None,
        1,
        0.0,
        5.0,
        None,
        "cpu",
        "f",
        (),
        result,
        None,
    )
    assert results.brief(result) == words
    assert jobs.time_taken(job) == "5s"


@pytest.mark.parametrize("width", [80, 200])
def test_the_status_shows_what_failed_beside_a_job(width: int) -> None:
    ran = Job(
        id="sft-1",
        stage="sft",
        name="tiny/direct/chatgpt/sft",
        state="done",
        requested=True,
        reason=None,
        done=6,
        total=6,
        eta_s=None,
        attempt=1,
        started_at=0.0,
        finished_at=5.0,
        error=None,
        slot="cpu",
        fingerprint="f",
        depends_on=(),
        result=made_results.sft(),
        folder=None,
        warnings=(f"no sample answers: {HOSTILE} (2 times)",),
    )
    snapshot = Snapshot(
        version=1,
        workspace="here",
        dialogues=DialogueCounts(2, 1, 1),
        supervisor=SupervisorStatus(running=False, pid=None),
        paused=False,
        slots=(),
        jobs=(ran,),
        config_error=None,
        app=None,
    )
    to = console(width)
    jobs.print_status(to, snapshot)
    text = printed(to)
    assert "sft-1: warning: no sample answers: [red]" in text
    assert "\x1b[2J" not in text


def test_the_demo_claims_what_the_interval_shows() -> None:
    assert learned(KNOWN) == (
        "smollm2/direct/chatgpt/sft-dpo is judged better than smollm2: it wins 90.6 % "
        "(95 % interval 85.7–93.1 %) of 250 dialogues"
    )
    worse = replace(KNOWN, win_rate_b=0.4, ci_low=0.35, ci_high=0.49)
    assert "is judged worse than smollm2" in learned(worse)
    open_question = replace(KNOWN, win_rate_b=0.6, ci_low=0.5, ci_high=0.7)
    assert "is not shown to differ from smollm2" in learned(open_question)


def test_the_demo_says_what_its_judge_is_not() -> None:
    to = console(100)
    print_learned(to, [KNOWN, UNKNOWN, replace(KNOWN, a="human", b="chatgpt")], {"embedded"})
    text = " ".join(printed(to).split())
    assert text.count("- ") == 1, "only a run that has a result learned something"
    assert "Caveat: this is not a judgement by people or by a large language model." in text
    nothing = console(100)
    print_learned(nothing, [UNKNOWN], {"embedded"})
    assert printed(nothing) == ""
