"""Storages of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import storages


@pytest.fixture(params=storages.KINDS, scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a storage."""
    reason = storages.reason_to_skip(request.param)
    if reason is not None:
        pytest.skip(reason)
    with storages.storage(request.param, tmp_path_factory.mktemp("storage")) as found:
        yield found
