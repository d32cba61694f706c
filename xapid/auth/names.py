"""Asks the name service of this machine about users and groups. Blocks as long as that takes."""

from __future__ import annotations

import grp
import os
import pwd

USER, GROUP = "u", "g"


def identifier(name: str) -> str | None:
    """``u`` with the number of a user of this name, else ``g`` with that of a group."""
    try:
        return f"{USER}{pwd.getpwnam(name).pw_uid}"
    except (KeyError, ValueError, UnicodeError):
        pass
    try:
        return f"{GROUP}{grp.getgrnam(name).gr_gid}"
    except (KeyError, ValueError, UnicodeError):
        return None


def information(about: str) -> dict[str, str] | None:
    """Facts about a user or a group, under the names that clients know from other directories."""
    kind, number = about[:1], _number(about)
    if number is None:
        return None
    try:
        if kind == USER:
            return _user(pwd.getpwuid(number))
        group = grp.getgrgid(number)
    except (KeyError, OverflowError):
        return None
    here = f"{GROUP}{group.gr_gid}"
    return {"subject-name": group.gr_name, "subject-uid": here, "subject-gid": here, "subject-is-group": "true"}


def _user(user: pwd.struct_passwd) -> dict[str, str]:
    # Where passwords are elsewhere an x stands here, and PAM tells whether the account is open.
    disabled = user.pw_passwd[:1] in ("", "*", "!")
    return {
        "subject-name": user.pw_name,
        "subject-uid": f"{USER}{user.pw_uid}",
        "subject-gid": f"{GROUP}{user.pw_gid}",
        "subject-gecos": user.pw_gecos,
        "subject-displayname": user.pw_gecos or user.pw_name,
        "subject-is-group": "false",
        "subject-account-disabled": "true" if disabled else "false",
        "subject-account-expired": "false",
        "subject-account-locked": "false",
        "subject-password-expired": "false",
    }


def groups(about: str) -> list[str] | None:
    """The groups of a user; a group is in itself."""
    kind, number = about[:1], _number(about)
    if number is None:
        return None
    try:
        if kind == USER:
            user = pwd.getpwuid(number)
            return [f"{GROUP}{each}" for each in os.getgrouplist(user.pw_name, user.pw_gid)]
        return [f"{GROUP}{grp.getgrgid(number).gr_gid}"]
    except (KeyError, OverflowError):
        return None


def _number(about: str) -> int | None:
    digits = about[1:]
    return (
        int(digits)
        if about[:1] in (USER, GROUP) and digits.isascii() and digits.isdigit() and len(digits) < 11
        else None
    )


QUESTIONS = {"identifier": identifier, "information": information, "groups": groups}
