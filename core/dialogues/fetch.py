"""The public copy of the data, fetched for the user's own use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from core.domain.errors import UserError
from core.jobs import files

REPOSITORY = "henryjxie/Distilling-Empathy-from-Large-Language-Models"
DATA_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/HEAD/datasets/dataset.csv"
SHA256 = "d43fe180f0aab2ae4973ddcf1cc5420a219804ca0c9b7d302fb5e3b73b2d296b"
MAX_BYTES = 100_000_000
#: For connecting, and for each wait for more bytes.
TIMEOUT_S = 30.0

DATA_SOURCE = f"github.com/{REPOSITORY}, datasets/dataset.csv"
DATA_TERMS = (
    "2,000 dialogues with human ratings, by Welivita and Pu (arXiv 2406.05063), on prompts from "
    "EmpatheticDialogues, as published with “Distilling Empathy from Large Language Models” "
    "(Xie, Zhang, Zhang, Liu, SIGDIAL 2025). It is other people's data and carries no licence to pass it "
    "on: keep your copy to yourself, and cite both papers."
)


def fetch(
    destination: Path,
    progress: Callable[[int, int | None], None],
    url: str = DATA_URL,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download the data to `destination`, whole and with the known SHA-256, or not at all.

    `progress` is told the bytes received so far and the bytes in all, None if the server does not
    say. Raises `UserError`; a file that was at `destination` before then stays as it was.
    """
    import httpx2

    digest = hashlib.sha256()
    size = 0
    started = False
    try:
        with (
            files.replacing(destination) as file,
            # Without compression on the way the length is known, and it is the file's.
            httpx2.stream(
                "GET",
                url,
                headers={"Accept-Encoding": "identity"},
                follow_redirects=True,
                timeout=timeout_s,
            ) as response,
        ):
            response.raise_for_status()
            length = response.headers.get("content-length", "")
            total = int(length) if length.isdecimal() else None
            started = True
            for chunk in response.iter_bytes():
                size += len(chunk)
                if max(size, total or 0) > MAX_BYTES:
                    raise UserError(f"{url} sends more than {MAX_BYTES / 1e6:.0f} MB: it is not the data set")
                digest.update(chunk)
                file.write(chunk)
                progress(response.num_bytes_downloaded, total)
            if digest.hexdigest() != SHA256:
                raise UserError(
                    f"{url} sent a file with SHA-256 {digest.hexdigest()}, not the known {SHA256}. "
                    "Nothing was kept. If the authors changed the file, download it yourself and import it."
                )
    except httpx2.HTTPStatusError as error:
        raise UserError(_refusal(url, error.response.status_code)) from error
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        if started:
            raise UserError(f"{url} broke off after {size} bytes ({reason}): try again") from error
        raise UserError(f"{url} cannot be reached ({reason}): check the network, and try again") from error
    except (httpx2.InvalidURL, ValueError, ImportError) as error:
        # httpx2 says so of a bad address, and of a proxy in the environment that it cannot use.
        raise UserError(
            f"{url} cannot be asked for ({error}): check the address and the proxy settings"
        ) from error
    except OSError as error:
        raise UserError(f"{destination} cannot be written: {error.strerror}") from error
    return destination


def _refusal(url: str, status: int) -> str:
    if status in (404, 410):
        return (
            f"{url} answered {status}: the file is no longer there. Find it in {DATA_SOURCE}, and import it"
        )
    if 300 <= status < 400:
        return f"{url} answered {status} without saying where the file is now: try later"
    return f"{url} answered {status}: try later"
