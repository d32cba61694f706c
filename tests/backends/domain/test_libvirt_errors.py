"""What libvirt's errors mean."""

from __future__ import annotations

from typing import Any

import pytest

from xapid.backends.interface import (
    AlreadyExists,
    BackendError,
    Busy,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Unavailable,
)

libvirt: Any = pytest.importorskip("libvirt", reason="an optional extra")

from xapid.backends.domain import libvirt_errors  # noqa: E402 -- needs libvirt
from xapid.backends.domain.libvirt_errors import once_forgotten, told  # noqa: E402


def error(code: str, message: str, domain: int = 10) -> Exception:
    made: Any = libvirt.libvirtError(message)
    made.err = (getattr(libvirt, f"VIR_ERR_{code}"), domain, message, 2, "", "", "", -1, -1)
    raised: Exception = made
    return raised


@pytest.mark.parametrize(
    "raised, kind",
    [
        (error("NO_DOMAIN", "Domain not found"), NotFound),
        (error("DEVICE_MISSING", "device not found"), NotFound),
        (error("OPERATION_UNSUPPORTED", "cannot be detached"), NotSupported),
        (error("CONFIG_UNSUPPORTED", "unsupported configuration"), NotSupported),
        (error("OPERATION_TIMEOUT", "cannot acquire state change lock"), Busy),
        (error("RESOURCE_BUSY", "busy"), Busy),
        (error("OPERATION_FAILED", "domain 'x' already exists with uuid y"), AlreadyExists),
        (error("OPERATION_INVALID", "domain is already active as 'x'"), AlreadyExists),
        (error("INTERNAL_ERROR", 'process exited: Failed to get "write" lock'), InUse),
        (error("OPERATION_INVALID", "PCI device 0000:03:00.0 is in use by driver QEMU, domain x"), InUse),
        (error("SYSTEM_ERROR", "unable to write: No space left on device"), NoSpace),
        (error("INTERNAL_ERROR", "client socket is closed", libvirt.VIR_FROM_RPC), Unavailable),
        (error("NO_CONNECT", "no connection driver"), Unavailable),
        (error("INTERNAL_ERROR", "process exited while connecting to monitor: no idea"), Failed),
    ],
)
def test_each_error_is_of_a_kind_that_callers_act_on(raised: Exception, kind: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught, told("doing it"):
        raise raised

    assert type(caught.value) is kind
    assert caught.value.message == f"doing it: {raised}"
    assert caught.value.__cause__ is raised


def test_other_mistakes_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), told("doing it"):
        raise ZeroDivisionError


def test_a_machine_begins_once_libvirt_has_forgotten_the_one_that_ended() -> None:
    answers = [error("OPERATION_FAILED", "domain 'x' is already being removed")] * 2

    def begin(xml: str) -> str:
        if answers:
            raise answers.pop()
        return f"{xml} runs"

    assert once_forgotten(begin, "x") == "x runs"


def test_no_other_refusal_is_tried_again() -> None:
    answers = [error("OPERATION_FAILED", "no"), error("OPERATION_FAILED", "no, again")]

    def begin() -> None:
        raise answers.pop(0)

    with pytest.raises(libvirt.libvirtError, match=r"^no$"):
        once_forgotten(begin)


def test_what_is_never_forgotten_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt_errors, "FORGETS", 0.0)

    def begin() -> None:
        raise error("OPERATION_FAILED", "domain 'x' is already being removed")

    with pytest.raises(libvirt.libvirtError, match="being removed"):
        once_forgotten(begin)
