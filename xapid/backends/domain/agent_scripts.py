"""Scripts that QEMU's agent runs in a guest."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Generic, TypeVar

import msgspec

from xapid.backends.domain.guest_script import ScriptResult, Waiting
from xapid.backends.domain.qemu_agent import Ask, Refused, Silent
from xapid.backends.interface import Failed, NotSupported

WINDOWS = "mswindows"
"""What the agent calls Windows."""
SHELLS = {WINDOWS: ("cmd.exe", "/d", "/c")}
SHELL = ("/bin/sh", "-c")
"""Everywhere else."""
KILLED = 128
"""To which the number of the signal is added that ended a script, as a shell does."""

T = TypeVar("T")


class _Answer(msgspec.Struct, Generic[T], rename={"value": "return"}):
    value: T


class _Started(msgspec.Struct):
    pid: int


class _Status(msgspec.Struct, rename="kebab"):
    exited: bool
    exitcode: int | None = None
    signal: int | None = None
    out_data: str = ""
    err_data: str = ""


_started = msgspec.json.Decoder(_Answer[_Started])
_status = msgspec.json.Decoder(_Answer[_Status])


def run(ask: Ask, distro: str, script: str) -> ScriptResult:
    """Run a script in a guest, of which ``distro`` says what it is, and wait until it ends.

    Raises NotSupported where no agent does it, Failed if it stops answering meanwhile.
    """
    program, *arguments = SHELLS.get(distro, SHELL)
    begin = {"path": program, "arg": [*arguments, script], "capture-output": True}
    try:
        pid = _asked(ask, "guest-exec", begin, _started).pid
    except (Refused, Silent) as error:
        raise NotSupported(f"no agent in the guest runs scripts: {error}") from error
    waiting = Waiting()
    try:
        while not (status := _asked(ask, "guest-exec-status", {"pid": pid}, _status)).exited:
            waiting.once_more()
    except (Refused, Silent) as error:
        raise Failed(f"the agent does not say what became of the script: {error}") from error
    return ScriptResult(_ended(status), _text(status.out_data), _text(status.err_data))


def _asked(ask: Ask, command: str, arguments: dict[str, object], decoder: msgspec.json.Decoder[_Answer[T]]) -> T:
    try:
        return decoder.decode(ask(json.dumps({"execute": command, "arguments": arguments}))).value
    except (msgspec.DecodeError, RecursionError) as error:
        raise Failed(f"the agent answers with nonsense: {error}") from error


def _ended(status: _Status) -> int:
    if status.exitcode is not None:
        return status.exitcode
    return KILLED + (status.signal or 0)


def _text(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except binascii.Error:
        return ""
