"""What is sent to do harm: the answer is the documented one, memory stays bounded, and the next call is fine."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Failure
from tests.http.client import PAGE, Client, call
from tests.http.dialects import DIALECTS, JSON_RPC_1, JSON_RPC_2, XML_RPC, Dialect
from tests.http.live import Live, live_daemon
from xapid.auth.passwords import PasswordFile

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
LIMIT = 307_200
JSONS = pytest.mark.parametrize("dialect", [JSON_RPC_1, JSON_RPC_2], ids=str)
ALL = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A daemon of its own: it is weighed. Refused logins are told at once."""
    with live_daemon(tmp_path_factory.mktemp("d"), limits_login_failure_delay=0) as live:
        PasswordFile(live.daemon.directory / "state" / "passwords").set("root", "right")
        yield live


def ask(live: Live, dialect: Dialect, method: str, *params: Any) -> Any:
    with live.dial() as client:
        return live.call(client, dialect, method, live.session, *params)


def sent(live: Live, dialect: Dialect, body: str) -> Any:
    """What the daemon answers to a body, its session put in; the next call on the connection is fine."""
    whole = body.replace("$session", live.session).replace("$vm", live.vm).encode()
    assert len(whole) <= LIMIT
    with live.dial("tcp") as client:
        client.send(dialect.post(whole))
        reply = client.response()
        assert (reply.status, reply.headers["content-type"]) == (200, dialect.content_type), reply
        live.assert_well(dialect, client)
        return dialect.result(reply.body)


def assert_page(live: Live, dialect: Dialect, body: str) -> None:
    """The body is answered by the page 500 and the end of the connection."""
    with live.dial("tcp") as client:
        client.send(dialect.post(body.encode("utf-8", "surrogatepass")))
        reply = client.response()
        assert (reply.status, client.rest()) == (500, b"")
        assert reply.headers.items() >= PAGE.items()
    live.assert_well(dialect)


def resident(live: Live, which: str = "VmRSS") -> int:
    """Bytes of memory that the daemon has."""
    assert live.daemon.process is not None
    status = Path(f"/proc/{live.daemon.process.pid}/status").read_text()
    return int(status.split(f"{which}:")[1].split()[0]) * 1024


# --- Values ----------------------------------------------------------------------------------------------


def xml(method: str, *values: str) -> str:
    params = "".join(f"<param><value>{value}</value></param>" for value in ("$session", *values))
    return f'<?xml version="1.0"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>'


def as_json(method: str, *values: str) -> str:
    return f'{{"jsonrpc":"2.0","id":"a","method":"{method}","params":["$session",{",".join(values)}]}}'


def member(name: str, value: str) -> str:
    return f"<member><name>{name}</name><value>{value}</value></member>"


def test_of_members_that_come_twice_in_xml_the_last_counts(live: Live) -> None:
    pairs = member("a", "1") + member("b", "2") + member("a", "3")

    sent(live, XML_RPC, xml("VM.set_other_config", "$vm", f"<struct>{pairs}</struct>"))
    assert ask(live, JSON_RPC_2, "VM.get_other_config", live.vm) == {"a": "3", "b": "2"}

    named = f"{member('name_label', 'first')}{member('other_config', '<struct/>')}{member('name_label', 'last')}"
    network = sent(live, XML_RPC, xml("network.create", f"<struct>{named}</struct>"))
    assert ask(live, JSON_RPC_2, "network.get_name_label", network) == "last"
    ask(live, JSON_RPC_2, "network.destroy", network)


def test_of_members_that_come_twice_in_json_the_last_counts_and_of_those_of_the_call_the_first(live: Live) -> None:
    sent(live, JSON_RPC_2, as_json("VM.set_other_config", '"$vm"', '{"a":"1","b":"2","\\u0061":"3"}'))
    assert ask(live, XML_RPC, "VM.get_other_config", live.vm) == {"a": "3", "b": "2"}

    first, again = '"id":"a","method":"VM.get_uuid","params":["$session","$vm"]', '"id":"b","method":"x","params":[]'
    asked = f'{{"jsonrpc":"2.0",{first},{again}}}'
    assert sent(live, JSON_RPC_2, asked) == live.vm_uuid


def test_a_hundred_thousand_members_of_one_name_are_one(live: Live) -> None:
    before = resident(live)
    for _ in range(5):
        sent(live, JSON_RPC_2, as_json("VM.set_other_config", '"$vm"', "{" + '"k":"",' * 38_000 + '"k":"x"}'))
        sent(live, XML_RPC, xml("VM.set_other_config", "$vm", "<struct>" + member("k", "x") * 5_500 + "</struct>"))

    assert ask(live, JSON_RPC_2, "VM.get_other_config", live.vm) == {"k": "x"}
    assert resident(live) < before + 30 * MIB


@pytest.mark.parametrize("text", ["a\0b", "\0", "a\x1fb"], ids=repr)
@JSONS
def test_a_character_that_xml_forbids_is_refused_where_it_would_be_kept(
    live: Live, dialect: Dialect, text: str
) -> None:
    ask(live, dialect, "VM.set_name_description", live.vm, "as it was")
    for method, params in (
        ("VM.set_name_description", (live.vm, text)),
        ("VM.add_to_other_config", (live.vm, text, "")),
        ("VM.add_tags", (live.vm, text)),
    ):
        with pytest.raises(Failure) as error:
            ask(live, dialect, method, *params)
        assert error.value.args[0] == "INTERNAL_ERROR"
    with pytest.raises(Failure) as error:
        ask(live, dialect, "VM.get_by_uuid", text)
    assert error.value.args == ("UUID_INVALID", "VM", text)
    assert ask(live, dialect, "VM.get_name_description", live.vm) == "as it was"


@pytest.mark.parametrize("bad", ["\0", "&#0;", "&#x1f;", "&#xD800;", "&#xFFFE;", "\ud800"], ids=ascii)
def test_what_is_no_character_makes_no_xml(live: Live, bad: str) -> None:
    assert_page(live, XML_RPC, xml("VM.get_by_name_label", f"a{bad}b"))


@pytest.mark.parametrize("bad", ["\\ud800", "\\udc00x", "\\ud800\\ud800", "\ud800"], ids=ascii)
@JSONS
def test_half_a_pair_makes_no_json(live: Live, dialect: Dialect, bad: str) -> None:
    assert_page(live, dialect, as_json("VM.get_by_name_label", f'"a{bad}b"'))
    assert_page(live, dialect, as_json(f"VM.{bad}"))
    assert_page(live, dialect, as_json("VM.set_other_config", '"$vm"', f'{{"{bad}":""}}'))


@pytest.mark.parametrize("text", ["9223372036854775807", "-9223372036854775808", "0", "0x7fffffffffffffff"])
def test_whole_numbers_of_64_bits_are_kept(live: Live, text: str) -> None:
    for body in (xml("VM.set_user_version", "$vm", text), xml("VM.set_user_version", "$vm", f"<i8>{text}</i8>")):
        sent(live, XML_RPC, body)
        assert ask(live, JSON_RPC_2, "VM.get_user_version", live.vm) == int(text, 0)
        assert ask(live, XML_RPC, "VM.get_user_version", live.vm) == str(int(text, 0))


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1" * 400, "1e400", "1" * 200_000])
def test_whole_numbers_beyond_64_bits_are_refused(live: Live, text: str) -> None:
    with pytest.raises(Failure) as error:
        sent(live, XML_RPC, xml("VM.set_user_version", "$vm", text))
    assert (error.value.args[0], len(error.value.args[1]) < 200) == ("INTERNAL_ERROR", True)
    assert_page(live, XML_RPC, xml("VM.set_user_version", "$vm", f"<int>{text}</int>"))
    if text != "1e400":
        assert_page(live, JSON_RPC_2, as_json("VM.set_user_version", '"$vm"', text))


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1e999999999", "0x1p999999"])
def test_a_number_too_large_to_be_finite_is_without_end_and_harms_nobody(live: Live, text: str) -> None:
    (template,) = ask(live, XML_RPC, "VM.get_by_name_label", "Other install media")
    asked = xml("VM.set_HVM_shadow_multiplier", template, f"<double>{text}</double>")
    if text.startswith("-"):
        with pytest.raises(Failure) as error:
            sent(live, XML_RPC, asked)
        assert error.value.args == ("INVALID_VALUE", "multiplier", "-inf")
    else:
        sent(live, XML_RPC, asked)
        assert ask(live, JSON_RPC_2, "VM.get_record", template)["HVM_shadow_multiplier"] == "Infinity"
        assert ask(live, XML_RPC, "VM.compute_memory_overhead", template) == str(2**63 - 1)
        ask(live, XML_RPC, "VM.set_HVM_shadow_multiplier", template, 1.0)
    # As the time-out of a wait it is a day; something is there to be told, so nobody waits.
    token = sent(live, XML_RPC, xml("event.from", "<array><data><value>pool</value></data></array>", "", text))["token"]
    assert len(token) == 41


# --- Many ------------------------------------------------------------------------------------------------


BATCHES = {
    "empty objects": "[" + "{}," * 99_999 + "{}]",
    "numbers": "[" + "1," * 99_999 + "1]",
    "calls": "[" + '{"jsonrpc":"2.0","method":"x","params":[],"id":1},' * 6_000 + "{}]",
    "parameters that are objects": '{"jsonrpc":"2.0","id":"a","method":[' + "{}," * 99_000 + "{}]}",
}


@pytest.mark.parametrize("body", BATCHES.values(), ids=BATCHES)
@JSONS
def test_a_batch_of_a_hundred_thousand_is_no_call(live: Live, dialect: Dialect, body: str) -> None:
    before = resident(live)
    for _ in range(3):
        assert_page(live, dialect, body)
    assert resident(live) < before + 30 * MIB


def test_a_hundred_thousand_parameters_are_counted(live: Live) -> None:
    with pytest.raises(Failure) as error:
        sent(live, JSON_RPC_2, as_json("VM.get_record", ",".join(["0"] * 100_000)))
    assert error.value.args == ("MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_record", "1", "100000")


def test_a_hundred_thousand_items_are_looked_at(live: Live) -> None:
    classes = "[" + '"",' * 70_000 + '"pool"]'
    batch = sent(live, JSON_RPC_2, as_json("event.from", classes, '""', "0.0"))
    assert [each["ref"] for each in batch["events"]] == [live.pool]

    with pytest.raises(Failure) as error:
        sent(live, JSON_RPC_2, as_json("VM.set_tags", '"$vm"', "[" + "[]," * 70_000 + "[]]"))
    assert error.value.args[0] == "INTERNAL_ERROR"

    sent(live, JSON_RPC_2, as_json("VM.set_tags", '"$vm"', "[" + '"a",' * 70_000 + '"b"]'))
    assert set(ask(live, JSON_RPC_2, "VM.get_tags", live.vm)) == {"a", "b"}
    sent(live, JSON_RPC_2, as_json("VM.set_tags", '"$vm"', "[]"))


# --- HTTP ------------------------------------------------------------------------------------------------


@ALL
def test_a_length_counts_and_a_coding_beside_it_does_not(live: Live, dialect: Dialect) -> None:
    body = dialect.body("pool.get_all", live.session)
    head = f"POST {dialect.path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with live.dial("tcp") as client:
        client.send(head + body)
        assert dialect.result(client.response().body) == [live.pool]
        live.assert_well(dialect, client)


def test_no_request_is_smuggled_in_a_body_that_is_also_chunked(live: Live) -> None:
    """Where the length is shorter than the chunks, what follows is no request, and nobody reads beyond it."""
    hidden = JSON_RPC_2.request("network.set_name_label", live.session, live.network, "smuggled")
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
    with live.dial("tcp") as client:
        client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + chunk)
        assert client.response().status == 500
        assert client.rest() == b""
    assert ask(live, XML_RPC, "network.get_name_label", live.network) != "smuggled"


@pytest.mark.parametrize("size", [b"8000000000000000", b"ffffffffffffffffffffffff", b"-1", b"0" * 10_000, b"zz"])
@pytest.mark.parametrize("line", ["POST /RPC2", "POST /jsonrpc", "PUT /import", "POST /cli"])
def test_chunks_of_absurd_size_take_no_memory(live: Live, line: str, size: bytes) -> None:
    before = resident(live)
    with live.dial("tcp") as client:
        client.send(f"{line} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + size + b"\r\n" + b"x" * 70_000)
        client.end()
        assert client.response().status in (401, 403, 500, 501)
        client.rest()
    assert resident(live) < before + 10 * MIB
    live.assert_well(XML_RPC)


@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("line", ["POST /RPC2", "PUT /import"])
def test_lengths_of_absurd_size_take_no_memory(live: Live, line: str, length: int) -> None:
    before = resident(live)
    with live.dial("tcp") as client:
        client.send(f"{line} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode() + b"x" * 70_000)
        client.end()
        assert client.response().status in (401, 403, 500, 501)
        client.rest()
    assert resident(live) < before + 10 * MIB
    live.assert_well(XML_RPC)


def test_heads_of_thousands_of_lines_are_not_remembered(live: Live) -> None:
    """On the Unix socket a head may have 64 KiB. Each of these is another one."""
    body = XML_RPC.body("pool.get_all", live.session)

    def flood(count: int, first: int) -> None:
        with live.dial() as client:
            for number in range(first, first + count):
                lines = [f"a{number}-{line}:" for line in range(5_000)]
                client.send(call(body, *lines))
                assert XML_RPC.result(client.response().body) == [live.pool]

    flood(100, 0)
    before = resident(live)
    flood(1_100, 1_000)

    assert resident(live) < before + 40 * MIB
    live.assert_well(XML_RPC)


def test_who_asks_and_does_not_read_is_not_worked_for(live: Live) -> None:
    """60 connections each ask for 3,000 answers of hundreds of KB, and read none."""
    asked = JSON_RPC_2.request("role.get_all_records", live.session) * 3_000
    before = resident(live)
    with ExitStack() as stack:
        clients = [stack.enter_context(live.dial("tcp")) for _ in range(60)]
        for client in clients:
            client.socket.setblocking(False)
            _send_what_is_taken(client, asked)
        answers = 0
        while answers != (answers := live.answered("role.get_all_records")):
            live.assert_well(XML_RPC)
        # As many as fit between the daemon and who does not read them.
        assert 60 <= answers < 60 * 20
        assert resident(live) < before + 60 * 2 * MIB
        # Who reads after all gets his answers.
        clients[0].socket.settimeout(10)
        assert len(JSON_RPC_2.result(clients[0].response().body)) > 1_000
    live.assert_well(XML_RPC)


def _send_what_is_taken(client: Client, data: bytes) -> None:
    at = 0
    deadline = time.monotonic() + 0.05
    while at < len(data) and (left := deadline - time.monotonic()) > 0:
        if select.select([], [client.socket], [], left)[1]:
            at += client.socket.send(data[at : at + 65_536])


def test_who_reads_a_byte_at_a_time_holds_up_nobody(live: Live) -> None:
    with live.dial("tcp") as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.send(XML_RPC.request("VM.get_all_records", live.session) * 200)
        for _ in range(50):
            slow.read(1)
            live.assert_well(JSON_RPC_2)


def test_hundreds_that_send_their_heads_a_byte_at_a_time_hold_up_nobody(live: Live) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(live.dial("tcp")) for _ in range(300)]
        for byte in b"POST / HTTP/1.1\r\n":
            for client in clients:
                client.send(bytes([byte]))
            live.assert_well(XML_RPC)


# --- Logins ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["u" * 65_536, "root\nroot", "root\r\nINFO forged", "ro\0ot", "root:x", "\u202eroot"])
@ALL
def test_odd_names_are_refused_from_afar_and_write_no_line_of_the_log(live: Live, dialect: Dialect, name: str) -> None:
    if dialect is XML_RPC and "\0" in name:
        pytest.skip("XML has no such character")
    for method in ("session.login_with_password", "session.slave_local_login_with_password"):
        with live.dial("tcp") as client:
            with pytest.raises(Failure) as error:
                live.call(client, dialect, method, name, "right", *(("1.0", name) if "slave" not in method else ()))
            live.assert_well(dialect, client)
        code, told, *_ = error.value.args
        assert (code, told) == (
            "SESSION_AUTHENTICATION_FAILED",
            name.replace("\r\n", "\n") if dialect is XML_RPC else name,
        )
    lines = live.daemon.log.read_text(errors="replace").splitlines()
    assert not any(line.startswith(("root", "INFO forged")) for line in lines)
    assert max(map(len, lines)) < 20_000


@ALL
def test_odd_names_are_kept_as_they_are_where_all_are_trusted(live: Live, dialect: Dialect) -> None:
    for name in ("u" * 65_536, "root\nroot", "root:x"):
        with live.dial() as client:
            session = live.call(client, dialect, "session.login_with_password", name, "", "1.0", name)
            record = live.call(client, dialect, "session.get_record", session, session)
            assert (record["auth_user_name"], record["originator"]) == (name, name)
            live.call(client, dialect, "session.logout", session)


def logins(live: Live, count: int, name: str, originator: str) -> None:
    """So many logins in a row, of which nobody logs out; pipelined, for there are many."""
    with live.dial() as client:
        at = 0
        while at < count:
            some = range(at, min(at + 200, count))
            at = some.stop
            sending = b"".join(
                JSON_RPC_2.request("session.login_with_password", name.format(each), "", "1.0", originator.format(each))
                for each in some
            )
            threading.Thread(target=client.send, args=(sending,)).start()
            for _ in some:
                assert JSON_RPC_2.result(client.response().body).startswith("OpaqueRef:")


@pytest.mark.parametrize(
    "count, name, originator",
    [(100_000, "root", "script"), (30_000, "root", "script {}"), (30_000, "user {}", "x")],
    ids=["one", "originators", "users"],
)
def test_a_hundred_thousand_logins_leave_memory_as_it_was(live: Live, count: int, name: str, originator: str) -> None:
    """Scripts log in for each call and never log out; some say another originator each time."""
    logins(live, 12_000, name, originator)
    before = resident(live)

    logins(live, count - 12_000, *(each.replace("{}", "again {}") for each in (name, originator)))

    assert resident(live) < before + 10 * MIB
    with live.dial() as client:
        live.session = live.call(client, JSON_RPC_2, "session.login_with_password", "root", "", "1.0", "after")
        live.assert_well(JSON_RPC_2, client)


def test_two_hundred_logins_with_a_hash_leave_memory_as_it_was(live: Live) -> None:
    def some(count: int) -> None:
        for _ in range(count):
            with live.dial("tcp") as client:
                # Two at a time are looked at, and a machine under load takes its time.
                client.socket.settimeout(120.0)
                session = live.call(client, XML_RPC, "session.login_with_password", "root", "right", "1.0", "hashes")
                live.call(client, XML_RPC, "session.logout", session)

    def at_once(threads: int, each: int) -> None:
        running = [threading.Thread(target=some, args=(each,)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    at_once(5, 4)
    before = resident(live)
    assert live.daemon.process is not None
    # From now on the peak is told anew.
    Path(f"/proc/{live.daemon.process.pid}/clear_refs").write_text("5")
    at_once(5, 40)
    assert resident(live) < before + 10 * MIB
    # The hashes, which take 19 MiB each and at least two at once, are made in other processes.
    assert resident(live, "VmHWM") < before + 30 * MIB
    live.assert_well(XML_RPC)


# --- Event tokens ----------------------------------------------------------------------------------------


FORGED = [
    "x",
    ",",
    "1,",
    "1,2,3",
    "0" * 1001 + ",0",
    "9" * 300_000 + ",1",
    f"{2**62},0",
    "-" * 1000 + "1,1",
    "1,\n1",
    "\uff11,1",
]


@pytest.mark.parametrize("token", FORGED, ids=lambda token: ascii(token[:12]))
@ALL
def test_a_token_that_is_none_is_refused(live: Live, dialect: Dialect, token: str) -> None:
    if len(dialect.body("event.from", live.session, ["*"], token, 0.0)) > LIMIT:
        token = token[: LIMIT - 2_000]
    with pytest.raises(Failure) as error:
        ask(live, dialect, "event.from", ["*"], token, 0.0)
    assert error.value.args == ("EVENT_FROM_TOKEN_PARSE_FAILURE", token)


@ALL
def test_an_ancient_token_tells_all_that_changed_since(live: Live, dialect: Dialect) -> None:
    whole = ask(live, dialect, "event.from", ["*"], "", 0.0)
    for token in (f"{1:020d},{0:020d}", "1,0", "-5,-5", "0x1,0b0", f"{-(2**61)},0"):
        events = ask(live, dialect, "event.from", ["*"], token, 0.0)["events"]
        assert {each["ref"] for each in events} >= {each["ref"] for each in whole["events"] if each["class"] == "pool"}


@ALL
def test_a_token_of_another_daemon_that_is_ahead_waits_and_comes_back(live: Live, dialect: Dialect) -> None:
    ahead = f"{10**15:020d},{10**15:020d}"
    began = time.monotonic()
    answer = ask(live, dialect, "event.from", ["*"], ahead, 0.2)
    assert (answer["events"], answer["token"]) == ([], ahead)
    assert 0.15 < time.monotonic() - began < 5.0


# --- The query language ----------------------------------------------------------------------------------


DEEP = {
    "parentheses": "(" * 100_000 + "true" + ")" * 100_000,
    "parentheses without an end": "(" * 30_000,
    "negations": "not " * 15_000 + "true",
    "parentheses and negations": "(not " * 6_000 + "true" + ")" * 6_000,
    "too long": 'field "uuid" = "' + "x" * 100_000 + '"',
    "blanks": " " * 200_000 + "x",
    "quotes": '"' * 60_000,
    "a literal without an end": 'field "uuid" = "' + "x" * 60_000,
    "an operator alone": "and " * 15_000,
}


@pytest.mark.parametrize("expression", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("method", ["VM.get_all_records_where", "message.get_all_records_where"])
def test_an_expression_that_is_too_deep_or_long_is_refused(live: Live, method: str, expression: str) -> None:
    began = time.monotonic()
    with pytest.raises(Failure) as error:
        ask(live, JSON_RPC_2, method, expression)
    assert time.monotonic() - began < 2.0
    assert (error.value.args[0], error.value.args[1]) == ("INVALID_VALUE", expression)


@pytest.mark.parametrize("word", ["and", "or"])
def test_an_expression_of_thousands_of_terms_is_read_from_the_left(live: Live, word: str) -> None:
    named = f'field "uuid" = "{live.vm_uuid}"'
    terms = [named, *(["true", "false"][word == "or"] for _ in range(6_000))]
    assert list(ask(live, JSON_RPC_2, "VM.get_all_records_where", f" {word} ".join(terms))) == [live.vm]

    chain = " ".join(["true", *("and true or false" for _ in range(3_000)), "and", named])
    assert list(ask(live, JSON_RPC_2, "VM.get_all_records_where", chain)) == [live.vm]


def test_others_are_answered_while_a_long_expression_is_looked_for(live: Live) -> None:
    """Thousands of terms over hundreds of rows: seconds of work."""
    client = live.daemon.client()
    made = [client.call("task.create", f"t {number}", "") for number in range(1_000)]
    expression = " or ".join(['field "uuid" = "x"'] * 2_900)
    done = threading.Event()

    def look() -> None:
        assert ask(live, JSON_RPC_2, "task.get_all_records_where", expression) == {}
        done.set()

    looking = threading.Thread(target=look)
    took = []
    looking.start()
    while not done.is_set() and looking.is_alive():
        began = time.monotonic()
        live.assert_well(XML_RPC)
        took.append(time.monotonic() - began)
    looking.join()
    assert done.is_set()
    assert max(took) < 0.25
    for task in made:
        client.call("task.destroy", task)
    client.close()


def test_nothing_of_all_this_has_become_known_to_others(live: Live) -> None:
    """The log names no secret, and has no traceback: that is looked at when the daemon ends."""
    log = live.daemon.log.read_text(errors="replace")
    assert live.session not in log
    assert "right" not in [word for line in log.splitlines() for word in line.split()]
