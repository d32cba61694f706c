"""The drivers of a Xen host keep their promises where they are at home: on a virtual host of the lab."""

from __future__ import annotations

import pytest

from tests.lab_install import installed_host, stage

pytestmark = [pytest.mark.slow, pytest.mark.lab]


@pytest.mark.parametrize("kind", ["xen-pv", "xen-pvh", "xen-hvm", "test_xen_driver"])
def test_machines_of_each_kind(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    # More emulated processors wait for each other where there are no more real ones.
    with installed_host(stage(tmp_path_factory.mktemp("staged")), "--cpus", "1", "--memory", "2560") as host:
        host.run_tests("-m", "xen", "-k", kind, "tests/backends/domain", "tests/backends/datapath")
