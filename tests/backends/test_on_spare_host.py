"""The drivers of storage keep their promises on a host with servers and device-mapper: a virtual one of the lab."""

from __future__ import annotations

import pytest

from tests.lab_install import installed_host, stage

pytestmark = [pytest.mark.slow, pytest.mark.lab]


def test_repositories_on_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
    with installed_host(stage(tmp_path_factory.mktemp("staged")), "--plain") as host:
        host.run_tests("-m", "spare", "tests/backends/storage")
