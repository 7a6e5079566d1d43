"""Pushing a published folder to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.config.redaction import without_secrets
from core.domain.errors import UserError
from core.network import failures, hub

RepositoryType = Literal["model", "dataset"]


def check_name(repository: str) -> None:
    """Raise `UserError` if no repository can have that name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"--push: {error}") from error


def push(folder: Path, repository: str, kind: RepositoryType, *, public: bool, not_pushed: str) -> str:
    """Upload the folder, without the file `not_pushed`, to a repository, which is created if need be.

    A new one is private unless `public`. The token is HF_TOKEN, or that of `hf auth login`. Returns the URL.
    Raises `UserError` if that fails, and if the repository is there and public although `public` is false.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check_name(repository)
    hub.use_own_client()
    api = HfApi()
    try:
        api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        if not public and not api.repo_info(repository, repo_type=kind).private:
            raise UserError(f"{repository} is public on the Hub: push to it with --public, or name another")
        found = api.upload_folder(
            repo_id=repository,
            repo_type=kind,
            folder_path=folder,
            ignore_patterns=[not_pushed],
            commit_message="Publish by empathy-tui",
        )
    except httpx2.TransportError as error:
        said = failures.explain(error, api.endpoint, "HF_ENDPOINT").text
        raise UserError(f"{repository} was not pushed: {said}. The folder {folder} is complete") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        said = without_secrets(" ".join(str(error).split()))[:400]
        raise UserError(
            f"{repository} could not be pushed to the Hub: {said}. The folder {folder} is complete; set "
            "HF_TOKEN to a token that may write, or run `hf auth login`"
        ) from error
    return str(found.commit_url).partition("/commit/")[0]
