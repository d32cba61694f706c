"""Asks PAM whether a password is right: a program of its own, since modules may hang, crash, or change the process.

Reads questions from its standard input, a line of JSON each (``{"user": ..., "password": ...}``), and answers with
lines ``{"reason": ...}``: empty if the password is right and the user may log in, else why not. Questions of ``names``
(``{"question": "identifier", "about": "root"}``) are answered with ``{"found": ...}``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from pathlib import Path
from typing import Any

from xapid.auth import names
from xapid.auth.child_processes import serve

PAM_PROMPT_ECHO_OFF = 1
PAM_SUCCESS, PAM_BUF_ERR = 0, 5
PAM_SILENT = 0x8000


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.POINTER(_Response)),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = (("converse", _CONVERSE), ("data", ctypes.c_void_p))


class PamMissing(Exception):
    """There is no libpam on this machine."""


def libpam() -> Any:
    """The library. Raises PamMissing."""
    name = ctypes.util.find_library("pam")
    if name is None:
        raise PamMissing("this machine has no libpam")
    return ctypes.CDLL(name)


def authenticate(service: str, user: str, password: str, folder: str = "") -> str:
    """Why a user may not log in; empty if he may. ``folder``: where the service is described, not in /etc/pam.d."""
    if "\0" in user or "\0" in password:
        return "a name or password with NUL"
    pam, libc = libpam(), ctypes.CDLL(None)
    libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p
    pam.pam_strerror.restype = ctypes.c_char_p
    secret = password.encode()

    @_CONVERSE  # type: ignore[untyped-decorator]
    def converse(count: int, messages: Any, responses: Any, data: Any) -> int:
        """Answer every question that hides what is typed with the password. PAM frees the answers."""
        found = libc.calloc(count, ctypes.sizeof(_Response))
        if not found:
            return PAM_BUF_ERR
        answers = ctypes.cast(found, ctypes.POINTER(_Response))
        for number in range(count):
            if messages[number].contents.style == PAM_PROMPT_ECHO_OFF:
                answers[number].text = libc.strdup(secret)
        responses[0] = answers
        return PAM_SUCCESS

    handle, conversation = ctypes.c_void_p(), _Conversation(converse, None)
    if folder:
        status = pam.pam_start_confdir(
            service.encode(), user.encode(), ctypes.byref(conversation), folder.encode(), ctypes.byref(handle)
        )
    else:
        status = pam.pam_start(service.encode(), user.encode(), ctypes.byref(conversation), ctypes.byref(handle))
    if status == PAM_SUCCESS:
        # Whoever guesses is slowed down by the daemon, which asks others meanwhile.
        pam.pam_fail_delay(handle, 0)
        status = pam.pam_authenticate(handle, PAM_SILENT)
    if status == PAM_SUCCESS:
        status = pam.pam_acct_mgmt(handle, PAM_SILENT)
    reason = "" if status == PAM_SUCCESS else pam.pam_strerror(handle, status).decode(errors="replace")
    pam.pam_end(handle, status)
    return reason


def is_described(service: str, folder: str = "") -> bool:
    """Whether there is a description of the service; without one PAM refuses everybody."""
    return Path(folder or "/etc/pam.d", service).is_file()


def main(service: str, folder: str = "") -> None:
    """Answer questions until there are no more."""

    def answer(asked: dict[str, str]) -> dict[str, Any]:
        if "question" in asked:
            return {"found": names.QUESTIONS[asked["question"]](asked["about"])}
        try:
            return {"reason": authenticate(service, asked["user"], asked["password"], folder)}
        except PamMissing as error:
            return {"reason": str(error)}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
