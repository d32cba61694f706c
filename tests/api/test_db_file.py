"""Sessions that read the records of a backup."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client, Daemon, Failure, UnixConnection
from xapid.ops.session import COPIES
from xapid.store.copies import back_up

pytestmark = pytest.mark.slow

NETWORKS = 250
"""More than are encoded in one go."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def file(daemon: Daemon) -> Path:
    """A backup, made when the pool was called ``then``; it is called ``now`` now, and has no spare networks."""
    client = daemon.client()
    (pool,) = client.call("pool.get_all")
    made = [
        client.call("network.create", {"name_label": f"spare {number}", "other_config": {}})
        for number in range(NETWORKS)
    ]
    client.call("pool.set_name_label", pool, "then")
    file = daemon.directory / "backup.db"
    back_up(daemon.directory / "state" / "xapid.db", file)
    client.call("pool.set_name_label", pool, "now")
    for ref in made:
        client.call("network.destroy", ref)
    client.close()
    return file


@pytest.fixture
def copy(client: Client, file: Path) -> Iterator[str]:
    """A session that reads the backup."""
    session = str(client.call("session.create_from_db_file", str(file)))
    yield session
    client.raw("session.logout", session)


def by_json(daemon: Daemon, method: str, *params: Any) -> Any:
    connection = UnixConnection(str(daemon.socket))
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    connection.request("POST", "/jsonrpc", json.dumps(body))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["result"]


def test_the_records_are_those_of_the_backup(daemon: Daemon, client: Client, copy: str) -> None:
    (pool,) = client.raw("pool.get_all", copy)

    assert client.raw("pool.get_name_label", copy, pool) == "then"
    assert client.raw("pool.get_record", copy, pool)["name_label"] == "then"
    assert client.raw("pool.get_all_records", copy)[pool]["name_label"] == "then"
    assert by_json(daemon, "pool.get_record", copy, pool)["name_label"] == "then"
    assert client.call("pool.get_name_label", pool) == "now"


def test_long_lists_and_queries_are_answered_too(daemon: Daemon, client: Client, copy: str) -> None:
    then, now = client.raw("network.get_all_records", copy), client.call("network.get_all_records")

    assert len(then) == len(now) + NETWORKS == len(by_json(daemon, "network.get_all_records", copy))
    spare = client.raw("network.get_by_name_label", copy, "spare 7")
    assert client.raw("network.get_all_where", copy, 'field "name__label" = "spare 7"') == spare
    assert len(spare) == 1
    assert client.call("network.get_by_name_label", "spare 7") == []


def test_relations_are_those_of_the_backup(client: Client, copy: str) -> None:
    (host,) = client.raw("host.get_all", copy)

    record = client.raw("host.get_record", copy, host)

    assert set(record["resident_VMs"]) == set(client.raw("host.get_resident_VMs", copy, host)) != set()
    assert record["PIFs"]


@pytest.mark.parametrize(
    "method, params, code",
    [
        ("pool.set_name_label", ["", "mine"], "OPERATION_NOT_ALLOWED"),
        ("Async.pool.sync_database", [], "OPERATION_NOT_ALLOWED"),
        ("event.from", [["*"], "", 1.0], "OPERATION_NOT_ALLOWED"),
        ("host.list_methods", [], "OPERATION_NOT_ALLOWED"),
        ("host.get_server_certificate", [""], "OPERATION_NOT_ALLOWED"),
        ("secret.get_all", [], "RBAC_PERMISSION_DENIED"),
        ("session.create_from_db_file", ["/x"], "RBAC_PERMISSION_DENIED"),
    ],
)
def test_nothing_but_records_can_be_asked_for(
    client: Client, copy: str, method: str, params: list[Any], code: str
) -> None:
    with pytest.raises(Failure) as error:
        client.raw(method, copy, *params)

    assert error.value.args[0] == code


@pytest.mark.parametrize("path", ["/audit_log", "/metrics", "/host_logs_download"])
def test_it_gets_nothing_that_tells_of_the_live_host(daemon: Daemon, client: Client, copy: str, path: str) -> None:
    def status(session: str) -> int:
        connection = UnixConnection(str(daemon.socket))
        connection.request("GET", f"{path}?session_id={session}")
        found = connection.getresponse().status
        connection.close()
        return found

    assert (status(copy), status(client.session)) == (403, 200)


def test_such_a_session_is_a_session(client: Client, copy: str) -> None:
    record = client.raw("session.get_record", client.session, copy)

    assert (record["auth_user_name"], record["is_local_superuser"]) == ("db-from-file", False)


def test_the_file_stays_as_it_is_and_nothing_is_left(daemon: Daemon, client: Client, file: Path) -> None:
    before = file.read_bytes()
    session = client.call("session.create_from_db_file", str(file))

    client.raw("session.logout", session)

    assert file.read_bytes() == before
    assert [each.name for each in (daemon.directory / "state").iterdir() if each.name.startswith(".copy")] == []
    assert [each.name for each in file.parent.glob("backup.db*")] == ["backup.db"]


def test_only_so_many_are_read_at_the_same_time(client: Client, file: Path) -> None:
    found = [client.call("session.create_from_db_file", str(file)) for _ in range(COPIES)]

    with pytest.raises(Failure) as error:
        client.call("session.create_from_db_file", str(file))

    assert error.value.args[0] == "INTERNAL_ERROR"
    for session in found:
        client.raw("session.logout", session)
    client.raw("session.logout", client.call("session.create_from_db_file", str(file)))


@pytest.mark.parametrize("content", [b"", b"rubbish", b"SQLite format 3\x00" + b"x" * 100])
def test_what_is_no_database_is_refused(client: Client, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(content)

    with pytest.raises(Failure) as error:
        client.call("session.create_from_db_file", str(path))

    assert error.value.args[0] == "INTERNAL_ERROR"


@pytest.mark.parametrize("name", ["x" * 300, "/" + "x/" * 5000], ids=["long", "longer"])
def test_what_no_file_can_be_called_is_not_there(client: Client, name: str) -> None:
    with pytest.raises(Failure, match="there is no file"):
        client.call("session.create_from_db_file", name)


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
HOSTILE = {
    "a view that has no end": [
        "ALTER TABLE secret RENAME TO old",
        f"CREATE VIEW secret AS SELECT ({ENDLESS}) AS _ref, * FROM old",
    ],
    "a trigger": [f"CREATE TRIGGER t AFTER INSERT ON _meta BEGIN {ENDLESS}; END"],
    "a generation that is no number": ["UPDATE _meta SET value = 'x' WHERE key = 'generation_ceiling'"],
    "bytes in place of a map": ["UPDATE VM SET other_config = x'ff00'"],
    "brackets without end": [f"UPDATE VM SET other_config = '{'[' * 100_000}'"],
    "a state that there is not": ["UPDATE VM SET power_state = 'Flying'"],
    "deletions of no class": ["INSERT INTO _meta VALUES ('forgotten:nope', '1')"],
    "a list in place of a map": ["UPDATE VM SET other_config = '[1,{}]'"],
    "a number in place of a reference": ["UPDATE VM SET resident_on = x'17'"],
    "a map of numbers": ["""UPDATE VM SET other_config = '{"a":1}'"""],
    "a number without bounds": ["UPDATE VM SET memory_static_max = 9e99"],
    "no pool": ["DELETE FROM pool"],
}


@pytest.mark.parametrize("statements", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_out_of_order_is_refused_soon(
    daemon: Daemon, client: Client, file: Path, tmp_path: Path, statements: list[str]
) -> None:
    bad = tmp_path / "bad.db"
    shutil.copy(file, bad)
    connection = sqlite3.connect(bad)
    for each in statements:
        connection.execute(each)
    connection.commit()
    connection.close()

    began = time.monotonic()
    with pytest.raises(Failure, match=r"INTERNAL_ERROR.*bad\.db|none of ours"):
        client.call("session.create_from_db_file", str(bad))
    assert time.monotonic() - began < 5
    client.raw("session.logout", client.call("session.create_from_db_file", str(file)))


def test_a_file_that_is_larger_than_memory_is_not_begun_with(client: Client, tmp_path: Path) -> None:
    (tmp_path / "huge.db").touch()
    os.truncate(tmp_path / "huge.db", 2**40)
    with pytest.raises(Failure, match="too large"):
        client.call("session.create_from_db_file", str(tmp_path / "huge.db"))


def test_a_crash_leaves_no_copies_and_nobody_reads_the_database(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    daemon = Daemon(tmp_path)
    daemon.start()
    daemon.kill()
    (state / ".copy-left").mkdir()
    (state / ".copy-left" / "xapid.db").touch()
    for each in state.glob("xapid.db*"):
        each.chmod(0o644)
    with daemon:
        assert not (state / ".copy-left").exists()
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in state.glob("xapid.db*")}
        assert set(modes.values()) == {0o600}, modes
