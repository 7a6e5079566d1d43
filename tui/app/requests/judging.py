"""Votes on any two responders, and the validation of a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tui.app.requests import actions
from tui.format.evaluation import human_votes
from tui.navigation.messages import OpenBallot
from tui.runtime.login import login_name

if TYPE_CHECKING:
    from tui.navigation.host import HostApp

#: How many pairs a judge is validated on unless the user says otherwise; the command's default too.
_PAIRS = 200


def vote(app: HostApp) -> None:
    """Ask for two responders and a voter's name, then open the ballot."""
    if actions.may_write(app):
        app.read("responders", lambda workspace: workspace.evaluation.responders(), partial(_choose_a, app))


def validate_judge(app: HostApp) -> None:
    """Ask for a judge and the number of pairs, then measure its agreement with people."""
    if actions.may_write(app):
        app.read(
            "judges to validate",
            lambda workspace: {card.judge: card.provider for card in workspace.evaluation.scorecards()},
            partial(_choose_judge, app),
        )


def _choose_a(app: HostApp, names: Sequence[str]) -> None:
    from tui.dialogs.choose import ChooseScreen

    if len(names) < 2:
        app.show_message("there are no two responders yet: import data first")
        return
    app.push_screen(ChooseScreen("Vote: the first responder", names, None), partial(_choose_b, app, names))


def _choose_b(app: HostApp, names: Sequence[str], a: str | None) -> None:
    from tui.dialogs.choose import ChooseScreen

    if a is None:
        return
    others = [name for name in names if name != a]
    dialog = ChooseScreen(f"Vote: {a} against", others, None)
    app.push_screen(dialog, partial(ask_voter, app, a))


def ask_voter(app: HostApp, a: str, b: str | None) -> None:
    """Ask for the voter's name, then open the ballot on the two responders."""
    from tui.dialogs.ask_text import AskTextScreen

    def open_ballot(typed: str | None) -> None:
        if typed is not None and b is not None:
            app.post_message(OpenBallot(a, b, typed.strip()))

    def problem_of(typed: str) -> str | None:
        return human_votes.voter_problem(typed.strip())

    if b is not None:
        dialog = AskTextScreen("Your name as a voter", login_name() or "", problem_of=problem_of)
        app.push_screen(dialog, open_ballot)


def _choose_judge(app: HostApp, providers: Mapping[str, str]) -> None:
    from tui.dialogs.choose import ChooseScreen

    judges = [judge for judge, provider in providers.items() if provider != "embedded"]
    if judges:
        app.push_screen(ChooseScreen("Validate the judge", judges, None), partial(_ask_pairs, app))
    elif providers:
        app.show_message(
            "an embedded judge is validated when it is trained, on held-out dialogues "
            f"({app.key_name('win_rates.judges', 'J')} shows it); there is no other judge in config.toml"
        )
    else:
        app.show_message("there is no judge: name one in config.toml under [judges]")


def _ask_pairs(app: HostApp, judge: str | None) -> None:
    from tui.dialogs.ask_text import AskTextScreen

    def start(typed: str | None) -> None:
        if typed is not None and judge is not None:
            actions.validate_judge(app, judge, int(typed))

    if judge is not None:
        title = f"On how many pairs that people rated should {judge} be validated?"
        app.push_screen(AskTextScreen(title, str(_PAIRS), problem_of=_pairs_problem), start)


def _pairs_problem(typed: str) -> str | None:
    # Python refuses to convert thousands of digits.
    is_number = typed.strip().isdecimal() and len(typed) < 20 and int(typed) > 0
    return None if is_number else f"{typed!r} is not a number of pairs"
