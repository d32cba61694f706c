"""What the C samples of the SDK do, through each of the old libraries: guide, 2.3.1."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.clients.bindings import Binding, Connection
from tests.clients.conftest import PASSWORD, USER
from tests.clients.java import record, unset
from tests.clients.typed import CLASSES, ENUMS, REFERENCE, mistakes
from tests.daemon import Failure
from tests.http.live import Live

pytestmark = pytest.mark.slow
FAILURES: dict[str, list[str]] = dict(json.loads(gzip.decompress(REFERENCE.read_bytes()))["errors"])
"""The codes that the binding has a number for, and their parameters."""
EVENT = {"id": "int", "timestamp": "string", "class": "string", "operation": "enum event_operation", "ref": "string"}


def log_in(connection: Connection) -> str:
    """As the C binding does it: three parameters, and then it asks for the version of the host's API."""
    session: str = connection.call("session.login_with_password", USER, PASSWORD, "1.0")
    host = connection.call("session.get_this_host", session, session)
    for part in ("major", "minor"):
        assert connection.call(f"host.get_API_version_{part}", session, host).isdigit()
    return session


def test_get_records_shows_hosts_templates_and_repositories_and_blocks_an_operation(
    live: Live, binding: Binding
) -> None:
    with live.dial("tcp") as client:
        connection = Connection(client, binding)
        session = log_in(connection)
        records = {
            cls: connection.call(f"{cls}.get_all_records", session) for cls in ("host", "VM", "SR")
        }  # fmt: skip
        for cls, found in records.items():
            assert found and mistakes(f"({cls} ref -> {cls} record) map", found) == []
        for each in records["SR"].values():
            assert int(each["physical_size"]) >= int(each["physical_utilisation"])
        (host,) = records["host"].values()
        assert host["name_label"] and host["edition"]
        uuid = next(each["uuid"] for each in records["VM"].values() if each["is_a_template"])

        template = connection.call("VM.get_by_uuid", session, uuid)
        clone = connection.call("VM.clone", session, template, "clonedVM")
        connection.call("VM.add_to_blocked_operations", session, clone, "pool_migrate", "123")

        record = connection.call("VM.get_record", session, clone)
        assert mistakes("VM record", record) == []
        assert (record["name_label"], record["blocked_operations"]) == ("clonedVM", {"pool_migrate": "123"})
        assert "destroy" in record["allowed_operations"] and "pool_migrate" not in record["allowed_operations"]
        assert connection.call("VM.destroy", session, clone) == ""
        connection.call("session.logout", session)


def test_event_handling_hears_of_all_there_is_and_of_all_that_happens(live: Live, binding: Binding) -> None:
    with live.dial("tcp") as client:
        connection = Connection(client, binding)
        session = log_in(connection)

        batch = poll(connection, session, "")
        known = {each["ref"]: each["class"] for each in batch["events"]}
        assert {each["operation"] for each in batch["events"]} == {"add"}
        assert (known[live.vm], known[live.pool]) == ("vm", "pool")
        assert int(batch["valid_ref_counts"]["pool"]) == 1

        told = []
        args = {"name_label": "handled", "name_description": "", "other_config": {}}
        network = connection.call("network.create", session, args)
        batch = poll(connection, session, batch["token"])
        told += of(batch, network)
        connection.call("network.set_name_label", session, network, "changed")
        batch = poll(connection, session, batch["token"])
        told += of(batch, network)
        connection.call("network.destroy", session, network)
        told += of(poll(connection, session, batch["token"]), network)
        assert told == ["add", "mod", "del"]
        connection.call("session.logout", session)


def poll(connection: Connection, session: str, token: str) -> Any:
    """Ask for events, which the binding reads as structs of these members; the time-out has six digits."""
    batch = connection.call("event.from", session, ["*"], token, 30.0)
    assert len(batch["token"]) < 512
    wrong = [
        found
        for event in batch["events"]
        for name, kind in EVENT.items()
        for found in mistakes(kind, event[name], name)
    ]
    assert wrong == []
    return batch


def of(batch: Any, ref: str) -> list[str]:
    return [each["operation"] for each in batch["events"] if each["ref"] == ref]


@pytest.mark.parametrize(
    "method, params, code",
    [
        ("VM.get_record", ("OpaqueRef:NULL",), "HANDLE_INVALID"),
        ("VM.get_by_uuid", ("nobody",), "UUID_INVALID"),
        ("VM.set_VCPUs_max", ("$vm", "many"), "INTERNAL_ERROR"),
        ("VM.fly", (), "MESSAGE_METHOD_UNKNOWN"),
        ("VM.get_record", (), "MESSAGE_PARAMETER_COUNT_MISMATCH"),
        ("VM.unpause", ("$vm",), "VM_BAD_POWER_STATE"),
        ("network.destroy", ("$network",), "CANNOT_DESTROY_SYSTEM_NETWORK"),
        ("event.from", (["*"], "no token", 0.0), "EVENT_FROM_TOKEN_PARSE_FAILURE"),
        ("VM.get_all_records_where", ("nonsense",), "INVALID_VALUE"),
    ],
)
def test_failures_are_codes_that_the_binding_knows_with_as_many_parameters(
    live: Live, binding: Binding, method: str, params: tuple[Any, ...], code: str
) -> None:
    with live.dial("tcp") as client:
        connection = Connection(client, binding)
        session = connection.call("session.login_with_password", USER, PASSWORD, "1.0")
        with pytest.raises(Failure) as error:
            connection.call(method, session, *live.fill(params))
        connection.call("session.logout", session)

    found, *arguments = error.value.args
    assert found == code
    assert len(arguments) == len(FAILURES[code])
    assert all(isinstance(each, str) for each in arguments)


def test_failures_of_a_login_are_told_too(live: Live, binding: Binding) -> None:
    with live.dial("tcp") as client, pytest.raises(Failure) as error:
        Connection(client, binding).call("session.login_with_password", "nobody <&>", "wrong", "1.0")

    # The user and a reason, of which the contract does not know.
    code, user, reason = error.value.args
    assert code in FAILURES and (code, user) == ("SESSION_AUTHENTICATION_FAILED", "nobody <&>") and reason


def sent(cls: str, **given: Any) -> dict[str, Any]:
    """A record as the binding sends it: without sets and maps that are not set; other references and texts are empty,
    and an enum is the first of its kind."""
    found = record(cls, **given).items()
    kinds = {name: field["type"] for name, field in CLASSES[cls]["fields"].items()}
    values = {name: _zero(kinds[name]) if name not in given else value for name, value in found}
    return {name: value for name, value in values.items() if name in given or value not in ([], {})}


def _zero(kind: str) -> Any:
    if kind.endswith(" ref") or kind == "datetime":
        return ""
    if kind.startswith("enum ") and kind.removeprefix("enum ") in ENUMS:
        return ENUMS[kind.removeprefix("enum ")][0]
    return unset(kind)


def test_vm_ops_makes_a_machine_with_a_disk_and_cycles_it(live: Live, binding: Binding) -> None:
    name = "NewVM <&>"
    disk = {"name_label": "MyRootFS", "name_description": "MyRootFS description", "virtual_size": str(1 << 30)}
    drive = {"userdevice": "xvda", "type": "Disk", "mode": "RW", "bootable": True}
    with live.dial("tcp") as client:
        connection = Connection(client, binding)
        session = log_in(connection)

        def call(method: str, *params: Any) -> Any:
            return connection.call(method, session, *params)

        host = call("session.get_this_host", session)
        assert {"product_brand", "xapi"} <= call("host.get_software_version", host).keys()
        assert "pygrub" in call("host.get_supported_bootloaders", host)
        assert any(each.startswith("hvm-") for each in call("host.get_capabilities", host))

        vm = call("VM.clone", call("VM.get_by_name_label", "Other install media")[0], name)
        assert call("VM.get_name_label", vm) == name
        call("VM.set_name_description", vm, "An example VM created via C bindings")
        call("VM.provision", vm)
        (pool,) = call("pool.get_all")
        sr = call("SR.get_by_name_label", call("SR.get_name_label", call("pool.get_default_SR", pool)))[0]
        vdi = call("VDI.create", sent("VDI", SR=sr, type="system", other_config={}, **disk))
        vbd = call("VBD.create", sent("VBD", VM=vm, VDI=vdi, qos_algorithm_params={}, other_config={}, **drive))
        uuids = [call("VM.get_uuid", vm), call("VDI.get_uuid", vdi), call("VBD.get_uuid", vbd)]
        assert [len(each) for each in uuids] == [36, 36, 36]

        blob = call("VM.create_new_blob", vm, "test", "test", False)
        assert mistakes("blob record", call("blob.get_record", blob)) == []
        record = call("VM.get_record", vm)
        assert mistakes("VM record", record) == []
        assert (record["blobs"], record["VBDs"]) == ({"test": blob}, [vbd])
        call("VM.set_actions_after_shutdown", vm, "restart")
        assert call("VM.get_HVM_boot_params", vm).keys() >= {"order"}

        states = []
        for method, *params in (("VM.start", False, False), ("VM.hard_shutdown",)):
            call(method, vm, *params)
            states.append(call("VM.get_power_state", vm))
        assert states == ["Running", "Halted"]
        for cls, ref in (("VM", vm), ("VDI", vdi)):
            assert call(f"{cls}.destroy", ref) == ""
        call("session.logout")
