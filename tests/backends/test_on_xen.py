"""The drivers of a Xen host keep their promises where they are at home: on a virtual host of the lab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab_install import Installed, installed_host, stage

pytestmark = [pytest.mark.slow, pytest.mark.lab]

CONTRACTS = "tests/backends/domain/test_contract.py", "tests/backends/datapath/test_contract.py"


@pytest.fixture(scope="module")
def xen_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    # More emulated processors wait for each other where there are no more real ones.
    with installed_host(stage(tmp_path_factory.mktemp("staged")), "--cpus", "1", "--memory", "2560") as host:
        yield host


@pytest.mark.parametrize("kind", ["pv", "pvh", "hvm"])
def test_machines_of_each_kind(kind: str, xen_host: Installed) -> None:
    # Some have more parameters than the kind.
    xen_host.run_tests("-m", "xen", "-k", f"'[xen-{kind}] or [xen-{kind}-'", *CONTRACTS)


def test_what_xen_adds(xen_host: Installed) -> None:
    xen_host.run_tests("-m", "xen", "tests/backends/domain/test_xen_driver.py")
