"""Each job on a GPU gets one of its own, as nvidia-smi names it. Here nvidia-smi is a script on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.jobs import spec
from core.pipeline.workers import devices
from core.pipeline.workers.devices import Gpu
from core.store import connections, intents
from core.store.jobs import job_queries
from tests.pipeline.conftest import SupervisedWorkspace

A, B, C = (f"GPU-{letter * 8}-1111-2222-3333-444444444444" for letter in "abc")
ONE, TWO = (f"MIG-{number * 8}-5555-6666-7777-888888888888" for number in "12")
TWO_EQUAL = f"GPU 0: NVIDIA H200 (UUID: {A})\nGPU 1: NVIDIA H200 (UUID: {B})\n"
UNEQUAL = f"GPU 0: NVIDIA T4 (UUID: {A})\nGPU 1: NVIDIA H200 (UUID: {B})\n"
WITH_MIG = (
    f"GPU 0: NVIDIA A100-SXM4-40GB (UUID: {A})\n"
    f"  MIG 3g.20gb     Device  0: (UUID: {ONE})\n"
    f"  MIG 3g.20gb     Device  1: (UUID: {TWO})\n"
    f"GPU 1: NVIDIA A100-SXM4-40GB (UUID: {B})\n"
)

Driver = Callable[[str], None]


@pytest.fixture
def driver(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Installs an nvidia-smi that prints this list, and hides GPUs of the machine."""
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in (devices.VISIBLE, "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)

    def install(listed: str) -> None:
        script = folder / "nvidia-smi"
        script.write_text(f'#!/bin/sh\ntest "$1" = -L || exit 9\ncat <<END\n{listed}END\n')
        script.chmod(0o755)

    return install


def found(environment: dict[str, str]) -> list[str]:
    return [gpu.device for gpu in devices.usable(environment)]


def test_gpus_and_instances_are_named_by_their_uuids(driver: Driver) -> None:
    driver(WITH_MIG)
    assert devices.usable({}) == (
        Gpu(ONE, "A100-SXM4-40GB MIG 3g.20gb"),
        Gpu(TWO, "A100-SXM4-40GB MIG 3g.20gb"),
        Gpu(B, "A100-SXM4-40GB"),
    )


@pytest.mark.parametrize(
    ("listed", "visible", "wanted"),
    [
        (TWO_EQUAL, "1", [B]),
        (TWO_EQUAL, "1,0", [B, A]),
        (TWO_EQUAL, B, [B]),
        (TWO_EQUAL, "GPU-bbbb", [B]),
        (TWO_EQUAL, "", []),
        (TWO_EQUAL, "-1", []),
        (TWO_EQUAL, "0,-1,1", [A]),
        (TWO_EQUAL, "0,0", [A]),
        (TWO_EQUAL, "7", ["7"]),
        # CUDA counts the fastest first: only CUDA knows which one is meant.
        (UNEQUAL, "1", ["1"]),
        (WITH_MIG, f"{TWO}", [TWO]),
        (WITH_MIG, "0", [ONE]),
        (WITH_MIG, "GPU-aaaa", [ONE]),
    ],
)
def test_an_outer_choice_is_respected(listed: str, visible: str, wanted: list[str], driver: Driver) -> None:
    driver(listed)
    assert found({devices.VISIBLE: visible}) == wanted


def test_numbers_are_those_of_the_driver_if_cuda_counts_as_it_does(driver: Driver) -> None:
    driver(UNEQUAL)
    assert found({devices.VISIBLE: "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) == [B]


def test_without_a_driver_only_an_outer_choice_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found({}) == []
    assert found({devices.VISIBLE: f"{A},{B}"}) == [A, B]


def test_a_driver_that_fails_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\necho 'no devices were found'\nexit 6\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert found({}) == []
    assert "nvidia-smi fails: no devices were found" in caplog.text


def test_the_gpu_with_the_fewest_jobs_is_next() -> None:
    gpus = [Gpu(A, ""), Gpu(B, ""), Gpu(C, "")]
    chosen = [devices.least_used(gpus, used) for used in ([], [A], [A, B, C, A], [None, B], [A, A, C])]
    assert chosen == [(gpus[0],), (gpus[1],), (gpus[1],), (gpus[0],), (gpus[1],)]
    assert devices.least_used([], [A]) == ()
    # A job may have several.
    assert devices.least_used(gpus, [f"{A},{B}", A], 2) == (gpus[2], gpus[1])
    assert devices.least_used(gpus, [], 4) == tuple(gpus)


def test_two_jobs_at_the_same_time_have_a_gpu_each(supervised: SupervisedWorkspace, driver: Driver) -> None:
    driver(TWO_EQUAL)
    config = supervised.workspace.config
    text = (
        config.read_text().replace("cpu = 2", "cpu = 2\ngpu = 2").replace('device = "cpu"', 'device = "cuda"')
    )
    config.write_text(text + '[students.other]\nmodel = "embedded/smollm2-135m-instruct"\n')
    first, second = "respond:tiny", "respond:other"
    supervised.set_plan(hold=[first, second])
    supervised.ask(intents.Start(targets=(first, second)))
    supervisor = supervised.supervise()
    for job in (first, second):
        supervised.until_state(job, "running")
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    given = supervised.query("SELECT folder, gpu FROM attempts")
    assert sorted(gpu for _, gpu in given) == [A, B]
    for folder, gpu in given:
        attempt = supervised.workspace.root / folder
        assert spec.read(attempt).gpu == gpu
        assert (attempt / "visible_devices").read_text() == gpu


def test_a_run_on_two_gpus_takes_two_places(supervised: SupervisedWorkspace, driver: Driver) -> None:
    driver(TWO_EQUAL)
    config = supervised.workspace.config
    text = config.read_text().replace("cpu = 2", "cpu = 2\ngpu = 2")
    config.write_text(text.replace('device = "cpu"', 'device = "cuda"\ngpus_per_run = 2'))
    run, base = "sft:tiny/direct/chatgpt/sft", "respond:tiny"
    supervised.set_plan(hold=[run])
    supervised.ask(intents.Start(targets=("recipe", run)))
    supervisor = supervised.supervise()
    supervised.until_state(run, "running")
    supervised.answer(supervised.ask(intents.Start(targets=(base,))))
    with closing(connections.reader(supervised.workspace.state)) as connection:
        assert job_queries.slot_use(connection) == {"gpu": 2}
    supervised.until_state(base, "ready")
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    given = dict(supervised.query("SELECT job, gpu FROM attempts WHERE gpu IS NOT NULL"))
    assert given == {supervised.id(run): f"{A},{B}", supervised.id(base): A}
    (began,) = [
        at for at, job, _, what in supervised.notes() if (job, what) == (supervised.id(base), "begin")
    ]
    (ended,) = [at for at, job, _, what in supervised.notes() if (job, what) == (supervised.id(run), "end")]
    assert began > ended


def test_a_run_on_more_gpus_than_there_are_fails_in_a_sentence(
    supervised: SupervisedWorkspace, driver: Driver
) -> None:
    driver(TWO_EQUAL)
    config = supervised.workspace.config
    text = config.read_text().replace("cpu = 2", "cpu = 2\ngpu = 4")
    config.write_text(text.replace('device = "cpu"', 'device = "cuda"\ngpus_per_run = 4'))
    run = "sft:tiny/direct/chatgpt/sft"
    supervised.ask(intents.Start(targets=("recipe", run)))
    assert supervised.finish() == 0, supervised.story()
    assert "it needs 4 GPUs, and 2 can be used here" in (supervised.error(run) or "")


def test_a_job_on_the_cpu_has_none(supervised: SupervisedWorkspace, driver: Driver) -> None:
    driver(TWO_EQUAL)
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.query("SELECT gpu FROM attempts") == [(None,)]
