"""Passwords checked by the real PAM, with a service of the test's own and a module that runs a script."""

from __future__ import annotations

import asyncio
import grp
import pwd
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from xapid.auth.directory import DirectoryFailed, NotKnown, PamDirectory, WrongPassword
from xapid.auth.guesses import Guesses
from xapid.auth.login import Login
from xapid.auth.pam import PamMissing, is_described, libpam
from xapid.auth.pam_helpers import KEPT, PamHelpers
from xapid.auth.passwords import PasswordFile
from xapid.runtime.clock import Clock

SERVICE = "xapid-test"
SCRIPT = """#!/bin/sh
[ "$PAM_USER" != slow ] || exec sleep 60
[ "$PAM_USER" != crash ] || kill -9 $PPID
[ "$PAM_USER $(tr -d '\\0')" = "root right pass" ]
"""


def there_is_pam() -> bool:
    try:
        libpam()
    except PamMissing:
        return False
    return bool(
        list(Path("/").glob("lib*/*/security/pam_exec.so")) or list(Path("/").glob("lib*/security/pam_exec.so"))
    )


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not there_is_pam(), reason="PAM is not on this machine")]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    script = tmp_path / "check"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    (tmp_path / SERVICE).write_text(
        f"auth required pam_exec.so expose_authtok quiet {script}\naccount required pam_permit.so\n"
    )
    return str(tmp_path)


@pytest.fixture
async def helpers(folder: str) -> AsyncIterator[PamHelpers]:
    found = PamHelpers(SERVICE, folder, patience=2.0)
    yield found
    await found.close()


async def test_only_the_right_password_of_the_right_user_is_right(helpers: PamHelpers) -> None:
    assert await helpers.check("root", "right pass")
    assert not await helpers.check("root", "wrong")
    assert not await helpers.check("somebody", "right pass")
    assert await helpers.check("root", "right pass")


@pytest.mark.parametrize("user, password", [("", ""), ("root\nx", "p\nq"), ("ro\0ot", "x"), ("root", "x" * 100_000)])
async def test_odd_names_and_passwords_are_refused_and_the_next_is_fine(
    helpers: PamHelpers, user: str, password: str
) -> None:
    assert not await helpers.check(user, password)
    assert await helpers.check("root", "right pass")


@pytest.mark.slow
async def test_who_asks_for_too_long_is_refused_and_holds_up_nobody(helpers: PamHelpers) -> None:
    slow = asyncio.create_task(helpers.check("slow", "x"))

    assert await helpers.check("root", "right pass")
    assert not slow.done()

    assert not await slow


async def test_a_process_that_is_killed_is_replaced(helpers: PamHelpers) -> None:
    assert not await helpers.check("crash", "x")
    assert await helpers.check("root", "right pass")


async def test_many_ask_at_the_same_time_and_some_processes_are_kept(helpers: PamHelpers) -> None:
    answers = await asyncio.gather(*(helpers.check("root", "right pass" if n % 2 else "wrong") for n in range(20)))

    assert answers == [bool(n % 2) for n in range(20)]
    assert len(helpers._idle) == KEPT


async def test_without_a_description_of_the_service_nobody_logs_in(tmp_path: Path) -> None:
    helpers = PamHelpers("nothing", str(tmp_path))

    assert not is_described("nothing", str(tmp_path))
    assert not await helpers.check("root", "right pass")
    await helpers.close()


async def test_root_is_asked_of_pam_unless_he_stands_in_the_password_file(tmp_path: Path, helpers: PamHelpers) -> None:
    file = PasswordFile(tmp_path / "passwords")
    file.set("operator", "secret")
    login = Login(file, Guesses(Clock(), 0.0), helpers)

    assert await login.check("root", "right pass")
    assert await login.check("operator", "secret")
    assert not await login.check("operator", "right pass")

    file.set("root", "another")
    assert await login.check("root", "another")
    assert not await login.check("root", "right pass")


def test_the_program_says_why_on_a_line_of_json(folder: str) -> None:
    asked = '{"user": "root", "password": "wrong"}\n{"user": "root", "password": "right pass"}\n'

    said = subprocess.run(
        [sys.executable, "-m", "xapid.auth.pam", SERVICE, folder],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert said[0] != '{"reason": ""}' and said[0].startswith('{"reason": "')
    assert said[1] == '{"reason": ""}'


def test_the_script_of_these_tests_can_be_run(folder: str) -> None:
    assert Path(folder, "check").stat().st_mode & stat.S_IXUSR


# --- As a directory ----------------------------------------------------------------------------------


@pytest.fixture
def directory(helpers: PamHelpers) -> PamDirectory:
    return PamDirectory(helpers)


async def test_a_user_of_this_machine_is_known_by_his_number(directory: PamDirectory) -> None:
    assert directory.fault({}) == ""
    assert await directory.authenticate("root", "right pass") == await directory.identifier("root") == "u0"
    with pytest.raises(WrongPassword):
        await directory.authenticate("root", "wrong")
    with pytest.raises(WrongPassword):
        await directory.authenticate("slow", "right pass")


async def test_the_name_service_tells_of_users_and_groups(directory: PamDirectory) -> None:
    user, group = await directory.information("u0"), await directory.information("g0")

    assert (user["subject-name"], user["subject-is-group"], user["subject-gid"]) == ("root", "false", "g0")
    assert user["subject-displayname"]
    assert (group["subject-name"], group["subject-is-group"]) == (grp.getgrgid(0).gr_name, "true")
    assert "g0" in await directory.groups("u0")
    assert await directory.groups("g0") == ["g0"]
    only_a_group = next(each.gr_name for each in grp.getgrall() if each.gr_name not in names_of_users())
    assert (await directory.identifier(only_a_group)).startswith("g")


def names_of_users() -> set[str]:
    return {each.pw_name for each in pwd.getpwall()}


@pytest.mark.parametrize("about", ["", "u", "u-1", "u4294967290", "g99999999999999", "x0", "root", "u0\n", "uÙ"])
async def test_who_is_not_known_to_the_name_service_is_not_known(directory: PamDirectory, about: str) -> None:
    with pytest.raises(NotKnown):
        await directory.information(about)
    with pytest.raises(NotKnown):
        await directory.groups(about)


@pytest.mark.parametrize("name", ["", "no-such-user", "a\0b", "x" * 10000])
async def test_names_that_nobody_has(directory: PamDirectory, name: str) -> None:
    with pytest.raises(NotKnown):
        await directory.identifier(name)


async def test_a_service_that_is_not_described_is_said_so(tmp_path: Path) -> None:
    assert PamDirectory(PamHelpers("nothing", str(tmp_path))).fault({}) == "PAM has no service nothing"


async def test_a_name_service_that_does_not_answer_is_trouble(tmp_path: Path) -> None:
    helpers = PamHelpers("nothing", str(tmp_path), patience=0.0)

    with pytest.raises(DirectoryFailed):
        await PamDirectory(helpers).information("u0")

    await helpers.close()
