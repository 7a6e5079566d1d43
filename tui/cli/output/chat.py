"""What the command `chat` prints: answers as they come, one responder after another."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from core.api import UserError
from tui.cli.output import json
from tui.format import playground as words
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import (
        Answering,
        Playground,
        PlaygroundAnswer,
        PlaygroundOpinion,
        PlaygroundQuestion,
        PlaygroundTurn,
    )


def answer_once(playground: Playground, question: PlaygroundQuestion, *, quiet: bool) -> PlaygroundTurn:
    """Have one question answered, and print the answers unless `quiet`."""
    if quiet:
        return _answered(playground, question, lambda status: None, lambda answer, is_final: None)
    if question.dialog_id is not None:
        click.echo(visible(f"Situation  {question.situation}\nUtterance  {question.utterance}", lines=True))
    return _printed(playground, question)


def print_result(turn: PlaygroundTurn, opinion: PlaygroundOpinion | None, *, as_json: bool) -> None:
    """Print what a judge says of the two answers of a turn; as JSON, the turn too."""
    if as_json:
        json.write(turn if opinion is None else json.JudgedTurn(turn=turn, opinion=opinion))
    elif opinion is not None:
        first, *rest = words.opinion(opinion)
        click.secho(f"\n{visible(opinion.judge)}: {first}", bold=True)
        click.echo("\n".join(rest))


def converse(playground: Playground, question: PlaygroundQuestion) -> None:
    """Read utterances from the terminal and print the answers, until an empty line."""
    # Gives `input` the arrow keys and a history.
    import readline  # noqa: F401

    names = ", ".join(question.responders)
    click.echo(visible(f"{names}: {words.sampling(question.sampling)}"))
    click.echo("Ctrl+C stops the answers, an empty line ends.")
    try:
        situation = question.situation or input("Situation (may be empty): ")
        while utterance := _read_utterance(may_be_late=bool(question.earlier)):
            asked = msgspec.structs.replace(question, situation=situation, utterance=utterance)
            try:
                turn = _printed(playground, asked)
            except UserError as error:
                click.echo(f"✗ {visible(str(error), lines=True)}", err=True)
                continue
            question = msgspec.structs.replace(question, earlier=(*question.earlier, turn))
    except EOFError:
        click.echo()


def _read_utterance(*, may_be_late: bool) -> str:
    """What is typed next; a first Ctrl+C that `may_be_late` was to stop answers that have ended."""
    try:
        return input("\n> ").strip()
    except KeyboardInterrupt:
        if not may_be_late:
            raise
        click.echo("\nThere is nothing left to stop: Ctrl+C again, or an empty line, ends.")
        return _read_utterance(may_be_late=False)


def _printed(playground: Playground, question: PlaygroundQuestion) -> PlaygroundTurn:
    """The turn, whose answers are printed as they come."""
    printer = _Printer(question.responders)
    turn = _answered(playground, question, printer.show_status, printer.show)
    for names in words.alike(turn):
        click.secho(f"\n= {visible(', '.join(names))} gave the same answer", fg="yellow")
    return turn


def _answered(
    playground: Playground,
    question: PlaygroundQuestion,
    show_status: Callable[[str], None],
    show: Callable[[PlaygroundAnswer, bool], None],
) -> PlaygroundTurn:
    answering = playground.ask(question)
    turn: PlaygroundTurn | None = None
    with _interrupted_by(answering):
        for event in answering:
            if event.status is not None:
                show_status(event.status)
            if event.answer is not None:
                show(event.answer, event.is_final)
            turn = event.turn
    assert turn is not None, "the last event has the turn"
    return turn


@contextmanager
def _interrupted_by(answering: Answering) -> Iterator[None]:
    """Have Ctrl+C stop the answers; a second one raises `KeyboardInterrupt`."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        answering.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Printer:
    """Prints the answers in the order of the responders, each as it comes from its turn on."""

    def __init__(self, responders: tuple[str, ...]) -> None:
        self._waiting = list(responders)
        self._found: dict[str, tuple[PlaygroundAnswer, bool]] = {}
        #: What was printed of the present answer.
        self._shown: str | None = None

    def show_status(self, status: str) -> None:
        """Print what is done before the first token."""
        click.echo(f"{visible(status)} …", err=True)

    def show(self, answer: PlaygroundAnswer, is_final: bool) -> None:
        """Print what there is of the answers that it is the turn of."""
        self._found[answer.responder] = (answer, is_final)
        while self._waiting and self._waiting[0] in self._found:
            found, is_ended = self._found[self._waiting[0]]
            self._print(found, is_ended)
            if not is_ended:
                return
            self._waiting.pop(0)
            self._shown = None

    def _print(self, answer: PlaygroundAnswer, is_final: bool) -> None:
        if self._shown is None:
            click.secho(f"\n{visible(answer.responder)}", bold=True)
            self._shown = ""
        text = words.text(answer) if is_final else visible(answer.text.strip(), lines=True)
        if text.startswith(self._shown):
            click.echo(text[len(self._shown) :], nl=False)
        else:
            # Something was removed from it.
            click.echo(f"\n{text}", nl=False)
        self._shown = text
        if is_final:
            click.echo()
            click.secho(words.measures(answer), dim=True)
        sys.stdout.flush()
