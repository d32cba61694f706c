"""Storage plug-ins of the first kind as programs: a call of XML-RPC is their argument, its answer what they print."""

from __future__ import annotations

import json
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xapid.backends import process
from xapid.backends.interface import (
    AlreadyExists,
    BackendError,
    BadConfig,
    Busy,
    DriverInfo,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
)

SOCKET = "XAPI_SOCKET"
"""The variable that tells a plug-in where the Unix socket is, which need not be where it is with the original."""
SHOWN = 4000
"""Characters of what it printed that stand in an error."""
QUERY = 20.0
"""Seconds in which it has to describe itself."""
KINDS: dict[int, type[BackendError]] = {
    16: InUse,
    24: InUse,
    37: Busy,
    38: NotSupported,
    42: AlreadyExists,
    43: AlreadyExists,
    44: NoSpace,
    46: NotFound,
    144: NotFound,
}
"""What the numbers of faults are to who acts on them."""
CONFIG = {79: "size", 90: "device", 94: "location", 95: "target", 96: "targetIQN", 101: "serverpath", 102: "server"}
"""Numbers that speak of what was asked for, each with the key."""


class Program:
    """One plug-in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def call(
        self,
        command: str,
        params: Mapping[str, Any],
        *,
        secret: str = "",
        socket: str = "",
        timeout: float = process.LONGEST,
    ) -> Any:
        """Run a command; returns what its answer holds. ``secret``: is not repeated in errors; ``socket``: at which it
        can call us back.

        Raises the error for the number of a fault (fact ``code``), else Failed with the fact ``description``: code and
        parameters of the error of the API, in JSON.
        """
        argument = xmlrpc.client.dumps(({"command": command, "args": [], **params},), command)
        try:
            done = process.ended(
                [str(self.path), argument], timeout=timeout, environment={"ORIGINATOR": "SM", SOCKET: socket}
            )
        except (OSError, ValueError) as error:
            # It is gone, may not be run, or got what no command line can hold.
            raise failed(f"{self.path}: {error}", "cannot be started", str(error), "") from error
        output, errors = _shown(done.output, secret), _shown(done.errors, secret)
        if done.status:
            reason = "task signaled" if done.status < 0 else "non-zero exit"
            raise failed(f"{self.path} {command}: {reason} {done.status}: {errors}", reason, output, errors)
        try:
            ((answer,), _) = xmlrpc.client.loads(done.output)
        except xmlrpc.client.Fault as fault:
            text = _shown(str(fault.faultString).encode(errors="replace"), secret)
            raise _of_fault(command, int(fault.faultCode), text, errors, params) from fault
        except Exception as error:
            # Whatever a parser makes of bytes that are no answer.
            said = f"XML parse failure: {output}"
            raise failed(f"{self.path} {command}: {said}", "", said, f"{type(error).__name__}: {error}") from error
        return answer

    def describe(self) -> DriverInfo:
        """What it says of itself. Raises BackendError."""
        said = self.call("sr_get_driver_info", {}, timeout=QUERY)
        try:
            return DriverInfo(
                name=_text(said["name"]),
                description=_text(said["description"]),
                features=frozenset(_text(each) for each in said["capabilities"]),
                version=_text(said["driver_version"]),
                configuration={_text(each["key"]): _text(each["description"]) for each in said["configuration"]},
                formats=tuple(_text(each) for each in said.get("supported_image_formats", ())),
                vendor=_text(said["vendor"]),
                copyright=_text(said["copyright"]),
                api_version=_text(said["required_api_version"]),
                program=str(self.path),
                cluster_stacks=tuple(_text(each) for each in said.get("required_cluster_stack", ())),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Failed(f"{self.path} does not describe itself: {type(error).__name__} {error}") from error


def failed(message: str, *parameters: str) -> Failed:
    """An error that is SR_BACKEND_FAILURE with these parameters."""
    return Failed(message, description=json.dumps(["SR_BACKEND_FAILURE", *parameters]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _shown(output: bytes, secret: str) -> str:
    text = output[: SHOWN * 4].decode(errors="replace")
    if secret:
        text = text.replace(secret, "***")
    return text[:SHOWN]


def _of_fault(command: str, number: int, text: str, errors: str, params: Mapping[str, Any]) -> BackendError:
    facts = {"code": str(number), "found": errors}
    if number == 38:
        facts["description"] = json.dumps(["UNIMPLEMENTED_IN_SM_BACKEND", params.get("sr_ref", "")])
        text = f"{command}: {text}"
    elif number == 144:
        facts["description"] = json.dumps(["VDI_MISSING", params.get("sr_ref", ""), params.get("vdi_ref", "")])
    return of_number(number, text, facts)


def of_number(number: int, text: str, facts: dict[str, str]) -> BackendError:
    """The error for a number of the storage layer."""
    if number in CONFIG:
        return BadConfig(text, key=CONFIG[number], **facts)
    return KINDS.get(number, Failed)(text, **facts)
