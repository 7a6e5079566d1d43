"""The public interface of the core: everything that the app, the commands, the docs and the benchmarks use.

    from core.api import open_workspace

    with open_workspace("study") as workspace:
        for job in workspace.pipeline.snapshot().jobs:
            print(job.stage, job.name, job.state)
        for rate in workspace.evaluation.win_rates():
            print(rate.a, rate.b, rate.judge, rate.win_rate_b)
        commands = workspace.commands
        commands.wait(commands.start(["compare"]))

`api.pyi` beside this file lists the names and where each is defined. A name is imported when it is first
used, so that the first screen does not wait for what it does not need.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("core", __file__)
