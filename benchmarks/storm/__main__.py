"""A storm: a whole study, again and again, while processes are killed, the disk is full and files are gone.

    python -m benchmarks.storm --kills 1000 --seed 1

Each round is a study from its import to its last comparison, against a loopback server of OpenAI's API, with
supervisors, workers, commands, and in some rounds the app in a terminal. Faults come at random times, and
with new records of journals. A person's part is played by commands: what has failed is retried, and a
state.db that is lost is made again. In the end the rows must be those of an undisturbed study, and nothing
may be paid twice but what was in flight. The exit code is 1 if anything was wrong. The same seed gives the
same faults in the same order; when they come depends on the machine.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from benchmarks.storm import round as rounds
from benchmarks.storm import study
from benchmarks.storm.checks import Findings
from benchmarks.storm.faults import FAULTS
from benchmarks.storm.processes import MODELS
from benchmarks.storm.round import Round
from benchmarks.storm.study import Study
from tests import loopback
from tests.support import tiny_student
from tests.support.processes.forking import preload

#: Faults in a round.
_MIN_FAULTS, _MAX_FAULTS = 4, 14


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="faults in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no round after so long")
    parser.add_argument("--models", type=float, default=0.2, help="share of rounds with training")
    parser.add_argument("--program", type=float, default=0.1, help="share of rounds without forks")
    parser.add_argument("--app", type=float, default=0.2, help="share of rounds with the app")
    parser.add_argument("--only", action="append", help="draw from faults whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder for what is left of rounds that end wrong")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    if given.models:
        preload(*MODELS)
    names = [name for name in FAULTS if not given.only or any(part in name for part in given.only)]
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    kept = Path(tempfile.mkdtemp(prefix="empathy-storm-", dir=given.keep))
    with tempfile.TemporaryDirectory() as temporary, loopback.running() as api:
        api.faults.content = study.answer
        found = storm(Path(temporary).resolve(), kept, api, names, given)
    with suppress(OSError):
        # Nothing was kept.
        kept.rmdir()
    return show(found, given)


def storm(
    place: Path, kept: Path, api: loopback.Api, names: list[str], given: argparse.Namespace
) -> list[Round]:
    """Rounds until there were enough faults."""
    began = time.monotonic()
    draw = random.Random(given.seed)
    student = tiny_student.make(place / "student") if given.models else place
    expected: dict[tuple[str, str], Findings] = {}
    found: list[Round] = []
    hits = 0
    while hits < given.kills and time.monotonic() - began < given.minutes * 60:
        # Drawn before anything happens, so that a seed says what a round is.
        kind: study.Kind = "models" if draw.random() < given.models else "requests"
        plan = Study(kind, draw.choice(("live", "batch")), draw.choice(("ask", "always")))
        count = min(draw.randint(_MIN_FAULTS, _MAX_FAULTS), given.kills - hits)
        faults = draw.choices(names, [FAULTS[name][1] for name in names], k=count)
        as_program, with_app = draw.random() < given.program, draw.random() < given.app
        weather = random.Random(draw.random())
        key = (plan.kind, plan.mode)
        if key not in expected:
            calm = rounds.run(
                place / f"calm-{len(expected)}",
                api,
                plan,
                student,
                [],
                random.Random(0),
                None,
                kept / f"calm-{len(expected)}",
            )
            expected[key] = calm.findings
            if calm.findings.wrong:
                raise SystemExit(f"an undisturbed study goes wrong: {calm.findings.wrong}")
            print(f"undisturbed: {plan.kind}, {plan.mode}: {calm.seconds:.1f} s", flush=True)
        one = rounds.run(
            place / f"{len(found)}",
            api,
            plan,
            student,
            faults,
            weather,
            expected[key],
            kept / f"round-{len(found) + 1}",
            as_program=as_program,
            with_app=with_app,
        )
        hits += one.hit.total()
        found.append(one)
        how = " as a program" * as_program + ", with the app" * with_app
        outcome = "as undisturbed" if not one.findings.wrong else "WRONG"
        print(
            f"round {len(found)}: {plan.kind}, {plan.mode}, resend {plan.resend}{how}: {one.hit.total()} "
            f"faults, {one.retries} retries, {one.rebuilds} rebuilds, {one.seconds:.1f} s: {outcome}",
            flush=True,
        )
        if one.findings.wrong:
            print(f"   kept in {kept / f'round-{len(found)}'}")
        for sentence in one.findings.wrong or ():
            print(f"   {sentence}\n   faults: {dict(one.hit)}", flush=True)
    return found


def show(found: list[Round], given: argparse.Namespace) -> int:
    """Print the tables; the exit code."""
    hit = sum((one.hit for one in found), Counter[str]())
    after = sum((one.after for one in found), Counter[str]())
    print("\n| fault | times | rounds | ended as undisturbed |\n| --- | ---: | ---: | ---: |")
    for name in FAULTS:
        if hit[name]:
            among = [one for one in found if one.hit[name]]
            same = sum(not one.findings.wrong for one in among)
            print(f"| {name} | {hit[name]} | {len(among)} | {same} |")
    total = [one.findings for one in found]
    print(f"| all | {hit.total()} | {len(found)} | {sum(not one.wrong for one in total)} |")
    print(
        f"\nrows lost {sum(one.lost for one in total)}, doubled {sum(one.doubled for one in total)}; "
        f"orphaned {sum(one.orphaned for one in total)}; answers paid again within the rule "
        f"{sum(one.paid_again for one in total)}, beyond it {sum(one.overpaid for one in total)}; retries "
        f"{sum(one.retries for one in found)}, rebuilds {sum(one.rebuilds for one in found)}"
    )
    kinds = ", ".join(f"{name} {count}" for name, count in after.most_common())
    print(f"faults right after a record: {kinds}")
    print(f"seed {given.seed}, {sum(one.seconds for one in found):.0f} s in rounds")
    return int(any(one.wrong for one in total))


if __name__ == "__main__":
    sys.exit(main())
