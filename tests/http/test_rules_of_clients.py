"""The rules that clients in the field rely on, by the numbers they have in the reference of clients (section 0).

17 comes with pools, 18 and 19 with the handlers of transfers.
"""

from __future__ import annotations

import json
import re
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.client import Client, Response, call
from tests.http.live import Live, live_daemon

XML, JSON = "text/xml", "application/json"
OWNER = {"name_label": "rules", "name_description": "", "other_config": {}}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_daemon(tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with live.dial() as client:
        yield client


def xml(client: Client, method: str, *params: Any, path: str = "/") -> Response:
    client.send(call(xmlrpc.client.dumps(params, method).encode(), path=path))
    return client.response()


def value(client: Client, method: str, *params: Any) -> Any:
    """What a successful call over XML-RPC returns."""
    ((answer,), _) = xmlrpc.client.loads(xml(client, method, *params).body)
    assert isinstance(answer, dict) and answer["Status"] == "Success", answer
    return answer["Value"]


def jsonrpc(client: Client, method: str, *params: Any, **members: Any) -> dict[str, Any]:
    message = {"method": method, "params": params, "id": 1, **members}
    client.send(call(json.dumps(message).encode(), path="/jsonrpc"))
    found: dict[str, Any] = json.loads(client.response().body)
    return found


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc", "/no/such/path", "/import_raw_vdix"])
def test_rule_1_an_unknown_path_is_xml_rpc(live: Live, client: Client, path: str) -> None:
    answer = xml(client, "VM.get_uuid", live.session, live.vm, path=path)

    assert live.vm_uuid.encode() in answer.body


def test_rule_2_content_types_have_no_charset(live: Live, client: Client) -> None:
    assert xml(client, "VM.get_uuid", live.session, live.vm).headers["content-type"] == XML
    client.send(call(b'{"method":"system.listMethods","params":[],"id":1}', path="/jsonrpc"))
    assert client.response().headers["content-type"] == JSON


def test_rule_3_there_is_no_space_between_tags_and_texts_have_no_type(live: Live, client: Client) -> None:
    for method, params in (("VM.get_record", (live.session, live.vm)), ("VM.get_record", (live.session, "x"))):
        body = xml(client, method, *params).body.decode()
        assert not re.search(r">\s+<", body)
        assert "<string>" not in body and "<string/>" not in body
    assert "<value></value>" in xml(client, "session.logout", _another_session(client)).body.decode()


def _another_session(client: Client) -> str:
    return str(value(client, "session.login_with_password", "root", ""))


def test_rule_4_the_result_of_a_task_is_a_fragment_of_xml(live: Live, client: Client) -> None:
    made = value(client, "Async.network.create", live.session, OWNER)
    task = _ended(live, client, made)
    assert re.fullmatch(r"<value>OpaqueRef:[0-9a-f-]{36}</value>", task["result"])
    network = task["result"].removeprefix("<value>").removesuffix("</value>")
    assert (
        _ended(live, client, value(client, "Async.network.destroy", live.session, network))["result"]
        == "<value></value>"
    )


def _ended(live: Live, client: Client, task: str) -> dict[str, Any]:
    value(client, "event.from", live.session, [f"task/{task}"], "", 1.0)
    while True:
        record: dict[str, Any] = value(client, "task.get_record", live.session, task)
        if record["status"] != "pending":
            return record


def test_rule_5_whole_numbers_are_texts_in_xml_and_both_are_taken(live: Live, client: Client) -> None:
    body = xml(client, "VM.get_memory_static_max", live.session, live.vm).body.decode()
    assert re.search(r"<name>Value</name><value>\d+</value>", body)
    for sent in ("5", 5):
        value(client, "VM.set_user_version", live.session, live.vm, sent)
        assert jsonrpc(client, "VM.set_user_version", live.session, live.vm, sent)["result"] == ""
    assert jsonrpc(client, "VM.get_user_version", live.session, live.vm)["result"] == 5
    counts = xml(client, "event.from", live.session, ["pool"], "", 0.0).body.decode()
    assert re.search(r"<name>pool</name><value><i4>1</i4></value>", counts)


def test_rule_6_a_time_out_may_be_whole_or_not(live: Live, client: Client) -> None:
    for seconds in (0, 0.0, 0.001, "0"):
        assert value(client, "event.from", live.session, ["pool"], "", seconds)["events"]
    assert jsonrpc(client, "event.from", live.session, ["pool"], "", 0)["result"]["events"]


def test_rule_7_dates_have_their_zone(live: Live, client: Client) -> None:
    form = r"\d{8}T\d\d:\d\d:\d\dZ"
    assert re.search(
        rf"<dateTime\.iso8601>{form}</dateTime\.iso8601>",
        xml(client, "VM.get_snapshot_time", live.session, live.vm).body.decode(),
    )
    assert jsonrpc(client, "VM.get_snapshot_time", live.session, live.vm)["result"] == "19700101T00:00:00Z"


def test_rule_8_failures_and_successes_have_their_shapes(live: Live, client: Client) -> None:
    ((failed,), _) = xmlrpc.client.loads(xml(client, "VM.get_uuid", live.session, "OpaqueRef:gone").body)
    assert failed == {"Status": "Failure", "ErrorDescription": ["HANDLE_INVALID", "VM", "OpaqueRef:gone"]}
    assert value(client, "VM.set_name_description", live.session, live.vm, "x") == ""

    answer = jsonrpc(client, "VM.get_uuid", live.session, "OpaqueRef:gone", jsonrpc="2.0")
    assert answer == {
        "jsonrpc": "2.0",
        "error": {"code": 1, "message": "HANDLE_INVALID", "data": ["VM", "OpaqueRef:gone"]},
        "id": 1,
    }
    assert jsonrpc(client, "MESSAGE.unknown", jsonrpc="2.0")["error"]["data"] is not None
    assert jsonrpc(client, "VM.get_uuid", live.session, live.vm, jsonrpc="2.0").keys() == {"jsonrpc", "result", "id"}


@pytest.mark.parametrize("number", [0, 1, 17, "a text"])
def test_rule_9_json_rpc_1_has_both_members_and_the_id_as_it_came(live: Live, client: Client, number: Any) -> None:
    assert jsonrpc(client, "VM.get_uuid", live.session, live.vm, id=number) == {
        "result": live.vm_uuid, "error": None, "id": number,
    }  # fmt: skip
    assert jsonrpc(client, "VM.get_uuid", live.session, "x", id=number) == {
        "result": None, "error": ["HANDLE_INVALID", "VM", "x"], "id": number,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["event_from", "task_create", "VM_get_uuid", "pool_get_all"])
def test_rule_10_an_underscore_does_for_the_dot(live: Live, client: Client, method: str) -> None:
    params: dict[str, tuple[Any, ...]] = {
        "event_from": (["pool"], "", 0.0), "task_create": ("a task", ""), "VM_get_uuid": (live.vm,), "pool_get_all": (),
    }  # fmt: skip
    assert value(client, method, live.session, *params[method])


def test_rule_11_the_methods_are_told_without_a_session_and_bare(live: Live, client: Client) -> None:
    ((listed,), _) = xmlrpc.client.loads(xml(client, "system.listMethods").body)
    assert isinstance(listed, list) and jsonrpc(client, "system.listMethods")["result"] == listed
    classes = [name.removesuffix(".get_all_records") for name in listed if name.endswith(".get_all_records")]
    assert len(classes) > 60
    for name in classes:
        ((answer,), _) = xmlrpc.client.loads(xml(client, f"{name}.get_all_records", live.session).body)
        assert isinstance(answer, dict)
        assert answer["Status"] == "Success" or answer["ErrorDescription"] == ["MESSAGE_REMOVED"]
    value(client, "event.from", live.session, classes, "", 0.0)


@pytest.mark.parametrize("spelling", ["VM", "vm", "Vm"])
def test_rule_12_classes_are_taken_in_any_case_and_told_in_lower_case(
    live: Live, client: Client, spelling: str
) -> None:
    events = value(client, "event.from", live.session, [spelling], "", 0.0)["events"]

    assert {event["class"] for event in events} == {"vm"}
    assert all({"id", "timestamp", "class", "operation", "ref", "snapshot"} <= event.keys() for event in events)


def test_rule_13_an_injected_event_gives_a_token_before_which_nothing_is_lost(live: Live, client: Client) -> None:
    token = value(client, "event.inject", live.session, "pool", live.pool)
    value(client, "pool.set_name_description", live.session, live.pool, "changed after the token")

    events = value(client, "event.from", live.session, ["pool"], token, 5.0)["events"]

    assert [event["snapshot"]["name_description"] for event in events] == ["changed after the token"]


def test_rule_14_counts_are_numbers_and_a_wait_in_vain_has_no_events(live: Live, client: Client) -> None:
    token = value(client, "event.from", live.session, ["*"], "", 0.0)["token"]

    answer = value(client, "event.from", live.session, ["VM_appliance"], token, 0.05)

    assert answer["events"] == []
    assert isinstance(answer["valid_ref_counts"]["task"], int)
    assert answer.keys() == {"token", "events", "valid_ref_counts"}


def test_rule_15_no_object_is_opaque_ref_null(live: Live, client: Client) -> None:
    record = value(client, "VM.get_record", live.session, live.vm)

    assert record["affinity"] in ("OpaqueRef:NULL", *value(client, "host.get_all", live.session))
    assert record["suspend_VDI"] == "OpaqueRef:NULL"
    assert live.vm.startswith("OpaqueRef:")


@pytest.mark.parametrize("method", ["VM.get_all", "session.get_all_subject_identifiers", "VM.start"])
def test_rule_16_any_call_on_a_session_that_is_none_says_so(live: Live, client: Client, method: str) -> None:
    params = (live.vm, False, False) if method == "VM.start" else ()

    ((answer,), _) = xmlrpc.client.loads(xml(client, method, "OpaqueRef:no session", *params).body)

    assert answer == {"Status": "Failure", "ErrorDescription": ["SESSION_INVALID", "OpaqueRef:no session"]}


@pytest.mark.parametrize("path", ["/", "/jsonrpc", "/json"])
def test_rule_20_pages_of_other_hosts_may_call(live: Live, client: Client, path: str) -> None:
    client.send(f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Headers: content-type\r\n\r\n".encode())
    answer = client.response()

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "PUT"
    assert {each.strip().lower() for each in answer.headers["access-control-allow-headers"].split(",")} == {
        "content-type", "x-requested-with",
    }  # fmt: skip
    assert xml(client, "VM.get_uuid", live.session, live.vm).headers["access-control-allow-origin"] == "*"


def test_the_rules_that_are_not_here_are_named() -> None:
    text = Path(__file__).read_text()
    numbers = {int(number) for number in re.findall(r"def test_rule_(\d+)_", text)}

    assert numbers == {*range(1, 17), 20}
