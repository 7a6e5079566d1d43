"""What moves a judge, and whether it does as well as a person, in words."""

from __future__ import annotations

from core.domain.evaluation.bias_models import BiasEffect, BiasModel
from core.domain.evaluation.human_evaluation import AnnotatorTest, VoterTest
from tui.screens.win_rates.metrics import annotator_metrics, bias_metrics


def test_position_length_and_strength_are_in_one_table() -> None:
    effects = (
        BiasEffect("position", None, 0.4, 0.2, 0.6),
        BiasEffect("length", None, None, None, None),
        BiasEffect("strength", "run", 1.0, 0.5, 1.5),
    )
    model = BiasModel("gpt", 250, 500, effects, ("lengths do not differ",))
    title, missing, position, length, strength = bias_metrics.rows(model, [("base", "run")])
    assert title.heading
    assert "500 verdicts on 250 dialogues" in title.note
    assert (missing.warns, missing.note) == (True, "lengths do not differ")
    assert (position.value, position.interval) == ("+0.40", "+0.20 – +0.60")
    assert position.note == "position: the first response is named in 60 %, at equal length and strength"
    assert (length.value, length.interval) == ("—", "")
    assert (strength.name, strength.behind) == ("run", (("base", "run"),))
    assert "wins 73 % against the mean responder" in strength.note


def test_what_is_missing_for_the_annotator_test_is_said() -> None:
    passed = AnnotatorTest(
        "gpt", 0.1, (VoterTest("ann", 40, 0.9, 0.7, 0.001, is_as_good=True),), 1.0, 0.9, True, None
    )
    few = AnnotatorTest("own", 0.1, (), None, None, None, "needs 3 voters")
    title, found, voter, missing = annotator_metrics.rows([passed, few])
    assert title.heading
    assert (found.value, found.warns, found.n) == ("passed", False, 1)
    assert (voter.name, voter.value) == ("  in place of ann", "90.0 %")
    assert "who does so on 70 %; p = 0.001: as good" in voter.note
    assert (missing.value, missing.note) == ("—", "needs 3 voters")
    assert list(annotator_metrics.rows([])) == []
