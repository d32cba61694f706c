"""What the Java samples of the SDK do, through each of the old libraries: guide, 2.3.3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.bindings import Binding, Connection
from tests.clients.conftest import PASSWORD, USER
from tests.clients.java import PROGRAM, connected, logged_in, record
from tests.clients.typed import CLASSES, mistakes
from tests.daemon import Failure
from tests.http.live import Live

pytestmark = pytest.mark.slow


def test_add_network_makes_a_network_of_a_record_in_which_hardly_anything_is_set(live: Live, binding: Binding) -> None:
    with logged_in(live, binding) as (connection, session):
        named = record("network", name_label="TestNetwork 17", name_description=f"Created by {binding} <&> \u00fc")

        network = connection.call("network.create", session, named)

        made = connection.call("network.get_record", session, network)
        assert mistakes("network record", made) == []
        assert (made["name_label"], made["name_description"]) == (named["name_label"], named["name_description"])
        assert (made["MTU"], made["default_locking_mode"], made["VIFs"]) == ("1500", "unlocked", [])
        connection.call("network.destroy", session, network)


def test_session_reuse_lets_two_connections_share_a_session(live: Live, binding: Binding) -> None:
    with connected(live, binding) as first, connected(live, binding) as second:
        session = first.call("session.login_with_password", USER, PASSWORD, *PROGRAM)

        assert second.call("session.get_uuid", session, session) == first.call("session.get_uuid", session, session)
        assert second.call("VM.get_all_records", session) == first.call("VM.get_all_records", session)
        assert live.vm in second.call("VM.get_all", session)

        assert first.call("session.logout", session) == ""
        for connection in (first, second):
            with pytest.raises(Failure) as error:
                connection.call("VM.get_all", session)
            assert error.value.args == ("SESSION_INVALID", session)
        another = second.call("session.login_with_password", USER, PASSWORD, *PROGRAM)
        assert second.call("session.logout", another) == ""


@pytest.fixture(scope="module")
def populated(live: Live) -> Iterator[Live]:
    """Some of the objects that a first start does not make."""
    client = live.daemon.client()
    (template,) = client.call("VM.get_by_name_label", "Other install media")
    vm = client.call("VM.clone", template, "described <&>")
    client.call("VM.provision", vm)
    rest = {"qos_algorithm_type": "", "qos_algorithm_params": {}, "other_config": {"key <b>": "value &"}}
    drive = {"VM": vm, "VDI": "OpaqueRef:NULL", "userdevice": "3", "bootable": False, "mode": "RO", "type": "CD"}
    client.call("VBD.create", {**drive, "empty": True, **rest})
    nic = {"VM": vm, "network": live.network, "device": "0", "MAC": "", "MTU": "1500"}
    client.call("VIF.create", {**nic, **rest})
    client.call("VM.start", vm, False, False)
    message = client.call("message.create", "ALARM", "3", "VM", client.call("VM.get_uuid", vm), "<value>1</value>")
    task = client.call("task.create", "a task", "of nobody")
    secret = client.call("secret.create", {"value": "s", "other_config": {}})
    yield live
    client.call("secret.destroy", secret)
    client.call("task.destroy", task)
    client.call("message.destroy", message)
    client.call("VM.hard_shutdown", vm)
    client.call("VM.destroy", vm)
    client.close()


def first_answer(connection: Connection, session: str, cls: str, name: str) -> Any:
    """What a getter says of the first object that can be asked: some want a machine that runs, some one that is off."""
    for ref in connection.call(f"{cls}.get_all", session):
        try:
            return connection.call(f"{cls}.{name}", session, ref)
        except Failure as error:
            assert error.args[0] in ("VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED"), (cls, name)
    return None


def test_deprecated_method_is_answered_as_any_other(populated: Live, binding: Binding) -> None:
    """Only the binding warns. Every deprecated getter of which there is an object, and the deprecated events."""
    asked = 0
    with logged_in(populated, binding) as (connection, session):
        for cls, facts in CLASSES.items():
            for name, message in facts["messages"].items():
                kinds = [param[1] for param in message["params"]]
                if message["state"] != "deprecated" or not name.startswith("get_"):
                    continue
                found = None
                if kinds == ["session ref"]:
                    found = connection.call(f"{cls}.{name}", session)
                elif kinds == ["session ref", f"{cls} ref"] and "get_all" in facts["messages"]:
                    found = first_answer(connection, session, cls, name)
                if found is not None:
                    assert mistakes(message["result"], found, f"{cls}.{name}") == []
                    asked += 1
        assert asked >= 20

        connection.call("event.register", session, ["pool"])
        token = connection.call("event.inject", session, "pool", populated.pool)
        events = connection.call("event.next", session)
        assert [(each["class"], each["operation"], each["ref"]) for each in events] == [("pool", "mod", populated.pool)]
        connection.call("event.unregister", session, ["pool"])
        assert token


LISTED = [cls for cls, facts in CLASSES.items() if "get_all_records" in facts["messages"]]


def test_get_all_records_of_all_types_reads_every_field_as_what_it_is(populated: Live, binding: Binding) -> None:
    wrong: list[str] = []
    filled = set()
    with logged_in(populated, binding) as (connection, session):
        for cls in LISTED:
            try:
                records = connection.call(f"{cls}.get_all_records", session)
            except Failure as error:
                assert error.args == ("MESSAGE_REMOVED",)
                assert CLASSES[cls]["messages"]["get_all_records"]["state"] == "removed", cls
                continue
            wrong += mistakes(f"({cls} ref -> {cls} record) map", records, cls)
            if records:
                filled.add(cls)

    assert wrong == []
    assert filled >= {"VM", "VBD", "VIF", "VM_metrics", "console", "host", "pool", "task", "message", "secret", "SR"}
