"""A strict stand-in for OpenAI's API on loopback: chat completions, files and batches, with faults.

`with loopback.running() as api:` serves at `api.url` from a thread of this process. It checks what
it is sent as the documentation says, bills every answer in `api.paid`, and misbehaves as
`api.faults`, which may be changed at any time, says. `google_server.running()` and
`anthropic_server.running()` are the same for Gemini and Claude.
"""

from tests.loopback.openai_answers import expected_answer
from tests.loopback.openai_api import KEY, Api, Faults
from tests.loopback.openai_server import running

__all__ = ["KEY", "Api", "Faults", "expected_answer", "running"]
