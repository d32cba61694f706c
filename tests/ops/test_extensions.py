"""Extensions of the API: programs that are messages, called by host.call_extension or like any other message."""

from __future__ import annotations

import asyncio
import json
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.xapi import REMOTE, Xapi
from xapid.auth.sessions import Sessions
from xapid.datamodel.errors import (
    HOST_OFFLINE,
    INTERNAL_ERROR,
    MESSAGE_METHOD_UNKNOWN,
    RBAC_PERMISSION_DENIED,
    SESSION_INVALID,
    OtherError,
)

Extension = Callable[..., Path]
SAYS = """#!/bin/sh
[ "$*" = --xmlrpc ] || exit 9
cat > {path}.read
cat {path}.out
echo why >&2
{end}
"""


@pytest.fixture
def extension(fresh: FreshHost) -> Extension:
    """Installs a program that prints a text. What it is given to read is in the file that this returns."""
    directory = fresh.runtime.config.programs / "extensions"
    directory.mkdir(parents=True)

    def install(name: str, prints: str, *, end: str = "exit 0") -> Path:
        path = directory / name
        Path(f"{path}.out").write_text(prints)
        path.write_text(SAYS.format(path=path, end=end))
        path.chmod(0o755)
        return Path(f"{path}.read")

    return install


def success(value: Any) -> str:
    return xmlrpc.client.dumps(({"Status": "Success", "Value": value},), methodresponse=True)


def failure(*description: Any) -> str:
    answer = {"Status": "Failure", "ErrorDescription": list(description)}
    return xmlrpc.client.dumps((answer,), methodresponse=True)


def call(name: str, *params: Any) -> str:
    return json.dumps({"method": name, "params": params})


async def test_an_extension_reads_a_call_and_prints_the_answer(xapi: Xapi, host: str, extension: Extension) -> None:
    read = extension("Test.test", success("<done>"))

    answer = await xapi.host.call_extension(host, call("Test.test", xapi.session, "a & b", 5, [True, 0.5], {"k": ""}))

    assert answer == "<done>"
    assert xmlrpc.client.loads(read.read_text()) == ((xapi.session, "a & b", "5", [True, 0.5], {"k": ""}), "Test.test")


async def test_an_extension_is_called_like_any_other_message(xapi: Xapi, extension: Extension) -> None:
    value = {"text": "x", "list": [True, 0.5, [], {}], "date": xmlrpc.client.DateTime("20260102T03:04:05"), "number": 7}
    read = extension("Test.test", success(value))

    answer = await xapi.call("Test.test", "one", xmlrpc.client.DateTime("20260102T03:04:05Z"))

    assert answer == {
        "text": "x",
        "list": [True, 0.5, [], {}],
        "date": xmlrpc.client.DateTime("20260102T03:04:05Z"),
        "number": "7",
    }
    (params, name) = xmlrpc.client.loads(read.read_text())
    assert (params, name) == ((xapi.session, "one", xmlrpc.client.DateTime("20260102T03:04:05Z")), "Test.test")


async def test_more_is_read_than_a_pipe_holds(xapi: Xapi, extension: Extension) -> None:
    read = extension("Test.test", success(""))

    await xapi.call("Test.test", "x" * 200_000)

    assert len(read.read_text()) > 200_000


async def test_an_error_that_an_extension_answers_with_is_the_error_of_the_call(
    xapi: Xapi, host: str, extension: Extension
) -> None:
    extension("Test.test", failure("MY_CODE", "one", "two"))

    for calling in (xapi.call("Test.test"), xapi.host.call_extension(host, call("Test.test"))):
        with pytest.raises(OtherError) as error:
            await calling
        assert error.value.description == ["MY_CODE", "one", "two"]


@pytest.mark.parametrize(
    "prints, end, told",
    [
        ("out", "exit 3", ["non-zero exit", "out", "why\n"]),
        ("out", "kill -9 $$", ["signal: SIGKILL", "out", "why\n"]),
        ("no XML", "exit 0", ["failed to parse extension output", "no XML"]),
        ("", "exit 0", ["failed to parse extension output", ""]),
        ("<!DOCTYPE x><a/>", "exit 0", ["failed to parse extension output", "<!DOCTYPE x><a/>"]),
    ],
)
async def test_what_is_wrong_with_an_extension_is_told(
    fresh: FreshHost, xapi: Xapi, extension: Extension, prints: str, end: str, told: list[str]
) -> None:
    extension("Test.test", prints, end=end)

    with pytest.raises(OtherError) as error:
        await xapi.call("Test.test")

    path = str(fresh.runtime.config.programs / "extensions" / "Test.test")
    assert error.value.description[: len(told) + 2] == ["INTERNAL_ERROR", path, *told]


@pytest.mark.parametrize("value", [b"binary", 2**63])
async def test_what_the_api_cannot_carry_is_no_answer(xapi: Xapi, extension: Extension, value: Any) -> None:
    answer = "<int>9223372036854775808</int>" if value == 2**63 else "<base64>YQ==</base64>"
    extension("Test.test", success("VALUE").replace("<string>VALUE</string>", answer))

    with pytest.raises(OtherError) as error:
        await xapi.call("Test.test")
    assert error.value.description[0] == "INTERNAL_ERROR"
    assert error.value.description[2] == "failed to parse extension output"


@pytest.mark.parametrize("levels", [180, 300, 3000])
async def test_values_within_each_other_have_a_bound_in_questions_and_answers(
    xapi: Xapi, host: str, extension: Extension, levels: int
) -> None:
    read = extension("Test.test", success("VALUE").replace("<string>VALUE</string>", nested(levels)))
    if levels < 200:
        assert str(await xapi.call("Test.test")).count("[") == levels
    else:
        with pytest.raises(OtherError, match="200 values within each other"):
            await xapi.call("Test.test")
        read.unlink()
    if levels < 1000:  # More the reader of JSON refuses.
        with pytest.raises(OtherError if levels < 200 else INTERNAL_ERROR):
            await xapi.host.call_extension(host, call("Test.test", json.loads("[" * levels + "]" * levels)))
    assert read.exists() == (levels < 200)


def nested(levels: int) -> str:
    """That many arrays, one in the other."""
    return "<array><data><value>" * (levels - 1) + "<array><data/></array>" + "</value></data></array>" * (levels - 1)


async def test_nobody_waits_while_a_long_answer_is_read(xapi: Xapi, host: str, extension: Extension) -> None:
    many = success([""] * 100_000)
    extension("Test.test", many)
    began = time.perf_counter()
    xmlrpc.client.loads(many)
    alone = time.perf_counter() - began

    calling = asyncio.ensure_future(xapi.host.call_extension(host, call("Test.test")))
    longest = 0.0
    while not calling.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - began)

    with pytest.raises(OtherError, match="EXTENSION_PROTOCOL_FAILURE"):
        await calling
    assert longest < alone / 2


@pytest.mark.parametrize(
    "prints",
    [
        xmlrpc.client.dumps(("text",), methodresponse=True),
        xmlrpc.client.dumps(({"Status": "Fine"},), methodresponse=True),
        failure("MY_CODE", 5),
        failure(),
    ],
)
async def test_an_answer_in_another_form_is_no_answer(xapi: Xapi, extension: Extension, prints: str) -> None:
    extension("Test.test", prints)

    with pytest.raises(OtherError) as error:
        await xapi.call("Test.test")
    assert error.value.description[0] == "EXTENSION_PROTOCOL_FAILURE"


async def test_by_call_extension_a_text_is_expected(xapi: Xapi, host: str, extension: Extension) -> None:
    extension("Test.test", success(["list"]))

    with pytest.raises(OtherError) as error:
        await xapi.host.call_extension(host, call("Test.test"))

    assert error.value.description == ["EXTENSION_PROTOCOL_FAILURE", '["list"]']


# --- Who may call what ------------------------------------------------------------------------------


async def test_extensions_are_found_where_they_lie(xapi: Xapi, host: str, pool: str, extension: Extension) -> None:
    extension("Test.test", "")

    assert await xapi.host.has_extension(host, "Test.test")
    assert await xapi.pool.has_extension(pool, "Test.test")
    assert not await xapi.pool.has_extension(pool, "Other.test")


@pytest.mark.parametrize("name", ["no.such", "../plugins/echo", "Test.test.out.d"])
async def test_an_extension_that_is_not_there(xapi: Xapi, host: str, extension: Extension, name: str) -> None:
    for calling in (xapi.host.call_extension(host, call(name)), xapi.call(name)):
        with pytest.raises(MESSAGE_METHOD_UNKNOWN) as error:
            await calling
        assert error.value.args == (name,)


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"method": 5}', '{"method": "Test.test", "params": {}}'])
async def test_a_call_of_an_extension_must_be_readable(xapi: Xapi, host: str, extension: Extension, text: str) -> None:
    extension("Test.test", success("x"))

    with pytest.raises(INTERNAL_ERROR):
        await xapi.host.call_extension(host, text)


async def test_a_host_that_is_not_there_cannot_run_any(xapi: Xapi) -> None:
    with pytest.raises(HOST_OFFLINE):
        await xapi.host.call_extension("OpaqueRef:NULL", call("Test.test"))


async def test_only_those_may_call_extensions_who_may_do_all(fresh: FreshHost, host: str, extension: Extension) -> None:
    read = extension("Test.test", success("x"))
    sessions: Sessions = fresh.runtime.services["sessions"]
    operator = fresh.xapi.beside(REMOTE)
    operator.session = sessions.start(
        "EXAMPLE\\jo", "", superuser=False, roles=frozenset({"pool-operator"}), user_sid="S-1-5-7"
    ).ref
    stranger = fresh.xapi.beside(REMOTE)
    stranger.session = "OpaqueRef:ghost"

    for calling in (operator.call("Test.test"), operator.host.call_extension(host, call("Test.test"))):
        with pytest.raises(RBAC_PERMISSION_DENIED):
            await calling
    with pytest.raises(SESSION_INVALID):
        await stranger.call("Test.test")

    assert not read.exists()
