"""The command that talks with students and teachers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.options import CommandError, confirm, examples, json_option, workspace_of, yes_option
from tui.format.text import visible
from tui.format.values import counted

if TYPE_CHECKING:
    from core.api import (
        Playground,
        PlaygroundCost,
        PlaygroundOpinion,
        PlaygroundQuestion,
        PlaygroundTurn,
        Responding,
        Workspace,
    )


@click.command(
    epilog=examples(
        "chat",
        "chat smollm2 smollm2/direct/chatgpt/sft",
        'chat smollm2 --situation "I moved." --prompt "It is so quiet." --json',
        "chat --dialogue random",
        'chat smollm2 gpt-4o --prompt "It is so quiet." --judge embedded',
    )
)
@click.argument("responders", metavar="[RESPONDER]...", nargs=-1)
@click.option("--prompt", metavar="TEXT", help="Answer this utterance once, and end.")
@click.option("--situation", metavar="TEXT", default="", help="The situation in which the speaker is.")
@click.option("--dialogue", metavar="ID", help="Answer a dialogue of the data once; `random` draws one.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), metavar="N", help="Maximum tokens per answer.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    metavar="T",
    help="The temperature: 0 is greedy; 0.001 to 100 samples.",
)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), metavar="P", help="Nucleus sampling.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="The seed of sampling.")
@click.option("--judge", metavar="JUDGE", help="Have this judge compare the answers of two responders.")
@click.option("--keep", is_flag=True, help="Add the answer of each run to the note on the run.")
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the history as JSONL.")
@click.option("--stop", is_flag=True, help="End the playground's process, which holds the models in memory.")
@yes_option
@json_option
@click.pass_context
def chat(
    ctx: click.Context,
    responders: tuple[str, ...],
    prompt: str | None,
    situation: str,
    dialogue: str | None,
    max_new_tokens: int | None,
    temperature: float | None,
    top_p: float | None,
    seed: int | None,
    judge: str | None,
    keep: bool,
    export: Path | None,
    stop: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Talk with students, runs and teachers: up to four answer the same utterance.

    Without --prompt or --dialogue, type one utterance after another; each responder sees its own answers.
    Ctrl+C stops the answers, an empty line ends. The settings are those of [responding] in config.toml; a
    teacher has its own. The conversation is kept in the workspace.

    A teacher or a judge behind an API costs money: you confirm first, unless with --yes. The budget applies.

    One process holds the students. It starts with the first question, ends after ten minutes without one, and
    frees its memory for jobs.
    """
    import msgspec

    workspace = workspace_of(ctx)
    playground = workspace.playground
    if stop:
        click.echo("The playground ends." if playground.stop() else "No playground runs.")
        return
    if export is not None:
        click.echo(visible(f"Wrote {counted(playground.export(export), 'turn')} to {export}."))
        return
    sampling = _sampling(playground.sampling(), max_new_tokens, temperature, top_p, seed)
    question = _question(playground, responders, sampling, prompt, situation, dialogue)
    is_typed = prompt is None and dialogue is None
    _check_options(question, judge, keep=keep, as_json=as_json, is_typed=is_typed)
    from tui.cli.output import chat as output

    if not yes:
        # What a conversation costs is known by its first utterance at best.
        _agree(playground.cost(msgspec.structs.replace(question, utterance=question.utterance or "…")))
    if is_typed:
        output.converse(playground, question)
        return
    turn = output.answer_once(playground, question, quiet=as_json)
    opinion = None if judge is None else _opinion(playground, judge, turn, yes=yes)
    output.print_result(turn, opinion, as_json=as_json)
    if keep:
        _keep(workspace, turn)
    if any(answer.finish == "failed" for answer in turn.answers):
        ctx.exit(1)


def _check_options(
    question: PlaygroundQuestion, judge: str | None, *, keep: bool, as_json: bool, is_typed: bool
) -> None:
    """Raises `CommandError` for options that do not go together."""
    if is_typed and (as_json or not sys.stdin.isatty()):
        raise CommandError("there is no terminal to type in: give an utterance with --prompt or --dialogue")
    if is_typed and (judge is not None or keep):
        raise CommandError("--judge and --keep are for one utterance: give it with --prompt or --dialogue")
    if judge is not None and len(question.responders) != 2:
        raise CommandError(f"a judge compares two answers: name 2 responders, not {len(question.responders)}")


def _question(
    playground: Playground,
    responders: tuple[str, ...],
    sampling: Responding,
    prompt: str | None,
    situation: str,
    dialogue: str | None,
) -> PlaygroundQuestion:
    """The question to all responders, of a dialogue if one is named; without an utterance if one is typed."""
    from core.api import PlaygroundQuestion

    dialog_id: str | None = None
    if dialogue is not None:
        if prompt is not None or situation:
            raise CommandError(
                "--dialogue has a situation and an utterance: leave out --situation and --prompt"
            )
        found = playground.dialogue(None if dialogue == "random" else dialogue)
        dialog_id, situation, prompt = found.dialog_id, found.situation, found.utterance
    return PlaygroundQuestion(
        situation=situation,
        utterance=prompt or "",
        responders=responders or _default(playground),
        sampling=sampling,
        dialog_id=dialog_id,
    )


def _agree(cost: PlaygroundCost | None) -> None:
    """Ask before money is spent. Raises `CommandError` for a no."""
    from tui.format import playground as words

    if cost is not None:
        names = ", ".join(cost.models)
        confirm(f"{words.cost(cost).plain}\nAsk {names}?", f"{names}: nothing was sent")


def _opinion(playground: Playground, judge: str, turn: PlaygroundTurn, *, yes: bool) -> PlaygroundOpinion:
    from core.api import OpinionQuestion

    failed = [answer.responder for answer in turn.answers if not answer.text]
    if failed:
        raise CommandError(f"{', '.join(failed)}: no answer, so {judge} has nothing to compare")
    question = OpinionQuestion.of(turn, *turn.answers)
    if not yes:
        _agree(playground.opinion_cost(judge, question))
    opinion = playground.opinion(judge, question).result()
    assert opinion is not None, "nobody has stopped it"
    return opinion


def _keep(workspace: Workspace, turn: PlaygroundTurn) -> None:
    """Add the runs' answers to the notes on them."""
    from tui.format import playground as words

    answers = {answer.responder: answer.text for answer in turn.answers if answer.text}
    found = [run for run in workspace.runs.runs() if run.name in answers]
    if not found:
        raise CommandError("none of the responders is a run that has answered: a note is kept on a run")
    commands = workspace.commands
    for run in found:
        text = words.note(run.notes.note, turn.utterance, answers[run.name])
        commands.wait(commands.note_run(run.job, text))
        click.echo(visible(f"kept on {run.name}"), err=True)


def _default(playground: Playground) -> tuple[str, ...]:
    """The base student that can answer, and the first runs of it."""
    from core.api import MAX_RESPONDERS

    able = [one.name for one in playground.responders() if one.problem is None and not one.is_paid]
    if not able:
        raise CommandError(
            "there is no student to talk with: import data, and define a student in config.toml, or run "
            "`empathy-tui demo`"
        )
    return tuple(able[:MAX_RESPONDERS])


def _sampling(
    known: Responding,
    max_new_tokens: int | None,
    temperature: float | None,
    top_p: float | None,
    seed: int | None,
) -> Responding:
    from core.api import Responding

    samples = known.do_sample if temperature is None else temperature > 0
    return Responding(
        max_new_tokens=max_new_tokens or known.max_new_tokens,
        # Another nucleus or seed means that answers must be sampled.
        do_sample=samples or (temperature is None and (top_p is not None or seed is not None)),
        temperature=temperature or known.temperature,
        top_p=known.top_p if top_p is None else top_p,
        batch_size=known.batch_size,
        seed=known.seed if seed is None else seed,
    )
