"""The command that talks with students."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Playground, Responding


@click.command(
    epilog=examples(
        "chat",
        "chat smollm2 smollm2/direct/chatgpt/sft",
        'chat smollm2 --situation "I moved." --prompt "It is so quiet." --json',
        "chat --dialogue random",
    )
)
@click.argument("responders", metavar="[RESPONDER]...", nargs=-1)
@click.option("--prompt", metavar="TEXT", help="Answer this utterance once, and end.")
@click.option("--situation", metavar="TEXT", default="", help="The situation in which the speaker is.")
@click.option("--dialogue", metavar="ID", help="Answer a dialogue of the data once; `random` draws one.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), metavar="N", help="Most tokens of an answer.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    metavar="T",
    help="Sample with this temperature; 0 decodes greedily.",
)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), metavar="P", help="Nucleus sampling.")
@click.option("--seed", type=int, metavar="N", help="The seed of sampling.")
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the history as JSONL.")
@click.option("--stop", is_flag=True, help="End the playground's process, which holds the models in memory.")
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
    export: Path | None,
    stop: bool,
    as_json: bool,
) -> None:
    """Talk with students and runs: up to four answer the same utterance.

    Without --prompt or --dialogue, type one utterance after another; each responder sees its own answers.
    Ctrl+C stops the answers, an empty line ends. The settings are those of [responding] in config.toml. What
    was asked and answered is kept in the workspace.

    One process holds the models. It starts with the first question, ends after ten minutes without one, and
    gives its memory to jobs.
    """
    from core.api import PlaygroundQuestion

    playground = workspace_of(ctx).playground
    if stop:
        click.echo("The playground ends." if playground.stop() else "No playground runs.")
        return
    if export is not None:
        click.echo(visible(f"Wrote {playground.export(export)} turns to {export}."))
        return
    dialog_id: str | None = None
    if dialogue is not None:
        if prompt is not None or situation:
            raise CommandError(
                "--dialogue has a situation and an utterance: leave out --situation and --prompt"
            )
        found = playground.dialogue(None if dialogue == "random" else dialogue)
        dialog_id, situation, prompt = found.dialog_id, found.situation, found.utterance
    question = PlaygroundQuestion(
        situation=situation,
        utterance=prompt or "",
        responders=responders or _default(playground),
        sampling=_sampling(playground.sampling(), max_new_tokens, temperature, top_p, seed),
        dialog_id=dialog_id,
    )
    if prompt is None and (as_json or not sys.stdin.isatty()):
        raise CommandError("there is no terminal to type in: give an utterance with --prompt or --dialogue")
    from tui.cli.output import chat as output

    if prompt is None:
        output.converse(playground, question)
    elif not output.answer_once(playground, question, as_json=as_json):
        ctx.exit(1)


def _default(playground: Playground) -> tuple[str, ...]:
    """The base student that can answer, and the first runs of it."""
    from core.api import MAX_RESPONDERS

    able = [one.name for one in playground.responders() if one.problem is None]
    if not able:
        raise CommandError(
            "there is no student to talk with: import data, and define students in config.toml, such as "
            "`empathy-tui demo` does"
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
        # Another nucleus or seed says that answers shall be sampled.
        do_sample=samples or (temperature is None and (top_p is not None or seed is not None)),
        temperature=temperature or known.temperature,
        top_p=known.top_p if top_p is None else top_p,
        batch_size=known.batch_size,
        seed=known.seed if seed is None else seed,
    )
