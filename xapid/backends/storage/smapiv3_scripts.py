"""Storage plug-ins of the third kind as folders of programs: one for each verb, JSON in and out."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from xapid.backends import process
from xapid.backends.interface import (
    BackendError,
    Busy,
    DriverInfo,
    Failed,
    InUse,
    NotFound,
    NotSupported,
)
from xapid.backends.storage.smapiv1_program import of_number

SHOWN = 4000
"""Characters of what it printed that stand in an error."""
QUERY = 20.0
"""Seconds in which it has to describe itself."""
VERSIONS = ("3.0", "5.0")
"""Of the interface."""
KINDS: dict[str, type[BackendError]] = {
    "SR_does_not_exist": NotFound,
    "Volume_does_not_exist": NotFound,
    "VDI_MISSING": NotFound,
    "VDI_IN_USE": InUse,
    "Activated_on_another_host": InUse,
    "Unimplemented": NotSupported,
    "Cancelled": Busy,
}
"""What the codes of errors are to who acts on them."""
NUMBERED = re.compile(r"SR_BACKEND_FAILURE_([0-9]{1,9})")
DERIVED = {
    "SR.attach": "SR_ATTACH",
    "SR.create": "SR_CREATE",
    "SR.destroy": "SR_DELETE",
    "SR.detach": "SR_DETACH",
    "SR.ls": "SR_SCAN",
    "SR.stat": "SR_UPDATE",
    "SR.probe": "SR_PROBE",
    "Volume.create": "VDI_CREATE",
    "Volume.destroy": "VDI_DELETE",
    "Volume.clone": "VDI_CLONE",
    "Volume.snapshot": "VDI_SNAPSHOT",
    "Volume.resize": "VDI_RESIZE",
    "Volume.stat": "VDI_UPDATE",
}
"""What a plug-in can do because it has a verb."""
ALWAYS = ("VDI_ATTACH", "VDI_DETACH", "VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_INTRODUCE")


class Scripts:
    """The verbs of one plug-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, verb: str) -> bool:
        path = self._path(verb)
        return path is not None and os.access(path, os.X_OK)

    def _path(self, verb: str) -> Path | None:
        """The program of a verb, in upper or lower case."""
        if (self.folder / verb).is_file():
            return self.folder / verb
        try:
            names = sorted(each.name for each in self.folder.iterdir() if each.name.lower() == verb.lower())
        except OSError:
            return None
        return self.folder / names[0] if names else None

    def call(self, verb: str, timeout: float = process.LONGEST, **params: Any) -> Any:
        """Run a verb; returns the value that it answers with.

        Raises an error with the fact ``description`` (code and parameters of the error of the API, in JSON), of the
        kind that its code says; with ``code`` where the plug-in itself refused.
        """
        path = self._path(verb)
        if path is None:
            raise _failed("SCRIPT_MISSING", str(self.folder / verb), "there is no such program")
        if not os.access(path, os.X_OK):
            raise _failed("SCRIPT_NOT_EXECUTABLE", str(path), "it may not be run")
        try:
            done = process.ended([str(path), "--json"], timeout=timeout, reads=json.dumps(params).encode())
        except (OSError, ValueError) as error:
            raise _failed("SCRIPT_FAILED", str(path), str(error)) from error
        output = done.output[: SHOWN * 4].decode(errors="replace")[:SHOWN]
        if done.status < 0:
            raise _failed("SCRIPT_FAILED", str(path), "signalled", signal.Signals(-done.status).name, output, output)
        try:
            answer = json.loads(done.output)
        except (ValueError, RecursionError) as error:
            if done.status:
                said = "non-zero exit and bad json on stdout"
                raise _failed("SCRIPT_FAILED", str(path), said, str(done.status), output, output) from error
            raise _failed("SCRIPT_FAILED", str(path), "bad json on stdout", output) from error
        if not done.status:
            return answer
        match answer:
            case {"code": str(code), "params": [*given]} if code:
                raise _refused(verb, code, [str(each)[:SHOWN] for each in given])
        said = "non-zero exit and bad json on stdout"
        raise _failed("SCRIPT_FAILED", str(path), said, str(done.status), output, output)

    def describe(self) -> DriverInfo:
        """What it says of itself. Raises BackendError."""
        said = self.call("Plugin.query", QUERY, dbg="")
        try:
            if said["required_api_version"] not in VERSIONS:
                raise Failed(f"{self.folder} needs version {said['required_api_version']} of the interface")
            claimed = [str(each) for each in said["features"]]
            derived = [feature for verb, feature in DERIVED.items() if self.has(verb)]
            features = {"VDI_DELETE" if each == "VDI_DESTROY" else each for each in claimed} | {*derived, *ALWAYS}
            # It would have to copy a disk at each start of its guest, and that is not built.
            features = {each for each in features if not each.startswith("VDI_RESET_ON_BOOT")}
            return DriverInfo(
                name=str(said["name"]),
                description=str(said["description"]),
                features=frozenset(features),
                version=str(said["version"]),
                configuration={str(key): str(value) for key, value in said["configuration"].items()},
                vendor=str(said["vendor"]),
                copyright=str(said["copyright"]),
                api_version=str(said["required_api_version"]),
                program=str(self.folder),
                cluster_stacks=tuple(str(each) for each in said.get("required_cluster_stack", ())),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Failed(f"{self.folder} does not describe itself: {type(error).__name__} {error}") from error


def unreadable(verb: str, answer: Any) -> Failed:
    """An answer that is not what the verb should answer with."""
    text = json.dumps(answer)[:SHOWN]
    return _failed("SCRIPT_FAILED", verb, "an answer of another form", text)


def _failed(code: str, *params: str) -> Failed:
    return Failed(f"{code}: {' '.join(params)}", description=json.dumps([code, *params]))


def _refused(verb: str, code: str, params: list[str]) -> BackendError:
    message = f"{verb}: {code} {' '.join(params)}"
    facts = {"description": json.dumps([code, *params]), "code": code}
    if numbered := NUMBERED.fullmatch(code):
        return of_number(int(numbered[1]), message, facts | {"code": numbered[1]})
    return KINDS.get(code, Failed)(message, **facts)
