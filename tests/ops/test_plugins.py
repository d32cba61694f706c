"""host.call_plugin: a program of the host gets the call, and what it prints is the answer."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import Callable

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    HOST_OFFLINE,
    XENAPI_MISSING_PLUGIN,
    XENAPI_PLUGIN_FAILURE,
    ApiError,
)

Plugin = Callable[..., None]
ECHO = """#!/usr/bin/env python3
import sys, xmlrpc.client
(session, args), name = xmlrpc.client.loads(sys.argv[1])
text = f"{name} {sorted(args.items())} {session}"
print(xmlrpc.client.dumps(({"Status": "Success", "Value": text},), methodresponse=True))
"""


DEEP = "<array><data><value>" * 5000 + "</value></data></array>" * 5000


@pytest.fixture
def plugin(fresh: FreshHost) -> Plugin:
    """Installs a program, or one that prints a text and ends with a status."""
    directory = fresh.runtime.config.programs / "plugins"
    directory.mkdir(parents=True)

    def install(name: str, *, script: str = "", prints: str = "", status: int = 0) -> None:
        (directory / f"{name}.out").write_text(prints)
        path = directory / name
        path.write_text(script or f"#!/bin/sh\necho why >&2; cat {directory}/{name}.out; exit {status}\n")
        path.chmod(0o755)

    return install


def answer(value: object) -> str:
    return xmlrpc.client.dumps((value,), methodresponse=True)  # type: ignore[arg-type]


async def test_a_plugin_gets_function_arguments_and_session(xapi: Xapi, host: str, plugin: Plugin) -> None:
    plugin("echo", script=ECHO)

    result = await xapi.host.call_plugin(host, "echo", "say", {"b": "<&>", "a": "1"})

    assert result == f"say [('a', '1'), ('b', '<&>')] {xapi.session}"


async def test_an_error_that_a_plugin_answers_with_is_the_error_of_the_call(
    xapi: Xapi, host: str, plugin: Plugin
) -> None:
    plugin("refuse", prints=answer({"Status": "Failure", "ErrorDescription": ["MY_CODE", "one", "two"]}))

    with pytest.raises(ApiError) as error:
        await xapi.host.call_plugin(host, "refuse", "f", {})

    assert error.value.description == ["MY_CODE", "one", "two"]


@pytest.mark.parametrize("name", ["none", "../plugins/echo", "", "echo\n"])
async def test_a_plugin_that_is_not_there_is_named(xapi: Xapi, host: str, plugin: Plugin, name: str) -> None:
    plugin("echo", script=ECHO)

    with pytest.raises(XENAPI_MISSING_PLUGIN) as error:
        await xapi.host.call_plugin(host, name, "f", {})

    assert error.value.args == (name,)


@pytest.mark.parametrize(
    "prints, status, expected",
    [
        ("partly", 3, ("non-zero exit", "partly", "why\n")),
        ("no XML", 0, ("failed to parse plugin output", "no XML")),
        ("", 0, ("failed to parse plugin output", "")),
        (answer("deep").replace("<string>deep</string>", DEEP), 0, ("failed to parse plugin output",)),
        ("<!DOCTYPE x [<!ENTITY e 'e'>]>", 0, ("failed to parse plugin output", "<!DOCTYPE x [<!ENTITY e 'e'>]>")),
        (answer({"Status": "Success", "Value": 5}), 0, ("unexpected XMLRPC result",)),
        (answer("bare"), 0, ("unexpected XMLRPC result",)),
        (xmlrpc.client.dumps(xmlrpc.client.Fault(7, "broken")), 0, ("fault", "7", "broken")),
    ],
)
async def test_what_is_no_answer_is_a_failure_that_shows_it(
    xapi: Xapi, host: str, plugin: Plugin, prints: str, status: int, expected: tuple[str, ...]
) -> None:
    plugin("bad", prints=prints, status=status)

    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await xapi.host.call_plugin(host, "bad", "f", {})

    assert error.value.args[: len(expected)] == expected


async def test_a_plugin_that_a_signal_ended_says_which(xapi: Xapi, host: str, plugin: Plugin) -> None:
    plugin("suicide", script="#!/bin/sh\necho so far; kill -9 $$\n")

    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await xapi.host.call_plugin(host, "suicide", "f", {})

    assert error.value.args == ("signal: SIGKILL", "so far\n", "")


async def test_a_plugin_can_be_cancelled(fresh: FreshHost, xapi: Xapi, host: str, plugin: Plugin) -> None:
    plugin("endless", script="#!/bin/sh\nexec sleep 1000\n")
    task = await xapi.call("Async.host.call_plugin", host, "endless", "f", {})
    work = fresh.runtime.tasks.active[task].work
    assert work is not None

    await xapi.task.cancel(task)
    await asyncio.wait({work}, timeout=10)

    assert await xapi.task.get_status(task) == "cancelled"


async def test_a_host_that_is_not_there_cannot_run_any(xapi: Xapi) -> None:
    with pytest.raises(HOST_OFFLINE):
        await xapi.host.call_plugin("OpaqueRef:NULL", "echo", "f", {})
