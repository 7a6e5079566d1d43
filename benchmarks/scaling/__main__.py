"""What the paper's grid of 84 models needs on paper: tokens, FLOPs, GPU-hours, gigabytes, dollars.

    python -m benchmarks.scaling [--gpu NAME] [--utilisation LOW HIGH] [--usd-per-hour LOW HIGH] [--seeds N] …

Nothing is measured and nothing is run: numbers of examples are those of the paper's data, settings those of
`init --template paper`, sizes those of the published models, operations and memory those of `run --dry-run`.
Every other assumption is an option, printed with the result. Ranges are from the better end of each
assumption to the worse one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.scaling import estimates, rungs


def main() -> int:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    ends = ("LOW", "HIGH")
    add("--gpu", choices=estimates.GPUS, default="a100-80gb", help="whose published peak and memory count")
    add("--utilisation", nargs=2, type=float, default=(0.25, 0.45), metavar=ends, help="of the bf16 peak")
    add("--usd-per-hour", nargs=2, type=float, default=(1.5, 3.0), metavar=ends, help="price of one GPU")
    add("--seeds", type=int, default=1, help="runs of each model, with other seeds")
    add("--prompt-tokens", type=int, default=340, help="of the student's prompt")
    add("--shared-tokens", type=int, default=270, help="of them, the same in every example")
    add("--answer-tokens", type=int, default=45, help="of a response in the data")
    add("--load-s", type=float, default=60.0, help="start of a job, loading the model, writing results")
    add(
        "--answers-s",
        nargs=2,
        type=float,
        default=(20.0, 120.0),
        metavar=ends,
        help="answering 250 dialogues",
    )
    add("--teacher-input-tokens", type=int, default=400, help="of one request to the teacher")
    add("--judge-input-tokens", type=int, default=500, help="of one request to a judge")
    add(
        "--rungs", nargs="+", type=int, default=[], metavar="EXAMPLES", help="early rungs, compared with none"
    )
    add("--reduction-factor", type=int, default=3, help="one run in so many goes on from a rung")
    add("--no-requests", action="store_true", help="leave teachers and judges out")
    given = parser.parse_args()
    low, high = sorted(given.utilisation)
    made = estimates.Assumptions(
        gpu=given.gpu,
        utilisation=(high, low),
        usd_per_hour=_sorted(given.usd_per_hour),
        seeds=given.seeds,
        prompt_tokens=given.prompt_tokens,
        shared_tokens=given.shared_tokens,
        answer_tokens=given.answer_tokens,
        load_s=given.load_s,
        answers_s=_sorted(given.answers_s),
        teacher_input_tokens=given.teacher_input_tokens,
        judge_input_tokens=given.judge_input_tokens,
        requests=not given.no_requests,
    )
    if given.rungs:
        rungs.print_saved(made, given.rungs, given.reduction_factor)
    else:
        estimates.print_need(made)
    return 0


def _sorted(given: Sequence[float]) -> tuple[float, float]:
    low, high = sorted(given)
    return low, high


if __name__ == "__main__":
    sys.exit(main())
