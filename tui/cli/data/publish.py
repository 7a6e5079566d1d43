"""The command that publishes a run or a recipe's training data."""

from __future__ import annotations

from pathlib import Path

import click

from core.api import PublishOptions
from tui.cli.options import examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.output.places import say_where
from tui.format.text import visible
from tui.format.values import counted


@click.command(
    epilog=examples(
        "publish smollm2/direct/chatgpt/sft-dpo out/adapter",
        "publish smollm2/direct/chatgpt/sft-dpo out/model --merge --ollama",
        "publish improve-human/naive out/data",
        "publish smollm2/direct/chatgpt/sft out/adapter --push me/empathetic-smollm2",
    )
)
@click.argument("name")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.option("--merge", is_flag=True, help="Merge the adapter into the student: a whole model.")
@click.option("--ollama", is_flag=True, help="Write a Modelfile too, with which Ollama imports the model.")
@click.option(
    "--gguf",
    is_flag=True,
    help="Make a GGUF file too, by llama.cpp's converter: on the PATH, or in the folder that "
    "EMPATHY_LLAMA_CPP names.",
)
@click.option("--push", "repository", metavar="REPO_ID", help="Upload the folder to the Hub, as USER/NAME.")
@click.option("--public", is_flag=True, help="With --push: the repository is public; else it is private.")
@json_option
@click.pass_context
def publish(
    ctx: click.Context,
    name: str,
    folder: Path,
    merge: bool,
    ollama: bool,
    gguf: bool,
    repository: str | None,
    public: bool,
    as_json: bool,
) -> None:
    """Write a run, or a recipe's training data, to DIR, ready for the Hugging Face Hub.

    NAME is a finished run: its adapter or model, with its tokenizer and chat template, generation
    configuration, prompt, and a model card with its results. Or it is a recipe: SFT examples and preference
    pairs as TRL, LLaMA-Factory and Axolotl read them. Files that were published to DIR before are
    replaced. A folder with any other file is refused.

    Nothing is uploaded without --push. The token is HF_TOKEN, or that of `hf auth login`.
    """
    if public and repository is None:
        raise click.UsageError("--public is about what --push REPO_ID uploads: add it")
    publishing = workspace_of(ctx).publishing
    if repository is not None:
        publishing.check_repository(repository)
    published = publishing.publish(name, folder, PublishOptions(merge=merge, ollama=ollama, gguf=gguf))
    say_where(folder)
    url = None if repository is None else publishing.push(published, repository, public=public)
    if as_json:
        json.write(
            json.PublishedFolder(
                name=published.name,
                kind=published.kind,
                files=published.files,
                notes=published.notes,
                url=url,
            )
        )
        return
    what = "training data" if published.kind == "dataset" else published.kind
    click.echo(visible(f"{published.name}: {what}, {counted(len(published.files), 'file')} in {folder}"))
    for note in published.notes:
        click.echo(visible(note))
    if url is not None:
        click.echo(visible(url))
