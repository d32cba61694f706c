"""Databases in which rows are missing, or referred to that are not there: what a start mends, and what it refuses."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.daemon import Daemon
from xapid.cli.server_command import main
from xapid.datamodel.types import CLASSES, RefType
from xapid.main import opened_store
from xapid.store.copies import BackupError
from xapid.store.restore import check, restore
from xapid.store.rows import columns_of
from xapid.store.tables import TABLES

pytestmark = pytest.mark.slow

GONE = "OpaqueRef:gone"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a daemon that was started once and stopped."""
    directory = tmp_path_factory.mktemp("begun")
    with Daemon(directory) as daemon, closing(daemon.client()) as client:
        template = client.call("VM.get_by_name_label", "Other install media")[0]
        vm = client.call("VM.clone", template, "mine")
        client.call("VM.provision", vm)
        (network,) = client.call("network.get_all")[:1]
        fields = {"device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {}}
        client.call("VIF.create", {**fields, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    return directory / "state"


def damaged(tmp_path: Path, begun: Path, *statements: str) -> Path:
    """Its database, to which something was done, where a daemon of ``tmp_path`` looks for it."""
    shutil.copytree(begun, tmp_path / "state")
    database = tmp_path / "state" / "xapid.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for each in statements:
            connection.execute(each)
    return database


LOST = {
    "there is no pool": ("DELETE FROM pool",),
    "there is no host": ("DELETE FROM host",),
    "there are 2 pools": (
        "CREATE TEMP TABLE other AS SELECT * FROM pool",
        "UPDATE other SET _ref = 'OpaqueRef:other', uuid = 'other'",
        "INSERT INTO pool SELECT * FROM other",
    ),
    "the control domain of host OpaqueRef:": ("DELETE FROM VM WHERE is_control_domain",),
}


@pytest.mark.parametrize("lack", LOST)
def test_a_database_that_nothing_can_be_done_with_is_refused_and_left_alone(
    tmp_path: Path, begun: Path, lack: str
) -> None:
    database = damaged(tmp_path, begun, *LOST[lack])
    before = database.read_bytes()

    with pytest.raises(RuntimeError) as error, Daemon(tmp_path):
        pass

    said = str(error.value).partition("\n")[2].strip()
    assert said.startswith(f"xapid: database {database} is damaged: {lack}")
    assert said.endswith("; put back a backup with `xapid db restore`") and "\n" not in said
    assert database.read_bytes() == before
    assert any(problem.startswith(lack) for problem in check(database).problems)
    with pytest.raises(BackupError, match=f"is not put back: {lack}"):
        restore(tmp_path / "other" / "xapid.db", database)


MENDED = {
    "the metrics of host OpaqueRef:": "DELETE FROM host_metrics",
    "the metrics of host": f"UPDATE host SET metrics = '{GONE}'",
    "the metrics of control domain OpaqueRef:": "DELETE FROM VM_metrics",
    "the master of the pool OpaqueRef:": f"UPDATE pool SET master = '{GONE}'",
}


@pytest.mark.parametrize("lack", MENDED)
def test_what_can_be_made_anew_is(tmp_path: Path, begun: Path, capsys: pytest.CaptureFixture[str], lack: str) -> None:
    database = damaged(tmp_path, begun, MENDED[lack])

    assert main(["db", "check", str(database)]) == 1
    said = capsys.readouterr().out
    assert f"trouble: {lack}" in said and "; the next start puts that right\n" in said
    assert said.endswith("1 problems\n")

    daemon = Daemon(tmp_path)
    with daemon, closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        assert client.call("host_metrics.get_live", client.call("host.get_metrics", host))
        domain = client.call("host.get_control_domain", host)
        assert client.call("VM_metrics.get_VCPUs_number", client.call("VM.get_metrics", domain))
        for vm in client.call("VM.get_all_records").values():
            client.call("VM_metrics.get_record", vm["metrics"])
        assert client.call("pool.get_master", client.call("pool.get_all")[0]) == host
    assert lack in daemon.log.read_text()
    assert check(database).problems == check(database).mended == []


async def test_a_database_nobody_has_started_on_lacks_nothing(tmp_path: Path) -> None:
    async with opened_store(tmp_path):
        pass

    async with opened_store(tmp_path):
        pass


NEEDED = {("host", "control_domain")}


def test_no_other_reference_to_what_is_gone_stops_a_start(tmp_path: Path, begun: Path) -> None:
    database = damaged(tmp_path, begun)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for name in TABLES:
            for field in columns_of(CLASSES[name]):
                if isinstance(field.type, RefType) and (name, field.name) not in NEEDED:
                    connection.execute(f'UPDATE "{name}" SET "{field.column}" = ?', (GONE,))

    with Daemon(tmp_path) as daemon, closing(daemon.client()) as client:
        client.call("VM.get_all_records")
