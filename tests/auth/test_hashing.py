"""Passwords are compared with their hashes outside of the daemon, in processes that give way to others."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from xapid.auth.child_processes import NICENESS, HelperFailed
from xapid.auth.guesses import Guesses
from xapid.auth.hashing import CHECKS_AT_ONCE, Hashing
from xapid.auth.login import Login
from xapid.auth.passwords import DECOY, PasswordFile
from xapid.runtime.clock import Clock


@pytest.fixture
async def hashing() -> AsyncIterator[Hashing]:
    found = Hashing()
    yield found
    await found.close()


@pytest.fixture
def passwords(tmp_path: Path) -> PasswordFile:
    file = PasswordFile(tmp_path / "passwords")
    file.set("root", "pässword\n")
    return file


async def test_the_right_password_is_right_and_no_other(hashing: Hashing, passwords: PasswordFile) -> None:
    hashed = passwords.hash_of("root")
    assert hashed is not None
    assert await hashing.is_right(hashed, "pässword\n")
    assert not await hashing.is_right(hashed, "password")
    assert not await hashing.is_right("no hash", "password")
    assert not await hashing.is_right(DECOY, "")


async def test_a_login_asks_the_processes(hashing: Hashing, passwords: PasswordFile) -> None:
    login = Login(passwords, Guesses(Clock(), 0.0), None, hashing)
    answers = await asyncio.gather(
        *(login.check(user, word) for user in ("root", "nobody") for word in ("pässword\n", "x")),
    )
    assert answers == [True, False, False, False]
    assert 1 <= len(hashing._idle) <= CHECKS_AT_ONCE
    assert all(os.getpriority(os.PRIO_PROCESS, each.pid) == min(19, os.nice(0) + NICENESS) for each in hashing._idle)


async def test_a_process_that_ends_fails_the_question_and_the_login_not(
    hashing: Hashing, passwords: PasswordFile, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await hashing.is_right(DECOY, "x")
    hashing._idle[0].kill()
    await hashing._idle[0].wait()
    assert not await hashing.is_right(DECOY, "x"), "one that is known to have ended is not asked"

    await hashing.close()
    hashing._command = (sys.executable, "-c", "input()")
    with pytest.raises(HelperFailed):
        await hashing.is_right(DECOY, "x")
    assert await Login(passwords, Guesses(Clock(), 0.0), None, hashing).check("root", "pässword\n")
    assert "a password is checked within the daemon" in caplog.text
